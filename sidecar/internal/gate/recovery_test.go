package gate_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/flow/flowtest"
)

// thief is who has planted a passkey on the account of h202601057, which is
// cleared.
const thief = "sid-thief"

// takingBack is a gate in which this flow gives the account back: the digits
// prove it, and the password is set with all sessions ended. end is the error
// of every EndAll.
func takingBack(t *testing.T, name flow.Name, end *error) *world {
	t.Helper()
	w := registering(t, func(e *flow.Engine) {
		e.Plans[name] = e.Plans[flow.Registration]
		put := func(step flow.StepName, s flow.Step) {
			e.Chambers[step] = flow.Chamber{Name: step, Kind: "kind_" + string(step), Step: s}
		}
		put("kvnr", flowtest.Step{OnResume: func(ctx context.Context, a *flow.Attempt, in flow.Input) (flow.Outcome, error) {
			out, err := numberStep().Resume(ctx, a, in)
			if out.Kind == flow.IsDone {
				out = flow.Enter(name)
			}
			return out, err
		}})
		digits := keeps(digitsStep())
		put("egk", flowtest.Step{OnBegin: digits.Begin, OnResume: func(ctx context.Context, a *flow.Attempt, in flow.Input) (flow.Outcome, error) {
			out, err := digits.Resume(ctx, a, in)
			out.Proof.Note = "case c-17"
			return out, err
		}})
	})
	accounts := withoutEndAll{w.keycloak, end}
	w.gate.Accounts = accounts
	w.gate.Engine.Chambers["password"] = flow.Chamber{Name: "password", Kind: "kind_password", Step: setsPassword(w.keycloak)}
	handler, err := w.gate.Handler()
	if err != nil {
		t.Fatal(err)
	}
	w.handler = handler
	owner := w.keycloak.people["h202601057"]
	owner.authenticators = []account.Authenticator{{ID: "planted", Type: "webauthn", Label: "planted", Created: day(12, 9)}}
	w.signInAs("h202601057", thief)
	return w
}

// withoutEndAll is a realm in which EndAll may not succeed.
type withoutEndAll struct {
	*keycloak
	err *error
}

func (a withoutEndAll) EndAll(ctx context.Context, id account.ID) error {
	if *a.err != nil {
		return *a.err
	}
	return a.keycloak.EndAll(ctx, id)
}

func setsPassword(k *keycloak) flow.Step {
	return flowtest.Step{OnResume: func(ctx context.Context, a *flow.Attempt, in flow.Input) (flow.Outcome, error) {
		acc, err := k.Find(ctx, a.Number)
		if err == nil {
			err = k.SetPassword(ctx, acc.ID, in.Form.Get("answer"))
		}
		if err == nil {
			err = k.EndAll(ctx, acc.ID)
		}
		return flow.Done(flow.Proof{Account: acc.ID}), err
	}}
}

// signInAs begins a session by a means of which the gate sees nothing.
func (w *world) signInAs(username, sid string) {
	w.keycloak.mu.Lock()
	defer w.keycloak.mu.Unlock()
	w.keycloak.sessions[sid] = w.keycloak.people[username]
}

// toReview goes through digits and password to the review.
func toReview(t *testing.T, w *world) (*browser, response) {
	t.Helper()
	b := w.browser()
	page := b.draft(b.get(authURL("app")).want(http.StatusOK), "number", "H202601057").want(http.StatusOK)
	page = b.kept(page).shows("ask for answer")
	if page = b.get(b.answer(page, "answer", "another").location()).want(http.StatusOK).shows("planted"); w.keycloak.live("h202601057") != 0 {
		t.Fatal("a session outlives the password")
	}
	return b, page
}

// A thief with a planted passkey signs in again between the password and the
// review that removes it: no session of theirs outlives the recovery.
func TestNobodyStaysSignedInThroughARecovery(t *testing.T) {
	for _, name := range []flow.Name{flow.Recovery, flow.Registration} {
		t.Run(string(name), func(t *testing.T) {
			var end error
			w := takingBack(t, name, &end)
			b, page := toReview(t, w)
			w.signInAs("h202601057", thief)
			end = errDown
			b.answer(page, "x", "").want(http.StatusServiceUnavailable)
			if len(w.keycloak.people["h202601057"].authenticators) != 0 || w.keycloak.live("h202601057") != 1 {
				t.Fatal("not where it should be")
			}
			at := page.action()
			b.get(at + "/release").want(http.StatusServiceUnavailable) // owed still
			end = nil
			if got := b.get(at).want(http.StatusSeeOther).location(); got != at+"/done" {
				t.Errorf("leads to %s", got)
			}
			if n := w.keycloak.live("h202601057"); n != 0 {
				t.Errorf("%d sessions live", n)
			}
			actions := w.audit.Actions()
			if n := strings.Count(strings.Join(actions, " ")+" ", "session.end_all "); n != 6 { // three times an intent and an outcome
				t.Errorf("audit %q", actions)
			}
			if slices.Index(actions, "role.grant") < slices.Index(actions, "session.end_all") {
				t.Errorf("the role comes first: %q", actions)
			}
		})
	}
}

func TestAnExemptAccountsSessionsAreLeftAlone(t *testing.T) {
	var end error
	w := takingBack(t, flow.Recovery, &end)
	b, page := toReview(t, w)
	end = account.ErrExempt
	if got := b.answer(page, "x", "").want(http.StatusSeeOther).location(); got != page.action()+"/done" {
		t.Errorf("leads to %s", got)
	}
}

// The attempt is gone after a day; what it proved stands beside the role, in
// the part of the entry that is sealed with the person's key.
func TestTheRoleIsGivenWithItsEvidence(t *testing.T) {
	var end error
	w := takingBack(t, flow.Recovery, &end)
	b, page := toReview(t, w)
	b.answer(page, "x", "").want(http.StatusSeeOther)
	grants := 0
	for _, e := range w.audit.Entries() {
		if e.Action != "role.grant" {
			continue
		}
		grants++
		want := map[string]string{
			"proofs":       "kind_egk kind_password kind_authenticators",
			"proof.egk":    "case c-17",
			"proof.egk.at": "2026-12-10T12:00:00Z",
		}
		for key, value := range want {
			if e.Detail[key] != value {
				t.Errorf("%s is %q, want %q", key, e.Detail[key], value)
			}
		}
		if len(e.Detail) != len(want) || e.Person != "id-h202601057" {
			t.Errorf("of %q: %v", e.Person, e.Detail)
		}
	}
	if grants != 2 {
		t.Errorf("%d entries", grants)
	}
}

// Who leaves at the review has an account with the new password: what they
// proved is written down by then.
func TestEvidenceIsThereBeforeTheRole(t *testing.T) {
	var end error
	w := takingBack(t, flow.Recovery, &end)
	toReview(t, w)
	entries := w.audit.Entries()
	last := entries[len(entries)-1]
	if last.Action != "recovery.passed" || last.Step != "password" || last.Person != "id-h202601057" || last.Detail["proof.egk"] != "case c-17" {
		t.Errorf("%+v", last)
	}
}

var _ account.Accounts = withoutEndAll{}
