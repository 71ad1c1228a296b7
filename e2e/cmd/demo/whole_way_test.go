package main_test

import (
	"strings"

	"github.com/schleuse/schleuse/e2e/browser"
	"github.com/schleuse/schleuse/e2e/stage"
	"github.com/schleuse/schleuse/e2e/webcenter"
)

const (
	devicePassword = "Mein-Geraete-Wort-7"
	appPIN         = "462913"
	askApprove     = "Bitte öffnen Sie die Kunden-App"
	askRequest     = "Möchten Sie das?"
)

// goesTheWholeWay is the new customer with two windows, the WebCenter's and
// the Kunden-App's, from the first page to a sensitive change.
func (v trier) goesTheWholeWay() {
	v.Close()
	web := opens(v.t, v.chromium, v.demo, browser.Profile{Width: 1000, Height: 720})
	typed := web.begins("Neuer Kunde")
	web.registers(typed[0], typed[2])
	phone := opens(v.t, v.chromium, v.demo, browser.Profile{Width: 390, Height: 844})
	phone.becomesAPhone(stage.Person{Number: typed[0], Password: typed[2]})
	web.told("Briefe, die unterwegs sind", "phone_added")

	web.sendsAnApplication()
	code := web.code()
	web.must(web.Picture("walk-6-web-waits"))
	phone.confirms(code)
	web.must(web.See("Das hat geklappt"))
	web.must(web.Picture("walk-9-web-done"))
	web.executed(typed[0], "antrag")

	web.changesTheBank()
	web.code()
	phone.denies()
	web.must(web.See("Sie haben abgelehnt"))
	web.executed(typed[0], "antrag")
}

// registers makes an account, and comes to the page that was wanted.
func (v trier) registers(number, password string) {
	v.t.Helper()
	v.must(v.See(askNumber))
	v.must(v.Picture("walk-1-number"))
	v.says(number, "Zum ersten Mal registrieren")
	v.must(v.See(askNect))
	v.must(v.Picture("walk-2-nect"))
	v.goesToNect(number)
	v.must(v.See("Wählen Sie ein Passwort"))
	v.must(v.Picture("walk-3-password"))
	v.chooses("Wählen Sie ein Passwort", "Konto anlegen", password)
	v.told("Briefe, die unterwegs sind", "account_created")
	v.told("Mails, die angekommen sind", "Konto")
}

// taps types into fields of the app, which changes itself, and presses a button.
func (v trier) taps(question, button string, fields ...string) {
	v.t.Helper()
	v.must(v.See(question))
	for i := 0; i+1 < len(fields); i += 2 {
		v.must(v.Type(fields[i], fields[i+1]))
	}
	v.must(v.Tap(button))
}

// becomesAPhone registers the smartphone in the Kunden-App.
func (v trier) becomesAPhone(person stage.Person) {
	v.t.Helper()
	v.must(v.Press("Kunden-App, das Telefon neben dem WebCenter"))
	v.must(v.Tap("Deutsch")) // the browser under test speaks English
	v.must(v.See("Willkommen in der Kunden-App"))
	v.must(v.Picture("walk-4-app"))
	v.must(v.Press("Dieses Smartphone anmelden"))
	v.says(person.Number, "Anmelden")
	v.signsIn(person.Password)
	v.goesToNect(person.Number)
	v.must(v.See("Wie soll dieses Smartphone heißen?"))
	v.must(v.Picture("walk-5-app-register"))
	v.taps("Wie soll dieses Smartphone heißen?", "Smartphone anmelden",
		"name", "Mias Telefon", "next", devicePassword, "repeat", devicePassword)
	v.taps("Wählen Sie eine PIN für die App", "PIN festlegen", "pin", appPIN, "repeat", appPIN)
	v.must(v.See("Möchten Sie etwas bestätigen?"))
}

// reaches opens a page of the WebCenter that the home page does not link to.
func (v trier) reaches(path string) {
	v.t.Helper()
	v.must(v.Go(v.demo.WebCenter + path))
}

func (v trier) sendsAnApplication() {
	v.t.Helper()
	v.reaches("/antraege/")
	v.must(v.See("Welchen Antrag möchten Sie stellen?"))
	v.must(v.Attach("nachweis", "Attest.pdf", "%PDF-1.7 Zahn 36"))
	v.must(v.Choose("art", "Zahnersatz"))
	v.must(v.Press("Antrag senden"))
}

func (v trier) changesTheBank() {
	v.t.Helper()
	v.reaches("/bank")
	v.fills("Wie lautet Ihre neue Bankverbindung?", "Bankverbindung ändern", "inhaber", "Mia Neumann", "iban", "DE89370400440532013000")
}

// code is the number that the WebCenter shows for the phone.
func (v trier) code() string {
	v.t.Helper()
	v.must(v.See(askApprove))
	text, err := v.Text()
	v.must(err)
	_, after, _ := strings.Cut(text, "diese Zahl ein:")
	words := strings.Fields(after)
	if len(words) == 0 || len(words[0]) != 3 {
		v.t.Fatalf("no number stands in %q", text)
	}
	return words[0]
}

// confirms reads what waits on the phone, mistypes the number and the password
// once each, and agrees.
func (v trier) confirms(code string) {
	v.t.Helper()
	v.taps("Es wartet eine Anfrage auf Sie", "Antrag senden")
	for _, shown := range []string{askRequest, "Zahnersatz", "Attest.pdf (application/pdf, 16 Bytes)"} {
		v.must(v.See(shown))
	}
	v.must(v.Picture("walk-7-app-request"))
	other := "000"
	if code == other {
		other = "111"
	}
	v.taps(askRequest, "Zustimmen", "code", other, "password", devicePassword)
	v.must(v.See("Diese Zahl passt nicht"))
	v.taps(askRequest, "Zustimmen", "code", code, "password", "nicht-das-Wort-1")
	v.must(v.See("Das hat nicht geklappt"))
	v.taps(askRequest, "Zustimmen", "code", code, "password", devicePassword)
	v.must(v.See("Sie haben zugestimmt"))
	v.must(v.Picture("walk-8-app-approved"))
	v.must(v.Tap("Zu den Anfragen"))
}

func (v trier) denies() {
	v.t.Helper()
	v.taps("Es wartet eine Anfrage auf Sie", "Bankverbindung ändern")
	v.must(v.See("Mia Neumann"))
	v.must(v.Tap("Ablehnen"))
	v.must(v.See("Sie haben abgelehnt"))
}

// executed demands that the WebCenter has done this for the person, and no more.
func (v trier) executed(number string, actions ...string) {
	v.t.Helper()
	entries, err := webcenter.ReadJournal(v.demo.Journal)
	v.must(err)
	var done []string
	for _, e := range entries {
		if e.Number == number && e.Verified {
			done = append(done, e.Action)
		}
	}
	if got, want := strings.Join(done, " "), strings.Join(actions, " "); got != want {
		v.t.Errorf("the WebCenter has executed %q, want %q", got, want)
	}
}
