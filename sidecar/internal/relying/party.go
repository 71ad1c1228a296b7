package relying

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/web"
)

// Party is one client of an issuer. Its fields are set before first use and
// not changed after it; it must not be copied.
type Party struct {
	Settings Settings
	Sessions Sessions
	Pages    *web.Pages
	Ring     Ring
	// Clearance is asked at each login. nil means that the issuer's word is
	// enough.
	Clearance func(ctx context.Context, id account.ID) (account.Clearance, error)
	Issuer    http.RoundTripper // towards the issuer; nil means http.DefaultTransport
	// Derive makes what all requests of a session need, once for each reading of
	// it: Entry.Derived. nil makes nothing.
	Derive func(*Session) (any, error)
	// Over is called when sessions have ended at this replica's word; nil is not.
	Over  func(ended func(*Session) bool)
	Log   *slog.Logger
	Now   func() time.Time
	Meter Meter // nil counts nothing

	provider provider
	cache    cache
	loads    singleflight.Group
	renewals singleflight.Group
	unsaved  unsaved
	seen     replays
	heard    heard
	late     late
}

// Ring seals what a browser keeps for us, under the ring's key for cookies.
type Ring interface {
	Seal(plain, aad []byte) []byte
	Open(sealed, aad []byte) ([]byte, error)
}

// Meter counts what happens. Its words are fixed.
type Meter interface {
	// Login counts a return from the provider: ok, refused, not_identified,
	// unavailable, stale.
	Login(result string)
	// Renewal counts a token refresh: ok, ended, failed.
	Renewal(result string)
	// Ended counts n sessions ended by a cause: logout, backchannel, provider,
	// replaced.
	Ended(cause string, n int)
}

// noMeter counts nothing.
type noMeter struct{}

func (noMeter) Login(string)      {}
func (noMeter) Renewal(string)    {}
func (noMeter) Ended(string, int) {}

func (rp *Party) meter() Meter {
	if rp.Meter == nil {
		return noMeter{}
	}
	return rp.Meter
}

// Handler answers what lies below the settings' Prefix: callback, logout,
// logged-out and backchannel-logout; all else there is not found.
func (rp *Party) Handler() http.Handler {
	at := func(method, name string) string { return method + " " + rp.Settings.Prefix + name }
	mux := http.NewServeMux()
	mux.Handle(at(http.MethodGet, "callback"), rp.answer(rp.callback))
	mux.Handle(at(http.MethodGet, "logout"), rp.answer(rp.askLogout))
	mux.Handle(at(http.MethodPost, "logout"), rp.answer(rp.logout))
	mux.Handle(at(http.MethodGet, "logged-out"), rp.answer(rp.loggedOut))
	mux.Handle(at(http.MethodPost, "backchannel-logout"), http.HandlerFunc(rp.backchannel))
	mux.Handle(rp.Settings.Prefix, rp.answer(func(http.ResponseWriter, *http.Request) error {
		return fault.New(fault.NotFound, "not_found", nil)
	}))
	return mux
}

// answer shows the error of a handler that has written nothing.
func (rp *Party) answer(h func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		if err := h(w, r); err != nil {
			rp.Pages.Error(w, r, err)
		}
	})
}

// Run catches up with log-outs that could not be worked on, and forgets what
// is stale, until ctx is done.
func (rp *Party) Run(ctx context.Context) error {
	tick := time.NewTicker(lateEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			now := rp.Now()
			rp.cache.sweep(now)
			rp.unsaved.sweep(now)
			rp.catchUp(ctx)
		}
	}
}

// later is the answer when something needed did not answer: nothing is lost,
// nobody is signed out.
func later(doing string, err error) error {
	return &fault.Error{Kind: fault.Unavailable, Key: "site_later", Retry: 5 * time.Second, Err: fmt.Errorf("%s: %w", doing, err)}
}
