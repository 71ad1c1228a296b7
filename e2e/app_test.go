package e2e_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"

	"github.com/schleuse/schleuse/e2e/browser"
	"github.com/schleuse/schleuse/e2e/play"
	"github.com/schleuse/schleuse/e2e/webcenter"
	"github.com/schleuse/schleuse/sidecar/client"
)

// What the Kunden-App asks and says.
const (
	sayWelcome   = "Willkommen in der Kunden-App"
	askPhoneName = "Wie soll dieses Smartphone heißen?"
	askNewPIN    = "Wählen Sie eine PIN für die App"
	askPIN       = "Wie lautet Ihre PIN?"
	askInbox     = "Möchten Sie etwas bestätigen?"
	askRequest   = "Möchten Sie das?"
	askMove      = "Bisherige Adresse"
	sayLocked    = "Dieses Smartphone ist gesperrt"
)

// phoneSized is how a person holds the app.
var phoneSized = browser.Profile{Width: 390, Height: 844}

// openedApp serves the Kunden-App beside the annexe, once, and returns the
// journal of its backend.
var openedApp = sync.OnceValues(func() (string, error) {
	a, err := openedAnnexe()
	if err != nil {
		return "", err
	}
	journal := filepath.Join(theatre.Dir, "annexe", play.AppJournalFile)
	app, err := theatre.App(a.visitor().HTTPClient().Transport, journal)
	if err != nil {
		return "", err
	}
	return journal, play.Serve(context.Background(), theatre.Ports.App(), app)
})

// appGuest is a person at the Kunden-App.
type appGuest struct {
	guest
	u       *appUser
	journal string
}

// atTheApp opens the app as somebody who has not used it here.
func (u *appUser) atTheApp(profile browser.Profile) appGuest {
	u.t.Helper()
	journal, err := openedApp()
	if err != nil {
		u.t.Fatal(err)
	}
	g := appGuest{u.guest(u.t, profile), u, journal}
	g.must(g.Go(theatre.Ports.AppURL() + "/"))
	g.must(g.Tap("Deutsch")) // the browser under test speaks English
	return g
}

// fills types into fields of the app and presses its button.
func (g appGuest) fills(button string, fields ...string) {
	g.t.Helper()
	for i := 0; i < len(fields); i += 2 {
		g.must(g.Type(fields[i], fields[i+1]))
	}
	g.must(g.Tap(button))
}

// provesOneself goes the whole way at the gate, with Nect as the proof.
func (g appGuest) provesOneself() {
	g.t.Helper()
	g.number(g.u.person.Number)
	g.wantsToSignIn()
	g.password(g.u.person.Password)
	g.showsTheDocument()
}

func (g appGuest) showsTheDocument() {
	g.t.Helper()
	g.asked(askNect)
	g.must(g.Press("Jetzt mit Nect ausweisen"))
	g.asked(askJump)
	g.must(g.Press("Zu Nect"))
	g.showsOwn(g.u.person, "succeeded")
}

// registers makes a phone of this browser and opens the app.
func (g appGuest) registers() {
	g.t.Helper()
	g.asked(sayWelcome)
	g.must(g.Press("Dieses Smartphone anmelden"))
	g.provesOneself()
	g.asked(askPhoneName)
	g.fills("Smartphone anmelden", "name", "Telefon von Maria", "next", devicePassword, "repeat", devicePassword)
	g.asked(askNewPIN)
	g.fills("PIN festlegen", "pin", devicePIN, "repeat", devicePIN)
	g.asked(askInbox)
}

// executed is what the app's backend has executed for the address.
func (g appGuest) executed(street string) []webcenter.Entry {
	g.t.Helper()
	all, err := webcenter.ReadJournal(g.journal)
	g.must(err)
	var out []webcenter.Entry
	for _, e := range all {
		if e.Action == "adresse" && e.Verified && e.Content == g.contentOf(e.Number, street) {
			out = append(out, e)
		}
	}
	return out
}

func TestAPersonRegistersAndChangesTheirAddressInTheApp(t *testing.T) {
	u := openAnnexe(t).identifiedCustomer(t)
	g := u.atTheApp(phoneSized)
	g.asked(sayWelcome)
	g.looksGood("app-welcome")
	g.registers()
	g.looksGood("app-inbox")
	u.noticed("phone_added")

	g.must(g.Tap("Adresse"))
	g.asked(askMove)
	g.looksGood("app-address")
	g.fills("Adresse ändern", "street", "Am Deich 1", "postcode", "26721", "town", "Emden")
	g.asked(askRequest)
	g.asked("Am Deich 1, 26721 Emden")
	g.asked("Eine Zahl brauchen Sie nicht")
	g.looksGood("app-request-own")
	if got := g.executed("Am Deich 1"); len(got) > 0 {
		t.Fatalf("executed before it was approved: %+v", got)
	}
	g.fills("Zustimmen", "password", devicePassword)
	g.asked("Ihre neue Adresse ist gespeichert")
	g.looksGood("app-address-done")
	if got := g.executed("Am Deich 1"); len(got) != 1 {
		t.Errorf("executed %d times", len(got))
	}
}

// contentOf hashes what is executed for a person.
func (g appGuest) contentOf(subject, street string) client.Hash {
	return client.HashOf([]byte(`{"v":1,"action":"adresse","sub":"` + subject + `","address":{"street":"` + street + `","postcode":"26721","town":"Emden"}}`))
}
