package flow

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/fault"
)

// Draft returns an engine whose one attempt is this record, under the empty
// id, and of which nothing is stored: the caller keeps the Record of each
// Position and brings it again, where no browser can change it. A browser may
// bring an older one; that it can do no harm is because a draft proves nothing
// and costs nothing.
//
// Look, Answer, Choose and Ways work as they do on what is stored, and three
// things are different. The steps in front are asked, first, and may set the
// Number. When they are through, a login's draft is at its end (Outcome Done:
// Keycloak's own login is next), while any other goes on behind them. And what
// is asked there may say Keep: then the Outcome is that and nothing has moved;
// the caller stores the draft by Keep and gives what came in to Answer again.
func (e *Engine) Draft(r Record) *Engine {
	own := Record{
		Attempt: r.Attempt, Status: r.Status, Skipped: r.Skipped, Denied: r.Denied,
		DenyStep: r.DenyStep, DenyKey: r.DenyKey, DenyUntil: r.DenyUntil,
	}
	own.ID, own.Account, own.Session, own.Kinds = "", "", "", nil
	if own.Status != Failed {
		own.Status = Open
	}
	drafting := *e
	drafting.Attempts = &drafted{own}
	return &drafting
}

// Keep stores a draft that stands behind the steps in front, with its
// progress, under the secret that the browser holds of it from now on. Nobody
// else may know it; the same secret for the same draft makes sure that a
// repetition finds what was kept. held is what is given back at the end. It
// returns ErrTooManyAttempts as the store does, and ErrNotReady when the draft
// has nothing to be kept for.
func (e *Engine) Keep(ctx context.Context, secret Secret, draft Record, held []byte) error {
	plan := e.Plans[draft.Flow]
	d := next(plan, draft)
	if draft.ID != "" || plan.Keycloak || d.act != ask || d.place != Behind || draft.Number == "" || secret == (Secret{}) {
		return ErrNotReady
	}
	draft.Held, draft.Proofs, draft.Kinds, draft.Account, draft.Session = held, nil, nil, "", ""
	return e.create(ctx, secret, draft)
}

// create stores a record under a secret.
func (e *Engine) create(ctx context.Context, secret Secret, r Record) error {
	if len(r.Held) > maxHeld {
		return fault.New(fault.TooLarge, "later", errors.New("what is withheld is over 64 KiB"))
	}
	r.ID, r.Status, r.Created = secret.ID(), Open, e.Now()
	r.Expires = r.Created.Add(e.lifetime(r.Flow))
	r.Parked = r.Parked[:min(len(r.Parked), maxParked)]
	return e.Attempts.Create(ctx, r)
}

func (e *Engine) lifetime(flow Name) time.Duration {
	switch {
	case !flow.Holds():
		return UnprovenLifetime
	case e.Lifetime > 0:
		return e.Lifetime
	}
	return DefaultLifetime
}

// enter turns a draft to another flow. What was passed in front stays passed.
func enter(r *Record, flow Name) {
	r.Flow, r.Denied = flow, nil
	r.DenyStep, r.DenyKey, r.DenyUntil = "", "", time.Time{}
	turnTo(r, "")
}

// drafted is the one record of a draft.
type drafted struct{ record Record }

func (s *drafted) Create(context.Context, Record) error { return errors.ErrUnsupported }

func (s *drafted) Get(_ context.Context, id AttemptID) (Record, error) {
	if id != "" {
		return Record{}, ErrNoAttempt
	}
	r := s.record
	r.Skipped, r.Denied = slices.Clone(r.Skipped), slices.Clone(r.Denied)
	return r, nil
}

func (s *drafted) Update(ctx context.Context, id AttemptID, fn func(*Record) error) (Record, error) {
	r, err := s.Get(ctx, id)
	if err != nil {
		return r, err
	}
	if err := fn(&r); err != nil {
		return Record{}, err
	}
	s.record = r
	return s.Get(ctx, id)
}

func (s *drafted) FailSession(context.Context, account.SID, string) error { return nil }
