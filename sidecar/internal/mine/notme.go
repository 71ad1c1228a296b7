package mine

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"time"

	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/internal/web"
)

// doubt is what a person says was not them: about a question or about a phone.
type doubt struct {
	Question *question
	Phone    *phone
	Recovery bool
}

func (d *desk) askNotMe(w http.ResponseWriter, r *http.Request, who person) error {
	a, err := d.asked(r.Context(), r, who)
	if err != nil {
		return err
	}
	names, err := d.names(r.Context(), who)
	if err != nil {
		return err
	}
	q := d.words(r, a, names)
	d.show(w, r, web.Page{
		Name: "not-me", Data: doubt{Question: &q, Recovery: d.Recovery}, Hidden: who.form(), Ways: ways(web.Link{Href: history, Key: "way.back"}),
	})
	return nil
}

func (d *desk) askNotMyPhone(w http.ResponseWriter, r *http.Request, who person) error {
	one, err := d.theirs(r.Context(), r, who)
	if err != nil {
		return err
	}
	p := seen(one, d.Now())
	d.show(w, r, web.Page{
		Name: "not-me", Data: doubt{Phone: &p, Recovery: d.Recovery}, Hidden: who.form(), Ways: ways(web.Link{Href: p.Href, Key: "way.back"}),
	})
	return nil
}

// asked returns an approval of the person; that of another one does not exist.
func (d *desk) asked(ctx context.Context, r *http.Request, who person) (approval.Approval, error) {
	id, err := approval.ParseID(r.PathValue("id"))
	if err != nil {
		return approval.Approval{}, approval.ErrNoApproval
	}
	a, err := d.Approvals.Store.Get(ctx, id)
	if err == nil && (a.Account == "" || a.Account != who.account) {
		err = approval.ErrNoApproval
	}
	return a, err
}

func (d *desk) notMe(w http.ResponseWriter, r *http.Request, who person) error {
	a, err := d.asked(r.Context(), r, who)
	if err != nil {
		return err
	}
	return d.lockOut(w, r, who, string(a.ID))
}

func (d *desk) notMyPhone(w http.ResponseWriter, r *http.Request, who person) error {
	one, err := d.theirs(r.Context(), r, who)
	if err != nil {
		return err
	}
	if err := d.Devices.BlockFor(r.Context(), who.account, one.ID, device.ReasonWeb); err != nil {
		return err
	}
	return d.lockOut(w, r, who, string(one.ID))
}

// lockOut voids what waits, ends all sessions and makes the login password
// useless. Each of it may be done again.
func (d *desk) lockOut(w http.ResponseWriter, r *http.Request, who person, about string) error {
	ctx := context.WithoutCancel(r.Context()) // whoever closes the browser is meant all the same
	if err := d.Approvals.VoidAll(ctx, who.account, approval.NotMe); err != nil {
		return err
	}
	if err := d.Devices.WasNotMeFor(ctx, who.account, who.number, about); err != nil {
		return err
	}
	if err := d.Party.Leave(w, r.WithContext(ctx), who.Entry); err != nil {
		return err
	}
	http.Redirect(w, r, ended+"?"+proofParam+"="+d.proof(), http.StatusSeeOther)
	return nil
}

// The page that says what was done is shown to nobody who only got its address.
const (
	proofParam = "p"
	proofLife  = 10 * time.Minute
	proofAAD   = "my ended"
)

// proof is sealed: everything was ended, now.
func (d *desk) proof() string {
	plain := binary.BigEndian.AppendUint64(nil, uint64(d.Now().Unix())) //nolint:gosec // not before 1970
	return base64.RawURLEncoding.EncodeToString(d.Ring.Seal(plain, []byte(proofAAD)))
}

func (d *desk) proven(text string) bool {
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return false
	}
	plain, err := d.Ring.Open(sealed, []byte(proofAAD))
	if err != nil || len(plain) != 8 {
		return false
	}
	at := time.Unix(int64(binary.BigEndian.Uint64(plain)), 0) //nolint:gosec // ours
	return d.Now().Sub(at) < proofLife
}

// ended says what was done and how to get in again. There is no session any more.
func (d *desk) ended(w http.ResponseWriter, r *http.Request) {
	if !d.proven(r.URL.Query().Get(proofParam)) {
		http.Redirect(w, r, Home, http.StatusSeeOther)
		return
	}
	d.show(w, r, web.Page{Name: "ended", Data: doubt{Recovery: d.Recovery}, Next: Home})
}
