package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/e2e/play"
	"github.com/schleuse/schleuse/e2e/stage"
	"github.com/schleuse/schleuse/e2e/visitor"
)

// deaths is how often a registration is interrupted, by so many programs side
// by side: one after another they would take five minutes.
const (
	deaths = 100
	lanes  = 4
)

// newcomerAt is a person who registers at a mortal Schleuse, by the code of a
// letter that has come.
type newcomerAt struct {
	*mortal
	person  stage.Person
	code    string
	browser *visitor.Visitor
	last    string // the address where the browser stands
	form    *sent  // what it sent last without an answer
}

type sent struct {
	visitor.Form
	values url.Values
}

func newMortalRegistry(t *testing.T) *mortal {
	t.Helper()
	port, internal := freePorts(t)
	m := &mortal{t: t, wire: newWire(t)}
	m.spec = play.Spec{Dir: t.TempDir(), Port: port, Internal: internal, KeycloakURL: m.wire.URL, NectURL: theatre.Ports.NectURL()}
	m.rise()
	t.Cleanup(func() { m.Stop() })
	return m
}

// walk answers every page, as a person does who knows their number, their
// letter and the password they have chosen, until an identified person is asked
// for the password, or is in the WebCenter. It returns an error when a
// connection breaks or the way has no end; to walk again is to reload.
func (n *newcomerAt) walk(ctx context.Context) error {
	page, err := n.reload(ctx)
	for range 40 {
		if err != nil {
			return err
		}
		n.last, n.form = page.URL.String(), nil
		if page.Title() == sayInbox || page.Title() == askPassword && identified(n.t, n.person) {
			return nil
		}
		page, err = n.answer(ctx, page)
	}
	return fmt.Errorf("no end at %q (%d): %s", page.Title(), page.Status, page.Text())
}

// reload is what somebody does whose page has not come: they load it again,
// which sends its form again, or open the portal and begin there.
func (n *newcomerAt) reload(ctx context.Context) (*visitor.Page, error) {
	switch {
	case n.form == nil:
		return n.browser.Open(ctx, n.last)
	case rand.IntN(2) == 0:
		return n.browser.Open(ctx, theatre.Ports.SiteURL()+"/postfach/")
	}
	return n.browser.Submit(ctx, n.form.Form, n.form.values)
}

func (n *newcomerAt) answer(ctx context.Context, page *visitor.Page) (*visitor.Page, error) {
	fill := func(names ...string) (*visitor.Page, error) {
		values := url.Values{}
		for i := 0; i+1 < len(names); i += 2 {
			values.Set(names[i], names[i+1])
		}
		form, err := ownForm(page)
		if err != nil {
			return nil, err
		}
		n.form = &sent{form, values}
		return n.browser.Submit(ctx, form, values)
	}
	switch page.Title() {
	case askNew, askNewAgain:
		if strings.Contains(page.Text(), "wird gerade gespeichert") {
			time.Sleep(time.Second)
		}
		return fill("password", chosenPassword, "again", chosenPassword)
	case askNumber:
		return fill("number", n.person.Number)
	case askChoice:
		return fill("wish", n.wish())
	case askNect:
		return fill("schleuse_ways", "1")
	case askWay:
		return fill("way", "letter")
	case askLetter:
		return fill("code", n.code)
	case askPassword:
		form, err := page.Form("password")
		if err != nil {
			return nil, err
		}
		return n.browser.Submit(ctx, form, url.Values{"password": {chosenPassword}})
	}
	return n.browser.Open(ctx, theatre.Ports.SiteURL()+"/postfach/") // the way on that an error page offers
}

// wish is to sign in as soon as there is an account: the page says so.
func (n *newcomerAt) wish() string {
	if hasAccount(n.t, n.person) {
		return "sign_in"
	}
	return "register"
}

// ordered brings the person to the page for the code, with the letter in hand.
func (m *mortal) ordered(person stage.Person) *newcomerAt {
	m.t.Helper()
	inFile(m.t, m.Members, fmt.Sprintf("%s;active;%s;Test Maria;;1970-01-01;10115;%s;\n", person.Number, surnameOf(person), mailOf(person)))
	n := &newcomerAt{mortal: m, person: person, browser: m.visitor(), last: theatre.Ports.SiteURL() + "/postfach/"}
	page := m.open(n.browser, n.last)
	for page.Title() != askLetter {
		var err error
		if page, err = n.answer(m.t.Context(), page); err != nil {
			m.t.Fatal(err)
		}
	}
	n.form = nil
	form, err := ownForm(page)
	if err == nil {
		page, err = n.browser.Submit(m.t.Context(), form, url.Values{"wish": {"order"}})
	}
	if err != nil || page.Title() != sayOrdered {
		m.t.Fatalf("no letter was ordered: %v, at %q: %s", err, page.Title(), page.Text())
	}
	a := &annexe{letters: filepath.Join(m.spec.Dir, play.LettersFolder)}
	n.code = a.letter(m.t, person, "letter.code").Data.Code
	return n
}

// A registration is killed at random moments. Afterwards there is no account or
// a complete one, and going on completes it.
func TestKilledAtAHundredPointsOfARegistration(t *testing.T) {
	openAnnexe(t) // it has the mailbox
	for lane := range lanes {
		t.Run(fmt.Sprintf("%d", lane+1), func(t *testing.T) {
			m := newMortalRegistry(t) // before the others run: each looks for free ports
			t.Parallel()
			whole := m.registers(t, -1)
			t.Logf("an undisturbed registration takes %v", whole)
			for i := range deaths / lanes {
				after := time.Duration(rand.Int64N(int64(whole)))
				if m.registers(t, after); t.Failed() {
					t.Fatalf("the %d. death, %v after the beginning", i+1, after)
				}
			}
		})
	}
}

// registers lets somebody register, kills the program after a time (never when
// it is negative), and lets them go on.
func (m *mortal) registers(t *testing.T, after time.Duration) time.Duration {
	t.Helper()
	person := nextPerson()
	n := m.ordered(person)
	masterData.Lock()
	made = append(made, person)
	masterData.Unlock()
	leaveAfter(t, person)
	begun := time.Now()
	walked := make(chan error, 1)
	go func() { walked <- n.walk(t.Context()) }()
	if after >= 0 {
		time.Sleep(after)
		m.Kill()
	}
	err := <-walked
	took := time.Since(begun)
	if after < 0 {
		if err != nil {
			t.Fatal(err)
		}
		return took
	}
	m.rise()
	m.serve(n.browser)
	if err := n.walk(t.Context()); err != nil {
		t.Errorf("it does not go on: %v", err)
	}
	if !identified(t, person) || !hasAccount(t, person) {
		t.Error("the account is not complete")
	}
	return took
}
