package e2e_test

import (
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/e2e/browser"
	"github.com/schleuse/schleuse/e2e/device"
	"github.com/schleuse/schleuse/e2e/webcenter"
)

// What the WebCenter asks and says.
const (
	askAddress  = "Wie lautet Ihre neue Adresse?"
	askBank     = "Wie lautet Ihre neue Bankverbindung?"
	askApply    = "Welchen Antrag möchten Sie stellen?"
	askApprove  = "Bitte öffnen Sie die Kunden-App"
	sayDone     = "Das hat geklappt"
	sayDenied   = "Sie haben abgelehnt"
	sayNoPhone  = "Sie brauchen ein angemeldetes Telefon"
	sayTakeBack = "Der Vorgang ist abgebrochen"
)

// atTheWebCenter is the person at a browser, signed in, at this page.
func (u *appUser) atTheWebCenter(profile browser.Profile, path string) guest {
	u.t.Helper()
	g := u.guest(u.t, profile)
	g.visit(path)
	g.number(u.person.Number)
	g.wantsToSignIn()
	g.password(u.person.Password)
	return g
}

// journal is what the WebCenter has executed for the person.
func (u *appUser) journal() []webcenter.Entry {
	u.t.Helper()
	all, err := webcenter.ReadJournal(u.annexe.journal)
	if err != nil {
		u.t.Fatal(err)
	}
	var mine []webcenter.Entry
	for _, e := range all {
		if e.Number == u.person.Number {
			mine = append(mine, e)
		}
	}
	return mine
}

// code is the match code on the page.
func (g guest) code() string {
	g.t.Helper()
	g.asked(askApprove)
	text, err := g.Text()
	g.must(err)
	_, after, _ := strings.Cut(text, "diese Zahl ein:")
	words := strings.Fields(after)
	if len(words) == 0 || len(words[0]) != 3 {
		g.t.Fatalf("no match code in %q", text)
	}
	return words[0]
}

// only is the one request that waits at the phone.
func (u *appUser) only(p *device.Phone) device.Request {
	u.t.Helper()
	for deadline := time.Now().Add(browser.Patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		inbox, err := p.Inbox(u.t.Context(), 0, "")
		if err != nil {
			u.t.Fatal(err)
		}
		if inbox.Count == 1 {
			return u.waiting(p, inbox.Requests[0].ID)
		}
	}
	u.t.Fatal("nothing waits at the phone")
	return device.Request{}
}

// fits looks whether the page is as wide as the window.
func (g guest) fits() {
	g.t.Helper()
	overflows, err := g.Overflows()
	g.must(err)
	if overflows {
		g.t.Error("the page is wider than the window")
	}
}

func (g guest) moves(street string) {
	g.t.Helper()
	g.asked(askAddress)
	g.fits()
	g.must(g.Type("strasse", street))
	g.must(g.Type("plz", "26721"))
	g.must(g.Type("ort", "Emden"))
	g.must(g.Press("Adresse ändern"))
}

func TestAnAddressIsChangedWithThePhone(t *testing.T) {
	for name, profile := range map[string]browser.Profile{"with script": {}, "without, narrow": {NoScript: true, Width: 320}} {
		t.Run(name, func(t *testing.T) {
			u := openAnnexe(t).identifiedCustomer(t)
			p := u.phone()
			g := u.atTheWebCenter(profile, "/adresse")
			g.moves("Am Deich 1")
			code := g.code()
			g.fits()
			shown := u.only(p)
			if got := shown.Fields[1].Value; got != "Am Deich 1, 26721 Emden" {
				t.Fatalf("the phone shows %q", got)
			}
			if entries := u.journal(); len(entries) > 0 {
				t.Fatalf("executed before it was approved: %+v", entries)
			}
			if _, err := p.Approve(t.Context(), shown, code, devicePassword); err != nil {
				t.Fatal(err)
			}
			g.asked(sayDone)
			g.must(g.Reload())
			g.asked(sayDone)
			entries := u.journal()
			if len(entries) != 1 || entries[0].Action != "adresse" || entries[0].Approval != shown.ID || !entries[0].Verified || entries[0].Content.String() != shown.Content {
				t.Errorf("journal %+v, approved %+v", entries, shown)
			}
			g.visit("/adresse")
			g.asked("Am Deich 1, 26721 Emden")
		})
	}
}

func TestADeniedChangeIsNotExecuted(t *testing.T) {
	u := openAnnexe(t).identifiedCustomer(t)
	p := u.phone()
	g := u.atTheWebCenter(browser.Profile{}, "/bank")
	g.asked(askBank)
	g.must(g.Type("inhaber", "Anna Beispiel"))
	g.must(g.Type("iban", "DE89370400440532013000"))
	g.must(g.Press("Bankverbindung ändern"))
	g.asked(askApprove)
	if _, err := p.Deny(t.Context(), u.only(p), ""); err != nil {
		t.Fatal(err)
	}
	g.asked(sayDenied)
	g.looksGood("change-denied")
	if entries := u.journal(); len(entries) > 0 {
		t.Errorf("executed: %+v", entries)
	}
}

func TestWhoHasNoPhoneIsToldHowToRegisterOne(t *testing.T) {
	u := openAnnexe(t).identifiedCustomer(t)
	g := u.atTheWebCenter(browser.Profile{}, "/adresse")
	g.moves("Am Deich 1")
	g.asked(sayNoPhone)
	g.looksGood("change-without-phone")
	p := u.phone()
	g.must(g.Press("Noch einmal versuchen"))
	g.asked(askApprove)
	u.only(p)
	g.must(g.Press("Abbrechen"))
	g.asked(sayTakeBack)
	if inbox, err := p.Inbox(t.Context(), 0, ""); err != nil || inbox.Count > 0 {
		t.Errorf("the phone still shows %+v, %v", inbox, err)
	}
}

// TestAnApplicationWithADocument is sent from a file as from a file chooser.
func TestAnApplicationWithADocument(t *testing.T) {
	u := openAnnexe(t).identifiedCustomer(t)
	p := u.phone()
	g := u.atTheWebCenter(browser.Profile{}, "/antraege/")
	g.asked(askApply)
	g.looksGood("application")
	g.must(g.Attach("nachweis", "Attest.pdf", "%PDF-1.7 Zahn 36"))
	g.must(g.Choose("art", "Zahnersatz"))
	g.must(g.Press("Antrag senden"))
	code := g.code()
	g.looksGood("change-waiting")
	shown := u.only(p)
	if shown.Fields[0].Value != "Zahnersatz" || shown.Fields[1].Value != "Attest.pdf (application/pdf, 16 Bytes)" {
		t.Fatalf("the phone shows %+v", shown.Fields)
	}
	if _, err := p.Approve(t.Context(), shown, code, devicePassword); err != nil {
		t.Fatal(err)
	}
	g.asked(sayDone)
	g.looksGood("change-done")
	if entries := u.journal(); len(entries) != 1 || entries[0].Action != "antrag" {
		t.Errorf("journal %+v", entries)
	}
	g.visit("/adresse")
	g.asked(askAddress)
	g.must(g.Press("Adresse ändern"))
	g.asked("Bitte prüfen Sie Ihre Angaben")
	g.looksGood("change-mistakes")
}
