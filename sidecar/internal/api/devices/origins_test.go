package devices_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/internal/api/devices"
)

const webApp = "https://app.kasse.example"

// crossed are the headers by which browsers are told what pages may do.
func crossed(h http.Header) map[string]string {
	out := map[string]string{}
	for name, values := range h {
		if strings.HasPrefix(name, "Access-Control-") {
			out[name] = strings.Join(values, "|")
		}
	}
	return out
}

// fetched is what a browser gets for a page.
func (w *world) fetched(method, path string, headers ...string) *http.Response {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.base+path, nil)
	w.ok(err)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	client := &http.Client{Transport: w.client.Transport.(*documented).next} // preflights are no operation of the document
	resp, err := client.Do(r)
	w.ok(err)
	w.ok(resp.Body.Close())
	return resp
}

func TestPagesThatMayCall(t *testing.T) {
	w := newWorld(t, func(a *devices.API) { a.Origins = []string{webApp, "http://app.localhost:8084"} })
	for name, c := range map[string]struct {
		headers []string
		origin  string // that is let in; empty: refused
	}{
		"the app":                       {[]string{"Origin", webApp, "Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors"}, webApp},
		"the app of another site":       {[]string{"Origin", webApp, "Sec-Fetch-Site", "cross-site"}, webApp},
		"the other app":                 {[]string{"Origin", "http://app.localhost:8084"}, "http://app.localhost:8084"},
		"nobody's page":                 {[]string{"Origin", "null", "Sec-Fetch-Mode", "cors"}, ""},
		"no origin":                     {[]string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors"}, ""},
		"an empty origin":               {[]string{"Origin", "", "Sec-Fetch-Site", "cross-site"}, ""},
		"a subdomain":                   {[]string{"Origin", "https://evil.app.kasse.example"}, ""},
		"the domain above":              {[]string{"Origin", "https://kasse.example"}, ""},
		"a longer name":                 {[]string{"Origin", "https://app.kasse.example.evil.example"}, ""},
		"a name before":                 {[]string{"Origin", "https://evilapp.kasse.example"}, ""},
		"in clear":                      {[]string{"Origin", "http://app.kasse.example"}, ""},
		"another port":                  {[]string{"Origin", "https://app.kasse.example:444"}, ""},
		"the usual port":                {[]string{"Origin", "https://app.kasse.example:443"}, ""},
		"a path":                        {[]string{"Origin", "https://app.kasse.example/"}, ""},
		"other case":                    {[]string{"Origin", "https://APP.kasse.example"}, ""},
		"two at once":                   {[]string{"Origin", webApp + ", https://evil.example"}, ""},
		"two headers":                   {[]string{"Origin", webApp, "Origin", "https://evil.example"}, ""},
		"a link or form of the app":     {[]string{"Origin", webApp, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, ""},
		"an image of the app":           {[]string{"Origin", webApp, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}, ""},
		"a script that names two sites": {[]string{"Origin", webApp, "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Site", "cross-site"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			resp := w.fetched(http.MethodGet, "/time", c.headers...)
			ask := w.fetched(http.MethodOptions, "/self/open", append(c.headers,
				"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "dpop,content-type")...)
			if resp.Header.Get("Vary") != "Origin" || ask.Header.Get("Vary") != "Origin" {
				t.Errorf("Vary %q and %q: a cache gives one page's answer to another", resp.Header.Get("Vary"), ask.Header.Get("Vary"))
			}
			if c.origin == "" {
				if resp.StatusCode != http.StatusForbidden || ask.StatusCode != http.StatusForbidden {
					t.Errorf("answered %d and %d", resp.StatusCode, ask.StatusCode)
				}
				if len(crossed(resp.Header))+len(crossed(ask.Header)) > 0 {
					t.Errorf("told %v and %v", crossed(resp.Header), crossed(ask.Header))
				}
				return
			}
			if resp.StatusCode != http.StatusOK || ask.StatusCode != http.StatusNoContent {
				t.Errorf("answered %d and %d", resp.StatusCode, ask.StatusCode)
			}
			if diff := cmp.Diff(map[string]string{
				"Access-Control-Allow-Origin":   c.origin,
				"Access-Control-Expose-Headers": "dpop-nonce, retry-after, schleuse-opened, www-authenticate",
			}, crossed(resp.Header)); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(map[string]string{
				"Access-Control-Allow-Origin":  c.origin,
				"Access-Control-Allow-Methods": "DELETE, GET, PATCH, POST, PUT",
				"Access-Control-Allow-Headers": "authorization, content-type, dpop, last-event-id, schleuse-opened",
				"Access-Control-Max-Age":       "7200",
			}, crossed(ask.Header)); diff != "" {
				t.Errorf("preflight (-want +got):\n%s", diff)
			}
		})
	}
}

// Without an origin in the configuration nothing is as with one.
func TestNoPageMayCallUnlessOneIsNamed(t *testing.T) {
	w := newWorld(t)
	for _, method := range []string{http.MethodGet, http.MethodOptions} {
		resp := w.fetched(method, "/time", "Origin", webApp, "Access-Control-Request-Method", "GET")
		if resp.StatusCode != http.StatusForbidden || len(crossed(resp.Header)) > 0 || resp.Header.Get("Vary") != "" {
			t.Errorf("%s: %d %v", method, resp.StatusCode, resp.Header)
		}
	}
	if resp := w.fetched(http.MethodOptions, "/time"); resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("OPTIONS of no page: %d", resp.StatusCode)
	}
}

// A refusal can be read by the page, so that it learns its nonce; and a
// preflight counts as any call of its address does.
func TestPreflightsAreCountedAndRefusalsRead(t *testing.T) {
	w := newWorld(t, func(a *devices.API) { a.Origins = []string{webApp} })
	resp := w.fetched(http.MethodGet, "/self", "Origin", webApp)
	if resp.StatusCode != http.StatusUnauthorized || crossed(resp.Header)["Access-Control-Allow-Origin"] != webApp || resp.Header.Get("DPoP-Nonce") == "" {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
	for i := range 3000 {
		resp = w.fetched(http.MethodOptions, "/nothing", "Origin", webApp, "Access-Control-Request-Method", "POST")
		if resp.StatusCode != http.StatusNoContent {
			if i < 1000 || resp.StatusCode != http.StatusTooManyRequests {
				t.Errorf("the %d. preflight: %d", i, resp.StatusCode)
			}
			return
		}
	}
	t.Error("preflights are not counted")
}
