package gate

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
)

// How long to wait before trying again.
const (
	retryLater     = 5 * time.Second
	retryAnonymous = 10 * time.Second
)

// usesIdentity reports whether Keycloak makes something of the identity
// cookie there. Everywhere else it does not go upstream at all, and nobody is
// looked up.
func usesIdentity(r wire.Route) bool {
	return r.HasPages() || r.IsLogout() || r == wire.Account || r == wire.None
}

// identify is the request rule: the identity cookie of a person who is not
// cleared does not go upstream. What the cookie claims is a hint for
// withholding only; nothing is released because of it.
func (h *handler) identify(ctx context.Context, x *exchange) error {
	if !usesIdentity(x.route) {
		x.cookies.WithholdIdentity()
		return nil
	}
	id, has, err := x.cookies.Identity()
	if !has || err != nil {
		x.cookies.WithholdIdentity()
		return nil
	}
	x.hint, x.sent, x.claim = id, true, x.cookies
	if x.route.IsLogout() {
		return nil // whatever the answer, see decide: nobody need be looked up
	}
	if _, known := h.clear.remembered(id.Subject); !known && !h.limit.Allow(wire.CountedBy(x.address)) {
		return tooMany() // whoever makes up people must not have them all looked up
	}
	switch decide(atRequest, h.clear.recent(ctx, id.Subject)) {
	case forward:
		return nil
	case withhold:
		if !h.observed(ctx, "request") {
			x.cookies.WithholdIdentity()
			x.sent = false
		}
		return nil
	default:
		if h.observed(ctx, "request") {
			return nil
		}
		return laterFault(errors.New("the person's clearance is unknown"))
	}
}

// isGenuine asks Keycloak, once, whether the identity cookie is.
func (h *handler) isGenuine(ctx context.Context, x *exchange) (bool, error) {
	if x.judged {
		return x.genuine, nil
	}
	genuine, err := h.genuine(ctx, x)
	if err != nil {
		return false, err
	}
	x.judged, x.genuine = true, genuine
	return genuine, nil
}

// A stranger may claim to be any account whose id they know, and must not
// learn from the answer whether its person is cleared. The claim of one who is
// goes to Keycloak, which takes a forged cookie away and begins anew; that of
// one who is not stays here. So in both cases Keycloak is asked, a forged
// cookie goes, in the gate's own words, and the answer is the one that is
// given to nobody in particular.

// disclaim takes a forged cookie away that was withheld.
func (h *handler) disclaim(ctx context.Context, w http.ResponseWriter, x *exchange) error {
	if x.sent || x.judged || x.hint.Subject == "" || h.Settings.Observe {
		return nil
	}
	genuine, err := h.isGenuine(ctx, x)
	if err != nil {
		return laterFault(err)
	}
	if !genuine {
		h.expireIdentity(w.Header())
	}
	return nil
}

// disowned does the same where the cookie went upstream, and no login came
// back. Elsewhere than on the auth endpoint Keycloak may look at the cookie or
// not, and whether it did is not passed on.
func (h *handler) disowned(ctx context.Context, x *exchange, resp *http.Response, login wire.Answer) error {
	genuine := !login.Removed
	if x.route == wire.Auth && genuine {
		var err error
		if genuine, err = h.isGenuine(ctx, x); err != nil {
			return h.answer(laterFault(err))
		}
	}
	if genuine || x.route.IsLogout() {
		return nil
	}
	x.judged, x.genuine = true, false
	switch {
	case !h.limit.Allow(wire.CountedBy(x.address)):
		return h.answer(tooMany())
	case x.route == wire.Auth && h.numbered(x) && !x.silent:
		return h.startOver(x)
	}
	dropCookies(resp.Header, identityCookies()...)
	if x.route == wire.Auth {
		h.expireIdentity(resp.Header)
	}
	return nil
}
