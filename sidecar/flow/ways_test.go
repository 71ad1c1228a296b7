package flow_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/flow/flowtest"
)

// threeWays enters a flow of one entry with the ways a, b and c.
func threeWays(t *testing.T) *stage {
	return enter(t, map[flow.StepName]flow.Step{"a": flowtest.Step{}, "b": flowtest.Step{}, "c": flowtest.Step{}}, flow.Entry{"a", "b", "c"})
}

func (s *stage) offers(step flow.StepName, o flow.Offer, err error) {
	c := s.Chambers[step]
	c.Offer = func(context.Context, *flow.Attempt) (flow.Offer, error) { return o, err }
	s.Chambers[step] = c
}

func TestFirstAvailableWayOpens(t *testing.T) {
	s := threeWays(t)
	s.offers("a", flow.Offer{Reason: "down"}, nil)
	p := s.look()
	s.at(p, flow.Open, "b", flow.IsShow)
	if !p.Choice {
		t.Error("no other way is offered")
	}
	s.offers("a", flow.Offer{Available: true}, nil)
	s.at(s.look(), flow.Open, "b", flow.IsShow) // who began stays where they are
}

func TestDenyExhaustsOneWayOnly(t *testing.T) {
	s := threeWays(t)
	p := s.answer("a", "never")
	s.at(p, flow.Open, "b", flow.IsShow)
	if p.Record.DenyKey != "never" || p.Record.DenyStep != "a" {
		t.Errorf("refused with %q of %q", p.Record.DenyKey, p.Record.DenyStep)
	}
	p = s.answer("b", "never")
	s.at(p, flow.Open, "c", flow.IsShow)
	if p.Choice {
		t.Error("a choice though one way is left")
	}
	p = s.answer("c", "never")
	s.at(p, flow.Failed, "", flow.IsDeny)
	if r := s.record(); p.Outcome.Key != "never" || r.DenyStep != "c" || r.Held != nil {
		t.Errorf("key %q of step %q, held %q", p.Outcome.Key, r.DenyStep, r.Held)
	}
}

func TestChoose(t *testing.T) {
	s := threeWays(t)
	choose := func(way flow.StepName) flow.Position {
		t.Helper()
		p, err := s.Choose(t.Context(), s.id, way)
		if err != nil {
			t.Fatalf("Choose: %v", err)
		}
		return p
	}
	s.at(s.look(), flow.Open, "a", flow.IsShow)
	s.at(choose("c"), flow.Open, "c", flow.IsShow)
	s.at(s.answer("a", "right"), flow.Open, "c", flow.IsShow)
	s.offers("b", flow.Offer{Reason: "later"}, nil)
	s.at(choose("b"), flow.Open, "c", flow.IsShow)
	s.at(choose("x"), flow.Open, "c", flow.IsShow)
	s.at(s.answer("c", "never"), flow.Open, "a", flow.IsShow)
	s.at(choose("c"), flow.Open, "a", flow.IsShow)
	s.offers("b", flow.Offer{Available: true}, nil)
	s.at(choose("b"), flow.Open, "b", flow.IsShow)
	s.at(choose("c"), flow.Open, "b", flow.IsShow)
	s.at(choose("a"), flow.Open, "a", flow.IsShow)
	s.at(s.answer("a", "right"), flow.Proven, "", flow.None)
	s.at(choose("b"), flow.Proven, "", flow.None)
}

func TestWays(t *testing.T) {
	s := threeWays(t)
	s.offers("a", flow.Offer{Available: true, Title: "card", Needs: "the card", Takes: "a minute"}, nil)
	s.offers("b", flow.Offer{Title: "hidden"}, nil)
	s.offers("c", flow.Offer{Title: "letter"}, errors.New("down"))
	ways := func() []flow.Way {
		t.Helper()
		w, err := s.Ways(t.Context(), s.id)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	want := []flow.Way{
		{Step: "a", Kind: "kind_a", Offer: flow.Offer{Available: true, Title: "card", Needs: "the card", Takes: "a minute"}},
		{Step: "c", Kind: "kind_c", Offer: flow.Offer{Title: "letter", Reason: flow.KeyWayDown}},
	}
	if diff := cmp.Diff(want, ways()); diff != "" {
		t.Errorf("ways (-want +got):\n%s", diff)
	}
	s.answer("a", "never")
	if diff := cmp.Diff(want[1:], ways()); diff != "" {
		t.Errorf("ways after one is used up (-want +got):\n%s", diff)
	}
	if err := s.Fail(t.Context(), s.id, "x"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]flow.Way(nil), ways(), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("ways of a failed attempt:\n%s", diff)
	}
}

func TestNoWayAvailable(t *testing.T) {
	s := threeWays(t)
	for _, step := range []flow.StepName{"a", "b", "c"} {
		s.offers(step, flow.Offer{Reason: "down"}, nil)
	}
	s.at(s.look(), flow.Open, "", flow.None)
	s.at(s.answer("a", "right"), flow.Open, "", flow.None)
	for _, step := range []flow.StepName{"a", "b", "c"} {
		s.offers(step, flow.Offer{}, nil)
	}
	if _, err := s.Look(t.Context(), s.id); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("Look with every way hidden: %v, want unavailable", err)
	}
	if r := s.record(); r.Status != flow.Open || r.Held == nil {
		t.Errorf("the attempt was lost: %+v", r)
	}
}
