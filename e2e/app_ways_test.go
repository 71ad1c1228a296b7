package e2e_test

import (
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/e2e/browser"
	"github.com/schleuse/schleuse/e2e/stage"
	"github.com/schleuse/schleuse/sidecar/client"
)

const wrongPassword = "nicht-das-Wort-1"

// until looks until the expression is true in the page.
func (g appGuest) until(what, expression string) {
	g.t.Helper()
	for deadline := time.Now().Add(browser.Patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if told, err := g.Evaluate(expression); err == nil && told == "true" {
			return
		}
	}
	text, _ := g.Text()
	g.t.Fatalf("%s: never; the page says:\n%s", what, text)
}

// fails sends a form that is refused, and waits for the refusal.
func (g appGuest) fails(words, button string, fields ...string) {
	g.t.Helper()
	if _, err := g.Evaluate("document.querySelectorAll('.problem, .mistake').forEach(e => e.remove())"); err != nil {
		g.t.Fatal(err)
	}
	g.fills(button, fields...)
	g.asked(words)
	g.until("the form is free again", "!document.querySelector('[aria-disabled]')")
}

// registered is a person whose phone is this browser, with the app open.
func registered(t *testing.T, profile browser.Profile) appGuest {
	t.Helper()
	u := openAnnexe(t).identifiedCustomer(t)
	g := u.atTheApp(profile)
	g.registers()
	return g
}

// reads opens the request about an address, which came from somewhere else.
func (g appGuest) reads(street string) client.Approval {
	g.t.Helper()
	asked, err := g.u.backend().Ask(g.t.Context(), g.u.address(street))
	if err != nil {
		g.t.Fatal(err)
	}
	g.must(g.Tap("Adresse ändern"))
	g.asked(askRequest)
	g.asked(street)
	return asked
}

// becomes waits for the approval's end.
func (g appGuest) becomes(asked client.Approval, want client.State) {
	g.t.Helper()
	if got, err := g.u.backend().Wait(g.t.Context(), asked.ID); err != nil || got.State != want {
		g.t.Errorf("%+v, %v, want %s", got, err, want)
	}
}

func TestAChangeInTheWebCenterIsConfirmedInTheApp(t *testing.T) {
	g := registered(t, phoneSized)
	web := g.u.atTheWebCenter(browser.Profile{}, "/adresse")
	web.moves("Am Deich 2")
	code := web.code()
	g.asked("Es wartet eine Anfrage auf Sie")
	g.looksGood("app-inbox-waiting")
	g.must(g.Tap("Adresse ändern"))
	g.asked("Am Deich 2, 26721 Emden")
	g.looksGood("app-request")
	g.fails("Die Zahl hat 3 Ziffern", "Zustimmen", "code", "1", "password", devicePassword)
	g.looksGood("app-request-mistake")
	wrong := "000"
	if code == wrong {
		wrong = "111"
	}
	g.fails("Diese Zahl passt nicht", "Zustimmen", "code", wrong, "password", devicePassword)
	g.fills("Zustimmen", "code", code, "password", devicePassword)
	g.asked("Sie haben zugestimmt")
	g.looksGood("app-approved")
	web.asked(sayDone)
	if entries := g.u.journal(); len(entries) != 1 || entries[0].Action != "adresse" {
		t.Errorf("journal %+v", entries)
	}
	g.must(g.Tap("Einstellungen"))
	g.must(g.Tap("Was Sie entschieden haben"))
	g.asked("zugestimmt und ausgeführt, auf diesem Smartphone")
	g.looksGood("app-history")
}

func TestAPersonDeniesInTheAppAndSaysThatItWasNotThem(t *testing.T) {
	g := registered(t, phoneSized)
	asked := g.reads("Beim Dieb 1")
	g.must(g.Tap("Ablehnen"))
	g.asked("Sie haben abgelehnt")
	g.looksGood("app-denied")
	g.becomes(asked, client.Denied)
	g.must(g.Tap("Das war ich nicht"))
	g.asked("Waren Sie das wirklich nicht?")
	g.looksGood("app-not-me")
	g.must(g.Tap("Ja, das war ich nicht"))
	g.asked("Ihr Konto ist geschützt")
	g.u.noticed("sessions_ended")
	g.must(g.Tap("Neues Passwort wählen"))
	g.asked("Wählen Sie ein neues Passwort für die Anmeldung")
	g.looksGood("app-login-password")
	g.fails("nicht erlaubt", "Passwort festlegen", "password", devicePassword, "next", "kurz", "repeat", "kurz")
	g.fills("Passwort festlegen", "password", devicePassword, "next", "Ganz-neues-Wort-9", "repeat", "Ganz-neues-Wort-9")
	g.asked("Ihr neues Passwort für die Anmeldung gilt ab sofort")
	if _, err := g.u.signsIn(nil); err == nil {
		t.Error("the old login password opens the account")
	}
	again := g.u.appUser(t, stage.Person{Number: g.u.person.Number, Password: "Ganz-neues-Wort-9"})
	if _, err := again.signsIn(nil); err != nil {
		t.Error(err)
	}
}

