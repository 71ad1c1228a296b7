package gate

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
	"github.com/schleuse/schleuse/sidecar/internal/web"
)

// goesOn is how long after its first page the request that a registration
// began with can be asked for again.
const goesOn = 30 * time.Minute

// progress writes what has changed in an attempt that is no login. Those of a
// login are told by its end. Once it is known whose account it is, what was
// proved is told with it: the role may come much later, or not at all. Who has
// proved nothing is refused without a word: that costs them nothing, and they
// could fill the record with it.
func (h *handler) progress(ctx context.Context, before, now flow.Record) error {
	if now.Flow == flow.Login {
		return nil
	}
	entry := func(what string, step flow.StepName, result string) error {
		return h.fact(ctx, audit.Entry{
			Action: string(now.Flow) + "." + what, Step: string(step), Client: now.Client, Result: result,
			Person: now.Account, Detail: evidence(now),
		})
	}
	var errs []error
	for step := range now.Proofs {
		if _, had := before.Proofs[step]; !had {
			errs = append(errs, entry("passed", step, "ok"))
		}
	}
	if len(now.Proofs) > 0 || now.Flow.Holds() {
		for _, step := range now.Denied[min(len(before.Denied), len(now.Denied)):] {
			errs = append(errs, entry("denied", step, "refused"))
		}
	}
	if now.Status == flow.Parked && before.Status != flow.Parked {
		errs = append(errs, entry("parked", now.DenyStep, "ok"))
	}
	return errors.Join(errs...)
}

// goOn ends a registration or recovery: the number is remembered, and the
// request that all began with is asked for again, once, while that makes
// sense; afterwards there is the client's start.
func (h *handler) goOn(w http.ResponseWriter, r *http.Request, rec flow.Record) error {
	raw, first, err := h.Engine.Take(r.Context(), rec.ID, nil)
	switch {
	case errors.Is(err, flow.ErrNoAttempt) || errors.Is(err, flow.ErrNotReady):
		return attemptGone(err)
	case err != nil:
		return laterFault(err)
	}
	result, to := "again", h.Settings.Start[rec.Client]
	if first {
		result = "ok"
		if query := h.goesOn(raw); query != "" {
			to = h.authTarget(query)
			cookies := wire.ReadCookies(r.Header)
			tabs := h.readTabs(&cookies)
			tabs.put(tab{Key: requestKey(query), Kind: typed, Client: rec.Client, Number: rec.Number, At: h.Now().Unix()})
			h.writeTabs(w.Header(), tabs)
		}
	}
	h.Metrics.released(result)
	e := audit.Entry{Action: string(rec.Flow) + ".ended", Client: rec.Client, Result: result, Person: rec.Account}
	if err := h.fact(r.Context(), e); err != nil {
		return laterFault(err)
	}
	w.Header().Add("Set-Cookie", h.attemptSeenAgain(r, rec.ID, comeAgainFor))
	if to == "" {
		return attemptGone(errors.New("nowhere to go on"))
	}
	seeOther(w, to)
	return nil
}

// goesOn returns the query of the request that can be asked for again.
func (h *handler) goesOn(raw []byte) string {
	s, err := decodeHeld(raw)
	if err != nil || h.Now().Sub(s.At) > goesOn {
		return ""
	}
	return s.Query
}

// Return implements Face. Nothing is believed but the attempt's own cookie,
// which comes with a navigation from elsewhere, and never with a foreign form.
func (h *handler) Return(w http.ResponseWriter, r *http.Request, step flow.StepName, id flow.AttemptID) bool {
	cookies := wire.ReadCookies(r.Header)
	secret, err := flow.ParseSecret(cookies.OwnNamed(id.Tag()))
	if err != nil || secret.ID() != id || h.cross.Check(r) != nil {
		return false
	}
	if err := r.ParseForm(); err != nil {
		return false
	}
	in := flow.Input{Kind: flow.Returned, Form: r.Form}
	if err := h.moved(w, r, id, h.answering(step, in)); err != nil {
		h.Metrics.refused(wire.None, err)
		h.Pages.Error(w, r, err, web.Link{Href: attemptPath(id, ""), Key: "way.back"})
	}
	return true
}
