package main_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/e2e/browser"
	"github.com/schleuse/schleuse/e2e/stage"
)

// trier is somebody in a private window of Chromium who has the demo's
// home page before them.
type trier struct {
	*browser.Tab
	t        *testing.T
	demo     told
	chromium *browser.Browser
}

// walkInChromium is everybody whom the home page offers, one after another.
func walkInChromium(t *testing.T, demo told) {
	t.Helper()
	b, err := browser.Launch(t.Context(), os.Getenv("SCHLEUSE_PICTURES"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	for _, w := range []struct {
		name string
		walk func(trier)
	}{
		{"customer", trier.isTheCustomer},
		{"newcomer, the whole way", trier.goesTheWholeWay},
		{"newcomer by letter", trier.registersByLetter},
		{"forgotten password", trier.forgotThePassword},
		{"thief", trier.isTheThief},
		{"used-up card", trier.usesTheCardUp},
		{"staff", trier.isStaff},
	} {
		t.Run(w.name, func(t *testing.T) {
			w.walk(opens(t, b, demo, browser.Profile{}))
		})
	}
}

// opens gives somebody a private window with the demo's home page.
func opens(t *testing.T, b *browser.Browser, demo told, profile browser.Profile) trier {
	t.Helper()
	tab, err := b.Open(profile)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tab.Close)
	v := trier{tab, t, demo, b}
	v.must(v.Go(demo.Home))
	v.must(v.See("Wer möchten Sie sein?"))
	return v
}

func (v trier) must(err error) {
	v.t.Helper()
	if err != nil {
		v.t.Fatal(err)
	}
}

// begins follows the home page's link for this role, and returns what the page
// says is to be typed, in order.
func (v trier) begins(title string) []string {
	v.t.Helper()
	i := slices.IndexFunc(v.demo.Roles, func(r role) bool { return r.Title == title })
	if i < 0 {
		v.t.Fatalf("the demo offers nobody called %q", title)
	}
	target, err := v.Target("Anfangen: " + title)
	v.must(err)
	if target != v.demo.Roles[i].Start {
		v.t.Errorf("the home page leads to %s, demo.json to %s", target, v.demo.Roles[i].Start)
	}
	var typed []string
	for _, one := range v.demo.Roles[i].Typed {
		v.must(v.See(one.Answer))
		typed = append(typed, one.Answer)
	}
	v.must(v.Press("Anfangen: " + title))
	return typed
}

// person is somebody of the home page's table.
func (v trier) person(name string) stage.Person {
	v.t.Helper()
	i := slices.IndexFunc(v.demo.People, func(p stage.Person) bool { return p.Name == name })
	if i < 0 {
		v.t.Fatalf("the demo knows nobody called %q", name)
	}
	v.must(v.See(v.demo.People[i].Number))
	return v.demo.People[i]
}

// fills waits for a page, fills its fields with pairs of name and text, and
// presses a button.
func (v trier) fills(question, button string, fields ...string) {
	v.t.Helper()
	v.must(v.See(question))
	for i := 0; i+1 < len(fields); i += 2 {
		v.must(v.Type(fields[i], fields[i+1]))
	}
	v.must(v.Press(button))
}

const (
	askNumber = "Wie lautet Ihre Versichertennummer?"
	askChoice = "Was möchten Sie tun?"
	askDigits = "Wie lauten die letzten vier Ziffern der Kennnummer Ihrer Karte?"
	askNect   = "Möchten Sie sich jetzt mit Nect ausweisen?"
	askLetter = "Wie lautet der Code aus Ihrem Brief?"
	sayInside = "Sie sind angemeldet"
)

// says types the number and what the person wants.
func (v trier) says(number, wish string) {
	v.t.Helper()
	v.fills(askNumber, "Weiter", "number", number)
	v.fills(askChoice, wish)
}

func (v trier) signsIn(password string) {
	v.t.Helper()
	v.fills("Wie lautet Ihr Passwort?", "Anmelden", "password", password)
}

// goesToNect shows, at the service that plays Nect, the document of whoever has
// this number.
func (v trier) goesToNect(number string) {
	v.t.Helper()
	v.fills(askNect, "Jetzt mit Nect ausweisen")
	v.fills("Wie möchten Sie zu Nect gehen?", "Zu Nect")
	v.must(v.See("Nect (nachgestellt)"))
	v.must(v.Choose("person", number))
	v.must(v.Press("Fertig"))
}

func (v trier) chooses(question, button, password string) {
	v.t.Helper()
	v.fills(question, button, "password", password, "again", password)
	v.signsIn(password)
	v.must(v.See(sayInside))
}

// letter is the first code on the page of letters, the newest.
func (v trier) letter() string {
	v.t.Helper()
	tab, err := v.Second()
	v.must(err)
	defer tab.Close()
	v.must(tab.Go(v.demo.Home))
	v.must(tab.Press("Briefe, die unterwegs sind"))
	for range 3 { // the order is carried out in the background
		v.must(tab.Reload())
		text, err := tab.Text()
		v.must(err)
		if code := regexp.MustCompile(`\b[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}\b`).FindString(text); code != "" {
			return code
		}
	}
	v.t.Fatal("no letter with a code is on its way")
	return ""
}

// told opens what the home page calls so, and looks for the words there.
func (v trier) told(link, words string) {
	v.t.Helper()
	v.must(v.Go(v.demo.Home))
	v.must(v.Press(link))
	v.must(v.See(words))
}

func (v trier) isTheCustomer() {
	typed := v.begins("Kundin mit Konto")
	v.says(typed[0], "Anmelden")
	v.signsIn(typed[1])
	v.fills(askDigits, "Ziffern prüfen", "digits", typed[2])
	v.must(v.See(sayInside))
}

func (v trier) registersByLetter() {
	nils := v.person("Nils Neuhaus")
	v.begins("Neuer Kunde")
	v.says(nils.Number, "Zum ersten Mal registrieren")
	v.fills(askNect, "Anders ausweisen")
	v.fills("Wie möchten Sie sich ausweisen?", "Mit einem Brief")
	v.fills(askLetter, "Brief bestellen")
	v.fills("Ihre Bestellung ist angekommen", "Ich habe schon einen Brief")
	v.fills(askLetter, "Weiter", "code", v.letter())
	v.chooses("Wählen Sie ein Passwort", "Konto anlegen", "Nils-schreibt-Briefe")
}

func (v trier) forgotThePassword() {
	frieda := v.person("Frieda Brief")
	v.begins("Kundin mit Konto")
	v.says(frieda.Number, "Passwort vergessen")
	v.goesToNect(frieda.Number)
	v.chooses("Wählen Sie ein neues Passwort", "Neues Passwort speichern", "Frieda-weiss-es-jetzt")
}

// isTheThief ends where the home page says: at Nect, without a document.
func (v trier) isTheThief() {
	typed := v.begins("Dieb")
	v.says(typed[0], "Anmelden")
	v.signsIn(typed[1])
	for range 3 {
		v.fills(askDigits, "Ziffern prüfen", "digits", typed[2])
	}
	v.must(v.See(askNect))
	cookies, err := v.Cookies()
	v.must(err)
	if slices.ContainsFunc(cookies, func(name string) bool { return strings.HasSuffix(name, "KEYCLOAK_IDENTITY") }) {
		v.t.Error("the thief owns an identity cookie")
	}
}

func (v trier) usesTheCardUp() {
	emil := v.person("Emil Neukarte")
	v.begins("Kundin mit Konto")
	v.says(emil.Number, "Anmelden")
	v.signsIn(emil.Password)
	for range 3 {
		v.fills(askDigits, "Ziffern prüfen", "digits", "9999")
	}
	v.goesToNect(emil.Number)
	v.must(v.See(sayInside))
}

func (v trier) isStaff() {
	typed := v.begins("Mitarbeiterin")
	v.must(v.Press("Anmelden"))
	v.fills("Benutzername", "Anmelden", "username", typed[0], "password", typed[1])
	v.must(v.See("Angemeldet: "))
}
