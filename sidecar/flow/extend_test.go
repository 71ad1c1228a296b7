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

// A page that looks by itself, such as one that waits for a service, is enough.
func TestWhatIsSeenLivesOn(t *testing.T) {
	d := newDrafts(t, nil)
	id := d.keep()
	for range 34 {
		d.clock.Pass(40 * time.Minute)
		if p, err := d.Look(t.Context(), id); err != nil || p.Record.Expires.Sub(d.clock.Now()) < 20*time.Minute {
			t.Fatalf("until %v, %v", p.Record.Expires, err)
		}
	}
	before := d.clock.Now()
	p, err := d.Look(t.Context(), id)
	if err != nil || d.Extensible(p.Record) != p.Record.Expires.Before(p.Record.Created.Add(flow.LongLifetime)) {
		t.Errorf("%+v, %v", p.Record, err)
	}
	d.clock.Pass(p.Record.Created.Add(flow.LongLifetime).Sub(before))
	if _, err := d.Look(t.Context(), id); !errors.Is(err, flow.ErrNoAttempt) {
		t.Errorf("after a day: %v", err)
	}
}

func TestWhatIsNotSeenEndsSoon(t *testing.T) {
	d := newDrafts(t, nil)
	id := d.keep()
	d.clock.Pass(flow.UnprovenLifetime)
	if _, err := d.Look(t.Context(), id); !errors.Is(err, flow.ErrNoAttempt) {
		t.Errorf("%v", err)
	}
}

func TestOnlyWhatIsOpenIsExtended(t *testing.T) {
	e := &flow.Engine{}
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for name, r := range map[string]flow.Record{
		"failed":  {Status: flow.Failed, Attempt: flow.Attempt{Flow: flow.Login}},
		"cleared": {Status: flow.Cleared, Attempt: flow.Attempt{Flow: flow.Login}},
		"done":    {Status: flow.Proven, Attempt: flow.Attempt{Flow: flow.Registration}},
	} {
		r.Created, r.Expires = at, at.Add(time.Minute)
		if e.Extensible(r) {
			t.Errorf("%s is extensible", name)
		}
	}
}
