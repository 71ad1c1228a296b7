package e2e_test

import (
	"strings"
	"testing"

	"github.com/schleuse/schleuse/e2e/browser"
	"github.com/schleuse/schleuse/sidecar/client"
)

func TestTheAppByKeyboardAlone(t *testing.T) {
	g := registered(t, phoneSized)
	g.must(g.Reload())
	g.asked(askPIN)
	if focused, err := g.Focused(); err != nil || !strings.HasPrefix(focused, "H1") {
		t.Errorf("the focus is on %s, %v, not on the screen's question", focused, err)
	}
	g.types(askPIN, "f-pin", devicePIN)
	g.asked(askInbox)
	asked, err := g.u.backend().Ask(t.Context(), g.u.address("Am Deich 8"))
	if err != nil {
		t.Fatal(err)
	}
	g.types("Es wartet eine Anfrage", "Adresse ändern", "")
	g.types(askRequest, "f-code", asked.MatchCode) // the enter key sends the form, whose password is missing
	g.asked("Bitte geben Sie Ihr Geräte-Passwort ein")
	if focused, err := g.Focused(); err != nil || !strings.HasPrefix(focused, "DIV") {
		t.Errorf("the focus is on %s, %v, not on the summary", focused, err)
	}
	g.must(g.Keys("\t"))
	g.until("the tab key comes to the summary's link", "document.activeElement.tagName === 'A'")
	// Not by the enter key: the debugger sends its letter apart, to the field that the link has led to.
	g.until("the summary leads to the field", "(document.activeElement.click(), document.activeElement.id === 'f-password')")
	g.types(askRequest, "f-password", devicePassword)
	g.asked("Sie haben zugestimmt")
	g.becomes(asked, client.Approved)
}

