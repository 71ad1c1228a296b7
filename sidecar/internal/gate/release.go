package gate

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
	"github.com/schleuse/schleuse/sidecar/internal/web"
)

// comeAgainFor is how long the cookie of a released attempt stays, in seconds.
const comeAgainFor = 10 * 60

// atRest goes on from an attempt at which nothing is asked (any more).
func (h *handler) atRest(w http.ResponseWriter, r *http.Request, rec flow.Record, out flow.Outcome) error {
	switch rec.Status {
	case flow.Proven:
		if err := h.proven(r.Context(), rec); err != nil {
			return err
		}
		fallthrough
	case flow.Cleared, flow.Released:
		seeOther(w, attemptPath(rec.ID, "done"))
		return nil
	case flow.Failed, flow.Parked:
		return h.failed(w, r, rec, out)
	default:
		return errors.New("an attempt without a status")
	}
}

// proven does what a proven attempt is for.
func (h *handler) proven(ctx context.Context, rec flow.Record) error {
	switch rec.Flow {
	case flow.Enrolment:
		return h.permit(ctx, rec)
	case flow.Stepup:
		return h.passStepup(ctx, rec)
	}
	return asLater(h.grant(ctx, rec))
}

// done is the page after the last step. Its link and its refresh release: a
// form's own answer must not lead elsewhere, browsers apply form-action to
// its redirects too.
func (h *handler) done(w http.ResponseWriter, r *http.Request) error {
	id, err := h.attemptOf(r)
	if err != nil {
		return err
	}
	rec, err := h.settle(r, id)
	switch {
	case err != nil:
		return err
	case rec.Status == flow.Cleared || rec.Status == flow.Released:
		h.Pages.Render(w, r, web.Done(attemptPath(id, "release")))
		return nil
	case rec.Status == flow.Open:
		seeOther(w, attemptPath(id, ""))
		return nil
	}
	return h.atRest(w, r, rec, flow.Outcome{})
}

// grant makes a proven person a cleared one. Each part may be repeated, after
// a crash at any point between them.
func (h *handler) grant(ctx context.Context, rec flow.Record) error {
	if err := h.endAll(ctx, rec); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	e := audit.Entry{
		Action: "role.grant", Client: rec.Client, Person: rec.Account,
		Detail: evidence(rec),
	}
	if err := h.proved(ctx, rec.Number, rec.Session); err != nil {
		return err
	}
	err := h.remote(ctx, e, func() error { return h.Accounts.Grant(ctx, rec.Account) })
	h.clear.forget(rec.Account)
	if err != nil && !errors.Is(err, account.ErrExempt) {
		return err
	}
	if err := h.countsAsStepup(ctx, rec); err != nil {
		return err
	}
	if err := h.Engine.Forget(ctx, rec); err != nil {
		return err
	}
	return h.Engine.MarkCleared(ctx, rec.ID)
}

// failed tells why the attempt is over, and sees to it that its session is.
// That of one which gave way to a newer one may be the newer one's too.
func (h *handler) failed(w http.ResponseWriter, r *http.Request, rec flow.Record, out flow.Outcome) error {
	if rec.DenyStep == "" && rec.DenyKey == flow.Superseded {
		return &failureOf{rec.Client, attemptGone(errors.New("a newer attempt took its place"))}
	}
	if err := h.endFailed(r.Context(), rec); err != nil {
		return laterFault(err)
	}
	if rec.Status == flow.Parked {
		w.Header().Add("Set-Cookie", h.attemptSeenAgain(r, rec.ID, parkedFor))
	}
	if key := rec.DenyKey; rec.DenyStep == "" && isRefusal(key) {
		return &failureOf{rec.Client, refusalFault(key)}
	}
	page := web.Page{
		Set: string(rec.DenyStep), Name: "denied", Data: h.denied(flow.DenyUntil(rec.DenyKey, rec.DenyUntil)),
		Ways: h.startLink(rec.Client), Back: attemptPath(rec.ID, ""),
	}
	if out.Kind == flow.IsPark {
		page.Name, page.Data = out.View.Page, out.View.Data
	}
	h.Pages.Render(w, r, page)
	return nil
}

