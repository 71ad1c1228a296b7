package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
)

// room creates attempts, each a second younger than the one before, and tells
// by their names which are still open.
type room struct {
	*testing.T
	*fixture
	perAddress int
	ids        map[string]flow.AttemptID
	names      []string
	empty      bool // whether steps keep no state in what is added
}

func newRoom(t *testing.T, f *fixture, perAddress int) *room {
	return &room{T: t, fixture: f, perAddress: perAddress, ids: map[string]flow.AttemptID{}}
}

func (r *room) attempts() flow.Attempts { return r.one(len(r.names)).Attempts(r.perAddress) }

// try creates the attempt of an account ("" = of the number alone) and
// returns the error.
func (r *room) try(name string, id account.ID, address string) error {
	a := attempt(address)
	a.Account, a.Created, a.Expires, a.Proofs = id, r.clock.Now(), r.clock.Now().Add(time.Hour), nil
	if r.empty {
		a.State = nil
	}
	r.clock.Add(time.Second)
	r.ids[name] = a.ID
	r.names = append(r.names, name)
	return r.attempts().Create(r.Context(), a)
}

// strangers adds so many attempts of the number alone, and returns their names.
func (r *room) strangers(address string, n int) []string {
	r.Helper()
	var out []string
	for i := range n {
		out = append(out, fmt.Sprint(i))
		r.add(out[i], "", address)
	}
	return out
}

func without(names []string, i int) []string { return slices.Delete(slices.Clone(names), i, i+1) }

func (r *room) add(name string, id account.ID, address string) {
	r.Helper()
	must(r.T, r.try(name, id, address))
}

