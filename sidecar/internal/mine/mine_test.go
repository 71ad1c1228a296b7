package mine_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/approval/approvaltest"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/internal/mine"
	"github.com/schleuse/schleuse/sidecar/internal/relying/relyingtest"
)

func contains(t *testing.T, p relyingtest.Page, want ...string) {
	t.Helper()
	if p.Status != http.StatusOK {
		t.Errorf("%s answered %d", p.URL, p.Status)
	}
	for _, text := range want {
		if !strings.Contains(p.Body, text) {
			t.Errorf("%s does not say %q:\n%s", p.URL, text, p.Body)
		}
	}
}

func TestTheListShowsWhatEachPhoneMayDo(t *testing.T) {
	w := newWorld(t)
	w.phone(func(d *device.Device) { d.Name, d.CoolUntil = "Neues", w.Clock().Add(20*time.Hour) })
	w.phone(func(d *device.Device) { d.Name, d.State, d.Reason = "Zues", device.Locked, device.ReasonPassword })
	w.phone(func(d *device.Device) {
		d.Name, d.State, d.Reason, d.Ended, d.Password = "Altes", device.Blocked, device.ReasonWeb, w.Clock(), device.Secret{}
	})
	_, p := w.open("devices")
	contains(t, p, "Telefon", "ready", "Neues", "until 2 December 2026", "Zues", "wrong too often", "Blocked smartphones", "Altes", "blocked for good, since 1 December 2026",
		"Register a smartphone", `href="/schleuse/my/history"`, `href="/schleuse/my/logout"`)
	if strings.Contains(p.Body, "More are not possible") {
		t.Error("three phones are not the limit")
	}
	for range 2 {
		w.phone()
	}
	_, p = w.open("devices")
	contains(t, p, "You have 5 smartphones. More are not possible.")
	if strings.Contains(p.Body, "Register a smartphone") {
		t.Error("the list says how to register one more than there may be")
	}
}

func TestWithoutAPhoneThePageSaysHowToRegisterOne(t *testing.T) {
	w := newWorld(t, func(f *mine.Face) { f.App = "https://app.kasse.example/" })
	if err := w.devices.BlockFor(t.Context(), approvaltest.Erika, w.Phone.ID, device.ReasonPhone); err != nil {
		t.Fatal(err)
	}
	_, p := w.open("devices")
	contains(t, p, "No smartphone is registered at the moment", "Open the customer app", `href="https://app.kasse.example/"`, "Blocked smartphones")
}

func TestAPhoneIsRenamed(t *testing.T) {
	w := newWorld(t)
	b, p := w.open("devices/" + string(w.Phone.ID))
	contains(t, p, `value="Telefon"`)
	p = w.post(b, p, "name", "Erikas Handy")
	if p.Location() != mine.Home+"/"+string(w.Phone.ID) {
		t.Fatalf("led to %q with %d", p.Location(), p.Status)
	}
	contains(t, b.Follow(p), "Erikas Handy")

	for _, bad := range []string{"", " ", strings.Repeat("x", 41), "Rück\u202ewärts", "a\nb"} {
		p := w.post(b, b.Open(w.url+mine.Home+"/"+string(w.Phone.ID)), "name", bad)
		if p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Body, "1 to 40 characters") {
			t.Errorf("%q: answered %d", bad, p.Status)
		}
	}
	if got := w.state(w.Phone.ID).Name; got != "Erikas Handy" {
		t.Errorf("it is called %q", got)
	}
}

func TestAPhoneIsBlocked(t *testing.T) {
	w := newWorld(t)
	b, p := w.open("devices/" + string(w.Phone.ID) + "/block")
	contains(t, p, "Block smartphone “Telefon”?", "stays blocked")
	if got := w.state(w.Phone.ID); got.State != device.Active {
		t.Fatalf("asking has done it: %v", got.State)
	}
	p = b.Follow(w.post(b, p))
	contains(t, p, "can confirm nothing any more", "Register it anew")
	got := w.state(w.Phone.ID)
	if got.State != device.Blocked || got.Reason != device.ReasonWeb || got.Password.Hash != "" {
		t.Errorf("%+v", got)
	}
	if entries := fmt.Sprint(w.Audited.Entries()); !strings.Contains(entries, "device.block") {
		t.Errorf("no entry: %s", entries)
	}
	if p := b.Open(w.url + mine.Home + "/" + string(w.Phone.ID) + "/block"); !strings.HasSuffix(p.URL, string(w.Phone.ID)) {
		t.Errorf("blocking a blocked one is asked for at %s", p.URL)
	}
}

