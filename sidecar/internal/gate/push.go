package gate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
)

// pushed is what the gate must know of a pushed authorization request (RFC
// 9126) when its request_uri comes back. It travels in that address, sealed
// and bound to the client: anybody may push, and nothing is stored for it. To
// the client the address is opaque, as the RFC has it.
type pushed struct {
	Reference string `json:"r"`           // of Keycloak's own request_uri, see wire.PushedReference
	Action    string `json:"a,omitempty"` // the kc_action that was pushed, at most maxAction bytes; "" = none
	Inside    bool   `json:"i,omitempty"` // a kc_action stands in what Keycloak has
	Prompted  bool   `json:"p,omitempty"` // what was pushed says which prompt counts
	Silent    bool   `json:"s,omitempty"` // it says prompt=none
	JKT       string `json:"j,omitempty"` // the key of the phone for which it asks for an enrolment; "" = it does not
	Expires   int64  `json:"e,omitempty"` // Unix seconds
}

const (
	// maxReference bounds what Keycloak's request_uri adds to the client's, in bytes.
	maxReference = 128
	// pushedGrace is how much later than Keycloak the gate lets an address
	// expire: the clocks of replicas differ.
	pushedGrace = time.Minute
)

// push is the endpoint of pushed authorization requests. What is pushed wins
// over what stands beside request_uri, so a client's login_hint is taken out;
// kc_action is taken out and kept aside, to be added again for a cleared person.
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
		limit = h.known
	}
	if !limit.Allow(wire.CountedBy(x.address)) {
		return tooMany()
	}
	x.client = ask.Client
	x.push = &pushed{
		Action: action, Inside: ask.Inside || h.leavesActions() && ask.Action,
		Silent: ask.Asks("none"), JKT: ask.JKT(),
	}
	params := h.pushedParams(x, &ask)
	// Beside a pushed request object Keycloak hears no prompt at all.
	x.push.Prompted = ask.Object == wire.Signed || params.Get("prompt") != ""
	x.body = []byte(params.Encode())
	return nil
}

// pushedParams are the parameters for Keycloak.
func (h *handler) pushedParams(x *exchange, ask *wire.Authorization) wire.Params {
	if h.leavesActions() {
		return ask.Observed()
	}
	hint := ""
	if h.Settings.Observe || !h.numbered(x) {
		hint = ask.Params.Get("login_hint")
	}
	return ask.Upstream(hint, false)
}

// authenticates reports whether the client shows a secret. Requests of others
// can be pushed by anybody, and Keycloak keeps each for a while. Of a public client Keycloak
// takes any secret, so that this changes the bound and lifts it for nobody.
func authenticates(header http.Header, form wire.Params) bool {
	return header.Get("Authorization") != "" || form.Has("client_secret") || form.Has("client_assertion")
}

// pushedAnswer puts the gate's own address in the place of Keycloak's.
func (h *handler) pushedAnswer(x *exchange, resp *http.Response) error {
	if resp.StatusCode != http.StatusCreated {
		return nil
	}
	body, err := takeBody(resp, wire.MaxForm)
	if err != nil {
		return h.noTokens(x, resp, fault.New(fault.BadUpstream, "bad_upstream", err))
	}
	answer, err := wire.ReadPushedAnswer(body)
	if err != nil {
		return h.noTokens(x, resp, fault.New(fault.BadUpstream, "bad_upstream", err))
	}
	reference, ok := wire.PushedReference(answer.RequestURI)
	if !ok || len(reference) > maxReference {
		return h.noTokens(x, resp, fault.New(fault.BadUpstream, "bad_upstream", errors.New("an address that is not a pushed request's")))
	}
	x.push.Reference, x.push.Expires = reference, h.Now().Add(answer.Lifetime+pushedGrace).Unix()
	plain, err := json.Marshal(x.push)
	if err != nil {
		return h.noTokens(x, resp, err)
	}
	giveBody(resp, answer.With(wire.PushedURI(h.seal(pushedPurpose(x.client), plain))))
	return nil
}

// pushedPurpose makes one client's addresses mean nothing with another's name.
func pushedPurpose(client string) string { return paramRequestURI + " " + client }

// pushedUnder opens an address that was given to this client.
func (h *handler) pushedUnder(client, uri string) (*pushed, error) {
	reference, ok := wire.PushedReference(uri)
	if !ok {
		return nil, errors.New("not the address of a pushed request")
	}
	plain, err := h.unseal(pushedPurpose(client), reference)
	if err != nil {
		return nil, fmt.Errorf("an address that was not given to this client: %w", err)
	}
	var p pushed
	if err := json.Unmarshal(plain, &p); err != nil {
		return nil, fmt.Errorf("reading a pushed request: %w", err)
	}
	if h.Now().Unix() >= p.Expires {
		return nil, errors.New("the pushed request has expired")
	}
	return &p, nil
}

// notPushed is the answer to an address under which nothing was pushed: with
// Keycloak's status.
func notPushed(cause error) error { return fault.New(fault.Invalid, "gone", cause) }
