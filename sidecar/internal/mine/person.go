package mine

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/relying"
	"github.com/schleuse/schleuse/sidecar/internal/web"
	"github.com/schleuse/schleuse/sidecar/member"
)

// maxForm bounds what a form sends, in bytes.
const maxForm = 8 << 10

// person is who is signed in: somebody insured who is identified.
type person struct {
	*relying.Entry
	account account.ID
	number  member.KVNR
	token   string // that this session's forms carry
}

// formField is the form's input that carries the session's token.
const formField = "schleuse_form"

// form returns the hidden inputs of this person's forms.
func (p person) form() []web.Field { return []web.Field{{Name: formField, Value: p.token}} }

// tokenOf makes what the forms of a session carry. Its key is the session's
// stored name, which no page shows: who has not the cookie cannot make it.
func tokenOf(id relying.SessionID) string {
	mac := hmac.New(sha256.New, id[:])
	mac.Write([]byte("schleuse my form"))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// page lets in who is signed in and may be here.
func (d *desk) page(show page) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		if err := d.enter(w, r, show); err != nil {
			d.Pages.Error(w, r, told(r, err), web.Link{Href: Home, Text: d.Pages.Text(r, Set, "way.devices", nil)})
		}
	})
}

func (d *desk) enter(w http.ResponseWriter, r *http.Request, show page) error {
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		return fault.New(fault.Forbidden, "other_origin", err)
	}
	e, err := d.Party.Current(r)
	if errors.Is(err, relying.ErrNoSession) {
		return d.challenge(w, r)
	}
	if err != nil {
		return err
	}
	if !d.sessions.Allow(e.ID) {
		return tooMany()
	}
	who := person{Entry: e, account: account.ID(e.Subject), token: tokenOf(e.ID)}
	welcome, err := d.welcome(w, r, &who)
	if err != nil || !welcome {
		return err
	}
	if r.Method == http.MethodPost {
		if err := checkForm(w, r, who); err != nil {
			return err
		}
	}
	return show(w, r, who)
}

// checkForm reads a form and demands the session's token.
func checkForm(w http.ResponseWriter, r *http.Request, who person) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return fault.New(fault.Invalid, "invalid", err)
	}
	if got := r.PostForm[formField]; len(got) != 1 || !hmac.Equal([]byte(got[0]), []byte(who.token)) {
		return fault.New(fault.Forbidden, "other_origin", errors.New("a form without the token of its session"))
	}
	return nil
}

// challenge answers who is not signed in: a page leads to the login and comes
// back, a form is told that it was not sent.
func (d *desk) challenge(w http.ResponseWriter, r *http.Request) error {
	switch {
	case !relying.Navigates(r):
		return fault.New(fault.Unauthenticated, "signed_out", nil)
	case r.Method == http.MethodPost:
		d.Pages.Render(w, r, web.Page{Name: "site-not-sent", Next: r.URL.Path, Fixed: true, Status: http.StatusUnauthorized})
		return nil
	}
	back := r.URL.Path // one of our own: the mux has matched it
	if id, err := approval.ParseID(r.URL.Query().Get(beforeParam)); err == nil {
		back += "?" + beforeParam + "=" + string(id)
	}
	return d.Party.Login(w, r, back)
}

// welcome says whether this is a person who can have phones, read fresh; else
// it shows them what to do next.
func (d *desk) welcome(w http.ResponseWriter, r *http.Request, who *person) (bool, error) {
	clearance, err := d.Accounts.Clearance(r.Context(), who.account)
	if err != nil {
		return false, fmt.Errorf("asking for clearance: %w", err)
	}
	number, unreadable := member.ParseKVNR(who.Username, false)
	switch {
	case clearance == account.Cleared && unreadable == nil:
		who.number = number
		return true, nil
	case clearance == account.NotCleared:
		d.show(w, r, web.Page{Name: "not-identified", Ways: ways(logoutWay()), Status: http.StatusForbidden})
	case clearance == account.Unknown:
		return false, errors.New("the clearance is not known")
	default:
		d.show(w, r, web.Page{Name: "no-phones-here", Ways: ways(logoutWay()), Status: http.StatusForbidden})
	}
	return false, nil
}

// told turns an error into what a person is told. What is neither ours nor the
// person's mistake means that nothing was learnt.
func told(r *http.Request, err error) error {
	var known *fault.Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, device.ErrNoDevice):
		return fault.New(fault.NotFound, "not_found", err)
	}
	later := &fault.Error{Kind: fault.Unavailable, Key: "site_later", Retry: 5 * time.Second, Err: err}
	if r.Method == http.MethodPost {
		later.Key = "site_later_not_sent"
	}
	return later
}
