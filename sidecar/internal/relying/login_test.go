package relying_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/internal/relying"
	"github.com/schleuse/schleuse/sidecar/internal/relying/relyingtest"
)

func TestLoginComesBackToTheSamePage(t *testing.T) {
	w := newWorld(t)
	b := relyingtest.NewBrowser(t)
	p := b.Open(w.url + "/postfach/7?sort=datum&x=%2F%20a")
	if want := w.url + "/postfach/7?sort=datum&x=%2F%20a"; p.URL != want || p.Status != http.StatusOK {
		t.Fatalf("came to rest at %s with %d, want %s", p.URL, p.Status, want)
	}
	if got, want := w.seen.last(t), (visit{"/postfach/7?sort=datum&x=%2F%20a", "a123456780"}); got != want {
		t.Errorf("let in as %+v, want %+v", got, want)
	}
}

func TestSessionCookie(t *testing.T) {
	w := newWorld(t)
	b := relyingtest.NewBrowser(t)
	p := b.Navigate(w.url + "/")
	p = b.Navigate(p.Location()) // the provider
	p = b.Navigate(p.Location()) // the callback
	var line string
	for _, l := range p.Header.Values("Set-Cookie") {
		if strings.HasPrefix(l, sessionCookie+"=") {
			line = l
		}
	}
	for _, attribute := range []string{"; Path=/", "; HttpOnly", "; Secure", "; SameSite=Lax"} {
		if !strings.Contains(line, attribute) {
			t.Errorf("Set-Cookie %q lacks %q", line, attribute)
		}
	}
	if strings.Contains(line, "Domain") {
		t.Errorf("Set-Cookie %q names a domain", line)
	}
	if pair, _, _ := strings.Cut(line, ";"); len(pair) >= 100 {
		t.Errorf("the cookie has %d bytes, want fewer than 100", len(pair))
	}
	if c := p.Header.Get("Cache-Control"); c != "no-store" {
		t.Errorf("Cache-Control %q at the callback", c)
	}
}

func TestSeveralTabsLogInAtOnce(t *testing.T) {
	w := newWorld(t)
	b := relyingtest.NewBrowser(t)
	var toProvider []relyingtest.Page
	for i := range 3 {
		toProvider = append(toProvider, b.Navigate(fmt.Sprintf("%s/tab/%d", w.url, i)))
	}
	for i, p := range toProvider {
		got := b.Follow(p)
		if want := fmt.Sprintf("%s/tab/%d", w.url, i); got.URL != want || got.Status != http.StatusOK {
			t.Errorf("tab %d came to rest at %s with %d", i, got.URL, got.Status)
		}
	}
}

func TestLoginsUnderWayAreBounded(t *testing.T) {
	w := newWorld(t)
	b := relyingtest.NewBrowser(t)
	var first relyingtest.Page
	for i := range 9 {
		w.clock.Advance(time.Second)
		p := b.Navigate(fmt.Sprintf("%s/tab/%d?%s", w.url, i, strings.Repeat("x", 900)))
		if i == 0 {
			first = p
		}
	}
	size := 0
	for name, value := range b.Cookies(w.url) {
		size += len(name) + len(value)
	}
	if n := len(b.Cookies(w.url)); n != 4 || size > 8<<10 {
		t.Errorf("the browser keeps %d cookies with %d bytes, want 4 and at most 8 KiB", n, size)
	}
	if p := b.Follow(first); p.Status != http.StatusBadRequest {
		t.Errorf("the oldest login, which was dropped, ended with %d", p.Status)
	}
}

