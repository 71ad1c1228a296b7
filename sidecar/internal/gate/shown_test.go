package gate_test

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/internal/gate"
	"github.com/schleuse/schleuse/sidecar/member"
)

const (
	numberCookie   = "__Host-schleuse-number"
	thiefsPassword = "the thief's own"
)

// misleads are the ways in which somebody with a secret of a123456780 waits and
// lets the gate hear of h202601057, an account of their own.
func misleads() map[string]func(w *world, client string) waiting {
	return map[string]func(w *world, client string) waiting{
		"a handle beside the password": func(w *world, client string) waiting {
			secret := typing("a123456780")
			secret.Set("userHandle", handle("h202601057"))
			return waiter{client: client, number: "a123456780", secret: secret}.waits(w)
		},
		"two cookies for one tab": func(w *world, client string) waiting {
			w.keycloak.demand("a123456780")
			b := w.browser()
			page := b.typeNumber(authURL(client), "h202601057")
			first := b.cookies[numberCookie]
			delete(b.cookies, numberCookie)
			again := b.post(page.action(), typing("a123456780")).want(http.StatusOK).shows("ask for number")
			to := b.post(again.action(), url.Values{"schleuse_request": {again.hidden("schleuse_request")}, "number": {"a123456780"}}).location()
			thief := b.at(b.password(b.get(to), "a123456780", "pw-a123456780").location())
			b.cookies[numberCookie] = first
			thief.rename("h202601057")
			return thief
		},
		"another name, plain": func(w *world, _ string) waiting {
			thief := waiter{client: "partner", secret: typing("a123456780")}.waits(w)
			thief.rename("h202601057")
			return thief
		},
		"another name first, plain": func(w *world, _ string) waiting {
			b := w.browser()
			page := b.get(authURL("partner"))
			b.post(page.action(), url.Values{"username": {"h202601057"}, "password": {"wrong"}})
			w.keycloak.demand("a123456780")
			return b.at(b.post(page.action(), typing("a123456780")).location())
		},
		"nobody's name first, plain": func(w *world, _ string) waiting {
			b := w.browser()
			page := b.get(authURL("partner"))
			b.post(page.action(), url.Values{"username": {"nobody"}, "password": {"wrong"}})
			w.keycloak.demand("a123456780")
			return b.at(b.post(page.action(), typing("a123456780")).location())
		},
		"the answer unheard, plain": func(w *world, _ string) waiting {
			w.keycloak.demand("a123456780")
			b := w.browser()
			page := b.get(authURL("partner"))
			ctx, hangUp := context.WithCancel(w.t.Context())
			w.keycloak.respond = func(http.ResponseWriter, *http.Request) bool { hangUp(); return false }
			b.do(http.MethodPost, page.action(), typing("a123456780"), func(r *http.Request) { *r = *r.WithContext(ctx) })
			w.keycloak.respond = nil
			u, err := url.Parse(page.action())
			if err != nil {
				w.t.Fatal(err)
			}
			thief := b.at(demanded + "?execution=UPDATE_PASSWORD&client_id=partner&tab_id=" + u.Query().Get("tab_id"))
			thief.rename("h202601057")
			return thief
		},
	}
}

// at is somebody who waits at this address.
func (b *browser) at(to string) waiting {
	b.t.Helper()
	u, err := url.Parse(to)
	if err != nil || u.Path != demanded {
		b.t.Fatalf("no action: %q, %v", to, err)
	}
	return waiting{b, to, u.Query().Get("tab_id"), nil}
}

// next is what follows an action: the next one, or the page that asks for
// consent.
func (b waiting) next(out response) response {
	b.t.Helper()
	u, err := url.Parse(out.Header().Get("Location"))
	switch {
	case err != nil || u.Path != demanded:
		return out
	case u.Query().Get("execution") == "OAUTH_GRANT":
		return b.post(strings.Replace(out.location(), "required-action", "consent", 1), url.Values{"accept": {"x"}})
	}
	return b.post(out.location(), url.Values{"password-new": {thiefsPassword}})
}

// TestNoNameHidesWhoWaits: whatever else the gate hears of in the tab, who waits
// in it does not go on once the account has become its owner's; nor does it
// matter how many pages stand between them and the end.
func TestNoNameHidesWhoWaits(t *testing.T) {
	for name, waits := range misleads() {
		for _, client := range []string{"app", "app-consent"} {
			for _, another := range []bool{false, true} {
				t.Run(name+" "+client+map[bool]string{true: ", two actions"}[another], func(t *testing.T) {
					w := newWorld(t)
					thief := waits(w, client)
					w.keycloak.another = another
					w.owner()
					out := thief.next(thief.next(thief.act()))
					if w.acted() != 0 || w.keycloak.people["a123456780"].password == thiefsPassword || codeOf(out) != "" {
						t.Errorf("%d forms reached Keycloak, password %q, leads to %q", w.acted(), w.keycloak.people["a123456780"].password, out.Header().Get("Location"))
					}
				})
			}
		}
	}
}

