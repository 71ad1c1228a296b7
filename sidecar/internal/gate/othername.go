package gate

import (
	"net/http"
	"regexp"
	"strings"
)

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