// endFailed ends the session of a login that failed. An enrolment takes
// nothing from the session that it is asked of.
func (h *handler) endFailed(ctx context.Context, rec flow.Record) error {
	if rec.Flow != flow.Login {
		return nil
	}
	alive, err := h.Accounts.Alive(ctx, rec.Account, rec.Session)
	if err != nil || !alive {
		return err
	}
	e := audit.Entry{Action: "login.failed", Step: string(rec.DenyStep), Client: rec.Client, Result: "refused", Person: rec.Account}
	if err := h.fact(ctx, e); err != nil {
		return err
	}
	return h.end(ctx, ending{Account: rec.Account, Session: rec.Session, Client: rec.Client, Why: whyRefused})
}

// denied is what a step's refusal says, and for how long from now.
func (h *handler) denied(out flow.Outcome) web.Denied {
	if out.Until.IsZero() {
		return web.Denied{Key: out.Key}
	}
	return web.Denied{Key: out.Key, Wait: max(time.Minute, out.Until.Sub(h.Now()))}
}

// startLink is the way on from an end: where the client begins anew.
func (h *handler) startLink(client string) []web.Link {
	to := h.Settings.Start[client]
	if to == "" {
		return nil
	}
	return []web.Link{{Href: to, Key: "way.start"}}
}

// release lets out what is held: once, to a person who is cleared now, of a
// session that lives now. Whoever comes again gets the cookies alone.
func (h *handler) release(w http.ResponseWriter, r *http.Request) error {
	if !navigates(r) {
		return fault.New(fault.Invalid, "invalid", errors.New("a release is asked for by a navigation alone"))
	}
	id, err := h.attemptOf(r)
	if err != nil {
		return err
	}
	rec, err := h.settle(r, id)
	switch {
	case err != nil:
		return err
	case rec.Status == flow.Open:
		seeOther(w, attemptPath(id, ""))
		return nil
	case rec.Status != flow.Cleared && rec.Status != flow.Released:
		return h.atRest(w, r, rec, flow.Outcome{})
	}
	if !signedIn(rec) {
		return h.goOn(w, r, rec)
	}
	return h.leave(w, r, rec)
}

func (h *handler) leave(w http.ResponseWriter, r *http.Request, rec flow.Record) error {
	if err := h.mayLeave(r.Context(), rec); err != nil {
		return err
	}
	open, err := h.withoutStepup(r.Context(), rec)
	if err != nil {
		return laterFault(err)
	}
	s, first, err := h.take(r.Context(), rec.ID)
	if err != nil {
		return err
	}
	if !first || open || s.Follow || h.codeIsOld(s) {
		return h.comeAgain(w, r, rec, s)
	}
	return h.letGo(w, r, rec, s)
}

// navigates reports whether a person goes somewhere, rather than a browser
// looking ahead.
func navigates(r *http.Request) bool {
	return r.Method == http.MethodGet && !strings.Contains(r.Header.Get("Sec-Purpose"), "prefetch")
}

// take takes what is held out of the attempt: whole for the first, the
// cookies for whoever comes again.
func (h *handler) take(ctx context.Context, id flow.AttemptID) (s held, first bool, err error) {
	raw, first, err := h.Engine.Take(ctx, id, cookiesOnly)
	switch {
	case errors.Is(err, flow.ErrNoAttempt) || errors.Is(err, flow.ErrNotReady):
		return held{}, false, attemptGone(err)
	case err != nil:
		return held{}, false, laterFault(err)
	}
	if s, err = decodeHeld(raw); err != nil {
		return held{}, false, attemptGone(err)
	}
	return s, first, nil
}

