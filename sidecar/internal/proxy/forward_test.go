package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/internal/proxy"
	"github.com/schleuse/schleuse/sidecar/internal/relying/relyingtest"
)

// openSocket opens a WebSocket of this browser and shows that it lives.
func (w *world) openSocket(b *relyingtest.Browser, site string) (net.Conn, *bufio.Reader) {
	w.t.Helper()
	conn := dial(w.t, site)
	fmt.Fprintf(conn, "GET /socket HTTP/1.1\r\nHost: %s\r\nCookie: %s=%s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
		parse(w.t, w.url).Host, sessionCookie, b.Cookie(w.url, sessionCookie))
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		w.t.Fatalf("no upgrade: %v, %v", resp, err)
	}
	fmt.Fprint(conn, "hello\n")
	if line, err := in.ReadString('\n'); line != "hello\n" {
		w.t.Fatalf("the socket said %q, %v", line, err)
	}
	return conn, in
}

// closedWithin reports whether the other side closes a connection in time.
func closedWithin(conn net.Conn, in io.Reader, d time.Duration) bool {
	conn.SetReadDeadline(time.Now().Add(d))
	_, err := io.Copy(io.Discard, in)
	timeout, ok := err.(net.Error) //nolint:errorlint // as net returns it
	return !ok || !timeout.Timeout()
}

func TestLogoutCutsOpenConnections(t *testing.T) {
	logout := map[string]func(w *world, b *relyingtest.Browser){
		"log-out":              func(w *world, b *relyingtest.Browser) { b.Post(w.url+"/schleuse/logout", nil) },
		"back-channel log-out": func(w *world, _ *relyingtest.Browser) { w.tell(w.issuer.Sign("logout+jwt", w.issuer.LogoutClaims())) },
	}
	for name, end := range logout {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, ownRealm)
			_, second := w.replica(ownRealm)
			b := w.signedIn()
			here, hereIn := w.openSocket(b, w.url)
			there, thereIn := w.openSocket(b, second)
			w.issuer.Set(func(s *relyingtest.Switches) {
				s.Person = relyingtest.Person{Subject: "s-2", Username: "b123456782", SID: "sid-2"}
			})
			other, otherIn := w.openSocket(w.signedIn(), second)
			w.clock.Advance(time.Second)

			end(w, b)
			begun := time.Now()
			if !closedWithin(here, hereIn, time.Second) {
				t.Error("a WebSocket of this replica is still open")
			}
			if !closedWithin(there, thereIn, time.Second-time.Since(begun)) {
				t.Error("a WebSocket of the other replica is still open after a second")
			}
			fmt.Fprint(other, "still here\n")
			if line, err := otherIn.ReadString('\n'); line != "still here\n" {
				t.Errorf("another person's WebSocket was cut: %q, %v", line, err)
			}
		})
	}
}

func TestEventStreamFlowsAndIsCut(t *testing.T) {
	w := newWorld(t, ownRealm)
	b := w.signedIn()
	conn := dial(t, w.url)
	fmt.Fprintf(conn, "GET /events HTTP/1.1\r\nHost: %s\r\nCookie: %s=%s\r\n\r\n", parse(t, w.url).Host, sessionCookie, b.Cookie(w.url, sessionCookie))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 9)
	if _, err := io.ReadFull(resp.Body, first); err != nil || string(first) != "data: 1\n\n" {
		t.Fatalf("the stream began with %q, %v", first, err)
	}
	b.Post(w.url+"/schleuse/logout", nil)
	if !closedWithin(conn, resp.Body, time.Second) {
		t.Error("the stream is still open after the log-out")
	}
}

func TestOpenConnectionEndsWithItsTokens(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	conn, in := w.openSocket(b, w.url)
	w.clock.Advance(5 * time.Minute)
	relyingtest.Eventually(t, func() bool { return w.issuer.Grants("refresh_token") == 1 })
	fmt.Fprint(conn, "on\n")
	if line, err := in.ReadString('\n'); line != "on\n" {
		t.Fatalf("cut though the tokens were refreshed: %q, %v", line, err)
	}
	w.issuer.Set(func(s *relyingtest.Switches) { s.RefreshError = "invalid_grant" })
	w.clock.Advance(5 * time.Minute)
	if !closedWithin(conn, in, 3*time.Second) {
		t.Error("a WebSocket outlives the provider's session")
	}
}

func TestRequestUnderWayIsToldOfTheLogout(t *testing.T) {
	w := newWorld(t, ownRealm)
	b := w.signedIn()
	done := make(chan map[int]int, 1)
	go func() { done <- b.Burst(1, w.url+"/", w.url+"/hang") }()
	relyingtest.Eventually(t, func() bool { return w.app.last(t).URI == "/hang/" })
	b.Post(w.url+"/schleuse/logout", nil)
	if statuses := <-done; statuses[http.StatusUnauthorized] != 1 {
		t.Errorf("statuses %v", statuses)
	}
}

func TestApplicationDownOrSlow(t *testing.T) {
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	tests := map[string]struct {
		change func(*proxy.Site)
		status int
	}{
		"down": {func(s *proxy.Site) { s.Settings.Upstream = parse(t, down.URL) }, http.StatusBadGateway},
		"slow": {func(s *proxy.Site) { s.Settings.UpstreamWait = 50 * time.Millisecond }, http.StatusGatewayTimeout},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tt.change)
			b := relyingtest.NewBrowser(t)
			p := b.Open(w.url + "/hang?geheim=1")
			if p.Status != tt.status || !strings.Contains(p.Body, "reference") {
				t.Errorf("answered %d: %s", p.Status, p.Body)
			}
			if strings.Contains(w.logs.String(), "geheim") {
				t.Errorf("the log holds the URL: %s", w.logs)
			}
		})
	}
}

func TestHostForTheApplication(t *testing.T) {
	w := newWorld(t, func(s *proxy.Site) { s.Settings.UpstreamHost = "inside.example" })
	w.signedIn()
	if got := w.app.last(t).Host; got != "inside.example" {
		t.Errorf("the application saw the host %q", got)
	}
}

func TestLogsHoldNobody(t *testing.T) {
	w := newWorld(t, ownRealm)
	b := w.signedIn()
	w.issuer.Set(func(s *relyingtest.Switches) { s.RefreshError = "server_error" })
	w.clock.Advance(6 * time.Minute)
	w.fetch(b, "/")
	w.clock.Advance(5 * time.Second)
	w.issuer.Set(func(s *relyingtest.Switches) { s.RefreshError = "invalid_grant" })
	w.fetch(b, "/")
	w.tell("x.y.z")
	b.Open(w.url + "/?next=1")
	w.tell(w.issuer.Sign("logout+jwt", w.issuer.LogoutClaims()))
	log := w.logs.String()
	if log == "" {
		t.Fatal("nothing was logged")
	}
	for _, secret := range []string{"123456780", "s-1", "sid-1", "eyJ", "next=1", "of the webcenter"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %q: %s", secret, log)
		}
	}
}
