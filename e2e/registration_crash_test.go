package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/e2e/nect"
	"github.com/schleuse/schleuse/e2e/play"
	"github.com/schleuse/schleuse/e2e/stage"
	"github.com/schleuse/schleuse/e2e/visitor"
)

// wayTime bounds a way. Whoever was killed while a case was made at Nect is
// asked to wait for 45 seconds, until nobody can be at it any more.
const wayTime = 2 * time.Minute

// newcomerAt is a person who registers, or recovers their account, at a mortal
// Schleuse. They know what they did themselves, and what the pages say.
type newcomerAt struct {
	*mortal
	way     way
	person  stage.Person
	code    string // of the letter that has come; of Nect none is needed
	wish    string
	browser *visitor.Visitor
	last    string // the address where the browser stands
	form    *sent  // what it sent last without an answer
}

// way is what people do in a lane, and how often they are interrupted. The
// lanes run side by side: one after another they would take six minutes.
type way struct {
	name, wish, by string
	deaths         int
}

var ways = []way{
	{"a registration by letter", "register", "letter", 50},
	{"a registration by Nect", "register", "nect", 50},
	{"a recovery by letter", "recover", "letter", 15},
	{"a recovery by Nect", "recover", "nect", 15},
}

type sent struct {
	visitor.Form
	values url.Values
}

func newMortalRegistry(t *testing.T) *mortal {
	t.Helper()
	return newReplica(t, play.Spec{NectURL: theatre.Ports.NectURL()}, nil)
}

