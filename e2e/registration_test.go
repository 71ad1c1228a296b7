package e2e_test

import (
	"net/url"
	"testing"

	"github.com/schleuse/schleuse/e2e/browser"
	"github.com/schleuse/schleuse/e2e/stage"
)

// What the pages of a registration ask.
const (
	askNect     = "Möchten Sie sich jetzt mit Nect ausweisen?"
	askWay      = "Wie möchten Sie sich ausweisen?"
	askLetter   = "Wie lautet der Code aus Ihrem Brief?"
	sayOrdered  = "Ihre Bestellung ist angekommen"
	askNew      = "Wählen Sie ein Passwort"
	askNewAgain = "Wählen Sie ein neues Passwort"
	askAnew     = "Waren Sie das?"
)

const chosenPassword = "Ein-neuer-kurzer-Satz"

// wants answers the choice of what to do.
func (g guest) wants(words string) { g.t.Helper(); g.asked(askChoice); g.must(g.Press(words)) }

// toTheLetter goes from the WebCenter to the page for the letter's code.
func (g guest) toTheLetter(person stage.Person, wish string) {
	g.t.Helper()
	g.visit("/postfach/")
	g.number(person.Number)
	g.wants(wish)
	g.asked(askNect)
	g.must(g.Press("Anders ausweisen"))
	g.asked(askWay)
	g.must(g.Press("Mit einem Brief"))
	g.asked(askLetter)
}

// chooses answers the page for the new password.
func (g guest) chooses(password, button string) {
	g.t.Helper()
	g.must(g.Type("password", password))
	g.must(g.Type("again", password))
	g.must(g.Press(button))
}

// signsInFirst answers Keycloak's page after a registration or a recovery.
func (g guest) signsInFirst(person stage.Person, password string) {
	g.t.Helper()
	g.password(password)
	g.inside()
	if !identified(g.t, person) {
		g.t.Error("the person is not identified at Keycloak")
	}
}

func TestANewCustomerRegistersByLetter(t *testing.T) {
	a := openAnnexe(t)
	person := a.newcomer(t)
	g := a.guest(t, browser.Profile{})
	g.toTheLetter(person, "Zum ersten Mal registrieren")
	g.looksGood("registration-letter")
	g.must(g.Press("Brief bestellen"))
	g.asked(sayOrdered)
	g.looksGood("registration-ordered")
	letter := a.letter(t, person, "letter.code")
	if hasAccount(t, person) {
		t.Error("there is an account before anything was proven")
	}

	later := a.guest(t, browser.Profile{}) // days later, at another machine
	later.toTheLetter(person, "Zum ersten Mal registrieren")
	later.must(later.Type("code", letter.Data.Code))
	later.must(later.Press("Weiter"))
	later.asked(askNew)
	later.looksGood("registration-password")
	later.chooses("kurz", "Konto anlegen")
	later.must(later.See("mindestens 10 Zeichen"))
	later.looksGood("registration-password-short")
	if hasAccount(t, person) {
		t.Error("a refused password left an account")
	}
	later.chooses(chosenPassword, "Konto anlegen")
	later.signsInFirst(person, chosenPassword)
	a.told(t, person, "account_created")

	again := a.guest(t, browser.Profile{})
	again.toTheLetter(person, "Zum ersten Mal registrieren")
	again.must(again.Type("code", letter.Data.Code))
	again.must(again.Press("Weiter"))
	again.must(again.See("schon benutzt"))
}

// told waits for the notice by mail and by letter.
func (a *annexe) told(t *testing.T, person stage.Person, kind string) {
	t.Helper()
	if got := a.letter(t, person, "letter.notice"); got.Data.Template != kind {
		t.Errorf("the letter says %q, want %q", got.Data.Template, kind)
	}
	if _, err := a.mail.Await(t.Context(), mailOf(person), "Konto"); err != nil {
		t.Errorf("no mail: %v", err)
	}
}

