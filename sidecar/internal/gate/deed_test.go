package gate_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/flow/flowtest"
	"github.com/schleuse/schleuse/sidecar/notify"
)

// errDied is the panic of a program that dies.
var errDied = errors.New("killed")

// dies sends a form on and lets the program die at die, which the fake Keycloak
// runs while it carries the form out.
func (b waiting) dies(die func()) {
	b.t.Helper()
	ctx, kill := context.WithCancelCause(b.t.Context())
	defer kill(nil)
	b.keycloak.acting = func() {
		die()
		b.changes.Break(errDied)
		b.audit.FailWith(errDied)
		kill(errDied)
	}
	b.do(http.MethodPost, b.page, url.Values{"password-new": {"the thief's own"}}, func(r *http.Request) { *r = *r.WithContext(ctx) })
	b.changes.Break(nil)
	b.audit.FailWith(nil)
}

// follows lets what was queued be followed up once.
func (w *world) follows() error { return w.deeds.Flush(w.t.Context(), w.gate.Run) }

// TestAnUndoIsTriedUntilItSucceeds: the Admin API is down when a late password
// has to be taken back.
func TestAnUndoIsTriedUntilItSucceeds(t *testing.T) {
	w := newWorld(t)
	thief := waiters()["as it is"].waits(w)
	anna := w.keycloak.people["a123456780"]
	w.keycloak.acting = func() {
		w.owner()
		anna.authenticators = []account.Authenticator{{ID: "old", Created: day(11, 1)}, {ID: "planted", Created: w.clock.Now()}}
		w.keycloak.break_(true)
	}
	thief.act().want(http.StatusServiceUnavailable)
	if anna.password != "the thief's own" || len(w.notices.Sent()) != 0 {
		t.Fatalf("password %q, notices %v", anna.password, w.notices.Sent())
	}
	for range 2 {
		w.clock.Pass(2 * time.Minute)
		if err := w.follows(); err == nil {
			t.Error("done without the Admin API")
		}
	}
	w.keycloak.break_(false)
	if err := w.follows(); err != nil {
		t.Fatal(err)
	}
	w.isTakenBack("old")
	if n := len(w.deeds.Queued()); n != 0 {
		t.Errorf("%d wait", n)
	}
}

// isTakenBack checks that a password is nobody's, no session lives, and the
// owner was told once.
func (w *world) isTakenBack(stays ...string) {
	w.t.Helper()
	anna := w.keycloak.people["a123456780"]
	if anna.password == "the thief's own" || anna.password == "pw-a123456780" || w.keycloak.live("a123456780") != 0 {
		w.t.Errorf("password %q, %d sessions", anna.password, w.keycloak.live("a123456780"))
	}
	var left []string
	for _, a := range anna.authenticators {
		left = append(left, a.ID)
	}
	if !slices.Equal(left, stays) {
		w.t.Errorf("stays: %q", left)
	}
	sent := w.notices.Sent()
	if len(sent) != 1 || sent[0].Kind != notify.PasswordVoid || sent[0].Number != "A123456780" || sent[0].Validate() != nil {
		w.t.Errorf("notices: %+v", sent)
	}
}

// TestADeathBeforeTheUndo: the program dies while a late password is carried out.
func TestADeathBeforeTheUndo(t *testing.T) {
	w := newWorld(t)
	thief := waiters()["as it is"].waits(w)
	thief.dies(w.owner)
	w.clock.Pass(2 * time.Minute)
	if err := w.follows(); err != nil {
		t.Fatal(err)
	}
	w.isTakenBack()
}

// TestWhatWasGivenBackMeanwhileStays: between a failed undo and the next try the
// owner has taken the account back themselves.
func TestWhatWasGivenBackMeanwhileStays(t *testing.T) {
	w := newWorld(t)
	thief := waiters()["as it is"].waits(w)
	thief.dies(w.owner)
	w.clock.Pass(2 * time.Minute)
	raw, version, err := w.changes.Get(t.Context(), "A123456780")
	if err != nil {
		t.Fatal(err)
	}
	given := strings.TrimSuffix(string(raw), "}") + `,"Given":"` + w.clock.Now().Format(time.RFC3339Nano) + `"}`
	if err := w.changes.Put(t.Context(), "A123456780", version, []byte(given), time.Hour); err != nil {
		t.Fatal(err)
	}
	w.keycloak.people["a123456780"].password = "the owner's own"
	if err := w.follows(); err != nil {
		t.Fatal(err)
	}
	if got := w.keycloak.people["a123456780"].password; got != "the owner's own" || len(w.notices.Sent()) != 0 {
		t.Errorf("password %q, notices %v", got, w.notices.Sent())
	}
}