func TestAnAlteredRequestCannotBeApproved(t *testing.T) {
	g := registered(t, phoneSized)
	asked, err := g.u.backend().Ask(t.Context(), g.u.address("Am Deich 9"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = g.Evaluate(`(() => {
		const real = fetch;
		window.fetch = async (url, settings) => {
			const answer = await real(url, settings);
			if (!/\/requests\/[^/]+$/.test(url)) return answer;
			const told = await answer.json();
			const [head, body, signature] = told.request.split('.');
			const text = new TextDecoder().decode(Uint8Array.from(atob(body.replaceAll('-', '+').replaceAll('_', '/')), c => c.charCodeAt(0)));
			const forged = new TextEncoder().encode(text.replace('Am Deich 9', 'Am Deich 1'));
			const again = btoa(String.fromCharCode(...forged)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
			return new Response(JSON.stringify({...told, request: [head, again, signature].join('.')}), {headers: answer.headers});
		};
	})()`)
	g.must(err)
	g.must(g.Tap("Adresse ändern"))
	g.asked("Wir können nicht prüfen, von wem diese Anfrage kommt")
	g.looksGood("app-untrusted")
	if g.remains("Zustimmen") || g.remains("Am Deich") {
		t.Error("an altered request is shown, or can be approved")
	}
	g.must(g.Tap("Ablehnen"))
	g.asked("Diese Anfrage ist vorbei")
	if got, err := g.u.backend().Read(t.Context(), asked.ID); err != nil || got.State != client.Pending {
		t.Errorf("what this phone was never given is %+v, %v", got, err)
	}
}

// TestNothingIsApprovedUnread: a long text, a small screen, and a finger that
// jumps to the end.
func TestNothingIsApprovedUnread(t *testing.T) {
	g := registered(t, browser.Profile{Width: 320, Height: 360})
	q := g.u.address(strings.Repeat("Am langen Deich 14, ", 40) + "Emden")
	q.Fields["alt"] = strings.Repeat("Alte Straße 1, ", 40) + "Berlin"
	asked, err := g.u.backend().Ask(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	g.must(g.Tap("Adresse ändern"))
	g.asked(askRequest)
	g.fills("Zustimmen", "code", asked.MatchCode, "password", devicePassword)
	g.asked("Bitte lesen Sie erst alle Angaben")
	if got, err := g.u.backend().Read(t.Context(), asked.ID); err != nil || got.State != client.Pending {
		t.Fatalf("%+v, %v", got, err)
	}
	_, err = g.Evaluate(`(async () => {
		for (const value of document.querySelectorAll('dd')) {
			value.lastElementChild.scrollIntoView({block: 'center', behavior: 'instant'});
			await new Promise(seen => requestAnimationFrame(() => requestAnimationFrame(seen)));
		}
	})()`)
	g.must(err)
	g.must(g.Tap("Zustimmen"))
	g.asked("Sie haben zugestimmt")
	g.becomes(asked, client.Approved)
}

func TestAnotherQuestionMeanwhileIsSaid(t *testing.T) {
	g := registered(t, phoneSized)
	backend, first := g.u.backend(), g.u.address("Am Deich 10")
	first.Session = "the person's"
	if _, err := backend.Ask(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	second := g.u.address("Beim Dieb 2")
	second.Session = "the thief's"
	if _, err := backend.Ask(t.Context(), second); !client.Is(err, client.AlreadyOpen) {
		t.Fatal(err)
	}
	g.must(g.Tap("Adresse ändern"))
	g.asked("kam noch eine. Wir haben sie abgelehnt")
	g.asked("Am Deich 10")
	g.looksGood("app-request-refused")
}

func TestARequestThatIsOverIsSaidToBe(t *testing.T) {
	g := registered(t, phoneSized)
	asked := g.reads("Am Deich 11")
	if _, err := g.u.backend().Cancel(t.Context(), asked.ID); err != nil {
		t.Fatal(err)
	}
	g.fills("Zustimmen", "code", asked.MatchCode, "password", devicePassword)
	g.asked("Diese Anfrage ist vorbei: zurückgezogen")
	g.looksGood("app-over")
	g.must(g.Tap("Zu den Anfragen"))
	g.asked("Es wartet nichts auf Sie")
}

func TestThreeWrongNumbersDeny(t *testing.T) {
	g := registered(t, phoneSized)
	asked := g.reads("Am Deich 12")
	wrong := "000"
	if asked.MatchCode == wrong {
		wrong = "111"
	}
	for range 2 {
		g.fails("Diese Zahl passt nicht", "Zustimmen", "code", wrong, "password", devicePassword)
	}
	g.fills("Zustimmen", "code", wrong, "password", devicePassword)
	g.asked("Die Zahl war dreimal falsch")
	g.becomes(asked, client.Denied)
}

// TestSomebodyNewBeginsInTheApp: the account is made at the gate, and the way
// leads back to the app.
func TestSomebodyNewBeginsInTheApp(t *testing.T) {
	a := openAnnexe(t)
	u := a.appUser(t, a.newcomer(t))
	g := u.atTheApp(phoneSized)
	g.asked(sayWelcome)
	g.must(g.Press("Zum ersten Mal hier? Registrieren"))
	g.number(u.person.Number)
	g.wants(register)
	g.goesToNect(u.person)
	g.chooses(chosenPassword, "Konto anlegen")
	g.password(chosenPassword)
	g.asked(sayWelcome)
	u.person.Password = chosenPassword
	g.must(g.Press("Dieses Smartphone anmelden"))
	g.showsTheDocument() // another proof: what opened the account opens no phone
	g.asked(askPhoneName)
	g.looksGood("app-register")
	g.fails("zu kurz", "Smartphone anmelden", "name", "Mein erstes", "next", "kurz", "repeat", "kurz")
	g.fills("Smartphone anmelden", "next", devicePassword, "repeat", devicePassword)
	g.asked(askNewPIN)
	g.looksGood("app-new-pin")
	g.fails("6 Ziffern", "PIN festlegen", "pin", "12", "repeat", "12")
	g.fills("PIN festlegen", "pin", devicePIN, "repeat", devicePIN)
	g.asked(askInbox)
}

// TestANewPhoneTakesThePlaceOfTheOldOne, which then says that it is no more.
func TestANewPhoneTakesThePlaceOfTheOldOne(t *testing.T) {
	old := registered(t, phoneSized)
	g := old.u.atTheApp(phoneSized)
	g.must(g.Press("Dieses Smartphone anmelden"))
	g.number(g.u.person.Number)
	g.wantsToSignIn()
	g.password(g.u.person.Password)
	g.asked(askOldPhone)
	g.must(g.Press("Anders ausweisen"))
	g.asked(askWay)
	g.must(g.Press("Mit dem Smartphone über Nect"))
	g.showsTheDocument()
	g.asked("Ersetzt dieses Smartphone ein anderes?")
	g.looksGood("app-register-replacing")
	g.must(g.Tap("Ja, „Telefon von Maria“"))
	g.fills("Smartphone anmelden", "name", "Neues Telefon", "next", devicePassword, "repeat", devicePassword)
	g.asked(askNewPIN)
	g.fills("PIN festlegen", "pin", devicePIN, "repeat", devicePIN)
	g.asked(askInbox)
	g.u.noticed("phone_replaced")

	old.must(old.Reload())
	old.asked("Dieses Smartphone ist nicht mehr angemeldet")
	old.looksGood("app-unknown")
	g.must(g.Tap("Smartphones"))
	g.asked("gesperrt für immer")
}

// TestAnOldPhoneVouchesForANewOne: the login in the app waits for the old phone.
func TestAnOldPhoneVouchesForANewOne(t *testing.T) {
	u := openAnnexe(t).identifiedCustomer(t)
	u.old = u.phone()
	g := u.atTheApp(phoneSized)
	g.must(g.Press("Dieses Smartphone anmelden"))
	g.number(u.person.Number)
	g.wantsToSignIn()
	g.password(u.person.Password)
	g.asked(askOldPhone)
	g.must(g.Press("Anfrage senden"))
	g.asked(sayConfirm)
	text, err := g.Text()
	g.must(err)
	shown := u.only(u.old)
	if _, err := u.old.Approve(t.Context(), shown, threeDigits.FindString(text), devicePassword); err != nil {
		t.Fatal(err)
	}
	g.asked(askPhoneName)
	g.fills("Smartphone anmelden", "name", "Zweites Telefon", "next", devicePassword, "repeat", devicePassword)
	g.asked(askNewPIN)
	phones, err := u.old.Devices(t.Context())
	if err != nil || len(phones) != 2 {
		t.Errorf("%+v, %v", phones, err)
	}
}

func TestTheAppSpeaksEnglish(t *testing.T) {
	u := openAnnexe(t).identifiedCustomer(t)
	g := u.atTheApp(phoneSized)
	g.registers()
	g.must(g.Tap("English"))
	g.asked("Is there something to confirm?")
	if _, err := u.backend().Ask(t.Context(), u.address("Am Deich 13")); err != nil {
		t.Fatal(err)
	}
	g.must(g.Tap("Change of address"))
	g.asked("Do you want this?")
	g.asked("New address")
	g.looksGood("app-request-english")
	lang, err := g.Evaluate("document.documentElement.lang")
	if err != nil || lang != "en" {
		t.Errorf("the page says it is %q, %v", lang, err)
	}
}

// TestTheLoginPasswordIsChangedAtTheGate: by whoever knows it in a login, by
// whoever forgot it from the choice of what to do.
func TestTheLoginPasswordIsChangedAtTheGate(t *testing.T) {
	g := registered(t, phoneSized)
	toTheChange := func() {
		t.Helper()
		g.must(g.Tap("Einstellungen"))
		g.must(g.Tap("Passwort für die Anmeldung ändern"))
		g.asked("Sie haben es vergessen?")
	}
	toTheChange()
	g.must(g.Press("Passwort ändern"))
	g.asked("Wählen Sie ein Passwort")
	g.must(g.Type("password-new", "Noch-ein-neues-Wort-5"))
	g.must(g.Type("password-confirm", "Noch-ein-neues-Wort-5"))
	g.must(g.Press("Weiter"))
	g.opens()
	g.must(g.Reload()) // whoever has tokens yet is not asked whether they want to leave
	g.opens()
	toTheChange()
	g.must(g.Press("Abmelden und Passwort erneuern"))
	g.asked("Wollen Sie sich abmelden?")
	g.must(g.Press("Abmelden"))
	g.number(g.u.person.Number)
	g.wants(recoverWords)
	g.asked(askNect)
}

// TestWhereNothingIsKeptThereIsNoApp, and it says so.
func TestWhereNothingIsKeptThereIsNoApp(t *testing.T) {
	u := openAnnexe(t).identifiedCustomer(t)
	g := u.atTheApp(phoneSized)
	_, err := g.Evaluate(`caches.delete('x').then(() => navigator.serviceWorker.ready).then(async () => {
		const cache = await caches.open((await caches.keys())[0]);
		await cache.put('/config.json', new Response('nothing'));
	})`)
	g.must(err)
	g.must(g.Reload())
	g.asked("Hier lässt sich die App nicht öffnen")
	g.looksGood("app-impossible")
}