func TestTheHistorySaysWhatBecameOfEachQuestion(t *testing.T) {
	w := newWorld(t)
	first := w.ask("1")
	if _, err := w.Confirm(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Redeem(t.Context(), approvaltest.Backend, first.ID, first.Content); err != nil {
		t.Fatal(err)
	}
	w.Pass(time.Minute)
	w.ask("2")
	_, p := w.open("history")
	contains(t, p, "Change address", "Am Deich 1, 26721 Emden", "New address", "Telefon", "confirmed by you and carried out",
		"waits for your answer", "1 December 2026, 09:00", string(first.ID)+"/not-me")
	if strings.Index(p.Body, "waits for your answer") > strings.Index(p.Body, "carried out") {
		t.Error("the newest does not come first")
	}
	w.Pass(10 * time.Minute)
	_, p = w.open("history")
	contains(t, p, "not answered in time")
}

// TestABriefHistory: where a password alone opens nothing else, it shows no
// addresses here.
func TestABriefHistory(t *testing.T) {
	w := newWorld(t, func(f *mine.Face) { f.Brief = true })
	a := w.ask("1")
	b, p := w.open("history")
	contains(t, p, "Change address", "waits for your answer", "The customer app shows you the details")
	for _, page := range []relyingtest.Page{p, b.Open(w.url + mine.Prefix + "history/" + string(a.ID) + "/not-me")} {
		if page.Status != http.StatusOK || strings.Contains(page.Body, "Deich") || strings.Contains(page.Body, "New address") {
			t.Errorf("%s answered %d and tells what was asked", page.URL, page.Status)
		}
	}
}

func TestTheHistoryHasPages(t *testing.T) {
	w := newWorld(t)
	for i := range 23 {
		a := w.ask(fmt.Sprint(i))
		if _, err := w.Cancel(t.Context(), approvaltest.Backend, a.ID); err != nil {
			t.Fatal(err)
		}
		w.Pass(20 * time.Minute)
	}
	b, p := w.open("history")
	if n := strings.Count(p.Body, "withdrawn"); n != 20 {
		t.Errorf("%d on the first page", n)
	}
	_, rest, _ := strings.Cut(p.Body, mine.Prefix+"history?before=")
	before, _, _ := strings.Cut(rest, `"`)
	p = b.Open(w.url + mine.Prefix + "history?before=" + before)
	if n := strings.Count(p.Body, "withdrawn"); n != 3 || strings.Contains(p.Body, "Show older ones") {
		t.Errorf("%d on the last page", n)
	}
}

// TestThatWasNotMe: it says before what will happen, and then does it.
func TestThatWasNotMe(t *testing.T) {
	w := newWorld(t)
	a := w.ask("1")
	b, p := w.open("history/" + string(a.ID) + "/not-me")
	contains(t, p, "Change address", "We end all your logins", "Your password is void", "How to get in again")
	if len(w.reports()) != 0 {
		t.Fatal("asking has done it")
	}
	p = b.Follow(w.post(b, p))
	contains(t, p, "Your account is safe", "Forgotten your password", `href="/schleuse/my/devices"`)
	tasks := w.reports()
	if len(tasks) != 1 || tasks[0].Account != approvaltest.Erika || !strings.Contains(tasks[0].Key, string(a.ID)) {
		t.Fatalf("tasks: %+v", tasks)
	}
	w.Realm.SignIn(approvaltest.Erika)
	if err := w.Realm.SetPassword(t.Context(), approvaltest.Erika, "the old one"); err != nil {
		t.Fatal(err)
	}
	if err := w.devices.Carry(t.Context(), tasks[0].Body); err != nil {
		t.Fatal(err)
	}
	if got := w.Realm.Password(approvaltest.Erika); got == "the old one" || len(w.Realm.Live(approvaltest.Erika)) != 0 {
		t.Errorf("password %q, sessions %v", got, w.Realm.Live(approvaltest.Erika))
	}
	after, err := w.Memory.Get(t.Context(), a.ID)
	if err != nil || after.State != approval.Cancelled {
		t.Errorf("what waited is %v, %v", after.State, err)
	}
	if len(w.sessions.All()) != 0 || b.Cookie(w.url, sessionCookie) != "" {
		t.Error("the session here goes on")
	}
	if got := w.state(w.Phone.ID); got.State != device.Active || !got.NotMe.IsZero() {
		t.Errorf("the phone: %+v", got)
	}
}

func TestThatIsNotMyPhone(t *testing.T) {
	w := newWorld(t, func(f *mine.Face) { f.Recovery = false })
	b, p := w.open("devices/" + string(w.Phone.ID) + "/not-me")
	contains(t, p, "Telefon", "This smartphone is blocked", "Please call us")
	p = b.Follow(w.post(b, p))
	contains(t, p, "Your account is safe", "Please call us")
	if got := w.state(w.Phone.ID); got.State != device.Blocked || len(w.reports()) != 1 {
		t.Errorf("%v, %d tasks", got.State, len(w.reports()))
	}
}

// TestNothingIsDoneWhereItCannotBeKept: nobody reads that their account is safe
// when it is not.
func TestNothingIsDoneWhereItCannotBeKept(t *testing.T) {
	w := newWorld(t)
	a := w.ask("1")
	b, p := w.open("history/" + string(a.ID) + "/not-me")
	w.tasks.FailWith(errors.New("disk full"))
	if got := w.post(b, p); got.Status != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" {
		t.Errorf("answered %d", got.Status)
	}
	w.tasks.FailWith(nil)
	if got := b.Follow(w.post(b, p)); got.Status != http.StatusOK || len(w.reports()) != 1 {
		t.Errorf("the second time: %d", got.Status)
	}
}

