package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/relying"
	"github.com/schleuse/schleuse/sidecar/internal/web"
)

// Site is one application behind the proxy. Its fields are set before first
// use and not changed after it; it must not be copied.
type Site struct {
	Settings Settings
	Sessions relying.Sessions
	Pages    *web.Pages
	Ring     relying.Ring
	// Clearance is asked at each login. nil means that the issuer's word is
	// enough (a foreign issuer).
	Clearance func(ctx context.Context, id account.ID) (account.Clearance, error)
	Issuer    http.RoundTripper // towards the issuer; nil means http.DefaultTransport
	Upstream  http.RoundTripper // towards the application; nil means one of the site's own
	Log       *slog.Logger
	Now       func() time.Time
	Metrics   *Metrics // nil counts nothing

	once  sync.Once
	login *relying.Party // see party
	open  connections

	complained time.Time // Run's own
}

// party is the site as a client of its issuer.
func (s *Site) party() *relying.Party {
	s.once.Do(func() {
		settings := s.Settings.party()
		settings.QuietLogout = s.Clearance != nil // it is our own realm's
		s.login = &relying.Party{
			Settings: settings, Sessions: s.Sessions, Pages: s.Pages, Ring: s.Ring, Clearance: s.Clearance, Issuer: s.Issuer,
			Derive: func(x *relying.Session) (any, error) { return s.Settings.Headers.render(x) },
			Over:   s.open.cut, Log: s.Log, Now: s.Now, Meter: meter{s.Metrics, s.Settings.Name},
		}
	})
	return s.login
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
	e, err := s.party().Current(r)
	switch {
	case err == nil:
		count.begin()
		defer count.end()
		s.pass(w, r, e, forward)
	case errors.Is(err, relying.ErrNoSession):
		s.challenge(w, r)
	default:
		s.Metrics.request(s.Settings.Name, "unavailable")
		s.Pages.Error(w, r, notPassedOn(r, err))
	}
}

// own is the mux of what the site answers itself, below /schleuse/.
func (s *Site) own() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET "+web.AssetsPath, s.Pages.Assets())
	mux.Handle(web.LanguagePath, s.Pages.SwitchLanguage())
	mux.Handle(reserved+"/", s.party().Handler())
	return mux
}

// Run cuts open connections of ended sessions, and catches up with log-outs
// that could not be worked on, until ctx is done. Without it connections live
// on until the session's own next request.
func (s *Site) Run(ctx context.Context) error {
	var both sync.WaitGroup
	var failed error
	both.Go(func() { every(ctx, watchEvery, s.watch) })
	both.Go(func() { failed = s.party().Run(ctx) })
	both.Wait()
	return failed
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

// notPassedOn makes the answer say that a form was not sent, where it was one.
func notPassedOn(r *http.Request, err error) error {
	if r.Method == http.MethodGet || r.Method == http.MethodHead || fault.KindOf(err) != fault.Unavailable {
		return err
	}
	return &fault.Error{Kind: fault.Unavailable, Key: "site_later_not_sent", Retry: 5 * time.Second, Err: err}
}
