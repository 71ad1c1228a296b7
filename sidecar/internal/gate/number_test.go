package gate_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/internal/gate"
)

// TestWhoGetsTheNumberPage: at the request's own address, nothing upstream,
// nothing stored.
func TestWhoGetsTheNumberPage(t *testing.T) {
	for name, tc := range map[string]struct {
		client string
		extra  []string
		asked  bool
	}{
		"a stranger":                 {"app", nil, true},
		"with a hint of the client":  {"app", []string{"login_hint", "B123456782"}, true},
		"that asks for registration": {"app", []string{"prompt", "create"}, true},
		"silently":                   {"app", []string{"prompt", "none"}, false},
		"through a plain client":     {"partner", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			got := w.browser().get(authURL(tc.client, tc.extra...))
			asked := strings.Contains(got.Body.String(), "ask for number")
			if asked != tc.asked || (w.keycloak.count("/auth") == 0) != tc.asked {
				t.Errorf("asked %v, upstream %d", asked, w.keycloak.count("/auth"))
			}
			if w.attempts.Len() != 0 {
				t.Error("a stranger's request was stored")
			}
		})
	}
}

func TestNumberGoesUpstreamAsHintAlone(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	page := b.typeNumber(authURL("app", "login_hint", "B123456782", "prompt", "create login"), "a123 456 780")
	r, _ := w.keycloak.last("/auth")
	if q := r.URL.Query(); len(q["login_hint"]) != 1 || q.Get("login_hint") != "A123456780" || q.Get("prompt") != "login" {
		t.Errorf("upstream %v", q)
	}
	for name, v := range b.cookies {
		if strings.Contains(strings.ToUpper(v), "A123456780") {
			t.Errorf("cookie %s holds the number", name)
		}
	}
	b.password(page, "", "wrong")
	_, form := w.keycloak.last("/authenticate")
	if form.Get("username") != "A123456780" {
		t.Errorf("posted %v", form)
	}
}

func TestPlainClientKeepsItsHint(t *testing.T) {
	w := newWorld(t)
	w.browser().get(authURL("partner", "login_hint", "p.praxis"))
	r, _ := w.keycloak.last("/auth")
	if r.URL.Query().Get("login_hint") != "p.praxis" {
		t.Errorf("upstream %v", r.URL)
	}
}

// TestBrowserWithoutCookies is told so, instead of being asked for ever.
func TestBrowserWithoutCookies(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	page := b.get(authURL("app")).want(http.StatusOK)
	form := url.Values{"schleuse_request": {page.hidden("schleuse_request")}, "number": {"H202601057"}}
	told := w.browser().post(page.action(), form).want(http.StatusBadRequest).shows("erlauben Sie Cookies").shows("https://app.test/")
	if set := told.Header()["Set-Cookie"]; len(set) != 0 {
		t.Errorf("sets %v", set)
	}
	b.post(page.action(), form).want(http.StatusSeeOther)
	for name := range b.cookies {
		if !strings.HasPrefix(name, "__Host-schleuse-") {
			t.Errorf("the page set %s", name)
		}
	}
}

func TestWrongNumberIsAskedAgain(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	page := b.get(authURL("app"))
	page = b.post(page.action(), url.Values{"schleuse_request": {page.hidden("schleuse_request")}, "number": {"A123456781"}}).
		want(http.StatusOK).shows("wrong")
	b.post(page.action(), url.Values{"schleuse_request": {page.hidden("schleuse_request")}, "number": {"A123456780"}}).want(http.StatusSeeOther)
}

// TestNumberFormIsOurs: from this site, untouched, of this path, not too old.
func TestNumberFormIsOurs(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	page := b.get(authURL("app"))
	form := url.Values{"schleuse_request": {page.hidden("schleuse_request")}, "number": {"A123456780"}}
	b.do(http.MethodPost, page.action(), form, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }).want(http.StatusBadRequest)
	forged := url.Values{"schleuse_request": {"x" + form.Get("schleuse_request")}, "number": {"A123456780"}}
	b.post(page.action(), forged).want(http.StatusGone)
	b.post(realmPath+"/login-actions/authenticate", form).want(http.StatusGone)
	w.clock.Pass(25 * time.Hour)
	b.post(page.action(), form).want(http.StatusGone)
	if w.keycloak.count("") != 0 {
		t.Error("something went upstream")
	}
}

// TestPostedRequest: a client's POST gets the page too, and goes on as a POST.
func TestPostedRequest(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	_, query, _ := strings.Cut(authURL("app"), "?")
	form, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	page := b.do(http.MethodPost, oidcPath+"/auth", form, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }).
		want(http.StatusOK).shows("ask for number")
	login := b.post(page.action(), url.Values{"schleuse_request": {page.hidden("schleuse_request")}, "number": {"H202601057"}}).want(http.StatusOK)
	r, sent := w.keycloak.last("/auth")
	if r.Method != http.MethodPost || sent.Get("login_hint") != "H202601057" || sent.Get("state") != form.Get("state") || sent.Has("schleuse_request") {
		t.Errorf("upstream %s %v", r.Method, sent)
	}
	if codeOf(b.password(login, "", "pw-h202601057")) == "" {
		t.Error("no code")
	}
}

