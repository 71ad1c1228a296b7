package gate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
)

// The step-up is the second factor of a session. It is recorded by `sid`, once
// and for all its clients, and asked for by those that the operator names: the
// login's answer is held for them, and the token endpoint gives them nothing,
// until it is passed. It is a fact about a session, so nothing is withheld or
// ended for the want of it: other clients go on as before, and who turns back
// loses nothing. Exempt people are never asked.

// keyStepupOver is what is said when the login that wanted a second factor is over.
const keyStepupOver = "stepup_over"

var errNoStepup = errors.New("the session has not passed the step-up")

// stepsUp reports whether there is a step-up at all.
func (h *handler) stepsUp() bool { return len(h.Engine.Plans[flow.Stepup].Back) > 0 }

// wantsStepup reports whether a client gets logins only of sessions that have
// passed the step-up. A client that nobody knows may be one of these.
func (h *handler) wantsStepup(client string) bool {
	of := h.Settings.Stepup
	return h.stepsUp() && (of.Always && !slices.Contains(of.Except, client) || client == "" || slices.Contains(of.Clients, client))
}

// passedStepup reports whether a session has passed it. An error says that
// nobody knows.
func (h *handler) passedStepup(ctx context.Context, id account.ID, sid account.SID) (bool, error) {
	l, err := h.Logins.Login(ctx, sid)
	switch {
	case errors.Is(err, ErrNoRecord):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("asking whether a session has passed the step-up: %w", err)
	}
	return sid != "" && l.Account == id && !l.Stepup.IsZero(), nil
}

// lacksStepup reports whether a login must not leave for a client yet.
func (h *handler) lacksStepup(ctx context.Context, client string, id account.ID, sid account.SID) (bool, error) {
	if !h.wantsStepup(client) {
		return false, nil
	}
	passed, err := h.passedStepup(ctx, id, sid)
	return !passed, err
}

// stepUp holds the login of somebody who is cleared until its session has
// passed the step-up, where its client wants that, or where an action waits
// for it. Who may not be shown a page is answered as nobody.
func (h *handler) stepUp(ctx context.Context, x *exchange, resp *http.Response, login wire.Answer) error {
	id := login.Identity
	if !h.stepsUp() || !h.wantsStepup(x.client) && !actionWaits(x) {
		return h.letOut(ctx, x, resp, login)
	}
	passed, err := h.passedStepup(ctx, id.Subject, id.Session)
	switch {
	case err != nil:
		return h.answer(laterFault(err))
	case passed:
		return h.letOut(ctx, x, resp, login)
	case x.silent:
		return h.repeatUnknown(x)
	}
	acc, err := h.Accounts.Get(ctx, id.Subject)
	if err != nil {
		return h.answer(laterFault(fmt.Errorf("looking up whose session steps up: %w", err)))
	}
	return h.hold(ctx, x, resp, holding{login, numberOf(acc), flow.Stepup})
}

// settleStepup decides whether a step-up may go on: its person is cleared
// still, and the session has not passed it in another attempt.
func (h *handler) settleStepup(ctx context.Context, rec flow.Record) (flow.Record, error) {
	switch h.clear.fresh(ctx, rec.Account) {
	case account.Cleared:
	case account.Unknown:
		return rec, laterFault(errors.New("the person's clearance is unknown"))
	default:
		return rec, h.over(ctx, rec, keyStepupOver)
	}
	passed, err := h.passedStepup(ctx, rec.Account, rec.Session)
	if err != nil || !passed {
		return rec, asLater(err)
	}
	if err := h.Engine.Waive(ctx, rec.ID); err != nil {
		return rec, laterFault(err)
	}
	rec.Status = flow.Cleared
	return rec, nil
}

func asLater(err error) error {
	if err == nil {
		return nil
	}
	return laterFault(err)
}

// passStepup records that a session has passed the step-up. It may be
// repeated.
func (h *handler) passStepup(ctx context.Context, rec flow.Record) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	alive, err := h.Accounts.Alive(ctx, rec.Account, rec.Session)
	switch {
	case err != nil:
		return laterFault(err)
	case !alive:
		return h.over(ctx, rec, keyStepupOver)
	}
	if err = h.recordStepup(ctx, rec); err == nil {
		err = h.Engine.MarkCleared(ctx, rec.ID)
	}
	return asLater(err)
}

// recordStepup is durable before anything leaves because of it.
func (h *handler) recordStepup(ctx context.Context, rec flow.Record) error {
	passed, err := h.passedStepup(ctx, rec.Account, rec.Session)
	if err != nil || passed {
		return err
	}
	err = h.fact(ctx, audit.Entry{
		Action: "stepup.passed", Client: rec.Client, Result: "ok", Person: rec.Account, Detail: evidence(rec),
	})
	if err != nil {
		return err
	}
	now := h.Now()
	l := Login{Session: rec.Session, Account: rec.Account, Seen: now, Stepup: now, Expires: now.Add(h.Settings.loginLifetime())}
	if err := h.Logins.RecordLogin(ctx, l); err != nil {
		return fmt.Errorf("recording a step-up: %w", err)
	}
	return nil
}

// countsAsStepup lets what was proved in another flow of this session stand
// for the step-up too: who has just been identified is not asked again. The
// card does not: it lies in the handbag in which the phone is.
func (h *handler) countsAsStepup(ctx context.Context, rec flow.Record) error {
	second := func(kind string) bool {
		return kind == device.ByPhone || kind == device.ByNect || kind == device.ByLetter
	}
	if !h.stepsUp() || rec.Session == "" || !slices.ContainsFunc(rec.Kinds, second) {
		return nil
	}
	return h.recordStepup(ctx, rec)
}

// withoutStepup reports whether what is held must not leave yet, although its
// own flow is through.
func (h *handler) withoutStepup(ctx context.Context, rec flow.Record) (bool, error) {
	if h.clear.recent(ctx, rec.Account) != account.Cleared {
		return false, nil
	}
	return h.lacksStepup(ctx, rec.Client, rec.Account, rec.Session)
}

// tokensWantStepup refuses tokens to a client that wants the step-up, for a
// session that has not passed it: no more than that, and nothing is ended. It
// is asked before Keycloak, so that neither code nor refresh token is used up,
// and after it, when it is certain whose session that is.
func (h *handler) tokensWantStepup(ctx context.Context, client string, id account.ID, sid account.SID) error {
	if !h.wantsStepup(client) {
		return nil
	}
	switch h.clear.recent(ctx, id) {
	case account.Cleared:
	case account.Unknown:
		return laterFault(errors.New("the person's clearance is unknown"))
	default:
		return nil
	}
	passed, err := h.passedStepup(ctx, id, sid)
	switch {
	case err != nil:
		return laterFault(err)
	case !passed:
		return invalidGrant(errNoStepup)
	}
	return nil
}