func TestFiveWrongDevicePasswordsAndTheWayBack(t *testing.T) {
	g := registered(t, phoneSized)
	asked := g.reads("Am Deich 3")
	for range 5 {
		g.fails("Das hat nicht geklappt", "Zustimmen", "code", asked.MatchCode, "password", wrongPassword)
	}
	g.fills("Zustimmen", "code", asked.MatchCode, "password", devicePassword)
	g.asked(sayLocked)
	g.looksGood("app-locked")
	g.u.noticed("phone_locked")
	g.must(g.Reload())
	g.asked(sayLocked)
	g.must(g.Press("Neu ausweisen"))
	g.showsTheDocument()
	g.asked("Wählen Sie ein neues Geräte-Passwort")
	g.looksGood("app-unlock")
	g.fails("zu kurz", "Smartphone entsperren", "next", "kurz", "repeat", "kurz")
	g.fails("verschieden", "Smartphone entsperren", "next", "Neues-Geraete-Wort-8", "repeat", "Neues-Geraete-Wort-9")
	g.fills("Smartphone entsperren", "next", "Neues-Geraete-Wort-8", "repeat", "Neues-Geraete-Wort-8")
	g.asked("Das Smartphone ist entsperrt")
	g.opens()
	g.must(g.Tap("Adresse ändern")) // it still waits
	g.asked("Am Deich 3")
	g.fills("Zustimmen", "code", asked.MatchCode, "password", "Neues-Geraete-Wort-8")
	g.asked("Sie haben zugestimmt")
	g.becomes(asked, client.Approved)
}

// opens opens the app by its PIN.
func (g appGuest) opens() {
	g.t.Helper()
	g.asked(askPIN)
	g.fills("App öffnen", "pin", devicePIN)
	g.asked(askInbox)
}

// later moves the app's clock on.
func (g appGuest) later(seconds string) {
	g.t.Helper()
	if _, err := g.Evaluate("(() => { const now = Date.now; Date.now = () => now() + 1000 * " + seconds + "; })()"); err != nil {
		g.t.Fatal(err)
	}
}

// remains says whether the page holds the words anywhere, seen or not.
func (g appGuest) remains(words string) bool {
	g.t.Helper()
	held, err := g.Evaluate("document.documentElement.outerHTML")
	g.must(err)
	return strings.Contains(held, words)
}

func TestTheAppLocksItselfAndThePINOpensIt(t *testing.T) {
	g := registered(t, phoneSized)
	g.reads("Am Deich 5")
	g.later("299")
	if !g.remains("Am Deich 5") {
		t.Error("locked too early")
	}
	g.later("5")
	g.asked(askPIN)
	g.looksGood("app-pin")
	if g.remains("Am Deich 5") || g.remains("Adresse ändern") {
		t.Error("the locked app still holds the request")
	}
	g.must(g.Back())
	g.asked(askPIN)
	if g.remains("Am Deich 5") {
		t.Error("back shows what was locked")
	}
	g.opens()

	g.must(g.Tap("Einstellungen"))
	g.must(g.Tap("App jetzt sperren"))
	for range 5 {
		g.fails("Diese PIN passt nicht", "App öffnen", "pin", "135790")
	}
	g.fills("App öffnen", "pin", devicePIN)
	g.asked("Die PIN war fünfmal falsch")
	g.looksGood("app-pin-locked")
	g.fails("zu leicht zu erraten", "PIN festlegen", "password", devicePassword, "pin", "123456", "repeat", "123456")
	g.fills("PIN festlegen", "password", devicePassword, "pin", "864209", "repeat", "864209")
	g.asked(askInbox)
}

func TestWhoForgotThePINSetsAnother(t *testing.T) {
	g := registered(t, phoneSized)
	g.must(g.Reload())
	g.asked(askPIN)
	g.must(g.Tap("PIN vergessen?"))
	g.asked("Mit Ihrem Geräte-Passwort legen Sie eine neue PIN fest")
	g.looksGood("app-pin-forgotten")
	g.fills("PIN festlegen", "password", devicePassword, "pin", "864209", "repeat", "864209")
	g.asked(askInbox)
}

