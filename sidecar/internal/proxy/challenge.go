package proxy

import (
	"net/http"
	"net/url"

	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/relying"
)

// challenge answers a request without a session: a navigation goes to the
// login and comes back, a form is told that it was not sent, and a script
// gets 401, since it could not follow a login.
func (s *Site) challenge(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if !relying.Navigates(r) {
		s.Metrics.request(s.Settings.Name, "unauthenticated")
		w.Header().Set("WWW-Authenticate", s.bearer(r))
		s.Pages.Error(w, r, fault.New(fault.Unauthenticated, "signed_out", nil))
		return
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		s.Metrics.request(s.Settings.Name, "login")
		if err := s.party().Login(w, r, backTo(r.URL.RequestURI())); err != nil {
			s.Pages.Error(w, r, err)
		}
		return
	}
	s.Metrics.request(s.Settings.Name, "not_sent")
	w.Header().Set("WWW-Authenticate", s.bearer(r))
	s.notSent(w, r, s.referrer(r))
}

// bearer is the challenge of RFC 6750 section 3. It names no error when the
// client showed nothing.
func (s *Site) bearer(r *http.Request) string {
	challenge := `Bearer realm="` + s.Settings.Name + `"`
	if _, ok := s.party().Presented(r); ok {
		challenge += `, error="invalid_token", error_description="the session has ended"`
	}
	return challenge
}

// referrer returns the page of this site that a form stood on, to go back to.
func (s *Site) referrer(r *http.Request) string {
	u, err := url.Parse(r.Referer())
	if err != nil || u.Scheme != s.Settings.PublicURL.Scheme || u.Host != s.Settings.PublicURL.Host {
		return "/"
	}
	return backTo(u.RequestURI())
}
