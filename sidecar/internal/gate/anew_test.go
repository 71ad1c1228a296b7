package gate_test

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/flow"
)

// anew types the number at the client's next request and wants to register.
func (b *browser) anew(target, number string) response {
	b.t.Helper()
	return b.draft(b.get(target).want(http.StatusOK), "number", number, "register", "1")
}

// goesOn begins anew, and goes on in what the page asks about.
func (b *browser) goesOn(target, number string) response {
	b.t.Helper()
	page := b.anew(target, number).want(http.StatusOK).shows("Waren Sie das?")
	return b.draft(page, "schleuse_anew", "on")
}

// The program dies after a step was passed, before the browser has its answer.
// Who begins at the client again stands where they were, and nobody else does.
func TestWhoBeginsAnewGoesOn(t *testing.T) {
	for name, lost := range map[string]bool{"with the attempt's cookie": false, "with the answer lost": true} {
		t.Run(name, func(t *testing.T) {
			w := registering(t)
			b := w.browser()
			page := b.register(authURL("app"))
			before := maps.Clone(b.cookies)
			at := b.draft(page, "digits", "0042").want(http.StatusSeeOther).location()
			if lost {
				b.cookies = before
			}
			b.anew(authURL("app"), "A123456780").want(http.StatusOK).shows("ask for digits")
			w.browser().anew(authURL("app"), newcomer).want(http.StatusOK).shows("ask for digits")
			next := authURL("app") + "&ui_locales=de"
			if got := b.goesOn(next, newcomer).want(http.StatusSeeOther).location(); got != at || w.attempts.Len() != 1 {
				t.Fatalf("goes on at %s, want %s; %d attempts", got, at, w.attempts.Len())
			}
			out := b.answer(b.get(at).want(http.StatusOK).shows("ask for answer"), "answer", "secret").want(http.StatusSeeOther)
			release := strings.TrimSuffix(out.location(), "/done") + "/release"
			if got := b.get(release).want(http.StatusSeeOther).location(); !strings.Contains(got, "ui_locales=de") {
				t.Errorf("in the end it goes to %s, not to the request with which it was begun anew", got)
			}
			b.anew(authURL("app"), newcomer).want(http.StatusOK).shows("ask for digits") // what is over is over
		})
	}
}

// A code may be used up in an attempt that has no proof yet; a try that was
// wrong does not become another by beginning anew.
func TestWhatProvedNothingGoesOnToo(t *testing.T) {
	w := registering(t)
	b := w.browser()
	at := b.draft(b.register(authURL("app")), "digits", "1").want(http.StatusOK).action()
	if got := b.anew(authURL("app"), newcomer).want(http.StatusSeeOther).location(); got != at {
		t.Errorf("goes on at %s", got)
	}
	page := b.get(at)
	for range 2 {
		page = b.answer(page, "digits", "1")
	}
	b.anew(authURL("app"), newcomer).want(http.StatusOK).shows("ask for digits") // a way was refused: every way again
}

func TestWhatIsOverHoldsNobodyUp(t *testing.T) {
	w := registering(t)
	b := w.browser()
	at := b.draft(b.register(authURL("app")), "digits", "0042").want(http.StatusSeeOther).location()
	w.clock.Pass(flow.LongLifetime)
	b.anew(authURL("app"), newcomer).want(http.StatusOK).shows("ask for digits")
	b.get(at).want(http.StatusGone)
}

// However many drafts a browser sees, it brings a bounded cookie, and finds the
// last ones.
func TestManyDraftsAreBounded(t *testing.T) {
	w := registering(t)
	b := w.browser()
	for range 20 {
		b.register(authURL("app"))
	}
	if n := len(b.cookies["__Host-schleuse-page"]); n > 43+4*27 {
		t.Errorf("a cookie of %d bytes", n)
	}
	page := b.register(authURL("app"))
	before := maps.Clone(b.cookies)
	at := b.draft(page, "digits", "0042").want(http.StatusSeeOther).location()
	b.cookies = before
	for range 3 {
		b.anew(authURL("app"), "A123456780").want(http.StatusOK)
	}
	if got := b.goesOn(authURL("app"), newcomer).want(http.StatusSeeOther).location(); got != at {
		t.Errorf("goes on at %s, want %s", got, at)
	}
	b.cookies["__Host-schleuse-page"] += strings.Repeat(".ABCDEFGHIJKLMNOPQRSTUVWXYZ", 30)
	b.post(page.action(), url.Values{"schleuse_request": {page.hidden("schleuse_request")}}).want(http.StatusSeeOther)
}

// A browser may be shared: who comes half an hour later and knows the number
// does not choose the password of whoever has proved theirs.
func TestAProofIsNotTakenOverByTheNextOne(t *testing.T) {
	for name, c := range map[string]struct {
		passed time.Duration
		goesOn bool
	}{"at once": {0, true}, "after half an hour": {30 * time.Minute, true}, "later": {30*time.Minute + time.Second, false}} {
		t.Run(name, func(t *testing.T) {
			w := registering(t)
			b := w.browser()
			at := b.draft(b.register(authURL("app")), "digits", "0042").want(http.StatusSeeOther).location()
			w.clock.Pass(c.passed)
			got := b.anew(authURL("app"), newcomer)
			if asked := strings.Contains(got.Body.String(), "Waren Sie das?"); asked != c.goesOn {
				t.Errorf("asked whether to go on: %v", asked)
			}
			b.get(at).want(http.StatusOK) // by the page that they left they go on in any case
		})
	}
}

// TestWhoDidNotProveItBegins: the next one at a shared browser says so, and
// nothing is left there of what was proved.
func TestWhoDidNotProveItBegins(t *testing.T) {
	w := registering(t)
	b := w.browser()
	at := b.draft(b.register(authURL("app")), "digits", "0042").want(http.StatusSeeOther).location()
	page := b.anew(authURL("app"), newcomer).shows("Waren Sie das?")
	b.draft(page, "x", "").want(http.StatusOK).shows("Waren Sie das?") // no answer
	english := b.draft(page, "schleuse_lang", "en").want(http.StatusOK).shows("Was that you?")
	b.draft(english, "schleuse_anew", "begin").want(http.StatusOK).shows("ask for digits")
	b.get(at).want(http.StatusGone)
	b.draft(page, "schleuse_anew", "on").want(http.StatusOK).shows("ask for digits") // pressed after all
	b.anew(authURL("app"), newcomer).want(http.StatusOK).shows("ask for digits")
}

// What was identified for an attempt that is over serves no second one: a page
// from before it leads to what it has become, for as long as it may stand open.
func TestAPageOfBeforeBeginsNothingAnew(t *testing.T) {
	w := registering(t)
	b := w.browser()
	first := b.register(authURL("app"))
	at := b.draft(first, "digits", "0042").want(http.StatusSeeOther).location()
	b.answer(b.get(at).want(http.StatusOK), "answer", "secret").want(http.StatusSeeOther)
	b.get(at + "/release").want(http.StatusSeeOther)
	for _, passed := range []time.Duration{0, 11 * time.Minute, 12 * time.Hour} {
		w.clock.Pass(passed)
		if got := b.draft(first, "digits", "0042").want(http.StatusSeeOther).location(); got != at+"/done" {
			t.Errorf("after %v it leads to %s", passed, got)
		}
	}
}
