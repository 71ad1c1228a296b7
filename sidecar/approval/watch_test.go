package approval_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/approval/approvaltest"
	"github.com/schleuse/schleuse/sidecar/device"
)

// inBubble runs a test in a bubble, in which the World's time is the bubble's.
func inBubble(t *testing.T, test func(t *testing.T, w *world, ctx context.Context)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Pass(time.Since(w.Clock()))
		w.change(w.Phone.ID, func(d *device.Device) { d.CoolUntil = time.Time{} })
		ctx, stop := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { w.Watch.Run(ctx) })
		test(t, w, ctx)
		stop()
		run.Wait()
		if n := w.Watch.Waiting(); n != 0 {
			t.Errorf("%d wait still", n)
		}
	})
}

type heard struct {
	approval.Approval
	err   error
	after time.Duration
}

// listen waits in the background.
func (w *world) listen(ctx context.Context, a approval.Approval) <-chan heard {
	out := make(chan heard, 1)
	begun := time.Now()
	go func() {
		got, err := w.Wait(ctx, approvaltest.Backend, a.ID, approval.Pending)
		out <- heard{got, err, time.Since(begun)}
	}()
	synctest.Wait()
	return out
}

func TestWhoWaitsHearsAtOnceOfOwnChanges(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, ctx context.Context) {
		a := w.ask("k")
		got := w.listen(ctx, a)
		w.must2(w.Confirm(ctx, a))
		if h := <-got; h.State != approval.Approved || h.err != nil || h.after != 0 {
			t.Errorf("%s, %v after %s", h.State, h.err, h.after)
		}
	})
}

func TestWhoWaitsHearsOfOtherReplicasSoon(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, ctx context.Context) {
		a := w.ask("k")
		got := w.listen(ctx, a)
		_, err := w.Memory.Update(ctx, a.ID, "", func(a *approval.Approval, _ *device.Device) error {
			a.State = approval.Denied
			return nil
		})
		w.must(err)
		if h := <-got; h.State != approval.Denied || h.err != nil || h.after > 250*time.Millisecond {
			t.Errorf("%s, %v after %s", h.State, h.err, h.after)
		}
	})
}

func TestWaitingEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, ctx context.Context) {
		a := w.ask("k")
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if h := <-w.listen(short, a); h.State != approval.Pending || h.err != nil || h.after != time.Second {
			t.Errorf("%s, %v after %s", h.State, h.err, h.after)
		}
		_, err := w.Wait(ctx, "another", a.ID, approval.Pending)
		w.want(err, approval.ErrNoApproval)
		over, err := w.Wait(ctx, approvaltest.Backend, a.ID, approval.Approved)
		w.must(err)
		if over.State != approval.Pending {
			t.Error(over.State)
		}
	})
}

// All who wait are let go at once when the program stops: the database would be
// asked by all of them in the same moment.
func TestWhoIsLetGoAsksTheDatabaseNoMore(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, ctx context.Context) {
		a := w.ask("k")
		waiting, cancel := context.WithCancel(ctx)
		outside := w.listen(waiting, a)
		in, err := w.Inbox(ctx, w.Phone.ID)
		w.must(err)
		inside := make(chan error)
		go func() {
			got, err := w.WaitInbox(waiting, w.Phone.ID, in.Version)
			if got.Version != in.Version || got.Count != 1 {
				t.Errorf("%+v", got)
			}
			inside <- err
		}()
		synctest.Wait()
		w.Memory.Break(errors.New("asked"))
		cancel()
		if h := <-outside; h.err != nil || h.ID != a.ID || h.State != approval.Pending {
			t.Errorf("%s, %v", h.State, h.err)
		}
		w.must(<-inside)
		w.Memory.Break(nil)
	})
}

func TestTheDatabaseIsAskedOnlyWhileSomebodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := &counting{}
		watch := approval.Watch{Changes: asked, Log: slog.New(slog.DiscardHandler)}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go watch.Run(ctx)
		time.Sleep(time.Minute)
		if asked.n != 0 {
			t.Errorf("asked %d times for nobody", asked.n)
		}
		one, err := watch.Join("x")
		if err != nil {
			t.Fatal(err)
		}
		two, err := watch.Join("x")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10*time.Second - time.Millisecond)
		if asked.n != 40 {
			t.Errorf("asked %d times in ten seconds", asked.n)
		}
		one.Leave()
		one.Leave()
		two.Leave()
		time.Sleep(time.Second)
		before := asked.n
		time.Sleep(time.Minute)
		if asked.n != before {
			t.Error("asked on for nobody")
		}
	})
}