// TestADeathBeforeTheMark: the first of two who wait has chosen a password, and
// the program died before it could write down whose the account is now. The
// other does not go on, and nothing is taken from the first.
func TestADeathBeforeTheMark(t *testing.T) {
	for name, pass := range map[string]time.Duration{"at once": 0, "a while later": 2 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c := waiters()["as it is"]
			other, first := c.waits(w), c.waits(w)
			first.dies(func() {})
			w.clock.Pass(pass)
			if err := w.follows(); (err == nil) != (pass > 0) {
				t.Fatal(err)
			}
			if other.act(); w.acted() != 1 {
				t.Errorf("%d forms reached Keycloak", w.acted())
			}
			if got := w.keycloak.people["a123456780"].password; got != "the thief's own" || len(w.notices.Sent()) != 0 {
				t.Errorf("password %q, notices %v", got, w.notices.Sent())
			}
			b := w.browser()
			held := b.password(b.typeNumber(authURL("app"), "a123456780"), "a123456780", "the thief's own")
			b.get(held.location()).want(http.StatusOK).shows("ask for digits")
		})
	}
}

// TestARefusedFormLeavesNothing: Keycloak refuses a password that is too weak.
// Nobody is overtaken by that, and it may be tried again.
func TestARefusedFormLeavesNothing(t *testing.T) {
	w := newWorld(t)
	c := waiters()["as it is"]
	other, b := c.waits(w), c.waits(w)
	b.post(b.page, url.Values{"password-new": {""}}).want(http.StatusOK)
	w.clock.Pass(2 * time.Minute)
	if err := w.follows(); err != nil {
		t.Fatal(err)
	}
	if other.act(); w.keycloak.people["a123456780"].password != "the thief's own" {
		t.Error("the other was overtaken by nothing")
	}
}

// TestNothingIsSentOnThatCannotBeFollowed: no queue, no action.
func TestNothingIsSentOnThatCannotBeFollowed(t *testing.T) {
	w := newWorld(t)
	b := waiters()["as it is"].waits(w)
	w.deeds.Break(errDown)
	b.act().want(http.StatusServiceUnavailable)
	if w.acted() != 0 {
		t.Error("the form reached Keycloak")
	}
	w.deeds.Break(nil)
	if b.act(); w.acted() != 1 {
		t.Error("the form did not reach Keycloak")
	}
}

// TestOfTwoAtOnceOneActs: while the form of one is on its way the other's is
// not sent on.
func TestOfTwoAtOnceOneActs(t *testing.T) {
	w := newWorld(t)
	c := waiters()["as it is"]
	other, first := c.waits(w), c.waits(w)
	w.keycloak.acting = func() { other.act() }
	held := first.act().location()
	if w.acted() != 1 || !strings.HasPrefix(held, "/schleuse/attempts/") {
		t.Errorf("%d forms reached Keycloak; leads to %s", w.acted(), held)
	}
}

// TestARecoveryGivesTheAccountBack, once it is through, and not before.
func TestARecoveryGivesTheAccountBack(t *testing.T) {
	var end error
	w := takingBack(t, flow.Recovery, &end)
	given := func() bool {
		raw, _, err := w.changes.Get(t.Context(), "H202601057")
		return err == nil && strings.Contains(string(raw), `"Given"`)
	}
	b, page := toReview(t, w)
	if given() {
		t.Error("given back before the review")
	}
	if b.answer(page, "x", "").want(http.StatusSeeOther); !given() {
		t.Error("not given back")
	}
}

// TestTheNoteAheadLastsAsLongAsTheStep: its answer was lost, and Keycloak may
// set the password late.
func TestTheNoteAheadLastsAsLongAsTheStep(t *testing.T) {
	var left time.Duration
	w, owner, page, _ := setting(t, func(w *world, _ *waiting) flow.Step {
		sets := setsPassword(w.keycloak)
		return flowtest.Step{OnResume: func(ctx context.Context, a *flow.Attempt, in flow.Input) (flow.Outcome, error) {
			if until, ok := ctx.Deadline(); ok {
				left = time.Until(until)
			}
			_, err := sets.Resume(ctx, a, in)
			return flow.Outcome{}, errors.Join(err, errDown)
		}}
	})
	owner.answer(page, "answer", "another")
	if left <= 0 || left > 20*time.Second {
		t.Fatalf("the step has %v", left)
	}
	w.clock.Pass(40 * time.Second)
	w.keycloak.demand("h202601057")
	b := w.browser()
	late := &waiting{browser: b, page: b.password(b.typeNumber(authURL("app"), "H202601057"), "h202601057", "another").location()}
	if late.act(); w.acted() != 0 {
		t.Error("the form reached Keycloak")
	}
	w.keycloak.undemand("h202601057")
	again := w.browser()
	held := again.password(again.typeNumber(authURL("app"), "H202601057"), "h202601057", "another")
	again.get(held.location()).want(http.StatusOK).shows("ask for digits") // the owner may come again at once
}
