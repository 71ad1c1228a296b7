package webhooks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/schleuse/schleuse/sidecar/extension"
)

// Bounds of what is laid aside.
const (
	maxDead  = 300                 // of one client, the newest
	keepDead = 30 * 24 * time.Hour // since the last one was laid aside
	maxTurns = 20                  // of a change that others overtake
)

// Letter is a message that could not be delivered.
type Letter struct {
	ID    string    `json:"id"` // of the approval
	State string    `json:"state"`
	At    time.Time `json:"at"`   // when the state was reached
	Laid  time.Time `json:"laid"` // when it was laid aside
	Why   string    `json:"why"`  // a fixed word or a status
}

// why tells the cause in a word.
func why(err error) string {
	var answered refused
	switch {
	case errors.As(err, &answered):
		return answered.Error()
	case errors.Is(err, errPrivate):
		return "the address is not a public one"
	case errors.Is(err, extension.ErrUndeliverable):
		return "the client has no endpoint any more"
	default:
		return "no answer"
	}
}

// Dead returns the client's dead letters, oldest first.
func (s *Sender) Dead(ctx context.Context, client string) ([]Letter, error) {
	letters, _, err := s.letters(ctx, client)
	return letters, err
}

// Replay sends those dead letters of the client again that are about this
// approval, all of them for "". It returns how many.
func (s *Sender) Replay(ctx context.Context, client, id string) (int, error) {
	letters, _, err := s.letters(ctx, client)
	if err != nil {
		return 0, err
	}
	count := 0
	for _, l := range letters {
		if id != "" && l.ID != id {
			continue
		}
		if err := s.again(ctx, client, l); err != nil {
			return count, err
		}
		count++
	}
	return count, nil
}

// again queues the letter before it is taken off the list: what is queued
// twice is sent once.
func (s *Sender) again(ctx context.Context, client string, l Letter) error {
	n := note{Client: client, ID: l.ID, State: l.State, At: s.Now().UTC()}
	body, err := json.Marshal(n)
	if err != nil {
		return err
	}
	if err := s.Outbox(Outbox(client)).Put(ctx, n.key(), body, Keep); err != nil {
		return fmt.Errorf("queueing a dead letter: %w", err)
	}
	return s.change(ctx, client, func(letters []Letter) []Letter {
		return slices.DeleteFunc(letters, func(o Letter) bool { return o.ID == l.ID && o.State == l.State })
	})
}

// lay keeps a message that is given up.
func (s *Sender) lay(ctx context.Context, n note, cause string) error {
	l := Letter{ID: n.ID, State: n.State, At: n.At, Laid: s.Now().UTC(), Why: cause}
	return s.change(ctx, n.Client, func(letters []Letter) []Letter {
		letters = slices.DeleteFunc(letters, func(o Letter) bool { return o.ID == l.ID && o.State == l.State })
		letters = append(letters, l)
		return letters[max(0, len(letters)-maxDead):]
	})
}

func (s *Sender) letters(ctx context.Context, client string) (letters []Letter, version int64, err error) {
	raw, version, err := s.Records.Get(ctx, client)
	if err == nil && raw != nil {
		err = json.Unmarshal(raw, &letters)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("reading dead letters: %w", err)
	}
	return letters, version, nil
}

func (s *Sender) change(ctx context.Context, client string, do func([]Letter) []Letter) error {
	for range maxTurns {
		letters, version, err := s.letters(ctx, client)
		if err != nil {
			return err
		}
		raw, err := json.Marshal(do(letters))
		if err != nil {
			return err
		}
		err = s.Records.Put(ctx, client, version, raw, keepDead)
		if err == nil || !errors.Is(err, extension.ErrStale) {
			return err
		}
	}
	return fmt.Errorf("changing dead letters: %w", extension.ErrStale)
}
