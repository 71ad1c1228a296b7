package nect_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/extension/extensiontest"
	"github.com/schleuse/schleuse/sidecar/flow"
)

func TestTheBrowserThatBeganGoesOn(t *testing.T) {
	w := in(t, "match")
	a := w.Attempt()
	w.expect(w.looks(a), "before")
	w.expect(w.presses(a, "start"), "waiting") // Nect has a result; whose browser it is, is not known
	w.expect(w.looks(a), "waiting")
	w.expect(w.returns(a.ID), "")
	w.expect(w.looks(a), "done")
	w.expect(w.looks(a), "done")
	w.expect(w.returns(""), "later {Code: Flow: Phone:0800 000000}")
	w.expect(w.looks(a), "done")
}

// That a browser came back is noted before it is told anything: else it would
// wait for what has happened already.
func TestAReturnIsNotedBeforeTheBrowserGoesOn(t *testing.T) {
	port, stage, at := newDoors(t), extensiontest.NewStage("nect"), newService(t)
	port.arrange(stage)
	var parts extension.Parts
	a := stage.Attempt()
	shown := ""
	stage.Host.Return = func(rw http.ResponseWriter, r *http.Request, _ flow.AttemptID) bool {
		if err := r.ParseForm(); err != nil {
			return false
		}
		out, err := parts.Step.Resume(r.Context(), a, flow.Input{Kind: flow.Returned, Form: r.Form})
		w := world{t, stage, at, parts}
		shown = w.word(out, err)
		stage.Records.Break(fmt.Errorf("down")) // from here on
		rw.WriteHeader(http.StatusSeeOther)
		return true
	}
	parts = stage.Open(t, port.factory(), at.config("match"))
	w := world{t, stage, at, parts}
	w.presses(a, "start")
	back := at.last().back + "?nectCaseId=" + at.last().id
	browse(t, back, "")
	w.expect(shown, "done")
	stage.Records.Break(nil)
	w.expect(w.looks(a), "done")
}

// Whoever comes back while it cannot be noted may come back once more.
func TestAReturnThatCannotBeNotedCanBeRepeated(t *testing.T) {
	w := in(t, "match")
	a := w.attempt(1, flow.Registration)
	w.presses(a, "start")
	c := w.nect.last()
	back := flow.Input{Kind: flow.Returned, Form: url.Values{"nectCaseId": {c.id}, "secret": {c.back[strings.LastIndex(c.back, "/")+1:]}}}
	resume := func() string {
		out, err := w.parts.Step.Resume(t.Context(), a, back)
		return w.word(out, err)
	}
	w.Records.Break(fmt.Errorf("down"))
	w.expect(resume(), "later")
	w.Records.Break(nil)
	b := w.attempt(2, flow.Registration)
	out, err := w.parts.Step.Resume(t.Context(), b, back) // nobody else's attempt
	w.expect(w.word(out, err), "before")
	back.Kind = flow.Posted // nor a form
	w.expect(resume(), "waiting")
	back.Kind = flow.Returned
	w.expect(resume(), "done")
}

// The attacker begins with the victim's number and sends the link. The victim
// identifies themselves, and follows Nect back on their own phone.
func TestALinkThatWasSentOpensNothing(t *testing.T) {
	for _, f := range []flow.Name{flow.Registration, flow.Recovery, flow.Login} {
		w := in(t, "match")
		attacker := w.attempt(9, f)
		w.presses(attacker, "start")
		w.expect(w.looks(attacker), "waiting")
		code := w.onAPhone()
		w.expect(w.looks(attacker), "code")
		for range 3 {
			w.Clock.Pass(time.Minute)
			w.expect(w.presses(attacker, "check"), "code")
		}
		w.expect(w.types(attacker, wrong(code)), "code: problem.code_wrong 2")
		w.expect(w.types(attacker, wrong(code)), "code: problem.code_wrong 1")
		w.expect(w.types(attacker, wrong(code)), "code_used_up")
		w.expect(w.types(attacker, code), "code_used_up")
		w.expect(w.looks(attacker), "code_used_up")
		_, page := browse(t, w.nect.last().back, attacker.ID) // had the attacker learnt the address by then
		w.expect(page, "")
		w.expect(w.looks(attacker), "code_used_up")
	}
}

