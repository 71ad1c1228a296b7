package gate

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
)

// authorize is the auth endpoint: who is not signed in, or not cleared, is
// asked for a number first.
func (h *handler) authorize(w http.ResponseWriter, r *http.Request, x *exchange) error {
	if r.Method != http.MethodPost {
		return h.enter(w, r, x, nil)
	}
	body, err := readForm(r)
	if err != nil {
		return err
	}
	if form, err := wire.ParseForm(r.Header, body); err == nil {
		if ours, err := h.numberAnswered(w, r, x, form); ours {
			return err
		}
	}
	return h.enter(w, r, x, body)
}

// enter reads the authorization request and decides what is next for it.
func (h *handler) enter(w http.ResponseWriter, r *http.Request, x *exchange, body []byte) error {
	ask, err := wire.ReadAuthorization(r.Method, x.target, r.Header, body)
	if err != nil {
		return malformed(err)
	}
	x.ask, x.client, x.silent, x.push = &ask, ask.Client, ask.Asks("none"), nil
	if h.staffEntry(w, x) {
		return nil
	}
	if err := h.disclaim(r.Context(), w, x); err != nil {
		return err
	}
	if done, err := h.guardAction(w, r, x); done || err != nil {
		return err
	}
	if !x.known && !x.sent {
		x.tab, x.known = x.tabs.find(requestKey(x.target.Query))
	}
	if h.needsNumber(x) {
		return h.askNumber(w, r, x, asked{
			Method: postOrGet(r.Method), Path: x.target.Path, Query: x.target.Query,
			Body: string(body), Key: requestKey(x.target.Query),
		})
	}
	h.forwardAuthorization(w, r, x)
	return nil
}

func postOrGet(method string) string {
	if method == http.MethodPost {
		return method
	}
	return http.MethodGet
}

func (h *handler) needsNumber(x *exchange) bool {
	return h.numbered(x) && !x.sent && !x.known && !x.silent && x.client != "" && !h.Settings.Observe
}

// staffEntry remembers that this request comes by the entry for staff, and
// asks for it again without the mark.
func (h *handler) staffEntry(w http.ResponseWriter, x *exchange) (done bool) {
	if !h.Settings.StaffEntry || !x.ask.Params.Has(staffParam) || x.in.Method == http.MethodPost {
		return false
	}
	query := x.ask.Params.Without(staffParam).Encode()
	x.tabs.put(tab{Key: requestKey(query), Kind: staff, Client: x.client, At: h.Now().Unix()})
	h.writeTabs(w.Header(), x.tabs)
	seeOther(w, wire.Target{Path: x.target.Path, Query: query}.String())
	return true
}

// forwardAuthorization sends the request upstream. The number goes along as
// login_hint there alone; a client's own hint only where no number is asked.
func (h *handler) forwardAuthorization(w http.ResponseWriter, r *http.Request, x *exchange) {
	if h.Settings.Observe && !h.stepsUp() {
		if x.ask.JKT() != "" || x.push != nil && x.push.JKT != "" {
			h.remember(x)
		}
		h.forwardRead(w, r, x, x.ask.Observed())
		return
	}
	hint := string(x.tab.Number)
	if h.Settings.Observe || !h.numbered(x) || (x.known && x.tab.Kind == staff) {
		hint = x.ask.Params.Get("login_hint")
	}
	params := x.ask.Upstream(hint, false)
	if x.action != "" {
		params = params.With("kc_action", x.action)
	}
	h.remember(x)
	h.forwardRead(w, r, x, params)
}

// forwardRead sends on what was read, in the form in which it was read. A
// pushed request goes by Keycloak's name for it.
func (h *handler) forwardRead(w http.ResponseWriter, r *http.Request, x *exchange, params wire.Params) {
	if x.push != nil {
		params = params.With(paramRequestURI, wire.PushedURI(x.push.Reference))
	}
	if r.Method == http.MethodPost {
		x.query, x.body = "", []byte(params.Encode())
	} else if !slices.Equal(params, x.ask.Params) {
		x.query = params.Encode()
	}
	h.forward(w, r, x)
}

// remember prepares what will be bound to the tab that Keycloak opens for
// this request.
func (h *handler) remember(x *exchange) {
	if !x.known {
		x.tab = tab{Kind: plain, Client: x.client}
		if h.numbered(x) && !h.Settings.Observe {
			x.tab.Kind = renewed
		}
		x.known = x.tab.Kind == plain
	}
	x.tab.Client, x.tab.At = x.client, h.Now().Unix()
	if x.tab.JKT = x.ask.JKT(); x.push != nil {
		x.tab.JKT = x.push.JKT
	}
	if x.ask.Object == wire.NoObject {
		keeps := !x.acting && !h.leavesActions()
		x.tab.Query = x.ask.Again(keeps).Encode()
	}
}

