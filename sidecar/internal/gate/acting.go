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
	if !x.known {
		if h.observed(r.Context(), "unknown_tab") {
			return true, nil
		}
		return false, gone(errors.New("a demanded action of a tab that is not known"))
	}
	s, old, err := h.awaits(r.Context(), x.tab.Key)
	switch {
	case err != nil:
		return false, laterFault(err)
	case old && !h.observed(r.Context(), "overtaken"):
		return false, h.beginAnew(w, x)
	}
	x.waits = &s
	if h.Settings.Observe {
		return true, nil
	}
	switch x.deed, err = h.begin(r.Context(), x, s); {
	case errors.Is(err, errOvertaken):
		return false, h.beginAnew(w, x)
	case err != nil:
		return false, laterFault(err)
	}
	return true, nil
}

// awaits says who may wait in a tab, and whether they were overtaken.
func (h *handler) awaits(ctx context.Context, tab string) (s shown, old bool, err error) {
	s, known, err := h.shownIn(ctx, tab)
	if err != nil || !known {
		return s, true, err
	}
	old, err = h.late(ctx, s, shownKey(tab))
	return s, old, err
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
	s, known, err := h.shownIn(ctx, x.tab.Key) // the same form sent twice is the same person
	if err != nil || !known {
		s = *x.waits
	}
	unknown := h.addSignedIn(ctx, &s, login)
	old, failed := h.late(ctx, s, x.deed.by())
	switch {
	case failed == nil && old:
		return h.undo(ctx, x, s, login)
	case failed == nil:
		failed = h.carriedOut(ctx, x.deed, s.Numbers)
	}
	return h.orLater(errors.Join(err, unknown, failed))
}

// orLater answers a failure in the place of Keycloak.
func (h *handler) orLater(err error) error {
	if err == nil {
		return nil
	}
	return h.answer(laterFault(err))
}

// addSignedIn adds the one whom an answer signs in.
func (h *handler) addSignedIn(ctx context.Context, s *shown, login wire.Answer) error {
	if !login.Live {
		return nil
	}
	acc, err := h.Accounts.Get(ctx, login.Identity.Subject)
	if err != nil {
		return fmt.Errorf("looking up who has acted: %w", err)
	}
	if number := numberOf(acc); number != "" {
		s.add(shown{At: s.At, Numbers: []member.KVNR{number}})
	}
	return nil
}
