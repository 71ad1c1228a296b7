package password

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/member"
	"github.com/schleuse/schleuse/sidecar/notify"
)

// followUp is queued before a change: whatever becomes of the process, the
// sessions of an account with a new password end, and its owner is told. It
// names no change: while it waited, another one may have begun, and come to
// nothing.
type followUp struct{ Number member.KVNR }

const keepFollowUp = 24 * time.Hour

var errUnderWay = errors.New("the change is still under way")

func (s *step) queue(ctx context.Context, a *flow.Attempt) error {
	body, err := json.Marshal(followUp{a.Number})
	if err != nil {
		return err
	}
	return s.host.Outbox.About(extension.Subject{Number: a.Number}).Put(ctx, "change/"+rand.Text(), body, keepFollowUp)
}

// run follows up what a crash has interrupted.
func (s *step) run(ctx context.Context) error { return s.host.Outbox.Deliver(ctx, s.follow) }

func (s *step) follow(ctx context.Context, m extension.Message) error {
	var f followUp
	if err := json.Unmarshal(m.Body, &f); err != nil {
		return fmt.Errorf("%w: %w", extension.ErrUndeliverable, err)
	}
	d, version, err := s.debts.of(ctx, f.Number)
	switch {
	case err != nil:
		return err
	case d.Begun.IsZero():
		return nil // refused, or through: then everything was done on the spot
	case d.busy(s.host.Now()):
		return errUnderWay
	case d.Done:
		return s.tell(ctx, f.Number, d)
	case d.Made:
		return s.settleMade(ctx, f.Number, version, d)
	}
	// Whether the password was set is not known. If it was not, its owner
	// signs in again with the old one; if it was, a thief must not stay.
	if err := s.host.Accounts.EndAll(ctx, d.Account); err != nil && !gone(err) {
		return err
	}
	return s.tell(ctx, f.Number, d)
}

// settleMade finds out whether an interrupted change made an account.
func (s *step) settleMade(ctx context.Context, number member.KVNR, version int64, d debt) error {
	acc, err := s.host.Accounts.Find(ctx, number)
	switch {
	case errors.Is(err, account.ErrNotFound):
		return nil
	case err != nil:
		return err
	case !d.made(acc):
		return nil
	}
	d.Account, d.Done = acc.ID, true
	if err := s.debts.put(ctx, number, version, d); err != nil {
		return err
	}
	return s.tell(ctx, number, d)
}

// tell sends the notice; one that was sent already is not sent again.
func (s *step) tell(ctx context.Context, number member.KVNR, d debt) error {
	n := notify.Notice{Kind: notify.PasswordChanged, ID: "password/" + string(d.Attempt), Number: number, Account: d.Account, At: d.Begun}
	if d.Made {
		n.Kind = notify.AccountCreated
	}
	return s.host.Notify.Send(ctx, n)
}

func gone(err error) bool {
	return errors.Is(err, account.ErrNotFound) || errors.Is(err, account.ErrExempt)
}
