package audittest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/schleuse/schleuse/sidecar/audit"
)

// Log keeps entries in memory. The zero value is ready. It is safe for
// concurrent use.
type Log struct {
	Now func() time.Time // the time of entries that have none; time.Now where nil

	mu      sync.Mutex
	entries []audit.Entry
	err     error
}

// Append keeps the entry, or returns what FailWith set. Like a real log it
// refuses an entry without phase or action.
func (l *Log) Append(ctx context.Context, e audit.Entry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	if e.Time.IsZero() {
		e.Time = l.now()
	}
	if err := e.Validate(); err != nil {
		return err
	}
	if e.Person == "" {
		e.Detail = nil
	}
	l.entries = append(l.entries, e)
	return nil
}

func (l *Log) now() time.Time {
	if l.Now == nil {
		return time.Now()
	}
	return l.Now()
}

// FailWith makes Append fail from now on; nil mends it.
func (l *Log) FailWith(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
}

// Entries returns what was appended, oldest first.
func (l *Log) Entries() []audit.Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.entries)
}

// Actions returns the actions of Entries.
func (l *Log) Actions() []string {
	var out []string
	for _, e := range l.Entries() {
		out = append(out, e.Action)
	}
	return out
}
