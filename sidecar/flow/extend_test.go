package flow_test

import (
	"errors"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/flow/flowtest"
)

// WCAG 2.2 (2.2.1) asks for ten extensions at least.
func TestALoginIsExtendedElevenTimes(t *testing.T) {
	s := enter(t, map[flow.StepName]flow.Step{"front": flowtest.Step{}, "egk": flowtest.Step{}}, flow.Entry{"egk"})
	begun := s.look().Record.Created
	for range 11 {
		s.clock.Pass(flow.DefaultLifetime - time.Second)
		if rec := s.look().Record; !s.Extensible(rec) {
			t.Fatalf("no extension after %v", s.clock.Now().Sub(begun))
		}
		if err := s.Extend(t.Context(), s.id); err != nil {
			t.Fatal(err)
		}
	}
	rec := s.look().Record
	if want := begun.Add(12 * flow.DefaultLifetime); rec.Expires.After(want) || rec.Expires.Before(want.Add(-time.Minute)) {
		t.Errorf("it lasts until %v, want %v, or a little less", rec.Expires, want)
	}
	for range 2 { // the last of them changes nothing
		if err := s.Extend(t.Context(), s.id); err != nil {
			t.Fatal(err)
		}
	}
	s.clock.Pass(begun.Add(12 * flow.DefaultLifetime).Sub(s.clock.Now()))
	if err := s.Extend(t.Context(), s.id); !errors.Is(err, flow.ErrNoAttempt) {
		t.Errorf("after twelve lifetimes: %v", err)
	}
}

func TestOnlyAnOpenLoginIsExtended(t *testing.T) {
	e := &flow.Engine{}
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for name, r := range map[string]flow.Record{
		"failed":       {Status: flow.Failed, Attempt: flow.Attempt{Flow: flow.Login}},
		"cleared":      {Status: flow.Cleared, Attempt: flow.Attempt{Flow: flow.Login}},
		"registration": {Status: flow.Open, Attempt: flow.Attempt{Flow: flow.Registration}},
	} {
		r.Created, r.Expires = at, at.Add(time.Minute)
		if e.Extensible(r) {
			t.Errorf("%s is extensible", name)
		}
	}
}
