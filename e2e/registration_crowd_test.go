package e2e_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/schleuse/schleuse/e2e/browser"
	"github.com/schleuse/schleuse/e2e/nect"
	"github.com/schleuse/schleuse/e2e/stage"
	"github.com/schleuse/schleuse/e2e/visitor"
)

// crowd is how many callbacks and how many returns come at once for one case.
const crowd = 100

// applicant is a person at a browser without a screen.
type applicant struct {
	*visitor.Visitor
	t      *testing.T
	person stage.Person
	page   *visitor.Page
}

// applies goes from the WebCenter to the first page behind the choice.
func (a *annexe) applies(t *testing.T, person stage.Person, wish string) *applicant {
	t.Helper()
	p := &applicant{a.visitor(), t, person, nil}
	p.opens(theatre.Ports.SiteURL() + "/postfach/")
	p.answers("number", person.Number)
	p.answers("wish", wish)
	return p
}

func (p *applicant) opens(address string) {
	p.t.Helper()
	page, err := p.Open(p.t.Context(), address)
	if err != nil {
		p.t.Fatal(err)
	}
	p.page = page
}

// answers sends the page's form with one field filled in, or one button pressed.
func (p *applicant) answers(field, value string) {
	p.t.Helper()
	form, err := ownForm(p.page)
	if err != nil {
		p.t.Fatal(err)
	}
	if p.page, err = p.Submit(p.t.Context(), form, url.Values{field: {value}}); err != nil {
		p.t.Fatal(err)
	}
}

// ownForm is the page's form that Schleuse itself has made.
func ownForm(page *visitor.Page) (visitor.Form, error) {
	form, err := page.Form("schleuse_request")
	if err != nil {
		form, err = page.Form("schleuse_step")
	}
	return form, err
}

// at demands a page. Waiting pages are loaded again, as they do themselves.
func (p *applicant) at(title string) {
	p.t.Helper()
	for deadline := time.Now().Add(browser.Patience); p.page.Title() != title; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("not at %q but at %q (%d): %s", title, p.page.Title(), p.page.Status, p.page.Text())
		}
		p.opens(p.page.URL.String())
	}
}

// newestCase is the one that was opened last.
func (a *annexe) newestCase() nect.Case {
	cases := a.nect.Cases()
	return cases[len(cases)-1]
}

// shown plays the app of Nect at another device, from which nobody comes back.
func (a *annexe) shown(t *testing.T, of nect.Case, document stage.Person) {
	t.Helper()
	page, err := visitor.New().Post(t.Context(), theatre.Ports.NectURL()+"/app/"+of.ID, url.Values{
		"surname": {surnameOf(document)}, "given": {"Test Maria"}, "birth_date": {"1970-01-01"}, "postcode": {"10115"},
		"procedure": {"eid"}, "outcome": {"succeeded"}, "delay": {"0"}, "return": {"never"},
	})
	if err != nil || page.Status != http.StatusOK {
		t.Fatalf("showing a document: %v", err)
	}
}

func (a *annexe) calledBack(ctx context.Context, of nect.Case) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, strings.TrimSuffix(of.CallbackURL, "/")+"/"+of.ID,
		strings.NewReader(`{"caseId":"`+of.ID+`","state":"finished"}`))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	page, err := a.visitor().Do(request)
	if err == nil && page.Status/100 != 2 {
		err = fmt.Errorf("a callback is answered with %d", page.Status)
	}
	return err
}

func returned(ctx context.Context, v *visitor.Visitor, of nect.Case) error {
	page, err := v.Open(ctx, of.RedirectURL+"?nectCaseId="+of.ID)
	if err == nil && (page.Status != http.StatusOK || page.Title() == askHandover) {
		err = fmt.Errorf("who comes back is at %q with %d", page.Title(), page.Status)
	}
	return err
}

