package storetest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/device/devicetest"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/flow/flowtest"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
	"github.com/schleuse/schleuse/sidecar/internal/store"
)

// start is when the tests begin.
var start = time.Date(2026, 12, 1, 8, 0, 0, 123456000, time.UTC)

// racers is how many goroutines race.
const racers = 64

// fixture is an empty database with as many replicas as it allows.
type fixture struct {
	dsn      string
	ring     *keyring.Ring
	clock    *Clock
	replicas []*store.Store
}

// one is any replica, each in its turn.
func (f *fixture) one(i int) *store.Store { return f.replicas[i%len(f.replicas)] }

func (b Backend) fixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{dsn: b.Fresh(t), ring: keyring.Generate(start), clock: NewClock(start)}
	f.ring.Now = f.clock.Now
	for range b.Replicas {
		f.replicas = append(f.replicas, reopen(t, f.dsn, f.ring, f.clock.Now))
	}
	return f
}

// rotate gives the purpose a new primary key.
func (f *fixture) rotate(t *testing.T, p keyring.Purpose) {
	t.Helper()
	if _, err := f.ring.Rotate(p, f.clock.Now()); err != nil {
		t.Fatal(err)
	}
	f.clock.Add(keyring.ActivationDelay)
}

// retireOld retires every version but the primary.
func (f *fixture) retireOld(t *testing.T, p keyring.Purpose) {
	t.Helper()
	f.clock.Add(keyring.ActivationDelay)
	for _, k := range f.ring.List(p) {
		if k.Primary {
			continue
		}
		if _, err := f.ring.Retire(p, k.ID, f.clock.Now()); err != nil {
			t.Fatal(err)
		}
	}
}

// race runs fn many times at once and returns the errors.
func race(n int, fn func(i int) error) []error {
	errs := make([]error, n)
	var ready, done sync.WaitGroup
	gate := make(chan struct{})
	for i := range n {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-gate
			errs[i] = fn(i)
		})
	}
	ready.Wait()
	close(gate)
	done.Wait()
	return errs
}

// count returns how many errors are target (nil counts successes), and fails
// the test for others.
func count(t *testing.T, errs []error, target error) (successes, hits int) {
	t.Helper()
	for _, err := range errs {
		switch {
		case err == nil:
			successes++
		case target != nil && errors.Is(err, target):
			hits++
		default:
			t.Errorf("unexpected: %v", err)
		}
	}
	return successes, hits
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("err = %v, want %v", err, target)
	}
}

func wantKind(t *testing.T, err error, kind fault.Kind) {
	t.Helper()
	if err == nil || fault.KindOf(err) != kind {
		t.Fatalf("err = %v, want kind %d", err, kind)
	}
}

// Run runs the suite, and those that flow and device have for their ports.
func Run(t *testing.T, b Backend) {
	t.Run("Approval", b.approvals)
	t.Run("Flow", func(t *testing.T) {
		flowtest.Run(t, func(t *testing.T, now func() time.Time) flow.Attempts {
			ring := keyring.Generate(now())
			ring.Now = now
			return reopen(t, b.Fresh(t), ring, now).Attempts(50)
		})
	})
	t.Run("Phones", func(t *testing.T) {
		devicetest.Run(t, func(t *testing.T, now func() time.Time) devicetest.Stores {
			ring := keyring.Generate(now())
			ring.Now = now
			s := reopen(t, b.Fresh(t), ring, now)
			return devicetest.Stores{Store: s.Devices(), Permits: s.Permits(), News: func(ctx context.Context) (bodies [][]byte, err error) {
				_, err = s.Outbox(store.PhoneTasks).DeliverDue(ctx, func(_ context.Context, m extension.Message) error {
					bodies = append(bodies, m.Body)
					return nil
				})
				return bodies, err
			}}
		})
	})
	for name, suite := range map[string]map[string]func(*testing.T, *fixture){
		"Attempts": attemptTests, "Room": roomTests, "Codes": codeTests, "Logins": loginTests, "Actions": actionTests,
		"Approvals": approvalTests, "Sessions": sessionTests, "Records": recordTests, "Counters": counterTests, "Outbox": outboxTests, "People": peopleTests,
		"Devices": deviceTests, "Audit": auditTests, "Proofs": proofTests, "Store": storeTests,
	} {
		t.Run(name, func(t *testing.T) {
			for name, test := range suite {
				t.Run(name, func(t *testing.T) { test(t, b.fixture(t)) })
			}
		})
	}
}