// bindTab ties the tab that an answer goes on with to what is known of the
// request.
func (h *handler) bindTab(ctx context.Context, x *exchange, resp *http.Response) error {
	key := string(wire.TabOfAnswer(h.origin, resp.Header, x.page))
	if key != "" && x.acting {
		if err := h.recordActing(ctx, key); err != nil {
			return h.answer(laterFault(err))
		}
	}
	if err := h.witness(ctx, x, resp, key); err != nil {
		return h.answer(laterFault(err))
	}
	if key != "" && key != x.tab.Key {
		if entry, ok := h.entryFor(ctx, x); ok {
			x.tabs.put(h.birth(x, entry, key))
		}
	}
	h.writeTabs(resp.Header, x.tabs)
	return nil
}

// birth is what is remembered of a tab from its first answer on. Where Keycloak
// goes on in another tab than the one that was asked for, that one may be of
// any age, and anybody's.
func (h *handler) birth(x *exchange, entry tab, key string) tab {
	entry.Key, entry.Born, entry.Late, entry.Claim = key, 0, true, ""
	switch {
	case x.route == wire.Auth:
		entry.Late = false
		if x.sent {
			entry.Claim = x.hint.Subject
		}
	case x.tabKey != "":
		return entry
	}
	entry.Born = h.Now().UnixMilli()
	return entry
}

// entryFor completes the entry of somebody who signs in again: the number is
// that of the account that the browser is signed in with. Keycloak says so
// first: its page shows the number, and anybody may claim to be an account
// whose id they know.
func (h *handler) entryFor(ctx context.Context, x *exchange) (tab, bool) {
	entry := x.tab
	if entry.Kind == "" {
		return h.openedElse(x)
	}
	if entry.Kind != renewed || entry.Number != "" {
		return entry, true
	}
	if !x.sent || !h.surelyGenuine(ctx, x) {
		return tab{}, false
	}
	acc, err := h.Accounts.Get(ctx, x.hint.Subject)
	if err != nil {
		if !errors.Is(err, account.ErrNotFound) {
			h.Log.WarnContext(ctx, "looking up who signs in again", "error", err)
		}
		return tab{}, false
	}
	if entry.Number = numberOf(acc); entry.Number == "" {
		entry.Kind = staff
	}
	return entry, true
}

// surelyGenuine reports whether Keycloak says so.
func (h *handler) surelyGenuine(ctx context.Context, x *exchange) bool {
	genuine, err := h.isGenuine(ctx, x)
	if err != nil {
		h.Log.WarnContext(ctx, "asking who signs in again", "error", err)
	}
	return err == nil && genuine
}

// openedElse is the entry of a tab that Keycloak has opened otherwise than for
// an authorization request: for a device, or a forgotten password.
func (h *handler) openedElse(x *exchange) (tab, bool) {
	fresh := x.tabKey == "" && (x.route == wire.DevicePage || x.route == wire.ResetCredentials)
	return tab{Kind: opened, At: h.Now().Unix()}, fresh
}

// startOver drops an answer and begins again as if nobody were signed in: the
// session is dead or never was, and the number comes before the password.
func (h *handler) startOver(x *exchange) error {
	return &instead{func(w http.ResponseWriter, r *http.Request) {
		again := *x
		again.sent, again.page, again.acting, again.action = false, nil, false, ""
		again.cookies.WithholdIdentity()
		again.tab, again.known = tab{}, false
		if !x.silent || x.judged && !x.genuine {
			h.expireIdentity(w.Header())
		}
		var body []byte
		if r.Method == http.MethodPost {
			body = []byte(x.ask.Params.Encode())
		}
		if err := h.enter(w, r, &again, body); err != nil {
			h.Pages.Error(w, r, err)
		}
	}}
}

// expireIdentity takes Keycloak's identity cookies away from the browser, as
// Keycloak itself does when a login starts anew.
func (h *handler) expireIdentity(header http.Header) {
	h.expire(header, identityCookies()...)
}

func identityCookies() []string { return []string{"KEYCLOAK_IDENTITY", "KEYCLOAK_SESSION"} }

// forgetAuthentication takes the cookies of authentications under way. They
// name the session that was made last, and Keycloak lets nobody else sign in
// beside it.
func (h *handler) forgetAuthentication(header http.Header) {
	h.expire(header, "AUTH_SESSION_ID", "KC_AUTH_SESSION_HASH", restartName)
}

func (h *handler) expire(header http.Header, names ...string) {
	for _, name := range names {
		c := http.Cookie{ //nolint:gosec // KEYCLOAK_SESSION is read by scripts, and goes along with cross-site requests as Keycloak set it
			Name: name, Path: h.Settings.realmPath(), MaxAge: -1,
			Secure: true, HttpOnly: name == "KEYCLOAK_IDENTITY", SameSite: http.SameSiteNoneMode,
		}
		header.Add("Set-Cookie", c.String())
	}
}

// gone is the answer when there is nothing to go on with: the client's start.
func gone(cause error) error { return fault.New(fault.Gone, "gone", cause) }
