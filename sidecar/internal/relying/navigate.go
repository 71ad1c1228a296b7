package relying

import (
	"net/http"
	"strings"
)

// Navigates reports whether a person waits for a page in a browser (Fetch
// Metadata; without it, by what older browsers send).
func Navigates(r *http.Request) bool {
	h := r.Header
	if h.Get("X-Requested-With") != "" || h.Get("Upgrade") != "" {
		return false
	}
	if h.Get("Sec-Purpose") != "" || h.Get("Purpose") == "prefetch" {
		return false // nobody waits yet
	}
	if mode := h.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return strings.Contains(strings.ToLower(h.Get("Accept")), "text/html")
}
