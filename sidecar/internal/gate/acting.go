package gate

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
	"github.com/schleuse/schleuse/sidecar/member"
)

// changes reports whether a request changes an account as soon as it reaches
// Keycloak: the form of a demanded action, whatever its method, and the last
// step by which an account of a foreign issuer is linked.
func changes(x *exchange, query wire.Params) bool {
	switch x.route {
	case wire.RequiredAction:
		return x.in.Method == http.MethodPost || query.Has("session_code")
	case wire.AfterFirstBroker:
		return true
	}
	return false
}

// act sends an action on, if who waits for it may act. All of it is here by
// then: who sends the end of a form late has not acted before.
func (h *handler) act(w http.ResponseWriter, r *http.Request, x *exchange) error {
	if r.Method == http.MethodPost {
		var err error
		if x.body, err = readForm(r); err != nil {
			return err
		}
	}
	if on, err := h.mayAct(w, r, x); !on {
		return err
	}
	// Keycloak carries it out whether or not somebody waits for the answer, and
	// what follows from it must follow: who hangs up is heard to the end.
	h.forward(w, r.WithContext(context.WithoutCancel(r.Context())), x)
	return nil
}

// mayAct decides, before anything goes upstream, whether an authentication
// under way may change the account. false: the browser was answered.
func (h *handler) mayAct(w http.ResponseWriter, r *http.Request, x *exchange) (bool, error) {
	ctx := r.Context()
	if !x.known {
		if h.observed(ctx, "unknown_tab") {
			return true, nil
		}
		return false, gone(errors.New("a demanded action of a tab that is not known"))
	}
	who, err := h.waitsIn(ctx, x.tab)
	old := errors.Is(err, errNotLed) || who.mixed
	if err == nil && !old {
		old, err = h.late(ctx, who)
	}
	switch {
	case h.Settings.Observe:
		if old {
			h.observed(ctx, "overtaken")
		}
		return true, nil
	case old:
		return false, h.beginAnew(w, x)
	case err != nil:
		return false, laterFault(err)
	}
	x.waits = &who
	switch x.deed, err = h.begin(ctx, x, who); {
	case errors.Is(err, errOvertaken):
		return false, h.beginAnew(w, x)
	case err != nil:
		return false, laterFault(err)
	}
	return true, nil
}

// acted follows up what has changed an account. Whoever else waits for it goes
// nowhere from now on: of two people with one posted password the first to
// choose another has the account. What was overtaken on its way is undone. What
// fails here is done by follow.
func (h *handler) acted(ctx context.Context, x *exchange, resp *http.Response, login wire.Answer) error {
	switch {
	case x.waits == nil || h.Settings.Observe:
		return nil
	case login.Live || resp.Header.Get("Location") != "":
	case resp.StatusCode >= http.StatusInternalServerError:
		return nil // whether anything was done is not known
	default:
		return h.orLater(h.dismiss(ctx, x.deed))
	}
	whose, err := h.changedBy(ctx, x, login)
	if err == nil {
		err = h.carriedOut(ctx, x, whose)
	}
	switch {
	case errors.Is(err, errOvertaken):
		return h.undo(ctx, x, whose, login)
	case err != nil || login.Live || !x.waits.unknown:
		return h.orLater(err)
	}
	return h.actedUnknown(ctx, x)
}

// actedUnknown looks once more at a tab of which it is not known whose it is.
// What came too late in it cannot be taken back from anybody.
func (h *handler) actedUnknown(ctx context.Context, x *exchange) error {
	old, err := h.late(ctx, *x.waits)
	if err != nil || !old {
		return h.orLater(err)
	}
	h.alarm(ctx, "late_action", x)
	return h.anew(x)
}

// changedBy is whose account an action has changed: the one that the answer
// signs in, or else the one alone whose secret was right in the tab.
func (h *handler) changedBy(ctx context.Context, x *exchange, login wire.Answer) ([]member.KVNR, error) {
	if !login.Live {
		return x.waits.proved, nil
	}
	acc, err := h.Accounts.Get(ctx, login.Identity.Subject)
	if err != nil {
		return nil, fmt.Errorf("looking up who has acted: %w", err)
	}
	if number := numberOf(acc); number != "" {
		return []member.KVNR{number}, nil
	}
	return nil, nil
}

// orLater answers a failure in the place of Keycloak.
func (h *handler) orLater(err error) error {
	if err == nil {
		return nil
	}
	return h.answer(laterFault(err))
}

// anew begins anew in the place of Keycloak's answer.
func (h *handler) anew(x *exchange) error {
	return &instead{func(w http.ResponseWriter, r *http.Request) {
		if err := h.beginAnew(w, x); err != nil {
			h.Pages.Error(w, r, err, h.startLink(x.client)...)
		}
	}}
}
