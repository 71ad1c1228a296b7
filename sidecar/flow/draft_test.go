package flow_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/flow/flowtest"
)

// drafts is an engine with a login and a registration, and a draft as the
// browser brings it from page to page.
type drafts struct {
	*testing.T
	*flow.Engine
	clock *flowtest.Clock
	store *flowtest.Attempts
	draft flow.Record
}

const anna = "A123456780"

// asking is a step in front: it takes the number, or enters another flow.
func asking() flow.Step {
	return flowtest.Step{OnResume: func(ctx context.Context, a *flow.Attempt, in flow.Input) (flow.Outcome, error) {
		if to := in.Form.Get("answer"); strings.HasPrefix(to, "enter ") {
			a.Number = anna
			return flow.Enter(flow.Name(strings.TrimPrefix(to, "enter "))), nil
		}
		a.State, a.Account, a.Session, a.Kinds = json.RawMessage(`1`), "thief", "thief", []string{"nect"}
		if in.Form.Get("answer") == "right" {
			a.Number = anna
		}
		return flowtest.Step{}.Resume(ctx, a, in)
	}}
}

// keeping is a step that identifies: a right answer wants the attempt stored.
func keeping() flow.Step {
	return flowtest.Step{OnResume: func(ctx context.Context, a *flow.Attempt, in flow.Input) (flow.Outcome, error) {
		if a.ID == "" && in.Form.Get("answer") == "right" {
			return flow.Keep(), nil
		}
		return flowtest.Step{}.Resume(ctx, a, in)
	}}
}

// making is a closing step, which makes an account.
func making() flow.Step {
	return flowtest.Step{OnResume: func(ctx context.Context, a *flow.Attempt, in flow.Input) (flow.Outcome, error) {
		out, err := flowtest.Step{}.Resume(ctx, a, in)
		out.Proof.Account = "made"
		return out, err
	}}
}

func newDrafts(t *testing.T, steps map[flow.StepName]flow.Step) *drafts {
	t.Helper()
	clock := flowtest.NewClock(time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC))
	all := map[flow.StepName]flow.Step{
		"front": asking(), "second": flowtest.Step{}, "egk": flowtest.Step{},
		"nect": keeping(), "letter": keeping(), "password": making(),
	}
	for name, s := range steps {
		all[name] = s
	}
	store := flowtest.NewAttempts(clock.Now)
	later := flow.Plan{Front: names{"front"}, Back: []flow.Entry{{"nect", "letter"}}, After: names{"password"}}
	return &drafts{
		T: t, clock: clock, store: store, draft: flow.Record{Attempt: flow.Attempt{Flow: flow.Login, Client: "webcenter"}},
		Engine: &flow.Engine{
			Plans: map[flow.Name]flow.Plan{
				flow.Login:        {Keycloak: true, Front: names{"front", "second"}, Back: []flow.Entry{{"egk"}}},
				flow.Registration: later, flow.Recovery: later,
			},
			Chambers: flowtest.Chambers(all), Attempts: store, Now: clock.Now, Log: slog.New(slog.DiscardHandler),
		},
	}
}

func (d *drafts) took(p flow.Position, err error) flow.Position {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
	d.draft = p.Record
	return p
}

func (d *drafts) look() flow.Position {
	d.Helper()
	return d.took(d.Draft(d.draft).Look(d.Context(), ""))
}

func (d *drafts) answer(step flow.StepName, answer string) flow.Position {
	d.Helper()
	return d.took(d.Draft(d.draft).Answer(d.Context(), "", step, posted(answer)))
}

func (d *drafts) at(p flow.Position, name flow.Name, step flow.StepName, kind flow.OutcomeKind, at, of int) {
	d.Helper()
	if p.Record.Flow != name || p.Step != step || p.Outcome.Kind != kind || p.At != at || p.Of != of {
		d.Fatalf("%s at %q, outcome %d, %d of %d; want %s, %q, %d, %d of %d", p.Record.Flow, p.Step, p.Outcome.Kind, p.At, p.Of, name, step, kind, at, of)
	}
	if d.store.Len() > 0 {
		d.Fatal("a draft stored something")
	}
}

