package gate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
)

const (
	paramAction     = "kc_action"
	paramRequestURI = "request_uri"
	maxAction       = 128 // bytes
	restartName     = "KC_RESTART"
)

// wantedAction is a kc_action (change the password, enrol an authenticator)
// that an authorization request asks for.
type wantedAction struct {
	there  bool
	value  string // "" when it stands inside
	inside bool   // in a signed object, from where it cannot be taken
}

// actionAsked finds the action wherever it stands: in the parameters, in the
// pushed request, in the request object. What cannot be read may carry one
// and is refused.
func (h *handler) actionAsked(ctx context.Context, x *exchange) (wantedAction, error) {
	a := wantedAction{there: x.ask.Action, value: x.ask.Params.Get(paramAction), inside: x.ask.Inside}
	switch x.ask.Object {
	case wire.Hidden:
		if h.observed(ctx, "hidden_request") {
			return a, nil
		}
		return a, fault.New(fault.Invalid, "invalid", errors.New("the request's parameters cannot be read"))
	case wire.Pushed:
		p, err := h.pushedUnder(x.client, x.ask.RequestURI)
		switch {
		case err != nil && h.observed(ctx, "pushed"):
			return a, nil
		case err != nil:
			return a, notPushed(err)
		}
		x.push = p
		if p.Prompted {
			x.silent = p.Silent
		}
		if p.Action != "" || p.Inside {
			a = wantedAction{there: true, value: p.Action, inside: p.Inside}
		}
	}
	return a, nil
}

// guardAction is the rule "no side effect before clearance": Keycloak runs a
// kc_action before the last response of a login, so it goes upstream only
// with the identity cookie of a cleared person. Otherwise the login runs
// without it, and the original request follows the clearance.
func (h *handler) guardAction(w http.ResponseWriter, r *http.Request, x *exchange) (done bool, err error) {
	a, err := h.actionAsked(r.Context(), x)
	if err != nil || !a.there || h.leavesActions() && h.observed(r.Context(), "action") {
		return false, err
	}
	if x.sent {
		acts, err := h.actsFor(r.Context(), w, x)
		if err != nil {
			return false, err
		}
		if acts {
			x.acting, x.action = true, a.value
			return false, nil
		}
	}
	if a.inside {
		h.interactionRequired(w, r, x)
		return true, nil
	}
	x.aside = true
	return false, nil
}

// actsFor reports whether an action goes upstream for somebody who claims to be
// signed in. The cookie of one who is not cleared does not.
func (h *handler) actsFor(ctx context.Context, w http.ResponseWriter, x *exchange) (bool, error) {
	switch h.clear.fresh(ctx, x.hint.Subject) {
	case account.Exempt:
		return true, nil
	case account.Cleared:
		passed, err := h.mayChange(ctx, x.hint)
		return passed, asLater(err)
	case account.NotCleared:
		if h.observed(ctx, "action") {
			return true, nil
		}
		x.sent = false
		x.cookies.WithholdIdentity()
		return false, h.disclaim(ctx, w, x)
	}
	return false, laterFault(errors.New("the person's clearance is unknown"))
}

// actionWaits reports whether an action was asked for that did not go upstream.
func actionWaits(x *exchange) bool { return !x.acting && (x.aside || x.tab.follows()) }

// actionFollows reports whether one waits that can be asked for again.
func (h *handler) actionFollows(x *exchange) bool {
	return (x.known || x.aside) && x.tab.follows() && !h.leavesActions()
}

// leavesActions reports whether actions go upstream wherever they stand: the
// gate only observes, and there is no step-up, which it does not only observe.
func (h *handler) leavesActions() bool { return h.Settings.Observe && !h.stepsUp() }

// mayChange reports whether a session of somebody who is cleared has passed
// all that there is to pass: an authenticator that a thief of the password
// enrols would outlive the session.
func (h *handler) mayChange(ctx context.Context, of wire.Identity) (bool, error) {
	if !h.stepsUp() {
		return true, nil
	}
	return h.passedStepup(ctx, of.Subject, of.Session)
}

// checkAction looks, after an action went upstream, whether the identity
// cookie that went along is genuine: Keycloak ignores one that is not and
// would run the action for whoever signs in next. A session cannot come back
// to life, so what is genuine now was so before. The cookie by which Keycloak
// restarts a login that it has forgotten, action included, does not leave.
func (h *handler) checkAction(ctx context.Context, x *exchange, resp *http.Response) error {
	dropCookies(resp.Header, restartName)
	genuine, err := h.isGenuine(ctx, x)
	switch {
	case err != nil:
		return h.answer(laterFault(err))
	case !genuine:
		return h.startOver(x)
	}
	return nil
}

// keepActing is longer than any authentication may take in Keycloak.
const keepActing = 12 * time.Hour

// recordActing remembers that an action waits in a tab. Somebody who is
// cleared could begin one, throw the browser's cookies away and let another
// person's password end the login: in such a tab no number is asked again.
func (h *handler) recordActing(ctx context.Context, key string) error {
	if err := h.Actions.RecordAction(ctx, tabHash(key), h.Now().Add(keepActing)); err != nil {
		return fmt.Errorf("recording a tab with an action: %w", err)
	}
	return nil
}

