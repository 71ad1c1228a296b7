package gate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
)

// An app that wants to register, unlock or replace a phone asks for it with
// wire.EnrolACR in acr_values, which Keycloak never sees, and names the phone's
// key in dpop_jkt, to which Keycloak binds the code and the tokens. The login's
// answer is held until the person has proved once more who they are; then the
// session has a permit for this key, which the device API takes once. A session
// that asks for nothing, or names no key, gets nothing, and a request whose
// parameters the gate cannot change (a signed object) asks for nothing: no
// permit, and nothing else happens.

// Permits are what a session may do with phones, see device.Permits.
type Permits interface {
	Give(ctx context.Context, p device.Permit) error
	Look(ctx context.Context, sid account.SID, client string) (device.Permit, error)
}

// keyEnrolmentOver is what is said when the login that wanted a phone is over.
const keyEnrolmentOver = "enrolment_over"

// enrols reports whether the login must be held for an enrolment. Who may not
// be shown a page gets the login without a permit.
func (h *handler) enrols(x *exchange) bool {
	return x.tab.JKT != "" && !x.silent && h.Permits != nil && slices.Contains(h.Settings.Enrolling, x.client) &&
		len(h.Engine.Plans[flow.Enrolment].Back) > 0
}

// enrol holds the login of somebody who is cleared, unless its session has a
// permit for this phone already. One for another key is somebody else's. Nothing is withheld or ended by it: without the proof the
// answer stays here, and whatever else the session has goes on.
func (h *handler) enrol(ctx context.Context, x *exchange, resp *http.Response, login wire.Answer) error {
	p, err := h.Permits.Look(ctx, login.Identity.Session, x.client)
	switch {
	case err == nil && p.Thumbprint == x.tab.JKT:
		return h.stepUp(ctx, x, resp, login)
	case err != nil && !errors.Is(err, device.ErrNoPermit):
		return h.answer(laterFault(err))
	}
	acc, err := h.Accounts.Get(ctx, login.Identity.Subject)
	if err != nil {
		return h.answer(laterFault(fmt.Errorf("looking up who registers a phone: %w", err)))
	}
	number := numberOf(acc)
	if number == "" { // phones belong to insured people
		return h.stepUp(ctx, x, resp, login)
	}
	return h.hold(ctx, x, resp, holding{login, number, flow.Enrolment})
}

// settleEnrolment decides whether an enrolment may go on: its person is
// cleared still. Both are read fresh, here and when the permit is given.
func (h *handler) settleEnrolment(ctx context.Context, rec flow.Record) (flow.Record, error) {
	switch h.clear.fresh(ctx, rec.Account) {
	case account.Cleared:
		return rec, nil
	case account.Unknown:
		return rec, laterFault(errors.New("the person's clearance is unknown"))
	}
	return rec, h.over(ctx, rec, keyEnrolmentOver)
}

// over ends an attempt of a session's, and nothing else.
func (h *handler) over(ctx context.Context, rec flow.Record, key string) error {
	if err := h.Engine.Fail(ctx, rec.ID, key); err != nil {
		return laterFault(err)
	}
	return &failureOf{rec.Client, attemptGone(errors.New("the login that was held is over"))}
}

// permit gives the session what its person has proved, for 15 minutes from the
// proof on. It may be repeated: one attempt gives one permit.
func (h *handler) permit(ctx context.Context, rec flow.Record) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	alive, err := h.Accounts.Alive(ctx, rec.Account, rec.Session)
	switch {
	case err != nil:
		return laterFault(err)
	case !alive:
		return h.over(ctx, rec, keyEnrolmentOver)
	}
	of, err := decodeHeld(rec.Held)
	if err != nil {
		return err
	}
	proved := newest(rec)
	if h.Now().Sub(proved) >= device.PermitLife {
		return h.over(ctx, rec, keyEnrolmentOver)
	}
	err = h.givePermit(ctx, rec, device.Permit{
		Session: rec.Session, Client: rec.Client, Account: rec.Account, Number: rec.Number, Thumbprint: of.JKT,
		Kinds: slices.Clone(rec.Kinds), Proof: string(rec.ID), Given: proved, Expires: proved.Add(device.PermitLife),
	})
	if err != nil {
		return laterFault(err)
	}
	return nil
}

func (h *handler) givePermit(ctx context.Context, rec flow.Record, p device.Permit) error {
	err := h.fact(ctx, audit.Entry{
		Action: "enrolment.permit", Client: rec.Client, Result: "ok", Person: rec.Account, Detail: evidence(rec),
	})
	if err == nil {
		err = h.Permits.Give(ctx, p)
	}
	if err == nil {
		err = h.countsAsStepup(ctx, rec)
	}
	if err == nil {
		err = h.Engine.MarkCleared(ctx, rec.ID)
	}
	return err
}

// newest is when the newest of an attempt's proofs was; without one, long ago.
func newest(rec flow.Record) (at time.Time) {
	for _, p := range rec.Proofs {
		if p.At.After(at) {
			at = p.At
		}
	}
	return at
}
