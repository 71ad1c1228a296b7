package e2e_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/e2e/browser"
	"github.com/schleuse/schleuse/e2e/stage"
	"github.com/schleuse/schleuse/e2e/visitor"
)

func TestFirstLoginAsksForTheCardAndTheSecondDoesNot(t *testing.T) {
	openHouse(t)
	person := newCustomer(t)
	g := newGuest(t, browser.Profile{})
	g.visit("/postfach/")
	g.asked(askNumber)
	g.looksGood("1-number")
	g.number(person.Number)
	g.asked(askChoice)
	g.looksGood("2-choice")
	g.wantsToSignIn()
	g.asked(askPassword)
	g.looksGood("3-password")
	g.password(person.Password)
	g.asked(askDigits)
	g.looksGood("4-card")
	if g.owns("KEYCLOAK_IDENTITY") {
		t.Error("a person who has not shown a card owns an identity cookie")
	}
	g.digits(person.Digits)
	g.inside()
	g.must(g.Picture("5-webcenter"))
	if !identified(t, person) {
		t.Error("the person is not identified at Keycloak")
	}
	g.visit("/profil")
	g.asked("X-Auth-Kvnr: " + person.Number)

	again := newGuest(t, browser.Profile{})
	again.visit("/postfach/")
	again.number(person.Number)
	again.wantsToSignIn()
	again.password(person.Password)
	again.inside()
}

func TestWrongDigitsLeadToTheLock(t *testing.T) {
	openHouse(t)
	person := newCustomer(t)
	g := newGuest(t, browser.Profile{})
	g.toTheCard(person)
	g.digits("9991")
	g.must(g.See("Sie haben noch 2 Versuche"))
	g.looksGood("card-wrong")
	g.digits("9992")
	g.must(g.See("Sie haben noch einen Versuch"))
	g.digits("9993")
	g.must(g.See("0800 000 0000"))
	g.looksGood("card-locked")
	if n := sessions(t, person); n != 0 {
		t.Errorf("%d sessions are left at Keycloak", n)
	}
	if identified(t, person) || g.owns("KEYCLOAK_IDENTITY") {
		t.Error("somebody with wrong digits got in")
	}
	again := newGuest(t, browser.Profile{})
	again.visit("/postfach/")
	again.number(person.Number)
	again.wantsToSignIn()
	again.password(person.Password)
	again.must(again.See("0800 000 0000"))
	if identified(t, person) {
		t.Error("the locked card was asked again")
	}
}

func TestAnUnknownNumberLearnsNothing(t *testing.T) {
	openHouse(t)
	g := newGuest(t, browser.Profile{})
	g.visit("/postfach/")
	g.number(numberOf('U', 12_345_678))
	g.wantsToSignIn()
	g.password("irgendein-Passwort")
	g.must(g.See("Nummer und Passwort passen nicht zusammen"))
	g.looksGood("password-wrong")
}

func TestAnotherAccountThanTheNumbersIsNotSignedIn(t *testing.T) {
	openHouse(t)
	mine, other := newCustomer(t), newCustomer(t)
	v := visitor.New()
	page := walkToPassword(t, v, mine)
	// The form is bent: the other's name and password beside my number.
	page = signIn(t, v, page, other)
	if got := page.Text(); !strings.Contains(got, "passen nicht zusammen") {
		t.Errorf("with the other's password the page says %q", got)
	}
	if sessions(t, other) != 0 || sessions(t, mine) != 0 {
		t.Error("somebody was signed in")
	}
}

// In a browser the other account comes by a door beside the password: here by
// an issuer at which they have a login too.
func TestAnotherAccountByAForeignIssuerIsNotSignedIn(t *testing.T) {
	openHouse(t)
	mine, other := newCustomer(t), newCustomer(t)
	brokerage(t, foreignIssuer(t))
	name := linked(t, other)
	g := newGuest(t, browser.Profile{})
	g.visit("/postfach/")
	g.number(mine.Number)
	g.wantsToSignIn()
	g.asked(askPassword)
	g.must(g.Press("fremd"))
	g.asked("Wer sind Sie?")
	g.must(g.Type("name", name))
	g.must(g.Press("Anmelden"))
	g.must(g.See("ein anderes Konto als das zu der eingegebenen Nummer"))
	g.looksGood("another account")
	text, err := g.Text()
	g.must(err)
	for _, person := range []stage.Person{mine, other} {
		if withoutNumber(text, person.Number) != text || strings.Contains(strings.ToUpper(text), person.Number) {
			t.Errorf("the page tells a number: %s", text)
		}
		if n := sessions(t, person); n != 0 || identified(t, person) {
			t.Errorf("%d sessions live, or somebody was identified", n)
		}
	}
	if g.owns("KEYCLOAK_IDENTITY") {
		t.Error("the browser owns an identity cookie")
	}
	g.must(g.Press("Neu beginnen"))
	g.asked(askNumber)
}

// walkToPassword goes as a plain client from the WebCenter to Keycloak's page.
func walkToPassword(t *testing.T, v *visitor.Visitor, person stage.Person) *visitor.Page {
	t.Helper()
	page, err := v.Open(t.Context(), theatre.Ports.SiteURL()+"/postfach/")
	if err != nil {
		t.Fatal(err)
	}
	page = submit(t, v, page, "number", url.Values{"number": {person.Number}})
	return submit(t, v, page, "schleuse_request", url.Values{"wish": {"sign_in"}})
}

func submit(t *testing.T, v *visitor.Visitor, page *visitor.Page, field string, fill url.Values, stops ...string) *visitor.Page {
	t.Helper()
	form, err := page.Form(field)
	if err != nil {
		t.Fatal(err)
	}
	next, err := v.Submit(t.Context(), form, fill, stops...)
	if err != nil {
		t.Fatal(err)
	}
	return next
}
