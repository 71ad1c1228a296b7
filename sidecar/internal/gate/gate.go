package gate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"strings"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/bucket"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
	"github.com/schleuse/schleuse/sidecar/internal/web"
	"github.com/schleuse/schleuse/sidecar/notify"
)

// Sealer makes values that leave the gate in a browser and come back: sealed
// with the key ring's purpose `cookie`.
type Sealer interface {
	Seal(plain, aad []byte) []byte
	// Open returns an error for everything that Seal did not make with this aad.
	Open(sealed, aad []byte) ([]byte, error)
}

// Gate is all that the gate needs. Every field must be set, Public and Permits
// excepted.
type Gate struct {
	Settings Settings
	Engine   *flow.Engine // After of its plans has the step that Review is
	Accounts account.Accounts
	Codes    Codes
	Logins   Logins
	Actions  Actions
	Permits  Permits           // nil: nobody registers a phone
	Changes  extension.Records // of the gate's own, by number: see changed.go
	Deeds    extension.Outbox  // of the gate's own: see deed.go
	Notify   notify.Sender
	Pages    *web.Pages
	Seals    Sealer
	Audit    audit.Log
	Log      *slog.Logger
	Now      func() time.Time
	Metrics  *Metrics
	Public   map[string]http.Handler // below /schleuse/x/NAME/, by the extension's name
}

// handler is the gate at work: a Gate with what it remembers for seconds.
type handler struct {
	*Gate
	surface *wire.Surface
	origin  wire.Origin
	outer   wire.Forwarding
	clear   *clearances
	limit   *bucket.Limits[netip.Prefix] // strangers
	known   *bucket.Limits[netip.Prefix] // who shows a secret or a login, true or not
	people  *bucket.Limits[account.ID]   // whose login leaves
	pages   *bucket.Limits[netip.Prefix] // who asks for the gate's own
	more    *bucket.Limits[minuteOf]     // attempts for which Keycloak is asked for time
	turns   *turns
	proxy   *httputil.ReverseProxy
	cross   *http.CrossOriginProtection
	own     http.Handler
}

// Face is the gate's public face.
type Face interface {
	http.Handler
	// Return hands what a browser brought back from a remote service to the
	// attempt that it belongs to, if this browser holds it: then its step, if
	// it is asked now, is resumed, and the browser is sent on. Otherwise it
	// returns false and has written nothing.
	Return(w http.ResponseWriter, r *http.Request, step flow.StepName, id flow.AttemptID) bool
}

// Handler returns the gate's public face. It has no side effect before the
// first request.
func (g *Gate) Handler() (Face, error) {
	if err := g.Settings.Validate(); err != nil {
		return nil, err
	}
	words := make([]wire.Word, 0, len(g.Settings.Open))
	for _, w := range g.Settings.Open {
		words = append(words, wire.Word(w))
	}
	surface, err := wire.NewSurface(g.Settings.prefix(), g.Settings.Realm, words)
	if err != nil {
		return nil, fmt.Errorf("gate: %w", err)
	}
	origin, err := wire.ParseOrigin(g.Settings.PublicURL.String())
	if err != nil {
		return nil, fmt.Errorf("gate: %w", err)
	}
	h := &handler{
		Gate: g, surface: surface, origin: origin, outer: outerSide(g.Settings.PublicURL),
		clear: newClearances(g), turns: newTurns(), cross: http.NewCrossOriginProtection(),
		limit:  bucket.New[netip.Prefix](g.Now, anonymousRate, anonymousBurst, maxAddresses),
		known:  bucket.New[netip.Prefix](g.Now, knownTimes*anonymousRate, knownTimes*anonymousBurst, maxAddresses),
		people: bucket.New[account.ID](g.Now, personRate, personBurst, maxPeople),
		pages:  bucket.New[netip.Prefix](g.Now, ownRate, ownBurst, maxAddresses),
		more:   bucket.New[minuteOf](g.Now, 0, moreAMinute, maxMinutes),
	}
	h.proxy = h.newProxy()
	h.own = h.routes()
	if g.Settings.Observe {
		g.Log.Warn("the gate only observes: nobody is asked for anything, nothing is refused")
	}
	return h, nil
}

// ServeHTTP tells the gate's own pages from what goes to Keycloak.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, ownPath) {
		h.own.ServeHTTP(w, r)
		return
	}
	x, err := h.admit(r)
	if err == nil {
		err = h.serve(w, r, x)
	}
	if err != nil {
		h.Metrics.refused(x.route, err)
		h.Pages.Error(w, r, err, h.startLink(x.client)...)
	}
}

// serve is the dispatcher: what is done with a request, by its route.
func (h *handler) serve(w http.ResponseWriter, r *http.Request, x *exchange) error {
	switch x.route {
	case wire.Token:
		return h.token(w, r, x)
	case wire.PAR:
		return h.push(w, r, x)
	}
	if err := h.identify(r.Context(), x); err != nil {
		return err
	}
	if err := h.bound(x); err != nil {
		return err
	}
	switch x.route {
	case wire.Auth:
		return h.authorize(w, r, x)
	case wire.Authenticate, wire.ResetCredentials:
		return h.authenticate(w, r, x)
	case wire.Restart:
		return h.restart(w, r, x)
	case wire.BrokerEndpoint:
		return h.brokered(w, r, x)
	}
	return h.pass(w, r, x)
}

// pass is every other route: to Keycloak, knowing the tab it belongs to.
func (h *handler) pass(w http.ResponseWriter, r *http.Request, x *exchange) error {
	if x.route.HasPages() {
		query, err := wire.ParseParams(x.target.Query)
		if err != nil {
			return malformed(err)
		}
		h.recall(x, query, nil)
		if done, err := h.before(w, r, x); done {
			return err
		}
		if changes(x, query) {
			return h.act(w, r, x)
		}
	}
	h.forward(w, r, x)
	return nil
}

// observed reports whether the gate only observes, and if so that a rule
// would have acted.
func (h *handler) observed(ctx context.Context, rule string) bool {
	if !h.Settings.Observe {
		return false
	}
	h.Metrics.observed(rule)
	h.Log.WarnContext(ctx, "observing: a rule would have acted", "rule", rule)
	return true
}

// alarm tells about what should never be seen.
func (h *handler) alarm(ctx context.Context, what string, x *exchange) {
	h.Metrics.alarm(what)
	h.Log.ErrorContext(ctx, "alarm", "what", what, "route", x.route.String())
}

// errAnswer is what Keycloak answered and nobody may get.
var errAnswer = errors.New("an answer of Keycloak that is not passed on")