func TestADraftCarriesTheNumber(t *testing.T) {
	d := newDrafts(t, nil)
	d.at(d.look(), flow.Login, "front", flow.IsShow, 1, 4)
	d.at(d.answer("front", "wrong"), flow.Login, "front", flow.IsShow, 1, 4)
	if string(d.draft.State) != "1" || d.draft.Number != "" {
		t.Errorf("state %q, number %q", d.draft.State, string(d.draft.Number))
	}
	d.at(d.answer("front", "right"), flow.Login, "second", flow.IsShow, 2, 4)
	d.at(d.answer("second", "right"), flow.Login, "", flow.IsDone, 0, 4)
	d.at(d.look(), flow.Login, "", flow.IsDone, 0, 4)
	if r := d.draft; r.Number != anna || r.State != nil || r.Account != "" || r.Session != "" || len(r.Kinds)+len(r.Proofs) > 0 {
		t.Errorf("%+v", r)
	}
}

func TestAnotherFlowIsEntered(t *testing.T) {
	d := newDrafts(t, nil)
	d.look()
	older := d.draft
	d.at(d.answer("front", "enter registration"), flow.Registration, "nect", flow.IsShow, 2, 3)
	if d.draft.Number != anna {
		t.Error("the number was lost")
	}
	d.at(d.answer("nect", "never"), flow.Registration, "letter", flow.IsShow, 2, 3)
	denied := d.draft
	p := d.answer("letter", "never")
	if p.Record.Status != flow.Failed || p.Outcome.Kind != flow.IsDeny || p.Outcome.Key != "never" || p.Record.DenyStep != "letter" {
		t.Errorf("%+v", p)
	}
	if p = d.answer("letter", "right"); p.Record.Status != flow.Failed {
		t.Error("a failed draft goes on")
	}
	d.draft = denied // a second tab, or the back button
	d.at(d.look(), flow.Registration, "letter", flow.IsShow, 2, 3)
	d.draft = older
	d.at(d.answer("front", "enter recovery"), flow.Recovery, "nect", flow.IsShow, 2, 3)
}

func TestWaysOfADraft(t *testing.T) {
	d := newDrafts(t, nil)
	d.answer("front", "enter recovery")
	ways, err := d.Draft(d.draft).Ways(t.Context(), "")
	if err != nil || len(ways) != 2 || ways[1].Step != "letter" {
		t.Fatalf("ways %+v, %v", ways, err)
	}
	d.at(d.took(d.Draft(d.draft).Choose(t.Context(), "", "letter")), flow.Recovery, "letter", flow.IsShow, 2, 3)
	d.at(d.look(), flow.Recovery, "letter", flow.IsShow, 2, 3)
}

// keep walks to the button press, and stores the draft.
func (d *drafts) keep() flow.AttemptID {
	d.Helper()
	d.answer("front", "enter registration")
	if p := d.answer("nect", "right"); p.Step != "nect" || p.Outcome.Kind != flow.IsKeep || d.store.Len() > 0 {
		d.Fatalf("at %q, outcome %d", p.Step, p.Outcome.Kind)
	}
	secret := flow.NewSecret()
	if err := d.Keep(d.Context(), secret, d.draft, []byte("request")); err != nil {
		d.Fatal(err)
	}
	return secret.ID()
}

func TestAKeptDraftGoesOn(t *testing.T) {
	d := newDrafts(t, nil)
	d.draft.Parked, d.draft.Browser = []flow.AttemptID{"1", "2", "3", "4", "5"}, "browser"
	id := d.keep()
	r, err := d.store.Get(t.Context(), id)
	if err != nil || r.Step != "nect" || r.Number != anna || string(r.Held) != "request" || len(r.Parked) != 4 || r.Browser != "browser" || len(r.Proofs)+len(r.Kinds) > 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	if got := r.Expires.Sub(r.Created); got != flow.UnprovenLifetime {
		t.Errorf("lives %v", got)
	}
	d.clock.Pass(time.Minute)
	p, err := d.Answer(t.Context(), id, "nect", posted("right"))
	if got := p.Record.Expires.Sub(d.clock.Now()); got != flow.LongLifetime {
		t.Errorf("with a proof it lives %v", got)
	}
	if err != nil || p.Step != "password" || p.At != 3 || p.Of != 3 {
		t.Fatalf("%+v, %v", p, err)
	}
	if err := d.MarkCleared(t.Context(), id); !errors.Is(err, flow.ErrNotReady) {
		t.Errorf("MarkCleared before the end: %v", err)
	}
	p, err = d.Answer(t.Context(), id, "password", posted("right"))
	if err != nil || p.Record.Status != flow.Proven || p.Record.Account != "made" {
		t.Fatalf("%+v, %v", p, err)
	}
	if err := d.Waive(t.Context(), id); !errors.Is(err, flow.ErrNotReady) {
		t.Errorf("Waive of a registration: %v", err)
	}
}