// counting is a database in which nothing changes, or that is down at times.
type counting struct {
	n    int
	down func(n int) bool
}

func (c *counting) Since(_ context.Context, mark int64, limit int) ([]approval.Change, int64, error) {
	c.n++
	if c.down != nil && c.down(c.n) {
		return nil, 0, errors.New("down")
	}
	if limit > 0 && mark != 7 {
		return nil, 0, errors.New("not from where it ended")
	}
	return nil, 7, nil
}

func TestTheWatchOutlivesADatabaseThatIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := &counting{down: func(n int) bool { return n < 4 || n == 6 }}
		watch := approval.Watch{Changes: asked, Log: slog.New(slog.DiscardHandler)}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go watch.Run(ctx)
		w, err := watch.Join("x")
		if err != nil {
			t.Fatal(err)
		}
		defer w.Leave()
		select {
		case <-w.C:
		case <-time.After(2 * time.Second):
			t.Error("whoever came before the first answer is not woken by it")
		}
		time.Sleep(2 * time.Second)
		select {
		case <-w.C:
			t.Error("woken without a change")
		default:
		}
	})
}

func TestWaitersAreBounded(t *testing.T) {
	watch := approval.Watch{Max: 2}
	one, err := watch.Join("x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Join("y"); err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Join("x"); !errors.Is(err, approval.ErrBusy) {
		t.Errorf("a third waits: %v", err)
	}
	one.Leave()
	if _, err := watch.Join("x"); err != nil {
		t.Error(err)
	}
}

func TestTheInboxWakes(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, ctx context.Context) {
		empty, err := w.Inbox(ctx, w.Phone.ID)
		w.must(err)
		got := make(chan approval.Inbox, 1)
		go func() {
			in, err := w.WaitInbox(ctx, w.Phone.ID, empty.Version)
			if err != nil {
				t.Error(err)
			}
			got <- in
		}()
		synctest.Wait()
		a, err := w.askFrom("k", "mine")
		w.must(err)
		in := <-got
		if in.Count != 1 || in.Items[0].ID != a.ID || in.Version == empty.Version || len(in.Version) > 64 {
			t.Errorf("%+v", in)
		}
		_, err = w.askFrom("l", "theirs")
		w.want(err, approval.ErrPending)
		again, err := w.WaitInbox(ctx, w.Phone.ID, in.Version)
		w.must(err)
		if again.Version == in.Version || again.Items[0].Refused != 1 {
			t.Errorf("the refused request is not shown: %+v", again)
		}
	})
}

func TestOneClientStarvesNobody(t *testing.T) {
	watch := approval.Watch{Max: 8}
	var waiting []*approval.Waiter
	fill := func(client string) int {
		for n := 0; ; n++ {
			w, err := watch.JoinFor(client, "x")
			if errors.Is(err, approval.ErrBusy) {
				return n
			}
			if err != nil {
				t.Fatal(err)
			}
			waiting = append(waiting, w)
		}
	}
	for _, client := range []string{"a", "b", "c", "d"} {
		if n := fill(client); n != 2 {
			t.Errorf("%s has %d seats, want a quarter", client, n)
		}
	}
	if n := fill("e"); n != 0 {
		t.Errorf("%d seats beyond those of all clients", n)
	}
	for range 8 {
		w, err := watch.Join("x")
		if err != nil {
			t.Fatalf("the clients took the phones' seats: %v", err)
		}
		waiting = append(waiting, w)
	}
	if _, err := watch.Join("x"); !errors.Is(err, approval.ErrBusy) {
		t.Errorf("a ninth phone waits: %v", err)
	}
	waiting[0].Leave()
	waiting[0].Leave()
	if n := fill("a"); n != 1 {
		t.Errorf("%d seats of one that was left", n)
	}
	for _, w := range waiting {
		w.Leave()
	}
	if n := watch.Waiting(); n != 0 {
		t.Errorf("%d wait still", n)
	}
}

func TestWaitingForAnApprovalTakesTheClientsSeat(t *testing.T) {
	w := newWorld(t)
	w.Watch.Max = 4
	a := w.ask("k")
	taken, err := w.Watch.JoinFor(approvaltest.Backend, "x")
	w.must(err)
	defer taken.Leave()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = w.Wait(over, approvaltest.Backend, a.ID, approval.Pending)
	w.want(err, approval.ErrBusy)
	_, err = w.WaitInbox(over, w.Phone.ID, "")
	w.must(err)
}
