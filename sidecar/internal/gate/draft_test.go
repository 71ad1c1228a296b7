package gate_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/flow/flowtest"
)

func TestProblemsOfTheAnswerThatKeptADraftAreShown(t *testing.T) {
	w := registering(t)
	b := w.browser()
	page := b.draft(b.register(authURL("app")), "digits", "1234").want(http.StatusOK).shows("wrong")
	if !strings.HasPrefix(page.action(), "/schleuse/attempts/") || w.attempts.Len() != 1 {
		t.Errorf("goes on at %s", page.action())
	}
	b.answer(page, "digits", "0042").want(http.StatusSeeOther)
}

func TestADraftFormSentTwiceKeepsOnce(t *testing.T) {
	w := registering(t)
	b := w.browser()
	page := b.register(authURL("app"))
	b.draft(page, "digits", "0042").want(http.StatusSeeOther)
	if got := b.draft(page, "digits", "1").want(http.StatusSeeOther).location(); !strings.HasPrefix(got, "/schleuse/attempts/") {
		t.Errorf("leads to %s", got)
	}
	if w.attempts.Len() != 1 {
		t.Errorf("%d attempts", w.attempts.Len())
	}
}

// The answer of the form that kept the draft is lost, cookie included; the
// same form again goes on in what it has kept, and only in this browser.
func TestALostAnswerLosesNothing(t *testing.T) {
	w := registering(t)
	b := w.browser()
	page := b.register(authURL("app"))
	form := url.Values{"schleuse_request": {page.hidden("schleuse_request")}, "digits": {"0042"}}
	for range 2 {
		before := maps.Clone(b.cookies)
		b.post(page.action(), form).want(http.StatusSeeOther)
		b.cookies = before
	}
	at := b.post(page.action(), form).want(http.StatusSeeOther).location()
	b.get(at).want(http.StatusOK).shows("ask for answer")
	if w.attempts.Len() != 1 {
		t.Fatalf("%d attempts", w.attempts.Len())
	}
	other := w.browser()
	other.get(authURL("app"))
	page = other.post(page.action(), form).want(http.StatusOK).shows("ask for digits")
	if got := other.draft(page, "digits", "0042").want(http.StatusSeeOther).location(); got == at || w.attempts.Len() != 2 {
		t.Errorf("another browser goes on at %s, %d attempts", got, w.attempts.Len())
	}
	mine := b.draft(b.get(authURL("app")), "number", "A123456780", "register", "1").want(http.StatusOK)
	if b.kept(mine); w.attempts.Len() != 3 {
		t.Errorf("%d attempts: another number is another attempt", w.attempts.Len())
	}
}

// One page is one try: neither without a turn nor with one that somebody made
// up does it store anything again.
func TestOneDraftIsKeptOnce(t *testing.T) {
	w := registering(t)
	page := w.browser().register(authURL("app"))
	form := url.Values{"schleuse_request": {page.hidden("schleuse_request")}, "digits": {"1"}}
	for i := range 100 {
		b := w.browser()
		b.get(authURL("app")) // for the cookie
		form.Set("schleuse_turn", fmt.Sprintf("ABCDEFGHIJ%03d", i))
		b.post(page.action(), form).want(http.StatusOK).shows("ask for digits")
	}
	if n, facts := w.attempts.Len(), w.audit.Actions(); n != 1 || len(facts) != 0 {
		t.Errorf("%d attempts, audit %q", n, facts)
	}
}

// Anybody begins with any number, and is refused by a step, as often as they
// like: the record of what happened does not grow by it.
func TestWhoProvesNothingLeavesNoEntry(t *testing.T) {
	w := registering(t)
	for range 5 {
		b := w.browser()
		page := b.draft(b.register(authURL("app")), "digits", "1").want(http.StatusOK)
		b.answer(b.answer(page, "digits", "1"), "digits", "1") // and the card is shut
	}
	if facts := w.audit.Actions(); w.attempts.Len() != 5 || len(facts) != 0 {
		t.Errorf("%d attempts, audit %q", w.attempts.Len(), facts)
	}
}

