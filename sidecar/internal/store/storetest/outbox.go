package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
	"github.com/schleuse/schleuse/sidecar/internal/store"
)

const day = 24 * time.Hour

// receiver takes messages and answers with an error as long as there is one.
type receiver struct {
	mu    sync.Mutex
	got   []extension.Message
	err   error
	began chan struct{} // told of each message, if not nil
}

func (r *receiver) do(_ context.Context, m extension.Message) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, m)
	if r.began != nil {
		r.began <- struct{}{}
	}
	return r.err
}

// keys are the keys in the order in which they came.
func (r *receiver) keys() (out []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.got {
		out = append(out, m.Key)
	}
	return out
}

func put(t *testing.T, o *store.Outbox, keys ...string) {
	t.Helper()
	for _, k := range keys {
		must(t, o.Put(t.Context(), k, []byte("body of "+k), 30*day))
	}
}

func deliver(t *testing.T, o *store.Outbox, r *receiver) (next time.Time) {
	t.Helper()
	next, err := o.DeliverDue(t.Context(), r.do)
	must(t, err)
	return next
}

func wantKeys(t *testing.T, r *receiver, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, r.keys()); diff != "" {
		t.Errorf("delivered (-want +got):\n%s", diff)
	}
}

var outboxTests = map[string]func(*testing.T, *fixture){
	"each message once, in its order, by any replica": func(t *testing.T, f *fixture) {
		put(t, f.one(0).Outbox("egk"), "a")
		f.clock.Add(time.Second)
		put(t, f.one(1).Outbox("egk"), "b", "a")
		put(t, f.one(0).Outbox("nect"), "a")
		var r receiver
		deliver(t, f.one(1).Outbox("egk"), &r)
		want := []extension.Message{{Key: "a", Body: []byte("body of a"), Attempt: 1}, {Key: "b", Body: []byte("body of b"), Attempt: 1}}
		if diff := cmp.Diff(want, r.got); diff != "" {
			t.Errorf("delivered (-want +got):\n%s", diff)
		}
		if next := deliver(t, f.one(0).Outbox("egk"), &r); !next.IsZero() || len(r.got) != 2 {
			t.Errorf("delivered again, or something waits until %v", next)
		}
	},
	"a delivered key is remembered for seven days": func(t *testing.T, f *fixture) {
		o := f.one(0).Outbox("egk")
		var r receiver
		put(t, o, "a")
		deliver(t, o, &r)
		f.clock.Add(7*day - time.Second)
		put(t, f.one(1).Outbox("egk"), "a")
		deliver(t, o, &r)
		wantKeys(t, &r, "a")
		f.clock.Add(time.Second)
		put(t, o, "a")
		deliver(t, o, &r)
		wantKeys(t, &r, "a", "a")
	},
	"what fails comes again, after pauses that grow to an hour": func(t *testing.T, f *fixture) {
		o := f.one(0).Outbox("egk")
		put(t, o, "a")
		r := receiver{err: errors.New("down")}
		for attempt, pause := 1, 5*time.Second; attempt < 14; attempt++ {
			next := deliver(t, o, &r)
			if wait := next.Sub(f.clock.Now()); wait > pause || wait < pause*4/5-time.Microsecond || len(r.got) != attempt || r.got[attempt-1].Attempt != attempt {
				t.Fatalf("delivery %d: again after %v, want about %v; %d messages", attempt, wait, pause, len(r.got))
			}
			deliver(t, o, &r) // not yet
			f.clock.Add(next.Sub(f.clock.Now()))
			pause = min(2*pause, time.Hour)
		}
	},
	"a message's time ends, which is logged without its key": func(t *testing.T, f *fixture) {
		var log bytes.Buffer
		s := f.one(0)
		s.Log = slog.New(slog.NewTextHandler(&log, nil))
		o := s.Outbox("egk")
		must(t, o.Put(t.Context(), "secret-key", nil, time.Minute))
		r := receiver{err: errors.New("down")}
		deliver(t, o, &r)
		f.clock.Add(time.Minute)
		if next := deliver(t, o, &r); len(r.got) != 1 || !next.IsZero() {
			t.Errorf("%d deliveries, next %v", len(r.got), next)
		}
		if !bytes.Contains(log.Bytes(), []byte("given up")) || bytes.Contains(log.Bytes(), []byte("secret-key")) {
			t.Errorf("log: %s", &log)
		}
		put(t, o, "secret-key") // it may come again
		r.err = nil
		deliver(t, o, &r)
		wantKeys(t, &r, "secret-key", "secret-key")
	},
	"what cannot be delivered is given up at once": func(t *testing.T, f *fixture) {
		o := f.one(0).Outbox("egk")
		put(t, o, "a")
		r := receiver{err: fmt.Errorf("nonsense: %w", extension.ErrUndeliverable)}
		deliver(t, o, &r)
		f.clock.Add(2 * time.Hour)
		deliver(t, o, &r)
		wantKeys(t, &r, "a")
	},
	"nobody delivers any more: the sweep gives up": func(t *testing.T, f *fixture) {
		s := f.one(0)
		must(t, s.Outbox("gone").Put(t.Context(), "a", nil, time.Minute))
		put(t, s.Outbox("egk"), "b")
		deliver(t, s.Outbox("egk"), &receiver{})
		f.clock.Add(7 * day)
		swept, err := s.Sweep(t.Context())
		if err != nil || swept.GivenUp != 1 || swept.Delivered != 1 {
			t.Errorf("%+v, %v", swept, err)
		}
	},
	"a replica that died loses its lease": func(t *testing.T, f *fixture) {
		put(t, f.one(0).Outbox("egk"), "a")
		ctx, die := context.WithCancel(t.Context())
		defer die()
		died := receiver{}
		stuck := make(chan struct{})
		var ended sync.WaitGroup
		ended.Go(func() {
			f.one(0).Outbox("egk").DeliverDue(ctx, func(ctx context.Context, m extension.Message) error {
				died.do(ctx, m)
				close(stuck)
				<-ctx.Done()
				return ctx.Err()
			})
		})
		<-stuck
		var r receiver
		next := deliver(t, f.one(1).Outbox("egk"), &r)
		wantKeys(t, &r)
		f.clock.Add(next.Sub(f.clock.Now()))
		deliver(t, f.one(1).Outbox("egk"), &r)
		if len(r.got) != 1 || r.got[0].Attempt != 2 {
			t.Errorf("after the lease: %+v", r.got)
		}
		die() // late: its end must not touch what another has delivered
		ended.Wait()
		f.clock.Add(time.Hour)
		deliver(t, f.one(1).Outbox("egk"), &r)
		wantKeys(t, &r, "a")
	},
	"who outlived a lease does not end another's": func(t *testing.T, f *fixture) {
		for name, late := range map[string]error{"failure": errors.New("late"), "success": nil} {
			must(t, f.one(0).Outbox("egk").Put(t.Context(), name, nil, 30*time.Minute))
			stuck, goOn := make(chan struct{}), make(chan struct{})
			var ended sync.WaitGroup
			ended.Go(func() {
				f.one(0).Outbox("egk").DeliverDue(t.Context(), func(context.Context, extension.Message) error {
					close(stuck)
					<-goOn
					return late
				})
			})
			<-stuck
			f.clock.Add(2 * time.Minute)
			_, err := f.one(1).Outbox("egk").DeliverDue(t.Context(), func(context.Context, extension.Message) error {
				close(goOn)
				ended.Wait()
				f.clock.Add(10 * time.Second) // as long as the late one would pause, less than a lease
				var r receiver
				if next := deliver(t, f.one(0).Outbox("egk"), &r); len(r.got) > 0 || next.IsZero() {
					t.Errorf("a late %s: %d deliveries beside the one under way, next %v", name, len(r.got), next)
				}
				return errors.New("again")
			})
			must(t, err)
			f.clock.Add(time.Hour)
		}
	},
	"many deliverers, one delivery each": func(t *testing.T, f *fixture) {
		const messages = 200
		for i := range messages {
			put(t, f.one(i).Outbox("egk"), fmt.Sprint(i))
		}
		var r receiver
		count(t, race(racers, func(i int) error {
			_, err := f.one(i).Outbox("egk").DeliverDue(t.Context(), r.do)
			return err
		}), nil)
		once := map[string]bool{}
		for _, k := range r.keys() {
			once[k] = true
		}
		if len(once) != messages || len(r.got) != messages {
			t.Errorf("%d of %d messages in %d deliveries", len(once), messages, len(r.got))
		}
	},
	"many puts of one key queue it once": func(t *testing.T, f *fixture) {
		count(t, race(racers, func(i int) error {
			return f.one(i).Outbox("egk").Put(t.Context(), "a", []byte(fmt.Sprint(i)), time.Hour)
		}), nil)
		var r receiver
		deliver(t, f.one(0).Outbox("egk"), &r)
		wantKeys(t, &r, "a")
	},
	"a put wakes who waits in this process": func(t *testing.T, f *fixture) {
		o := f.one(0).Outbox("egk")
		r := receiver{began: make(chan struct{})}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- o.Deliver(ctx, r.do) }()
		began := time.Now()
		for i := range 20 {
			put(t, f.one(0).Outbox("egk"), fmt.Sprint(i))
			<-r.began
		}
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("20 messages took %v", took)
		}
		stop()
		must(t, <-ended)
	},
	"a queue has an end": func(t *testing.T, f *fixture) {
		o := f.one(0).Outbox("egk")
		o.Max = 20
		for i := range o.Max {
			must(t, o.Put(t.Context(), fmt.Sprint(i), nil, time.Hour))
		}
		wantKind(t, o.Put(t.Context(), "more", nil, time.Hour), fault.Unavailable)
		must(t, o.Put(t.Context(), "1", nil, time.Hour)) // it waits already
		put(t, f.one(0).Outbox("nect"), "more")
		var r receiver
		r.began = make(chan struct{})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { _, err := o.DeliverDue(ctx, r.do); ended <- err }()
		<-r.began
		stop()
		must(t, <-ended)
		must(t, o.Put(t.Context(), "more", nil, time.Hour))
	},
	"what waits is counted": func(t *testing.T, f *fixture) {
		put(t, f.one(0).Outbox("nect"), "a")
		f.clock.Add(time.Minute)
		put(t, f.one(0).Outbox("egk"), "a", "b")
		put(t, f.one(0).Outbox("nect"), "b")
		put(t, f.one(0).Outbox("done"), "b")
		deliver(t, f.one(0).Outbox("done"), &receiver{})
		got, err := f.one(1).Queues(t.Context())
		must(t, err)
		want := []store.Queue{{Extension: "egk", Waiting: 2, Oldest: start.Add(time.Minute)}, {Extension: "nect", Waiting: 2, Oldest: start}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	},
	"rotations of both keys lose and repeat nothing": func(t *testing.T, f *fixture) {
		o := f.one(0).Outbox("egk")
		put(t, o, "a", "b")
		var r receiver
		f.rotate(t, keyring.Index)
		f.rotate(t, keyring.Seal)
		put(t, o, "a")
		deliver(t, o, &r)
		f.rotate(t, keyring.Index)
		put(t, o, "b")
		deliver(t, o, &r)
		wantKeys(t, &r, "a", "b")
	},
	"what is sealed with a retired key is given up": func(t *testing.T, f *fixture) {
		o := f.one(0).Outbox("egk")
		put(t, o, "a")
		f.rotate(t, keyring.Seal)
		f.retireOld(t, keyring.Seal)
		var r receiver
		if next := deliver(t, o, &r); len(r.got) > 0 || !next.IsZero() {
			t.Errorf("%d delivered, next %v", len(r.got), next)
		}
	},
	"what no message may be": func(t *testing.T, f *fixture) {
		o := f.one(0).Outbox("egk")
		wantKind(t, o.Put(t.Context(), "a", make([]byte, 64<<10+1), time.Hour), fault.TooLarge)
		if o.Put(t.Context(), "", nil, time.Hour) == nil || o.Put(t.Context(), "a", nil, 0) == nil {
			t.Error("a message without a key, or kept for no time, is queued")
		}
	},
}
