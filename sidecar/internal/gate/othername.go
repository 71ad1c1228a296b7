package gate

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/web"
)

// signedInAsOther takes the place of an answer beside the login of somebody
// else. Where this browser holds that login, it has to be signed out first;
// else only Keycloak's cookies of the authentication tie it to that, and it
// begins anew without them.
func (h *handler) signedInAsOther(x *exchange) error {
	return &instead{func(w http.ResponseWriter, r *http.Request) {
		if x.sent {
			out := web.Link{Href: h.settingsPath("protocol/openid-connect/logout"), Key: "sign_out.go"}
			h.Pages.Error(w, r, fault.New(fault.Conflict, "signed_in_as_other", errAnswer), out)
			return
		}
		h.forgetAuthentication(w.Header())
		if err := h.beginAnew(w, x); err != nil {
			h.Pages.Error(w, r, err)
		}
	}}
}

// namesOther reports whether an error page of Keycloak names an account other
// than the one that was typed for this tab. Keycloak tells whoever signs in
// beside somebody else's session whose that is; the name is an insurance
// number.
func namesOther(x *exchange, resp *http.Response) bool {
	if resp.StatusCode < http.StatusBadRequest || len(x.page) == 0 {
		return false
	}
	own := []byte(strings.ToLower(string(x.tab.Number)))
	for _, name := range regexp.MustCompile(`(?i)\b[a-z][0-9]{9}\b`).FindAll(x.page, -1) {
		if !strings.EqualFold(string(name), string(own)) {
			return true
		}
	}
	return false
}