// A step can tell browsers apart before anything is stored, for its counters.
func TestADraftKnowsItsBrowser(t *testing.T) {
	var seen []string
	w := registering(t, func(e *flow.Engine) {
		c := e.Chambers["egk"]
		c.Step = flowtest.Step{OnResume: func(_ context.Context, a *flow.Attempt, _ flow.Input) (flow.Outcome, error) {
			seen = append(seen, a.Browser)
			return flow.Show(flow.View{Page: "ask"}), nil
		}}
		e.Chambers["egk"] = c
	})
	one, two := w.browser(), w.browser()
	one.draft(one.register(authURL("app")), "digits", "1")
	page := two.register(authURL("app"))
	two.draft(two.draft(page, "digits", "1"), "digits", "2")
	if len(seen) != 3 || seen[0] == "" || seen[0] == seen[1] || seen[1] != seen[2] {
		t.Errorf("browsers %q", seen)
	}
}

func TestWaysOfADraft(t *testing.T) {
	w := registering(t)
	b := w.browser()
	page := b.register(authURL("app"))
	ways := b.draft(page, "schleuse_ways", "1").want(http.StatusOK).shows(`name="way" value="letter"`)
	page = b.draft(ways, "schleuse_back", "1").want(http.StatusOK).shows("ask for digits")
	ways = b.draft(page, "schleuse_ways", "1").want(http.StatusOK)
	letter := b.draft(ways, "way", "letter").want(http.StatusOK).shows("ask for answer")
	b.draft(letter, "way", "egk", "answer", "x") // no ways page: a form's own field
	if w.attempts.Len() != 1 {
		t.Errorf("%d attempts: the answer was taken for a choice", w.attempts.Len())
	}
	b = w.browser()
	denied := b.draft(b.register(authURL("app")), "digits", "never").want(http.StatusOK).shows("ask for answer")
	b.draft(denied, "answer", "right").want(http.StatusSeeOther)
}

// The page of an attempt in which nothing is proven says until when it is good,
// and gives more time: no login has to be kept alive for that.
func TestARegistrationGetsMoreTime(t *testing.T) {
	w := registering(t)
	b := w.browser()
	page := b.draft(b.register(authURL("app")), "digits", "1").want(http.StatusOK).shows(`name="schleuse_more"`)
	w.keycloak.break_(true)
	for _, later := range []time.Duration{time.Minute, flow.UnprovenLifetime - time.Second} {
		w.clock.Pass(later)
		page = b.post(page.action(), url.Values{
			"schleuse_step": {page.hidden("schleuse_step")}, "schleuse_more": {"1"}, "digits": {"00"},
		}).want(http.StatusOK).shows(`value="00"`).shows(`data-left="2700"`)
	}
	w.keycloak.break_(false)
	page = b.get(b.answer(page, "digits", "0042").want(http.StatusSeeOther).location()).want(http.StatusOK)
	if strings.Contains(page.Body.String(), "schleuse_more") {
		t.Error("what has a proof lives long enough")
	}
}

// What browsers of ill will make of the sealed page.
func TestADraftIsSealed(t *testing.T) {
	w := registering(t)
	b := w.browser()
	target := authURL("app")
	page := b.register(target)
	form := url.Values{"schleuse_request": {page.hidden("schleuse_request")}, "digits": {"0042"}}
	b.do(http.MethodPost, page.action(), form, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }).want(http.StatusBadRequest)
	w.browser().post(page.action(), form).want(http.StatusBadRequest) // without cookies: another browser
	form.Set("schleuse_request", form.Get("schleuse_request")[1:])
	b.post(page.action(), form).want(http.StatusGone)
	w.clock.Pass(24*time.Hour + time.Second)
	b.draft(page, "digits", "0042").want(http.StatusGone)
	if w.attempts.Len() != 0 {
		t.Error("an attempt was kept")
	}
}
