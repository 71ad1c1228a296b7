package gate_test

import (
	"bytes"
	stdlog "log"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/internal/gate"
)

func TestClosedAnswersClosed(t *testing.T) {
	w, b := signedIn(t, account.Cleared)
	before := w.keycloak.count("")
	for _, path := range []string{
		"/", "/admin/", "/realms/master/protocol/openid-connect/auth", realmPath + "/account/",
		realmPath + "/login-actions/registration", realmPath + "/login-actions/reset-credentials",
		realmPath + "/protocol/saml", oidcPath + "/registrations", oidcPath + "/ext/ciba/auth/callback",
		realmPath + "/device", realmPath + "/clients-registrations/default", realmPath + "/broker/x/token",
		"/robots.txt", "/schleuse/", "/schleuse/x/none/",
	} {
		b.get(path).want(http.StatusNotFound)
	}
	b.post(oidcPath+"/auth/device", url.Values{}).want(http.StatusNotFound)
	b.do("PUT", oidcPath+"/auth", nil).want(http.StatusNotFound)
	for _, path := range []string{"//realms/kasse", realmPath + "/../master", realmPath + "/%61ccount", realmPath + ";x/account"} {
		b.get(path).want(http.StatusBadRequest)
	}
	if w.keycloak.count("") != before {
		t.Error("something went upstream")
	}
}

