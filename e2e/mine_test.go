package e2e_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/e2e/browser"
	"github.com/schleuse/schleuse/e2e/device"
	"github.com/schleuse/schleuse/e2e/stage"
	"github.com/schleuse/schleuse/e2e/visitor"
	"github.com/schleuse/schleuse/sidecar/client"
)

// What the pages for people's own phones ask and say.
const (
	sayDevices = "Mit diesen Smartphones bestätigen Sie"
	sayHistory = "Das haben wir Sie gefragt"
	askBlock   = "Smartphone „Erikas Handy“ sperren?"
	sayBlocked = "Dieses Smartphone kann nichts mehr bestätigen"
	sayNone    = "Zurzeit ist kein Smartphone registriert"
	askNotMe   = "Hat jemand anderes in Ihrem Namen gehandelt?"
	sayEnded   = "Ihr Konto ist geschützt"
)

func myDevices() string { return theatre.Ports.GateURL() + "/schleuse/my/devices" }

// reads is a page that says this, can be used by everybody, and fits.
func (g guest) reads(words, picture string, profile browser.Profile) {
	g.t.Helper()
	g.asked(words)
	if profile.NoScript {
		g.fits()
		return
	}
	g.looksGood(picture)
}

func TestPeopleSeeRenameAndBlockTheirPhones(t *testing.T) {
	for name, profile := range map[string]browser.Profile{"with script": {}, "without, narrow": {NoScript: true, Width: 320}} {
		t.Run(name, func(t *testing.T) {
			u := openAnnexe(t).identifiedCustomer(t)
			p := u.phone()
			if _, err := u.backend().Ask(t.Context(), u.address("Neue Straße 2, 10115 Berlin")); err != nil {
				t.Fatal(err)
			}
			g := u.atTheWebCenter(profile, "/postfach/")
			g.inside()
			g.must(g.Press("Meine Geräte")) // whoever has just signed in is not asked again
			g.must(g.At(myDevices()))
			g.reads(sayDevices, "my-devices", profile)

			g.must(g.Press("Telefon"))
			g.reads("Name des Smartphones", "my-device", profile)
			g.must(g.Type("name", " "))
			g.must(g.Press("Namen speichern"))
			g.reads("Bitte geben Sie einen Namen mit 1 bis 40 Zeichen ein", "my-device-wrong", profile)
			g.must(g.Type("name", "Erikas Handy"))
			g.must(g.Press("Namen speichern"))
			g.asked("Smartphone „Erikas Handy“")

			g.must(g.Press("Verlauf Ihrer Bestätigungen"))
			g.reads(sayHistory, "my-history", profile)
			g.asked("Neue Straße 2, 10115 Berlin")
			g.asked("wartet auf Ihre Antwort")

			g.must(g.Press("Meine Geräte"))
			g.must(g.Press("Erikas Handy"))
			g.must(g.Press("Smartphone sperren"))
			g.reads(askBlock, "my-block", profile)
			g.must(g.Press("Jetzt sperren"))
			g.reads(sayBlocked, "my-blocked", profile)
			if _, err := p.Inbox(t.Context(), 0, ""); !device.Is(err, "device_unknown") {
				t.Errorf("the blocked phone is answered %v", err)
			}
			u.noticed("phone_blocked")
			g.must(g.Reload())
			g.asked(sayBlocked)

			g.must(g.Press("Meine Geräte"))
			g.reads(sayNone, "my-none", profile)
			g.asked("Öffnen Sie die Kunden-App")
			g.must(g.Press("Abmelden"))
			g.asked("Möchten Sie sich abmelden?")
			g.must(g.Press("Abmelden"))
			g.asked("Sie sind abgemeldet")
			if n := sessionsOf(t, u.person); n > 1 { // the phone's own login may live
				t.Errorf("%d sessions are left", n)
			}
			g.must(g.Press("Neu anmelden"))
			g.asked(askNumber)
		})
	}
}

func TestMyDevicesByKeyboardAlone(t *testing.T) {
	u := openAnnexe(t).identifiedCustomer(t)
	u.phone()
	g := u.guest(t, browser.Profile{})
	g.must(g.Go(myDevices()))
	g.walks(
		step{askNumber, "number", u.person.Number},
		step{askChoice, "Anmelden", ""},
		step{askPassword, "password", u.person.Password},
		step{sayDevices, "Telefon", ""},
		step{"Name des Smartphones", "Smartphone sperren", ""},
		step{"Smartphone „Telefon“ sperren?", "Jetzt sperren", ""},
	)
	g.asked(sayBlocked)
}

