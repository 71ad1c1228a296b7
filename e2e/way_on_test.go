package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/e2e/browser"
	"github.com/schleuse/schleuse/e2e/partner"
	"github.com/schleuse/schleuse/e2e/play"
	"github.com/schleuse/schleuse/e2e/stage"
	"github.com/schleuse/schleuse/e2e/visitor"
)

func TestAPostedInitialPasswordIsReplacedAndOpensNothingAlone(t *testing.T) {
	openHouse(t)
	person := newCustomer(t)
	givePostedPassword(t, person, "Aus-dem-Brief-1")
	g := newGuest(t, browser.Profile{})
	g.visit("/postfach/")
	g.number(person.Number)
	g.wantsToSignIn()
	g.password("Aus-dem-Brief-1")
	g.asked("Wählen Sie ein Passwort")
	g.looksGood("password-new")
	g.must(g.Type("password-new", "Mein-eigenes-Wort"))
	g.must(g.Type("password-confirm", "Mein-eigenes-Wort"))
	g.must(g.Press("Weiter"))
	g.asked(askDigits)
	if g.owns("KEYCLOAK_IDENTITY") || identified(t, person) {
		t.Error("a new password alone opened something")
	}
	g.digits(person.Digits)
	g.inside()

	again := newGuest(t, browser.Profile{})
	again.visit("/postfach/")
	again.number(person.Number)
	again.wantsToSignIn()
	again.password("Mein-eigenes-Wort")
	again.inside()
}

// givePostedPassword sets a password that Keycloak wants replaced at the first login.
func givePostedPassword(t *testing.T, person stage.Person, password string) {
	t.Helper()
	admin := theatre.Keycloak.Admin
	id, err := admin.UserID(t.Context(), person.Number)
	if err != nil {
		t.Fatal(err)
	}
	credential := map[string]any{"type": "password", "value": password, "temporary": true}
	if _, err := admin.Do(t.Context(), http.MethodPut, "users/"+id+"/reset-password", credential, nil); err != nil {
		t.Fatal(err)
	}
}

func TestLogOutEndsBothSessions(t *testing.T) {
	openHouse(t)
	person := newCustomer(t)
	g := newGuest(t, browser.Profile{})
	g.toTheCard(person)
	g.digits(person.Digits)
	g.inside()
	g.must(g.Press("Abmelden"))
	g.asked("Möchten Sie sich abmelden?")
	g.looksGood("sign-out")
	g.must(g.Press("Abmelden"))
	g.asked("Sie sind abgemeldet")
	g.looksGood("signed-out")
	if n := sessions(t, person); n != 0 {
		t.Errorf("%d sessions are left at Keycloak", n)
	}
	g.visit("/postfach/")
	g.asked(askNumber)
}

func TestALogOutAtKeycloakEndsTheSiteToo(t *testing.T) {
	openHouse(t)
	person := newCustomer(t)
	g := newGuest(t, browser.Profile{})
	g.toTheCard(person)
	g.digits(person.Digits)
	g.inside()
	admin := theatre.Keycloak.Admin
	id, err := admin.UserID(t.Context(), person.Number)
	g.must(err)
	_, err = admin.Do(t.Context(), http.MethodPost, "users/"+id+"/logout", nil, nil)
	g.must(err)
	// Keycloak has told the site before it answered; the site's tokens would last for minutes.
	g.visit("/postfach/")
	g.asked(askNumber)
}

func TestTwoClientsShareOneLogin(t *testing.T) {
	openHouse(t)
	person := newCustomer(t)
	arrived := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "<h1>In der App angekommen</h1>")
	}))
	defer arrived.Close()
	g := newGuest(t, browser.Profile{})
	g.toTheCard(person)
	g.digits(person.Digits)
	g.inside()

	app := visitor.App{
		Issuer: realmURL(), ID: "kundenapp", RedirectURI: arrived.URL + "/callback", HTTP: visitor.New().HTTPClient(),
	}
	request := app.Begin(nil)
	g.must(g.Go(request.URL))
	g.asked("In der App angekommen")
	address, err := g.Address()
	g.must(err)
	back, err := url.Parse(address)
	g.must(err)
	tokens, err := app.Redeem(t.Context(), back.Query().Get("code"), request.Verifier)
	if err != nil || tokens.AccessToken == "" {
		t.Errorf("the second client got no tokens: %v %+v", err, tokens.Error)
	}
}

func TestBackAndReloadAreHarmless(t *testing.T) {
	openHouse(t)
	person := newCustomer(t)
	g := newGuest(t, browser.Profile{})
	g.visit("/postfach/")
	g.asked(askNumber)
	g.must(g.Reload())
	g.number(person.Number)
	g.asked(askChoice)
	g.must(g.Reload())
	g.asked(askChoice)
	g.must(g.Back())
	g.number(person.Number)
	g.wantsToSignIn()
	g.asked(askPassword)
	g.must(g.Reload())
	g.password(person.Password)
	g.asked(askDigits)
	g.must(g.Reload())
	g.asked(askDigits)
	g.must(g.Type("digits", "9999"))
	g.must(g.Press("Ziffern prüfen"))
	g.must(g.See("noch 2 Versuche"))
	g.must(g.Reload())
	g.asked(askDigits)
	g.digits(person.Digits)
	g.inside()
	g.must(g.Back())
	g.visit("/postfach/")
	g.inside()
	if n := sessions(t, person); n != 1 {
		t.Errorf("%d sessions at Keycloak, want one", n)
	}
}

