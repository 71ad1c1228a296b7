package http

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/schleuse/schleuse/sidecar/member"
)

// maxKept bounds the answers that are kept.
const maxKept = 10_000

// kept is an answer that may be used again.
type kept struct {
	member member.Member
	found  bool
	asked  time.Time
}

// directory answers from the service.
type directory struct {
	service *service
	config  Config
	parser  parser
	now     func() time.Time
	cache   *otter.Cache[member.KVNR, kept] // nil = nothing is kept
}

func newDirectory(c Config, s *service, now func() time.Time) (*directory, error) {
	zone, err := time.LoadLocation(member.Zone)
	if err != nil {
		return nil, err
	}
	d := &directory{service: s, config: c, parser: parser{zone}, now: now}
	if c.Keep > 0 {
		d.cache, err = otter.New(&otter.Options[member.KVNR, kept]{
			MaximumSize: maxKept, ExpiryCalculator: otter.ExpiryWriting[member.KVNR, kept](c.Keep),
		})
	}
	return d, err
}

// Find implements member.Directory.
func (d *directory) Find(ctx context.Context, number member.KVNR) (member.Member, error) {
	k, ok := d.remembered(number)
	if !ok {
		var err error
		if k, err = d.fresh(ctx, number); err != nil {
			return member.Member{}, err
		}
	}
	if !k.found {
		return member.Member{}, member.ErrNotFound
	}
	m := k.member
	m.Cards = slices.Clone(m.Cards)
	return m, nil
}

func (d *directory) remembered(number member.KVNR) (kept, bool) {
	if d.cache == nil {
		return kept{}, false
	}
	k, ok := d.cache.GetIfPresent(number)
	return k, ok && d.now().Before(k.asked.Add(d.config.Keep))
}

// fresh asks the service. That there is nobody is kept as well: it must not be
// quicker or slower to ask for.
func (d *directory) fresh(ctx context.Context, number member.KVNR) (kept, error) {
	k := kept{asked: d.now()}
	raw, err := d.service.ask(ctx, d.config.URL, number, maxRecord)
	if err == nil {
		k.found = true
		k.member, err = d.parser.one(raw, number)
	}
	switch {
	case errors.Is(err, member.ErrUnavailable):
		return kept{}, err
	case err != nil && !errors.Is(err, member.ErrNotFound):
		return kept{}, unavailable(err)
	}
	if d.cache != nil {
		d.cache.Set(number, k)
	}
	return k, nil
}

// knowing is a directory whose service tells of namesakes.
type knowing struct{ *directory }

// Namesakes implements member.Namesaker. Nothing is kept: it is asked once for
// an identification.
func (d knowing) Namesakes(ctx context.Context, number member.KVNR) ([]member.Member, error) {
	raw, err := d.service.ask(ctx, d.config.NamesakesURL, number, maxNamesakes)
	if err != nil {
		return nil, err
	}
	people, err := d.parser.several(raw, number)
	if err != nil {
		return nil, unavailable(err)
	}
	return people, nil
}