// walk answers every page, as a person does who knows their number, has their
// letter or their document, and the password they have chosen, until they are
// in the WebCenter. It returns an error when a connection breaks or the way has
// no end; to walk again is to reload.
func (n *newcomerAt) walk(ctx context.Context) error {
	page, err := n.reload(ctx)
	for deadline := time.Now().Add(wayTime); time.Now().Before(deadline); {
		if err != nil {
			return err
		}
		n.last, n.form = page.URL.String(), nil
		if page.Title() == sayInbox {
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
	if n.isThrough(page) {
		n.wish = "sign_in"
		return n.begin(ctx)
	}
	switch page.Title() {
	case askNew, askNewAgain:
		if strings.Contains(page.Text(), "wird gerade gespeichert") {
			time.Sleep(time.Second)
		}
		return n.fill(ctx, page, "password", chosenPassword, "again", chosenPassword)
	case askNumber:
		return n.fill(ctx, page, "number", n.person.Number)
	case askChoice:
		return n.fill(ctx, page, "wish", n.wish)
	case askAnew:
		return n.fill(ctx, page, "schleuse_anew", "on")
	case askNect:
		if n.way.by == "nect" {
			return n.fill(ctx, page, "wish", "start")
		}
		return n.fill(ctx, page, "schleuse_ways", "1")
	case askJump:
		return n.atNect(ctx, page)
	case sayFound:
		return n.fill(ctx, page, "wish", "check")
	case sayWaiting, sayOpening:
		time.Sleep(200 * time.Millisecond)
		return n.browser.Open(ctx, n.last)
	case askWay:
		return n.fill(ctx, page, "way", "letter")
	case askLetter:
		return n.fill(ctx, page, "code", n.code)
	case askPassword:
		form, err := page.Form("password")
		if err != nil {
			return nil, err
		}
		return n.browser.Submit(ctx, form, url.Values{"password": {chosenPassword}})
	}
	return n.begin(ctx) // the way on that an error page offers
}

// isThrough reports whether the page says that there is nothing to go on with,
// because it was done before.
func (n *newcomerAt) isThrough(page *visitor.Page) bool {
	return strings.Contains(page.Text(), "gibt es schon ein Konto") || strings.Contains(page.Text(), "schon benutzt")
}

func (n *newcomerAt) begin(ctx context.Context) (*visitor.Page, error) {
	return n.browser.Open(ctx, theatre.Ports.SiteURL()+"/postfach/")
}

func (n *newcomerAt) fill(ctx context.Context, page *visitor.Page, names ...string) (*visitor.Page, error) {
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

// atNect shows the person's document, and comes back.
func (n *newcomerAt) atNect(ctx context.Context, page *visitor.Page) (*visitor.Page, error) {
	to, err := page.Link("Zu Nect")
	if err != nil {
		return nil, err
	}
	one, err := simulated(to)
	if err != nil {
		return nil, err
	}
	if _, err := visitor.New().Post(ctx, to, url.Values{
		"surname": {surnameOf(n.person)}, "given": {"Test Maria"}, "birth_date": {"1970-01-01"}, "postcode": {"10115"},
		"procedure": {"eid"}, "outcome": {"succeeded"}, "delay": {"0"}, "return": {"never"},
	}); err != nil {
		return nil, err
	}
	return n.browser.Open(ctx, one.RedirectURL+"?nectCaseId="+one.ID)
}

// simulated is the case to which an address of the simulator leads.
func simulated(to string) (nect.Case, error) {
	a, err := openedAnnexe()
	if err != nil {
		return nect.Case{}, err
	}
	for _, c := range a.nect.Cases() {
		if strings.HasSuffix(to, "/"+c.ID) {
			return c, nil
		}
	}
	return nect.Case{}, fmt.Errorf("no case is at %q", path.Base(to))
}

// sets brings a person to the door, with the letter in hand if it takes one.
func (m *mortal) sets(t *testing.T, on way) *newcomerAt {
	t.Helper()
	person := nextPerson()
	masterData.Lock()
	made = append(made, person)
	inFile(t, m.Members, fmt.Sprintf("%s;active;%s;Test Maria;;1970-01-01;10115;%s;\n", person.Number, surnameOf(person), mailOf(person)))
	masterData.Unlock()
	if on.wish == "recover" {
		withAccount(t, person)
	}
	leaveAfterAll(t, person)
	n := &newcomerAt{mortal: m, way: on, person: person, wish: on.wish, browser: m.visitor(), last: theatre.Ports.SiteURL() + "/postfach/"}
	if on.by == "letter" {
		n.orders(t)
	}
	return n
}

// orders goes to the page for the code, and gets a letter.
func (n *newcomerAt) orders(t *testing.T) {
	t.Helper()
	page, err := n.toTheCode(t.Context())
	if err == nil {
		page, err = n.fill(t.Context(), page, "wish", "order")
	}
	if err != nil || page.Title() != sayOrdered {
		t.Fatalf("no letter was ordered: %v", err)
	}
	n.last, n.form = page.URL.String(), nil
	a := &annexe{letters: filepath.Join(n.spec.Dir, play.LettersFolder)}
	n.code = a.letter(t, n.person, "letter.code").Data.Code
}

// toTheCode goes to the page for the letter's code.
func (n *newcomerAt) toTheCode(ctx context.Context) (*visitor.Page, error) {
	page, err := n.begin(ctx)
	for err == nil && page.Title() != askLetter {
		page, err = n.answer(ctx, page)
	}
	return page, err
}

// whole demands that Keycloak has no account of the person, or a complete one:
// nothing is missing in it, and nothing is asked before it can be used.
func whole(t *testing.T, person stage.Person, must bool) {
	t.Helper()
	var found []struct {
		ID, FirstName, LastName, Email string
		Enabled                        bool
		RequiredActions                []string
	}
	ctx, admin := context.WithoutCancel(t.Context()), theatre.Keycloak.Admin
	if _, err := admin.Do(ctx, http.MethodGet, "users?exact=true&username="+strings.ToLower(person.Number), nil, &found); err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 && !must {
		return
	}
	if len(found) != 1 {
		t.Fatalf("%d accounts of one person", len(found))
	}
	var credentials []struct{ Type string }
	if _, err := admin.Do(ctx, http.MethodGet, "users/"+found[0].ID+"/credentials", nil, &credentials); err != nil {
		t.Fatal(err)
	}
	one := found[0]
	if !one.Enabled || one.FirstName == "" || one.LastName == "" || len(one.RequiredActions) > 0 || len(credentials) != 1 || credentials[0].Type != "password" {
		t.Errorf("half an account: enabled %t, named %t, %d actions, %d credentials", one.Enabled, one.FirstName != "" && one.LastName != "", len(one.RequiredActions), len(credentials))
	}
}

// A hundred registrations, and some recoveries, are killed at random moments.
// Right afterwards there is no account or a complete one, and going on completes
// it.
func TestKilledAtAHundredPointsOfARegistration(t *testing.T) {
	openAnnexe(t) // it has the mailbox, and Nect
	for _, on := range ways {
		t.Run(on.name, func(t *testing.T) {
			m := newMortalRegistry(t) // before the others run: each looks for free ports
			t.Parallel()
			undisturbed := m.dies(t, on, -1)
			t.Logf("undisturbed it takes %v", undisturbed)
			for i := range on.deaths {
				after := time.Duration(rand.Int64N(int64(undisturbed)))
				if m.dies(t, on, after); t.Failed() {
					t.Fatalf("the %d. death, %v after the beginning", i+1, after)
				}
			}
		})
	}
}

// dies lets somebody go their way, kills the program after a time (never when
// it is negative), and lets them go on.
func (m *mortal) dies(t *testing.T, on way, after time.Duration) time.Duration {
	t.Helper()
	n := m.sets(t, on)
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
	} else {
		whole(t, n.person, on.wish == "recover")
		m.rise()
		m.serve(n.browser)
		if err := n.walk(t.Context()); err != nil {
			t.Errorf("it does not go on: %v", err)
		}
	}
	if whole(t, n.person, true); !identified(t, n.person) {
		t.Error("the person is not identified at Keycloak")
	}
	return took
}