func TestTwoHundredCallbacksAndReturnsAreOneOutcome(t *testing.T) {
	a := openAnnexe(t)
	a.nect.Set(nect.Switches{Callbacks: nect.CallbacksNone})
	t.Cleanup(func() { a.nect.Set(nect.Switches{}) })
	p := a.applies(t, a.newcomer(t), "register")
	p.at(askNect)
	p.answers("wish", "start")
	p.at(askJump)
	attempt, one := p.page.URL.String(), a.newestCase()
	a.shown(t, one, p.person)
	var together errgroup.Group
	for range crowd {
		tab := p.Clone()
		together.Go(func() error { return a.calledBack(t.Context(), one) })
		together.Go(func() error { return returned(t.Context(), tab, one) })
	}
	if err := together.Wait(); err != nil {
		t.Error(err)
	}
	p.opens(attempt)
	p.at(askNew)
	form, err := ownForm(p.page)
	if err != nil {
		t.Fatal(err)
	}
	for range crowd / 5 {
		tab := p.Clone()
		together.Go(func() error {
			_, err := tab.Submit(t.Context(), form, url.Values{"password": {chosenPassword}, "again": {chosenPassword}})
			return err
		})
	}
	if err := together.Wait(); err != nil {
		t.Error(err)
	}
	person := p.person
	p = a.applies(t, person, "sign_in")
	p.at(askPassword)
	p.page = submit(t, p.Visitor, p.page, "password", url.Values{"password": {chosenPassword}})
	p.at(sayInbox)
	if !identified(t, person) {
		t.Error("the person is not identified at Keycloak")
	}
	a.told(t, person, "account_created")
	if n := a.notices(t, person); n != 1 {
		t.Errorf("the person is told %d times of one account", n)
	}
}

func (a *annexe) notices(t *testing.T, person stage.Person) (n int) {
	t.Helper()
	for _, o := range a.orders(t) {
		if o.Type == "letter.notice" && o.Data.Number == person.Number {
			n++
		}
	}
	return n
}

var (
	clockTime = regexp.MustCompile(`\b\d{1,2}:\d\d\b`)
	randomEnd = regexp.MustCompile(`[A-Za-z0-9_-]{16,}$`)
)

// seen is all that the page tells somebody who watches: the status, the words
// without number and time, and the names of cookies, headers and fields.
func (p *applicant) seen() string {
	var fields []string
	for _, form := range p.page.Forms() {
		fields = append(fields, slices.Sorted(maps.Keys(form.Fields))...)
	}
	var cookies []string
	for _, name := range p.CookieNames(p.page.URL.String()) {
		cookies = append(cookies, randomEnd.ReplaceAllString(name, "…"))
	}
	slices.Sort(cookies)
	words := clockTime.ReplaceAllString(withoutNumber(p.page.Text(), p.person.Number), "TIME")
	return fmt.Sprintf("%d %s\n%s\ncookies %q headers %q fields %q", p.page.Status, randomEnd.ReplaceAllString(p.page.URL.Path, "…"),
		words, cookies, slices.Sorted(maps.Keys(p.page.Header)), fields)
}

// trail goes through every page that somebody sees who can prove nothing.
func (a *annexe) trail(t *testing.T, person, thief stage.Person, wish string) []string {
	t.Helper()
	var pages []string
	p := a.applies(t, person, wish)
	note := func(title string) { t.Helper(); p.at(title); pages = append(pages, p.seen()) }
	note(askNect)
	p.answers("wish", "start")
	note(askJump)
	p.answers("wish", "wait")
	note(sayWaiting)
	one := a.newestCase()
	a.shown(t, one, thief)
	p.opens(one.RedirectURL + "?nectCaseId=" + one.ID)
	note(sayMismatch)
	p.answers("wish", "again")
	note(askJump)

	p = a.applies(t, person, wish)
	p.answers("schleuse_ways", "1")
	note(askWay)
	p.answers("way", "letter")
	note(askLetter)
	p.answers("code", "ABCD-EFGH-JKLM")
	note(askLetter)
	p.answers("wish", "order")
	note(sayOrdered)
	p.answers("wish", "code")
	note(askLetter)
	p.answers("code", "BCDE-FGHJ-KLMN")
	note(askLetter)
	return pages
}

const sayMismatch = "Der Ausweis passt nicht zu der Versichertennummer"

func TestNoPageTellsWhetherANumberIsKnown(t *testing.T) {
	a := openAnnexe(t)
	thief, unknown, left := a.newcomer(t), nextPerson(), nextPerson()
	masterData.Lock()
	made = append(made, unknown, left)
	inFile(t, a.Members, onFile(left, "left", "3131:2020-01-01:blocked"))
	masterData.Unlock()
	people := map[string]stage.Person{"unknown": unknown, "left": left, "has an account": a.customer(t)}
	known := a.newcomer(t)
	for _, wish := range []string{"register", "recover"} {
		want := a.trail(t, known, thief, wish)
		for name, person := range people {
			if diff := cmp.Diff(want, a.trail(t, person, thief, wish)); diff != "" {
				t.Errorf("%s, %s: the pages differ from those of a known number: %s", wish, name, diff)
			}
		}
	}
}
