package flowtest

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/flow"
)

// Attempts keeps records in memory.
type Attempts struct {
	Now        func() time.Time
	PerAddress int // how many one address may have; 0 = 50

	mu      sync.Mutex
	broken  error
	records map[flow.AttemptID][]byte
}

// NewAttempts returns an empty store that reads the clock now.
func NewAttempts(now func() time.Time) *Attempts {
	return &Attempts{Now: now, records: map[flow.AttemptID][]byte{}}
}

// Break makes every call return err, until it is nil again.
func (s *Attempts) Break(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = err
}

// Len returns how many records are stored, terminal ones included.
func (s *Attempts) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.records)
}

// Create implements flow.Attempts.
func (s *Attempts) Create(_ context.Context, r flow.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return s.broken
	}
	if _, err := s.load(r.ID); err == nil {
		return errors.New("the attempt exists")
	}
	if err := s.makeRoom(r); err != nil {
		return err
	}
	return s.save(r)
}

// Get implements flow.Attempts.
func (s *Attempts) Get(_ context.Context, id flow.AttemptID) (flow.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.load(id)
}

// Update implements flow.Attempts.
func (s *Attempts) Update(_ context.Context, id flow.AttemptID, fn func(*flow.Record) error) (flow.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.load(id)
	if err != nil {
		return flow.Record{}, err
	}
	if err := fn(&r); err != nil {
		return flow.Record{}, err
	}
	if err := s.save(r); err != nil {
		return flow.Record{}, err
	}
	return s.decode(id)
}

// FailSession implements flow.Attempts.
func (s *Attempts) FailSession(_ context.Context, sid account.SID, denyKey string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return s.broken
	}
	for id := range s.records {
		r, err := s.load(id)
		if err != nil || r.Session != sid || sid == "" || r.Status.Terminal() {
			continue
		}
		r.Status, r.DenyStep, r.DenyKey, r.DenyUntil, r.Held = flow.Failed, "", denyKey, time.Time{}, nil
		if err := s.save(r); err != nil {
			return err
		}
	}
	return nil
}

func (s *Attempts) load(id flow.AttemptID) (flow.Record, error) {
	if s.broken != nil {
		return flow.Record{}, s.broken
	}
	r, err := s.decode(id)
	if err == nil && !s.Now().Before(r.Expires) {
		return flow.Record{}, flow.ErrNoAttempt
	}
	return r, err
}

func (s *Attempts) decode(id flow.AttemptID) (flow.Record, error) {
	raw, ok := s.records[id]
	if !ok {
		return flow.Record{}, flow.ErrNoAttempt
	}
	var r flow.Record
	return r, json.Unmarshal(raw, &r)
}

// save keeps the record as bytes, so that nobody shares memory with it.
func (s *Attempts) save(r flow.Record) error {
	if len(r.Held) > 64<<10 || len(r.State) > 4<<10 {
		return errors.New("the record is over its bounds")
	}
	raw, err := json.Marshal(r)
	if err == nil {
		s.records[r.ID] = raw
	}
	return err
}
