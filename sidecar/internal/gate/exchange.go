package gate

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strings"

	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
)

// maxBody bounds a request body that is only passed through, in bytes.
const maxBody = 1 << 20

// exchange is one request to Keycloak on its way through the rules.
type exchange struct {
	in      *http.Request
	route   wire.Route
	target  wire.Target
	address netip.Addr
	cookies wire.Cookies
	tabs    *tabs

	hint    wire.Identity // whose login the browser claims to have; a hint only
	sent    bool          // the identity cookie goes upstream
	claim   wire.Cookies  // as they came, with the identity cookie
	renewal renewing      // whether the answer renews a login, see renews
	judged  bool          // Keycloak was asked whether it is genuine,
	genuine bool          // and says so

	client string
	tab    tab    // what is remembered of this authorization request
	tabKey string // which of Keycloak's tabs the request names, known or not
	known  bool

	ask   *wire.Authorization // on the auth endpoint
	shown wire.Params         // the form of Keycloak's login page, as it goes upstream
	waits *waiting            // who waits in the tab in which an action is done
	deed  deed                // that action, while it is on its way

	silent   bool   // prompt=none: no page may be shown
	acting   bool   // a kc_action goes upstream with this request
	aside    bool   // one was asked for, and does not
	action   string // its value, where the gate adds it
	unjudged bool   // whether its login came too late is not known
	failed   bool   // only an error may come back

	token *tokenExchange // on the token endpoint
	push  *pushed        // on the endpoint of pushed requests, and where one of them is used

	query string // for Keycloak
	body  []byte // for Keycloak, when it was read; nil = the request's own
	page  []byte // of the answer, when it was read
}

// renewing says whether an answer renews a login. The zero value: nobody has
// asked yet.
type renewing uint8

const (
	unasked renewing = iota
	anew
	renewal
)

type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// admit is the surface rule: one canonical form of the target, an allow-list
// of methods and paths, the rest is 400 or 404. Whoever is refused here has an
// exchange all the same, for the metrics.
func (h *handler) admit(r *http.Request) (*exchange, error) {
	x := &exchange{in: r}
	target, err := wire.ReadTarget(r)
	if err != nil {
		return x, fault.New(fault.Invalid, "invalid", err)
	}
	match := h.surface.Match(r.Method, target)
	x.route, x.target, x.query = match.Route, target, target.Query
	if !match.Open() && !h.surfaceOpen(r.Context(), target) {
		return x, fault.New(fault.NotFound, "not_found", nil)
	}
	if x.route.ForgetsQuery() {
		x.query = ""
	}
	x.address = wire.ClientAddress(r.RemoteAddr, r.Header, h.Settings.TrustedProxies)
	x.cookies = wire.ReadCookies(r.Header)
	x.tabs = &tabs{}
	if x.route.HasPages() {
		x.tabs = h.readTabs(&x.cookies)
	}
	return x, nil
}

// surfaceOpen lets closed paths of the own realm pass while the gate only
// observes. The administration and every other realm stay closed: the
// administrators' own is one of them.
func (h *handler) surfaceOpen(ctx context.Context, t wire.Target) bool {
	realm := h.surface.RealmPath()
	if t.Path != realm && !strings.HasPrefix(t.Path, realm+"/") && !strings.HasPrefix(t.Path, h.Settings.prefix()+"/resources/") {
		return false
	}
	return h.observed(ctx, "surface")
}

// bound limits the work for the people of one address. That they are signed
// in is only claimed here; where it was not true, disowned counts once more.
func (h *handler) bound(x *exchange) error {
	limit := h.limit
	if x.sent {
		limit = h.known
	}
	if !x.route.HasPages() || limit.Allow(wire.CountedBy(x.address)) {
		return nil
	}
	return tooMany()
}

func tooMany() error {
	f := fault.New(fault.TooMany, "too_many", nil)
	f.Retry = retryAnonymous
	return f
}

// readForm reads a body that the gate has to understand.
func readForm(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, wire.MaxForm+1))
	if err != nil {
		return nil, fault.New(fault.Invalid, "invalid", err)
	}
	if len(body) > wire.MaxForm {
		return nil, fault.New(fault.TooLarge, "too_large", nil)
	}
	return body, nil
}

// malformed turns an error of package wire into one for people.
func malformed(err error) error {
	if errors.Is(err, wire.ErrTooLong) {
		return fault.New(fault.TooLarge, "too_large", err)
	}
	return fault.New(fault.Invalid, "invalid", err)
}

// laterFault is the answer when nothing could be learnt: nothing is opened,
// ended or lost.
func laterFault(cause error) error {
	f := fault.New(fault.Unavailable, "later", cause)
	f.Retry = retryLater
	return f
}
