package gate

import (
	"context"
	"errors"
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
	x.hint, x.sent = id, true
	if x.route.IsLogout() {
		return nil // whatever the answer, see decide: nobody need be looked up
	}
	if _, known := h.clear.remembered(id.Subject); !known && !h.limit.allow(wire.CountedBy(x.address)) {
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
