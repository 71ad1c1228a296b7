package gate

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
	"github.com/schleuse/schleuse/sidecar/member"
	"github.com/schleuse/schleuse/sidecar/notify"
)

// undo takes back what was on its way to Keycloak while the account became
// somebody else's: perhaps the password is now that of the one who waited. It
// becomes nobody's; the owner is told, and sets another by a recovery. What
// fails here is tried again by follow.
func (h *handler) undo(ctx context.Context, x *exchange, whose []member.KVNR, login wire.Answer) error {
	h.alarm(ctx, "late_action", x)
	if err := h.undoNow(ctx, x.deed, whose); err != nil {
		return h.answer(laterFault(fmt.Errorf("undoing a late action: %w", err)))
	}
	if login.Live {
		return h.wrongPerson(ctx, x, login, whyOvertaken)
	}
	return h.anew(x)
}

func (h *handler) undoNow(ctx context.Context, d deed, whose []member.KVNR) error {
	d.Undo = whose
	if err := errors.Join(h.putDeed(ctx, d), h.takeBack(ctx, d)); err != nil {
		return err
	}
	return h.dismiss(ctx, d)
}

// takeBack takes back what an action has made of the accounts that it must not
// have changed. It may be repeated.
func (g *Gate) takeBack(ctx context.Context, d deed) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	var errs []error
	for _, number := range d.Undo {
		c, err := g.changeOf(ctx, string(number))
		if err == nil && c.Given.After(d.Sent) {
			continue // by then nothing was left of it
		}
		acc, failed := g.Accounts.Find(ctx, number)
		if errors.Is(failed, account.ErrNotFound) {
			continue
		}
		if err = errors.Join(err, failed); err == nil {
			err = g.takeBackFrom(ctx, d, acc.ID, number)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// takeBackFrom makes the password nobody's, ends all sessions, removes what
// signs in and was added while the action was on its way, and tells the owner.
// Of a link to a foreign issuer the age is not known: after a late link none
// stays.
func (g *Gate) takeBackFrom(ctx context.Context, d deed, id account.ID, number member.KVNR) error {
	e := audit.Entry{Action: "account.take_back", Client: d.Client, Person: id, Detail: map[string]string{"reason": whyOvertaken}}
	err := g.remote(ctx, e, func() error {
		err := g.Accounts.SetPassword(ctx, id, nobodysPassword())
		if errors.Is(err, account.ErrExempt) {
			return err
		}
		return errors.Join(err, g.Accounts.EndAll(ctx, id), g.removeAdded(ctx, d, id))
	})
	if errors.Is(err, account.ErrExempt) {
		return nil
	}
	told := g.Notify.Send(ctx, notify.Notice{Kind: notify.PasswordVoid, ID: "taken_back/" + d.ID, Number: number, Account: id, At: d.Sent})
	return errors.Join(err, told)
}

// removeAdded allows for a clock of Keycloak's that is a minute off.
func (g *Gate) removeAdded(ctx context.Context, d deed, id account.ID) error {
	list, err := g.Accounts.Authenticators(ctx, id)
	if err != nil {
		return fmt.Errorf("listing authenticators: %w", err)
	}
	from, to := d.Sent.Add(-upstreamTime), d.Sent.Add(3*upstreamTime)
	for _, a := range list {
		if a.Created.IsZero() && d.Link || a.Created.After(from) && a.Created.Before(to) {
			err = errors.Join(err, g.Accounts.RemoveAuthenticator(ctx, id, a.ID))
		}
	}
	return err
}

// nobodysPassword is of every kind of character that a policy may ask for.
func nobodysPassword() string { return "aA1!" + rand.Text() + rand.Text() }
