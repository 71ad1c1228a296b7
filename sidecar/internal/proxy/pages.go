package proxy

import (
	"net/http"

	"github.com/schleuse/schleuse/sidecar/internal/web"
)

// notSent says that a form was not passed on, because nobody is signed in any
// more. again is a page of the site, to sign in and fill it in anew.
func (s *Site) notSent(w http.ResponseWriter, r *http.Request, again string) {
	s.Pages.Render(w, r, web.Page{Name: "site-not-sent", Next: again, Fixed: true, Status: http.StatusUnauthorized})
}

// loginAgain says that a login cannot be completed, and how to begin another.
func (s *Site) loginAgain(w http.ResponseWriter, r *http.Request) {
	s.Pages.Render(w, r, web.Page{Name: "site-login-again", Next: "/", Fixed: true, Status: http.StatusBadRequest})
}

// askToSignOut asks whether to sign out.
func (s *Site) askToSignOut(w http.ResponseWriter, r *http.Request) {
	s.Pages.Render(w, r, web.Page{Name: "site-sign-out"})
}

// signingOut lets the browser post to the provider's end_session_endpoint.
func (s *Site) signingOut(w http.ResponseWriter, r *http.Request, endpoint string, form []web.Field) {
	s.Pages.Render(w, r, web.Page{Name: "site-signing-out", Action: endpoint, Hidden: form, Fixed: true})
}

// loggedOut says that one is signed out.
func (s *Site) loggedOut(w http.ResponseWriter, r *http.Request) error {
	s.Pages.Render(w, r, web.Page{Name: "signed-out", Next: "/"})
	return nil
}
