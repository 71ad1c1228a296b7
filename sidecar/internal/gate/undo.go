package gate

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
)

// undo takes back what was on its way to Keycloak while the account became
// somebody else's: perhaps the password is now that of the one who waited. It
// becomes nobody's; the owner sets another by a recovery.
func (h *handler) undo(ctx context.Context, x *exchange, s shown, login wire.Answer) error {
	h.alarm(ctx, "late_action", x)
	var errs []error
	for _, number := range s.Numbers {
		old, err := h.overtaken(ctx, string(number), s.At)
		if err == nil && !old {
			continue
		}
		acc, failed := h.Accounts.Find(ctx, number)
		if errors.Is(failed, account.ErrNotFound) {
			continue
		}
		if err = errors.Join(err, failed); err == nil {
			err = h.takeBack(ctx, x, acc.ID)
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return h.answer(laterFault(fmt.Errorf("undoing a late action: %w", err)))
	}
	if login.Live {
		return h.wrongPerson(ctx, x, login, whyOvertaken)
	}
	return &instead{func(w http.ResponseWriter, r *http.Request) {
		if err := h.beginAnew(w, x); err != nil {
			h.Pages.Error(w, r, err, h.startLink(x.client)...)
		}
	}}
}

// takeBack makes the password nobody's, ends all sessions, and removes what
// signs in and was added while the action was on its way. Of a link to a
// foreign issuer the age is not known: after a late link none stays.
func (h *handler) takeBack(ctx context.Context, x *exchange, id account.ID) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	since := h.Now().Add(-2 * upstreamTime)
	e := audit.Entry{Action: "account.take_back", Client: x.client, Person: id, Detail: map[string]string{"reason": whyOvertaken}}
	err := h.remote(ctx, e, func() error {
		err := h.Accounts.SetPassword(ctx, id, nobodysPassword())
		if errors.Is(err, account.ErrExempt) {
			return err
		}
		return errors.Join(err, h.Accounts.EndAll(ctx, id), h.removeSince(ctx, x, id, since))
	})
	if errors.Is(err, account.ErrExempt) {
		return nil
	}
	return err
}

func (h *handler) removeSince(ctx context.Context, x *exchange, id account.ID, since time.Time) error {
	list, err := h.Accounts.Authenticators(ctx, id)
	if err != nil {
		return fmt.Errorf("listing authenticators: %w", err)
	}
	for _, a := range list {
		if a.Created.IsZero() && x.route == wire.AfterFirstBroker || !a.Created.IsZero() && a.Created.After(since) {
			err = errors.Join(err, h.Accounts.RemoveAuthenticator(ctx, id, a.ID))
		}
	}
	return err
}

// nobodysPassword is of every kind of character that a policy may ask for.
func nobodysPassword() string { return "aA1!" + rand.Text() + rand.Text() }
