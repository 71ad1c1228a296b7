package relying

import (
	"context"
	"errors"
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

// Entry is a session as it was read, with what is needed for every request of it.
type Entry struct {
	Session
	Derived  any // what Party.Derive made; for all requests of the session, so it is not to be changed
	read     time.Time
	epoch    uint64
	touching atomic.Bool
}

// cache keeps sessions for cacheFor. Ending any session on this replica makes
// all entries stale, those included that are being read at this moment: that
// costs one read each, and no order of events can leave an ended one behind.
type cache struct {
	mu      sync.RWMutex
	entries map[SessionID]*Entry
	epoch   atomic.Uint64
}

func (c *cache) get(id SessionID, now time.Time) *Entry {
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
func (c *cache) put(e *Entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil || len(c.entries) >= cacheMax {
		c.entries = make(map[SessionID]*Entry)
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

// Current returns the session of a request, with tokens that are good.
// ErrNoSession means that there is none; any other error says nothing of it.
func (rp *Party) Current(r *http.Request) (*Entry, error) {
	id, ok := rp.Presented(r)
	if !ok {
		return nil, ErrNoSession
	}
	e, err := rp.Good(r.Context(), id)
	if err == nil {
		rp.touch(r.Context(), e, rp.Now())
	}
	return e, err
}

// Good returns a session whose tokens are good. It does not count as a use.
func (rp *Party) Good(ctx context.Context, id SessionID) (*Entry, error) {
	e, err := rp.load(ctx, id)
	if err != nil {
		return nil, err
	}
	now := rp.Now()
	if !now.Before(e.Expires) {
		return nil, ErrNoSession
	}
	if e.Due(now) {
		return rp.renew(ctx, e)
	}
	return e, nil
}

// Still asks whether a session that was read before is good still: something
// may have ended since, on this replica or, since it was put into the cache, on
// another. ErrNoSession means that it has.
func (rp *Party) Still(ctx context.Context, e *Entry) error {
	if e.epoch == rp.cache.epoch.Load() {
		return nil
	}
	_, err := rp.read(ctx, e.ID)
	return err
}

// Ended returns which sessions are no more.
func (rp *Party) Ended(ctx context.Context, ids []SessionID) ([]SessionID, error) {
	ctx, cancel := context.WithTimeout(ctx, storeWait)
	defer cancel()
	if ender, ok := rp.Sessions.(Ender); ok {
		return ender.Ended(ctx, ids)
	}
	var out []SessionID
	for _, id := range ids {
		x, err := rp.Sessions.Get(ctx, id)
		switch {
		case errors.Is(err, ErrNoSession):
			out = append(out, id)
		case err != nil:
			return out, err
		case !rp.Now().Before(x.Expires):
			out = append(out, id)
		}
	}
	return out, nil
}

// Forget makes this replica read every session anew.
func (rp *Party) Forget() { rp.cache.flush() }

// load reads a session, from the cache or, once for all that wait, from the store.
func (rp *Party) load(ctx context.Context, id SessionID) (*Entry, error) {
	if e := rp.cache.get(id, rp.Now()); e != nil {
		return e, nil
	}
	return rp.await(ctx, id)
}

func (rp *Party) await(ctx context.Context, id SessionID) (*Entry, error) {
	loaded := rp.loads.DoChan(string(id[:]), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeWait)
		defer cancel()
		return rp.read(ctx, id)
	})
	select {
	case <-ctx.Done():
		return nil, later("reading a session", ctx.Err())
	case r := <-loaded:
		if r.Err != nil {
			return nil, r.Err
		}
		e := r.Val.(*Entry)
		if e.epoch != rp.cache.epoch.Load() {
			// Something ended while others waited for this read: only a read of
			// one's own tells whether it was this session.
			return rp.read(ctx, id)
		}
		return e, nil
	}
}

// read reads a session from the store.
func (rp *Party) read(ctx context.Context, id SessionID) (*Entry, error) {
	epoch := rp.cache.epoch.Load()
	session, err := rp.Sessions.Get(ctx, id)
	if err != nil {
		return nil, storeFault("reading a session", err)
	}
	return rp.keep(session, epoch)
}

// keep puts a session that was read in the given epoch into the cache.
func (rp *Party) keep(session Session, epoch uint64) (*Entry, error) {
	if session.Site != rp.Settings.Name || session.Issuer != rp.Settings.Issuer {
		return nil, ErrNoSession // another site's cookie, or the configuration has changed its issuer
	}
	e := &Entry{Session: session, read: rp.Now(), epoch: epoch}
	if rp.Derive != nil {
		derived, err := rp.Derive(&session)
		if err != nil {
			return nil, err
		}
		e.Derived = derived
	}
	rp.cache.put(e)
	return e, nil
}

// touchEvery is how often the use of a session is written.
func (rp *Party) touchEvery() time.Duration { return min(time.Minute, rp.Settings.Idle/4) }

// touch writes that a session is in use, rarely. A failure costs idle time
// only, and is tried again with the next read.
func (rp *Party) touch(ctx context.Context, e *Entry, now time.Time) {
	if now.Sub(e.Used) < rp.touchEvery() || e.touching.Swap(true) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeWait)
	defer cancel()
	_, err := rp.Sessions.Update(ctx, e.ID, func(x *Session) error {
		if now.Sub(x.Used) >= rp.touchEvery() && now.Before(x.Expires) {
			x.Used = now
			x.Expires = rp.expiry(x, now)
		}
		return nil
	})
	if err != nil {
		rp.Log.WarnContext(ctx, "writing the use of a session", "error", err)
	}
}

// expiry is when a session ends that is used now.
func (rp *Party) expiry(x *Session, now time.Time) time.Time {
	end := x.Created.Add(rp.Settings.Absolute)
	if idle := now.Add(rp.Settings.Idle); idle.Before(end) {
		end = idle
	}
	if x.RefreshToken == "" && x.TokenExpires.Before(end) {
		end = x.TokenExpires
	}
	return end
}

// end ends sessions, durably and at once on this replica. It returns how many.
func (rp *Party) end(ctx context.Context, m Match, cause string) (int, error) {
	n, err := rp.Sessions.End(ctx, m)
	if err != nil {
		return 0, storeFault("ending a session", err)
	}
	rp.cache.flush()
	if rp.Over != nil {
		rp.Over(m.hits)
	}
	rp.meter().Ended(cause, n)
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
