package gate_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/flow/flowtest"
	"github.com/schleuse/schleuse/sidecar/internal/web"
)

// setting runs a recovery up to the password, with whoever waits for the
// account h202601057 since before. step takes the place of the one that sets it.
func setting(t *testing.T, step func(w *world, thief *waiting) flow.Step) (w *world, owner *browser, page response, thief *waiting) {
	t.Helper()
	var end error
	w = takingBack(t, flow.Recovery, &end)
	thief = &waiting{}
	w.gate.Engine.Chambers["password"] = flow.Chamber{Name: "password", Kind: "kind_password", Step: step(w, thief)}
	owner = w.browser()
	page = owner.draft(owner.get(authURL("app")).want(http.StatusOK), "number", "H202601057").want(http.StatusOK)
	page = owner.kept(page).shows("ask for answer")
	w.gate.Engine.Chambers["kvnr"] = flow.Chamber{Name: "kvnr", Kind: "kind_kvnr", Step: numberStep()}
	w.clock.Pass(time.Minute)
	w.keycloak.demand("h202601057")
	b := w.browser()
	to := b.password(b.typeNumber(authURL("app"), "H202601057"), "h202601057", "pw-h202601057").location()
	*thief = waiting{browser: b, page: to}
	w.clock.Pass(time.Minute)
	return w, owner, page, thief
}

// TestWhoWaitsIsOvertakenByANewPassword, from before it is set, whatever
// becomes of the step that sets it.
func TestWhoWaitsIsOvertakenByANewPassword(t *testing.T) {
	lost := errors.New("the answer is lost")
	for name, c := range map[string]struct {
		during bool  // the thief's form comes before the step is through
		err    error // of the step
		hangUp bool  // the owner goes away while it is at work
	}{
		"before it is through":    {during: true},
		"afterwards":              {},
		"when its answer is lost": {err: lost},
		"when the owner leaves":   {hangUp: true, err: lost},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, hangUp := context.WithCancel(t.Context())
			defer hangUp()
			w, owner, page, thief := setting(t, func(w *world, thief *waiting) flow.Step {
				sets := setsPassword(w.keycloak)
				return flowtest.Step{OnResume: func(ctx context.Context, a *flow.Attempt, in flow.Input) (flow.Outcome, error) {
					out, err := sets.Resume(ctx, a, in)
					if c.during {
						thief.act()
					}
					if c.hangUp {
						hangUp()
					}
					return out, errors.Join(err, c.err)
				}}
			})
			form := map[string][]string{"schleuse_step": {page.hidden("schleuse_step")}, "answer": {"another"}}
			owner.do(http.MethodPost, page.action(), form, func(r *http.Request) { *r = *r.WithContext(ctx) })
			if thief.act(); w.acted() != 0 || w.keycloak.people["h202601057"].password != "another" {
				t.Errorf("%d forms reached Keycloak, the password is %q", w.acted(), w.keycloak.people["h202601057"].password)
			}
		})
	}
}

// TestMoreTimeTakesNothing: who only asks for time has changed nothing.
func TestMoreTimeTakesNothing(t *testing.T) {
	w, owner, page, _ := setting(t, func(w *world, _ *waiting) flow.Step { return setsPassword(w.keycloak) })
	anna := w.keycloak.people["h202601057"]
	before := anna.clearance
	owner.post(page.action(), url.Values{"schleuse_step": {page.hidden("schleuse_step")}, web.MoreField: {"1"}}).want(http.StatusOK)
	if before != account.Cleared || anna.clearance != before {
		t.Errorf("cleared before: %v, after: %v", before, anna.clearance)
	}
	owner.answer(page, "answer", "another")
	if anna.clearance == account.Cleared {
		t.Error("the role is not taken before the password is set")
	}
}

// TestWhoComesWhileItIsSetIsOvertaken: the old password was good still, and the
// program died before it could say that it is no more.
func TestWhoComesWhileItIsSetIsOvertaken(t *testing.T) {
	var late *waiting
	w, owner, page, _ := setting(t, func(w *world, _ *waiting) flow.Step {
		sets := setsPassword(w.keycloak)
		return flowtest.Step{OnResume: func(ctx context.Context, a *flow.Attempt, in flow.Input) (flow.Outcome, error) {
			w.clock.Pass(time.Second)
			b := w.browser()
			late = &waiting{browser: b, page: b.password(b.typeNumber(authURL("app"), "H202601057"), "h202601057", "pw-h202601057").location()}
			w.clock.Pass(time.Second)
			_, err := sets.Resume(ctx, a, in)
			return flow.Outcome{}, errors.Join(err, errDown)
		}}
	})
	owner.answer(page, "answer", "another")
	if late.act(); w.acted() != 0 {
		t.Error("the form reached Keycloak")
	}
}

// TestNothingIsGivenWhereThatCannotBeNoted: no note, no password.
func TestNothingIsGivenWhereThatCannotBeNoted(t *testing.T) {
	for name, broken := range map[string]func(w *world, down error){
		"the note":  func(w *world, down error) { w.changes.Break(down) },
		"Keycloak":  func(w *world, down error) { w.keycloak.break_(down != nil) },
		"the audit": func(w *world, down error) { w.audit.FailWith(down) },
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			w, owner, page, _ := setting(t, func(w *world, _ *waiting) flow.Step {
				sets := setsPassword(w.keycloak)
				return flowtest.Step{OnResume: func(ctx context.Context, a *flow.Attempt, in flow.Input) (flow.Outcome, error) {
					asked++
					return sets.Resume(ctx, a, in)
				}}
			})
			broken(w, errDown)
			owner.answer(page, "answer", "another").want(http.StatusServiceUnavailable)
			if asked != 0 {
				t.Error("the step was asked")
			}
			broken(w, nil)
			owner.answer(page, "answer", "another").want(http.StatusSeeOther)
		})
	}
}

// TestWhoLeavesAtTheReview has an account with the new password, in which what
// a thief has planted opens nothing: it is not cleared again before the review.
func TestWhoLeavesAtTheReview(t *testing.T) {
	var end error
	w := takingBack(t, flow.Recovery, &end)
	toReview(t, w)
	w.clock.Pass(25 * time.Hour)
	w.gate.Engine.Chambers["kvnr"] = flow.Chamber{Name: "kvnr", Kind: "kind_kvnr", Step: numberStep()}
	b := w.browser()
	held := b.password(b.typeNumber(authURL("app"), "H202601057"), "h202601057", "another")
	page := b.answer(b.get(held.location()).want(http.StatusOK).shows("ask for digits"), "digits", "0042")
	b.answer(b.get(page.location()).want(http.StatusOK).shows("planted"), "x", "").want(http.StatusSeeOther)
	if got, _ := w.keycloak.Clearance(t.Context(), "id-h202601057"); got != account.Cleared || len(w.keycloak.people["h202601057"].authenticators) != 0 {
		t.Errorf("%v in the end", got)
	}
	if !slices.Contains(w.audit.Actions(), "role.withdraw") {
		t.Errorf("audit %q", w.audit.Actions())
	}
}
