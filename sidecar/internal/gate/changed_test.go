package gate_test

import (
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
)

const demanded = realmPath + "/login-actions/required-action"

// waiting is somebody who has shown a password and waits at an action that
// Keycloak demands. act sends that action's form.
type waiting struct {
	*browser
	page string // the action's address
	tab  string // its tab_id
}

func waits(t *testing.T, w *world, page response, b *browser, username string) waiting {
	t.Helper()
	w.keycloak.demand(username)
	to := b.password(page, username, "pw-a123456780").location()
	u, err := url.Parse(to)
	if err != nil || u.Path != demanded {
		t.Fatalf("no action is demanded: %q, %v", to, err)
	}
	b.get(to).want(http.StatusOK)
	return waiting{b, to, u.Query().Get("tab_id")}
}

func (b waiting) act() response {
	return b.post(b.page, url.Values{"password-new": {"the thief's own"}})
}

// acted reports how often a form of a demanded action reached Keycloak.
func (w *world) acted() int {
	w.keycloak.mu.Lock()
	defer w.keycloak.mu.Unlock()
	n := 0
	for _, r := range w.keycloak.seen {
		if r.Method == http.MethodPost && r.URL.Path == demanded {
			n++
		}
	}
	return n
}

// owner proves to be the owner of a123456780 and signs in, a while later.
func (w *world) owner() {
	w.t.Helper()
	w.keycloak.undemand("a123456780")
	w.clock.Pass(time.Minute)
	b := w.browser()
	held := b.password(b.typeNumber(authURL("app"), "a123456780"), "a123456780", "pw-a123456780")
	step := b.get(held.location()).want(http.StatusOK)
	b.answer(step, "digits", "0042")
	if got, err := w.keycloak.Clearance(w.t.Context(), "id-a123456780"); got != account.Cleared || err != nil {
		w.t.Fatalf("the owner is not cleared: %v, %v", got, err)
	}
	w.clock.Pass(time.Minute)
}

// TestWhoWaitsIsOvertaken: somebody with the password waits at an action until
// the account has become its owner's. Nothing of what they send then reaches
// Keycloak, which would not look again.
func TestWhoWaitsIsOvertaken(t *testing.T) {
	t.Run("goes on while nothing has changed", func(t *testing.T) {
		w := newWorld(t)
		b := w.browser()
		thief := waits(t, w, b.typeNumber(authURL("app"), "a123456780"), b, "a123456780")
		thief.act()
		if w.acted() != 1 {
			t.Errorf("the form reached Keycloak %d times", w.acted())
		}
	})
	for name, tricks := range map[string]func(waiting){
		"as it is":              func(waiting) {},
		"without the cookie":    func(b waiting) { delete(b.cookies, "__Host-schleuse-number") },
		"with the number again": func(b waiting) { b.retype() },
		"three hours later": func(b waiting) {
			for range 4 {
				b.clock.Pass(45 * time.Minute)
				b.retype()
			}
		},
		"three hours later, by the cookie that knows its age": func(b waiting) {
			for range 4 {
				b.clock.Pass(45 * time.Minute)
				b.renumber()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			thief := waits(t, w, b.typeNumber(authURL("app"), "a123456780"), b, "a123456780")
			w.owner()
			tricks(thief)
			got := thief.act()
			if w.acted() != 0 || got.Code == http.StatusOK {
				t.Errorf("status %d, and the form reached Keycloak %d times", got.Code, w.acted())
			}
		})
	}
	t.Run("through a client without a number page", func(t *testing.T) {
		w := newWorld(t)
		b := w.browser()
		thief := waits(t, w, b.get(authURL("partner")), b, "a123456780")
		w.owner()
		if thief.act(); w.acted() != 0 {
			t.Error("the form reached Keycloak")
		}
	})
	t.Run("there, by another name of the account", func(t *testing.T) {
		w := newWorld(t)
		w.keycloak.alias("anna@kasse.example", "a123456780")
		b := w.browser()
		thief := waits(t, w, b.get(authURL("partner")), b, "anna@kasse.example")
		w.owner()
		w.clock.Pass(20 * time.Minute)
		if thief.act(); w.acted() != 0 {
			t.Error("the form reached Keycloak")
		}
	})
}

// TestATabIsAsOldAsKeycloakMadeIt: the age of a tab alone decides.
func TestATabIsAsOldAsKeycloakMadeIt(t *testing.T) {
	t.Run("a new tab is no old one", func(t *testing.T) {
		w := newWorld(t)
		w.owner()
		b := w.browser()
		out := b.password(b.typeNumber(authURL("app"), "a123456780"), "a123456780", "pw-a123456780")
		if u, err := url.Parse(out.location()); err != nil || u.Query().Get("code") == "" {
			t.Errorf("no code but %q", out.location())
		}
	})
	t.Run("a password typed in an old tab", func(t *testing.T) {
		w := newWorld(t)
		b := w.browser()
		page := b.typeNumber(authURL("app"), "a123456780")
		w.owner()
		seen := w.keycloak.count("/authenticate")
		b.password(page, "a123456780", "pw-a123456780").want(http.StatusSeeOther)
		if w.keycloak.count("/authenticate") != seen {
			t.Error("the password reached Keycloak")
		}
	})
	t.Run("when it cannot be looked up", func(t *testing.T) {
		w := newWorld(t)
		b := w.browser()
		thief := waits(t, w, b.typeNumber(authURL("app"), "a123456780"), b, "a123456780")
		w.changes.Break(errors.New("no database"))
		thief.act().want(http.StatusServiceUnavailable)
		if w.acted() != 0 {
			t.Error("the form reached Keycloak")
		}
	})
}

// retype drops what the gate knows of the tab and types the number for it anew.
func (b waiting) retype() {
	b.t.Helper()
	delete(b.cookies, "__Host-schleuse-number")
	page := b.post(realmPath+"/login-actions/authenticate?client_id=app&tab_id="+b.tab, url.Values{"password": {"x"}})
	b.post(page.action(), url.Values{"schleuse_request": {page.hidden("schleuse_request")}, "number": {"a123456780"}}).want(http.StatusSeeOther)
}

// renumber types the number anew for a tab whose age is known, and stays so.
func (b waiting) renumber() {
	b.t.Helper()
	const known = "__Host-schleuse-number"
	cookie := b.cookies[known]
	delete(b.cookies, known)
	page := b.post(realmPath+"/login-actions/authenticate?client_id=app&tab_id="+b.tab, url.Values{"password": {"x"}})
	b.cookies[known] = cookie
	b.post(page.action(), url.Values{"schleuse_request": {page.hidden("schleuse_request")}, "number": {"a123456780"}}).want(http.StatusSeeOther)
}

// TestALoginOnItsWayIsOvertaken: the password was forwarded a moment before
// the account became its owner's, and Keycloak answers a moment after.
func TestALoginOnItsWayIsOvertaken(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	page := b.typeNumber(authURL("app"), "h202601057")
	w.keycloak.respond = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			w.clock.Pass(time.Second)
			at := []byte(`{"At":"` + w.clock.Now().Format(time.RFC3339Nano) + `"}`)
			if err := w.changes.Put(t.Context(), "H202601057", 0, at, time.Hour); err != nil {
				t.Error(err)
			}
		}
		return false
	}
	b.password(page, "h202601057", "pw-h202601057").want(http.StatusGone)
	if n := w.keycloak.live("h202601057"); n != 0 {
		t.Errorf("%d sessions live on", n)
	}
}
