package flow_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/flow/flowtest"
)

// obedient does what the form's "answer" says.
func obedient() flow.Step {
	return flowtest.Step{OnResume: func(ctx context.Context, a *flow.Attempt, in flow.Input) (flow.Outcome, error) {
		switch in.Form.Get("answer") {
		case "skip":
			return flow.Skip(), nil
		case "park":
			return flow.Park(flow.View{Page: "parked"}), nil
		}
		return flowtest.Step{}.Resume(ctx, a, in)
	}}
}

// Whatever people do, in whatever order: nothing leaves without a proof, an
// end is an end, and what is withheld leaves once.
func TestNoWalkLeavesWithoutAProof(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plan, ctx := drawPlan(t), t.Context()
		clock := flowtest.NewClock(time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC))
		steps := map[flow.StepName]flow.Step{}
		for _, n := range plan.Names() {
			steps[n] = obedient()
		}
		store := flowtest.NewAttempts(clock.Now)
		e := &flow.Engine{Plans: map[flow.Name]flow.Plan{flow.Login: plan}, Chambers: flowtest.Chambers(steps), Attempts: store, Now: clock.Now, Log: slog.New(slog.DiscardHandler)}
		secret, err := e.Open(ctx, flow.Record{Attempt: stored(), Held: []byte("held")})
		if err != nil {
			t.Fatal(err)
		}
		taken, last := 0, flow.Open
		step := rapid.SampledFrom(append(plan.Names(), "x"))
		answer := rapid.SampledFrom([]string{"right", "right", "right", "wrong", "never", "skip", "park"})
		for range rapid.IntRange(1, 30).Draw(t, "deeds") {
			var err error
			switch rapid.SampledFrom([]string{"answer", "answer", "answer", "choose", "look", "clear", "take", "fail"}).Draw(t, "deed") {
			case "answer":
				asked := step.Draw(t, "step")
				if p, lookErr := e.Look(ctx, secret.ID()); lookErr == nil && rapid.Bool().Draw(t, "the one asked") {
					asked = p.Step
				}
				_, err = e.Answer(ctx, secret.ID(), asked, posted(answer.Draw(t, "answer")))
			case "choose":
				_, err = e.Choose(ctx, secret.ID(), step.Draw(t, "step"))
			case "look":
				_, err = e.Look(ctx, secret.ID())
			case "clear":
				_ = e.MarkCleared(ctx, secret.ID())
			case "take":
				held, first, takeErr := e.Take(ctx, secret.ID(), nil)
				if first {
					taken++
				}
				if held != nil && (!first || takeErr != nil) {
					t.Fatalf("held %q handed out, first %v, %v", held, first, takeErr)
				}
			case "fail":
				if rapid.IntRange(0, 9).Draw(t, "really") == 0 {
					err = e.Fail(ctx, secret.ID(), "void")
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			r, err := store.Get(ctx, secret.ID())
			if err != nil {
				t.Fatal(err)
			}
			holds(t, plan, r, last, taken)
			last = r.Status
		}
	})
}

func holds(t *rapid.T, plan flow.Plan, r flow.Record, last flow.Status, taken int) {
	real, all := false, true
	for _, entry := range plan.Back {
		byProof, ok := passed(entry, r)
		real, all = real || byProof, all && ok
	}
	switch {
	case r.Status < last, last.Terminal() && r.Status != last:
		t.Fatalf("status %d after %d", r.Status, last)
	case r.Status >= flow.Proven && r.Status <= flow.Released && (!real || !all):
		t.Fatalf("status %d with %v proven, %v skipped", r.Status, r.Proofs, r.Skipped)
	case taken > 1 || (taken == 1) != (r.Status == flow.Released):
		t.Fatalf("taken %d times at status %d", taken, r.Status)
	case (r.Status == flow.Failed || r.Status == flow.Parked) && r.Held != nil:
		t.Fatal("a failed attempt holds something")
	}
}

