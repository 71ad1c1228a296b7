package approvals

import (
	_ "embed"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/api"
	"github.com/schleuse/schleuse/sidecar/internal/bucket"
)

// Prefix is where the API stands on the gate's host.
const Prefix = "/schleuse/approvals/v1"

// Role is the realm role that a client's token must carry.
const Role = "approvals:request"

// Document is the API's description (OpenAPI 3.0.3).
//
//go:embed openapi.yaml
var Document []byte

// Bounds of one client, whose replicas share them.
const (
	clientRate  = 100  // requests a second, in the long run
	clientBurst = 1000 // at once
	maxClients  = 1000
)

// keysFor is how long the published keys may be kept. It is well below the ten
// minutes between publishing a key and signing with it.
const keysFor = "public, max-age=300"

// Face is the API. Every field must be set, TrustedProxies and Stopping
// excepted.
type Face struct {
	Service *approval.Service
	Bearer  *api.Bearer // with Role
	Host    string      // of the gate's public address

	TrustedProxies []netip.Prefix
	Stopping       <-chan struct{} // see api.API
	Log            *slog.Logger
	Now            func() time.Time
}

// Handler returns what serves everything below Prefix.
func (f *Face) Handler() http.Handler { return f.api().Handler() }

func (f *Face) api() *api.API {
	o := &operations{Face: f, limit: bucket.New[string](f.Now, clientRate, clientBurst, maxClients)}
	return &api.API{
		Prefix: Prefix, Routes: o.routes(), Problems: problems(), Host: f.Host,
		TrustedProxies: f.TrustedProxies, Stopping: f.Stopping, Log: f.Log, Now: f.Now,
	}
}

// operations are the API's operations.
type operations struct {
	*Face
	limit *bucket.Limits[string]
}

func (o *operations) routes() []api.Route {
	return []api.Route{
		{Method: http.MethodPost, Path: "/approvals", Do: api.Take(o.client, o.ask)},
		{Method: http.MethodGet, Path: "/approvals", Do: api.Give(o.client, o.list)},
		{Method: http.MethodGet, Path: "/approvals/{id}", Do: o.read},
		{Method: http.MethodGet, Path: "/approvals/{id}/events", Do: o.events},
		{Method: http.MethodPost, Path: "/approvals/{id}/cancel", Do: api.Give(o.client, o.cancel)},
		{Method: http.MethodPost, Path: "/approvals/{id}/redeem", Do: api.Take(o.client, o.redeem)},
		{Method: http.MethodGet, Path: "/keys", Do: api.Give(api.Nobody, o.keys)},
		{Method: http.MethodGet, Path: "/openapi.yaml", Do: o.document},
	}
}

// problems are all that the API answers.
func problems() []api.Problem {
	return append(api.Shared(), []api.Problem{
		{Name: "invalid", Status: http.StatusUnprocessableEntity, Title: "The request does not fit the action; errors says where"},
		{Name: "origin", Status: http.StatusUnprocessableEntity, Title: "The origin is not of this person's phone, or was used, or is over"},
		{Name: "key_reused", Status: http.StatusUnprocessableEntity, Title: "The idempotency key was used for another request"},
		{Name: "nobody", Status: http.StatusConflict, Title: "This person cannot be asked"},
		{Name: "pending", Status: http.StatusConflict, Title: "The person is being asked for this action already"},
		{Name: "paused", Status: http.StatusTooManyRequests, Title: "The person denied this action, or typed wrong codes, and is left alone for a while"},
		{Name: "not_approved", Status: http.StatusConflict, Title: "The person has not answered yet"},
		{Name: "content", Status: http.StatusConflict, Title: "The hash is not the one that was approved"},
		{Name: "person", Status: http.StatusForbidden, Title: "The person's account is not in good standing any more"},
		{Name: "redeemed", Status: http.StatusGone, Title: "The approval was redeemed before"},
		{Name: "request_over", Status: http.StatusGone, Title: "The approval ended; state and reason say how"},
	}...)
}

// client is who asks: a client of the realm that the operator lets ask, by a
// token of its own. A person who has the role by mistake asks for nobody.
func (o *operations) client(r *http.Request) (string, error) {
	token, err := o.Bearer.Token(r)
	if err != nil {
		return "", err
	}
	_, known := o.Service.Clients[token.Client]
	if person := token.Session != ""; !known || person || token.Client == approval.Self {
		return "", fault.New(fault.Forbidden, "forbidden", nil)
	}
	if !o.limit.Allow(token.Client) {
		return "", &fault.Error{Kind: fault.TooMany, Key: "too_many", Retry: time.Second}
	}
	return token.Client, nil
}
