package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
	"github.com/schleuse/schleuse/sidecar/internal/store"
)

func auditEntry(action string, person account.ID) audit.Entry {
	return audit.Entry{
		Time: start, Phase: audit.Intent, Action: action, Step: "egk", Client: "webcenter",
		Ref: "r1", Person: person, Detail: map[string]string{"address": "192.0.2.1"},
	}
}

func tail(t *testing.T, s *store.Store, n int) []store.AuditLine {
	t.Helper()
	got, err := s.Audit().Tail(t.Context(), n)
	must(t, err)
	return got
}

var auditTests = map[string]func(*testing.T, *fixture){
	"entries come back, oldest first": func(t *testing.T, f *fixture) {
		a := f.one(0).Audit()
		want := auditEntry("role.grant", "p")
		must(t, a.Append(t.Context(), audit.Entry{Phase: audit.Fact, Action: "first", Result: "ok"}))
		must(t, a.Append(t.Context(), want))
		got := tail(t, f.one(1), 10)
		if diff := cmp.Diff([]store.AuditLine{
			{Batch: 1, Entry: audit.Entry{Time: start, Phase: audit.Fact, Action: "first", Result: "ok"}},
			{Batch: 2, Entry: want},
		}, got); diff != "" {
			t.Error(diff)
		}
		if got := tail(t, f.one(0), 1); len(got) != 1 || got[0].Entry.Action != "role.grant" {
			t.Errorf("the last one is %+v", got)
		}
		if a.Append(t.Context(), audit.Entry{Action: "no phase"}) == nil {
			t.Error("an entry without phase is taken")
		}
	},
	"an empty chain verifies": func(t *testing.T, f *fixture) {
		got, err := f.one(0).Audit().Verify(t.Context())
		must(t, err)
		if diff := cmp.Diff(store.Verified{}, got); diff != "" {
			t.Error(diff)
		}
	},
	"the chain is one, whoever continues it": func(t *testing.T, f *fixture) {
		const each = 8
		errs := race(racers, func(i int) error {
			for n := range each {
				if err := f.one(i).Audit().Append(t.Context(), auditEntry(fmt.Sprint(i, ".", n), account.ID(fmt.Sprint(i%7)))); err != nil {
					return err
				}
			}
			return nil
		})
		count(t, errs, nil)
		for _, s := range f.replicas {
			got, err := s.Audit().Verify(t.Context())
			must(t, err)
			if got.Lines != racers*each || got.Batches > got.Lines {
				t.Errorf("%+v", got)
			}
		}
		seen := map[string]bool{}
		for _, l := range tail(t, f.one(0), 1000) {
			if l.Erased || l.Entry.Person == "" {
				t.Fatalf("%+v", l)
			}
			seen[l.Entry.Action] = true
		}
		if len(seen) != racers*each {
			t.Errorf("%d different entries, want %d", len(seen), racers*each)
		}
	},
	"forgetting a person erases them and leaves the chain": func(t *testing.T, f *fixture) {
		a := f.one(0).Audit()
		must(t, a.Append(t.Context(), auditEntry("before", "gone")))
		must(t, a.Append(t.Context(), auditEntry("before", "stays")))
		f.rotate(t, keyring.Index)
		must(t, f.one(1).Audit().Forget(t.Context(), "gone"))
		must(t, a.Append(t.Context(), auditEntry("after", "gone")))
		got := tail(t, f.one(1), 10)
		if !got[0].Erased || got[0].Entry.Person != "" || got[0].Entry.Detail != nil || got[0].Entry.Action != "before" {
			t.Errorf("forgotten: %+v", got[0])
		}
		if got[1].Erased || got[1].Entry.Person != "stays" || got[2].Entry.Person != "gone" {
			t.Errorf("others: %+v", got[1:])
		}
		if v, err := a.Verify(t.Context()); err != nil || v.Lines != 3 {
			t.Errorf("%+v, %v", v, err)
		}
		if a.Forget(t.Context(), "") == nil {
			t.Error("nobody is forgotten")
		}
	},
	"a retired key is told in the chain and stops nothing": func(t *testing.T, f *fixture) {
		a := f.one(0).Audit()
		must(t, a.Append(t.Context(), auditEntry("before", "p")))
		f.rotate(t, keyring.Index)
		f.rotate(t, keyring.Seal)
		f.retireOld(t, keyring.Index)
		f.retireOld(t, keyring.Seal)
		_, err := a.Verify(t.Context())
		wantErr(t, err, audit.ErrBroken)
		must(t, a.Append(t.Context(), auditEntry("after", "p")))
		var actions []string
		for _, l := range tail(t, f.one(0), 10) {
			actions = append(actions, l.Entry.Action)
		}
		if diff := cmp.Diff([]string{"before", "audit.head", "after"}, actions); diff != "" {
			t.Error(diff)
		}
		if _, err := a.Verify(t.Context()); err != nil {
			t.Error(err)
		}
	},
	"an entry whose caller gave up is written whole or not at all": func(t *testing.T, f *fixture) {
		ctx, cancel := context.WithCancel(t.Context())
		errs := race(racers, func(i int) error {
			if i%8 == 0 {
				cancel()
			}
			return f.one(i).Audit().Append(ctx, auditEntry(fmt.Sprint(i), "p"))
		})
		written := map[string]bool{}
		for _, l := range tail(t, f.one(0), 1000) {
			written[l.Entry.Action] = true
		}
		for i, err := range errs {
			if err == nil && !written[fmt.Sprint(i)] {
				t.Errorf("entry %d was confirmed and is not there", i)
			}
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("entry %d: %v", i, err)
			}
		}
		must(t, f.one(0).Audit().Append(t.Context(), auditEntry("next", "p")))
		if _, err := f.one(0).Audit().Verify(t.Context()); err != nil {
			t.Error(err)
		}
	},
	"an entry gets the time of its append": func(t *testing.T, f *fixture) {
		f.clock.Add(time.Hour)
		must(t, f.one(0).Audit().Append(t.Context(), audit.Entry{Phase: audit.Fact, Action: "a", Result: "ok"}))
		if got := tail(t, f.one(0), 1); !got[0].Entry.Time.Equal(start.Add(time.Hour)) {
			t.Errorf("%+v", got)
		}
	},
	"pruning removes what is old, and the chain still verifies": func(t *testing.T, f *fixture) {
		a := f.one(0).Audit()
		const old = 450
		for i := range old {
			e := auditEntry(fmt.Sprint(i), account.ID(fmt.Sprint("old-", i)))
			must(t, a.Append(t.Context(), e))
		}
		young := auditEntry("young", "old-0")
		young.Time = start.Add(time.Hour)
		must(t, a.Append(t.Context(), young))
		f.clock.Add(2 * time.Hour)
		before, err := a.Verify(t.Context())
		must(t, err)
		if n, err := a.Prune(t.Context(), start); err != nil || n != 0 {
			t.Fatalf("nothing is old, and %d are removed, %v", n, err)
		}
		n, err := f.one(1).Audit().Prune(t.Context(), start.Add(time.Minute))
		if err != nil || n != old {
			t.Fatalf("%d removed, %v", n, err)
		}
		after, err := a.Verify(t.Context())
		if err != nil || after.Removed != old || after.Batches != 2 || before.Batches != old+1 {
			t.Errorf("before %+v, after %+v, %v", before, after, err)
		}
		lines := tail(t, f.one(0), 10)
		if len(lines) != 2 || lines[0].Entry.Person != "old-0" || lines[1].Entry.Action != "audit.prune" {
			t.Errorf("left: %+v", lines)
		}
		f.rotate(t, keyring.Index)
		must(t, a.Append(t.Context(), young))
		f.retireOld(t, keyring.Index)
		if got, err := a.Verify(t.Context()); err != nil || got.Removed != old {
			t.Errorf("after a rotation: %+v, %v", got, err)
		}
		if n, err := a.Prune(t.Context(), f.clock.Now().Add(time.Hour)); err != nil || n != 2 {
			t.Errorf("all but the last: %d, %v", n, err)
		}
	},
}
