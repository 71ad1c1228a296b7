package mine_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/internal/mine"
	"github.com/schleuse/schleuse/sidecar/internal/relying/relyingtest"
)

// changing are the pages whose form does something.
func changing(w *world) []string {
	a := w.ask("changing")
	own := "devices/" + string(w.Phone.ID)
	return []string{own, own + "/block", own + "/not-me", "history/" + string(a.ID) + "/not-me"}
}

func untouched(t *testing.T, w *world) {
	t.Helper()
	if d := w.state(w.Phone.ID); d.State != device.Active || d.Name != "Telefon" || len(w.reports()) != 0 {
		t.Errorf("something was done: %v, %q, %d tasks", d.State, d.Name, len(w.reports()))
	}
}

func TestFormsOfOthersDoNothing(t *testing.T) {
	w := newWorld(t)
	b, p := w.open("devices/" + string(w.Phone.ID))
	good := token.FindStringSubmatch(p.Body)[1]
	_, other := w.open("devices/" + string(w.Phone.ID)) // another session of the same person
	foreign := token.FindStringSubmatch(other.Body)[1]
	for _, place := range changing(w) {
		for name, tt := range map[string]struct {
			site   string
			tokens []string
		}{
			"another site":          {"cross-site", []string{good}},
			"a sibling":             {"same-site", []string{good}},
			"without a token":       {"same-origin", nil},
			"an empty one":          {"same-origin", []string{""}},
			"two of them":           {"same-origin", []string{good, good}},
			"another session's":     {"same-origin", []string{foreign}},
			"a part of it":          {"same-origin", []string{good[:20]}},
			"more than it":          {"same-origin", []string{good + "A"}},
			"in the address":        {"same-origin", nil},
			"in the address, alone": {"same-origin", nil},
		} {
			form := url.Values{"schleuse_form": tt.tokens, "name": {"Gekapert"}}
			target := w.url + mine.Prefix + place
			if strings.HasPrefix(name, "in the address") {
				target += "?schleuse_form=" + good
			}
			p := b.Do(b.Request(http.MethodPost, target, strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded",
				"Accept", "text/html", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", tt.site))
			if p.Status != http.StatusForbidden {
				t.Errorf("%s, %s: answered %d", place, name, p.Status)
			}
		}
	}
	untouched(t, w)
}

func TestAddressesAloneDoNothing(t *testing.T) {
	w := newWorld(t)
	b, p := w.open("devices/" + string(w.Phone.ID))
	good := token.FindStringSubmatch(p.Body)[1]
	for _, place := range changing(w) {
		b.Open(w.url + mine.Prefix + place + "?name=Gekapert&schleuse_form=" + good)
		b.Do(b.Request(http.MethodHead, w.url+mine.Prefix+place, nil))
		for _, method := range []string{http.MethodPut, http.MethodPatch, http.MethodDelete} {
			if p := b.Do(b.Request(method, w.url+mine.Prefix+place, nil, "Sec-Fetch-Site", "same-origin")); p.Status != http.StatusNotFound {
				t.Errorf("%s %s answered %d", method, place, p.Status)
			}
		}
	}
	untouched(t, w)
}

func TestWhatIsAnotherPersonsDoesNotExist(t *testing.T) {
	w := newWorld(t)
	theirs, asked := w.someoneElses()
	b, own := w.open("devices/" + string(w.Phone.ID))
	unknown := b.Open(w.url + mine.Home + "/" + string(device.NewID()))
	for _, place := range []string{
		"devices/" + string(theirs.ID), "devices/" + string(theirs.ID) + "/block", "devices/" + string(theirs.ID) + "/not-me",
		"history/" + string(asked.ID) + "/not-me",
	} {
		p := b.Open(w.url + mine.Prefix + place)
		if p.Status != http.StatusNotFound || p.Status != unknown.Status {
			t.Errorf("%s answered %d, an unknown one %d", place, p.Status, unknown.Status)
		}
		p.Body = own.Body // with her own token
		if p := w.post(b, p, "name", "Gekapert"); p.Status != http.StatusNotFound {
			t.Errorf("the form at %s answered %d", place, p.Status)
		}
	}
	if d := w.state(theirs.ID); d.State != device.Active || d.Name != "Telefon" || len(w.reports()) != 0 {
		t.Errorf("something was done: %+v", d)
	}
	for _, query := range []string{"", "?before=" + string(asked.ID)} {
		if p := b.Open(w.url + mine.Prefix + "history" + query); p.Status != http.StatusOK || strings.Contains(p.Body, "Deich") {
			t.Errorf("history%s shows what another person was asked (%d)", query, p.Status)
		}
	}
}

func TestPagesCannotBeFramedOrKept(t *testing.T) {
	w := newWorld(t)
	b, _ := w.open("devices")
	for _, place := range append(changing(w), "devices", "history", "logout") {
		p := b.Open(w.url + mine.Prefix + place)
		csp := p.Header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "frame-ancestors 'none'") || !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "script-src") ||
			p.Header.Get("X-Frame-Options") != "DENY" || p.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", place, p.Header)
		}
	}
}