func TestAForgottenPasswordIsReplacedByLetter(t *testing.T) {
	a := openAnnexe(t)
	a.hearsLogOuts(t)
	person := a.customer(t)
	before := a.guest(t, browser.Profile{}) // somebody signed in with the old password
	before.toTheCard(person)
	before.digits(person.Digits)
	before.inside()

	g := a.guest(t, browser.Profile{NoScript: true})
	g.toTheLetter(person, "Passwort vergessen")
	g.must(g.Press("Brief bestellen"))
	g.asked(sayOrdered)
	letter := a.letter(t, person, "letter.code")
	g.must(g.Press("Ich habe schon einen Brief"))
	g.asked(askLetter)
	g.must(g.Type("code", letter.Data.Code))
	g.must(g.Press("Weiter"))
	g.asked(askNewAgain)
	g.must(g.Picture("recovery-password"))
	g.chooses(chosenPassword, "Neues Passwort speichern")
	g.signsInFirst(person, chosenPassword)
	a.told(t, person, "password_changed")

	if n := sessions(t, person); n != 1 {
		t.Errorf("%d sessions live at Keycloak, want the new one alone", n)
	}
	before.visit("/postfach/")
	before.asked(askNumber)
}

// A letter serves one purpose: who intercepts it while its owner recovers
// opens nothing else with it, and it fits no other number.
func TestALetterServesOnePurposeAndOneNumber(t *testing.T) {
	a := openAnnexe(t)
	person, other := a.newcomer(t), a.newcomer(t)
	g := a.guest(t, browser.Profile{})
	g.toTheLetter(person, "Zum ersten Mal registrieren")
	g.must(g.Press("Brief bestellen"))
	g.asked(sayOrdered)
	letter := a.letter(t, person, "letter.code")
	for _, attempt := range []struct {
		who  stage.Person
		wish string
	}{{other, "Zum ersten Mal registrieren"}, {person, "Passwort vergessen"}} {
		thief := a.guest(t, browser.Profile{})
		thief.toTheLetter(attempt.who, attempt.wish)
		thief.must(thief.Type("code", letter.Data.Code))
		thief.must(thief.Press("Weiter"))
		thief.must(thief.See("Dieser Code gilt hier nicht"))
	}
	if hasAccount(t, person) || hasAccount(t, other) {
		t.Error("an account was made")
	}
}

// The letter's QR code keeps its code out of every request.
func TestTheLettersPictureFillsTheCodeIn(t *testing.T) {
	a := openAnnexe(t)
	person := a.newcomer(t)
	g := a.guest(t, browser.Profile{})
	g.toTheLetter(person, "Zum ersten Mal registrieren")
	g.must(g.Press("Brief bestellen"))
	letter := a.letter(t, person, "letter.code")
	if u, err := url.Parse(letter.Data.URL); err != nil || u.Fragment == "" || u.RawQuery != "" {
		t.Fatalf("the letter's address: %v", err)
	}
	phone := a.guest(t, browser.Profile{Width: 360, Height: 740})
	phone.must(phone.Go(letter.Data.URL))
	phone.must(phone.See("Wir haben den Code übernommen"))
	phone.looksGood("letter-code")
	phone.must(phone.Press("Zur Anmeldung"))
	phone.must(phone.Go(theatre.Ports.SiteURL() + "/postfach/"))
	phone.number(person.Number)
	phone.wants("Zum ersten Mal registrieren")
	phone.asked(askNect)
	phone.must(phone.Press("Anders ausweisen"))
	phone.must(phone.Press("Mit einem Brief"))
	phone.asked(askLetter)
	phone.must(phone.See("Wir haben den Code aus Ihrem Brief eingetragen"))
	phone.must(phone.Press("Weiter"))
	phone.asked(askNew)
}

func TestARegistrationThatFindsAnAccountSaysSoOnlyAfterTheLetter(t *testing.T) {
	a := openAnnexe(t)
	person := a.customer(t)
	g := a.guest(t, browser.Profile{})
	g.toTheLetter(person, "Zum ersten Mal registrieren")
	g.must(g.Press("Brief bestellen"))
	g.asked(sayOrdered)
	letter := a.letter(t, person, "letter.code")
	g.must(g.Press("Ich habe schon einen Brief"))
	g.must(g.Type("code", letter.Data.Code))
	g.must(g.Press("Weiter"))
	g.must(g.See("Zu Ihrer Nummer gibt es schon ein Konto"))
	g.looksGood("registration-exists")
	if identified(t, person) {
		t.Error("who does not show the password was made an identified person")
	}
}
