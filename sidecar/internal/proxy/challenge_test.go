package proxy_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/sidecar/internal/relying"
	"github.com/schleuse/schleuse/sidecar/internal/relying/relyingtest"
)

func TestRequestsWithoutASession(t *testing.T) {
	w := newWorld(t)
	tests := map[string]struct {
		method  string
		headers []string
		status  int
	}{
		"navigation":                  {"GET", []string{"Sec-Fetch-Mode", "navigate", "Accept", "text/html"}, http.StatusFound},
		"navigation of old browser":   {"GET", []string{"Accept", "text/html,*/*;q=0.8"}, http.StatusFound},
		"head":                        {"HEAD", []string{"Sec-Fetch-Mode", "navigate"}, http.StatusFound},
		"fetch":                       {"GET", []string{"Sec-Fetch-Mode", "cors", "Accept", "text/html"}, http.StatusUnauthorized},
		"same-origin fetch":           {"GET", []string{"Sec-Fetch-Mode", "same-origin"}, http.StatusUnauthorized},
		"picture":                     {"GET", []string{"Sec-Fetch-Mode", "no-cors", "Accept", "image/*"}, http.StatusUnauthorized},
		"XMLHttpRequest of old times": {"GET", []string{"X-Requested-With", "XMLHttpRequest", "Accept", "text/html"}, http.StatusUnauthorized},
		"WebSocket":                   {"GET", []string{"Upgrade", "websocket", "Connection", "Upgrade", "Accept", "text/html"}, http.StatusUnauthorized},
		"prefetch":                    {"GET", []string{"Sec-Fetch-Mode", "navigate", "Sec-Purpose", "prefetch"}, http.StatusUnauthorized},
		"program":                     {"GET", []string{"Accept", "*/*"}, http.StatusUnauthorized},
		"form":                        {"POST", []string{"Sec-Fetch-Mode", "navigate", "Accept", "text/html"}, http.StatusUnauthorized},
		"script's post":               {"POST", []string{"Sec-Fetch-Mode", "cors"}, http.StatusUnauthorized},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := relyingtest.NewBrowser(t)
			p := b.Do(b.Request(tt.method, w.url+"/x", nil, tt.headers...))
			if p.Status != tt.status || p.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("answered %d, Cache-Control %q", p.Status, p.Header.Get("Cache-Control"))
			}
			if got := p.Header.Get("WWW-Authenticate"); (got == `Bearer realm="webcenter"`) != (tt.status == http.StatusUnauthorized) {
				t.Errorf("WWW-Authenticate %q with %d", got, p.Status)
			}
			if leads := strings.HasPrefix(p.Location(), w.issuer.URL+"/auth?"); leads != (tt.status == http.StatusFound) {
				t.Errorf("leads to %q", p.Location())
			}
		})
	}
	if n := len(w.app.requests()); n != 0 {
		t.Errorf("%d requests reached the application", n)
	}
}

func TestFormWithoutASessionIsToldSo(t *testing.T) {
	w := newWorld(t)
	b := relyingtest.NewBrowser(t)
	form := url.Values{"iban": {"DE00"}}
	req := b.Request(http.MethodPost, w.url+"/bank", strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded",
		"Accept", "text/html", "Sec-Fetch-Mode", "navigate", "Referer", w.url+"/bank/edit?id=1")
	p := b.Do(req)
	if p.Status != http.StatusUnauthorized || !strings.Contains(p.Body, "was not sent") || !strings.Contains(p.Body, `href="/bank/edit?id=1"`) {
		t.Errorf("answered %d: %s", p.Status, p.Body)
	}
	if strings.Contains(p.Body, "DE00") {
		t.Error("the page repeats what was typed")
	}
	req.Header.Set("Referer", "https://evil.example/x")
	req.Body = http.NoBody
	if p := b.Do(req); strings.Contains(p.Body, "evil.example") || !strings.Contains(p.Body, `href="/"`) {
		t.Errorf("the way on: %s", p.Body)
	}
}

func TestEndedSessionIsNamedSo(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	if _, err := w.sessions.End(t.Context(), relying.Match{Issuer: w.issuer.URL, Subject: "s-1"}); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(1e9)
	p := w.fetch(b, "/", "Accept", "application/json")
	if got := p.Header.Get("WWW-Authenticate"); !strings.Contains(got, `error="invalid_token"`) {
		t.Errorf("WWW-Authenticate %q", got)
	}
	if ct := p.Header.Get("Content-Type"); !strings.HasPrefix(ct, "application/problem+json") {
		t.Errorf("Content-Type %q", ct)
	}
}