// TestWhoHasActedIsOvertakenAtTheNextPage: the account becomes its owner's while
// the thief, who has done what was demanded first, waits at the page behind it.
func TestWhoHasActedIsOvertakenAtTheNextPage(t *testing.T) {
	for name, c := range map[string]waiter{
		"a second action": {client: "app"}, "consent": {client: "app-consent"}, "consent, plain": {client: "partner-consent"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.secret = typing("a123456780")
			if c.client != "partner-consent" {
				c.number = "a123456780"
			}
			thief := c.waits(w)
			w.keycloak.another = c.client == "app"
			out := thief.act()
			w.keycloak.people["a123456780"].password = "pw-a123456780" // sent by mail
			w.owner()
			if out = thief.next(out); codeOf(out) != "" || thief.cookies["KEYCLOAK_IDENTITY"] != "" || w.keycloak.live("a123456780") != 1 {
				t.Errorf("leads to %q, %d sessions live", out.Header().Get("Location"), w.keycloak.live("a123456780"))
			}
			if got := w.keycloak.people["a123456780"].password; got != "pw-a123456780" {
				t.Errorf("password %q", got)
			}
		})
	}
}

// TestWhoActsGoesOn through all pages that Keycloak shows, and others who wait
// for the same account do not.
func TestWhoActsGoesOn(t *testing.T) {
	for _, client := range []string{"app", "app-consent", "partner-consent"} {
		t.Run(client, func(t *testing.T) {
			w := newWorld(t)
			c := waiter{client: client, secret: typing("a123456780")}
			if client != "partner-consent" {
				c.number = "a123456780"
			}
			other, b := c.waits(w), c.waits(w)
			w.keycloak.another = true
			w.clock.Pass(time.Second)
			out := b.act()
			w.clock.Pass(time.Second)
			other.act()
			out = b.next(b.next(out))
			if to := out.location(); !strings.HasPrefix(to, "/schleuse/attempts/") || w.acted() != 2 {
				t.Errorf("leads to %s, %d forms reached Keycloak", to, w.acted())
			}
		})
	}
}

// stranger is somebody with an account of their own at an action.
func stranger(w *world) waiting {
	w.keycloak.demand("h202601057")
	b := w.browser()
	page := b.get(authURL("partner"))
	return b.at(b.post(page.action(), url.Values{"username": {"h202601057"}, "password": {"pw-h202601057"}}).location())
}

// TestAStrangerMarksNobody: who has shown no secret of an account keeps nobody
// from signing in to it, whatever they name.
func TestAStrangerMarksNobody(t *testing.T) {
	for name, act := range map[string]func(w *world){
		"at an action of their own": func(w *world) {
			s := stranger(w)
			s.rename("a123456780")
			s.act()
		},
		"with a number alone": func(w *world) {
			b := w.browser()
			u, err := url.Parse(b.typeNumber(authURL("app"), "a123456780").action())
			if err != nil {
				w.t.Fatal(err)
			}
			s := waiting{b, demanded + "?execution=UPDATE_PASSWORD&client_id=app&tab_id=" + u.Query().Get("tab_id"), "", nil}
			s.act()
		},
		"by a passkey of their own": func(w *world) {
			w.keycloak.demand("h202601057")
			own := passkey()
			own.Set("userHandle", handle("h202601057"))
			b := w.browser()
			b.at(b.post(b.typeNumber(authURL("app"), "a123456780").action(), own).location()).act()
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			v := w.browser()
			page := v.typeNumber(authURL("app"), "a123456780")
			w.clock.Pass(time.Second)
			act(w)
			w.clock.Pass(time.Second)
			if to := v.password(page, "a123456780", "pw-a123456780").location(); !strings.HasPrefix(to, "/schleuse/attempts/") {
				t.Errorf("the right password leads to %s", to)
			}
			if raw, _, err := w.changes.Get(t.Context(), "A123456780"); raw != nil || err != nil {
				t.Errorf("marked: %s, %v", raw, err)
			}
		})
	}
}

// TestAStrangerTakesNothingBack: they name somebody while a form of their own is
// on its way.
func TestAStrangerTakesNothingBack(t *testing.T) {
	w := newWorld(t)
	s := stranger(w)
	w.owner()
	w.keycloak.acting = func() { s.rename("a123456780") }
	s.act()
	if p := w.keycloak.people["a123456780"].password; p != "pw-a123456780" || w.keycloak.live("a123456780") != 1 {
		t.Errorf("password %q, %d sessions live", p, w.keycloak.live("a123456780"))
	}
}

