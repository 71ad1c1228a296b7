package gate

import (
	"context"
	"net/http"

	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
)

// authenticate is Keycloak's own login page: the user name that goes upstream
// is the number that was typed for this tab. A password for which no number
// is known is not forwarded.
func (h *handler) authenticate(w http.ResponseWriter, r *http.Request, x *exchange) error {
	query, err := wire.ParseParams(x.target.Query)
	if err != nil {
		return malformed(err)
	}
	form, err := posted(r)
	if err != nil {
		return err
	}
	if form != nil {
		if ours, err := h.numberAnswered(w, r, x, form); ours {
			return err
		}
	}
	h.recall(x, query, form)
	if form != nil && !h.Settings.Observe {
		if !x.known && h.numbered(x) {
			return h.askAgain(w, r, x, query)
		}
		form = x.tab.named(form)
	}
	x.shown, x.body = form, encodeForm(form)
	return h.sendOn(w, r, x)
}

// sendOn sends on what may make a tab somebody's, once that is written down.
// What Keycloak makes of a secret is seen, whoever hangs up.
func (h *handler) sendOn(w http.ResponseWriter, r *http.Request, x *exchange) error {
	if done, err := h.before(w, r, x); done {
		return err
	}
	if r.Method == http.MethodPost {
		r = r.WithContext(context.WithoutCancel(r.Context()))
	}
	h.forward(w, r, x)
	return nil
}

// named is a form with the number that was typed for the tab in the place of
// every user name.
func (t *tab) named(form wire.Params) wire.Params {
	if t.Number == "" || !form.Has("username") {
		return form
	}
	return form.With("username", string(t.Number))
}

// posted reads the form that came in; nil where there is none.
func posted(r *http.Request) (wire.Params, error) {
	if r.Method != http.MethodPost {
		return nil, nil
	}
	body, err := readForm(r)
	if err != nil {
		return nil, err
	}
	form, err := wire.ParseForm(r.Header, body)
	if err != nil {
		return nil, malformed(err)
	}
	return form, nil
}

func encodeForm(form wire.Params) []byte {
	if form == nil {
		return nil
	}
	return []byte(form.Encode())
}

// recall finds what is known of the tab to which a request belongs. Where
// Keycloak does not read client_id, what a browser writes there counts for
// nothing.
func (h *handler) recall(x *exchange, query, form wire.Params) {
	x.tabKey = string(wire.TabOfRequest(x.route, query, form))
	x.tab, x.known = x.tabs.find(x.tabKey)
	if x.tab.Kind == opened {
		x.known = !h.numbered(&exchange{client: query.Get("client_id")})
		x.tab.Client = query.Get("client_id")
	}
	switch {
	case x.known:
		x.client = x.tab.Client
	case x.route != wire.BrokerEndpoint:
		x.client = query.Get("client_id")
	}
}

// askAgain asks for the number of a tab of which nothing is known (any more),
// and from there goes back to Keycloak's page for it.
func (h *handler) askAgain(w http.ResponseWriter, r *http.Request, x *exchange, query wire.Params) error {
	key := string(wire.TabOfRequest(x.route, query, nil))
	if key == "" {
		return gone(nil)
	}
	acts, err := h.acts(r.Context(), key)
	switch {
	case err != nil:
		return laterFault(err)
	case acts:
		return h.beginAnew(w, x)
	}
	var back wire.Params
	for _, name := range []string{"client_id", "tab_id", "client_data"} {
		back = back.With(name, query.Get(name))
	}
	return h.askNumber(w, r, x, asked{
		Method: http.MethodGet, Path: x.target.Path, Query: back.Encode(), Key: key,
	})
}

// brokered is the return from a foreign issuer: which tab it belongs to
// stands in its state.
func (h *handler) brokered(w http.ResponseWriter, r *http.Request, x *exchange) error {
	query, err := wire.ParseParams(x.target.Query)
	if err != nil {
		return malformed(err)
	}
	form, err := posted(r)
	if err != nil {
		return err
	}
	if r.Method == http.MethodPost {
		x.body = encodeForm(form)
	}
	h.recall(x, query, form)
	return h.sendOn(w, r, x)
}

// restart takes the place of Keycloak's own restart, which would go on
// without a number and may keep an action that somebody else began.
func (h *handler) restart(w http.ResponseWriter, r *http.Request, x *exchange) error {
	query, err := wire.ParseParams(x.target.Query)
	if err != nil {
		return malformed(err)
	}
	h.recall(x, query, nil)
	if h.observed(r.Context(), "restart") {
		h.forward(w, r, x)
		return nil
	}
	if to := h.Settings.Start[x.client]; !x.known && to != "" {
		seeOther(w, to) // any site can link here: only who knows the tab is signed out
		return nil
	}
	return h.beginAnew(w, x)
}

// beginAnew sends the browser, as nobody, to the original request, else to
// where the client begins.
func (h *handler) beginAnew(w http.ResponseWriter, x *exchange) error {
	to := h.Settings.Start[x.client]
	if x.known && x.tab.Query != "" {
		to = h.authTarget(x.tab.Query)
	}
	if to == "" {
		return gone(nil)
	}
	x.tabs.finish(x.tab)
	h.writeTabs(w.Header(), x.tabs)
	h.expireIdentity(w.Header())
	if x.hint.Session != "" {
		h.forgetAuthentication(w.Header())
	}
	seeOther(w, to)
	return nil
}
