package relying

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Limits of the log-out tokens that wait. Who sends many that are forged, while
// the issuer is away, takes places from others; each that arrives is answered
// 503 all the same.
const (
	lateEvery = time.Second
	lateKept  = 500
	lateBytes = 8 << 10 // of one token; Keycloak's have about 1 KiB
)

// late keeps log-out tokens that could not be worked on: the issuer's keys, or
// the store, were away. Keycloak tells once and never again, so the party tries
// by itself. They are in memory alone, therefore their sender was answered 503.
type late struct {
	mu   sync.Mutex
	list []lateToken // oldest first
}

type lateToken struct {
	raw string
	at  time.Time // when it came; it is judged as of then
}

func (l *late) add(raw string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(raw) > lateBytes || len(l.list) >= lateKept {
		return
	}
	for _, t := range l.list {
		if t.raw == raw {
			return
		}
	}
	l.list = append(l.list, lateToken{raw, now})
}

// first returns the oldest that is not too old, and forgets those that are.
func (l *late) first(now time.Time) (lateToken, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.list) > 0 && now.Sub(l.list[0].at) >= logoutMaxAge {
		l.list = l.list[1:]
	}
	if len(l.list) == 0 {
		return lateToken{}, false
	}
	return l.list[0], true
}

// done forgets the oldest.
func (l *late) done(t lateToken) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.list) > 0 && l.list[0] == t {
		l.list = l.list[1:]
	}
}

// catchUp works on the tokens that wait, until one of them has to wait on.
func (rp *Party) catchUp(ctx context.Context) {
	for {
		t, ok := rp.late.first(rp.Now())
		if !ok {
			return
		}
		n, err := rp.obey(ctx, t.raw, t.at)
		switch {
		case err == nil:
			rp.Log.InfoContext(ctx, "the provider ended sessions, heard late", "count", n)
		case !errors.Is(err, errAnswer):
			return
		}
		rp.late.done(t)
	}
}