// TestThatWasNotMeInABrowser: what waits is void, every session and the
// password are, and the page says how to get in again.
func TestThatWasNotMeInABrowser(t *testing.T) {
	u := openAnnexe(t).identifiedCustomer(t)
	p := u.phone()
	asked, err := u.backend().Ask(t.Context(), u.address("Diebesgasse 1, 10115 Berlin"))
	if err != nil {
		t.Fatal(err)
	}
	g := u.atTheWebCenter(browser.Profile{}, "/postfach/")
	g.inside()
	g.must(g.Press("Meine Geräte"))
	g.must(g.Press("Verlauf Ihrer Bestätigungen"))
	g.must(g.Press("Das war ich nicht"))
	g.asked("Diebesgasse 1, 10115 Berlin")
	g.reads(askNotMe, "my-not-me", browser.Profile{})
	g.must(g.Press("Ja, das war ich nicht"))
	g.reads(sayEnded, "my-ended", browser.Profile{})
	g.must(g.Reload())
	g.asked(sayEnded)

	if n := sessionsOf(t, u.person); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
	u.noticed("sessions_ended")
	if got, err := u.backend().Read(t.Context(), asked.ID); err != nil || got.State != client.Cancelled {
		t.Errorf("what waited is %v, %v", got.State, err)
	}
	if inbox, err := p.Inbox(t.Context(), 0, ""); err != nil || inbox.Count != 0 {
		t.Errorf("the phone, which stays, sees %d, %v", inbox.Count, err)
	}
	again := u.guest(t, browser.Profile{})
	again.must(again.Go(myDevices()))
	again.number(u.person.Number)
	again.wantsToSignIn()
	again.password(u.person.Password)
	again.asked("Nummer und Passwort passen nicht zusammen")

	g.must(g.Press("Neues Passwort wählen"))
	g.asked(askNumber)
	g.number(u.person.Number)
	g.asked("Passwort vergessen")
}

// askedAnew opens the pages in a browser that is signed in, as if it had been so
// for longer than they take: a login may be no second old instead of 900.
func (u *appUser) askedAnew() *visitor.Page {
	u.t.Helper()
	for deadline := time.Now().Add(browser.Patience); time.Now().Before(deadline); time.Sleep(300 * time.Millisecond) {
		u.browser.DropCookies("__Host-schleuse-my-session")
		toIssuer, err := u.browser.Open(u.t.Context(), myDevices(), realmURL())
		if err != nil || toIssuer.Next == nil || toIssuer.Next.Query().Get("max_age") != "900" {
			u.t.Fatalf("%v, led to %v", err, toIssuer)
		}
		old := *toIssuer.Next
		query := old.Query()
		query.Set("max_age", "0")
		old.RawQuery = query.Encode()
		page, err := u.browser.Open(u.t.Context(), old.String())
		if err != nil {
			u.t.Fatal(err)
		}
		if page.Title() == askPassword {
			return page
		}
	}
	u.t.Fatal("the password is not asked for")
	return nil
}

// TestAnOldLoginIsAskedAgain: the session at Keycloak is older than the pages
// take; the password is asked for, of the same person, and nothing else ends.
func TestAnOldLoginIsAskedAgain(t *testing.T) {
	u := openAnnexe(t).identifiedCustomer(t)
	if _, err := u.signsIn(nil); err != nil {
		t.Fatal(err)
	}
	page := u.askedAnew()
	form, err := page.Form("password")
	if err != nil {
		t.Fatal(err)
	}
	page, err = u.browser.Submit(t.Context(), form, url.Values{"password": {u.person.Password}})
	if err != nil || !strings.Contains(page.Text(), sayNone) {
		t.Fatalf("%v: %s", err, page.Text())
	}
	if n := sessionsOf(t, u.person); n != 1 {
		t.Errorf("%d sessions", n)
	}
}

// TestNothingElseIsReachedBelowMyDevices: what another reading of a path would
// lead to is neither the pages nor what lies beside them.
func TestNothingElseIsReachedBelowMyDevices(t *testing.T) {
	a := openAnnexe(t)
	v := a.visitor()
	for _, path := range []string{
		"/schleuse/my/../device/v1/keys", "/schleuse/my/%2e%2e/device/v1/keys", "/schleuse/my/..%2fdevice/v1/keys", "/schleuse/my//devices",
		"/schleuse/my%2fdevices", "/schleuse/my;x=1/devices", "/schleuse/MY/devices", "/schleuse/my/./devices",
		"/realms/../schleuse/my/devices", "/schleuse/my/devices/..%5c..%5c", "/schleuse/my/../../realms/kasse/account", "/schleuse/my",
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, theatre.Ports.GateURL(), nil)
		if err != nil {
			t.Fatal(err)
		}
		request.URL.Opaque = path
		request.Header.Set("Accept", "text/html")
		page, err := v.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if page.Status != http.StatusNotFound && page.Status != http.StatusBadRequest {
			t.Errorf("%s answered %d, led to %v", path, page.Status, page.Next)
		}
	}
}

func TestStaffHaveNoPhonesHere(t *testing.T) {
	g := openAnnexe(t).guest(t, browser.Profile{})
	g.must(g.Go(myDevices()))
	g.asked(askNumber)
	g.must(g.Press("Anmeldung für Mitarbeitende"))
	g.must(g.Type("username", stage.Sabine.Number))
	g.must(g.Type("password", stage.Sabine.Password))
	g.must(g.Press("Anmelden"))
	g.reads("Für dieses Konto gibt es hier keine Smartphones", "my-nobody", browser.Profile{})
	g.must(g.Press("Abmelden"))
	g.asked("Möchten Sie sich abmelden?")
}
