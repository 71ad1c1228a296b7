package proxy_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
	"github.com/schleuse/schleuse/sidecar/internal/proxy"
	"github.com/schleuse/schleuse/sidecar/internal/relying/relyingtest"
	"github.com/schleuse/schleuse/sidecar/internal/web"
)

const sessionCookie = "__Host-schleuse-session"

// world is an issuer, an application and a site between them.
type world struct {
	t        testing.TB
	clock    *relyingtest.Clock
	issuer   *relyingtest.Issuer
	sessions *relyingtest.Sessions
	ring     ring
	pages    *web.Pages
	app      *app
	logs     *lines
	site     *proxy.Site
	url      string
}

func newWorld(t testing.TB, change ...func(*proxy.Site)) *world {
	t.Helper()
	w := &world{t: t, clock: relyingtest.NewClock(), app: newApp(t), logs: &lines{}}
	w.issuer = relyingtest.NewIssuer(t, w.clock.Now)
	w.sessions = relyingtest.NewSessions(w.clock.Now)
	w.ring = ring{keyring.Generate(time.Now())}
	pages, err := web.New(web.Brand{Name: "Muster-Krankenkasse", Languages: []string{"en", "de"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.pages = pages
	w.pages.Log = slog.New(slog.NewJSONHandler(w.logs, nil))
	w.site, w.url = w.replica(change...)
	return w
}

// replica starts one more process of the same site behind the same URL. Only
// the first one's URL is known to browsers; others are asked by their address.
func (w *world) replica(change ...func(*proxy.Site)) (*proxy.Site, string) {
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
	headers, err := proxy.ParseHeaders(map[string]string{"X-Auth-Kvnr": "{{.KVNR}}", "X-Auth-Name": `{{.Claim "name"}}`})
	if err != nil {
		w.t.Fatal(err)
	}
	site := &proxy.Site{
		Settings: proxy.Settings{
			Name: "webcenter", PublicURL: parse(w.t, public), Upstream: parse(w.t, w.app.url),
			Issuer: w.issuer.URL, ClientID: w.issuer.ClientID,
			ClientSecret: func() (string, error) { return w.issuer.ClientSecret, nil },
			Idle:         30 * time.Minute, Absolute: 12 * time.Hour, Headers: headers,
		},
		Sessions: w.sessions, Pages: w.pages, Ring: w.ring, Issuer: relyingtest.Transport(),
		Log: slog.New(slog.NewJSONHandler(w.logs, nil)), Now: w.clock.Now,
	}
	for _, f := range change {
		f(site)
	}
	if err := site.Settings.Validate(); err != nil {
		w.t.Fatal(err)
	}
	handler = site.Handler()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- site.Run(ctx) }()
	w.t.Cleanup(func() { cancel(); <-done })
	return site, address
}

// signedIn returns a browser with a session.
func (w *world) signedIn() *relyingtest.Browser {
	w.t.Helper()
	b := relyingtest.NewBrowser(w.t)
	if p := b.Open(w.url + "/"); p.Status != http.StatusOK || b.Cookie(w.url, sessionCookie) == "" {
		w.t.Fatalf("signing in came to rest at %s with %d: %s", p.URL, p.Status, p.Body)
	}
	return b
}

// fetch asks as a script does.
func (w *world) fetch(b *relyingtest.Browser, path string, headers ...string) relyingtest.Page {
	w.t.Helper()
	return b.Do(b.Request(http.MethodGet, w.url+path, nil, append([]string{"Accept", "*/*", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Site", "same-origin"}, headers...)...))
}

// ownRealm makes the issuer the one of our own realm.
func ownRealm(s *proxy.Site) {
	s.Clearance = func(context.Context, account.ID) (account.Clearance, error) { return account.Cleared, nil }
}

// tell sends a log-out token as a provider does.
func (w *world) tell(token string) relyingtest.Page {
	w.t.Helper()
	return relyingtest.Tell(w.t, w.url+"/schleuse/backchannel-logout", token)
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

// app is an application that tells what it was asked.
type app struct {
	url  string
	stop chan struct{} // ends what /hang waits for
	mu   sync.Mutex
	seen []seen
}

// seen is a request as the application saw it.
type seen struct {
	Method, URI, Host, Body string
	Header, Trailer         http.Header
}

func newApp(t testing.TB) *app {
	t.Helper()
	a := &app{stop: make(chan struct{})}
	server := httptest.NewServer(http.HandlerFunc(a.serve))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(a.stop) })
	a.url = server.URL
	return a
}

func (a *app) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s := seen{r.Method, r.RequestURI, r.Host, string(body), r.Header.Clone(), r.Trailer.Clone()}
	a.mu.Lock()
	a.seen = append(a.seen, s)
	a.mu.Unlock()
	switch r.URL.Path {
	case "/events":
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "data: 1\n\n")
		http.NewResponseController(w).Flush()
		a.wait(r)
	case "/hang", "/hang/":
		a.wait(r)
	case "/socket":
		a.socket(w)
	case "/planted":
		w.Header().Add("Set-Cookie", "__Host-schleuse-session=planted; Path=/; Secure")
		w.Header().Add("Set-Cookie", "own=1; Path=/")
	default:
		json.NewEncoder(w).Encode(s)
	}
}

func (a *app) wait(r *http.Request) {
	select {
	case <-a.stop:
	case <-r.Context().Done():
	}
}

// socket upgrades and echoes lines.
func (a *app) socket(w http.ResponseWriter) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	for {
		line, err := rw.ReadString('\n')
		if err != nil {
			return
		}
		fmt.Fprint(conn, line)
	}
}

// requests returns what reached the application.
func (a *app) requests() []seen {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]seen(nil), a.seen...)
}

// last returns the last request that reached the application.
func (a *app) last(t testing.TB) seen {
	t.Helper()
	all := a.requests()
	if len(all) == 0 {
		t.Fatal("nothing reached the application")
	}
	return all[len(all)-1]
}

// raw sends bytes to a site and returns the answer.
func raw(t testing.TB, site, text string) *http.Response {
	t.Helper()
	conn := dial(t, site)
	fmt.Fprint(conn, text)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	return resp
}

func dial(t testing.TB, site string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", "127.0.0.1:"+parse(t, site).Port())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	return conn
}
