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