func TestLoginLeadsBackHereAndNowhereElse(t *testing.T) {
	w := newWorld(t)
	for _, evil := range []string{
		"//evil.example", "devices//evil.example", "devices/..%2f..%2fevil", "..%2f..%2frealms/kasse", "%2e%2e/device/v1", "devices;x=1",
		"DEVICES", "devices/%00", `devices\..\x`, "./devices", "devices/../../device/v1/keys", "devices/",
	} {
		b := relyingtest.NewBrowser(t)
		u := &url.URL{Scheme: "http", Host: strings.TrimPrefix(w.url, "http://")}
		req := b.Request(http.MethodGet, u.String(), nil, "Accept", "text/html", "Sec-Fetch-Mode", "navigate")
		req.URL.Opaque = mine.Prefix + evil
		if p := b.Do(req); p.Status != http.StatusNotFound || p.Location() != "" {
			t.Errorf("%s answered %d, led to %q", evil, p.Status, p.Location())
		}
	}
	for place, want := range map[string]string{
		"devices?next=https://evil.example":           "devices",
		"history?before=https://evil.example":         "history",
		"history?before=" + strings.Repeat("a", 5000): "history",
		"devices/x/block?a=b":                         "devices/x/block",
	} {
		b := relyingtest.NewBrowser(t)
		p := b.Navigate(b.Navigate(b.Navigate(w.url + mine.Prefix + place).Location()).Location())
		if got := p.Location(); got != w.url+mine.Prefix+want {
			t.Errorf("%s: the login led to %q", place, got)
		}
	}
}

func TestAStaleLoginMakesNoSession(t *testing.T) {
	w := newWorld(t)
	w.issuer.Set(func(s *relyingtest.Switches) { s.Age = 20 * time.Minute })
	b := relyingtest.NewBrowser(t)
	toIssuer := b.Navigate(w.url + mine.Home)
	if !strings.Contains(toIssuer.Location(), "max_age=900") {
		t.Errorf("asked for %s", toIssuer.Location())
	}
	if p := b.Follow(toIssuer); p.Status != http.StatusBadRequest || len(w.sessions.All()) != 0 {
		t.Errorf("answered %d, %d sessions", p.Status, len(w.sessions.All()))
	}
}

func TestSessionsAreShort(t *testing.T) {
	w := newWorld(t)
	b, _ := w.open("devices")
	for range 3 {
		w.Pass(9 * time.Minute)
		if p := b.Navigate(w.url + mine.Home); p.Status != http.StatusOK {
			t.Fatalf("answered %d though in use", p.Status)
		}
	}
	w.Pass(4 * time.Minute)
	if p := b.Navigate(w.url + mine.Home); p.Status != http.StatusFound {
		t.Errorf("answered %d after half an hour", p.Status)
	}
	b, _ = w.open("devices")
	w.Pass(20 * time.Minute)
	if p := b.Navigate(w.url + mine.Home); p.Status != http.StatusFound {
		t.Errorf("answered %d after twenty idle minutes", p.Status)
	}
}

