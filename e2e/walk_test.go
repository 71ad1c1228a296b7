package e2e_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/e2e/browser"
	"github.com/schleuse/schleuse/e2e/device"
	"github.com/schleuse/schleuse/e2e/play"
	"github.com/schleuse/schleuse/e2e/stage"
)

// The walk from the first page to a confirmed change is the demo's (cmd/demo),
// its by-ways are the app's (app_*_test.go) and those of people's own pages
// (mine_test.go). Here is what needs other settings than theirs.

// wing is an annexe of the test's own, which may be started again with other
// settings.
type wing struct {
	*annexe
	program *mortal
}

// newWing opens one; letters, mails and Nect are the annexe's.
func newWing(t *testing.T, edit func(config []byte) []byte) *wing {
	t.Helper()
	shared := openAnnexe(t)
	ports, err := stage.FreePorts()
	if err != nil {
		t.Fatal(err)
	}
	m := newReplica(t, play.Spec{NectURL: theatre.Ports.NectURL(), UpstreamURL: ports.UpstreamURL(), Edit: edit}, nil)
	doors := strings.TrimPrefix(stage.Loopback(m.spec.Port), "http://")
	a := &annexe{
		Schleuse: m.Schleuse, mail: shared.mail, nect: shared.nect, doors: doors,
		letters: filepath.Join(m.spec.Dir, play.LettersFolder), journal: filepath.Join(m.spec.Dir, play.JournalFile),
	}
	if err := play.Serve(t.Context(), ports.Upstream(), theatre.WebCenter(a.visitor().HTTPClient().Transport, a.journal)); err != nil {
		t.Fatal(err)
	}
	var moved []string
	for _, host := range a.hosts() {
		moved = append(moved, "MAP "+host+" "+doors)
	}
	pictures, err := picturesFolder()
	if err != nil {
		t.Fatal(err)
	}
	if a.chromium, err = browser.Launch(t.Context(), pictures, moved...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.chromium.Close)
	return &wing{a, m}
}

// coolsDown starts the program again, so that each new phone cools down so long.
func (w *wing) coolsDown(long string) {
	w.program.Stop()
	w.program.spec.CoolDown = long
	w.program.rise()
	w.Schleuse = w.program.Schleuse
}

// TestASecondPhoneCoolsDown: the first vouches for it, and alone confirms what
// may do harm until the second is older.
func TestASecondPhoneCoolsDown(t *testing.T) {
	w := newWing(t, nil)
	u := w.identifiedCustomer(t)
	u.old = u.phone()
	w.coolsDown("24h")
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
	if _, err := u.old.Approve(t.Context(), u.only(u.old), threeDigits.FindString(text), devicePassword); err != nil {
		t.Fatal(err)
	}
	g.asked(askPhoneName)
	g.fills("Smartphone anmelden", "name", "Zweites Telefon", "next", devicePassword, "repeat", devicePassword)
	g.asked("Ihr Smartphone ist neu")
	g.looksGood("app-cooling")
	g.fills("PIN festlegen", "pin", devicePIN, "repeat", devicePIN)

	web := u.atTheWebCenter(browser.Profile{}, "/adresse")
	web.moves("Am Deich 8")
	code := web.code()
	g.must(g.Tap("Adresse ändern"))
	g.asked("Am Deich 8, 26721 Emden")
	g.fails("dafür noch zu neu", "Zustimmen", "code", code, "password", devicePassword)
	g.looksGood("app-too-new")
	if entries := u.journal(); len(entries) > 0 {
		t.Fatalf("executed by a phone that cools down: %+v", entries)
	}
	if _, err := u.old.Approve(t.Context(), u.only(u.old), code, devicePassword); err != nil {
		t.Fatal(err)
	}
	web.asked(sayDone)
	if entries := u.journal(); len(entries) != 1 {
		t.Errorf("journal %+v", entries)
	}
}

const (
	shortLife  = 30 * time.Second // the shortest that an action may have
	sayExpired = "Die Zeit ist abgelaufen"
)

// TestAnApplicationThatNobodyAnswersIsNotSent, nor when the phone comes too late.
func TestAnApplicationThatNobodyAnswersIsNotSent(t *testing.T) {
	w := newWing(t, func(config []byte) []byte {
		return []byte(strings.Replace(string(config), "lifetime: 10m", "lifetime: "+shortLife.String(), 1))
	})
	u := w.identifiedCustomer(t)
	p := u.phone()
	web := u.atTheWebCenter(browser.Profile{}, "/antraege/")
	web.asked(askApply)
	web.must(web.Attach("nachweis", "Attest.pdf", "%PDF-1.7 Zahn 36"))
	web.must(web.Choose("art", "Zahnersatz"))
	web.must(web.Press("Antrag senden"))
	code := web.code()
	shown := u.only(p)
	<-time.After(time.Until(time.Unix(shown.Expires, 0))) // a real lifetime: who waits sees it end
	web.asked(sayExpired)
	web.looksGood("change-expired")
	if _, err := p.Approve(t.Context(), shown, code, devicePassword); !device.Is(err, "request_over") {
		t.Errorf("approved after its end: %v", err)
	}
	if inbox, err := p.Inbox(t.Context(), 0, ""); err != nil || inbox.Count != 0 {
		t.Errorf("the phone still shows %+v, %v", inbox, err)
	}
	if entries := u.journal(); len(entries) > 0 {
		t.Errorf("executed: %+v", entries)
	}
}
