package relying

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/web"
)

// afterLogout is where the provider sends the browser in the end.
const afterLogout = "logged-out"

// askLogout shows the question: signing out is never done by a mere link,
// which others could plant.
func (rp *Party) askLogout(w http.ResponseWriter, r *http.Request) error {
	if _, err := rp.Current(r); errors.Is(err, ErrNoSession) {
		http.Redirect(w, r, rp.own(afterLogout), http.StatusSeeOther)
		return nil
	}
	rp.askToSignOut(w, r)
	return nil
}

// logout ends the session here, and then the provider's (OpenID Connect
// RP-Initiated Logout 1.0), by POST: the ID token that names the session
// stands in no URL.
func (rp *Party) logout(w http.ResponseWriter, r *http.Request) error {
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		return fault.New(fault.Forbidden, "other_origin", err)
	}
	id, ok := rp.Presented(r)
	if !ok {
		return rp.gone(w, r)
	}
	x, err := rp.Sessions.Get(r.Context(), id)
	if errors.Is(err, ErrNoSession) {
		return rp.gone(w, r)
	}
	if err != nil {
		return later("reading a session", err)
	}
	if _, err := rp.end(r.Context(), Match{ID: &id}, "logout"); err != nil {
		return err
	}
	setCookie(w, rp.Settings.SessionCookie, "", -1)
	return rp.endAtProvider(w, r, x.IDToken)
}

// Leave ends a session here alone and takes it from the browser.
func (rp *Party) Leave(w http.ResponseWriter, r *http.Request, e *Entry) error {
	if _, err := rp.end(r.Context(), Match{ID: &e.ID}, "logout"); err != nil {
		return err
	}
	setCookie(w, rp.Settings.SessionCookie, "", -1)
	return nil
}

// endAtProvider ends the provider's session. One that takes our word does it
// then, so that closing the browser now is as good as waiting; any
// other wants to see the browser, which a page sends there.
func (rp *Party) endAtProvider(w http.ResponseWriter, r *http.Request, idToken string) error {
	issuer, err := rp.issuer(r.Context())
	if err != nil || issuer.endSession == "" || idToken == "" {
		return rp.gone(w, r)
	}
	form := []web.Field{
		{Name: "id_token_hint", Value: idToken},
		{Name: "client_id", Value: rp.Settings.ClientID},
		{Name: "post_logout_redirect_uri", Value: rp.own(afterLogout)},
	}
	if rp.Settings.QuietLogout {
		err := rp.postLogout(r.Context(), issuer, form)
		if err == nil {
			return rp.gone(w, r)
		}
		rp.Log.WarnContext(r.Context(), "ending the provider's session", "error", err)
	}
	rp.signingOut(w, r, issuer.endSession, form)
	return nil
}

// postLogout ends the provider's session without the browser. Only the
// redirect that was asked for says that it was done: everything else is a
// page with a question or an error.
func (rp *Party) postLogout(ctx context.Context, issuer *endpoints, fields []web.Field) error {
	form := url.Values{}
	for _, f := range fields {
		form.Set(f.Name, f.Value)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), issuerWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, issuer.endSession, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := issuer.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if to := resp.Header.Get("Location"); to != rp.own(afterLogout) {
		return fmt.Errorf("status %d without the expected redirect", resp.StatusCode)
	}
	return nil
}

// gone sends whoever has no session to the page that says so.
func (rp *Party) gone(w http.ResponseWriter, r *http.Request) error {
	setCookie(w, rp.Settings.SessionCookie, "", -1)
	http.Redirect(w, r, rp.own(afterLogout), http.StatusSeeOther)
	return nil
}
