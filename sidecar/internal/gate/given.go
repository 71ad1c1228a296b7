package gate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/flow"
)

// given moves an attempt on that holds no login, of somebody who has proved who
// they are: its step may give them an account, or give one back. From before
// that until after it nobody who waits for the account goes on.
func (h *handler) given(r *http.Request, rec flow.Record, move moving) (flow.Position, error) {
	if signedIn(rec) || len(rec.Kinds) == 0 || r.Method != http.MethodPost || asksForTime(r) {
		return move(r.Context(), rec.ID)
	}
	// Who hangs up leaves nothing half done here.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), endTime)
	defer cancel()
	err := h.withdraw(ctx, rec)
	var done func(context.Context) error
	if err == nil {
		done, err = h.changing(ctx, rec.Number)
	}
	if err != nil {
		return flow.Position{}, laterFault(err)
	}
	step, cancelStep := context.WithTimeout(r.Context(), stepTime)
	defer cancelStep()
	p, failed := move(step, rec.ID)
	if failed != nil {
		return p, failed // what became of it is not known: the note ahead stands
	}
	after, cancelAfter := context.WithTimeout(context.WithoutCancel(r.Context()), endTime)
	defer cancelAfter()
	if err := done(after); err != nil {
		return p, laterFault(err)
	}
	return p, nil
}

// withdraw takes the role from an account that is about to be given back to
// its owner. It is theirs again once they have seen the review: who leaves
// before has an account in which nothing that was planted opens anything.
func (h *handler) withdraw(ctx context.Context, rec flow.Record) error {
	if rec.Step == flow.Authenticators || !slices.Contains(h.Engine.Plans[rec.Flow].After, rec.Step) {
		return nil
	}
	acc, err := h.Accounts.Find(ctx, rec.Number)
	switch {
	case errors.Is(err, account.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("finding the account: %w", err)
	}
	person, err := h.Accounts.Clearance(ctx, acc.ID)
	if err != nil || person != account.Cleared {
		return err
	}
	e := audit.Entry{Action: "role.withdraw", Step: string(rec.Step), Client: rec.Client, Person: acc.ID, Detail: map[string]string{"reason": string(rec.Flow)}}
	err = h.remote(ctx, e, func() error { return h.Accounts.Withdraw(ctx, acc.ID) })
	h.clear.forget(acc.ID)
	if errors.Is(err, account.ErrExempt) {
		return nil
	}
	return err
}
