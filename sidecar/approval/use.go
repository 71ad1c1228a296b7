package approval

import (
	"context"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/device"
)

// mine returns an approval of the client; another client's does not exist.
func (s *Service) mine(ctx context.Context, client string, id ID) (Approval, error) {
	a, err := s.Store.Get(ctx, id)
	if err != nil {
		return Approval{}, err
	}
	if client == "" || a.Client != client {
		return Approval{}, ErrNoApproval
	}
	return a, nil
}

// Get returns an approval of the client, in the state it is in now.
func (s *Service) Get(ctx context.Context, client string, id ID) (Approval, error) {
	a, err := s.mine(ctx, client, id)
	return s.present(a), err
}

// present returns a with its state now.
func (s *Service) present(a Approval) Approval {
	a.State = a.StateAt(s.Now())
	return a
}

// Wait returns the approval as soon as its state is not seen, or when ctx ends,
// then without an error. It returns ErrBusy when too many of this client, or of
// all clients, wait in this process.
func (s *Service) Wait(ctx context.Context, client string, id ID, seen State) (Approval, error) {
	w, err := s.Watch.JoinFor(client, ofApproval(id))
	if err != nil {
		return Approval{}, err
	}
	defer w.Leave()
	calm := context.WithoutCancel(ctx)
	for {
		a, err := s.Get(calm, client, id)
		if err != nil || a.State != seen || a.State.Final() || ctx.Err() != nil {
			return a, err
		}
		if !s.rest(ctx, w, a.Expires) {
			return s.present(a), nil
		}
	}
}

// rest sleeps until a change or the time, and returns false at the end of ctx:
// then what was read last is true still, or the waiter would have been woken.
// When the program stops all who wait come to their end at once, and must not
// all ask the database.
func (s *Service) rest(ctx context.Context, w *Waiter, until time.Time) bool {
	over := time.NewTimer(until.Sub(s.Now()))
	defer over.Stop()
	select {
	case <-w.C:
		return true
	case <-over.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// List returns approvals of the client, newest first.
func (s *Service) List(ctx context.Context, client string, q Query) ([]Approval, error) {
	if client == "" {
		return nil, ErrForbidden
	}
	q.Client = client
	return s.list(ctx, q)
}

func (s *Service) list(ctx context.Context, q Query) ([]Approval, error) {
	all, err := s.Store.List(ctx, q)
	for i, a := range all {
		all[i] = s.present(a)
	}
	return all, err
}

// Cancel voids an approval of the client that was not redeemed. Doing so again
// is no error; ErrOver (*Over) tells that it had ended otherwise.
func (s *Service) Cancel(ctx context.Context, client string, id ID) (Approval, error) {
	if _, err := s.mine(ctx, client, id); err != nil {
		return Approval{}, err
	}
	return s.end(ctx, id, Cancelled, ByClient)
}

// Void cancels an approval of whatever client, for the operator.
func (s *Service) Void(ctx context.Context, id ID) (Approval, error) {
	return s.end(ctx, id, Cancelled, ByOperator)
}

// VoidAll cancels all that is pending or approved of an account.
func (s *Service) VoidAll(ctx context.Context, id account.ID, reason string) error {
	open, err := s.Store.List(ctx, Query{Account: id, States: []State{Pending, Approved}})
	if err != nil {
		return err
	}
	for _, a := range open {
		if _, err := s.end(ctx, a.ID, Cancelled, reason); err != nil && result(err) == "failed" {
			return err
		}
	}
	return nil
}

// end moves an approval that is not final to state.
func (s *Service) end(ctx context.Context, id ID, state State, reason string) (Approval, error) {
	moved := false
	a, err := s.Store.Update(ctx, id, "", func(a *Approval, _ *device.Device) error {
		moved = false
		switch now := a.StateAt(s.Now()); {
		case now == state:
			return nil
		case now.Final():
			return &Over{now, a.Reason}
		}
		a.State, a.Reason, a.Decided, moved = state, reason, s.Now(), true
		return nil
	})
	if err != nil || !moved {
		return s.present(a), err
	}
	s.moved(a, Ended)
	return a, s.noteEnd(ctx, a)
}

// noteEnd writes how an approval ended. It is written after the fact: that
// nothing is executed must not wait for the audit.
func (s *Service) noteEnd(ctx context.Context, a Approval) error {
	detail := map[string]string{"reason": a.Reason}
	if a.Device != "" {
		detail["device"] = string(a.Device)
	}
	return s.note(ctx, a, audit.Entry{Phase: audit.Fact, Action: "approval." + a.State.String(), Result: "ok", Detail: detail})
}

// Lapse stores that approvals are over whose time ended or that a restored
// backup brought back, at most 100, and returns how many.
func (s *Service) Lapse(ctx context.Context) (n int, err error) {
	over, err := s.Store.List(ctx, Query{Lapsed: true})
	if err != nil {
		return 0, err
	}
	for _, a := range over {
		if err := s.lapse(ctx, a.ID); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func (s *Service) lapse(ctx context.Context, id ID) error {
	moved := false
	a, err := s.Store.Update(ctx, id, "", func(a *Approval, _ *device.Device) error {
		moved = a.State == Cancelled && a.Reason == Restored
		if !a.State.Final() && a.StateAt(s.Now()) == Expired {
			a.State, moved = Expired, true
		}
		return nil
	})
	if err != nil || !moved {
		return err
	}
	s.moved(a, Ended)
	return s.noteEnd(ctx, a)
}
