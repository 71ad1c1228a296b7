package relying

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/web"
)

// replacedFor is how long the session that a new login of the same provider
// session replaces stays good: for what another tab has under way.
const replacedFor = 15 * time.Second

// maxAgeSkew is how far the issuer's clock may be from ours, and how long a
// code may be on its way.
const maxAgeSkew = time.Minute

// errEnded says that a session ended while it began.
var errEnded = errors.New("the session has ended")

// errAnswer says that the provider's answer is not one that makes a session.
var errAnswer = errors.New("not a usable answer of the provider")

// callback takes the provider's answer (RFC 6749 section 4.1.2).
func (rp *Party) callback(w http.ResponseWriter, r *http.Request) error {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return fault.New(fault.Invalid, "invalid", err)
	}
	p, ok := rp.claim(w, r, q)
	if !ok {
		return rp.stale(w, r)
	}
	if code := q.Get("error"); code != "" {
		return rp.refused(w, r, p, code)
	}
	x, err := rp.redeemCode(r.Context(), p, q)
	if err != nil {
		return rp.failed(w, r, err)
	}
	if err := rp.cleared(r.Context(), x.Subject); err != nil {
		rp.Pages.Error(w, r, err, web.Link{Href: rp.Settings.Home, Key: "way.start"})
		return nil
	}
	if err := rp.begin(w, r, x); errors.Is(err, errEnded) {
		rp.meter().Login("refused")
		rp.loginAgain(w, r)
		return nil
	} else if err != nil {
		return err
	}
	rp.meter().Login("ok")
	http.Redirect(w, r, rp.self(p.Back), http.StatusSeeOther)
	return nil
}

// stale answers for a login that this browser knows nothing of: begun
// elsewhere, used up, or too old. Whoever is signed in all the same goes on.
func (rp *Party) stale(w http.ResponseWriter, r *http.Request) error {
	rp.meter().Login("stale")
	if _, err := rp.Current(r); err == nil {
		http.Redirect(w, r, rp.self(rp.Settings.Home), http.StatusSeeOther)
		return nil
	}
	rp.loginAgain(w, r)
	return nil
}

// refused answers for an error of the provider (RFC 6749 section 4.1.2.1,
// OpenID Connect Core 1.0 section 3.1.2.6). A login page that was open too
// long (Keycloak: temporarily_unavailable) is simply opened again, once.
func (rp *Party) refused(w http.ResponseWriter, r *http.Request, p pending, code string) error {
	rp.Log.InfoContext(r.Context(), "the provider refused a login", "error", errorCode(code))
	rp.meter().Login("refused")
	if code == "temporarily_unavailable" && rp.Now().Sub(p.Begun) > time.Minute {
		return rp.Login(w, r, p.Back)
	}
	if code == "temporarily_unavailable" || code == "server_error" {
		return later("signing in", errAnswer)
	}
	rp.loginAgain(w, r)
	return nil
}

// failed answers for a code that made no session.
func (rp *Party) failed(w http.ResponseWriter, r *http.Request, err error) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.ErrorCode == "invalid_grant" || errors.Is(err, errAnswer) || errors.Is(err, errOtherPerson) {
		rp.Log.WarnContext(r.Context(), "redeeming a code", "error", reason(err))
		rp.meter().Login("refused")
		rp.loginAgain(w, r)
		return nil
	}
	rp.meter().Login("unavailable")
	return later("redeeming a code", errors.New(reason(err)))
}