// mayLeave looks whether the person is cleared and the session lives, both
// fresh.
func (h *handler) mayLeave(ctx context.Context, rec flow.Record) error {
	switch h.clear.fresh(ctx, rec.Account) {
	case account.Cleared, account.Exempt:
	case account.NotCleared:
		return h.refuseHeld(ctx, rec, whyNotCleared)
	default:
		return laterFault(errors.New("the person's clearance is unknown"))
	}
	alive, err := h.Accounts.Alive(ctx, rec.Account, rec.Session)
	switch {
	case err != nil:
		return laterFault(err)
	case alive:
		return nil
	}
	if err := h.Engine.Fail(ctx, rec.ID, whyEnded); err != nil {
		return laterFault(err)
	}
	return &failureOf{rec.Client, attemptGone(errors.New("the session has ended"))}
}

// codeIsOld reports whether Keycloak would refuse the code that is held.
func (h *handler) codeIsOld(s held) bool {
	return h.Now().Sub(s.At) > h.Settings.codeLifetime()-codeAge
}

// letGo writes the answer as Keycloak gave it. Its codes are on record before
// that; a crash in between leaves the way of those who come again.
func (h *handler) letGo(w http.ResponseWriter, r *http.Request, rec flow.Record, s held) error {
	id := wire.Identity{Subject: rec.Account, Session: rec.Session}
	if err := h.recordCodes(r.Context(), s.Header, htmlOf(s), id); err != nil {
		return laterFault(err)
	}
	if err := h.released(r.Context(), rec, "ok"); err != nil {
		return laterFault(err)
	}
	maps.Copy(w.Header(), s.Header)
	w.Header().Add("Set-Cookie", h.attemptSeenAgain(r, rec.ID, comeAgainFor))
	w.WriteHeader(s.Status)
	if _, err := w.Write(s.Body); err != nil {
		h.Log.InfoContext(r.Context(), "the browser left before its login did", "error", err)
	}
	return nil
}

func (h *handler) released(ctx context.Context, rec flow.Record, result string) error {
	h.Metrics.released(result)
	return h.fact(ctx, audit.Entry{Action: "login.released", Client: rec.Client, Result: result, Person: rec.Account})
}

// attemptSeenAgain is the attempt's cookie with a new life, in seconds.
func (h *handler) attemptSeenAgain(r *http.Request, id flow.AttemptID, maxAge int) string {
	cookies := wire.ReadCookies(r.Header)
	return attemptCookie(id.Tag(), cookies.OwnNamed(id.Tag()), maxAge)
}

// comeAgain signs the browser in without a code, which has left already, is
// too old, or must not leave; the login is then asked for again, and Keycloak
// asks for nothing. The attempt's cookie goes: this happens once.
func (h *handler) comeAgain(w http.ResponseWriter, r *http.Request, rec flow.Record, s held) error {
	to := h.Settings.Start[rec.Client]
	if s.Query != "" {
		to = h.authTarget(s.Query)
	}
	if err := h.recordLogin(r.Context(), rec.Account, rec.Session); err != nil {
		return laterFault(err)
	}
	if err := h.released(r.Context(), rec, "again"); err != nil {
		return laterFault(err)
	}
	for _, line := range wire.KeycloakCookies(s.Header) {
		w.Header().Add("Set-Cookie", line)
	}
	w.Header().Add("Set-Cookie", attemptCookie(rec.ID.Tag(), "", -1))
	if to == "" {
		return attemptGone(errors.New("nowhere to go on"))
	}
	seeOther(w, to)
	return nil
}

func htmlOf(s held) []byte {
	if isPage(s.Header) {
		return s.Body
	}
	return nil
}

// codeAge is how long a code is good after it has left; codeGrace is how much
// longer its record lives than Keycloak's.
const (
	codeAge   = time.Minute
	codeGrace = 5 * time.Minute
)
