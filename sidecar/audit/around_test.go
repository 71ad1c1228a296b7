package audit_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/audit/audittest"
)

func TestAround(t *testing.T) {
	failed := errors.New("not this time")
	for name, tt := range map[string]struct {
		do   func(*audit.Entry) error
		want string
		err  error
	}{
		"done":    {func(*audit.Entry) error { return nil }, "ok", nil},
		"failed":  {func(*audit.Entry) error { return failed }, "failed", failed},
		"refused": {func(e *audit.Entry) error { e.Result = "refused"; return failed }, "refused", failed},
	} {
		t.Run(name, func(t *testing.T) {
			log := &audittest.Log{}
			err := audit.Around(t.Context(), log, audit.Entry{Action: "account.create", Step: "password"}, func(outcome *audit.Entry) error {
				if got := log.Actions(); len(got) != 1 {
					t.Errorf("done after %d entries, want the intent", len(got))
				}
				outcome.Person = "id-1"
				return tt.do(outcome)
			})
			if !errors.Is(err, tt.err) {
				t.Errorf("%v, want %v", err, tt.err)
			}
			want := []audit.Entry{
				{Phase: audit.Intent, Action: "account.create", Step: "password"},
				{Phase: audit.Outcome, Action: "account.create", Step: "password", Result: tt.want, Person: "id-1"},
			}
			got := log.Entries()
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(audit.Entry{}, "Time", "Ref")); diff != "" {
				t.Fatal(diff)
			}
			if got[0].Ref != got[1].Ref || len(got[0].Ref) != 16 {
				t.Errorf("tied by %q and %q", got[0].Ref, got[1].Ref)
			}
		})
	}
}

func TestNothingIsDoneWithoutAnIntent(t *testing.T) {
	log := &audittest.Log{}
	full := errors.New("the disk is full")
	log.FailWith(full)
	done := false
	err := audit.Around(t.Context(), log, audit.Entry{Action: "a"}, func(*audit.Entry) error { done = true; return nil })
	if done || !errors.Is(err, full) {
		t.Errorf("done %t, %v", done, err)
	}
}

func TestWhatCannotBeWrittenIsSaid(t *testing.T) {
	log, full, failed := &audittest.Log{}, errors.New("the disk is full"), errors.New("not this time")
	for _, happened := range []error{nil, failed} {
		log.FailWith(nil)
		err := audit.Around(context.Background(), log, audit.Entry{Action: "a"}, func(*audit.Entry) error {
			log.FailWith(full)
			return happened
		})
		if want := map[bool]error{true: full, false: failed}[happened == nil]; !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
}
