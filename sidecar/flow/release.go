package flow

import (
	"context"
	"time"
)

// releasedFor is how long a released attempt still answers its own browser:
// who reloads in that time is not asked twice.
const releasedFor = 10 * time.Minute

// Fail refuses the attempt for good and drops what is withheld. A terminal
// attempt stays as it is. key is of the core's catalogue. Ending the Keycloak
// session is the caller's.
func (e *Engine) Fail(ctx context.Context, id AttemptID, key string) error {
	_, err := e.Attempts.Update(ctx, id, func(r *Record) error {
		if !r.Status.Terminal() {
			fail(r, key)
		}
		return nil
	})
	return err
}

// Supersede is for the stores: it ends a record that gives way to a newer one.
// A terminal record stays as it is.
func (r *Record) Supersede(now time.Time) {
	if r.Status.Terminal() {
		return
	}
	fail(r, Superseded)
	if end := now.Add(SupersededLifetime); (r.Flow.Holds() || len(r.Proofs) == 0) && end.Before(r.Expires) {
		r.Expires = end
	}
}

// MarkCleared records that the person behind a proven attempt is cleared, so
// that what is withheld may leave. It may be repeated. It returns ErrNotReady
// when the attempt is Open or Failed.
func (e *Engine) MarkCleared(ctx context.Context, id AttemptID) error {
	_, err := e.Attempts.Update(ctx, id, func(r *Record) error {
		switch r.Status {
		case Proven:
			r.Status = Cleared
		case Cleared, Released:
		default:
			return ErrNotReady
		}
		return nil
	})
	return err
}

// Waive clears a login without (all) its proofs, for an account that a fresh
// look-up found cleared or exempt meanwhile, and a step-up for a session that
// has passed it in another attempt. It may be repeated. It returns ErrNotReady
// when the attempt is terminal, or is of another flow.
func (e *Engine) Waive(ctx context.Context, id AttemptID) error {
	_, err := e.Attempts.Update(ctx, id, func(r *Record) error {
		if r.Status.Terminal() || r.Flow != Login && r.Flow != Stepup {
			return ErrNotReady
		}
		r.Status = Cleared
		turnTo(r, "")
		return nil
	})
	return err
}

// Take hands out what is withheld in a cleared attempt exactly once: first is
// true for one caller, however many ask at the same time and on however many
// replicas. keep says what of it stays for those who come again within 10
// minutes (nil = nothing); they get that, with first false. keep must be pure.
// Take returns ErrNotReady when the attempt is not cleared, ErrNoAttempt when
// it has expired.
func (e *Engine) Take(ctx context.Context, id AttemptID, keep func(held []byte) []byte) (held []byte, first bool, err error) {
	_, err = e.Attempts.Update(ctx, id, func(r *Record) error {
		held, first = nil, false
		switch r.Status {
		case Released:
			held = r.Held
		case Cleared:
			held, first = r.Held, true
			e.release(r, keep)
		default:
			return ErrNotReady
		}
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	return held, first, nil
}

func (e *Engine) release(r *Record, keep func([]byte) []byte) {
	held := r.Held
	r.Status, r.Held = Released, nil
	if keep != nil {
		r.Held = keep(held)
	}
	// What holds no login stays for its time: its identification served once,
	// and a page from before it would begin anew under the same id.
	if end := e.Now().Add(releasedFor); r.Flow.Holds() && end.Before(r.Expires) {
		r.Expires = end
	}
}