func TestAnotherNumberFromKeycloaksPage(t *testing.T) {
	openHouse(t)
	mistaken, person := newCustomer(t), newCustomer(t)
	g := newGuest(t, browser.Profile{})
	g.visit("/postfach/")
	g.number(mistaken.Number)
	g.wantsToSignIn()
	g.asked(askPassword)
	g.must(g.Press("Andere Versichertennummer"))
	g.number(person.Number)
	g.wantsToSignIn()
	g.asked(askPassword)
	g.password(person.Password)
	g.digits(person.Digits)
	g.inside()
	if identified(t, mistaken) {
		t.Error("the person of the first number was identified")
	}
}

func TestTwoTabsAskOnce(t *testing.T) {
	openHouse(t)
	person := newCustomer(t)
	first := newGuest(t, browser.Profile{})
	first.toTheCard(person)
	tab, err := first.Second()
	first.must(err)
	defer tab.Close()
	second := guest{tab, t}
	second.toTheCard(person)
	second.digits(person.Digits)
	second.inside()
	first.must(first.Reload())
	first.inside()
}

func TestTheWayInWithoutJavaScript(t *testing.T) {
	openHouse(t)
	person := newCustomer(t)
	g := newGuest(t, browser.Profile{NoScript: true})
	g.toTheCard(person)
	g.must(g.Picture("card-without-javascript"))
	g.digits(person.Digits)
	g.inside()
}

func TestTheWayInOnANarrowDarkScreen(t *testing.T) {
	openHouse(t)
	person := newCustomer(t)
	g := newGuest(t, browser.Profile{Width: 320, Height: 640, Dark: true})
	g.visit("/postfach/")
	g.asked(askNumber)
	g.looksGood("narrow-1-number")
	g.number(person.Number)
	g.asked(askChoice)
	g.looksGood("narrow-2-choice")
	g.wantsToSignIn()
	g.asked(askPassword)
	g.looksGood("narrow-3-password")
	g.password(person.Password)
	g.asked(askDigits)
	g.looksGood("narrow-4-card")
	g.digits(person.Digits)
	g.inside()
}

func TestTheWayInByKeyboardAlone(t *testing.T) {
	openHouse(t)
	person := newCustomer(t)
	g := newGuest(t, browser.Profile{})
	g.visit("/postfach/")
	g.asked(askNumber)
	g.tabTo("number")
	g.must(g.Keys(person.Number + "\r"))
	g.asked(askChoice)
	g.tabTo("Anmelden")
	g.must(g.Keys("\r"))
	g.asked(askPassword)
	g.tabTo("password")
	g.must(g.Keys(person.Password + "\r"))
	g.asked(askDigits)
	g.tabTo("digits")
	g.must(g.Keys(person.Digits + "\r"))
	g.inside()
}

// tabTo presses the tab key until the element with this name or text has the focus.
func (g guest) tabTo(words string) {
	g.t.Helper()
	var seen []string
	for range 20 {
		focused, err := g.Focused()
		g.must(err)
		if strings.Contains(focused, words) {
			return
		}
		seen = append(seen, focused)
		g.must(g.Keys("\t"))
	}
	g.t.Fatalf("the tab key does not come to %q, but to %q", words, seen)
}

func TestStaffGoOnAsBefore(t *testing.T) {
	openHouse(t)
	t.Run("at a client that knows nothing", func(t *testing.T) {
		portal := partner.New(partner.Settings{
			Issuer: realmURL(), ClientID: "partnerportal", Secret: stage.PartnerSecret,
			URL: theatre.Ports.PartnerURL(), HTTP: visitor.New().HTTPClient(),
		})
		if err := play.Serve(t.Context(), theatre.Ports.Partner(), portal); err != nil {
			t.Fatal(err)
		}
		for _, person := range []stage.Person{stage.Sabine, stage.Peter} {
			g := newGuest(t, browser.Profile{})
			g.must(g.Go(theatre.Ports.PartnerURL() + "/login"))
			g.asked("Benutzername")
			g.must(g.Type("username", person.Number))
			g.must(g.Type("password", person.Password))
			g.must(g.Press("Anmelden"))
			g.must(g.See("Angemeldet: " + person.Name))
		}
	})
	t.Run("at the WebCenter by a link of their own", func(t *testing.T) {
		g := newGuest(t, browser.Profile{})
		g.visit("/postfach/")
		g.asked(askNumber)
		g.must(g.Press("Anmeldung für Mitarbeitende"))
		g.asked("Benutzername")
		g.must(g.Type("username", stage.Sabine.Number))
		g.must(g.Type("password", stage.Sabine.Password))
		g.must(g.Press("Anmelden"))
		g.inside()
	})
}
