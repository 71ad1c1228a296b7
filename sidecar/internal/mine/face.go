package mine

import (
	"log/slog"
	"net/http"
	"net/netip"
	"path"
	"strings"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/bucket"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
	"github.com/schleuse/schleuse/sidecar/internal/relying"
	"github.com/schleuse/schleuse/sidecar/internal/web"
)

// The addresses of the pages, below the gate's host.
const (
	Prefix  = "/schleuse/my/"
	Home    = Prefix + "devices"
	history = Prefix + "history"
	ended   = Prefix + "ended"
)

// How a session here is bound.
const (
	maxAge   = 15 * time.Minute // since the person has proven themselves, at its login
	idle     = 20 * time.Minute
	absolute = 30 * time.Minute
)

// Name is that of the sessions here. No site has such a one.
const Name = "schleuse.my"

// Bounds of the requests of one session, and of all from one address.
const (
	sessionRate  = 2 // a second, in the long run
	sessionBurst = 60
	addressRate  = 10
	addressBurst = 300
	maxCounted   = 50_000 // sessions, and addresses
)

// Client returns the settings of the OIDC client of these pages: all but whose
// it is (PublicURL, Issuer, ClientID, ClientSecret).
func Client() relying.Settings {
	return relying.Settings{
		Name: Name, Prefix: Prefix, Home: Home, SessionCookie: "__Host-schleuse-my-session", LoginCookie: "__Host-schleuse-my-login-",
		QuietLogout: true, Idle: idle, Absolute: absolute, MaxAge: maxAge,
	}
}

// Face is the pages. Every field must be set, TrustedProxies, App and Recovery
// excepted.
type Face struct {
	Party     *relying.Party
	Devices   *device.Service
	Approvals *approval.Service
	Accounts  account.Directory
	Pages     *web.Pages // with PageSet under the name Set
	Ring      relying.Ring

	App            string // where the app is, to register a phone; "" = not known, or no page
	Recovery       bool   // whether people get a new login password by themselves
	Brief          bool   // do not show what was asked, but that: elsewhere it takes a second factor to read such things
	TrustedProxies []netip.Prefix
	Log            *slog.Logger
	Now            func() time.Time
}

// desk is a Face with what it keeps in memory.
type desk struct {
	*Face
	sessions  *bucket.Limits[relying.SessionID]
	addresses *bucket.Limits[netip.Prefix]
}

// Handler serves what lies below Prefix.
func (f *Face) Handler() http.Handler {
	d := &desk{
		Face:      f,
		sessions:  bucket.New[relying.SessionID](f.Now, sessionRate, sessionBurst, maxCounted),
		addresses: bucket.New[netip.Prefix](f.Now, addressRate, addressBurst, maxCounted),
	}
	party, mux := f.Party.Handler(), http.NewServeMux()
	for pattern, page := range d.routes() {
		method, place, _ := strings.Cut(pattern, " ")
		mux.Handle(method+" "+Prefix+place, d.page(page))
	}
	mux.Handle("GET "+Prefix+"{$}", http.RedirectHandler(Home, http.StatusSeeOther))
	mux.HandleFunc("GET "+ended, d.ended)
	mux.Handle(Prefix, party)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !exact(r):
			f.Pages.Error(w, r, fault.New(fault.NotFound, "not_found", nil))
		case r.URL.Path == Prefix+"backchannel-logout": // the issuer tells for everybody, from one address
			party.ServeHTTP(w, r)
		case !d.addresses.Allow(wire.CountedBy(wire.ClientAddress(r.RemoteAddr, r.Header, f.TrustedProxies))):
			f.Pages.Error(w, r, tooMany())
		default:
			mux.ServeHTTP(w, r)
		}
	})
}

// page is one for who is signed in. An error is shown; nothing is written then.
type page func(w http.ResponseWriter, r *http.Request, who person) error

func (d *desk) routes() map[string]page {
	return map[string]page{
		"GET devices":              d.list,
		"GET devices/{id}":         d.one,
		"POST devices/{id}":        d.rename,
		"GET devices/{id}/block":   d.askBlock,
		"POST devices/{id}/block":  d.block,
		"GET devices/{id}/not-me":  d.askNotMyPhone,
		"POST devices/{id}/not-me": d.notMyPhone,
		"GET history":              d.past,
		"GET history/{id}/not-me":  d.askNotMe,
		"POST history/{id}/not-me": d.notMe,
	}
}

// exact reports whether a path has but one reading.
func exact(r *http.Request) bool {
	raw := r.URL.EscapedPath()
	return !strings.ContainsAny(raw, `%;\`) && path.Clean(raw) == strings.TrimSuffix(raw, "/")
}

func tooMany() error {
	return &fault.Error{Kind: fault.TooMany, Key: "too_many", Retry: 10 * time.Second}
}