// redeemCode turns a code into a session that is not stored yet.
func (rp *Party) redeemCode(ctx context.Context, p pending, q url.Values) (Session, error) {
	issuer, err := rp.issuer(ctx)
	if err != nil {
		return Session{}, err
	}
	if iss := q.Get("iss"); iss != rp.Settings.Issuer && (iss != "" || issuer.issParam) {
		return Session{}, fmt.Errorf("%w: another issuer's (RFC 9207)", errAnswer)
	}
	config, err := rp.oauth(issuer)
	if err != nil {
		return Session{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, issuerWait)
	defer cancel()
	ctx = context.WithValue(ctx, oauth2.HTTPClient, issuer.client)
	token, err := config.Exchange(ctx, q.Get("code"), oauth2.VerifierOption(p.Verifier))
	if err != nil {
		return Session{}, err
	}
	return rp.newSession(ctx, issuer, token, p.Nonce)
}

func (rp *Party) newSession(ctx context.Context, issuer *endpoints, token *oauth2.Token, nonce string) (Session, error) {
	id, verified, err := identityOf(ctx, issuer, token)
	if err != nil {
		return Session{}, err
	}
	if verified == nil || id.subject == "" || subtle.ConstantTimeCompare([]byte(verified.Nonce), []byte(nonce)) != 1 {
		return Session{}, fmt.Errorf("%w: no ID token of this login", errAnswer)
	}
	now := rp.Now()
	x := Session{
		Site: rp.Settings.Name, Issuer: rp.Settings.Issuer, Subject: id.subject, SID: id.SID, Username: id.Username,
		IDToken: id.raw, RefreshToken: token.RefreshToken, AuthTime: now, Created: now, Used: now,
	}
	if id.AuthTime > 0 {
		x.AuthTime = time.Unix(id.AuthTime, 0)
	}
	if err := rp.fresh(id, now); err != nil {
		return Session{}, err
	}
	if err := rp.setAccess(ctx, issuer, &x, token); err != nil {
		return Session{}, err
	}
	x.Expires = rp.expiry(&x, now)
	return x, nil
}

// fresh checks that the person has proven themselves as lately as was asked
// for. That the issuer was asked is not enough: `max_age` stood in a URL that
// passed through the browser.
func (rp *Party) fresh(id identity, now time.Time) error {
	if rp.Settings.MaxAge == 0 {
		return nil
	}
	at := time.Unix(id.AuthTime, 0)
	if id.AuthTime <= 0 || now.Sub(at) > rp.Settings.MaxAge+maxAgeSkew || at.Sub(now) > maxAgeSkew {
		return fmt.Errorf("%w: the person has proven themselves too long ago", errAnswer)
	}
	return nil
}

// cleared asks once more whether the person is identified. Only a clear yes
// makes a session.
func (rp *Party) cleared(ctx context.Context, subject string) error {
	if rp.Clearance == nil {
		return nil
	}
	c, err := rp.Clearance(ctx, account.ID(subject))
	switch {
	case err != nil:
		rp.meter().Login("unavailable")
		return later("asking for clearance", err)
	case c == account.Cleared, c == account.Exempt:
		return nil
	case c == account.NotCleared:
		rp.meter().Login("not_identified")
		return fault.New(fault.Forbidden, "not_identified", nil)
	}
	rp.meter().Login("unavailable")
	return later("asking for clearance", errors.New("unknown"))
}

// begin stores a session under a new secret and gives it to the browser. The
// session that the browser had before is over: nobody who planted it, or
// knows it, gets into the new one.
func (rp *Party) begin(w http.ResponseWriter, r *http.Request, x Session) error {
	secret := newSecret()
	x.ID, _ = idOf(secret)
	ctx, cancel := context.WithTimeout(r.Context(), 2*storeWait)
	defer cancel()
	if err := rp.Sessions.Create(ctx, x); err != nil {
		return later("storing a session", err)
	}
	if rp.heard.about(&x) {
		_, err := rp.end(ctx, Match{ID: &x.ID}, "backchannel")
		return errors.Join(errEnded, err)
	}
	if old, ok := rp.Presented(r); ok {
		if err := rp.replace(ctx, old, &x); err != nil {
			return err
		}
	}
	setCookie(w, rp.Settings.SessionCookie, secret, 0)
	return nil
}

// replace ends the session that the new one stands for. One of the same
// provider session stays good for a moment.
func (rp *Party) replace(ctx context.Context, old SessionID, x *Session) error {
	soon := x.Created.Add(replacedFor)
	errOther := errors.New("another provider session's")
	_, err := rp.Sessions.Update(ctx, old, func(o *Session) error {
		if o.Issuer != x.Issuer || o.Subject != x.Subject || o.SID != x.SID || x.SID == "" {
			return errOther
		}
		o.Used = x.Created
		if soon.Before(o.Expires) {
			o.Expires = soon
		}
		return nil
	})
	switch {
	case err == nil:
		rp.cache.flush()
		return nil
	case errors.Is(err, ErrNoSession):
		return nil
	case errors.Is(err, errOther):
		_, err = rp.end(ctx, Match{ID: &old}, "replaced")
		return err
	}
	return storeFault("replacing a session", err)
}

// errorCode keeps what a provider says out of the log unless it is a code of
// RFC 6749 or OpenID Connect.
func errorCode(code string) string {
	for _, c := range code {
		if (c < 'a' || c > 'z') && c != '_' {
			return "malformed"
		}
	}
	return code[:min(len(code), 40)]
}
