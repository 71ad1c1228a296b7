package storetest

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
)

var (
	daily  = extension.Limit{Name: "egk.wrong", Subject: "person", Max: 3, Window: 24 * time.Hour}
	onCard = extension.Limit{Name: "egk.card", Subject: "card", Max: 5}
)

func take(t *testing.T, c extension.Counters, limits ...extension.Limit) extension.Taken {
	t.Helper()
	got, err := c.Take(t.Context(), limits...)
	must(t, err)
	return got
}

func look(t *testing.T, c extension.Counters, limits ...extension.Limit) extension.Taken {
	t.Helper()
	got, err := c.Look(t.Context(), limits...)
	must(t, err)
	return got
}

func wantTaken(t *testing.T, got, want extension.Taken) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
}

var counterTests = map[string]func(*testing.T, *fixture){
	"tries are counted until none is left, and forgotten after the window": func(t *testing.T, f *fixture) {
		c := f.one(0).Counters("egk")
		wantTaken(t, look(t, c, daily), extension.Taken{OK: true, Left: 3, Limit: "egk.wrong"})
		for left := 2; left >= 0; left-- {
			f.clock.Add(time.Minute)
			wantTaken(t, take(t, c, daily), extension.Taken{
				OK: true, Left: left, Limit: "egk.wrong", Until: f.clock.Now().Add(24 * time.Hour),
			})
		}
		until := f.clock.Now().Add(24 * time.Hour)
		f.clock.Add(time.Hour)
		wantTaken(t, take(t, f.one(1).Counters("egk"), daily), extension.Taken{Limit: "egk.wrong", Until: until})
		wantTaken(t, look(t, c, daily), extension.Taken{Limit: "egk.wrong", Until: until})
		f.clock.Add(23 * time.Hour)
		if got := take(t, c, daily); !got.OK || got.Left != 2 {
			t.Errorf("after the window: %+v", got)
		}
	},
	"a limit for life is never free by itself": func(t *testing.T, f *fixture) {
		c := f.one(0).Counters("egk")
		for range 5 {
			take(t, c, onCard)
		}
		f.clock.Add(20 * 365 * 24 * time.Hour)
		_, err := f.one(0).Sweep(t.Context())
		must(t, err)
		wantTaken(t, take(t, c, onCard), extension.Taken{Limit: "egk.card"})
	},
	"all limits are counted, or none": func(t *testing.T, f *fixture) {
		c := f.one(0).Counters("egk")
		for range 3 {
			if got := take(t, c, daily, onCard); !got.OK || got.Limit != "egk.wrong" {
				t.Fatalf("%+v", got)
			}
		}
		if got := take(t, c, onCard, daily); got.OK || got.Limit != "egk.wrong" || got.Left != 0 {
			t.Fatalf("%+v", got)
		}
		if got := look(t, c, onCard); got.Left != 2 {
			t.Errorf("a refused try was counted: %+v", got)
		}
		take(t, c, onCard)
		take(t, c, onCard)
		wantTaken(t, take(t, c, daily, onCard), extension.Taken{Limit: "egk.card"})
	},
	"refund and clear give back": func(t *testing.T, f *fixture) {
		c := f.one(0).Counters("egk")
		take(t, c, daily, onCard)
		take(t, c, daily, onCard)
		must(t, c.Refund(t.Context(), daily, onCard))
		if d, o := look(t, c, daily), look(t, c, onCard); d.Left != 2 || o.Left != 4 {
			t.Errorf("after refund: %+v, %+v", d, o)
		}
		must(t, c.Clear(t.Context(), daily))
		if d, o := look(t, c, daily), look(t, c, onCard); d.Left != 3 || o.Left != 4 {
			t.Errorf("after clear: %+v, %+v", d, o)
		}
		must(t, c.Refund(t.Context(), daily))
		must(t, c.Refund(t.Context(), daily))
		if d := look(t, c, daily); d.Left != 3 {
			t.Errorf("refunds of nothing leave %d of 3", d.Left)
		}
		must(t, c.Clear(t.Context(), onCard))
		must(t, c.Refund(t.Context(), onCard))
		if o := look(t, c, onCard); o.Left != 5 {
			t.Errorf("a refund of nothing leaves %d of 5", o.Left)
		}
	},
	"subjects, names and extensions are apart": func(t *testing.T, f *fixture) {
		for range 3 {
			take(t, f.one(0).Counters("egk"), daily)
		}
		other, name := daily, daily
		other.Subject, name.Name = "other", "other"
		if !take(t, f.one(0).Counters("egk"), other).OK || !take(t, f.one(0).Counters("egk"), name).OK ||
			!take(t, f.one(0).Counters("nect"), daily).OK {
			t.Error("one's tries are another's")
		}
	},
	"the last try is taken once": func(t *testing.T, f *fixture) {
		take(t, f.one(0).Counters("egk"), daily, onCard)
		take(t, f.one(0).Counters("egk"), daily, onCard)
		var taken atomic.Int32
		errs := race(racers, func(i int) error {
			limits := []extension.Limit{daily, onCard}
			if i%2 == 0 {
				limits = []extension.Limit{onCard, daily}
			}
			got, err := f.one(i).Counters("egk").Take(t.Context(), limits...)
			if got.OK {
				taken.Add(1)
			}
			return err
		})
		count(t, errs, nil)
		if n := taken.Load(); n != 1 {
			t.Errorf("%d took the last try", n)
		}
		if got := look(t, f.one(0).Counters("egk"), onCard); got.Left != 2 {
			t.Errorf("%+v", got)
		}
	},
	"rotations reset no counter": func(t *testing.T, f *fixture) {
		c := f.one(0).Counters("egk")
		take(t, c, onCard)
		f.rotate(t, keyring.Index)
		if got := look(t, c, onCard); got.Left != 4 {
			t.Fatalf("after one rotation: %+v", got)
		}
		if got := take(t, c, onCard); got.Left != 3 {
			t.Fatalf("counted across a rotation: %+v", got)
		}
		f.rotate(t, keyring.Index)
		must(t, c.Refund(t.Context(), onCard))
		if got := take(t, c, onCard); got.Left != 3 {
			t.Fatalf("refunded and counted across two rotations: %+v", got)
		}
		f.retireOld(t, keyring.Index)
		if got := look(t, c, onCard); got.Left != 3 {
			t.Errorf("after retiring the old keys: %+v", got)
		}
		f.rotate(t, keyring.Index)
		must(t, c.Clear(t.Context(), onCard))
		if got := look(t, c, onCard); got.Left != 5 {
			t.Errorf("after clearing: %+v", got)
		}
	},
	"the last try is taken once while replicas rotate": func(t *testing.T, f *fixture) {
		c := f.one(0).Counters("egk")
		for range 4 {
			take(t, c, onCard)
		}
		f.rotate(t, keyring.Index)
		var taken atomic.Int32
		errs := race(racers, func(i int) error {
			got, err := f.one(i).Counters("egk").Take(t.Context(), onCard)
			if got.OK {
				taken.Add(1)
			}
			return err
		})
		count(t, errs, nil)
		if n := taken.Load(); n != 1 {
			t.Errorf("%d took the last try", n)
		}
	},
	"incomplete limits are refused": func(t *testing.T, f *fixture) {
		c := f.one(0).Counters("egk")
		for name, limits := range map[string][]extension.Limit{
			"none":       {},
			"no name":    {{Subject: "s", Max: 1}},
			"no subject": {{Name: "n", Max: 1}},
			"no max":     {{Name: "n", Subject: "s"}},
			"backwards":  {{Name: "n", Subject: "s", Max: 1, Window: -1}},
			"twice":      {daily, daily},
			"too many":   make([]extension.Limit, 17),
		} {
			if got, err := c.Take(t.Context(), limits...); err == nil || got.OK {
				t.Errorf("%s: %+v", name, got)
			}
			if got, err := c.Look(t.Context(), limits...); err == nil || got.OK {
				t.Errorf("%s: %+v", name, got)
			}
		}
	},
}
