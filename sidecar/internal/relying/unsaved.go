package relying

import (
	"sync"
	"time"
)

// unsavedMax is how many sessions' new tokens are kept while the store is away.
const unsavedMax = 10_000

// renewed is a session with new tokens, and the refresh token that they were got with.
type renewed struct {
	Session
	from string
}

// unsaved keeps new tokens that the store did not take: with rotating refresh
// tokens (RFC 9700 section 4.14.2) they are all that the session has.
type unsaved struct {
	mu sync.Mutex
	m  map[SessionID]renewed
}

func (u *unsaved) put(next renewed) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.m == nil {
		u.m = make(map[SessionID]renewed)
	}
	if len(u.m) < unsavedMax {
		u.m[next.ID] = next
	}
}

func (u *unsaved) get(id SessionID) (renewed, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	next, ok := u.m[id]
	return next, ok
}

func (u *unsaved) drop(id SessionID) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.m, id)
}

// sweep forgets sessions that are over.
func (u *unsaved) sweep(now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for id, next := range u.m {
		if !now.Before(next.Expires) {
			delete(u.m, id)
		}
	}
}
