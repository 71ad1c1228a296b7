package proxy

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

// errAnswer says that the provider's answer is not one that makes a session.
var errAnswer = errors.New("not a usable answer of the provider")

// callback takes the provider's answer (RFC 6749 section 4.1.2).
func (s *Site) callback(w http.ResponseWriter, r *http.Request) error {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return fault.New(fault.Invalid, "invalid", err)
	}
	p, ok := s.claim(w, r, q)
	if !ok {
		return s.stale(w, r)
	}
	if code := q.Get("error"); code != "" {
		return s.refused(w, r, p, code)
	}
	x, err := s.redeemCode(r.Context(), p, q)
	if err != nil {
		return s.failed(w, r, err)
	}
	if err := s.cleared(r.Context(), x.Subject); err != nil {
		s.Pages.Error(w, r, err, web.Link{Href: "/", Key: "way.start"})
		return nil
	}
	if err := s.begin(w, r, x); errors.Is(err, errEnded) {
		s.Metrics.login(s.Settings.Name, "refused")
		s.loginAgain(w, r)
		return nil
	} else if err != nil {
		return err
	}
	s.Metrics.login(s.Settings.Name, "ok")
	http.Redirect(w, r, s.self(p.Back), http.StatusSeeOther)
	return nil
}

// stale answers for a login that this browser knows nothing of: begun
// elsewhere, used up, or too old. Whoever is signed in all the same goes on.
func (s *Site) stale(w http.ResponseWriter, r *http.Request) error {
	s.Metrics.login(s.Settings.Name, "stale")
	if _, err := s.current(r); err == nil {
		http.Redirect(w, r, s.self("/"), http.StatusSeeOther)
		return nil
	}
	s.loginAgain(w, r)
	return nil
}

// refused answers for an error of the provider (RFC 6749 section 4.1.2.1,
// OpenID Connect Core 1.0 section 3.1.2.6). A login page that was open too
// long (Keycloak: temporarily_unavailable) is simply opened again, once.
func (s *Site) refused(w http.ResponseWriter, r *http.Request, p pending, code string) error {
	s.Log.InfoContext(r.Context(), "the provider refused a login", "error", errorCode(code))
	s.Metrics.login(s.Settings.Name, "refused")
	if code == "temporarily_unavailable" && s.Now().Sub(p.Begun) > time.Minute {
		return s.login(w, r, p.Back)
	}
	if code == "temporarily_unavailable" || code == "server_error" {
		return later("signing in", errAnswer)
	}
	s.loginAgain(w, r)
	return nil
}

// failed answers for a code that made no session.
func (s *Site) failed(w http.ResponseWriter, r *http.Request, err error) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.ErrorCode == "invalid_grant" || errors.Is(err, errAnswer) || errors.Is(err, errOtherPerson) {
		s.Log.WarnContext(r.Context(), "redeeming a code", "error", reason(err))
		s.Metrics.login(s.Settings.Name, "refused")
		s.loginAgain(w, r)
		return nil
	}
	s.Metrics.login(s.Settings.Name, "unavailable")
	return later("redeeming a code", errors.New(reason(err)))
}

// redeemCode turns a code into a session that is not stored yet.
func (s *Site) redeemCode(ctx context.Context, p pending, q url.Values) (Session, error) {
	issuer, err := s.issuer(ctx)
	if err != nil {
		return Session{}, err
	}
	if iss := q.Get("iss"); iss != s.Settings.Issuer && (iss != "" || issuer.issParam) {
		return Session{}, fmt.Errorf("%w: another issuer's (RFC 9207)", errAnswer)
	}
	config, err := s.oauth(issuer)
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
	return s.newSession(ctx, issuer, token, p.Nonce)
}

func (s *Site) newSession(ctx context.Context, issuer *endpoints, token *oauth2.Token, nonce string) (Session, error) {
	id, verified, err := identityOf(ctx, issuer, token)
	if err != nil {
		return Session{}, err
	}
	if verified == nil || id.subject == "" || subtle.ConstantTimeCompare([]byte(verified.Nonce), []byte(nonce)) != 1 {
		return Session{}, fmt.Errorf("%w: no ID token of this login", errAnswer)
	}
	now := s.Now()
	x := Session{
		Site: s.Settings.Name, Issuer: s.Settings.Issuer, Subject: id.subject, SID: id.SID, Username: id.Username,
		IDToken: id.raw, RefreshToken: token.RefreshToken, AuthTime: now, Created: now, Used: now,
	}
	if id.AuthTime > 0 {
		x.AuthTime = time.Unix(id.AuthTime, 0)
	}
	if err := s.setAccess(ctx, issuer, &x, token); err != nil {
		return Session{}, err
	}
	x.Expires = s.expiry(&x, now)
	return x, nil
}

// cleared asks once more whether the person is identified. Only a clear yes
// makes a session.
func (s *Site) cleared(ctx context.Context, subject string) error {
	if s.Clearance == nil {
		return nil
	}
	c, err := s.Clearance(ctx, account.ID(subject))
	switch {
	case err != nil:
		s.Metrics.login(s.Settings.Name, "unavailable")
		return later("asking for clearance", err)
	case c == account.Cleared, c == account.Exempt:
		return nil
	case c == account.NotCleared:
		s.Metrics.login(s.Settings.Name, "not_identified")
		return fault.New(fault.Forbidden, "not_identified", nil)
	}
	s.Metrics.login(s.Settings.Name, "unavailable")
	return later("asking for clearance", errors.New("unknown"))
}

// begin stores a session under a new secret and gives it to the browser. The
// session that the browser had before is over: nobody who planted it, or
// knows it, gets into the new one.
func (s *Site) begin(w http.ResponseWriter, r *http.Request, x Session) error {
	secret := newSecret()
	x.ID, _ = idOf(secret)
	ctx, cancel := context.WithTimeout(r.Context(), 2*storeWait)
	defer cancel()
	if err := s.Sessions.Create(ctx, x); err != nil {
		return later("storing a session", err)
	}
	if s.heard.about(&x) {
		_, err := s.end(ctx, Match{ID: &x.ID}, "backchannel")
		return errors.Join(errEnded, err)
	}
	if old, ok := presented(r); ok {
		if err := s.replace(ctx, old, &x); err != nil {
			return err
		}
	}
	setCookie(w, sessionCookie, secret, 0)
	return nil
}

// replace ends the session that the new one stands for. One of the same
// provider session stays good for a moment.
func (s *Site) replace(ctx context.Context, old SessionID, x *Session) error {
	soon := x.Created.Add(replacedFor)
	errOther := errors.New("another provider session's")
	_, err := s.Sessions.Update(ctx, old, func(o *Session) error {
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
		s.cache.flush()
		return nil
	case errors.Is(err, ErrNoSession):
		return nil
	case errors.Is(err, errOther):
		_, err = s.end(ctx, Match{ID: &old}, "replaced")
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