func TestLoginChangesTheSession(t *testing.T) {
	w := newWorld(t)
	thief := w.signedIn()
	planted := thief.Cookie(w.url, sessionCookie)

	// The thief's cookie stands in the victim's browser when they sign in.
	w.issuer.Set(func(s *relyingtest.Switches) {
		s.Person = relyingtest.Person{Subject: "s-2", Username: "b123456782", SID: "sid-2"}
	})
	victim := relyingtest.NewBrowser(t)
	toProvider := victim.Navigate(w.url + "/")
	victim.SetCookie(w.url, sessionCookie, planted)
	if p := victim.Follow(toProvider); p.Status != http.StatusOK {
		t.Fatalf("the victim came to rest at %s with %d", p.URL, p.Status)
	}
	if victim.Cookie(w.url, sessionCookie) == planted {
		t.Error("the victim has the session that was planted")
	}
	if got := w.seen.last(t).Username; got != "b123456782" {
		t.Errorf("let in as %q", got)
	}
	if p := w.fetch(thief, "/"); p.Status != http.StatusUnauthorized {
		t.Errorf("the planted session still answers %d", p.Status)
	}
}

func TestSecondLoginOfOnePersonSparesTheOtherTab(t *testing.T) {
	w := newWorld(t)
	b := relyingtest.NewBrowser(t)
	one, two := b.Navigate(w.url+"/one"), b.Navigate(w.url+"/two")
	b.Follow(one)
	before := b.Cookie(w.url, sessionCookie)
	b.Follow(two)
	if b.Cookie(w.url, sessionCookie) == before {
		t.Fatal("the second login kept the session's name")
	}
	other := relyingtest.NewBrowser(t)
	other.SetCookie(w.url, sessionCookie, before)
	if p := w.fetch(other, "/under-way"); p.Status != http.StatusOK {
		t.Errorf("a request under way got %d", p.Status)
	}
	w.clock.Advance(16 * time.Second)
	if p := w.fetch(other, "/late"); p.Status != http.StatusUnauthorized {
		t.Errorf("the replaced session still answers %d after 16 s", p.Status)
	}
}

func TestForeignAnswersMakeNoSession(t *testing.T) {
	tests := map[string]func(w *world, b *relyingtest.Browser, callback *url.URL){
		"another browser's login": func(w *world, b *relyingtest.Browser, _ *url.URL) {
			for name := range b.Cookies(w.url) {
				b.SetCookie(w.url, name, "")
			}
		},
		"no state": func(_ *world, _ *relyingtest.Browser, u *url.URL) {
			q := u.Query()
			q.Del("state")
			u.RawQuery = q.Encode()
		},
		"another issuer": func(_ *world, _ *relyingtest.Browser, u *url.URL) {
			q := u.Query()
			q.Set("iss", "https://evil.example")
			u.RawQuery = q.Encode()
		},
		"no issuer though the provider always names it": func(_ *world, _ *relyingtest.Browser, u *url.URL) {
			q := u.Query()
			q.Del("iss")
			u.RawQuery = q.Encode()
		},
		"a code that is none": func(_ *world, _ *relyingtest.Browser, u *url.URL) {
			q := u.Query()
			q.Set("code", "made-up")
			u.RawQuery = q.Encode()
		},
		"another login's ID token": func(w *world, _ *relyingtest.Browser, _ *url.URL) {
			w.issuer.Set(func(s *relyingtest.Switches) { s.BadNonce = true })
		},
		"too late": func(w *world, _ *relyingtest.Browser, _ *url.URL) { w.clock.Advance(time.Hour) },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := relyingtest.NewBrowser(t)
			p := b.Navigate(b.Navigate(w.url + "/").Location())
			callback := parse(t, p.Location())
			spoil(w, b, callback)
			got := b.Navigate(callback.String())
			if got.Status != http.StatusBadRequest || b.Cookie(w.url, sessionCookie) != "" || len(w.sessions.All()) != 0 {
				t.Errorf("answered %d, %d sessions", got.Status, len(w.sessions.All()))
			}
		})
	}
}

func TestLoginOfAnotherSiteIsNotThisOnes(t *testing.T) {
	w := newWorld(t)
	_, other := w.replica(func(s *relying.Party) { s.Settings.Name = "other" }) // with the same keys
	b := relyingtest.NewBrowser(t)
	p := b.Navigate(b.Navigate(other + "/").Location())
	for name, value := range b.Cookies(other) {
		b.SetCookie(w.url, name, value)
	}
	if p := b.Navigate(p.Location()); p.Status != http.StatusBadRequest || w.issuer.Grants("authorization_code") != 0 {
		t.Errorf("answered %d, %d token requests", p.Status, w.issuer.Grants("authorization_code"))
	}
}

