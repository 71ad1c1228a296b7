package relyingtest

import (
	"sync"
	"time"
)

// Clock is a clock that stands until it is advanced.
type Clock struct {
	mu sync.Mutex
	at time.Time
}

// NewClock returns a clock that shows the time of day in whole seconds, as
// tokens do.
func NewClock() *Clock { return &Clock{at: time.Now().Truncate(time.Second)} }

// Now returns what the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}
