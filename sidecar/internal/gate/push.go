package gate

import (
	"context"
	"errors"
	"net/http"

	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
)

// push is the endpoint of pushed authorization requests. What is pushed wins
// over what stands beside request_uri, so a client's login_hint is taken out;
// kc_action is taken out and recorded, to be added again for a cleared person.
func (h *handler) push(w http.ResponseWriter, r *http.Request, x *exchange) error {
	h.clientsCall(w, r, x, h.pushedRequest)
	return nil
}

func (h *handler) pushedRequest(ctx context.Context, x *exchange, header http.Header, body []byte) error {
	ask, err := wire.ReadPushed(header, body)
	if err != nil {
		return oauthFailure("invalid_request", err)
	}
	if ask.Object == wire.Hidden && !h.observed(ctx, "hidden_request") {
		return oauthFailure("invalid_request_object", errors.New("the object cannot be read"))
	}
	action := ask.Params.Get(paramAction)
	if len(action) > maxAction {
		return oauthFailure("invalid_request", errors.New("kc_action is too long"))
	}
	limit := h.limit
	if authenticates(header, ask.Params) {
		limit = h.clients
	}
	if !limit.allow(wire.CountedBy(x.address)) {
		return tooMany()
	}
	x.client = ask.Client
	x.push = &Pushed{Client: ask.Client, Action: action, Signed: ask.Inside, PromptNone: ask.Asks("none")}
	params := ask.Params
	if !h.Settings.Observe {
		hint := ""
		if !h.numbered(x) {
			hint = params.Get("login_hint")
		}
		params = ask.Upstream(hint, false)
	}
	x.body = []byte(params.Encode())
	return nil
}

// authenticates reports whether the client shows a secret. Requests of others
// can be pushed by anybody, and each is recorded. Of a public client Keycloak
// takes any secret, so that this changes the bound and lifts it for nobody.
func authenticates(header http.Header, form wire.Params) bool {
	return header.Get("Authorization") != "" || form.Has("client_secret") || form.Has("client_assertion")
}

// pushedAnswer records the request before the client gets its address.
func (h *handler) pushedAnswer(ctx context.Context, x *exchange, resp *http.Response) error {
	if resp.StatusCode != http.StatusCreated {
		return nil
	}
	body, err := takeBody(resp, wire.MaxForm)
	if err != nil {
		return h.noTokens(x, resp, fault.New(fault.BadUpstream, "bad_upstream", err))
	}
	pushed, err := wire.ReadPushedAnswer(body)
	if err != nil {
		return h.noTokens(x, resp, fault.New(fault.BadUpstream, "bad_upstream", err))
	}
	x.push.Expires = h.Now().Add(pushed.Lifetime + h.Settings.codeLifetime())
	if err := h.Pushed.RecordPushed(ctx, HashOf(pushed.RequestURI), *x.push); err != nil {
		return h.noTokens(x, resp, laterFault(err))
	}
	return nil
}
