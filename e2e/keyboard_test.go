package e2e_test

import (
	"testing"

	"github.com/schleuse/schleuse/e2e/browser"
	"github.com/schleuse/schleuse/e2e/stage"
)

// step is a page, what the tab key goes to on it, and what is typed there.
type step struct{ asks, to, keys string }

// walks answers pages by keyboard alone.
func (g guest) walks(steps ...step) {
	g.t.Helper()
	for _, s := range steps {
		g.types(s.asks, s.to, s.keys)
	}
}

// types tabs to a field, link or button, types, and ends with the enter key.
func (g guest) types(question, to, keys string) {
	g.t.Helper()
	g.asked(question)
	g.tabTo(to)
	g.must(g.Keys(keys + "\r"))
}

// choosesByKey answers the page for the new password, and signs in with it.
func (g guest) choosesByKey(question string, person stage.Person) {
	g.t.Helper()
	g.asked(question)
	g.tabTo("f-password")
	g.must(g.Keys(chosenPassword))
	g.walks(step{question, "f-again", chosenPassword}, step{askPassword, "password", chosenPassword})
	g.inside()
	if !identified(g.t, person) {
		g.t.Error("the person is not identified at Keycloak")
	}
}

func TestALetterByKeyboardAlone(t *testing.T) {
	for wish, c := range map[string]struct {
		person func(*annexe, *testing.T) stage.Person
		asks   string
	}{
		register:     {(*annexe).newcomer, askNew},
		recoverWords: {(*annexe).customer, askNewAgain},
	} {
		t.Run(wish, func(t *testing.T) {
			a := openAnnexe(t)
			person := c.person(a, t)
			g := a.guest(t, browser.Profile{})
			g.visit("/postfach/")
			g.walks(
				step{askNumber, "number", person.Number},
				step{askChoice, wish, ""},
				step{askNect, "Anders ausweisen", ""},
				step{askWay, "Mit einem Brief", ""},
				step{askLetter, "Brief bestellen", ""},
				step{sayOrdered, "Ich habe schon einen Brief", ""},
			)
			g.walks(step{askLetter, "code", a.letter(t, person, "letter.code").Data.Code})
			g.choosesByKey(c.asks, person)
		})
	}
}

func TestAUsedUpCardLeadsToNectByKeyboardAlone(t *testing.T) {
	a := openAnnexe(t)
	person := a.customer(t)
	g := a.guest(t, browser.Profile{})
	g.visit("/postfach/")
	g.walks(
		step{askNumber, "number", person.Number},
		step{askChoice, "Anmelden", ""},
		step{askPassword, "password", person.Password},
		step{askDigits, "digits", "9991"},
		step{"noch 2 Versuche", "digits", "9992"},
		step{"noch einen Versuch", "digits", "9993"},
		step{askNect, "Jetzt mit Nect ausweisen", ""},
		step{askJump, "Zu Nect", ""},
	)
	g.showsOwn(person, "succeeded")
	g.inside()
	if !identified(t, person) {
		t.Error("the person is not identified at Keycloak")
	}
}
