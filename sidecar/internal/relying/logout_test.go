package relying_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/sidecar/internal/relying"
	"github.com/schleuse/schleuse/sidecar/internal/relying/relyingtest"
)

func TestLogoutEndsBothSessions(t *testing.T) {
	w := newWorld(t, ownRealm)
	b := w.signedIn()
	stolen := relyingtest.NewBrowser(t)
	stolen.SetCookie(w.url, sessionCookie, b.Cookie(w.url, sessionCookie))
	idToken := w.sessions.All()[0].IDToken

	p := b.Post(w.url+"/schleuse/logout", nil)
	if p.Location() != w.url+"/schleuse/logged-out" {
		t.Fatalf("answered %d, leads to %q", p.Status, p.Location())
	}
	if got := w.fetch(stolen, "/"); got.Status != http.StatusUnauthorized {
		t.Errorf("the old cookie still answers %d", got.Status)
	}
	if len(w.sessions.All()) != 0 || b.Cookie(w.url, sessionCookie) != "" {
		t.Errorf("%d sessions left, cookie %q", len(w.sessions.All()), b.Cookie(w.url, sessionCookie))
	}
	posts := w.issuer.Logouts()
	if len(posts) != 1 || posts[0].Get("id_token_hint") != idToken || posts[0].Get("client_id") != "webcenter" {
		t.Errorf("the provider got %d log-outs", len(posts))
	}
	if last := b.Follow(p); last.Status != http.StatusOK || !strings.Contains(last.Body, "You are signed out") {
		t.Errorf("came to rest with %d: %s", last.Status, last.Body)
	}
}

func TestLogoutAtAForeignIssuerGoesThroughTheBrowser(t *testing.T) {
	for name, change := range map[string]func(*relying.Party){
		"foreign issuer":                       func(*relying.Party) {},
		"own realm that wants to see a person": ownRealm,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, change)
			w.issuer.Set(func(s *relyingtest.Switches) { s.NoLogout = true })
			b := w.signedIn()
			idToken := w.sessions.All()[0].IDToken
			p := b.Post(w.url+"/schleuse/logout", nil)
			if p.Status != http.StatusOK || !strings.Contains(p.Body, `action="`+w.issuer.URL+`/logout"`) || !strings.Contains(p.Body, idToken) {
				t.Errorf("answered %d: %s", p.Status, p.Body)
			}
			if csp := p.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' "+w.issuer.URL) {
				t.Errorf("the page's form may not be sent: %s", csp)
			}
			if len(w.sessions.All()) != 0 {
				t.Error("the session here is not ended")
			}
		})
	}
}

func TestLogoutIsNotDoneByOthers(t *testing.T) {
	w := newWorld(t, ownRealm)
	b := w.signedIn()
	for name, headers := range map[string][]string{
		"another site": {"Sec-Fetch-Site", "cross-site"},
		"a sibling":    {"Sec-Fetch-Site", "same-site"},
		"old browser":  {"Origin", "https://evil.example"},
		"no origin":    {"Origin", "null"},
	} {
		t.Run(name, func(t *testing.T) {
			p := b.Do(b.Request(http.MethodPost, w.url+"/schleuse/logout", nil, headers...))
			if p.Status != http.StatusForbidden || len(w.sessions.All()) != 1 {
				t.Errorf("answered %d, %d sessions", p.Status, len(w.sessions.All()))
			}
		})
	}
	if p := b.Navigate(w.url + "/schleuse/logout"); p.Status != http.StatusOK || !strings.Contains(p.Body, `method="post"`) || len(w.sessions.All()) != 1 {
		t.Errorf("a link answered %d, %d sessions: %s", p.Status, len(w.sessions.All()), p.Body)
	}
}

func TestLogoutWithoutASessionIsHarmless(t *testing.T) {
	w := newWorld(t, ownRealm)
	b := relyingtest.NewBrowser(t)
	for _, p := range []relyingtest.Page{b.Post(w.url+"/schleuse/logout", url.Values{}), b.Navigate(w.url + "/schleuse/logout")} {
		if p.Location() != w.url+"/schleuse/logged-out" {
			t.Errorf("answered %d, leads to %q", p.Status, p.Location())
		}
	}
	if n := len(w.issuer.Logouts()); n != 0 {
		t.Errorf("the provider got %d log-outs", n)
	}
}

func TestLogoutThatCannotBeWrittenIsNone(t *testing.T) {
	w := newWorld(t, ownRealm)
	b := w.signedIn()
	w.sessions.Fail(errors.New("disk full"))
	p := b.Post(w.url+"/schleuse/logout", nil)
	if p.Status != http.StatusServiceUnavailable || b.Cookie(w.url, sessionCookie) == "" {
		t.Errorf("answered %d, cookie %q: whoever reads this believes to be signed out", p.Status, b.Cookie(w.url, sessionCookie))
	}
}

func TestLogoutWorksWhileTheIssuerIsDown(t *testing.T) {
	w := newWorld(t, ownRealm)
	b := w.signedIn()
	w.issuer.Set(func(s *relyingtest.Switches) { s.Down = true })
	if p := b.Post(w.url+"/schleuse/logout", nil); p.Status != http.StatusOK || len(w.sessions.All()) != 0 {
		t.Errorf("answered %d, %d sessions", p.Status, len(w.sessions.All()))
	}
}