func TestACaseThatNeverCameBackPassesNobody(t *testing.T) {
	w := in(t, "match")
	attacker := w.attempt(9, flow.Registration)
	w.presses(attacker, "start")
	c := w.nect.last()
	for _, address := range []string{
		w.Host.Base.String() + "/return?nectCaseId=" + c.id,
		w.Host.Base.String() + "/return/?nectCaseId=" + c.id,
		w.Host.Base.String() + "/return/" + strings.Repeat("A", 43) + "?nectCaseId=" + c.id,
		w.Host.Base.String() + "/return/" + c.id,
		c.back + "?nectCaseId=00000000-0000-4000-8000-999999999999",
	} {
		for _, holds := range []flow.AttemptID{attacker.ID, ""} {
			if _, page := browse(t, address, holds); strings.Contains(page, "handover") {
				t.Errorf("a code is shown: %s", page)
			}
		}
	}
	calls(t, http.MethodPut, c.callback+"/"+c.id, `{"state":"finished","success":true}`)
	if err := w.delivers(); err != nil {
		t.Error(err)
	}
	for range 5 {
		w.Clock.Pass(5 * time.Second)
		w.expect(w.looks(attacker), "waiting")
	}
	w.Clock.Pass(48 * time.Hour)
	w.expect(w.looks(attacker), "expired")
}

func TestTheCodeOfAnotherBrowserIsShownOnceAndTypedInTime(t *testing.T) {
	w := in(t, "match")
	a := w.attempt(1, flow.Registration)
	w.presses(a, "start")
	w.expect(w.presses(a, "wait"), "waiting")
	code := w.onAPhone()
	w.expect(w.returns(""), "later {Code: Flow: Phone:0800 000000}")
	w.expect(w.types(a, "12345"), "code: problem.code_form")
	w.expect(w.types(a, wrong(code)), "code: problem.code_wrong 2")
	w.Clock.Pass(20*time.Minute - time.Second)
	w.expect(w.types(a, " "+code[:3]+" "+code[3:]), "done")

	late := w.attempt(2, flow.Registration)
	w.presses(late, "start")
	code = w.onAPhone()
	w.Clock.Pass(20 * time.Minute)
	w.expect(w.types(late, code), "code_late")
	w.expect(w.looks(late), "code_late")
}

// A code is good for the attempt whose case it is of.
func TestTheCodeOfOneAttemptIsNothingToAnother(t *testing.T) {
	w := in(t, "match")
	victim, attacker := w.attempt(1, flow.Registration), w.attempt(9, flow.Registration)
	w.presses(victim, "start")
	code := w.onAPhone()
	w.presses(attacker, "start")
	w.onAPhone()
	if got := w.types(attacker, code); got == "done" {
		t.Error("passed with another's code")
	}
}

func TestABrowserThatOnlyLooksAheadUsesNothingUp(t *testing.T) {
	w := in(t, "match")
	a := w.attempt(1, flow.Registration)
	w.presses(a, "start")
	back := w.nect.last().back
	if status := calls(t, http.MethodGet, back, "", "Sec-Purpose", "prefetch;prerender"); status != http.StatusNoContent {
		t.Errorf("status %d", status)
	}
	if status := calls(t, http.MethodHead, back, ""); status != http.StatusNoContent {
		t.Errorf("status %d", status)
	}
	w.onAPhone()
}

// Each follows the address of the other's case, as if links were swapped.
func TestTwoPeopleWithEachOthersCases(t *testing.T) {
	w := in(t, "match")
	w.Members.Put(other())
	anna, bernd := w.attempt(1, flow.Registration), w.attempt(2, flow.Registration)
	bernd.Number = other().KVNR
	w.presses(anna, "start")
	annas := w.nect.last()
	w.presses(bernd, "start")
	bernds := w.nect.last()
	for _, address := range []string{annas.back + "?nectCaseId=" + bernds.id, bernds.back + "?nectCaseId=" + annas.id} {
		for _, holds := range []flow.AttemptID{anna.ID, bernd.ID, ""} {
			_, page := browse(t, address, holds)
			w.expect(page, "later {Code: Flow: Phone:0800 000000}")
		}
	}
	w.expect(w.looks(anna), "waiting")
	w.expect(w.looks(bernd), "waiting")
	_, page := browse(t, annas.back+"?nectCaseId="+annas.id, bernd.ID) // Bernd's browser with Anna's address
	if !strings.HasPrefix(page, "handover") {
		t.Errorf("page %s", page)
	}
	w.expect(w.looks(bernd), "waiting")
	browse(t, bernds.back+"?nectCaseId="+bernds.id, bernd.ID)
	w.Clock.Pass(5 * time.Second)
	w.expect(w.looks(bernd), "mismatch") // Anna's document, Bernd's number
}

