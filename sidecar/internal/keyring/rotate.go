package keyring

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// MaxVersions bounds how many versions of a key there are: every look-up tries
// them all.
const MaxVersions = 8

// Rotate adds a version that becomes primary ActivationDelay after now. It
// changes this ring only; Save makes it known to the others. Rotating again
// before that time is an error: some replica would seal under a key that
// another has not yet read.
func (r *Ring) Rotate(p Purpose, now time.Time) (KeyID, error) {
	if !p.Valid() {
		return "", fmt.Errorf("no purpose %q", p)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	all := *r.keys.Load()
	switch newest := all[p][0]; {
	case len(all[p]) >= MaxVersions:
		return "", fmt.Errorf("%s has %d versions: retire one first", p, MaxVersions)
	case newest.active.After(now):
		return "", fmt.Errorf("key %s of %s becomes primary at %s only: rotate after that",
			newest.id, p, newest.active.UTC().Format(time.RFC3339))
	}
	v, err := newVersion(p, now, now.Add(ActivationDelay))
	if err != nil {
		return "", err
	}
	next := maps.Clone(all)
	next[p] = slices.Concat([]version{v}, all[p])
	r.keys.Store(&next)
	return v.id, nil
}

// Retire removes a version for good and returns what that voids (see
// Purpose.Voids). The primary, and the version that was primary less than
// ActivationDelay ago, cannot be retired.
func (r *Ring) Retire(p Purpose, id KeyID, now time.Time) (voids string, err error) {
	if !p.Valid() {
		return "", fmt.Errorf("no purpose %q", p)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	all := *r.keys.Load()
	at := slices.IndexFunc(all[p], func(v version) bool { return v.id == id })
	if at < 0 {
		return "", fmt.Errorf("retiring %s of %s: %w", id, p, ErrNoKey)
	}
	if settled := now.Add(-ActivationDelay); !slices.ContainsFunc(all[p][:at], func(v version) bool {
		return !v.active.After(settled)
	}) {
		return "", fmt.Errorf("key %s of %s is or may still be in use: rotate first, and wait %s after the new key has become primary",
			id, p, ActivationDelay)
	}
	next := maps.Clone(all)
	next[p] = slices.Delete(slices.Clone(all[p]), at, at+1)
	r.keys.Store(&next)
	return p.Voids(), nil
}