// TestPasswordWithoutNumber: of a tab that nothing is known of the password
// does not go upstream; the number brings the person back to it.
func TestPasswordWithoutNumber(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	login := b.typeNumber(authURL("app"), "H202601057")
	delete(b.cookies, "__Host-schleuse-number")
	page := b.password(login, "h202601057", "pw-h202601057").want(http.StatusOK).shows("ask for number")
	if w.keycloak.count("/authenticate") != 0 {
		t.Fatal("the password went upstream")
	}
	if strings.Contains(page.Body.String(), "pw-h202601057") {
		t.Error("the password is in the page")
	}
	back := b.post(page.action(), url.Values{"schleuse_request": {page.hidden("schleuse_request")}, "number": {"H202601057"}}).location()
	if strings.Contains(back, "session_code") {
		t.Errorf("back at %s", back)
	}
	if codeOf(b.password(b.get(back), "", "pw-h202601057")) == "" {
		t.Error("no code")
	}
}

// TestReloadOfTheLoginPage: the number is not asked twice for one request,
// and is forgotten with its login.
func TestReloadOfTheLoginPage(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	target := authURL("app")
	b.typeNumber(target, "H202601057")
	login := b.get(target).want(http.StatusOK).shows(`value="H202601057"`)
	b.password(login, "", "pw-h202601057").want(http.StatusFound)
	clear(w.keycloak.sessions)
	b.get(target).shows("ask for number")
}

func TestTwoTabsTwoNumbers(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	one := b.typeNumber(authURL("app"), "A123456780")
	two := b.typeNumber(authURL("app"), "H202601057")
	b.password(one, "", "wrong")
	if _, form := w.keycloak.last("/authenticate"); form.Get("username") != "A123456780" {
		t.Errorf("posted %v", form)
	}
	if codeOf(b.password(two, "", "pw-h202601057")) == "" {
		t.Error("no code")
	}
}

func TestManyTabsStayWithinACookie(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	long := strings.Repeat("x", 900)
	for range 12 {
		b.typeNumber(authURL("app", "nonce", long), "A123456780")
		if n := len(b.cookies["__Host-schleuse-number"]); n == 0 || n > 3900 {
			t.Fatalf("the cookie has %d bytes", n)
		}
	}
}

// TestDeadSession: the number comes before the password.
func TestDeadSession(t *testing.T) {
	w, b := signedIn(t, account.Cleared)
	clear(w.keycloak.sessions)
	b.get(authURL("app")).want(http.StatusOK).shows("ask for number")
	if b.cookies["KEYCLOAK_IDENTITY"] != "" {
		t.Error("the dead cookie stays")
	}
	if got := b.get(authURL("app", "prompt", "none")).location(); !strings.Contains(got, "login_required") {
		t.Errorf("silently: %s", got)
	}
}

// TestLoginWithoutRecord: our database was lost or restored. Nobody is signed
// out for it, but the number is asked for.
func TestLoginWithoutRecord(t *testing.T) {
	w, b := signedIn(t, account.Cleared)
	clear(w.records.logins)
	if to := b.get(authURL("app", "prompt", "none")).location(); !strings.Contains(to, "login_required") {
		t.Errorf("silently: %s", to)
	}
	nothingLeft(t, b.get(authURL("app")).want(http.StatusOK).shows("ask for number"))
	if w.keycloak.live("h202601057") != 1 {
		t.Error("the session was ended")
	}
	if codeOf(b.signIn("app", "h202601057")) == "" {
		t.Error("no code")
	}
}

// TestSecondPassword: who signs in again is who was signed in.
func TestSecondPassword(t *testing.T) {
	w, b := signedIn(t, account.Cleared)
	page := b.get(authURL("app", "prompt", "login")).want(http.StatusOK)
	if !strings.Contains(page.Body.String(), `class="again"`) {
		t.Fatalf("page %s", page.Body)
	}
	if codeOf(b.password(page, "b123456782", "pw-h202601057")) == "" {
		t.Error("no code")
	}
	if _, form := w.keycloak.last("/authenticate"); form.Get("username") != "H202601057" {
		t.Errorf("posted %v", form)
	}
}

