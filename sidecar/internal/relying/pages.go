package relying

import (
	"net/http"

	"github.com/schleuse/schleuse/sidecar/internal/web"
)

// loginAgain says that a login cannot be completed, and how to begin another.
func (rp *Party) loginAgain(w http.ResponseWriter, r *http.Request) {
	rp.Pages.Render(w, r, web.Page{Name: "site-login-again", Next: rp.Settings.Home, Fixed: true, Status: http.StatusBadRequest})
}

// askToSignOut asks whether to sign out.
func (rp *Party) askToSignOut(w http.ResponseWriter, r *http.Request) {
	rp.Pages.Render(w, r, web.Page{Name: "site-sign-out"})
}

// signingOut lets the browser post to the provider's end_session_endpoint.
func (rp *Party) signingOut(w http.ResponseWriter, r *http.Request, endpoint string, form []web.Field) {
	rp.Pages.Render(w, r, web.Page{Name: "site-signing-out", Action: endpoint, Hidden: form, Fixed: true})
}

// loggedOut says that one is signed out.
func (rp *Party) loggedOut(w http.ResponseWriter, r *http.Request) error {
	rp.Pages.Render(w, r, web.Page{Name: "signed-out", Next: rp.Settings.Home})
	return nil
}
