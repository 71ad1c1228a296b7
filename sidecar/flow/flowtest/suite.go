package flowtest

import (
	"encoding/json"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/flow"
)

// Run holds a flow.Attempts to its contract. open returns an empty store that
// reads the clock now.
func Run(t *testing.T, open func(t *testing.T, now func() time.Time) flow.Attempts) {
	t.Helper()
	for name, test := range map[string]func(suite){
		"returns what was stored":                   suite.roundTrip,
		"knows no attempt by another id":            suite.unknown,
		"forgets an expired attempt":                suite.expired,
		"never creates over an attempt that exists": suite.createTwice,
		"an error in an update changes nothing":     suite.rollback,
		"updates one after the other":               suite.serial,
		"bounds the open attempts of one account":   suite.bounded,
		"keeps what a number has begun":             suite.byNumber,
		"lets a number's youngest give way":         suite.byWhatWasBegun,
		"lets what has a proof stay":                suite.provenStays,
		"takes the place of what expired":           suite.again,
		"fails what is open of one session, alone":  suite.failSession,
	} {
		t.Run(name, func(t *testing.T) {
			clock := &Clock{time: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)}
			test(suite{T: t, clock: clock, attempts: open(t, clock.Now)})
		})
	}
}

// Clock is a clock that a test moves.
type Clock struct {
	mu   sync.Mutex
	time time.Time
}

// NewClock returns a clock that stands at t.
func NewClock(t time.Time) *Clock { return &Clock{time: t} }

// Now returns where the clock stands.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.time
}

// Pass moves the clock on.
func (c *Clock) Pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.time = c.time.Add(d)
}

type suite struct {
	*testing.T
	clock    *Clock
	attempts flow.Attempts
}

// record makes one that uses every field.
func (s suite) record(session account.SID) flow.Record {
	now := s.clock.Now()
	return flow.Record{
		Attempt: flow.Attempt{
			ID: flow.NewSecret().ID(), Flow: flow.Login, Client: "webcenter", Number: "A123456780",
			Account: "1d2c", Session: session, Address: netip.MustParsePrefix("2001:db8::/64"), Language: "de",
			Step: "egk", Kinds: []string{"a"}, State: json.RawMessage(`{"n":1}`),
		},
		Status:  flow.Open,
		Proofs:  map[flow.StepName]flow.Proof{"a": {Kind: "a", At: now, Note: "note"}},
		Skipped: []flow.StepName{"b"}, Denied: []flow.StepName{"c"},
		DenyStep: "c", DenyKey: "no", DenyUntil: now.Add(time.Hour), Held: []byte{0, 1, 255}, Created: now, Expires: now.Add(time.Hour),
	}
}

func (s suite) create(r flow.Record) flow.AttemptID {
	s.Helper()
	if err := s.attempts.Create(s.Context(), r); err != nil {
		s.Fatalf("Create: %v", err)
	}
	return r.ID
}

func (s suite) holds(id flow.AttemptID, want flow.Record) {
	s.Helper()
	got, err := s.attempts.Get(s.Context(), id)
	if err != nil {
		s.Fatalf("Get: %v", err)
	}
	s.same(got, want)
}

func (s suite) same(got, want flow.Record) {
	s.Helper()
	opts := cmp.Options{
		cmpopts.EquateEmpty(), cmpopts.EquateApproxTime(time.Millisecond),
		cmpopts.EquateComparable(netip.Prefix{}),
	}
	if diff := cmp.Diff(want, got, opts); diff != "" {
		s.Errorf("the record differs (-want +got):\n%s", diff)
	}
}

func (s suite) roundTrip() {
	want := s.record("sid-1")
	id := s.create(want)
	s.holds(id, want)
	want.Held[0] = 9 // the store has its own copy
	got, err := s.attempts.Get(s.Context(), id)
	if err != nil || got.Held[0] != 0 {
		s.Errorf("the store shares memory with its caller (err %v)", err)
	}
	want.Held[0] = 0
	want.Status, want.Held, want.State = flow.Failed, nil, nil
	got, err = s.attempts.Update(s.Context(), id, func(r *flow.Record) error {
		r.Status, r.Held, r.State = flow.Failed, nil, nil
		return nil
	})
	if err != nil {
		s.Fatalf("Update: %v", err)
	}
	s.same(got, want)
	s.holds(id, want)
}

func (s suite) unknown() {
	s.create(s.record("sid-1"))
	other := flow.NewSecret().ID()
	if _, err := s.attempts.Get(s.Context(), other); !errors.Is(err, flow.ErrNoAttempt) {
		s.Errorf("Get: %v, want ErrNoAttempt", err)
	}
	s.noUpdate(other)
}

func (s suite) noUpdate(id flow.AttemptID) {
	s.Helper()
	_, err := s.attempts.Update(s.Context(), id, func(*flow.Record) error {
		s.Error("an update of no attempt was called")
		return nil
	})
	if !errors.Is(err, flow.ErrNoAttempt) {
		s.Errorf("Update: %v, want ErrNoAttempt", err)
	}
}

func (s suite) expired() {
	r := s.record("sid-1")
	id := s.create(r)
	s.clock.Pass(time.Hour)
	if _, err := s.attempts.Get(s.Context(), id); !errors.Is(err, flow.ErrNoAttempt) {
		s.Errorf("Get: %v, want ErrNoAttempt", err)
	}
	s.noUpdate(id)
}

