package e2e_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/e2e/browser"
	"github.com/schleuse/schleuse/e2e/nect"
	"github.com/schleuse/schleuse/e2e/stage"
)

// What the pages around Nect say.
const (
	sayFound    = "Nect hat Sie erkannt"
	askJump     = "Wie möchten Sie zu Nect gehen?"
	sayOpening  = "Einen Moment bitte"
	sayWaiting  = "Wir warten auf Nect"
	askCode     = "Wie lautet der Code auf Ihrem Smartphone?"
	askHandover = "Möchten Sie in Ihrem anderen Browser weitermachen?"
	sayReview   = "Nect prüft Ihre Angaben noch"
	atNect      = "Nect (nachgestellt)"
)

// toNect goes from the WebCenter to the page that leads to Nect.
func (g guest) toNect(person stage.Person, wish string) {
	g.t.Helper()
	g.visit("/postfach/")
	g.number(person.Number)
	g.wants(wish)
	g.asked(askNect)
	g.must(g.Press("Jetzt mit Nect ausweisen"))
	g.asked(askJump)
}

// shows plays the app of Nect: somebody shows their document.
func (g guest) shows(surname, given, born, outcome string) {
	g.t.Helper()
	g.asked(atNect)
	g.must(g.Choose("person", ""))
	g.must(g.Type("surname", surname))
	g.must(g.Type("given", given))
	g.must(g.Type("birth_date", born))
	g.must(g.Choose("outcome", outcome))
	g.must(g.Press("Fertig"))
}

func (g guest) showsOwn(person stage.Person, outcome string) {
	g.t.Helper()
	g.shows(surnameOf(person), "Test Maria", "1970-01-01", outcome)
}

func TestANewCustomerRegistersWithNect(t *testing.T) {
	a := openAnnexe(t)
	person := a.newcomer(t)
	g := a.guest(t, browser.Profile{})
	g.visit("/postfach/")
	g.number(person.Number)
	g.wants("Zum ersten Mal registrieren")
	g.asked(askNect)
	g.looksGood("nect-before")
	g.must(g.Press("Jetzt mit Nect ausweisen"))
	g.asked(askJump)
	g.looksGood("nect-jump")
	g.must(g.Press("Zu Nect"))
	g.showsOwn(person, "succeeded")
	g.asked(askNew)
	if hasAccount(t, person) {
		t.Error("there is an account before the password")
	}
	g.chooses(chosenPassword, "Konto anlegen")
	g.signsInFirst(person, chosenPassword)
	a.told(t, person, "account_created")
}

var sixDigits = regexp.MustCompile(`[0-9]{3} ?[0-9]{3}`)

// The person identifies themselves on a phone, while the browser of the desktop
// waits and gets its code from them.
func TestNectOnAnotherPhoneNeedsTheCode(t *testing.T) {
	a := openAnnexe(t)
	person := a.newcomer(t)
	desk := a.guest(t, browser.Profile{})
	desk.toNect(person, "Zum ersten Mal registrieren")
	way, err := desk.Target("Zu Nect")
	desk.must(err)
	desk.must(desk.Press("Ich bin auf dem anderen Gerät"))
	desk.asked(sayWaiting)
	desk.looksGood("nect-waiting")

	phone := a.guest(t, browser.Profile{Width: 360, Height: 740})
	phone.must(phone.Go(way))
	phone.showsOwn(person, "succeeded")
	phone.asked(askHandover)
	phone.looksGood("nect-handover")
	text, err := phone.Text()
	phone.must(err)
	code := met(strings.ReplaceAll(sixDigits.FindString(text), " ", ""))
	phone.must(phone.Reload())
	phone.must(phone.See("Gehen Sie bitte zurück"))
	if again, err := phone.Text(); err != nil || strings.Contains(strings.ReplaceAll(again, " ", ""), code) {
		t.Errorf("the code is shown a second time: %v", err)
	}

	desk.asked(askCode) // the page went on by itself
	desk.looksGood("nect-code")
	desk.must(desk.Type("code", other(code)))
	desk.must(desk.Press("Weiter"))
	desk.must(desk.See("Sie haben noch 2 Versuche"))
	desk.must(desk.Type("code", code))
	desk.must(desk.Press("Weiter"))
	desk.asked(askNew)
	desk.chooses(chosenPassword, "Konto anlegen")
	desk.signsInFirst(person, chosenPassword)
}

// other is a code that is not this one.
func other(code string) string {
	if strings.HasPrefix(code, "1") {
		return "2" + code[1:]
	}
	return "1" + code[1:]
}

