package mail

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/mail"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/member"
	"github.com/schleuse/schleuse/sidecar/notify"
)

// maxAddress is the longest address (RFC 5321 section 4.5.3.1.3, without <>).
const maxAddress = 254

type notifier struct {
	host   extension.Host
	config Config
	from   *mail.Address
	words  *notify.Catalogue
}

var errAddress = fmt.Errorf("%w: what is on file is no mail address", extension.ErrUndeliverable)

// Notify implements notify.Notifier.
func (n *notifier) Notify(ctx context.Context, notice notify.Notice) error {
	to, err := n.address(ctx, notice.Number)
	if err != nil || to == "" {
		return err
	}
	m, err := n.message(notice, to)
	if err != nil {
		return err
	}
	return n.send(ctx, m)
}

// address returns where the person is reached; "" = not by mail.
func (n *notifier) address(ctx context.Context, number member.KVNR) (string, error) {
	m, err := n.host.Members.Find(ctx, number)
	switch {
	case errors.Is(err, member.ErrNotFound):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("looking up a mail address: %w", err)
	case m.Status == member.StatusDeceased || m.Mail == "":
		return "", nil
	}
	a, err := mail.ParseAddress(m.Mail)
	if err != nil || a.Address != m.Mail || len(m.Mail) > maxAddress || strings.ContainsAny(m.Mail, "\"\r\n\x00 ") {
		return "", errAddress
	}
	return a.Address, nil
}

// message puts a notice into one text of both languages: which of them a
// person reads is not on file.
func (n *notifier) message(notice notify.Notice, to string) (*gomail.Msg, error) {
	var subjects, texts []string
	for _, lang := range notify.Languages() {
		w, err := n.words.Say(notice, lang, n.host.Help)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", extension.ErrUndeliverable, err)
		}
		subjects = append(subjects, w.Subject)
		texts = append(texts, strings.Join(append(w.Paragraphs, n.from.Name), "\n\n"))
	}
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithEncoding(gomail.EncodingQP))
	m.FromMailAddress(n.from)
	m.ToMailAddress(&mail.Address{Address: to})
	if reply, err := mail.ParseAddress(n.config.ReplyTo); err == nil {
		m.ReplyToMailAddress(reply)
	}
	m.Subject(strings.Join(subjects, " / "))
	m.SetDateWithValue(n.host.Now())
	m.SetMessageIDWithValue(messageID(notice, n.from.Address))
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no out-of-office answers
	m.SetBodyString(gomail.TypeTextPlain, strings.TrimSpace(strings.Join(texts, "\n\n– – –\n\n"))+"\n")
	return m, nil
}

// messageID is the same for a repetition of the same notice, so that a mail
// box which gets it twice can show it once. It names nobody.
func messageID(notice notify.Notice, from string) string {
	sum := sha256.Sum256([]byte(string(notice.Kind) + "/" + notice.ID))
	return hex.EncodeToString(sum[:16]) + from[strings.LastIndex(from, "@"):]
}