func (s suite) createTwice() {
	r := s.record("sid-1")
	id := s.create(r)
	again := s.record("sid-2")
	again.ID = id
	if err := s.attempts.Create(s.Context(), again); err == nil {
		s.Error("Create over an existing attempt: no error")
	}
	s.holds(id, r)
}

func (s suite) rollback() {
	r := s.record("sid-1")
	id := s.create(r)
	no := errors.New("no")
	_, err := s.attempts.Update(s.Context(), id, func(r *flow.Record) error {
		r.Status, r.Held = flow.Released, nil
		return no
	})
	if !errors.Is(err, no) {
		s.Errorf("Update: %v, want the function's error", err)
	}
	s.holds(id, r)
}

func (s suite) serial() {
	id := s.create(s.record("sid-1"))
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			_, err := s.attempts.Update(s.Context(), id, func(r *flow.Record) error {
				r.Kinds = append(r.Kinds, "again")
				return nil
			})
			if err != nil {
				s.Errorf("Update: %v", err)
			}
		})
	}
	wg.Wait()
	r, err := s.attempts.Get(s.Context(), id)
	if err != nil || len(r.Kinds) != 65 {
		s.Errorf("%d kinds (err %v), want 65: an update was lost", len(r.Kinds), err)
	}
}

// bounded: the oldest attempt of an account gives way to its fifth.
func (s suite) bounded() {
	var ids []flow.AttemptID
	for range flow.MaxOwn + 1 {
		ids = append(ids, s.create(s.record("sid-1")))
		s.clock.Pass(time.Second)
	}
	other := s.record("sid-2")
	other.Account = "another"
	s.create(other)
	for i, id := range ids {
		r, err := s.attempts.Get(s.Context(), id)
		if err != nil {
			s.Fatalf("Get: %v", err)
		}
		if superseded := r.Status == flow.Failed && r.DenyKey == flow.Superseded && r.Held == nil; superseded != (i == 0) {
			s.Errorf("attempt %d: status %d, %q", i+1, r.Status, r.DenyKey)
		}
	}
}

// numbered makes one of a number for which nobody has signed in.
func (s suite) numbered() flow.Record {
	r := s.record("")
	r.Flow, r.Account, r.Proofs, r.Kinds = flow.Registration, "", nil, nil
	s.clock.Pass(time.Second)
	return r
}

// superseded wants these of the records to have given way, and to end soon.
func (s suite) superseded(ids []flow.AttemptID, want ...int) {
	s.Helper()
	var got []int
	for i, id := range ids {
		r, err := s.attempts.Get(s.Context(), id)
		if err != nil {
			s.Fatalf("Get: %v", err)
		}
		if r.Status != flow.Failed {
			continue
		}
		got = append(got, i)
		if r.DenyKey != flow.Superseded || r.Held != nil || r.Expires.Sub(s.clock.Now()) > flow.SupersededLifetime {
			s.Errorf("record %d: %q, until %v", i, r.DenyKey, r.Expires)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.Error(diff)
	}
}

// byNumber: a person has begun something in the first, and a stranger at their
// address comes again and again.
func (s suite) byNumber() {
	ids := []flow.AttemptID{s.create(s.numbered())}
	for range flow.MaxUnsigned + 1 {
		r := s.numbered()
		r.State = nil
		ids = append(ids, s.create(r))
	}
	elsewhere := s.numbered()
	elsewhere.Address = netip.MustParsePrefix("192.0.2.1/32")
	ids = append(ids, s.create(elsewhere))
	s.superseded(ids, 1, 2)
}

// byWhatWasBegun: so does a stranger who begins something each time.
func (s suite) byWhatWasBegun() {
	var ids []flow.AttemptID
	for range flow.MaxUnsigned + 2 {
		ids = append(ids, s.create(s.numbered()))
	}
	s.superseded(ids, flow.MaxUnsigned-1, flow.MaxUnsigned)
}

func (s suite) provenStays() {
	var ids []flow.AttemptID
	for range flow.MaxUnsigned {
		ids = append(ids, s.create(s.numbered()))
	}
	_, err := s.attempts.Update(s.Context(), ids[flow.MaxUnsigned-1], func(r *flow.Record) error {
		r.Proofs = map[flow.StepName]flow.Proof{"nect": {Kind: "nect", At: s.clock.Now()}}
		return nil
	})
	if err != nil {
		s.Fatalf("Update: %v", err)
	}
	ids = append(ids, s.create(s.numbered()))
	s.superseded(ids, flow.MaxUnsigned-2)
}

func (s suite) again() {
	r := s.record("sid-1")
	s.create(r)
	s.clock.Pass(time.Hour)
	r.Expires = s.clock.Now().Add(time.Hour)
	s.holds(s.create(r), r)
}

func (s suite) failSession() {
	open, released, parked, other := s.record("sid-1"), s.record("sid-1"), s.record("sid-1"), s.record("sid-2")
	released.Status, parked.Status = flow.Released, flow.Parked
	s.create(open)
	s.create(parked)
	s.create(released)
	s.create(other)
	if err := s.attempts.FailSession(s.Context(), "sid-1", "void"); err != nil {
		s.Fatalf("FailSession: %v", err)
	}
	open.Status, open.Held, open.DenyStep, open.DenyKey = flow.Failed, nil, "", "void"
	open.DenyUntil = time.Time{}
	s.holds(open.ID, open)
	s.holds(released.ID, released)
	s.holds(parked.ID, parked)
	s.holds(other.ID, other)
	nobody := s.record("")
	s.create(nobody)
	_ = s.attempts.FailSession(s.Context(), "", "void")
	s.holds(nobody.ID, nobody)
}
