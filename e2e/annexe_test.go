package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/schleuse/schleuse/e2e/browser"
	"github.com/schleuse/schleuse/e2e/mailbox"
	"github.com/schleuse/schleuse/e2e/nect"
	"github.com/schleuse/schleuse/e2e/play"
	"github.com/schleuse/schleuse/e2e/stage"
	"github.com/schleuse/schleuse/e2e/visitor"
)

// annexe is a Schleuse in which people register, recover, and choose how they
// identify themselves. It listens beside the house, under the same addresses.
type annexe struct {
	*play.Schleuse
	chromium *browser.Browser
	mail     *mailbox.Mailbox
	nect     *nect.Simulator
	letters  string // folder of the print orders
	journal  string // of its WebCenter
	doors    string // where it listens
}

var openedAnnexe = sync.OnceValues(func() (*annexe, error) {
	ctx := context.Background()
	a := &annexe{mail: &mailbox.Mailbox{}}
	if err := a.mail.Open(ctx, theatre.Ports.Mail()); err != nil {
		return nil, err
	}
	dir := filepath.Join(theatre.Dir, "annexe")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	ports, err := stage.FreePorts()
	if err != nil {
		return nil, err
	}
	a.letters, a.doors = filepath.Join(dir, play.LettersFolder), fmt.Sprintf("127.0.0.1:%d", ports.Gate())
	a.journal = filepath.Join(dir, play.JournalFile)
	if err := play.Serve(ctx, ports.Upstream(), theatre.WebCenter(a.visitor().HTTPClient().Transport, a.journal)); err != nil {
		return nil, err
	}
	a.Schleuse, err = theatre.Schleuse(ctx, play.Spec{
		Dir: dir, Port: ports.Gate(), Internal: ports.Internal(), NectURL: theatre.Ports.NectURL(), UpstreamURL: ports.UpstreamURL(),
	})
	if err != nil {
		return nil, err
	}
	pictures, err := picturesFolder()
	if err != nil {
		return nil, err
	}
	var moved []string
	places := map[string]string{}
	for _, host := range a.hosts() {
		moved = append(moved, "MAP "+host+" "+a.doors)
		places[host] = a.doors
	}
	a.nect, err = nect.Start(ctx, nect.Settings{
		Addr: fmt.Sprintf("127.0.0.1:%d", theatre.Ports.Nect()), URL: theatre.Ports.NectURL(), APIKey: stage.NectKey, Moved: places,
	})
	if err != nil {
		return nil, err
	}
	a.chromium, err = browser.Launch(ctx, pictures, moved...)
	return a, err
})

func openAnnexe(t *testing.T) *annexe {
	t.Helper()
	a, err := openedAnnexe()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// hosts are the addresses that lead to it.
func (a *annexe) hosts() []string {
	var out []string
	for _, url := range []string{theatre.Ports.GateURL(), theatre.Ports.SiteURL()} {
		out = append(out, strings.TrimPrefix(url, "http://"))
	}
	return out
}

// guest is a person at a browser that finds the annexe.
func (a *annexe) guest(t *testing.T, profile browser.Profile) guest {
	t.Helper()
	tab, err := a.chromium.Open(profile)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tab.Close)
	return guest{tab, t}
}

// visitor is the same without a screen.
func (a *annexe) visitor() *visitor.Visitor {
	v := visitor.New()
	for _, host := range a.hosts() {
		v.Dial[host] = a.doors
	}
	return v
}

// newcomer is an insured person without an account.
func (a *annexe) newcomer(t *testing.T) stage.Person {
	t.Helper()
	person := nextPerson()
	a.onFile(t, person)
	leaveAfterAll(t, person)
	return person
}

// leaveAfterAll takes the person's account away when the test ends, if they
// have got one by then.
func leaveAfterAll(t *testing.T, person stage.Person) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	t.Cleanup(func() {
		if hasAccount(t, person) {
			if err := theatre.Keycloak.Admin.DeleteUser(ctx, person.Number); err != nil {
				t.Error(err)
			}
		}
	})
}

// customer is an insured person with an account and a card.
func (a *annexe) customer(t *testing.T) stage.Person {
	t.Helper()
	person := nextPerson()
	a.onFile(t, person)
	withAccount(t, person)
	leaveAfter(t, person)
	return person
}

// onFile enters the person in the annexe's master data, with name and mail.
func (a *annexe) onFile(t *testing.T, person stage.Person) {
	t.Helper()
	masterData.Lock()
	defer masterData.Unlock()
	made = append(made, person)
	inFile(t, a.Members, fmt.Sprintf("%s;active;%s;Test Maria;;1970-01-01;10115;%s;%s:2020-01-01:active\n",
		person.Number, surnameOf(person), mailOf(person), person.Digits))
}

// surnameOf is a name of the person's own, so that nobody fits who is another.
func surnameOf(person stage.Person) string {
	serial := strings.Map(func(r rune) rune { return 'a' + (r - '0') }, person.Number[1:9])
	return "Neu" + serial
}

func mailOf(person stage.Person) string { return strings.ToLower(person.Number) + "@kasse.example" }

func hasAccount(t *testing.T, person stage.Person) bool {
	t.Helper()
	var found []any
	path := "users?exact=true&username=" + strings.ToLower(person.Number)
	if _, err := theatre.Keycloak.Admin.Do(context.WithoutCancel(t.Context()), http.MethodGet, path, nil, &found); err != nil {
		t.Fatal(err)
	}
	return len(found) == 1
}

// order is a letter as the print service gets it.
type order struct {
	Type string `json:"type"`
	Data struct {
		Number   string `json:"number"`
		Code     string `json:"code"`
		Purpose  string `json:"purpose"`
		URL      string `json:"url"`
		Template string `json:"template"`
	} `json:"data"`
}

// letter waits for the order of a letter of this kind to the person.
func (a *annexe) letter(t *testing.T, person stage.Person, kind string) order {
	t.Helper()
	for deadline := time.Now().Add(browser.Patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		for _, o := range a.orders(t) {
			if o.Data.Number == person.Number && o.Type == kind {
				if o.Data.Code != "" {
					met(o.Data.Code)
				}
				return o
			}
		}
	}
	t.Fatalf("no %s was ordered within %s", kind, browser.Patience)
	return order{}
}

func (a *annexe) orders(t *testing.T) []order {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(a.letters, "[^.]*.json")) // a dot: still being written
	if err != nil {
		t.Fatal(err)
	}
	var out []order
	for _, file := range files {
		text, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var o order
		if err == nil {
			err = json.Unmarshal(text, &o)
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, o)
	}
	return out
}

// decided ends the review of the newest case.
func (a *annexe) decided(t *testing.T) {
	t.Helper()
	cases := a.nect.Cases()
	to := theatre.Ports.NectURL() + "/admin/cases/" + cases[len(cases)-1].ID
	page, err := visitor.New().Post(t.Context(), to, nil)
	if err != nil || page.Status != http.StatusSeeOther {
		t.Fatalf("ending a review: %v", err)
	}
}
