package relyingtest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/schleuse/schleuse/sidecar/internal/relying"
)

// Sessions is a relying.Sessions in memory.
type Sessions struct {
	Now func() time.Time

	mu   sync.Mutex
	all  map[relying.SessionID]relying.Session
	fail error
	gets int
}

// NewSessions returns an empty store.
func NewSessions(now func() time.Time) *Sessions {
	return &Sessions{Now: now, all: make(map[relying.SessionID]relying.Session)}
}

// Fail makes every call return err, until it is called with nil.
func (s *Sessions) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

// Gets returns how often Get was called.
func (s *Sessions) Gets() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gets
}

// All returns what is stored and has not expired.
func (s *Sessions) All() []relying.Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []relying.Session
	for _, x := range s.all {
		if s.Now().Before(x.Expires) {
			out = append(out, x)
		}
	}
	return out
}

// Create stores a session.
func (s *Sessions) Create(_ context.Context, x relying.Session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	if _, ok := s.all[x.ID]; ok {
		return errors.New("a session with this id exists")
	}
	s.all[x.ID] = x
	return nil
}

// Get returns a session.
func (s *Sessions) Get(_ context.Context, id relying.SessionID) (relying.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gets++
	return s.get(id)
}

func (s *Sessions) get(id relying.SessionID) (relying.Session, error) {
	if s.fail != nil {
		return relying.Session{}, s.fail
	}
	x, ok := s.all[id]
	if !ok || !s.Now().Before(x.Expires) {
		return relying.Session{}, relying.ErrNoSession
	}
	return x, nil
}

// Update changes a session.
func (s *Sessions) Update(_ context.Context, id relying.SessionID, fn func(*relying.Session) error) (relying.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, err := s.get(id)
	if err != nil {
		return x, err
	}
	if err := fn(&x); err != nil {
		return relying.Session{}, err
	}
	s.all[id] = x
	return x, nil
}

// End deletes sessions.
func (s *Sessions) End(_ context.Context, m relying.Match) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return 0, s.fail
	}
	if m.ID == nil && (m.Issuer == "" || m.Subject == "" && m.SID == "") {
		return 0, errors.New("an empty match")
	}
	n := 0
	for id, x := range s.all {
		if m.ID != nil && id == *m.ID || m.ID == nil && matches(m, x) {
			delete(s.all, id)
			n++
		}
	}
	return n, nil
}

func matches(m relying.Match, x relying.Session) bool {
	return m.Issuer == x.Issuer && (m.Subject == "" || m.Subject == x.Subject) && (m.SID == "" || m.SID == x.SID)
}

// Ended implements relying.Ender.
func (s *Sessions) Ended(_ context.Context, ids []relying.SessionID) ([]relying.SessionID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return nil, s.fail
	}
	var out []relying.SessionID
	for _, id := range ids {
		if x, ok := s.all[id]; !ok || !s.Now().Before(x.Expires) {
			out = append(out, id)
		}
	}
	return out, nil
}
