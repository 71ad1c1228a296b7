package extensiontest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension"
)

// Counters is an extension.Counters in memory. It is safe for concurrent use.
type Counters struct {
	now func() time.Time

	mu     sync.Mutex
	tries  map[counterKey]tries
	broken error
	names  []string
}

type counterKey struct{ name, subject string }

type tries struct {
	n    int
	last time.Time
}

// NewCounters returns counters that stand at zero.
func NewCounters(now func() time.Time) *Counters {
	return &Counters{now: now, tries: map[counterKey]tries{}}
}

// Break makes every call return err and count nothing; nil mends it.
func (c *Counters) Break(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = err
}

// Tries returns how many tries of a limit stand, for any subject.
func (c *Counters) Tries(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for key := range c.tries {
		if key.name == name {
			n += c.count(extension.Limit{Name: key.name, Subject: key.subject}).n
		}
	}
	return n
}

// Taken returns the names of the limits that were taken so far.
func (c *Counters) Taken() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.names)
}

// Subjects returns what was counted for, sorted.
func (c *Counters) Subjects() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for key := range maps.Keys(c.tries) {
		out = append(out, key.subject)
	}
	slices.Sort(out)
	return out
}

// count returns the tries of a limit that are not forgotten.
func (c *Counters) count(l extension.Limit) tries {
	t := c.tries[counterKey{l.Name, l.Subject}]
	if l.Window > 0 && !c.now().Before(t.last.Add(l.Window)) {
		return tries{}
	}
	return t
}

// tightest answers for the limit with the fewest tries left; of several that
// are used up, for the one that is free last.
func (c *Counters) tightest(limits []extension.Limit) (extension.Taken, error) {
	if c.broken != nil {
		return extension.Taken{}, c.broken
	}
	if len(limits) == 0 || len(limits) > 16 {
		return extension.Taken{}, errors.New("no limit, or more than 16")
	}
	var tight extension.Taken
	for i, l := range limits {
		if l.Name == "" || l.Subject == "" || l.Max < 1 || l.Window < 0 {
			return extension.Taken{}, errors.New("an incomplete limit")
		}
		t := c.count(l)
		this := extension.Taken{OK: t.n < l.Max, Left: max(0, l.Max-t.n), Limit: l.Name}
		if l.Window > 0 && t.n > 0 {
			this.Until = t.last.Add(l.Window)
		}
		if i == 0 || this.Left < tight.Left || this.Left == 0 && tight.Left == 0 && later(this.Until, tight.Until) {
			tight = this
		}
	}
	return tight, nil
}

// later reports whether a is later than b; the zero time is latest of all.
func later(a, b time.Time) bool { return !b.IsZero() && (a.IsZero() || a.After(b)) }

// Take implements extension.Counters.
func (c *Counters) Take(_ context.Context, limits ...extension.Limit) (extension.Taken, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken, err := c.tightest(limits)
	if err != nil || !taken.OK {
		return taken, err
	}
	for _, l := range limits {
		c.tries[counterKey{l.Name, l.Subject}] = tries{c.count(l).n + 1, c.now()}
		c.names = append(c.names, l.Name)
	}
	taken, err = c.tightest(limits)
	taken.OK = true
	return taken, err
}

// Refund implements extension.Counters.
func (c *Counters) Refund(_ context.Context, limits ...extension.Limit) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := c.tightest(limits); err != nil {
		return err
	}
	for _, l := range limits {
		if t := c.count(l); t.n > 0 {
			c.tries[counterKey{l.Name, l.Subject}] = tries{t.n - 1, t.last}
		}
	}
	return nil
}

// Look implements extension.Counters.
func (c *Counters) Look(_ context.Context, limits ...extension.Limit) (extension.Taken, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tightest(limits)
}

// Clear implements extension.Counters.
func (c *Counters) Clear(_ context.Context, limits ...extension.Limit) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := c.tightest(limits); err != nil {
		return err
	}
	for _, l := range limits {
		delete(c.tries, counterKey{l.Name, l.Subject})
	}
	return nil
}
