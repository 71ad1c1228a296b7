package gate_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/internal/gate"
)

var cookieValue = regexp.MustCompile(`=[^;]+`)

// seen is what a stranger can tell one answer from another by.
func seen(r response) string {
	var cookies []string
	for _, line := range r.Header()["Set-Cookie"] {
		if i := strings.Index(line, ";"); i > 0 {
			line = cookieValue.ReplaceAllString(line[:i], "=x") + line[i:]
		}
		cookies = append(cookies, line)
	}
	to, err := url.Parse(r.Header().Get("Location"))
	if err != nil {
		r.t.Fatal(err)
	}
	asks := strings.Contains(r.Body.String(), "ask for number")
	return fmt.Sprintf("%d to %s%s?%s asks %v sets\n%s", r.Code, to.Host, to.Path, to.Query().Get("error"), asks, strings.Join(slices.Sorted(slices.Values(cookies)), "\n"))
}

// TestAForgedCookieTellsNothing: whether the person whose id it claims is
// cleared is not to be told from the answer.
func TestAForgedCookieTellsNothing(t *testing.T) {
	pushed := func(form url.Values, extra ...string) func(*browser) response {
		return func(b *browser) response { return b.get(pushedURL(b.push(form), extra...)) }
	}
	get := func(target string) func(*browser) response {
		return func(b *browser) response { return b.get(target) }
	}
	// Keycloak answers a pushed request with a page of its own, and looks at no
	// cookie before.
	ownPage := func(target string) func(*browser) response {
		return func(b *browser) response {
			b.keycloak.respond = func(rw http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, "/auth") {
					return false
				}
				b.keycloak.tabs["TABOFNOBODY"] = &authSession{params: r.URL.Query()}
				rw.Header().Add("Set-Cookie", "AUTH_SESSION_ID=root;Path=/realms/kasse/;Secure;HttpOnly")
				rw.Header().Set("Location", realmPath+"/login-actions/authenticate?client_id=app&tab_id=TABOFNOBODY")
				rw.WriteHeader(http.StatusFound)
				return true
			}
			return b.get(target)
		}
	}
	login := url.Values{"prompt": {"login"}}
	action := map[string]string{"kc_action": "CONFIGURE_TOTP", "redirect_uri": "https://app.test/cb"}
	for name, ask := range map[string]func(*browser) response{
		"plain":             get(authURL("app")),
		"silent":            get(authURL("app", "prompt", "none")),
		"again":             get(authURL("app", "prompt", "login")),
		"no number":         get(authURL("partner")),
		"no number, silent": get(authURL("partner", "prompt", "none")),
		"action":            get(authURL("app", "kc_action", "CONFIGURE_TOTP")),
		"action, silent":    get(authURL("app", "kc_action", "CONFIGURE_TOTP", "prompt", "none")),
		"action inside":     get(authURL("app", "request", object(t, action))),
		"pushed":            pushed(url.Values{}),
		"pushed, silent":    pushed(url.Values{}, "prompt", "none"),
		"pushed, again":     pushed(login, "prompt", "none"),
		"own page":          ownPage(authURL("app")),
		"own page, silent":  ownPage(authURL("app", "prompt", "none")),
		"own page, partner": ownPage(authURL("partner")),
		"pushed, own page":  func(b *browser) response { return ownPage(pushedURL(b.push(url.Values{})))(b) },
		"posted": func(b *browser) response {
			return b.do(http.MethodPost, oidcPath+"/auth", url.Values{"client_id": {"app"}})
		},
		"keycloak's page":    get(realmPath + "/login-actions/authenticate?client_id=app&tab_id=x"),
		"removed on a page":  func(b *browser) response { return removed(b, realmPath+"/login-actions/required-action?tab_id=x") },
		"removed by consent": func(b *browser) response { return removed(b, realmPath+"/login-actions/consent?tab_id=x") },
	} {
		t.Run(name, func(t *testing.T) {
			var answers []string
			for _, victim := range []string{"h202601057", "s.schmidt", "a123456780", "nobody"} {
				b := newWorld(t).browser()
				b.keep([]*http.Cookie{{Name: "KEYCLOAK_IDENTITY", Value: forged(victim)}})
				answers = append(answers, seen(ask(b)))
			}
			for _, other := range answers[1:] {
				if diff := cmp.Diff(answers[0], other); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

// removed has Keycloak take the cookie away on a page where it looks at it.
func removed(b *browser, target string) response {
	b.keycloak.respond = func(rw http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/account/") {
			return false
		}
		if hasCookie(r, "KEYCLOAK_IDENTITY") {
			rw.Header().Add("Set-Cookie", "KEYCLOAK_IDENTITY=;Version=1;Path=/realms/kasse/;Max-Age=0")
		}
		rw.WriteHeader(http.StatusBadRequest)
		return true
	}
	return b.get(target)
}

// forged is an identity cookie that Keycloak did not sign.
func forged(username string) string {
	return strings.TrimSuffix(identity("id-"+username, "sid-junk"), ".good") + ".bad"
}

// TestAForgedCookieIsTakenAway, and one that is genuine is not, whether its
// person is cleared or was.
func TestAForgedCookieIsTakenAway(t *testing.T) {
	for _, victim := range []string{"h202601057", "a123456780"} {
		b := newWorld(t).browser()
		b.keep([]*http.Cookie{{Name: "KEYCLOAK_IDENTITY", Value: forged(victim)}})
		if b.get(authURL("app")).shows("ask for number"); b.cookies["KEYCLOAK_IDENTITY"] != "" {
			t.Errorf("%s: it stays", victim)
		}
	}
	w, b := signedIn(t, account.Cleared)
	w.turn("h202601057", account.NotCleared)
	b.get(authURL("app")).shows("ask for number")
	w.turn("h202601057", account.Cleared)
	if codeOf(b.get(authURL("app"))) == "" {
		t.Error("cleared again, and not signed in")
	}
	b.get(authURL("app", "prompt", "login")).want(http.StatusOK).shows(`class="again"`)
	if b.cookies["KEYCLOAK_IDENTITY"] == "" {
		t.Error("a genuine cookie was taken away")
	}
}

// TestKeycloakDownTellsNothing: nobody is told to be anybody, and no cookie goes.
func TestKeycloakDownTellsNothing(t *testing.T) {
	for _, victim := range []string{"h202601057", "a123456780"} {
		w := newWorld(t, func(g *gate.Gate) { g.Settings.Upstream = mustURL(t, "http://127.0.0.1:1") })
		b := w.browser()
		b.keep([]*http.Cookie{{Name: "KEYCLOAK_IDENTITY", Value: forged(victim)}})
		if got := b.get(authURL("app")).want(http.StatusServiceUnavailable); got.Header().Get("Set-Cookie") != "" {
			t.Errorf("%s: sets %v", victim, got.Header())
		}
	}
}

// TestForgedCookiesAreBounded as those are who send none, whoever they claim
// to be.
func TestForgedCookiesAreBounded(t *testing.T) {
	for _, victim := range []string{"h202601057", "a123456780"} {
		w := newWorld(t)
		passed := 0
		for range 450 {
			b := w.browser()
			b.keep([]*http.Cookie{{Name: "KEYCLOAK_IDENTITY", Value: forged(victim)}})
			if b.get(authURL("app")).Code == http.StatusOK {
				passed++
			}
		}
		if passed < 390 || passed > 400 {
			t.Errorf("%s: %d passed", victim, passed)
		}
	}
}

// TestWhoIsSignedInIsBounded: by their address, and by how often their login
// leaves.
func TestWhoIsSignedInIsBounded(t *testing.T) {
	w, b := signedIn(t, account.Cleared)
	elsewhere := 0
	from := func(r *http.Request) {
		elsewhere++
		r.RemoteAddr = fmt.Sprintf("198.51.100.%d:1", elsewhere%200)
	}
	codes := 0
	for codeOf(b.do(http.MethodGet, authURL("app"), nil, from)) != "" {
		if codes++; codes > 700 {
			t.Fatal("codes without end")
		}
	}
	if codes < 590 {
		t.Errorf("only %d codes", codes)
	}
	b.do(http.MethodGet, authURL("app"), nil, from).want(http.StatusTooManyRequests)
	w.clock.Pass(time.Second)
	if codeOf(b.get(authURL("app"))) == "" {
		t.Error("no code a second later")
	}
	n := 0
	for b.get(realmPath+"/login-actions/detached-info").Code != http.StatusTooManyRequests {
		if n++; n > 4100 {
			t.Fatal("one address without end")
		}
	}
	if n < 3900 {
		t.Errorf("only %d from one address", n)
	}
}

// TestABodyWhereNothingReadsOneStaysHere.
func TestABodyWhereNothingReadsOneStaysHere(t *testing.T) {
	w := newWorld(t)
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		w.browser().do(method, realmPath+"/login-actions/authenticate?client_id=app&tab_id=x", url.Values{"username": {"x"}, "password": {"y"}})
		r, _ := w.keycloak.last("/authenticate")
		if r.Method != method || r.ContentLength != 0 || len(r.TransferEncoding) != 0 || r.Header.Get("Content-Type") != "" {
			t.Errorf("%s with %d bytes of %q, %v", r.Method, r.ContentLength, r.Header.Get("Content-Type"), r.TransferEncoding)
		}
	}
}
