package devices

import (
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/internal/api"
	"github.com/schleuse/schleuse/sidecar/internal/bucket"
)

// Path is the Device API's below the gate's address.
const Path = "/schleuse/device/v1"

// Bounds of the work for one phone, and for all from one address who are not
// registered or want to be.
const (
	phoneRate     = 5 // a second, in the long run
	phoneBurst    = 100
	maxPhones     = 100_000
	strangerRate  = 20
	strangerBurst = 400
	maxStrangers  = 50_000
)

// API is the Device API. Every field must be set, Origins, TrustedProxies,
// Channels and Stopping excepted.
type API struct {
	// Base is the API's public address, which phones sign: that of the gate
	// with Path, without a slash at the end.
	Base *url.URL

	Devices   *device.Service
	Approvals *approval.Service
	Tokens    *api.Bearer // for the audience of phones; Bound
	Clients   []string    // the OIDC clients that may register phones
	Origins   []string    // of apps that run in browsers, as those write them
	Channels  []string    // the names of the notifiers that wake phones

	SealTo func() (kid string, point []byte) // the key that phones seal to: 65 bytes, uncompressed
	Seals  Seals
	Proofs Proofs

	TrustedProxies []netip.Prefix  // whose forwarding headers count
	Stopping       <-chan struct{} // closed when the program begins to stop
	Log            *slog.Logger
	Now            func() time.Time
}

// desk is an API with what it keeps in memory.
type desk struct {
	*API
	perPhone  *bucket.Limits[device.ID]
	strangers *bucket.Limits[netip.Prefix]
	seats     seats
}

// Handler returns what serves the API below Path.
func (a *API) Handler() http.Handler {
	d := &desk{
		API:       a,
		perPhone:  bucket.New[device.ID](a.Now, phoneRate, phoneBurst, maxPhones),
		strangers: bucket.New[netip.Prefix](a.Now, strangerRate, strangerBurst, maxStrangers),
	}
	routes := d.routes()
	for i, route := range routes {
		routes[i].Do = func(w http.ResponseWriter, r *http.Request) error { return told(route.Do(w, r)) }
	}
	next := (&api.API{
		Prefix: a.Base.Path, Host: a.Base.Host, Routes: routes, Problems: Problems(), Pages: pages(a.Origins),
		TrustedProxies: a.TrustedProxies, Stopping: a.Stopping, Log: a.Log, Now: a.Now,
	}).Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != a.Base.Path+"/keys" { // which caches keep longer than a nonce lives
			w.Header().Set("DPoP-Nonce", d.newNonce())
		}
		next.ServeHTTP(w, r)
	})
}

// pages are the apps that run in browsers. What they may send and read is what
// phones do.
func pages(origins []string) api.Pages {
	return api.Pages{
		Origins: origins,
		Headers: []string{"authorization", "content-type", "dpop", "last-event-id", "schleuse-opened"},
		Exposed: []string{"dpop-nonce", "retry-after", "schleuse-opened", "www-authenticate"},
	}
}

func (a *desk) routes() []api.Route {
	return []api.Route{
		{Method: http.MethodGet, Path: "/time", Do: api.Give(api.Nobody, a.time)},
		{Method: http.MethodGet, Path: "/keys", Do: api.Give(api.Nobody, a.keys)},
		{Method: http.MethodGet, Path: "/openapi.yaml", Do: document},

		{Method: http.MethodPost, Path: "/enrolments", Do: api.Take(a.signedIn, a.begin)},
		{Method: http.MethodPost, Path: "/devices", Do: api.Take(a.signedIn, a.enrol)},
		{Method: http.MethodPost, Path: "/devices/{id}/unlock", Do: api.Take(a.signedIn, a.unlock)},

		{Method: http.MethodGet, Path: "/self", Do: api.Give(a.known, a.self)},
		{Method: http.MethodPut, Path: "/self/key", Do: api.Take(a.active, a.rotate)},
		{Method: http.MethodPut, Path: "/self/password", Do: api.Take(a.active, a.changePassword)},
		{Method: http.MethodPut, Path: "/self/pin", Do: api.Take(a.active, a.setPIN)},
		{Method: http.MethodPut, Path: "/self/biometric", Do: api.Take(a.active, a.setBiometric)},
		{Method: http.MethodDelete, Path: "/self/biometric", Do: api.Give(a.active, a.removeBiometric)},
		{Method: http.MethodPut, Path: "/self/push", Do: api.Take(a.active, a.registerPush)},
		{Method: http.MethodDelete, Path: "/self/push", Do: api.Give(a.known, a.forgetPush)},
		{Method: http.MethodPost, Path: "/self/open", Do: api.Take(a.active, a.open)},
		{Method: http.MethodPost, Path: "/self/origin", Do: api.Take(a.active, whileOpenTo(a, a.origin))},
		{Method: http.MethodPost, Path: "/self/login-password", Do: api.Take(a.active, whileOpenTo(a, a.loginPassword))},

		{Method: http.MethodGet, Path: "/inbox", Do: a.inbox},
		{Method: http.MethodGet, Path: "/inbox/events", Do: a.events},
		{Method: http.MethodGet, Path: "/requests/{id}", Do: api.Give(a.active, a.whileOpen(a.request))},
		{Method: http.MethodPost, Path: "/requests/{id}/answer", Do: api.Take(a.known, a.answer)},
		{Method: http.MethodGet, Path: "/history", Do: api.Give(a.active, a.whileOpen(a.history))},

		{Method: http.MethodGet, Path: "/devices", Do: api.Give(a.active, a.whileOpen(a.list))},
		{Method: http.MethodPatch, Path: "/devices/{id}", Do: api.Take(a.active, a.rename)},
		{Method: http.MethodPost, Path: "/devices/{id}/block", Do: api.Give(a.known, a.block)},
	}
}
