package e2e_test

import (
	"testing"

	"github.com/schleuse/schleuse/e2e/browser"
	"github.com/schleuse/schleuse/e2e/stage"
)

func TestWhoCannotShowACardIsToldWhatToDo(t *testing.T) {
	openHouse(t)
	cases := map[string]struct{ status, cards, says string }{
		"no card on file":         {"active", "", "keine gültige Gesundheitskarte"},
		"card blocked":            {"active", "5050:2020-01-01:blocked", "keine gültige Gesundheitskarte"},
		"left the insurer":        {"left", "3030:2020-01-01:blocked", "nicht mehr bei uns versichert"},
		"unknown to master data":  {"", "", "keine Versicherung"},
		"deceased":                {"deceased", "6060:2020-01-01:blocked", "keine Anmeldung mehr möglich"},
		"has somebody to act for": {"represented", "9090:2020-01-01:active", "handelt eine Vertretung"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			person := customerOnFile(t, c.status, c.cards)
			g := newGuest(t, browser.Profile{})
			g.visit("/postfach/")
			g.number(person.Number)
			g.wantsToSignIn()
			g.password(person.Password)
			g.must(g.See(c.says))
			g.must(g.See("0800 000 0000"))
			g.looksGood("denied " + name)
			if n := sessions(t, person); n != 0 {
				t.Errorf("%d sessions are left at Keycloak", n)
			}
			if g.owns("KEYCLOAK_IDENTITY") || identified(t, person) {
				t.Error("the person got in")
			}
		})
	}
}

func TestANewCardUnderWayLeavesTheOldOneGood(t *testing.T) {
	openHouse(t)
	person := customerOnFile(t, "active", "1111:2020-01-01:active,2222:2099-01-01:ordered")
	g := newGuest(t, browser.Profile{})
	g.toTheCard(person)
	g.digits("2222")
	g.must(g.See("noch 2 Versuche"))
	g.digits("1111")
	g.inside()
}

func TestTheChoiceIsTheSameForEveryNumber(t *testing.T) {
	openHouse(t)
	said := map[string]string{}
	for _, person := range []stage.Person{stage.Hanna, stage.Mia, stage.Rosa, stage.Zoe, stage.Klara} {
		g := newGuest(t, browser.Profile{})
		g.visit("/postfach/")
		g.number(person.Number)
		g.asked(askChoice)
		text, err := g.Text()
		g.must(err)
		said[withoutNumber(text, person.Number)] = person.Name
	}
	if len(said) != 1 {
		t.Errorf("the choice page tells people apart: %v", said)
	}
}

func TestWhoIsNewIsToldHow(t *testing.T) {
	openHouse(t)
	g := newGuest(t, browser.Profile{})
	g.visit("/postfach/")
	g.number(stage.Mia.Number)
	g.asked(askChoice)
	g.must(g.Press("Zum ersten Mal registrieren"))
	g.asked("So registrieren Sie sich")
	g.looksGood("registration")
	g.must(g.Press("Zurück zur Auswahl"))
	g.must(g.Press("Passwort vergessen"))
	g.asked("So bekommen Sie ein neues Passwort")
	g.looksGood("recovery")
}

func TestTheNumberPageKnowsWhatWasTypedInstead(t *testing.T) {
	openHouse(t)
	g := newGuest(t, browser.Profile{})
	g.visit("/postfach/")
	cases := []struct{ typed, says string }{
		{"", "Bitte geben Sie Ihre Versichertennummer ein"},
		{"A12345678", "9 Stellen"},
		{"A123456781", "eine Stelle falsch"},
		{"15070649C103", "Rentenversicherungsnummer"},
		{"80276883110000113311", "Kennnummer von der Rückseite"},
		{"A12345678O", "Null statt O"},
	}
	for _, c := range cases {
		g.number(c.typed)
		g.must(g.See(c.says))
	}
	g.looksGood("number-wrong")
	g.number(" a 123-456 780 ")
	g.asked(askChoice)
	g.must(g.See("A123 456 780"))
}

func TestPagesSpeakEnglishToo(t *testing.T) {
	openHouse(t)
	g := newGuest(t, browser.Profile{Language: "en"})
	g.visit("/postfach/")
	g.must(g.See("insurance number"))
	g.looksGood("number-english")
}

func TestWhoHasNoCardAtHandComesBackOrEnds(t *testing.T) {
	openHouse(t)
	person := newCustomer(t)
	g := newGuest(t, browser.Profile{})
	g.toTheCard(person)
	g.must(g.Press("Ich habe keine Karte"))
	g.asked("Sie haben Ihre Karte nicht zur Hand?")
	g.must(g.See("0800 000 0000"))
	g.looksGood("no-card")
	g.must(g.Press("Zurück zur Frage"))
	g.digits("9991")
	g.must(g.See("Sie haben noch 2 Versuche"))
	g.must(g.Press("Ich habe keine Karte"))
	g.must(g.Press("Anmeldung beenden"))
	g.must(g.See("Eine neue Karte bestellen Sie am Telefon"))
	g.looksGood("denied ended")
	if n := sessions(t, person); n != 0 || identified(t, person) {
		t.Errorf("%d sessions are left at Keycloak, or the person got in", n)
	}
}
