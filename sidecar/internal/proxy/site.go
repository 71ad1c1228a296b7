package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/web"
)

// Site is one application behind the proxy. Its fields are set before first
// use and not changed after it; it must not be copied.
type Site struct {
	Settings Settings
	Sessions Sessions
	Pages    *web.Pages
	Ring     Ring
	// Clearance is asked at each login. nil means that the issuer's word is
	// enough (a foreign issuer).
	Clearance func(ctx context.Context, id account.ID) (account.Clearance, error)
	Issuer    http.RoundTripper // towards the issuer; nil means http.DefaultTransport
	Upstream  http.RoundTripper // towards the application; nil means one of the site's own
	Log       *slog.Logger
	Now       func() time.Time
	Metrics   *Metrics // nil counts nothing

	provider provider
	cache    cache
	loads    singleflight.Group
	renewals singleflight.Group
	unsaved  unsaved
	open     connections
	seen     replays
	heard    heard
	late     late

	complained time.Time // Run's own
}

// Ring seals what a browser keeps for us, under the ring's key for cookies.
type Ring interface {
	Seal(plain, aad []byte) []byte
	Open(sealed, aad []byte) ([]byte, error)
}

// Handler serves the site's host.
func (s *Site) Handler() http.Handler {
	forward := s.forwarder()
	own := s.own()
	count := s.Metrics.passing(s.Settings.Name)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch placeOf(r) {
		case ours:
			own.ServeHTTP(w, r)
		case theirs:
			s.serve(w, r, forward, count)
		case nobodys:
			s.Metrics.request(s.Settings.Name, "refused")
			s.Pages.Error(w, r, fault.New(fault.NotFound, "not_found", nil))
		}
	})
}

// serve passes a request on for whoever has a session.
func (s *Site) serve(w http.ResponseWriter, r *http.Request, forward http.Handler, count passing) {
	e, err := s.current(r)
	switch {
	case err == nil:
		count.begin()
		defer count.end()
		s.pass(w, r, e, forward)
	case errors.Is(err, ErrNoSession):
		s.challenge(w, r)
	default:
		s.Metrics.request(s.Settings.Name, "unavailable")
		s.Pages.Error(w, r, notPassedOn(r, err))
	}
}

// own is the mux of what the site answers itself, below /schleuse/.
func (s *Site) own() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /schleuse/callback", s.answer(s.callback))
	mux.Handle("GET /schleuse/logout", s.answer(s.askLogout))
	mux.Handle("POST /schleuse/logout", s.answer(s.logout))
	mux.Handle("GET /schleuse/logged-out", s.answer(s.loggedOut))
	mux.Handle("POST /schleuse/backchannel-logout", http.HandlerFunc(s.backchannel))
	mux.Handle("GET "+web.AssetsPath, s.Pages.Assets())
	mux.Handle(web.LanguagePath, s.Pages.SwitchLanguage())
	mux.Handle("/schleuse/", s.answer(func(http.ResponseWriter, *http.Request) error {
		return fault.New(fault.NotFound, "not_found", nil)
	}))
	return mux
}

// answer shows the error of a handler that has written nothing.
func (s *Site) answer(h func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		if err := h(w, r); err != nil {
			s.Pages.Error(w, r, err)
		}
	})
}

// Run cuts open connections of ended sessions, and catches up with log-outs
// that could not be worked on, until ctx is done. Without it connections live
// on until the session's own next request.
func (s *Site) Run(ctx context.Context) error {
	var both sync.WaitGroup
	both.Go(func() { every(ctx, watchEvery, s.watch) })
	both.Go(func() { every(ctx, lateEvery, s.catchUp) })
	both.Wait()
	return nil
}

func every(ctx context.Context, d time.Duration, work func(context.Context)) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			work(ctx)
		}
	}
}

// later is the answer when something needed did not answer: nothing is lost,
// nobody is signed out.
func later(doing string, err error) error {
	return &fault.Error{Kind: fault.Unavailable, Key: "site_later", Retry: 5 * time.Second, Err: fmt.Errorf("%s: %w", doing, err)}
}

// notPassedOn makes the answer say that a form was not sent, where it was one.
func notPassedOn(r *http.Request, err error) error {
	if r.Method == http.MethodGet || r.Method == http.MethodHead || fault.KindOf(err) != fault.Unavailable {
		return err
	}
	return &fault.Error{Kind: fault.Unavailable, Key: "site_later_not_sent", Retry: 5 * time.Second, Err: err}
}
