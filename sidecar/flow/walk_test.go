package flow_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"pgregory.net/rapid"

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
