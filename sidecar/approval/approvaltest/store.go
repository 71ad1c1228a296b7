package approvaltest

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/device"
)

// Store implements approval.Store, approval.Repeats and approval.Changes in memory. It is safe
// for concurrent use; all changes exclude each other.
type Store struct {
	Now    func() time.Time
	Phones device.Store

	mu     sync.Mutex
	rows   []*row
	once   map[[32]byte]bool
	mark   int64
	broken error
}

type row struct {
	raw    []byte
	client string
	key    approval.Key
	mark   int64
}

func (r *row) read() (a approval.Approval) {
	if err := json.Unmarshal(r.raw, &a); err != nil {
		panic("approvaltest: " + err.Error())
	}
	return a
}

func (r *row) write(a approval.Approval) {
	raw, err := json.Marshal(a)
	if err != nil {
		panic("approvaltest: " + err.Error())
	}
	r.raw = raw
}

// Break makes every call return err; nil mends it.
func (s *Store) Break(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = err
}

func (s *Store) enter(ctx context.Context) error {
	s.mu.Lock()
	if err := errors.Join(ctx.Err(), s.broken); err != nil {
		s.mu.Unlock()
		return err
	}
	return nil
}

// Create implements approval.Store.
func (s *Store) Create(ctx context.Context, a approval.Approval, key approval.Key, admit approval.Admit) (stored approval.Approval, created bool, err error) {
	if err := s.enter(ctx); err != nil {
		return approval.Approval{}, false, err
	}
	defer s.mu.Unlock()
	if a.State != approval.Pending || key.Value == "" {
		return approval.Approval{}, false, errors.New("a new approval is pending and has a key")
	}
	if old, err := s.again(a.Client, key); !errors.Is(err, approval.ErrNoApproval) {
		return old, false, err
	}
	if s.once[key.Origin.Name] {
		return approval.Approval{}, false, approval.ErrOrigin
	}
	changed, refuse := admit(s.recent(a.Account))
	if changed != nil {
		if err := s.replace(*changed); err != nil {
			return approval.Approval{}, false, err
		}
	}
	if refuse != nil {
		return approval.Approval{}, false, refuse
	}
	if key.Origin != (approval.Once{}) {
		if s.once == nil {
			s.once = map[[32]byte]bool{}
		}
		s.once[key.Origin.Name] = true
	}
	r := &row{client: a.Client, key: key}
	r.write(a)
	s.touch(r)
	s.rows = append(s.rows, r)
	return r.read(), true, nil
}

// Again implements approval.Repeats.
func (s *Store) Again(ctx context.Context, client string, key approval.Key) (approval.Approval, error) {
	if err := s.enter(ctx); err != nil {
		return approval.Approval{}, err
	}
	defer s.mu.Unlock()
	return s.again(client, key)
}

func (s *Store) again(client string, key approval.Key) (approval.Approval, error) {
	for _, r := range s.rows {
		if r.client != client || r.key.Value != key.Value {
			continue
		}
		if r.key.Digest != key.Digest {
			return approval.Approval{}, approval.ErrKeyReused
		}
		return r.read(), nil
	}
	return approval.Approval{}, approval.ErrNoApproval
}

// recent returns the person's approvals of a day, newest first.
func (s *Store) recent(id account.ID) []approval.Approval {
	var out []approval.Approval
	for _, r := range slices.Backward(s.rows) {
		a := r.read()
		if a.Account == id && a.Created.After(s.Now().Add(-approval.Recent)) && len(out) < approval.MaxRecent {
			a.State = a.StateAt(s.Now())
			out = append(out, a)
		}
	}
	return out
}

func (s *Store) replace(a approval.Approval) error {
	r := s.row(a.ID)
	if r == nil {
		return approval.ErrNoApproval
	}
	if err := approval.Check(r.read(), a); err != nil {
		return err
	}
	r.write(a)
	s.touch(r)
	return nil
}

func (s *Store) row(id approval.ID) *row {
	for _, r := range s.rows {
		if r.read().ID == id {
			return r
		}
	}
	return nil
}

func (s *Store) touch(r *row) {
	s.mark++
	r.mark = s.mark
}

// Get implements approval.Store.
func (s *Store) Get(ctx context.Context, id approval.ID) (approval.Approval, error) {
	if err := s.enter(ctx); err != nil {
		return approval.Approval{}, err
	}
	defer s.mu.Unlock()
	r := s.row(id)
	if r == nil {
		return approval.Approval{}, approval.ErrNoApproval
	}
	return r.read(), nil
}

// Update implements approval.Store.
func (s *Store) Update(ctx context.Context, id approval.ID, dev device.ID, fn func(*approval.Approval, *device.Device) error) (approval.Approval, error) {
	if err := s.enter(ctx); err != nil {
		return approval.Approval{}, err
	}
	defer s.mu.Unlock()
	r := s.row(id)
	if r == nil {
		return approval.Approval{}, approval.ErrNoApproval
	}
	after := r.read()
	if dev == "" {
		dev = after.Device
	}
	by, err := s.phone(ctx, dev)
	if err != nil {
		return approval.Approval{}, err
	}
	err = fn(&after, by)
	var keep approval.Keep
	if kept := errors.As(err, &keep); err != nil && !kept {
		return approval.Approval{}, err
	}
	if err := s.replace(after); err != nil {
		return approval.Approval{}, err
	}
	return r.read(), keep.Err
}

func (s *Store) phone(ctx context.Context, id device.ID) (*device.Device, error) {
	if id == "" {
		return nil, nil
	}
	d, err := s.Phones.Get(ctx, id)
	if errors.Is(err, device.ErrNoDevice) {
		return nil, nil
	}
	return &d, err
}

// List implements approval.Store.
func (s *Store) List(ctx context.Context, q approval.Query) ([]approval.Approval, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	if q.Limit < 0 || q.Limit > approval.MaxList {
		return nil, errors.New("a list has 1 to 100 approvals")
	}
	limit := q.Limit
	if limit == 0 {
		limit = approval.MaxList
	}
	out, past := []approval.Approval{}, q.Before == ""
	for _, r := range slices.Backward(s.rows) {
		a := r.read()
		if past && len(out) < limit && s.fits(a, q) {
			out = append(out, a)
		}
		past = past || a.ID == q.Before
	}
	return out, nil
}

func (s *Store) fits(a approval.Approval, q approval.Query) bool {
	now := a.StateAt(s.Now())
	return (q.Client == "" || a.Client == q.Client) && (q.Account == "" || a.Account == q.Account) &&
		(len(q.States) == 0 || slices.Contains(q.States, now)) && (!q.Lapsed || now != a.State)
}

// Since implements approval.Changes.
func (s *Store) Since(ctx context.Context, mark int64, limit int) (changes []approval.Change, next int64, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, 0, err
	}
	defer s.mu.Unlock()
	for _, r := range s.rows {
		if r.mark >= mark && len(changes) < limit {
			a := r.read()
			changes = append(changes, approval.Change{ID: a.ID, Account: a.Account})
		}
	}
	return changes, s.mark + 1, nil
}
