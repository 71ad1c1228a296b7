package storetest

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
)

// attempt is one of an account of its own.
func attempt(address string) flow.Record {
	return flow.Record{
		Attempt: flow.Attempt{
			ID: flow.NewSecret().ID(), Flow: flow.Login, Client: "webcenter", Number: "A123456780",
			Account: account.ID(rand.Text()), Session: "sid-1", Address: netip.MustParsePrefix(address),
			Language: "de", Step: "egk", Kinds: []string{"kvnr"}, State: json.RawMessage(`{"n":1}`),
		},
		Status: flow.Open, Proofs: map[flow.StepName]flow.Proof{"kvnr": {Kind: "kvnr", At: start, Note: "typed"}},
		Skipped: []flow.StepName{"a"}, Denied: []flow.StepName{"b"}, DenyKey: "k", DenyStep: "b",
		Held: []byte("HTTP/1.1 302\x00\xff"), Created: start, Expires: start.Add(45 * time.Minute),
	}
}

var attemptTests = map[string]func(*testing.T, *fixture){
	"a record comes back as it was stored": func(t *testing.T, f *fixture) {
		want := attempt("192.0.2.1/32")
		must(t, f.one(0).Attempts(50).Create(t.Context(), want))
		got, err := f.one(1).Attempts(50).Get(t.Context(), want.ID)
		must(t, err)
		if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
			t.Error(diff)
		}
	},
	"an unknown or expired record is none": func(t *testing.T, f *fixture) {
		a := f.one(0).Attempts(50)
		r := attempt("192.0.2.1/32")
		_, err := a.Get(t.Context(), r.ID)
		wantErr(t, err, flow.ErrNoAttempt)
		_, err = a.Update(t.Context(), r.ID, func(*flow.Record) error { return nil })
		wantErr(t, err, flow.ErrNoAttempt)
		must(t, a.Create(t.Context(), r))
		f.clock.Add(45 * time.Minute)
		_, err = a.Get(t.Context(), r.ID)
		wantErr(t, err, flow.ErrNoAttempt)
		_, err = a.Update(t.Context(), r.ID, func(*flow.Record) error { return nil })
		wantErr(t, err, flow.ErrNoAttempt)
	},
	"one id is created once": func(t *testing.T, f *fixture) {
		r := attempt("192.0.2.1/32")
		must(t, f.one(0).Attempts(50).Create(t.Context(), r))
		if err := f.one(1).Attempts(50).Create(t.Context(), r); err == nil {
			t.Error("created twice")
		}
	},
	"an update is stored, a failed one is not": func(t *testing.T, f *fixture) {
		a := f.one(0).Attempts(50)
		r := attempt("192.0.2.1/32")
		must(t, a.Create(t.Context(), r))
		got, err := a.Update(t.Context(), r.ID, func(r *flow.Record) error {
			r.Status, r.Session, r.Held = flow.Proven, "sid-2", []byte("other")
			return nil
		})
		must(t, err)
		read, err := f.one(1).Attempts(50).Get(t.Context(), r.ID)
		must(t, err)
		if diff := cmp.Diff(got, read, cmpopts.EquateComparable(netip.Prefix{})); diff != "" || string(read.Held) != "other" {
			t.Error(diff, string(read.Held))
		}
		mine := errors.New("mine")
		_, err = a.Update(t.Context(), r.ID, func(r *flow.Record) error {
			r.Held[0], r.Status = 'X', flow.Cleared
			return mine
		})
		if err != mine { //nolint:errorlint // it must come back as it is
			t.Fatalf("err = %v, want fn's own", err)
		}
		read, err = a.Get(t.Context(), r.ID)
		must(t, err)
		if read.Status != flow.Proven || string(read.Held) != "other" {
			t.Errorf("a failed update left status %d, held %q", read.Status, read.Held)
		}
		_, err = a.Update(t.Context(), r.ID, func(r *flow.Record) error { r.Held = nil; return nil })
		must(t, err)
		if read, err = a.Get(t.Context(), r.ID); err != nil || read.Held != nil {
			t.Errorf("dropped, and there is %q, %v", read.Held, err)
		}
	},
	"the status only grows": func(t *testing.T, f *fixture) {
		a := f.one(0).Attempts(50)
		r := attempt("192.0.2.1/32")
		must(t, a.Create(t.Context(), r))
		to := func(s flow.Status) error {
			_, err := a.Update(t.Context(), r.ID, func(r *flow.Record) error { r.Status = s; return nil })
			return err
		}
		must(t, to(flow.Cleared))
		if to(flow.Open) == nil || to(0) == nil {
			t.Error("it shrinks")
		}
		must(t, to(flow.Released))
		if to(flow.Failed) == nil {
			t.Error("a released attempt fails")
		}
	},
	"what is too large is refused": func(t *testing.T, f *fixture) {
		a := f.one(0).Attempts(50)
		r := attempt("192.0.2.1/32")
		r.Held = make([]byte, 64<<10)
		must(t, a.Create(t.Context(), r))
		_, err := a.Update(t.Context(), r.ID, func(r *flow.Record) error { r.Held = make([]byte, 64<<10+1); return nil })
		wantKind(t, err, fault.TooLarge)
		_, err = a.Update(t.Context(), r.ID, func(r *flow.Record) error {
			r.State = json.RawMessage(`"` + strings.Repeat("x", 4<<10) + `"`)
			return nil
		})
		wantKind(t, err, fault.TooLarge)
	},
	"one address has as many open attempts as it may, raced": func(t *testing.T, f *fixture) {
		errs := race(racers, func(i int) error {
			return f.one(i).Attempts(50).Create(t.Context(), attempt("192.0.2.7/32"))
		})
		created, refused := count(t, errs, flow.ErrTooManyAttempts)
		if created != 50 || refused != racers-50 {
			t.Errorf("%d created, %d refused", created, refused)
		}
		must(t, f.one(0).Attempts(50).Create(t.Context(), attempt("192.0.2.8/32")))
		f.clock.Add(45 * time.Minute)
		r := attempt("192.0.2.7/32")
		r.Expires = f.clock.Now().Add(time.Hour)
		must(t, f.one(0).Attempts(50).Create(t.Context(), r))
	},
	"a terminal attempt makes room, also after a rotation": func(t *testing.T, f *fixture) {
		a := f.one(0).Attempts(50)
		var last flow.AttemptID
		for range 50 {
			r := attempt("2001:db8::/64")
			last = r.ID
			must(t, a.Create(t.Context(), r))
		}
		f.rotate(t, keyring.Index)
		wantErr(t, a.Create(t.Context(), attempt("2001:db8::/64")), flow.ErrTooManyAttempts)
		_, err := a.Update(t.Context(), last, func(r *flow.Record) error { r.Status = flow.Failed; return nil })
		must(t, err)
		must(t, a.Create(t.Context(), attempt("2001:db8::/64")))
		wantErr(t, a.Create(t.Context(), attempt("2001:db8::/64")), flow.ErrTooManyAttempts)
	},
	"updates of one record do not overlap": func(t *testing.T, f *fixture) {
		r := attempt("192.0.2.1/32")
		r.State = json.RawMessage("0")
		must(t, f.one(0).Attempts(50).Create(t.Context(), r))
		errs := race(racers, func(i int) error {
			_, err := f.one(i).Attempts(50).Update(t.Context(), r.ID, func(r *flow.Record) error {
				var n int
				if err := json.Unmarshal(r.State, &n); err != nil {
					return err
				}
				r.State = json.RawMessage(fmt.Sprint(n + 1))
				return nil
			})
			return err
		})
		count(t, errs, nil)
		got, err := f.one(1).Attempts(50).Get(t.Context(), r.ID)
		must(t, err)
		if string(got.State) != fmt.Sprint(racers) {
			t.Errorf("%d updates counted %s", racers, got.State)
		}
	},
	"one of many releases": func(t *testing.T, f *fixture) {
		r := attempt("192.0.2.1/32")
		r.Status = flow.Cleared
		must(t, f.one(0).Attempts(50).Create(t.Context(), r))
		late := errors.New("late")
		errs := race(racers, func(i int) error {
			_, err := f.one(i).Attempts(50).Update(t.Context(), r.ID, func(r *flow.Record) error {
				if r.Status != flow.Cleared {
					return late
				}
				r.Status, r.Held = flow.Released, nil
				return nil
			})
			return err
		})
		if first, _ := count(t, errs, late); first != 1 {
			t.Errorf("%d released", first)
		}
	},
	"failing a session fails what is not terminal": func(t *testing.T, f *fixture) {
		a := f.one(0).Attempts(50)
		mine, released, other, none := attempt("192.0.2.1/32"), attempt("192.0.2.1/32"), attempt("192.0.2.1/32"), attempt("192.0.2.1/32")
		released.Status, other.Session, none.Session = flow.Released, "sid-2", ""
		for _, r := range []flow.Record{mine, released, other, none} {
			must(t, a.Create(t.Context(), r))
		}
		f.rotate(t, keyring.Index)
		must(t, f.one(1).Attempts(50).FailSession(t.Context(), "sid-1", "ended"))
		for name, want := range map[flow.AttemptID]flow.Status{
			mine.ID: flow.Failed, released.ID: flow.Released, other.ID: flow.Open, none.ID: flow.Open,
		} {
			got, err := a.Get(t.Context(), name)
			must(t, err)
			if got.Status != want {
				t.Errorf("status %d, want %d", got.Status, want)
			}
			if want == flow.Failed && (got.DenyKey != "ended" || got.DenyStep != "" || got.Held != nil) {
				t.Errorf("failed as %q of %q, held %q", got.DenyKey, got.DenyStep, got.Held)
			}
		}
		if a.FailSession(t.Context(), "", "x") == nil {
			t.Error("the attempts of no session are failed")
		}
	},
	"failing and releasing do not both happen": func(t *testing.T, f *fixture) {
		late := errors.New("late")
		for range 8 {
			r := attempt("192.0.2.1/32")
			r.Status = flow.Cleared
			must(t, f.one(0).Attempts(50).Create(t.Context(), r))
			var released bool
			errs := race(2, func(i int) error {
				if i == 0 {
					return f.one(i).Attempts(50).FailSession(t.Context(), "sid-1", "ended")
				}
				_, err := f.one(i).Attempts(50).Update(t.Context(), r.ID, func(r *flow.Record) error {
					if r.Status != flow.Cleared {
						return late
					}
					r.Status = flow.Released
					return nil
				})
				released = err == nil
				return err
			})
			count(t, errs, late)
			got, err := f.one(0).Attempts(50).Get(t.Context(), r.ID)
			must(t, err)
			if (got.Status == flow.Released) != released {
				t.Errorf("released: %v, stored: %d", released, got.Status)
			}
		}
	},
	"a record whose key was retired is none": func(t *testing.T, f *fixture) {
		r := attempt("192.0.2.1/32")
		must(t, f.one(0).Attempts(50).Create(t.Context(), r))
		f.rotate(t, keyring.Seal)
		if _, err := f.one(0).Attempts(50).Get(t.Context(), r.ID); err != nil {
			t.Errorf("after rotation: %v", err)
		}
		f.retireOld(t, keyring.Seal)
		_, err := f.one(0).Attempts(50).Get(t.Context(), r.ID)
		wantErr(t, err, flow.ErrNoAttempt)
	},
}