func TestAFingerOpensTheApp(t *testing.T) {
	g := registered(t, phoneSized)
	reader, err := g.Reader(true)
	g.must(err)
	g.must(g.Tap("Einstellungen"))
	g.must(g.Tap("Gesicht oder Finger"))
	g.asked("Mit Gesicht oder Finger öffnen?")
	g.looksGood("app-biometry")
	g.fails("Das hat nicht geklappt", "Einschalten", "password", wrongPassword)
	g.fills("Einschalten", "password", devicePassword)
	g.asked(askPIN)
	g.looksGood("app-pin-biometry")
	g.must(g.Tap("Mit Gesicht oder Finger öffnen"))
	g.asked(askInbox)

	g.must(reader.Knows(false))
	g.must(g.Reload())
	g.must(g.Tap("Mit Gesicht oder Finger öffnen"))
	g.asked("Gesicht oder Finger wurden nicht erkannt")
	g.opens() // a reader that was shown the wrong finger is blocked for a while

	// What the reader kept is gone: the PIN opens, and it is switched on anew.
	g.must(reader.Forget())
	g.must(g.Reload())
	g.must(g.Tap("Mit Gesicht oder Finger öffnen"))
	g.asked("Gesicht oder Finger wurden nicht erkannt")
	g.opens()
	g.must(g.Tap("Einstellungen"))
	g.must(g.Tap("Gesicht oder Finger"))
	g.must(g.Tap("Ausschalten"))
	g.asked(askPIN)
	if g.remains("Mit Gesicht oder Finger öffnen") {
		t.Error("a finger is still offered")
	}
	g.opens()
}

func TestWithoutASecretFromTheReaderNoFingerIsOffered(t *testing.T) {
	g := registered(t, phoneSized)
	if _, err := g.Reader(false); err != nil {
		t.Fatal(err)
	}
	g.must(g.Tap("Einstellungen"))
	g.must(g.Tap("Gesicht oder Finger"))
	g.fills("Einschalten", "password", devicePassword)
	g.asked("Der Browser kann keinen Schlüssel an Gesicht oder Finger binden")
}

func TestOfflineAndBack(t *testing.T) {
	g := registered(t, phoneSized)
	g.until("the shell is kept", "navigator.serviceWorker.ready.then(r => r.active.state === 'activated')")
	g.must(g.Offline(true))
	g.asked("Keine Verbindung")
	g.looksGood("app-offline")
	g.must(g.Reload())
	g.asked(askPIN)
	g.asked("Keine Verbindung")
	g.fails("Wir erreichen Ihre Krankenkasse gerade nicht", "App öffnen", "pin", devicePIN)
	g.must(g.Offline(false))
	g.fills("App öffnen", "pin", devicePIN)
	g.asked(askInbox)
	if g.remains("Keine Verbindung") {
		t.Error("the app still says that there is no connection")
	}
	g.reads("Am Deich 6")
}

func TestPhonesAreNamedAndBlockedInTheApp(t *testing.T) {
	g := registered(t, phoneSized)
	g.must(g.Tap("Smartphones"))
	g.asked("Ihre Smartphones")
	g.asked("Dieses Smartphone")
	g.looksGood("app-phones")
	g.must(g.Tap("„Telefon von Maria“ umbenennen"))
	g.fills("Namen speichern", "name", "Kleines Telefon")
	g.asked("Kleines Telefon")
	g.must(g.Tap("„Kleines Telefon“ sperren"))
	g.asked("Das lässt sich nicht rückgängig machen")
	g.looksGood("app-block")
	g.must(g.Tap("Smartphone sperren"))
	g.asked("Dieses Smartphone ist gesperrt")
	g.u.noticed("phone_blocked")
	g.must(g.Reload())
	g.asked(sayWelcome)
}

func TestPasswordsAreChangedInTheApp(t *testing.T) {
	g := registered(t, browser.Profile{Width: 320, Height: 640, Dark: true})
	g.must(g.Tap("Einstellungen"))
	g.looksGood("app-settings-narrow-dark")
	g.must(g.Tap("Geräte-Passwort ändern"))
	g.looksGood("app-password-narrow-dark")
	g.fails("Das hat nicht geklappt", "Geräte-Passwort ändern", "password", wrongPassword, "next", "Neues-Geraete-Wort-8", "repeat", "Neues-Geraete-Wort-8")
	g.fills("Geräte-Passwort ändern", "password", devicePassword, "next", "Neues-Geraete-Wort-8", "repeat", "Neues-Geraete-Wort-8")
	g.asked("Ihr neues Geräte-Passwort gilt ab sofort")
	g.opens()
	g.must(g.Tap("Einstellungen"))
	g.must(g.Tap("Was ein Browser nicht kann"))
	g.asked("Schlüssel in der Hardware")
	g.looksGood("app-limits-narrow-dark")
	g.must(g.Tap("Zurück"))
	g.must(g.Tap("Passwort für die Anmeldung ändern"))
	g.asked("Passwort vergessen")
	g.looksGood("app-login-password-elsewhere-narrow-dark")
	g.must(g.Tap("Anfragen"))
	g.reads("Am Deich 7")
	g.looksGood("app-request-narrow-dark")
}
