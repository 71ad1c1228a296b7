package extensiontest

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension"
)

// Records is an extension.Records in memory. It is safe for concurrent use.
type Records struct {
	*shelf
	about extension.Subject
}

// shelf is what Records of every subject share.
type shelf struct {
	now func() time.Time

	mu     sync.Mutex
	rows   map[string]row
	drawn  int64
	broken error
	used   int
}

type row struct {
	about   extension.Subject
	data    json.RawMessage
	version int64
	expires time.Time
}

// NewRecords returns an empty store.
func NewRecords(now func() time.Time) *Records {
	return &Records{shelf: &shelf{now: now, rows: map[string]row{}}}
}

// About implements extension.Records.
func (r *Records) About(s extension.Subject) extension.Records { return &Records{r.shelf, s} }

// Subject returns whom the living record with this key is about.
func (r *Records) Subject(key string) extension.Subject {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.find(key).about
}

// Break makes every call return err and change nothing; nil mends it.
func (r *Records) Break(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken = err
}

// Used returns how many calls there were.
func (r *Records) Used() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.used
}

// Len returns how many records live.
func (r *Records) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for person := range r.rows {
		if r.find(person).version != 0 {
			n++
		}
	}
	return n
}

func (r *shelf) find(person string) row {
	if w := r.rows[person]; r.now().Before(w.expires) {
		return w
	}
	return row{}
}

// Get implements extension.Records.
func (r *Records) Get(_ context.Context, person string) (json.RawMessage, int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.used++
	if r.broken != nil {
		return nil, 0, r.broken
	}
	w := r.find(person)
	return slices.Clone(w.data), w.version, nil
}

// Put implements extension.Records.
func (r *Records) Put(_ context.Context, person string, version int64, data json.RawMessage, keep time.Duration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.used++
	switch {
	case r.broken != nil:
		return r.broken
	case person == "", len(data) > 64<<10, data != nil && (keep <= 0 || !json.Valid(data)):
		return errors.New("a record of nobody, over 64 KiB, kept for no time, or no JSON")
	case r.find(person).version != version:
		return extension.ErrStale
	case data == nil:
		delete(r.rows, person)
		return nil
	}
	r.drawn++
	r.rows[person] = row{r.about, slices.Clone(data), r.drawn, r.now().Add(keep)}
	return nil
}
