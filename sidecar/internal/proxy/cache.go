package proxy

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of the cache. cacheFor bounds how long another replica's log-out
// goes unnoticed here; with the store's own time it stays under a second.
const (
	cacheFor  = 800 * time.Millisecond
	cacheMax  = 20_000 // sessions; a live one takes about 10 KiB
	storeWait = 2 * time.Second
)

// entry is a session as it was read, with what is needed for every request of it.
type entry struct {
	Session
	inject   []field // identity headers, rendered
	read     time.Time
	epoch    uint64
	touching atomic.Bool
}

// field is one header to set, for all requests of the session: its value is
// not to be changed.
type field struct {
	name  string
	value []string
}

// cache keeps sessions for cacheFor. Ending any session on this replica makes
// all entries stale, those included that are being read at this moment: that
// costs one read each, and no order of events can leave an ended one behind.
type cache struct {
	mu      sync.RWMutex
	entries map[SessionID]*entry
	epoch   atomic.Uint64
}

func (c *cache) get(id SessionID, now time.Time) *entry {
	c.mu.RLock()
	e := c.entries[id]
	c.mu.RUnlock()
	if e == nil || e.epoch != c.epoch.Load() || now.Sub(e.read) >= cacheFor {
		return nil
	}
	return e
}

// put keeps an entry, and drops all others when there are too many: they are
// worth a read each.
func (c *cache) put(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil || len(c.entries) >= cacheMax {
		c.entries = make(map[SessionID]*entry)
	}
	c.entries[e.ID] = e
}

// sweep drops what is stale.
func (c *cache) sweep(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, e := range c.entries {
		if now.Sub(e.read) >= cacheFor {
			delete(c.entries, id)
		}
	}
}

// flush makes every entry stale.
func (c *cache) flush() { c.epoch.Add(1) }

// current returns the session of a request, with tokens that are good.
// ErrNoSession means that there is none; any other error says nothing of it.
func (s *Site) current(r *http.Request) (*entry, error) {
	id, ok := presented(r)
	if !ok {
		return nil, ErrNoSession
	}
	e, err := s.good(r.Context(), id)
	if err == nil {
		s.touch(r.Context(), e, s.Now())
	}
	return e, err
}

// good returns a session whose tokens are good. It does not count as a use.
func (s *Site) good(ctx context.Context, id SessionID) (*entry, error) {
	e, err := s.load(ctx, id)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	if !now.Before(e.Expires) {
		return nil, ErrNoSession
	}
	if e.TokenExpires.Sub(now) <= e.margin() {
		return s.renew(ctx, e)
	}
	return e, nil
}

// load reads a session, from the cache or, once for all that wait, from the store.
func (s *Site) load(ctx context.Context, id SessionID) (*entry, error) {
	if e := s.cache.get(id, s.Now()); e != nil {
		return e, nil
	}
	return s.await(ctx, id)
}

func (s *Site) await(ctx context.Context, id SessionID) (*entry, error) {
	loaded := s.loads.DoChan(string(id[:]), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeWait)
		defer cancel()
		return s.read(ctx, id)
	})
	select {
	case <-ctx.Done():
		return nil, later("reading a session", ctx.Err())
	case r := <-loaded:
		if r.Err != nil {
			return nil, r.Err
		}
		e := r.Val.(*entry)
		if e.epoch != s.cache.epoch.Load() {
			// Something ended while others waited for this read: only a read of
			// one's own tells whether it was this session.
			return s.read(ctx, id)
		}
		return e, nil
	}
}

// read reads a session from the store.
func (s *Site) read(ctx context.Context, id SessionID) (*entry, error) {
	epoch := s.cache.epoch.Load()
	session, err := s.Sessions.Get(ctx, id)
	if err != nil {
		return nil, storeFault("reading a session", err)
	}
	return s.keep(session, epoch)
}

// keep puts a session that was read in the given epoch into the cache.
func (s *Site) keep(session Session, epoch uint64) (*entry, error) {
	if session.Site != s.Settings.Name || session.Issuer != s.Settings.Issuer {
		return nil, ErrNoSession // another site's cookie, or the configuration has changed its issuer
	}
	inject, err := s.Settings.Headers.render(&session)
	if err != nil {
		return nil, err
	}
	e := &entry{Session: session, inject: inject, read: s.Now(), epoch: epoch}
	s.cache.put(e)
	return e, nil
}

// touchEvery is how often the use of a session is written.
func (s *Site) touchEvery() time.Duration { return min(time.Minute, s.Settings.Idle/4) }

// touch writes that a session is in use, rarely. A failure costs idle time
// only, and is tried again with the next read.
func (s *Site) touch(ctx context.Context, e *entry, now time.Time) {
	if now.Sub(e.Used) < s.touchEvery() || e.touching.Swap(true) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeWait)
	defer cancel()
	_, err := s.Sessions.Update(ctx, e.ID, func(x *Session) error {
		if now.Sub(x.Used) >= s.touchEvery() && now.Before(x.Expires) {
			x.Used = now
			x.Expires = s.expiry(x, now)
		}
		return nil
	})
	if err != nil {
		s.Log.WarnContext(ctx, "writing the use of a session", "error", err)
	}
}

// expiry is when a session ends that is used now.
func (s *Site) expiry(x *Session, now time.Time) time.Time {
	end := x.Created.Add(s.Settings.Absolute)
	if idle := now.Add(s.Settings.Idle); idle.Before(end) {
		end = idle
	}
	if x.RefreshToken == "" && x.TokenExpires.Before(end) {
		end = x.TokenExpires
	}
	return end
}

// end ends sessions, durably and at once on this replica. It returns how many.
func (s *Site) end(ctx context.Context, m Match, cause string) (int, error) {
	n, err := s.Sessions.End(ctx, m)
	if err != nil {
		return 0, storeFault("ending a session", err)
	}
	s.cache.flush()
	s.open.cut(func(x *Session) bool { return m.hits(x) })
	s.Metrics.ended(s.Settings.Name, cause, n)
	return n, nil
}

// hits reports whether a session is selected.
func (m Match) hits(x *Session) bool {
	if m.ID != nil {
		return x.ID == *m.ID
	}
	return x.Issuer == m.Issuer && (m.Subject != "" || m.SID != "") &&
		(m.Subject == "" || x.Subject == m.Subject) && (m.SID == "" || x.SID == m.SID)
}