// TestTheLoginThatGoesAlongIsNamed: with the identity cookie of one account a
// tab is opened in which the password of that account is asked for again,
// whatever name is written.
func TestTheLoginThatGoesAlongIsNamed(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("app", "h202601057").want(http.StatusFound)
	w.keycloak.demand("h202601057")
	page := b.get(authURL("partner", "prompt", "login"))
	thief := b.at(b.post(page.action(), url.Values{"username": {"a123456780"}, "password": {"pw-h202601057"}}).location())
	overtakes(t, w, "H202601057")
	if thief.act(); w.acted() != 0 {
		t.Error("the form reached Keycloak")
	}
}

// overtakes says that an account was taken back, and lets a second pass.
func overtakes(t *testing.T, w *world, number member.KVNR) {
	t.Helper()
	w.clock.Pass(time.Second)
	done, err := w.gate.Overtake(t.Context(), number)
	if err == nil {
		err = done(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	w.clock.Pass(time.Second)
}

// TestWhoWaitsIsOvertakenFromAPhone: "das war ich nicht", or a new login
// password; the account stays cleared, so nothing holds what comes out.
func TestWhoWaitsIsOvertakenFromAPhone(t *testing.T) {
	for _, c := range []waiter{{client: "app", number: "a123456780"}, {client: "app-consent", number: "a123456780"}, {client: "partner-consent"}} {
		t.Run(c.client, func(t *testing.T) {
			w := newWorld(t)
			w.owner()
			c.secret = typing("a123456780")
			thief, early := c.waits(w), w.browser()
			page := early.typeNumber(authURL("app"), "a123456780")
			w.clock.Pass(time.Second)
			done, err := w.gate.Overtake(t.Context(), "A123456780")
			if err != nil {
				t.Fatal(err)
			}
			w.keycloak.undemand("a123456780")
			w.clock.Pass(time.Second)
			b := w.browser()
			b.password(b.typeNumber(authURL("app"), "a123456780"), "a123456780", "pw-a123456780").want(http.StatusGone) // the password is dead in a moment
			if err := done(t.Context()); err != nil {
				t.Fatal(err)
			}
			if out := thief.next(thief.act()); w.acted() != 0 || codeOf(out) != "" {
				t.Errorf("%d forms reached Keycloak", w.acted())
			}
			early.password(page, "a123456780", "pw-a123456780").want(http.StatusGone)
			w.clock.Pass(time.Second)
			if codeOf(b.signIn("app", "a123456780")) == "" {
				t.Error("the owner does not get in")
			}
		})
	}
}

// TestAtTheConsentPageOneIsOvertakenToo, where nothing was demanded.
func TestAtTheConsentPageOneIsOvertakenToo(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	out := b.password(b.typeNumber(authURL("app-consent"), "H202601057"), "h202601057", "pw-h202601057")
	thief := b.at(out.location())
	overtakes(t, w, "H202601057")
	if out = thief.next(out); codeOf(out) != "" || w.keycloak.live("h202601057") != 0 {
		t.Errorf("status %d, %d sessions live", out.Code, w.keycloak.live("h202601057"))
	}
}

// TestATabThatWasNotSeenOpenedIsOfNoAge: who waits in it may wait for longer
// than anything is remembered.
func TestATabThatWasNotSeenOpenedIsOfNoAge(t *testing.T) {
	for _, client := range []string{"app-consent", "partner-consent"} {
		t.Run(client, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			page := b.get(authURL(client))
			if client == "app-consent" {
				page = b.typed(page, "H202601057")
			}
			out := b.password(page, "h202601057", "pw-h202601057")
			thief := b.at(out.location())
			w.clock.Pass(48 * time.Hour)
			if out = thief.next(out); codeOf(out) != "" || w.keycloak.live("h202601057") != 0 {
				t.Errorf("status %d, %d sessions live", out.Code, w.keycloak.live("h202601057"))
			}
		})
	}
}

// typed answers the number page and goes on to Keycloak's.
func (b *browser) typed(page response, number string) response {
	b.t.Helper()
	return b.get(b.post(page.action(), url.Values{"schleuse_request": {page.hidden("schleuse_request")}, "number": {number}}).location())
}

// TestAFormOfAnUnknownTabIsNotSentOn: who it names would be written down nowhere.
func TestAFormOfAnUnknownTabIsNotSentOn(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	page := b.get(authURL("partner"))
	kept := maps.Clone(b.cookies)
	delete(b.cookies, numberCookie)
	b.post(page.action(), typing("a123456780")).want(http.StatusGone)
	if n := w.keycloak.count("/login-actions/authenticate"); n != 0 || w.changes.Len() != 0 {
		t.Errorf("%d forms reached Keycloak, %d records", n, w.changes.Len())
	}
	b.cookies = kept
	b.post(page.action(), typing("a123456780")).want(http.StatusSeeOther)
}

// TestWhoIsWrittenDownComesFirst: a form that names somebody is not sent on when
// that cannot be written down.
func TestWhoIsWrittenDownComesFirst(t *testing.T) {
	w := newWorld(t, func(*gate.Gate) {})
	b := w.browser()
	page := b.get(authURL("partner"))
	w.changes.Break(errDown)
	b.post(page.action(), typing("a123456780")).want(http.StatusServiceUnavailable)
	if n := w.keycloak.count("/login-actions/authenticate"); n != 0 {
		t.Errorf("%d forms reached Keycloak", n)
	}
}

// TestAnybodyIsTooLateWhileSomebodyChanges: of a link it is not known whose
// account it will be. Two accounts are being given back at once, and the one
// that is through takes nothing from the other's note.
func TestAnybodyIsTooLateWhileSomebodyChanges(t *testing.T) {
	w := newWorld(t)
	var ends []func(context.Context) error
	for _, number := range []member.KVNR{"B123456782", "H202601057"} {
		done, err := w.gate.Overtake(t.Context(), number)
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, done)
	}
	w.clock.Pass(3 * time.Second)
	for i, want := range []int{0, 0, 1} {
		b := w.browser()
		page := b.typeNumber(authURL("app"), "a123456780")
		form := strings.Replace(page.action(), "login-actions/authenticate", "login-actions/first-broker-login", 1)
		b.get(b.post(form, typing("a123456780")).location())
		if n := w.keycloak.count("/after-first-broker-login"); n != want {
			t.Errorf("%d through: %d links", i, n)
		}
		if i < len(ends) {
			if err := ends[i](t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		w.clock.Pass(3 * time.Second)
	}
}

// TestManyAtOnceWriteOneRowOnce: what stands for anybody is written once in a
// while, however many choose a password.
func TestManyAtOnceWriteOneRowOnce(t *testing.T) {
	w := newWorld(t)
	var before int64
	for _, username := range []string{"a123456780", "b123456782", "h202601057"} {
		w.keycloak.demand(username)
		b := w.browser()
		page := b.typeNumber(authURL("app"), strings.ToUpper(username))
		b.at(b.password(page, username, "pw-"+username).location()).act()
		_, version, err := w.changes.Get(t.Context(), "anybody")
		if err != nil || version == 0 || before != 0 && version != before {
			t.Errorf("%s: version %d, before %d, %v", username, version, before, err)
		}
		before = version
	}
}

// TestWhoCannotBeLookedUpActsNowhere: whose the name is that was shown was not to
// be learnt, and it may be anybody's.
func TestWhoCannotBeLookedUpActsNowhere(t *testing.T) {
	w := newWorld(t)
	w.keycloak.alias("anna@kasse.example", "a123456780")
	w.keycloak.demand("a123456780")
	b := w.browser()
	page := b.get(authURL("partner"))
	w.keycloak.break_(true)
	to := b.post(page.action(), typing("anna@kasse.example")).location()
	w.keycloak.break_(false)
	if b.at(to).act(); w.acted() != 0 {
		t.Error("the form reached Keycloak")
	}
}

// TestALoginThatCouldNotBeJudgedIsJudgedLater: the Admin API is silent while the
// overtaken one agrees, and their login is kept back until it answers.
func TestALoginThatCouldNotBeJudgedIsJudgedLater(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	out := b.password(b.typeNumber(authURL("app-consent"), "H202601057"), "h202601057", "pw-h202601057")
	thief := b.at(out.location())
	overtakes(t, w, "H202601057")
	w.clock.Pass(10 * time.Second)
	w.keycloak.break_(true)
	out = thief.next(out)
	w.keycloak.break_(false)
	for range 4 {
		nothingLeft(t, out)
		if out.Code/100 != 3 {
			break
		}
		to := out.location()
		if out = b.get(to); out.Code == http.StatusOK {
			out = b.get(strings.TrimSuffix(to, "done") + "release")
		}
	}
	if n := w.keycloak.live("h202601057"); n != 0 {
		t.Errorf("%d sessions", n)
	}
}

// TestManyStepsAtOnceShutNobodyOut: what forty forms for one account began, and
// ended, keeps its owner from signing in no longer than they took.
func TestManyStepsAtOnceShutNobodyOut(t *testing.T) {
	w := newWorld(t)
	var ends []func(context.Context) error
	for range 40 {
		done, err := w.gate.Changing(t.Context(), "H202601057")
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, done)
	}
	for _, done := range ends {
		if err := done(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	w.clock.Pass(time.Second)
	if got := outcome(w.browser().signIn("app", "h202601057")); got != "code" {
		t.Errorf("the owner gets %s", got)
	}
}