// acts reports whether an action waits in a tab.
func (h *handler) acts(ctx context.Context, key string) (bool, error) {
	return h.Actions.ActionWaits(ctx, tabHash(key))
}

// tabHash is a name that no code has.
func tabHash(key string) Hash { return HashOf("tab " + key) }

// dropCookies removes what is set under these names.
func dropCookies(header http.Header, names ...string) {
	kept := header["Set-Cookie"][:0:0]
	for _, line := range header["Set-Cookie"] {
		name, _, _ := strings.Cut(strings.TrimSpace(line), "=")
		if !slices.Contains(names, name) {
			kept = append(kept, line)
		}
	}
	header["Set-Cookie"] = kept
}

// genuine asks Keycloak for the account console with the browser's cookies:
// for a live login it renews the identity cookie, whatever else it answers.
func (h *handler) genuine(ctx context.Context, x *exchange) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	target := *h.Settings.Upstream
	target.Path = h.settingsPath("account/")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), http.NoBody)
	if err != nil {
		return false, err
	}
	req.Host = h.Settings.PublicURL.Host
	req.Header = h.headers(&exchange{route: wire.Account, address: x.address, cookies: x.claim}, http.Header{"Accept": {"application/json"}})
	resp, err := h.transport().RoundTrip(req)
	if err != nil {
		return false, err
	}
	if err := resp.Body.Close(); err != nil {
		return false, err
	}
	login, err := wire.ReadAnswer(resp.Header, h.Now())
	return err == nil && login.Live && login.Identity == x.hint, nil
}

func (h *handler) settingsPath(rest string) string { return h.Settings.realmPath() + rest }

func (h *handler) transport() http.RoundTripper {
	if h.Settings.Transport != nil {
		return h.Settings.Transport
	}
	return http.DefaultTransport
}

// interactionRequired has Keycloak refuse a signed request that carries an
// action, as if nobody were signed in: it knows where the client may be
// answered, and how.
func (h *handler) interactionRequired(w http.ResponseWriter, r *http.Request, x *exchange) {
	x.silent, x.failed, x.sent = true, true, false
	x.cookies.WithholdIdentity()
	h.forwardRead(w, r, x, x.ask.Silent())
}

// onlyError lets nothing but an error to the client pass. To a pushed request
// Keycloak answers with a page of its own first, which is asked for here.
func (h *handler) onlyError(ctx context.Context, x *exchange, resp *http.Response) error {
	to := resp.Header.Get("Location")
	if x.ask.Object == wire.Pushed && to != "" && h.origin.Owns(to) {
		var err error
		if to, err = h.nextLocation(ctx, x, to, wire.KeycloakCookies(resp.Header)); err != nil {
			return h.answer(laterFault(err))
		}
	}
	if to == "" || h.origin.Owns(to) || !strings.Contains(to, "error=login_required") {
		return h.answer(fault.New(fault.Invalid, "invalid", errors.New("an action inside a signed request")))
	}
	resp.Header.Del("Set-Cookie")
	resp.Header.Set("Location", strings.Replace(to, "error=login_required", "error=interaction_required", 1))
	return nil
}

// nextLocation asks for a page of Keycloak's with the cookies that it has
// just set, as nobody, and returns where that leads.
func (h *handler) nextLocation(ctx context.Context, x *exchange, at string, set []string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	to, err := h.Settings.Upstream.Parse(at)
	if err != nil {
		return "", err
	}
	to.Scheme, to.Host = h.Settings.Upstream.Scheme, h.Settings.Upstream.Host
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, to.String(), http.NoBody)
	if err != nil {
		return "", err
	}
	var pairs []string
	for _, line := range set {
		pair, _, _ := strings.Cut(line, ";")
		pairs = append(pairs, pair)
	}
	req.Host = h.Settings.PublicURL.Host
	req.Header = h.headers(&exchange{route: wire.Authenticate, address: x.address}, http.Header{"Accept": {"text/html"}})
	req.Header.Set("Cookie", strings.Join(pairs, "; "))
	resp, err := h.transport().RoundTrip(req)
	if err != nil {
		return "", err
	}
	return resp.Header.Get("Location"), resp.Body.Close()
}

// follow lets the login of somebody who is cleared out without its code, and
// repeats the original request, this time with its action.
func (h *handler) follow(ctx context.Context, x *exchange, header http.Header, id wire.Identity) error {
	if err := h.recordLogin(ctx, id.Subject, id.Session); err != nil {
		return h.answer(laterFault(err))
	}
	if err := h.passed(ctx, x, id); err != nil {
		return h.answer(laterFault(err))
	}
	x.tabs.finish(x.tab)
	return &instead{func(w http.ResponseWriter, _ *http.Request) {
		for _, line := range wire.KeycloakCookies(header) {
			w.Header().Add("Set-Cookie", line)
		}
		h.writeTabs(w.Header(), x.tabs)
		seeOther(w, h.authTarget(x.tab.Query))
	}}
}

// authTarget is the auth endpoint with a query.
func (h *handler) authTarget(query string) string {
	return wire.Target{Path: h.settingsPath("protocol/openid-connect/auth"), Query: query}.String()
}