// TestHeadersUpstream are written from an allow-list.
func TestHeadersUpstream(t *testing.T) {
	w := newWorld(t)
	w.browser().do(http.MethodGet, oidcPath+"/certs", nil, func(r *http.Request) {
		for name, v := range map[string]string{
			"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "evil.test", "X-Forwarded-Prefix": "/x", "Forwarded": "for=x",
			"Upgrade": "h2c", "Connection": "Upgrade, HTTP2-Settings", "Http2-Settings": "x", "Te": "trailers", "X-Evil": "1",
			"Cookie": "KEYCLOAK_IDENTITY=" + identity("id-h202601057", "sid"), "Accept-Language": "de",
		} {
			r.Header.Set(name, v)
		}
	}).want(http.StatusOK)
	r, _ := w.keycloak.last("/certs")
	for name, want := range map[string]string{
		"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Host": "login.test", "X-Forwarded-Proto": "https", "X-Forwarded-Port": "443",
		"X-Forwarded-Prefix": "", "Forwarded": "", "Upgrade": "", "Connection": "", "Http2-Settings": "", "Te": "", "X-Evil": "",
		"Cookie": "", "Accept-Language": "de",
	} {
		if got := strings.Join(r.Header.Values(name), ","); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if r.Host != "login.test" {
		t.Errorf("host %s", r.Host)
	}
}

// TestRelativePath: Keycloak below /auth.
func TestRelativePath(t *testing.T) {
	w := newWorld(t, func(g *gate.Gate) {
		g.Settings.PublicURL = &url.URL{Scheme: "https", Host: "login.test", Path: "/auth"}
	})
	w.keycloak.respond = func(rw http.ResponseWriter, r *http.Request) bool {
		if path, ok := strings.CutPrefix(r.URL.Path, "/auth"); ok && r.Header.Get("X-Forwarded-Host") == "login.test" {
			r.URL.Path = path
			return false
		}
		http.NotFound(rw, r)
		return true
	}
	b := w.browser()
	b.get(oidcPath + "/certs").want(http.StatusNotFound)
	b.get("/auth" + oidcPath + "/certs").want(http.StatusOK)
	page := b.get("/auth" + authURL("app")).want(http.StatusOK).shows("ask for number")
	if !strings.HasPrefix(page.action(), "/auth/realms/kasse/") {
		t.Errorf("the form goes to %s", page.action())
	}
	next := b.post(page.action(), url.Values{"schleuse_request": {page.hidden("schleuse_request")}, "number": {"H202601057"}}).location()
	login := b.get(next).want(http.StatusOK).shows(`value="H202601057"`)
	tab := mustURL(t, login.action()).Query().Get("tab_id")
	if to := b.get("/auth" + realmPath + "/login-actions/restart?client_id=app&tab_id=" + tab).want(http.StatusSeeOther); !strings.Contains(strings.Join(to.Header()["Set-Cookie"], "\n"), "Path=/auth/realms/kasse/") {
		t.Errorf("cookies %v", to.Header())
	}
}

// TestOwnCookiesStayHere and no name goes upstream twice.
func TestOwnCookiesStayHere(t *testing.T) {
	w, b := signedIn(t, account.Cleared)
	other := identity("id-a123456780", "sid-a")
	b.do(http.MethodGet, authURL("app", "prompt", "none"), nil, func(r *http.Request) {
		r.Header.Set("Cookie", r.Header.Get("Cookie")+"; __Host-schleuse-x=1; KEYCLOAK_IDENTITY="+other)
	})
	r, _ := w.keycloak.last("/auth")
	if c := r.Header.Get("Cookie"); strings.Contains(c, "schleuse") || strings.Contains(c, "KEYCLOAK_IDENTITY") {
		t.Errorf("upstream %s", c)
	}
}

func TestKeycloakDown(t *testing.T) {
	w := newWorld(t, func(g *gate.Gate) { g.Settings.Upstream = &url.URL{Scheme: "http", Host: "127.0.0.1:1"} })
	w.browser().get(oidcPath + "/certs").want(http.StatusServiceUnavailable)
	w.token(url.Values{"grant_type": {"client_credentials"}}).want(http.StatusServiceUnavailable).shows("temporarily_unavailable")
}

// TestBrokenAnswerIsLoggedWithoutItsText: net/http's messages may quote
// anything, and standard error is for one JSON object a line.
func TestBrokenAnswerIsLoggedWithoutItsText(t *testing.T) {
	var log, stray bytes.Buffer
	before := stdlog.Writer()
	stdlog.SetOutput(&stray)
	defer stdlog.SetOutput(before)
	w := newWorld(t, func(g *gate.Gate) {
		g.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	w.keycloak.respond = func(rw http.ResponseWriter, _ *http.Request) bool {
		rw.Header().Set("Content-Length", "100")
		rw.Write([]byte("cut"))
		return true
	}
	w.browser().get(oidcPath + "/certs")
	if stray.Len() != 0 || !strings.Contains(log.String(), "connection error") || strings.Contains(log.String(), "EOF") {
		t.Errorf("logged %q, beside it %q", log.String(), stray.String())
	}
}

func TestAnonymousWorkIsBounded(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	refused := 0
	for range 450 {
		if b.get(authURL("app")).Code == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused == 0 {
		t.Fatal("no bound")
	}
	b.get(oidcPath + "/certs").want(http.StatusOK)
	elsewhere := func(r *http.Request) { r.RemoteAddr = "198.51.100.7:1" }
	b.do(http.MethodGet, authURL("app"), nil, elsewhere).want(http.StatusOK)
	w.clock.Pass(time.Minute)
	b.get(authURL("app")).want(http.StatusOK)
}

// TestMadeUpPeopleAreBounded: each would be a look-up.
func TestMadeUpPeopleAreBounded(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	refused := 0
	for i := range 450 {
		b.cookies = map[string]string{}
		b.keep([]*http.Cookie{{Name: "KEYCLOAK_IDENTITY", Value: identity("id-"+strconv.Itoa(i), "sid")}})
		if b.get(realmPath+"/login-actions/detached-info").Code == http.StatusTooManyRequests {
			refused++
		}
	}
	if looked := w.keycloak.lookedUp; refused == 0 || looked > 400 {
		t.Errorf("%d refused, %d look-ups", refused, looked)
	}
}

func TestPushingForNobodyIsBounded(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	for range 450 {
		b.do(http.MethodPost, oidcPath+"/ext/par/request", url.Values{"client_id": {"app"}})
	}
	if n := w.keycloak.count("/par/request"); n > 410 {
		t.Errorf("%d went to Keycloak", n)
	}
	b.do(http.MethodPost, oidcPath+"/ext/par/request", url.Values{"client_id": {"app"}}).want(http.StatusTooManyRequests)
	b.do(http.MethodPost, oidcPath+"/ext/par/request", url.Values{"client_id": {"app"}, "client_secret": {"x"}}).want(http.StatusCreated)
	made := func() int {
		return b.do(http.MethodPost, oidcPath+"/ext/par/request", url.Values{"client_id": {"app"}, "client_secret": {"made up"}}).Code
	}
	for i := 0; made() == http.StatusCreated; i++ {
		if i > 4000 {
			t.Fatal("a made-up secret lifts the bound")
		}
	}
}

// TestBoundCountsTheBrowser behind a trusted proxy alone.
func TestBoundCountsTheBrowser(t *testing.T) {
	w := newWorld(t, func(g *gate.Gate) { g.Settings.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })
	b := w.browser()
	from := func(address string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("X-Forwarded-For", address) }
	}
	for range 450 {
		b.do(http.MethodGet, authURL("app"), nil, from("203.0.113.9"))
	}
	b.do(http.MethodGet, authURL("app"), nil, from("203.0.113.10")).want(http.StatusOK)
	b.do(http.MethodGet, authURL("app"), nil, from("6.6.6.6, 203.0.113.9")).want(http.StatusTooManyRequests)
}

// TestReview: what a thief has planted does not survive the identification.
func TestReview(t *testing.T) {
	old := account.Authenticator{ID: "old", Type: "otp", Label: "Handy", Created: day(time.March, 1)}
	young := account.Authenticator{ID: "young", Type: "webauthn", Label: "Fremd", Created: day(time.December, 5)}
	reach := func(t *testing.T, w *world) (*browser, response) {
		t.Helper()
		w.keycloak.people["a123456780"].authenticators = []account.Authenticator{old, young}
		b, at := held(t, w)
		next := b.answer(b.get(at), "digits", "0042").location()
		return b, b.get(next).want(http.StatusOK).shows("Handy").shows("Fremd")
	}
	left := func(w *world) (ids []string) {
		for _, a := range w.keycloak.people["a123456780"].authenticators {
			ids = append(ids, a.ID)
		}
		return ids
	}
	t.Run("the old is proposed, the young is not", func(t *testing.T) {
		w := newWorld(t)
		_, page := reach(t, w)
		page.shows(`value="old" checked`)
		if strings.Contains(page.Body.String(), `value="young" checked`) {
			t.Error("the young one is kept by default")
		}
	})
	for name, keep := range map[string]string{"keep the old": "old", "keep the young": "young", "keep none": "none"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b, page := reach(t, w)
			if w.keycloak.people["a123456780"].clearance != account.NotCleared {
				t.Fatal("cleared before the review")
			}
			b.answer(page, "keep", keep).want(http.StatusSeeOther)
			if got := strings.Join(left(w), ","); got != strings.TrimPrefix(keep, "none") {
				t.Errorf("left %q", got)
			}
			if w.keycloak.people["a123456780"].clearance != account.Cleared {
				t.Error("not cleared")
			}
		})
	}
	t.Run("planted while the page stood open", func(t *testing.T) {
		w := newWorld(t)
		b, page := reach(t, w)
		w.keycloak.people["a123456780"].authenticators = append(w.keycloak.people["a123456780"].authenticators, account.Authenticator{ID: "new", Type: "otp", Created: day(time.December, 10)})
		b.answer(page, "keep", "old")
		if got := strings.Join(left(w), ","); got != "old" {
			t.Errorf("left %q", got)
		}
	})
	t.Run("nothing is removed without an entry", func(t *testing.T) {
		w := newWorld(t)
		b, page := reach(t, w)
		w.audit.FailWith(errDown)
		b.answer(page, "keep", "old")
		if len(left(w)) != 2 || w.keycloak.people["a123456780"].clearance != account.NotCleared {
			t.Error("removed or cleared without an entry")
		}
	})
}

func TestAuditTellsTheWay(t *testing.T) {
	w := newWorld(t)
	b, release := ready(t, w)
	b.get(release)
	var got []string
	for _, e := range w.audit.Entries() {
		got = append(got, strings.Repeat("+", int(e.Phase)-1)+e.Action)
		if e.Phase != audit.Outcome && e.Person != "id-a123456780" {
			t.Errorf("%s is of %q", e.Action, e.Person)
		}
	}
	if want := "login.held +role.grant ++role.grant login.released"; strings.Join(got, " ") != want {
		t.Errorf("entries %v, want %s", got, want)
	}
}

func TestSweepForgetsDeadSessions(t *testing.T) {
	w := newWorld(t)
	w.browser().signIn("app", "h202601057").want(http.StatusFound)
	dead := w.browser()
	dead.signIn("app", "h202601057")
	sid := claim(dead.cookies["KEYCLOAK_IDENTITY"], "sid")
	delete(w.keycloak.sessions, sid)
	if err := w.gate.Sweep(t.Context()); err != nil || len(w.records.logins) != 2 {
		t.Fatalf("swept at once: %v", err)
	}
	w.clock.Pass(25 * time.Hour)
	w.keycloak.break_(true)
	if err := w.gate.Sweep(t.Context()); err == nil || len(w.records.logins) != 2 {
		t.Fatal("forgotten although nothing was learnt")
	}
	w.keycloak.break_(false)
	if err := w.gate.Sweep(t.Context()); err != nil || len(w.records.logins) != 2 {
		t.Fatal("looked at again at once")
	}
	w.clock.Pass(25 * time.Hour)
	if err := w.gate.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, there := w.records.logins[account.SID(sid)]; there || len(w.records.logins) != 1 {
		t.Errorf("%d records left", len(w.records.logins))
	}
}

// TestSweepKeepsUp with many logins, and lets an outage of the Admin API end
// a turn early.
func TestSweepKeepsUp(t *testing.T) {
	w := newWorld(t)
	for i := range 1200 {
		sid := account.SID("sid-" + strconv.Itoa(i))
		w.records.logins[sid] = gate.Login{Session: sid, Account: "id-h202601057", Seen: w.clock.Now()}
	}
	w.clock.Pass(25 * time.Hour)
	w.keycloak.break_(true)
	if err := w.gate.Sweep(t.Context()); err == nil || w.records.taken > 100 {
		t.Fatalf("%d taken while nothing can be learnt", w.records.taken)
	}
	w.keycloak.break_(false)
	if err := w.gate.Sweep(t.Context()); err != nil || len(w.records.logins) != 200 {
		t.Errorf("%d left, %v", len(w.records.logins), err)
	}
}
