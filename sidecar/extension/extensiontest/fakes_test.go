package extensiontest_test

import (
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/extension/extensiontest"
)

func TestCounters(t *testing.T) {
	s := extensiontest.NewStage("x")
	c, ctx := s.Counters, t.Context()
	day := extension.Limit{Name: "day", Subject: "anna", Max: 3, Window: 24 * time.Hour}
	life := extension.Limit{Name: "life", Subject: "card", Max: 5}
	take := func(want extension.Taken) {
		t.Helper()
		got, err := c.Take(ctx, day, life)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("Take (-want +got): %v\n%s", err, diff)
		}
	}
	until := s.Clock.Now().Add(24 * time.Hour)
	take(extension.Taken{OK: true, Left: 2, Limit: "day", Until: until})
	take(extension.Taken{OK: true, Left: 1, Limit: "day", Until: until})
	take(extension.Taken{OK: true, Left: 0, Limit: "day", Until: until})
	take(extension.Taken{Limit: "day", Until: until})
	if n := c.Tries("life"); n != 3 {
		t.Errorf("a refused try was counted: %d", n)
	}
	s.Clock.Pass(24 * time.Hour)
	take(extension.Taken{OK: true, Left: 1, Limit: "life"})
	take(extension.Taken{OK: true, Left: 0, Limit: "life"})
	take(extension.Taken{Limit: "life"})
	if err := c.Refund(ctx, day, life); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Look(ctx, day, life); err != nil || !got.OK || got.Left != 1 {
		t.Errorf("Look after a refund: %+v, %v", got, err)
	}
	if err := c.Clear(ctx, life); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Look(ctx, life); err != nil || got.Left != 5 {
		t.Errorf("Look after Clear: %+v, %v", got, err)
	}
	if _, err := c.Take(ctx, extension.Limit{Name: "x", Max: 1}); err == nil {
		t.Error("a limit without a subject was taken")
	}
	down := errors.New("down")
	c.Break(down)
	if got, err := c.Take(ctx, life); !errors.Is(err, down) || got.OK {
		t.Errorf("broken: %+v, %v", got, err)
	}
}

func TestCountersAreNotRaceable(t *testing.T) {
	c := extensiontest.NewStage("x").Counters
	var ok atomic.Int32
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			if got, _ := c.Take(t.Context(), extension.Limit{Name: "n", Subject: "s", Max: 3}); got.OK {
				ok.Add(1)
			}
		})
	}
	wg.Wait()
	if ok.Load() != 3 {
		t.Errorf("%d tries taken, want 3", ok.Load())
	}
}

func TestRecords(t *testing.T) {
	s := extensiontest.NewStage("x")
	r, ctx := s.Records, t.Context()
	put := func(version int64, data string, want error) {
		t.Helper()
		var raw json.RawMessage
		if data != "" {
			raw = json.RawMessage(data)
		}
		if err := r.Put(ctx, "anna", version, raw, time.Hour); !errors.Is(err, want) {
			t.Errorf("Put: %v, want %v", err, want)
		}
	}
	put(0, `1`, nil)
	put(0, `2`, extension.ErrStale)
	data, version, err := r.Get(ctx, "anna")
	if string(data) != "1" || version == 0 || err != nil {
		t.Errorf("Get = %s, %d, %v", data, version, err)
	}
	put(version, `3`, nil)
	put(version, `4`, extension.ErrStale)
	s.Clock.Pass(time.Hour)
	if data, version, err = r.Get(ctx, "anna"); data != nil || version != 0 || err != nil {
		t.Errorf("Get of an old one = %s, %d, %v", data, version, err)
	}
	put(0, `5`, nil)
	_, version, _ = r.Get(ctx, "anna")
	put(version, "", nil)
	if r.Len() != 0 {
		t.Error("a deleted record lives")
	}
	if err := r.Put(ctx, "", 0, json.RawMessage(`1`), time.Hour); err == nil {
		t.Error("a record of nobody")
	}
}