// wayward does in a draft and in a stored attempt what the form's "answer"
// says, allowed or not.
func wayward() flow.Step {
	return flowtest.Step{OnResume: func(ctx context.Context, a *flow.Attempt, in flow.Input) (flow.Outcome, error) {
		a.Account, a.Session, a.Kinds = "thief", "thief", []string{"thief"}
		if in.Form.Get("answer") != "wrong" {
			a.Number = anna
		}
		switch in.Form.Get("answer") {
		case "keep":
			return flow.Keep(), nil
		case "enter":
			return flow.Enter(flow.Registration), nil
		case "right":
			return flow.Done(flow.Proof{Account: account.ID("by " + a.Step)}), nil
		}
		return obedient().Resume(ctx, a, in)
	}}
}

// Whatever people bring, in whatever order, older drafts and a store that
// fails at any moment included: a draft proves nothing and stores nothing but
// by Keep, nobody is proven without an identification, and whose account it is
// says the closing step alone.
func TestNoWalkOfDraftsProvesAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ctx := t.Context()
		clock := flowtest.NewClock(time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC))
		store := flowtest.NewAttempts(clock.Now)
		later := flow.Plan{Front: names{"front"}, Back: []flow.Entry{{"nect", "letter"}, {"terms"}}, After: names{"password", "review"}}
		e := &flow.Engine{
			Plans: map[flow.Name]flow.Plan{
				flow.Login:        {Keycloak: true, Front: names{"front"}, Back: []flow.Entry{{"egk"}}},
				flow.Registration: later,
			},
			Attempts: store, Now: clock.Now, Log: slog.New(slog.DiscardHandler),
		}
		steps := map[flow.StepName]flow.Step{}
		for _, n := range append(later.Names(), "egk") {
			steps[n] = wayward()
		}
		e.Chambers = flowtest.Chambers(steps)
		drafts := []flow.Record{{Attempt: flow.Attempt{Flow: flow.Login}}}
		var ids []flow.AttemptID
		answer := rapid.SampledFrom([]string{"right", "right", "keep", "keep", "enter", "enter", "wrong", "never", "skip", "park"})
		for range rapid.IntRange(1, 40).Draw(t, "deeds") {
			if rapid.IntRange(0, 9).Draw(t, "the store fails") == 0 {
				store.Break(errors.New("down"))
			}
			stored := len(ids) > 0 && rapid.Bool().Draw(t, "stored")
			in := posted(answer.Draw(t, "answer"))
			if stored {
				id := rapid.SampledFrom(ids).Draw(t, "id")
				if p, err := e.Look(ctx, id); err == nil {
					_, _ = e.Answer(ctx, id, p.Step, in)
				}
				store.Break(nil)
				identified(t, store, later, id)
				continue
			}
			draft := rapid.SampledFrom(drafts).Draw(t, "draft")
			p, err := e.Draft(draft).Look(ctx, "")
			if err == nil {
				p, err = e.Draft(p.Record).Answer(ctx, "", p.Step, in)
			}
			if err == nil && p.Outcome.Kind == flow.IsKeep {
				secret := flow.NewSecret()
				if err := e.Keep(ctx, secret, p.Record, nil); err == nil {
					ids = append(ids, secret.ID())
				}
			}
			store.Break(nil)
			if err == nil {
				drafts = append(drafts, p.Record)
				if r := p.Record; len(r.Proofs)+len(r.Kinds) > 0 || r.Account != "" || r.Session != "" || r.Status != flow.Open && r.Status != flow.Failed {
					t.Fatalf("a draft has come to %+v", r)
				}
			}
			if store.Len() != len(ids) {
				t.Fatalf("%d stored, %d kept", store.Len(), len(ids))
			}
		}
	})
}

func identified(t *rapid.T, store *flowtest.Attempts, plan flow.Plan, id flow.AttemptID) {
	r, err := store.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	real := false
	for _, entry := range plan.Back {
		byProof, ok := passed(entry, r)
		real = real || byProof
		if !ok && (r.Status == flow.Proven || r.Account != "" || r.Proofs["password"].Kind != "") {
			t.Fatalf("with %v open: %+v", entry, r)
		}
	}
	switch {
	case r.Account != "" && (r.Account != "by password" && r.Account != "by review" || !real):
		t.Fatalf("the account is %q, of %+v", r.Account, r)
	case r.Status == flow.Proven && (r.Account == "" || !real), r.Status == flow.Cleared, r.Status == flow.Released:
		t.Fatalf("proven: %+v", r)
	case r.Number != anna || r.Session != "":
		t.Fatalf("%+v", r)
	}
}