// Whose account it is comes from a closing step, once.
func TestOnlyAClosingStepSaysWhoseAccountItIs(t *testing.T) {
	claims := flowtest.Step{OnResume: func(_ context.Context, a *flow.Attempt, _ flow.Input) (flow.Outcome, error) {
		if a.ID == "" {
			return flow.Keep(), nil
		}
		return flow.Done(flow.Proof{Account: "claimed"}), nil
	}}
	d := newDrafts(t, map[flow.StepName]flow.Step{"nect": claims, "terms": making(), "password": flowtest.Always(flow.Done(flow.Proof{Account: "another"}))})
	p := d.Plans[flow.Registration]
	p.After = names{"terms", "password"}
	d.Plans[flow.Registration] = p
	id := d.keep()
	pos, err := d.Answer(t.Context(), id, "nect", posted("right"))
	if err != nil || pos.Record.Account != "" {
		t.Fatalf("account %q, %v", pos.Record.Account, err)
	}
	pos, err = d.Answer(t.Context(), id, "terms", posted("right"))
	if err != nil || pos.Record.Account != "made" || pos.Record.Status != flow.Proven {
		t.Errorf("account %q, status %d, %v", pos.Record.Account, pos.Record.Status, err)
	}
}

// Whoever has no account at the end is not proven.
func TestARegistrationWithoutAnAccountIsRefused(t *testing.T) {
	d := newDrafts(t, map[flow.StepName]flow.Step{"password": flowtest.Step{}})
	id := d.keep()
	if _, err := d.Answer(t.Context(), id, "nect", posted("right")); err != nil {
		t.Fatal(err)
	}
	p, err := d.Answer(t.Context(), id, "password", posted("right"))
	if err != nil || p.Record.Status != flow.Failed || p.Record.Held != nil {
		t.Errorf("status %d, %v", p.Record.Status, err)
	}
}

// Nobody chooses a password who was not identified.
func TestNoClosingStepWithoutAProof(t *testing.T) {
	skip := flowtest.Always(flow.Skip())
	d := newDrafts(t, map[flow.StepName]flow.Step{"nect": skip, "letter": skip})
	p := d.answer("front", "enter registration")
	if p.Record.Status != flow.Failed || p.Outcome.Key != flow.KeyNothingProven {
		t.Errorf("%+v", p)
	}
}

func TestWhatADraftMayNotSay(t *testing.T) {
	enters := flow.Enter(flow.Recovery)
	for name, c := range map[string]struct {
		steps map[flow.StepName]flow.Step
		walk  []string // answers to front, then to nect
	}{
		"done":                    {map[flow.StepName]flow.Step{"nect": flowtest.Step{}}, []string{"enter registration", "right"}},
		"park":                    {map[flow.StepName]flow.Step{"nect": flowtest.Always(flow.Park(flow.View{Page: "p"}))}, []string{"enter registration"}},
		"park in front":           {map[flow.StepName]flow.Step{"front": flowtest.Always(flow.Park(flow.View{Page: "p"}))}, []string{""}},
		"keep in front":           {map[flow.StepName]flow.Step{"front": flowtest.Always(flow.Keep())}, []string{""}},
		"keep before an answer":   {map[flow.StepName]flow.Step{"nect": flowtest.Always(flow.Keep())}, []string{"enter registration"}},
		"enter behind":            {map[flow.StepName]flow.Step{"nect": flowtest.Always(enters)}, []string{"enter registration"}},
		"enter what is not":       {nil, []string{"enter enrolment"}},
		"enter the same":          {nil, []string{"enter login"}},
		"nothing":                 {map[flow.StepName]flow.Step{"front": flowtest.Always(flow.Outcome{})}, []string{""}},
		"behind without a number": {map[flow.StepName]flow.Step{"front": flowtest.Always(flow.Enter(flow.Registration))}, []string{""}},
	} {
		d := newDrafts(t, c.steps)
		var err error
		for i, answer := range c.walk {
			step := []flow.StepName{"front", "nect"}[i]
			var p flow.Position
			p, err = d.Draft(d.draft).Answer(t.Context(), "", step, posted(answer))
			if err == nil {
				d.draft = p.Record
			}
		}
		if err == nil || fault.KindOf(err) != fault.Internal || d.store.Len() > 0 {
			t.Errorf("%s: %v, at %+v", name, err, d.draft)
		}
	}
}