// open wants these to be open, and what gave way to say so.
func (r *room) open(want ...string) {
	r.Helper()
	var got []string
	for _, name := range r.names {
		a, err := r.attempts().Get(r.Context(), r.ids[name])
		must(r.T, err)
		if !a.Status.Terminal() {
			got = append(got, name)
		} else if a.Status != flow.Failed || a.DenyKey != flow.Superseded || a.Held != nil {
			r.Errorf("%s: status %d, %q, holds %q", name, a.Status, a.DenyKey, a.Held)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		r.Error(diff)
	}
}

const home, away = "192.0.2.1/32", "198.51.100.1/32"

var roomTests = map[string]func(*testing.T, *fixture){
	"the oldest of an account gives way to its fifth": func(t *testing.T, f *fixture) {
		r := newRoom(t, f, 50)
		for i, name := range []string{"1", "2", "3", "4"} {
			r.add(name, "a", fmt.Sprintf("192.0.2.%d/32", i))
		}
		r.add("other", "b", home)
		f.rotate(t, keyring.Index)
		r.add("5", "a", away)
		r.open("2", "3", "4", "other", "5")
	},
	"of the same address before any": func(t *testing.T, f *fixture) {
		r := newRoom(t, f, 50)
		r.add("1", "a", home)
		for _, name := range []string{"2", "3", "4", "5", "6"} {
			r.add(name, "a", away)
		}
		r.open("1", "4", "5", "6")
	},
	"what is proven gives way last": func(t *testing.T, f *fixture) {
		r := newRoom(t, f, 50)
		for _, name := range []string{"1", "2", "3", "4"} {
			r.add(name, "a", home)
		}
		_, err := r.attempts().Update(t.Context(), r.ids["1"], func(a *flow.Record) error { a.Status = flow.Proven; return nil })
		must(t, err)
		r.add("5", "a", home)
		r.open("1", "3", "4", "5")
	},
	"of many at once an account keeps four": func(t *testing.T, f *fixture) {
		n := f.crowd(t, 50, func(i int) flow.Record {
			a := attempt(fmt.Sprintf("192.0.2.%d/32", i%5))
			a.Account = "a"
			return a
		})
		if n != flow.MaxOwn {
			t.Errorf("%d are open", n)
		}
	},
	"at a full address who has most makes room": func(t *testing.T, f *fixture) {
		r := newRoom(t, f, 6)
		r.add("b1", "b", home)
		r.add("c1", "c", home)
		r.add("c2", "c", home)
		for _, name := range []string{"a1", "a2", "a3"} {
			r.add(name, "a", home)
		}
		r.add("d1", "d", home)
		r.open("b1", "c1", "c2", "a2", "a3", "d1")
		r.add("e1", "e", home)
		r.add("f1", "f", home)
		r.open("b1", "c2", "a3", "d1", "e1", "f1")
		r.add("far", "g", away)
		wantErr(t, r.try("g1", "g", home), flow.ErrTooManyAttempts)
		delete(r.ids, "g1")
		r.names = r.names[:len(r.names)-1]
		r.add("b2", "b", home) // in the place of b1
		r.open("c2", "a3", "d1", "e1", "f1", "far", "b2")
	},
	"a full address is never over its bound": func(t *testing.T, f *fixture) {
		n := f.crowd(t, 10, func(i int) flow.Record {
			a := attempt(home)
			a.Account = account.ID(fmt.Sprint(i % 7))
			return a
		})
		if n != 10 {
			t.Errorf("%d are open", n)
		}
	},
	"a number without an account counts at its address alone": func(t *testing.T, f *fixture) {
		r := newRoom(t, f, 50)
		r.add("theirs", "", home)
		strangers := r.strangers(away, flow.MaxUnsigned+1)
		r.open(append([]string{"theirs"}, without(strangers, flow.MaxUnsigned-1)...)...) // the youngest has given way
	},
	"who knows a number takes only their own places of it": func(t *testing.T, f *fixture) {
		r := newRoom(t, f, 50)
		r.add("theirs", "", home)
		r.empty = true
		strangers := r.strangers(home, flow.MaxUnsigned+1)
		r.open(append([]string{"theirs"}, strangers[2:]...)...)
	},
	"at a full address as well": func(t *testing.T, f *fixture) {
		r := newRoom(t, f, 6)
		r.add("theirs", "", home)
		r.empty = true
		strangers := r.strangers(home, 6)
		r.open(append([]string{"theirs"}, strangers[1:]...)...)
	},
	"what has a proof gives way after what has none": func(t *testing.T, f *fixture) {
		r := newRoom(t, f, 50)
		names := r.strangers(home, flow.MaxUnsigned)
		last := len(names) - 1
		_, err := r.attempts().Update(t.Context(), r.ids[names[last]], func(a *flow.Record) error {
			a.Proofs = map[flow.StepName]flow.Proof{"nect": {Kind: "nect", At: start}}
			return nil
		})
		must(t, err)
		r.add("another", "", home)
		r.open(append(without(names, last-1), "another")...)
	},
	"what gave way is swept soon": func(t *testing.T, f *fixture) {
		r := newRoom(t, f, 50)
		for i := range 40 {
			r.add(fmt.Sprint(i), "", home)
		}
		f.clock.Add(flow.SupersededLifetime)
		swept, err := f.one(0).Sweep(t.Context())
		must(t, err)
		if want := int64(40 - flow.MaxUnsigned); int64(swept.Attempts) != want {
			t.Errorf("%d were swept, want %d", swept.Attempts, want)
		}
	},
	"an attempt takes the place of its own that expired": func(t *testing.T, f *fixture) {
		a := attempt(home)
		must(t, f.one(0).Attempts(50).Create(t.Context(), a))
		f.clock.Add(a.Expires.Sub(f.clock.Now()))
		a.Expires = f.clock.Now().Add(time.Hour)
		must(t, f.one(0).Attempts(50).Create(t.Context(), a))
	},
	"who has not signed in takes no place of those who have": func(t *testing.T, f *fixture) {
		r := newRoom(t, f, 1)
		r.add("nobody", "", home)
		r.add("a", "a", home)
		r.open("nobody", "a")
	},
}

// crowd creates many attempts at once, and returns how many of them are open
// in the end.
func (f *fixture) crowd(t *testing.T, perAddress int, make func(i int) flow.Record) (open int) {
	t.Helper()
	var ids [racers]flow.AttemptID
	errs := race(racers, func(i int) error {
		a := make(i)
		ids[i] = a.ID
		return f.one(i).Attempts(perAddress).Create(t.Context(), a)
	})
	count(t, errs, flow.ErrTooManyAttempts)
	for i, id := range ids {
		if errs[i] != nil {
			continue
		}
		a, err := f.one(0).Attempts(perAddress).Get(t.Context(), id)
		must(t, err)
		if !a.Status.Terminal() {
			open++
		}
	}
	return open
}
