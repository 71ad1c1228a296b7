package keyring

import (
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// ActivationDelay is how long a rotated key is only read before it becomes
// primary. Kubernetes brings a changed Secret into a pod within about two
// minutes and a Ring reads it within ReloadInterval; ten minutes leave room
// for a replica that starts late.
const ActivationDelay = 10 * time.Minute

// ReloadInterval is how often a loaded Ring looks at its file, at most.
const ReloadInterval = 5 * time.Second

// Ring is a set of keys. It is safe for concurrent use. It is made by Generate
// or Load.
type Ring struct {
	// Now is the clock; it may be set before the first use.
	Now func() time.Time

	keys   atomic.Pointer[keys]
	path   string       // where it was loaded from; empty for a generated one
	looked atomic.Int64 // Unix nanoseconds of the last look at the file

	mu     sync.Mutex // guards changes and reloading
	info   os.FileInfo
	failed error // of the last reload
}

// keys are the versions of each purpose, newest first. It is never changed
// once published.
type keys map[Purpose][]version

// Generate returns a ring with one active key for each purpose.
func Generate(now time.Time) *Ring {
	all := keys{}
	for _, p := range Purposes() {
		v, err := newVersion(p, now, now)
		if err != nil {
			panic("keyring: " + err.Error()) // only a broken random source leads here
		}
		all[p] = []version{v}
	}
	return newRing(all)
}

func newRing(all keys) *Ring {
	r := &Ring{Now: time.Now}
	r.keys.Store(&all)
	return r
}

// versions returns the versions of a purpose with the primary first and then
// the others, newest first. While none is active (a clock far behind) the
// newest leads.
func (r *Ring) versions(p Purpose, want kind) []version {
	if p.kind() != want {
		panic(fmt.Sprintf("keyring: purpose %q is not for this use", p))
	}
	r.reload()
	all := (*r.keys.Load())[p]
	now := r.Now()
	for i, v := range all {
		if v.active.After(now) {
			continue
		}
		if i == 0 {
			return all
		}
		return slices.Concat(all[i:i+1], all[:i], all[i+1:])
	}
	return all
}

// String hides the keys.
func (r *Ring) String() string { return "keyring(hidden)" }

// GoString hides the keys.
func (r *Ring) GoString() string { return r.String() }

// Format hides the keys from every verb of fmt, %+v and %x included.
func (r *Ring) Format(f fmt.State, _ rune) { fmt.Fprint(f, r.String()) }

// LogValue hides the keys.
func (r *Ring) LogValue() slog.Value { return slog.StringValue(r.String()) }

// MarshalJSON hides the keys; only Save writes them.
func (r *Ring) MarshalJSON() ([]byte, error) { return []byte(`"` + r.String() + `"`), nil }

// Info describes a version of a key, without the key.
type Info struct {
	ID      KeyID
	Created time.Time
	Active  time.Time // from when it may be primary
	Primary bool      // it is the one in use now
}

// List returns the versions of a purpose, newest first.
func (r *Ring) List(p Purpose) []Info {
	if !p.Valid() {
		return nil
	}
	primary := r.versions(p, p.kind())[0].id
	var out []Info
	for _, v := range (*r.keys.Load())[p] {
		out = append(out, Info{ID: v.id, Created: v.created, Active: v.active, Primary: v.id == primary})
	}
	return out
}
