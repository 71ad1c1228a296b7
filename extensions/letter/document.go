package letter

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"
	_ "time/tzdata" // a code is valid until the end of a day where the insurer is

	"github.com/schleuse/schleuse/sidecar/member"
	"github.com/schleuse/schleuse/sidecar/notify"
)

// document is what the print service gets; README.md has its schema. A
// repetition is the same, byte for byte.
type document struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      any       `json:"data"`

	id string
}

// codeData is the data of a letter with a code.
type codeData struct {
	ID         string      `json:"id"`
	Number     member.KVNR `json:"number"`
	Code       string      `json:"code"`
	Purpose    string      `json:"purpose"`
	ValidUntil string      `json:"valid_until"`
	URL        string      `json:"url"`
	Language   string      `json:"language"`
}

// noticeData is the data of a notice.
type noticeData struct {
	ID         string      `json:"id"`
	Number     member.KVNR `json:"number"`
	Template   string      `json:"template"`
	HappenedAt time.Time   `json:"happened_at"`
}

// codeDocument orders a letter with a code. The QR code's address holds the
// code behind its #, which no browser sends.
func codeDocument(base *url.URL, o order, valid time.Duration) document {
	u := base.JoinPath("code")
	u.Fragment = string(o.Code)
	return document{
		Type: "letter.code", Timestamp: o.At.UTC().Truncate(time.Second), id: o.ID,
		Data: codeData{
			ID: o.ID, Number: o.Number, Code: o.Code.grouped(), Purpose: string(o.Purpose),
			ValidUntil: lastDay(o.At.Add(valid)), URL: u.String(), Language: o.Language,
		},
	}
}

// lastDay is the last day on which a code is surely taken.
func lastDay(until time.Time) string {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		berlin = time.UTC
	}
	return until.In(berlin).AddDate(0, 0, -1).Format(time.DateOnly)
}

func noticeDocument(n notify.Notice) document {
	sum := sha256.Sum256([]byte(string(n.Kind) + "/" + n.ID))
	id := hex.EncodeToString(sum[:16])
	return document{
		Type: "letter.notice", Timestamp: n.At.UTC().Truncate(time.Second), id: id,
		Data: noticeData{ID: id, Number: n.Number, Template: string(n.Kind), HappenedAt: n.At.UTC().Truncate(time.Second)},
	}
}

func (d *desk) post(ctx context.Context, doc document) error {
	raw, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("encoding a print order: %w", err)
	}
	return d.way.post(ctx, doc.id, append(raw, '\n'))
}

// Notify implements notify.Notifier: the notice is a letter of a fixed text.
// Unlike a code it goes to people who have left, too: it warns them.
func (d *desk) Notify(ctx context.Context, n notify.Notice) error {
	m, err := d.host.Members.Find(ctx, n.Number)
	switch {
	case errors.Is(err, member.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("looking up whom a notice is for: %w", err)
	case !m.HasAddress || m.Status == member.StatusDeceased:
		return nil
	}
	return d.post(ctx, noticeDocument(n))
}