func TestAnswerCountsOnce(t *testing.T) {
	w := newWorld(t)
	b := relyingtest.NewBrowser(t)
	p := b.Navigate(b.Navigate(w.url + "/").Location())
	b.Navigate(p.Location())
	again := b.Navigate(p.Location())
	if again.Location() != w.url+"/" || len(w.sessions.All()) != 1 {
		t.Errorf("reloading the callback led to %q, %d sessions", again.Location(), len(w.sessions.All()))
	}
	if n := w.issuer.Grants("authorization_code"); n != 1 {
		t.Errorf("%d token requests, want 1", n)
	}
}

func TestClearanceIsAskedAtLogin(t *testing.T) {
	tests := []struct {
		clearance account.Clearance
		err       error
		status    int
	}{
		{account.Cleared, nil, http.StatusSeeOther},
		{account.Exempt, nil, http.StatusSeeOther},
		{account.NotCleared, nil, http.StatusForbidden},
		{account.Unknown, errors.New("down"), http.StatusServiceUnavailable},
		{account.Unknown, nil, http.StatusServiceUnavailable},
		{account.Cleared, errors.New("contradiction"), http.StatusServiceUnavailable},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%v %v", tt.clearance, tt.err), func(t *testing.T) {
			var asked account.ID
			w := newWorld(t, func(s *relying.Party) {
				s.Clearance = func(_ context.Context, id account.ID) (account.Clearance, error) {
					asked = id
					return tt.clearance, tt.err
				}
			})
			b := relyingtest.NewBrowser(t)
			p := b.Navigate(b.Navigate(b.Navigate(w.url + "/").Location()).Location())
			if p.Status != tt.status || asked != "s-1" {
				t.Errorf("answered %d after asking for %q, want %d", p.Status, asked, tt.status)
			}
			if got, want := len(w.sessions.All()) == 1, tt.status == http.StatusSeeOther; got != want {
				t.Errorf("session stored: %v", got)
			}
			if retry := p.Header.Get("Retry-After"); (retry != "") != (tt.status == http.StatusServiceUnavailable) {
				t.Errorf("Retry-After %q with %d", retry, p.Status)
			}
		})
	}
}

func TestIssuerMayBeDownAtTheStart(t *testing.T) {
	w := newWorld(t)
	w.issuer.Set(func(s *relyingtest.Switches) { s.Down = true })
	b := relyingtest.NewBrowser(t)
	if p := b.Navigate(w.url + "/"); p.Status != http.StatusServiceUnavailable || p.Header.Get("Retry-After") == "" {
		t.Errorf("answered %d, Retry-After %q", p.Status, p.Header.Get("Retry-After"))
	}
	w.issuer.Set(func(s *relyingtest.Switches) { s.Down = false })
	w.clock.Advance(2 * time.Second)
	if p := b.Open(w.url + "/"); p.Status != http.StatusOK {
		t.Errorf("answered %d when the issuer was back", p.Status)
	}
}

func TestProviderRefuses(t *testing.T) {
	for code, status := range map[string]int{
		"access_denied": http.StatusBadRequest, "server_error": http.StatusServiceUnavailable,
		"temporarily_unavailable": http.StatusServiceUnavailable, "<script>": http.StatusBadRequest,
	} {
		t.Run(code, func(t *testing.T) {
			w := newWorld(t)
			w.issuer.Set(func(s *relyingtest.Switches) { s.LoginError = code })
			p := relyingtest.NewBrowser(t).Open(w.url + "/")
			if p.Status != status || strings.Contains(p.Body, "<script>") || strings.Contains(w.logs.String(), "<script>") {
				t.Errorf("answered %d, want %d", p.Status, status)
			}
		})
	}
}