// A thief begins a registration for the victim's number and sends them the
// link; the victim follows it and identifies themselves. The thief's browser
// learns of it and gets nothing.
func TestALinkToNectThatWasSentOnOpensNothing(t *testing.T) {
	a := openAnnexe(t)
	victim := a.newcomer(t)
	thief := a.guest(t, browser.Profile{})
	thief.toNect(victim, "Zum ersten Mal registrieren")
	link, err := thief.Target("Zu Nect")
	thief.must(err)
	phone := a.guest(t, browser.Profile{Width: 360, Height: 740})
	phone.must(phone.Go(link))
	phone.showsOwn(victim, "succeeded")
	phone.asked(askHandover)
	phone.must(phone.See("Hat Ihnen jemand den Link zu Nect geschickt?"))
	phone.must(phone.See("0800 000 0000"))
	for range 3 {
		thief.must(thief.Reload())
	}
	thief.asked(askCode)
	for _, left := range []string{"Sie haben noch 2 Versuche", "Sie haben noch einen Versuch", "zu oft falsch eingegeben"} {
		thief.must(thief.Type("code", "000000"))
		thief.must(thief.Press("Weiter"))
		thief.must(thief.See(left))
	}
	if hasAccount(t, victim) {
		t.Error("the thief has the victim's account")
	}
}

func TestTheRightDocumentForAForeignNumberOpensNothing(t *testing.T) {
	a := openAnnexe(t)
	victim, thief := a.newcomer(t), a.newcomer(t)
	g := a.guest(t, browser.Profile{})
	g.toNect(victim, "Zum ersten Mal registrieren")
	g.must(g.Press("Zu Nect"))
	g.showsOwn(thief, "succeeded")
	g.must(g.See("Der Ausweis passt nicht zu der Versichertennummer"))
	g.looksGood("nect-mismatch")
	unknown := a.guest(t, browser.Profile{})
	unknown.toNect(stage.Person{Number: numberOf('U', 33_333_333)}, "Zum ersten Mal registrieren")
	unknown.must(unknown.Press("Zu Nect"))
	unknown.showsOwn(thief, "succeeded")
	unknown.must(unknown.See("Der Ausweis passt nicht zu der Versichertennummer"))
	if hasAccount(t, victim) || hasAccount(t, thief) {
		t.Error("an account was made")
	}
}

func TestWhoseCardIsUsedUpGoesToNect(t *testing.T) {
	a := openAnnexe(t)
	person := a.customer(t)
	g := a.guest(t, browser.Profile{})
	g.toTheCard(person)
	for _, digits := range []string{"9991", "9992", "9993"} {
		g.digits(digits)
	}
	g.asked(askNect)
	a.told(t, person, "card_locked")
	g.must(g.Press("Jetzt mit Nect ausweisen"))
	g.asked(askJump)
	g.must(g.Press("Zu Nect"))
	g.showsOwn(person, "succeeded")
	g.inside()
	if !identified(t, person) {
		t.Error("the person is not identified at Keycloak")
	}
}

// Nect is in doubt for a while: only this browser goes on with its result.
func TestAResultInReviewWaitsForItsOwnBrowser(t *testing.T) {
	a := openAnnexe(t)
	person := a.newcomer(t)
	g := a.guest(t, browser.Profile{})
	g.toNect(person, "Zum ersten Mal registrieren")
	g.must(g.Press("Zu Nect"))
	g.showsOwn(person, "review_succeeded")
	g.asked(sayReview)
	g.looksGood("nect-review")
	a.decided(t)

	elsewhere := a.guest(t, browser.Profile{})
	elsewhere.visit("/postfach/")
	elsewhere.number(person.Number)
	elsewhere.wants("Zum ersten Mal registrieren")
	elsewhere.asked(askNect)

	g.visit("/postfach/")
	g.number(person.Number)
	g.wants("Zum ersten Mal registrieren")
	g.toTheResult()
	g.asked(askNew)
	g.chooses(chosenPassword, "Konto anlegen")
	g.signsInFirst(person, chosenPassword)
}

// toTheResult asks again as long as Nect was asked just before.
func (g guest) toTheResult() {
	g.t.Helper()
	for deadline := time.Now().Add(browser.Patience); time.Now().Before(deadline); time.Sleep(time.Second) {
		g.asked("ausgewiesen")
		title, err := g.Title()
		g.must(err)
		if title != sayReview {
			break
		}
		g.must(g.Press("Ergebnis prüfen"))
		if title, err = g.Title(); err == nil && title == askNew {
			return
		}
	}
	g.must(g.See(sayFound))
	g.looksGood("nect-found")
	g.must(g.Press("Weiter"))
}

func TestNectDownOffersTheLetter(t *testing.T) {
	a := openAnnexe(t)
	person := a.newcomer(t)
	a.nect.Set(nect.Switches{Status: 500})
	t.Cleanup(func() { a.nect.Set(nect.Switches{}) })
	g := a.guest(t, browser.Profile{})
	g.visit("/postfach/")
	g.number(person.Number)
	g.wants("Zum ersten Mal registrieren")
	g.asked(askNect)
	g.must(g.Press("Jetzt mit Nect ausweisen"))
	g.must(g.See("Nect ist gerade nicht erreichbar"))
	g.looksGood("nect-down")
	g.must(g.Press("Anders ausweisen"))
	g.asked(askWay)
	g.looksGood("registration-ways")
	g.must(g.Press("Mit einem Brief"))
	g.asked(askLetter)
}
