package membertest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/schleuse/schleuse/sidecar/ident"
	"github.com/schleuse/schleuse/sidecar/member"
)

// Directory keeps members in memory. It is safe for concurrent use.
type Directory struct {
	mu      sync.Mutex
	members map[member.KVNR]member.Member
	broken  error
	asked   int
}

// New returns a directory of these members.
func New(members ...member.Member) *Directory {
	d := &Directory{members: map[member.KVNR]member.Member{}}
	for _, m := range members {
		d.Put(m)
	}
	return d
}

// Put adds a member, or replaces the one with this number.
func (d *Directory) Put(m member.Member) {
	d.mu.Lock()
	defer d.mu.Unlock()
	m.Cards = slices.Clone(m.Cards)
	d.members[m.KVNR] = m
}

// Break makes the directory unavailable for this cause; nil mends it.
func (d *Directory) Break(cause error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.broken = cause
}

// Asked returns how often Find was called.
func (d *Directory) Asked() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked
}

// Find implements member.Directory.
func (d *Directory) Find(ctx context.Context, number member.KVNR) (member.Member, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked++
	return d.find(ctx, number)
}

// Namesakes implements member.Namesaker.
func (d *Directory) Namesakes(ctx context.Context, number member.KVNR) ([]member.Member, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	m, err := d.find(ctx, number)
	if err != nil {
		return nil, err
	}
	var out []member.Member
	for _, n := range slices.Sorted(maps.Keys(d.members)) {
		if other := d.members[n]; ident.Namesake(m, other) && len(out) < member.MaxNamesakes {
			other.Cards = slices.Clone(other.Cards)
			out = append(out, other)
		}
	}
	return out, nil
}

func (d *Directory) find(ctx context.Context, number member.KVNR) (member.Member, error) {
	if err := ctx.Err(); err != nil {
		return member.Member{}, fmt.Errorf("%w: %w", member.ErrUnavailable, err)
	}
	if d.broken != nil {
		return member.Member{}, fmt.Errorf("%w: %w", member.ErrUnavailable, d.broken)
	}
	m, ok := d.members[number]
	if !ok {
		return member.Member{}, member.ErrNotFound
	}
	m.Cards = slices.Clone(m.Cards)
	return m, nil
}