func TestLoginPageOpenTooLongIsOpenedAgain(t *testing.T) {
	w := newWorld(t)
	w.issuer.Set(func(s *relyingtest.Switches) { s.LoginError = "temporarily_unavailable" })
	b := relyingtest.NewBrowser(t)
	p := b.Navigate(b.Navigate(w.url + "/page").Location())
	w.clock.Advance(31 * time.Minute)
	again := b.Navigate(p.Location())
	if !strings.HasPrefix(again.Location(), w.issuer.URL+"/auth?") {
		t.Fatalf("led to %q with %d", again.Location(), again.Status)
	}
	w.issuer.Set(func(s *relyingtest.Switches) { s.LoginError = "" })
	if p := b.Follow(again); p.URL != w.url+"/page" {
		t.Errorf("came to rest at %s", p.URL)
	}
}

func TestOpaqueAccessToken(t *testing.T) {
	w := newWorld(t)
	w.issuer.Set(func(s *relyingtest.Switches) { s.Opaque = true })
	w.signedIn()
	if got := w.seen.last(t).Username; got != "" {
		t.Errorf("let in as %q, though no token names anybody", got)
	}
}

func TestLoginTooLongAgoMakesNoSession(t *testing.T) {
	for name, tt := range map[string]struct {
		ago    time.Duration
		unsaid bool
		status int
	}{
		"now":               {0, false, http.StatusSeeOther},
		"a quarter ago":     {15 * time.Minute, false, http.StatusSeeOther},
		"too long ago":      {17 * time.Minute, false, http.StatusBadRequest},
		"in the future":     {-2 * time.Minute, false, http.StatusBadRequest},
		"it is not told":    {0, true, http.StatusBadRequest},
		"it is the year 70": {time.Since(time.Unix(1, 0)), false, http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(rp *relying.Party) { rp.Settings.MaxAge = 15 * time.Minute })
			w.issuer.Set(func(s *relyingtest.Switches) { s.Age, s.NoAuthTime = tt.ago, tt.unsaid })
			b := relyingtest.NewBrowser(t)
			toProvider := b.Navigate(w.url + "/")
			if got := parse(t, toProvider.Location()).Query().Get("max_age"); got != "900" {
				t.Errorf("asked for max_age %q", got)
			}
			p := b.Navigate(b.Navigate(toProvider.Location()).Location())
			if p.Status != tt.status || (len(w.sessions.All()) == 1) != (tt.status == http.StatusSeeOther) {
				t.Errorf("answered %d, %d sessions", p.Status, len(w.sessions.All()))
			}
		})
	}
}

// TestPartyBelowAnotherPrefix: two parties on one host do not disturb one
// another.
func TestPartyBelowAnotherPrefix(t *testing.T) {
	w := newWorld(t, func(rp *relying.Party) {
		rp.Settings.Prefix, rp.Settings.Home = "/schleuse/my/", "/schleuse/my/devices"
		rp.Settings.SessionCookie, rp.Settings.LoginCookie = "__Host-my-session", "__Host-my-login-"
	})
	b := w.signedIn()
	for name := range b.Cookies(w.url) {
		if name != "__Host-my-session" {
			t.Errorf("the browser has a cookie %q", name)
		}
	}
	if p := w.tell(w.issuer.Sign("logout+jwt", w.issuer.LogoutClaims())); p.Status != http.StatusOK || len(w.sessions.All()) != 0 {
		t.Errorf("the back-channel log-out answered %d, %d sessions", p.Status, len(w.sessions.All()))
	}
	w.clock.Advance(time.Second)
	b = w.signedIn()
	if p := b.Open(w.url + "/schleuse/my/callback?state=unknown-state-1"); p.URL != w.url+"/schleuse/my/devices" {
		t.Errorf("an old answer came to rest at %s", p.URL)
	}
	p := b.Post(w.url+"/schleuse/my/logout", nil)
	if p = b.Follow(p); !strings.Contains(p.Body, w.issuer.URL+"/logout") || len(w.sessions.All()) != 0 {
		t.Errorf("signing out answered %d, %d sessions", p.Status, len(w.sessions.All()))
	}
	if p := b.Navigate(w.url + "/schleuse/my/logged-out"); !strings.Contains(p.Body, `href="/schleuse/my/devices"`) {
		t.Errorf("the way back in: %s", p.Body)
	}
}