func TestWhatAStoredAttemptMayNotSay(t *testing.T) {
	for name, out := range map[string]flow.Outcome{"keep": flow.Keep(), "enter": flow.Enter(flow.Registration)} {
		s := enter(t, map[flow.StepName]flow.Step{"a": flowtest.Always(out)}, flow.Entry{"a"})
		s.Plans[flow.Registration] = flow.Plan{}
		if _, err := s.Answer(t.Context(), s.id, "a", posted("")); err == nil || s.record().Flow != flow.Login {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeepBelievesNoProgressThatProves(t *testing.T) {
	d := newDrafts(t, nil)
	d.answer("front", "enter registration")
	forged := d.draft
	forged.Proofs, forged.Kinds, forged.Account, forged.Session, forged.Status = proofs("nect", "password"), []string{"nect"}, "a1", "s1", flow.Open
	if p, err := d.Draft(forged).Look(t.Context(), ""); err != nil || p.Step != "nect" || len(p.Record.Proofs) > 0 {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err := d.Draft(forged).Look(t.Context(), ""); err != nil || p.Record.Account != "" || p.Record.Session != "" || len(p.Record.Kinds) > 0 {
		t.Errorf("a draft of somebody: %+v, %v", p.Record, err)
	}
	if err := d.Keep(t.Context(), flow.Secret{}, d.draft, nil); !errors.Is(err, flow.ErrNotReady) {
		t.Errorf("kept without a secret: %v", err)
	}
	if err := d.Keep(t.Context(), flow.NewSecret(), forged, nil); !errors.Is(err, flow.ErrNotReady) {
		t.Errorf("kept with proofs: %v", err)
	}
	for name, change := range map[string]func(*flow.Record){
		"in front":         func(r *flow.Record) { r.Skipped = nil },
		"login":            func(r *flow.Record) { r.Flow = flow.Login },
		"without a number": func(r *flow.Record) { r.Number = "" },
		"stored":           func(r *flow.Record) { r.ID = "stored" },
		"failed":           func(r *flow.Record) { r.Status = flow.Failed },
		"no such flow":     func(r *flow.Record) { r.Flow = "enrolment" },
	} {
		r := d.draft
		change(&r)
		if err := d.Keep(t.Context(), flow.NewSecret(), r, nil); !errors.Is(err, flow.ErrNotReady) || d.store.Len() > 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := d.Keep(t.Context(), flow.NewSecret(), d.draft, make([]byte, 64<<10+1)); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("too much: %v", err)
	}
	if _, err := d.Open(t.Context(), d.draft); err == nil {
		t.Error("a registration was opened like a login")
	}
	if _, err := d.Draft(d.draft).Look(t.Context(), "another"); !errors.Is(err, flow.ErrNoAttempt) {
		t.Errorf("another's id: %v", err)
	}
}

// The operator took the flow out of the configuration.
func TestAFlowThatIsGoneIsRefused(t *testing.T) {
	d := newDrafts(t, nil)
	id := d.keep()
	delete(d.Plans, flow.Registration)
	p, err := d.Answer(t.Context(), id, "nect", posted("right"))
	if err != nil || p.Record.Status != flow.Failed || p.Record.Held != nil {
		t.Errorf("status %d, %v", p.Record.Status, err)
	}
}
