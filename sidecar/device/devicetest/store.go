package devicetest

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/device"
)

// Store implements device.Store and device.Permits in memory. It is safe for
// concurrent use; all changes exclude each other.
type Store struct {
	Now func() time.Time // nil = time.Now
	// News is where it is queued what people must be told; nil: nowhere.
	News device.Tasks

	mu      sync.Mutex
	phones  map[device.ID]device.Device
	permits map[string]*permit // by what was proved
	broken  error
}

type permit struct {
	device.Permit
	used bool
}

func (p permit) of(sid account.SID, client string) bool {
	return p.Session == sid && p.Client == client
}

// Break makes every call return err; nil mends it.
func (s *Store) Break(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = err
}

// Put stores a phone as it is, whatever was there.
func (s *Store) Put(d device.Device) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(d)
}

func (s *Store) put(d device.Device) {
	if s.phones == nil {
		s.phones = map[device.ID]device.Device{}
	}
	s.phones[d.ID] = d
}

func (s *Store) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

// enter begins a call: with the lock held unless there is an error.
func (s *Store) enter(ctx context.Context) error {
	s.mu.Lock()
	err := cmp.Or(ctx.Err(), s.broken)
	if err != nil {
		s.mu.Unlock()
	}
	return err
}

func (s *Store) find(id device.ID) (device.Device, error) {
	d, ok := s.phones[id]
	if !ok || s.gone(d) {
		return device.Device{}, device.ErrNoDevice
	}
	return d, nil
}

func (s *Store) gone(d device.Device) bool {
	return d.State == device.Blocked && !d.Ended.Add(device.KeepsBlocked).After(s.now())
}

// Get implements device.Store.
func (s *Store) Get(ctx context.Context, id device.ID) (device.Device, error) {
	if err := s.enter(ctx); err != nil {
		return device.Device{}, err
	}
	defer s.mu.Unlock()
	return s.find(id)
}

// ByKey implements device.Store.
func (s *Store) ByKey(ctx context.Context, thumbprint string) (device.Device, error) {
	if err := s.enter(ctx); err != nil {
		return device.Device{}, err
	}
	defer s.mu.Unlock()
	for _, d := range s.phones {
		if d.Key.Thumbprint() == thumbprint && !s.gone(d) {
			return d, nil
		}
	}
	return device.Device{}, device.ErrNoDevice
}

// Of implements device.Store.
func (s *Store) Of(ctx context.Context, id account.ID) ([]device.Device, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	return s.of(id), nil
}

func (s *Store) of(id account.ID) []device.Device {
	var out []device.Device
	for _, d := range s.phones {
		if d.Account == id && !s.gone(d) {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b device.Device) int {
		return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(a.ID, b.ID))
	})
	return out[:min(len(out), device.MaxKept)]
}

// Update implements device.Store.
func (s *Store) Update(ctx context.Context, id device.ID, fn func(*device.Device) error) (device.Device, error) {
	if err := s.enter(ctx); err != nil {
		return device.Device{}, err
	}
	defer s.mu.Unlock()
	before, err := s.find(id)
	if err != nil {
		return before, err
	}
	after := before
	if err := fn(&after); err != nil {
		return device.Device{}, err
	}
	if err := s.fits(before, after); err != nil {
		return device.Device{}, err
	}
	if err := s.tell(ctx, before, after); err != nil {
		return device.Device{}, err
	}
	s.put(after)
	if before.State == device.Active && after.State != device.Active {
		s.unvouch(after.Account)
	}
	return after, nil
}

// tell queues what people must be told. As any store it refuses a change that
// gives rights and cannot be told.
func (s *Store) tell(ctx context.Context, before, after device.Device) error {
	if s.News == nil {
		return nil
	}
	news, err := device.News(before, after, s.now())
	for _, n := range news {
		err = errors.Join(err, s.News.Queue(ctx, n))
	}
	if after.State != device.Active {
		return nil
	}
	return err
}

func (s *Store) unvouch(id account.ID) {
	for _, p := range s.permits {
		p.used = p.used || p.Account == id && p.ByPhoneAlone()
	}
}

func (s *Store) fits(before, after device.Device) error {
	if err := device.CheckChange(before, after); err != nil {
		return err
	}
	for _, d := range s.phones {
		if d.ID != after.ID && d.Key == after.Key || d.ID == after.ID && before.ID == "" {
			return device.ErrKeyUsed
		}
	}
	return nil
}

// Give implements device.Permits.
func (s *Store) Give(ctx context.Context, p device.Permit) error {
	if err := p.Validate(); err != nil {
		return err
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if old := s.permits[p.Proof]; old != nil && old.Given.Add(device.ProofLife).After(s.now()) {
		return nil
	}
	if s.permits == nil {
		s.permits = map[string]*permit{}
	}
	s.useUp(p.Session, p.Client)
	s.permits[p.Proof] = &permit{Permit: p}
	return nil
}

func (s *Store) permit(sid account.SID, client string) (device.Permit, error) {
	for _, p := range s.permits {
		if p.of(sid, client) && !p.used && p.Expires.After(s.now()) {
			return p.Permit, nil
		}
	}
	return device.Permit{}, device.ErrNoPermit
}

func (s *Store) useUp(sid account.SID, client string) {
	for _, p := range s.permits {
		p.used = p.used || p.of(sid, client)
	}
}

// Look implements device.Permits.
func (s *Store) Look(ctx context.Context, sid account.SID, client string) (device.Permit, error) {
	if err := s.enter(ctx); err != nil {
		return device.Permit{}, err
	}
	defer s.mu.Unlock()
	return s.permit(sid, client)
}

// Use implements device.Permits.
func (s *Store) Use(ctx context.Context, sid account.SID, client string,
	fn func(device.Permit, []device.Device) ([]device.Device, error),
) (device.Device, error) {
	if err := s.enter(ctx); err != nil {
		return device.Device{}, err
	}
	defer s.mu.Unlock()
	p, err := s.permit(sid, client)
	if err != nil {
		return device.Device{}, err
	}
	after, err := fn(p, s.of(p.Account))
	if err != nil {
		return device.Device{}, err
	}
	if err := s.all(ctx, p, after); err != nil {
		return device.Device{}, err
	}
	s.useUp(sid, client)
	return after[0], nil
}

// all stores phones, all or none.
func (s *Store) all(ctx context.Context, p device.Permit, after []device.Device) error {
	if len(after) == 0 {
		return errors.New("a permit is used for nothing")
	}
	was := maps.Clone(s.phones)
	for _, d := range after {
		err := s.fits(s.phones[d.ID], d)
		if err == nil && (d.Account != p.Account || d.Number != p.Number) {
			err = errors.New("a permit is used for another person's phone")
		}
		if err != nil {
			s.phones = was
			return err
		}
		if s.phones[d.ID].State == device.Active && d.State != device.Active {
			s.unvouch(d.Account)
		}
		s.put(d)
	}
	for _, d := range after {
		if err := s.tell(ctx, was[d.ID], d); err != nil {
			s.phones = was
			return err
		}
	}
	s.makeRoom(p.Account)
	return nil
}

// makeRoom forgets the oldest blocked phones over what is kept.
func (s *Store) makeRoom(id account.ID) {
	var blocked []device.Device
	kept := 0
	for _, d := range s.phones {
		if d.Account != id {
			continue
		}
		kept++
		if d.State == device.Blocked {
			blocked = append(blocked, d)
		}
	}
	slices.SortFunc(blocked, func(a, b device.Device) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID)) })
	for _, d := range blocked[:max(0, min(len(blocked), kept-device.MaxKept))] {
		delete(s.phones, d.ID)
	}
}
