package relying_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
	"github.com/schleuse/schleuse/sidecar/internal/relying"
	"github.com/schleuse/schleuse/sidecar/internal/relying/relyingtest"
	"github.com/schleuse/schleuse/sidecar/internal/web"
)

const sessionCookie = "__Host-schleuse-session"

// world is an issuer, a party, and pages that are only for who has a session.
type world struct {
	t        testing.TB
	clock    *relyingtest.Clock
	issuer   *relyingtest.Issuer
	sessions *relyingtest.Sessions
	ring     ring
	pages    *web.Pages
	logs     *lines
	seen     *visits
	party    *relying.Party
	url      string
}

func newWorld(t testing.TB, change ...func(*relying.Party)) *world {
	t.Helper()
	w := &world{t: t, clock: relyingtest.NewClock(), logs: &lines{}, seen: &visits{}}
	w.issuer = relyingtest.NewIssuer(t, w.clock.Now)
	w.sessions = relyingtest.NewSessions(w.clock.Now)
	w.ring = ring{keyring.Generate(time.Now())}
	pages, err := web.New(web.Brand{Name: "Muster-Krankenkasse", Languages: []string{"en", "de"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.pages = pages
	w.pages.Log = slog.New(slog.NewJSONHandler(w.logs, nil))
	w.party, w.url = w.replica(change...)
	return w
}

// replica starts one more process of the same client behind the same URL. Only
// the first one's URL is known to browsers; others are asked by their address.
func (w *world) replica(change ...func(*relying.Party)) (*relying.Party, string) {
	w.t.Helper()
	var handler http.Handler
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { handler.ServeHTTP(rw, r) }))
	server.Start()
	w.t.Cleanup(server.Close)
	address := relyingtest.Named(server.URL, "webcenter.localhost")
	public := address
	if w.url != "" {
		public = w.url
	}
	party := &relying.Party{
		Settings: relying.Settings{
			Name: "webcenter", PublicURL: parse(w.t, public), Prefix: "/schleuse/", Home: "/",
			SessionCookie: sessionCookie, LoginCookie: "__Host-schleuse-login-",
			Issuer: w.issuer.URL, ClientID: w.issuer.ClientID,
			ClientSecret: func() (string, error) { return w.issuer.ClientSecret, nil },
			Idle:         30 * time.Minute, Absolute: 12 * time.Hour,
		},
		Sessions: w.sessions, Pages: w.pages, Ring: w.ring, Issuer: relyingtest.Transport(),
		Log: slog.New(slog.NewJSONHandler(w.logs, nil)), Now: w.clock.Now,
	}
	for _, f := range change {
		f(party)
	}
	if err := party.Settings.Validate(); err != nil {
		w.t.Fatal(err)
	}
	handler = w.handler(party)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- party.Run(ctx) }()
	w.t.Cleanup(func() { cancel(); <-done })
	return party, address
}

// handler answers 200 to who has a session; who comes without one is sent to
// the login, scripts excepted.
func (w *world) handler(party *relying.Party) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(party.Settings.Prefix, party.Handler())
	mux.HandleFunc("/", func(rw http.ResponseWriter, r *http.Request) {
		e, err := party.Current(r)
		switch {
		case err == nil:
			w.seen.add(visit{r.RequestURI, e.Username})
		case errors.Is(err, relying.ErrNoSession) && r.Header.Get("Sec-Fetch-Mode") == "navigate":
			if err := party.Login(rw, r, r.RequestURI); err != nil {
				w.pages.Error(rw, r, err)
			}
		case errors.Is(err, relying.ErrNoSession):
			w.pages.Error(rw, r, fault.New(fault.Unauthenticated, "signed_out", nil))
		default:
			w.pages.Error(rw, r, err)
		}
	})
	return mux
}

// visit is a request by somebody with a session.
type visit struct{ URI, Username string }

type visits struct {
	mu  sync.Mutex
	all []visit
}

func (v *visits) add(one visit) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.all = append(v.all, one)
}

func (v *visits) last(t testing.TB) visit {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.all) == 0 {
		t.Fatal("nobody had a session")
	}
	return v.all[len(v.all)-1]
}

// signedIn returns a browser with a session.
func (w *world) signedIn() *relyingtest.Browser {
	w.t.Helper()
	b := relyingtest.NewBrowser(w.t)
	if p := b.Open(w.url + "/"); p.Status != http.StatusOK || b.Cookie(w.url, w.party.Settings.SessionCookie) == "" {
		w.t.Fatalf("signing in came to rest at %s with %d: %s", p.URL, p.Status, p.Body)
	}
	return b
}

// fetch asks as a script does.
func (w *world) fetch(b *relyingtest.Browser, path string, headers ...string) relyingtest.Page {
	w.t.Helper()
	return b.Do(b.Request(http.MethodGet, w.url+path, nil, append([]string{"Accept", "*/*", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Site", "same-origin"}, headers...)...))
}

// tell sends a log-out token as a provider does.
func (w *world) tell(token string) relyingtest.Page {
	w.t.Helper()
	return relyingtest.Tell(w.t, w.url+w.party.Settings.Prefix+"backchannel-logout", token)
}

// ownRealm makes the issuer the one of our own realm.
func ownRealm(rp *relying.Party) {
	rp.Settings.QuietLogout = true
	rp.Clearance = func(context.Context, account.ID) (account.Clearance, error) { return account.Cleared, nil }
}

func parse(t testing.TB, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// ring seals cookies with a real key ring.
type ring struct{ *keyring.Ring }

func (r ring) Seal(plain, aad []byte) []byte { return r.Ring.Seal(keyring.Cookie, plain, aad) }

func (r ring) Open(sealed, aad []byte) ([]byte, error) {
	return r.Ring.Open(keyring.Cookie, sealed, aad)
}

// lines collects a log.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// compile-time: the store's extra is what is asked for.
var (
	_ relying.Ender    = (*relyingtest.Sessions)(nil)
	_ relying.Sessions = (*relyingtest.Sessions)(nil)
)
