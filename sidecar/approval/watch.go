package approval

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
)

// Watch wakes those who wait for a change of an approval, whichever replica
// made it. One Run per process asks the database, and only while somebody waits.
type Watch struct {
	Changes Changes
	Every   time.Duration // between two questions; zero: 250 ms
	Log     *slog.Logger  // nil: slog.Default()
	// Max is how many of this process wait for phones, and how many for all
	// clients; one client has a quarter of that. Zero: 20,000.
	Max int

	mu      sync.Mutex
	waiters map[string]map[*Waiter]struct{}
	seats   map[string]int // taken, by who waits
	n       int            // all of them
	first   chan struct{}  // buffered; filled when somebody waits
}

// Waiter waits for changes under one key. C holds at most one wake; after it
// the state is to be read again. It may be without reason.
type Waiter struct {
	C     <-chan struct{}
	c     chan struct{}
	key   string
	seat  string
	watch *Watch
}

func ofApproval(id ID) string        { return "approval/" + string(id) }
func ofAccount(id account.ID) string { return "account/" + string(id) }

// ofPhones is the seat of all phones.
const ofPhones = "phones"

func ofClient(client string) string { return "client/" + client }

// Join begins to wait for a phone. What changes after it returned wakes the
// waiter, so the state is read after Join. It returns ErrBusy when too many wait.
func (w *Watch) Join(key string) (*Waiter, error) { return w.join(ofPhones, key) }

// JoinFor is Join for a client. What clients take, one or all of them, leaves
// the phones theirs.
func (w *Watch) JoinFor(client, key string) (*Waiter, error) { return w.join(ofClient(client), key) }

// full reports whether nobody more may take such a seat; mu is held.
func (w *Watch) full(seat string) bool {
	phones := w.seats[ofPhones]
	if seat == ofPhones {
		return phones >= w.most()
	}
	return w.n-phones >= w.most() || w.seats[seat] >= max(1, w.most()/4)
}

func (w *Watch) join(seat, key string) (*Waiter, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.full(seat) {
		return nil, ErrBusy
	}
	c := make(chan struct{}, 1)
	waiter := &Waiter{C: c, c: c, key: key, seat: seat, watch: w}
	if w.waiters == nil {
		w.waiters, w.seats = map[string]map[*Waiter]struct{}{}, map[string]int{}
	}
	if w.waiters[key] == nil {
		w.waiters[key] = map[*Waiter]struct{}{}
	}
	w.waiters[key][waiter] = struct{}{}
	w.seats[seat]++
	w.n++
	select {
	case w.begin() <- struct{}{}:
	default:
	}
	return waiter, nil
}

// Leave ends waiting; it may be called again.
func (x *Waiter) Leave() {
	w := x.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, there := w.waiters[x.key][x]; !there {
		return
	}
	delete(w.waiters[x.key], x)
	w.n--
	if w.seats[x.seat]--; w.seats[x.seat] == 0 {
		delete(w.seats, x.seat)
	}
	if len(w.waiters[x.key]) == 0 {
		delete(w.waiters, x.key)
	}
}

// Waiting returns how many wait.
func (w *Watch) Waiting() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.n
}

func (w *Watch) most() int {
	if w.Max > 0 {
		return w.Max
	}
	return 20_000
}

// begin returns the channel that tells Run of waiters; mu is held.
func (w *Watch) begin() chan struct{} {
	if w.first == nil {
		w.first = make(chan struct{}, 1)
	}
	return w.first
}

// Wake wakes those who wait under the key.
func (w *Watch) Wake(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for x := range w.waiters[key] {
		x.wake()
	}
}

func (x *Waiter) wake() {
	select {
	case x.c <- struct{}{}:
	default:
	}
}

func (w *Watch) wakeAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, all := range w.waiters {
		for x := range all {
			x.wake()
		}
	}
}

// maxChanges is how many changes one question takes; when there are more,
// everybody is woken.
const maxChanges = 1000

// Run asks for changes while somebody waits, until ctx ends.
func (w *Watch) Run(ctx context.Context) {
	w.mu.Lock()
	first := w.begin()
	w.mu.Unlock()
	for {
		select {
		case <-ctx.Done():
			return
		case <-first:
			w.follow(ctx)
		}
	}
}

// follow asks for changes until nobody waits.
func (w *Watch) follow(ctx context.Context) {
	every := w.Every
	if every <= 0 {
		every = 250 * time.Millisecond
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	mark, known := int64(0), false
	for w.Waiting() > 0 {
		next, err := w.ask(ctx, mark, known)
		switch {
		case err == nil:
			mark, known = next, true
		case ctx.Err() == nil:
			w.logger().Warn("asking which approvals changed", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// ask wakes whom a change concerns. The first question only learns where to
// begin; whoever read the state before that reads it once more.
func (w *Watch) ask(ctx context.Context, mark int64, known bool) (next int64, err error) {
	limit := maxChanges
	if !known {
		limit = 0
	}
	changes, next, err := w.Changes.Since(ctx, mark, limit)
	if err != nil {
		return 0, err
	}
	if len(changes) >= limit {
		w.wakeAll()
		return next, nil
	}
	for _, c := range changes {
		w.Wake(ofApproval(c.ID))
		w.Wake(ofAccount(c.Account))
	}
	return next, nil
}

func (w *Watch) logger() *slog.Logger {
	if w.Log == nil {
		return slog.Default()
	}
	return w.Log
}
