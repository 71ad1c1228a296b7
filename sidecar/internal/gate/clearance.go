package gate

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/singleflight"

	"github.com/schleuse/schleuse/sidecar/account"
)

// How long an answer may be used again, and how many are kept. Unknown is
// never kept: it says nothing.
const (
	keepOpen     = 5 * time.Second // Cleared, Exempt
	keepClosed   = 1 * time.Second // NotCleared: a clearance takes effect on every replica within this time
	maxClearance = 100_000
	lookupTime   = 5 * time.Second
	provenAlive  = 1 * time.Second
)

// clearances answers who is cleared.
type clearances struct {
	accounts account.Directory
	now      func() time.Time
	log      *slog.Logger
	metrics  *Metrics
	cache    *otter.Cache[account.ID, answer]
	flights  singleflight.Group
	success  atomic.Int64 // when the Admin API last answered, Unix nanoseconds
}

type answer struct {
	clearance account.Clearance
	read      time.Time // when the look-up began
}

func newClearances(g *Gate) *clearances {
	return &clearances{
		accounts: g.Accounts, now: g.Now, log: g.Log, metrics: g.Metrics,
		cache: otter.Must(&otter.Options[account.ID, answer]{MaximumSize: maxClearance}),
	}
}

// recent returns an answer that is at most keepOpen old. It is good enough to
// withhold, to forward and to hold; never to release.
func (c *clearances) recent(ctx context.Context, id account.ID) account.Clearance {
	if found, ok := c.remembered(id); ok {
		return found
	}
	done := c.flights.DoChan(string(id), func() (any, error) {
		return c.fresh(context.WithoutCancel(ctx), id), nil
	})
	select {
	case r := <-done:
		found, _ := r.Val.(account.Clearance)
		return found
	case <-ctx.Done():
		return account.Unknown
	}
}

// remembered returns an answer that need not be read again.
func (c *clearances) remembered(id account.ID) (account.Clearance, bool) {
	a, ok := c.cache.GetIfPresent(id)
	return a.clearance, ok && c.now().Sub(a.read) < lifetime(a.clearance)
}

func lifetime(c account.Clearance) time.Duration {
	switch c {
	case account.Cleared, account.Exempt:
		return keepOpen
	case account.NotCleared:
		return keepClosed
	default:
		return 0
	}
}

// fresh reads the answer now.
func (c *clearances) fresh(ctx context.Context, id account.ID) account.Clearance {
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	began := c.now()
	found, err := c.accounts.Clearance(ctx, id)
	if err != nil {
		found = account.Unknown
		c.log.WarnContext(ctx, "clearance cannot be looked up", "error", err)
	}
	c.metrics.lookup(found)
	if found == account.Unknown {
		return found
	}
	c.success.Store(began.UnixNano())
	c.cache.Set(id, answer{clearance: found, read: began})
	return found
}

// forget drops what is remembered of an account that was just changed.
func (c *clearances) forget(id account.ID) {
	c.flights.Forget(string(id))
	c.cache.Invalidate(id)
}

// nobody is an id that no account has.
const nobody account.ID = "00000000-0000-0000-0000-000000000000"

// reachable reports whether a look-up has succeeded within the last second,
// else tries one. Before tokens are made for somebody whom only the response
// will name, it must be likely that they can be looked up.
func (c *clearances) reachable(ctx context.Context) bool {
	if c.now().Sub(time.Unix(0, c.success.Load())) <= provenAlive {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	began := c.now()
	if _, err := c.accounts.Get(ctx, nobody); err != nil && !errors.Is(err, account.ErrNotFound) {
		c.log.WarnContext(ctx, "the admin API does not answer", "error", err)
		return false
	}
	c.success.Store(began.UnixNano())
	return true
}