func TestAFixedAddressIsRefusedWhereANumberAloneBegins(t *testing.T) {
	w := in(t, "match", "return: fixed")
	for _, f := range []flow.Name{flow.Registration, flow.Recovery} {
		a := w.attempt(1, f)
		w.expect(w.looks(a), "denied.relay")
		w.expect(w.presses(a, "start"), "denied.relay")
		if offer, err := w.parts.Offer(t.Context(), a); err != nil || offer.Available {
			t.Errorf("offered: %+v, %v", offer, err)
		}
	}
	if opened, _ := w.nect.counts(); opened != 0 {
		t.Errorf("%d cases were made", opened)
	}
	a := w.attempt(3, flow.Login)
	w.expect(w.looks(a), "before")
	w.expect(w.presses(a, "start"), "done") // whoever signed in knows the password

	accepting := in(t, "match", "return: fixed", "accept_relay: true")
	w.expect(accepting.presses(accepting.attempt(1, flow.Registration), "start"), "done")
}

func TestPagesOutsideAnAttemptCanBeShown(t *testing.T) {
	port, stage := newDoors(t), extensiontest.NewStage("nect")
	port.arrange(stage)
	at := newService(t)
	var views []flow.View
	stage.Host.Render = func(_ http.ResponseWriter, _ *http.Request, _ int, v flow.View) { views = append(views, v) }
	parts := stage.Open(t, port.factory(), at.config("match"))
	for n, f := range []flow.Name{flow.Login, flow.Registration, flow.Recovery} {
		w := world{t, stage, at, parts}
		w.presses(w.attempt(byte(n), f), "start")
		browse(t, at.last().back, "")
		browse(t, at.last().back, "")
	}
	if len(views) != 6 {
		t.Fatalf("%d pages", len(views))
	}
	for _, v := range views {
		extensiontest.Page(t, parts, v)
	}
}

// Whoever begins anew leaves the older case behind, with its result and secret.
func TestAnOlderCaseOpensNothing(t *testing.T) {
	w := in(t, "match")
	a := w.attempt(1, flow.Registration)
	w.presses(a, "start")
	old := w.nect.last()
	w.Clock.Pass(time.Minute)
	w.expect(w.presses(a, "again"), "waiting")
	for _, holds := range []flow.AttemptID{"", a.ID} {
		_, page := browse(t, old.back+"?nectCaseId="+old.id, holds)
		w.expect(page, "later {Code: Flow: Phone:0800 000000}")
	}
	calls(t, http.MethodPut, old.callback+"/"+old.id, "")
	w.Clock.Pass(5 * time.Second)
	w.expect(w.looks(a), "waiting")
	w.returns(a.ID)
	w.expect(w.looks(a), "done")
}

// Several windows of one browser wait for the same result.
func TestOneIdentificationPassesOneAttempt(t *testing.T) {
	w := in(t, "in review")
	windows := []*flow.Attempt{}
	for n := range byte(4) {
		a := w.attempt(n+1, flow.Login)
		if n == 0 {
			w.presses(a, "start")
			w.returns(a.ID)
		} else {
			a.Parked = []flow.AttemptID{windows[0].ID}
		}
		w.expect(w.looks(a), "parked: review")
		windows = append(windows, a)
	}
	w.nect.turn("in review", "match")
	w.Clock.Pass(5 * time.Second)
	done := map[string]int{}
	for _, a := range windows {
		done[w.looks(a)]++
	}
	if done["done"] != 1 || done["before"] != 3 {
		t.Errorf("%v", done)
	}
}
