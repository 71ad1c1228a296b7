package flow_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/flow/flowtest"
)

func front(t *testing.T, number flow.Step) *stage {
	s := enter(t, map[flow.StepName]flow.Step{"front": number, "second": flowtest.Step{}, "a": flowtest.Step{}}, flow.Entry{"a"})
	s.Plan.Front = names{"front", "second"}
	return s
}

func TestFrontCarriesTheNumber(t *testing.T) {
	s := front(t, flowtest.Step{OnResume: func(ctx context.Context, a *flow.Attempt, in flow.Input) (flow.Outcome, error) {
		a.Number, a.State, a.Account, a.Session = "A123456780", json.RawMessage(`1`), "thief", "thief"
		return flowtest.Step{}.Resume(ctx, a, in)
	}})
	stored := s.store.Len()
	a := &flow.Attempt{Flow: flow.Login}
	step := func(in *flow.Input, want flow.StepName, kind flow.OutcomeKind, at int) {
		t.Helper()
		p, err := s.Front(t.Context(), a, in)
		if err != nil {
			t.Fatal(err)
		}
		if p.Step != want || a.Step != want || p.Outcome.Kind != kind || p.At != at || p.Of != 4 {
			t.Fatalf("at %q (%q), outcome %d, %d of %d; want %q, %d, %d of 4", p.Step, a.Step, p.Outcome.Kind, p.At, p.Of, want, kind, at)
		}
	}
	wrong, right := posted("wrong"), posted("right")
	step(nil, "front", flow.IsShow, 1)
	step(&wrong, "front", flow.IsShow, 1)
	if string(a.State) != "1" {
		t.Errorf("state %q", a.State)
	}
	step(&right, "second", flow.IsShow, 2)
	step(&right, "", flow.IsDone, 0)
	if a.Number != "A123456780" || a.State != nil || a.Account != "" || a.Session != "" {
		t.Errorf("%+v", a)
	}
	if s.store.Len() != stored {
		t.Error("the front stored something")
	}
}

func TestFrontRefusesWhatNeedsAStore(t *testing.T) {
	for name, out := range map[string]flow.Outcome{"park": flow.Park(flow.View{Page: "p"}), "zero": {}} {
		s := front(t, flowtest.Always(out))
		if _, err := s.Front(t.Context(), &flow.Attempt{}, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	s := front(t, flowtest.Always(flow.Deny("no")))
	p, err := s.Front(t.Context(), &flow.Attempt{}, nil)
	if err != nil || p.Outcome.Kind != flow.IsDeny {
		t.Errorf("deny: %+v, %v", p.Outcome, err)
	}
	if _, err := s.Front(t.Context(), &flow.Attempt{Step: "a"}, nil); err == nil {
		t.Error("a step of the back was asked without an attempt")
	}
	if _, err := s.Front(t.Context(), &flow.Attempt{}, &flow.Input{}); err == nil {
		t.Error("input without a kind was taken")
	}
}
