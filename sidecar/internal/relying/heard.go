package relying

import (
	"sync"
	"time"
)

// Limits of what is remembered of back-channel log-outs.
const (
	heardFor = time.Minute // longer than a login takes from its tokens to its session
	heardMax = 10_000
)

// heard remembers what the provider has ended lately. A log-out may arrive
// between the tokens of a login and its session: there is nothing to end then,
// and it is not told again. Another replica's login in that moment lives until
// its first refresh.
type heard struct {
	mu   sync.Mutex
	list []word // oldest first
}

type word struct {
	match Match
	at    time.Time
}

func (h *heard) add(m Match, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	keep := 0
	for keep < len(h.list) && (now.Sub(h.list[keep].at) >= heardFor || len(h.list)-keep >= heardMax) {
		keep++
	}
	h.list = append(h.list[keep:], word{m, now})
}

// about reports whether a session was ended since it got its tokens.
func (h *heard) about(x *Session) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range h.list {
		if !w.at.Before(x.Created) && w.match.hits(x) {
			return true
		}
	}
	return false
}