// TestAPlantedSessionIsNotTheVictims: session fixation.
func TestAPlantedSessionIsNotTheVictims(t *testing.T) {
	w := newWorld(t)
	thief, _ := w.open("devices")
	planted := thief.Cookie(w.url, sessionCookie)
	p := erika()
	p.Subject, p.Username, p.SID = "otto-1", "b123456782", "sid-2"
	w.someoneElses()
	w.issuer.Set(func(s *relyingtest.Switches) { s.Person = p })
	victim := relyingtest.NewBrowser(t)
	toIssuer := victim.Navigate(w.url + mine.Home)
	victim.SetCookie(w.url, sessionCookie, planted)
	victim.Follow(toIssuer)
	if got := victim.Cookie(w.url, sessionCookie); got == planted || got == "" {
		t.Errorf("the victim has %q", got)
	}
	if p := thief.Navigate(w.url + mine.Home); p.Status != http.StatusFound {
		t.Errorf("the thief's session still answers %d", p.Status)
	}
}

func TestTheProviderEndsSessionsHere(t *testing.T) {
	w := newWorld(t)
	b, page := w.open("devices/" + string(w.Phone.ID))
	tell := func(sid string) int {
		claims := w.issuer.LogoutClaims()
		claims["sub"], claims["sid"], claims["jti"] = erika().Subject, sid, sid
		return relyingtest.Tell(t, w.url+mine.Prefix+"backchannel-logout", w.issuer.Sign("logout+jwt", claims)).Status
	}
	if status := tell("another-sid"); status != http.StatusOK || len(w.sessions.All()) != 1 {
		t.Errorf("a foreign sid: %d, %d sessions", status, len(w.sessions.All()))
	}
	if status := tell("sid-1"); status != http.StatusOK || len(w.sessions.All()) != 0 {
		t.Errorf("the session's own: %d, %d sessions", status, len(w.sessions.All()))
	}
	if p := w.post(b, page, "name", "Zu spät"); p.Status != http.StatusUnauthorized || !strings.Contains(p.Body, "was not sent") {
		t.Errorf("a form after the end answered %d: %s", p.Status, p.Body)
	}
	untouched(t, w)
}

func TestScriptsAreNotSentToTheLogin(t *testing.T) {
	w := newWorld(t)
	b := relyingtest.NewBrowser(t)
	for _, headers := range [][]string{{"Accept", "*/*", "Sec-Fetch-Mode", "cors"}, {"Accept", "text/html", "Sec-Fetch-Mode", "navigate", "Sec-Purpose", "prefetch"}} {
		if p := b.Do(b.Request(http.MethodGet, w.url+mine.Home, nil, headers...)); p.Status != http.StatusUnauthorized {
			t.Errorf("%v: answered %d", headers, p.Status)
		}
	}
}

func TestWorkIsBounded(t *testing.T) {
	w := newWorld(t)
	b, _ := w.open("devices")
	refused := 0
	for range 80 {
		if b.Navigate(w.url+mine.Home).Status == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused < 10 || refused > 30 {
		t.Errorf("%d of 80 requests of one session were refused at once", refused)
	}
	other := relyingtest.NewBrowser(t)
	for range 300 {
		other.Navigate(w.url + mine.Prefix + "nothing")
	}
	if p := other.Navigate(w.url + mine.Prefix + "nothing"); p.Status != http.StatusTooManyRequests {
		t.Errorf("one address asks without an end: %d", p.Status)
	}
	claims := w.issuer.LogoutClaims()
	claims["sub"] = erika().Subject
	if p := relyingtest.Tell(t, w.url+mine.Prefix+"backchannel-logout", w.issuer.Sign("logout+jwt", claims)); p.Status != http.StatusOK {
		t.Errorf("the provider is kept from telling: %d", p.Status)
	}
}

func TestNobodyIsNamedInTheLog(t *testing.T) {
	w := newWorld(t)
	w.Realm.Break("Clearance", nil)
	b, p := w.open("devices/" + string(w.Phone.ID))
	w.post(b, p, "name", "Erikas Handy")
	b.Open(w.url + mine.Home + "/" + string(device.NewID()))
	a := w.ask("log")
	w.post(b, b.Open(w.url+mine.Prefix+"history/"+string(a.ID)+"/not-me"))
	for _, secret := range []string{"A123456780", "a123456780", "Erikas", "Deich", b.Cookie(w.url, sessionCookie) + "\x00"} {
		if strings.Contains(w.logs.String(), secret) {
			t.Errorf("the log holds %q:\n%s", secret, w.logs)
		}
	}
}
