package gate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/flow"
)

// endTime bounds one remote change. It outlives the request that caused it:
// who hangs up keeps no session by that.
const endTime = 10 * time.Second

// ending is a login to be ended, and why.
type ending struct {
	Account account.ID
	Session account.SID
	Client  string
	Why     string // catalogue key for the person, and the audit's reason
}

// end ends the Keycloak session, offline form included, and voids every
// attempt that holds a part of it. It may be repeated.
func (h *handler) end(ctx context.Context, e ending) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	if e.Session == "" {
		return nil
	}
	if err := h.Engine.Attempts.FailSession(ctx, e.Session, e.Why); err != nil {
		return fmt.Errorf("voiding attempts: %w", err)
	}
	entry := audit.Entry{
		Action: "session.end", Client: e.Client, Person: e.Account,
		Detail: map[string]string{"reason": e.Why, "sid": string(e.Session)},
	}
	if err := h.remote(ctx, entry, func() error { return h.Accounts.End(ctx, e.Session) }); err != nil {
		return fmt.Errorf("ending a session: %w", err)
	}
	h.Metrics.ended(e.Why)
	return nil
}

// endAll ends every session of an account that was given (back) to its owner.
// The step that set the password has done so, but whoever had planted a means
// of signing in came back with it until the review had removed it. The owner
// signs in afterwards. It may be repeated.
func (h *handler) endAll(ctx context.Context, rec flow.Record) error {
	if signedIn(rec) { // with a session that is the owner's own
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	e := audit.Entry{
		Action: "session.end_all", Client: rec.Client, Person: rec.Account,
		Detail: map[string]string{"reason": string(rec.Flow)},
	}
	err := h.remote(ctx, e, func() error { return h.Accounts.EndAll(ctx, rec.Account) })
	if err != nil && !errors.Is(err, account.ErrExempt) {
		return fmt.Errorf("ending all sessions: %w", err)
	}
	return nil
}

// remote does a remote action between its two audit entries.
func (g *Gate) remote(ctx context.Context, e audit.Entry, do func() error) error {
	return audit.Around(ctx, g.Audit, e, func(*audit.Entry) error { return do() })
}

// fact writes one entry for something without remote effect.
func (g *Gate) fact(ctx context.Context, e audit.Entry) error {
	e.Phase = audit.Fact
	if err := g.Audit.Append(ctx, e); err != nil {
		return fmt.Errorf("writing the audit: %w", err)
	}
	return nil
}
