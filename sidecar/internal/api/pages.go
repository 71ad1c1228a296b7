package api

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Pages says which web pages of other origins may call an API, by the CORS
// protocol of the Fetch standard (https://fetch.spec.whatwg.org/#http-cors-protocol).
// The zero Pages are none. No cookie and no other credential of the browser
// ever goes along: `Access-Control-Allow-Credentials` is not sent.
type Pages struct {
	Origins []string // exactly as browsers write them: https://app.kasse.example
	Headers []string // what they may send beside what any page may
	Exposed []string // what they may read beside what any page may
}

// preflightAge is how long a browser need not ask again, in seconds. Chromium
// takes no more.
const preflightAge = "7200"

// fetchHeaders are what browsers say of who asks.
var fetchHeaders = []string{"Sec-Fetch-Site", "Sec-Fetch-Mode", "Origin"} //nolint:gochecknoglobals // a list, never changed

// known returns the origin of a page that may call, if the request is a
// script's of one.
func (p Pages) known(r *http.Request) (string, bool) {
	for _, name := range fetchHeaders {
		if len(r.Header.Values(name)) > 1 {
			return "", false
		}
	}
	origin, mode := r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Mode")
	return origin, slices.Contains(p.Origins, origin) && (mode == "" || mode == "cors")
}

// speak lets the page of this origin read the answer.
func (p Pages) speak(h http.Header, origin string) {
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", strings.Join(p.Exposed, ", "))
}

// preflight reports whether a browser only asks what a page may do.
func preflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
}

// allow answers a preflight: the same whatever is asked for, so that it tells
// nothing, and nothing is done.
func (p Pages) allow(w http.ResponseWriter, methods string) {
	h := w.Header()
	h.Del("Access-Control-Expose-Headers")
	h.Set("Access-Control-Allow-Methods", methods)
	h.Set("Access-Control-Allow-Headers", strings.Join(p.Headers, ", "))
	h.Set("Access-Control-Max-Age", preflightAge)
	w.WriteHeader(http.StatusNoContent)
}

// methods are those of all routes.
func methods(routes []Route) string {
	all := map[string]bool{}
	for _, r := range routes {
		all[r.Method] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(all)), ", ")
}
