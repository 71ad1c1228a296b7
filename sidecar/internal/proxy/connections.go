package proxy

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/schleuse/schleuse/sidecar/internal/relying"
)

// watchEvery is how often open connections are held against the store: with
// the look-up it stays under a second.
const watchEvery = 400 * time.Millisecond

// watchBatch is how many sessions are asked for at once; watchParallel how
// many tokens are refreshed at once for connections that outlive them.
const (
	watchBatch    = 500
	watchParallel = 8
)

// complainEvery is how often a store that is away is complained of.
const complainEvery = 10 * time.Second

// errEnded is why an open connection was cut.
var errEnded = errors.New("the session has ended")

// connections are the requests that are with the application now. They are as
// many as the server lets in.
type connections struct {
	mu  sync.Mutex
	all map[*connection]struct{}
}

type connection struct {
	session *relying.Entry
	since   time.Time
	cancel  context.CancelCauseFunc
}

func (c *connections) add(o *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = make(map[*connection]struct{})
	}
	c.all[o] = struct{}{}
}

func (c *connections) drop(o *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.all, o)
}

// cut ends the connections of the sessions that match.
func (c *connections) cut(match func(*relying.Session) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for o := range c.all {
		if match(&o.session.Session) {
			o.cancel(errEnded)
		}
	}
}

// old returns the sessions of connections that were open at the last watch already.
func (c *connections) old(now time.Time) map[relying.SessionID]*relying.Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make(map[relying.SessionID]*relying.Entry)
	for o := range c.all {
		if now.Sub(o.since) >= watchEvery {
			out[o.session.ID] = o.session
		}
	}
	return out
}

// watch cuts the connections of sessions that have ended elsewhere or by time,
// and keeps the tokens of the others good. When the store is away nothing is
// cut but what is over by the clock.
func (s *Site) watch(ctx context.Context) {
	now := s.Now()
	sessions := s.open.old(now)
	if len(sessions) == 0 {
		return
	}
	gone := make(map[relying.SessionID]bool)
	ids := make([]relying.SessionID, 0, len(sessions))
	for id := range sessions {
		ids = append(ids, id)
	}
	for len(ids) > 0 {
		n := min(watchBatch, len(ids))
		ended, err := s.party().Ended(ctx, ids[:n])
		if err != nil && now.Sub(s.complained) >= complainEvery {
			s.complained = now
			s.Log.WarnContext(ctx, "watching sessions", "error", err)
		}
		for _, id := range ended {
			gone[id] = true
			delete(sessions, id)
		}
		ids = ids[n:]
	}
	s.keepGood(ctx, now, sessions, gone)
	if len(gone) > 0 {
		s.party().Forget()
		s.open.cut(func(x *relying.Session) bool { return gone[x.ID] })
	}
}

// keepGood refreshes tokens that end while a connection is open.
func (s *Site) keepGood(ctx context.Context, now time.Time, sessions map[relying.SessionID]*relying.Entry, gone map[relying.SessionID]bool) {
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(watchParallel)
	for id, e := range sessions {
		if !e.Due(now) {
			continue
		}
		group.Go(func() error {
			fresh, err := s.party().Good(ctx, id)
			switch {
			case err == nil:
				s.open.update(fresh)
			case errors.Is(err, relying.ErrNoSession), !now.Before(e.TokenExpires):
				mu.Lock()
				defer mu.Unlock()
				gone[id] = true
			}
			return nil
		})
	}
	_ = group.Wait() // the functions return no error
}

// update gives the connections of a session its present state.
func (c *connections) update(e *relying.Entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for o := range c.all {
		if o.session.ID == e.ID {
			o.session = e
		}
	}
}