func TestRestartAsksForTheNumberAgain(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	target := authURL("app")
	login := b.typeNumber(target, "A123456780")
	u := mustURL(t, login.action())
	to := b.get(realmPath + "/login-actions/restart?client_id=app&tab_id=" + u.Query().Get("tab_id")).location()
	if w.keycloak.count("/restart") != 0 {
		t.Error("went upstream")
	}
	b.get(to).want(http.StatusOK).shows("ask for number")
	if to := b.get(realmPath + "/login-actions/restart?client_id=app&tab_id=unknown").location(); to != "https://app.test/" {
		t.Errorf("of an unknown tab: %s", to)
	}
	b.get(realmPath + "/login-actions/restart?client_id=none&tab_id=unknown").want(http.StatusGone)
}

// TestRestartSignsOut: whoever wants another number must not come back as who
// they were.
func TestRestartSignsOut(t *testing.T) {
	_, b := signedIn(t, account.Cleared)
	page := b.get(authURL("app", "prompt", "login")).want(http.StatusOK)
	tab := mustURL(t, page.action()).Query().Get("tab_id")
	defer func() {
		if b.cookies["AUTH_SESSION_ID"] != "" {
			t.Error("the next login would be beside this one")
		}
	}()
	b.get(b.get(realmPath + "/login-actions/restart?client_id=app&tab_id=" + tab).location()).shows("ask for number")
}

// TestClaimedAccountHasNoNumber: a junk cookie names anybody whose id one
// knows, and Keycloak's page would show their number.
func TestClaimedAccountHasNoNumber(t *testing.T) {
	for _, victim := range []string{"h202601057", "a123456780"} {
		w := newWorld(t)
		b := w.browser()
		pushed := b.do(http.MethodPost, oidcPath+"/ext/par/request", url.Values{"client_id": {"app"}, "prompt": {"login"}})
		var answer struct {
			URI string `json:"request_uri"`
		}
		if err := json.Unmarshal(pushed.Body.Bytes(), &answer); err != nil {
			t.Fatal(err)
		}
		b.keep([]*http.Cookie{{Name: "KEYCLOAK_IDENTITY", Value: identity("id-"+victim, "sid-junk")}})
		b.get(oidcPath + "/auth?" + url.Values{"client_id": {"app"}, "prompt": {"none"}, "request_uri": {answer.URI}}.Encode()).
			want(http.StatusOK).shows("ask for number")
		if r, _ := w.keycloak.last("/auth"); r != nil && r.URL.Query().Has("login_hint") {
			t.Errorf("went to Keycloak with %v", r.URL.Query())
		}
	}
}

// TestRestartOfNoTabSignsNobodyOut: any site can have a browser ask for it.
func TestRestartOfNoTabSignsNobodyOut(t *testing.T) {
	_, b := signedIn(t, account.Cleared)
	for _, query := range []string{"client_id=app&tab_id=unknown", "client_id=app", "client_id=none&tab_id=unknown"} {
		if set := b.get(realmPath + "/login-actions/restart?" + query).Header()["Set-Cookie"]; len(set) != 0 {
			t.Errorf("%s sets %v", query, set)
		}
	}
}

func TestStaffEntry(t *testing.T) {
	open := func(g *gate.Gate) { g.Settings.StaffEntry = true }
	link := func(t *testing.T, b *browser) response {
		t.Helper()
		page := b.get(authURL("app")).shows("Mitarbeitende")
		return b.get(b.get(page.action() + "&schleuse_staff=1").location()).want(http.StatusOK)
	}
	t.Run("exempt", func(t *testing.T) {
		w := newWorld(t, open)
		b := w.browser()
		if codeOf(b.password(link(t, b), "s.schmidt", "pw-s.schmidt")) == "" {
			t.Error("staff did not get in")
		}
		r, _ := w.keycloak.last("/auth")
		if r.URL.Query().Has("schleuse_staff") {
			t.Error("the mark went upstream")
		}
	})
	for _, user := range []string{"a123456780", "h202601057"} {
		t.Run(user, func(t *testing.T) {
			w := newWorld(t, open)
			b := w.browser()
			nothingLeft(t, b.password(link(t, b), user, "pw-"+user).want(http.StatusForbidden))
			if w.keycloak.live(user) != 0 {
				t.Error("the session lives")
			}
		})
	}
	t.Run("not offered", func(t *testing.T) {
		w := newWorld(t)
		b := w.browser()
		page := b.get(authURL("app"))
		if strings.Contains(page.Body.String(), "Mitarbeitende") {
			t.Error("offered")
		}
		b.get(page.action() + "&schleuse_staff=1").want(http.StatusOK).shows("ask for number")
	})
}

// TestTheSameFormOfAPageInFrontIsTheSamePage: who loads the page after the
// number again sends the number again, and is asked for no number.
func TestTheSameFormOfAPageInFrontIsTheSamePage(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	page := b.get(authURL("app")).want(http.StatusOK)
	form := url.Values{"schleuse_request": {page.hidden("schleuse_request")}, "number": {"a123456780"}}
	first := b.post(page.action(), form).location()
	if again := b.post(page.action(), form).location(); again != first {
		t.Errorf("led to %q, want %q", again, first)
	}
}