func TestThePageAboutTheEndIsShownToNobodyElse(t *testing.T) {
	w := newWorld(t)
	a := w.ask("1")
	b, p := w.open("history/" + string(a.ID) + "/not-me")
	to := w.url + w.post(b, p).Location()
	w.Pass(10 * time.Minute)
	for _, place := range []string{to, w.url + mine.Prefix + "ended", w.url + mine.Prefix + "ended?p=AAAA"} {
		if p := relyingtest.NewBrowser(t).Navigate(place); p.Location() != mine.Home {
			t.Errorf("%s answered %d, led to %q", place, p.Status, p.Location())
		}
	}
}

func TestPeopleOfAnotherKindAreToldWhatToDo(t *testing.T) {
	for name, tt := range map[string]struct {
		prepare func(*world)
		status  int
		says    string
	}{
		"exempt": {func(w *world) { w.Realm.Exempt(approvaltest.Erika) }, http.StatusForbidden, "no smartphones for this account"},
		"not identified": {func(w *world) {
			if err := w.Realm.Withdraw(w.t.Context(), approvaltest.Erika); err != nil {
				w.t.Fatal(err)
			}
		}, http.StatusForbidden, "prove first who you are"},
		"no number": {func(w *world) {
			p := erika()
			p.Username = "erika.muster"
			w.issuer.Set(func(s *relyingtest.Switches) { s.Person = p })
		}, http.StatusForbidden, "no smartphones for this account"},
		"not known": {func(w *world) { w.Realm.Break("Clearance", errors.New("down")) }, http.StatusServiceUnavailable, "cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			tt.prepare(w)
			for _, place := range []string{"devices", "history", "devices/" + string(w.Phone.ID)} {
				_, p := w.open(place)
				if p.Status != tt.status || !strings.Contains(p.Body, tt.says) || strings.Contains(p.Body, "Telefon") {
					t.Errorf("%s answered %d: %s", place, p.Status, p.Body)
				}
			}
		})
	}
}

func TestGermanAndEnglish(t *testing.T) {
	w := newWorld(t)
	b, _ := w.open("devices")
	p := b.Do(b.Request(http.MethodGet, w.url+mine.Home, nil, "Accept", "text/html", "Accept-Language", "de", "Sec-Fetch-Mode", "navigate"))
	contains(t, p, "Meine Geräte", "bereit", `lang="de"`, `action="/schleuse/lang"`)
}
