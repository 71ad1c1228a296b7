package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func quietLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestHostsTellFacesApart(t *testing.T) {
	face := func(name string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, name) })
	}
	h := hosts{"login.kasse.example": face("gate"), "webcenter.kasse.example": face("site")}
	tests := []struct {
		host, want string
		status     int
	}{
		{"login.kasse.example", "gate", 200},
		{"LOGIN.kasse.example:8443", "gate", 200},
		{"login.kasse.example.", "gate", 200},
		{"webcenter.kasse.example", "site", 200},
		{"evil.example", "misdirected request\n", 421},
		{"", "misdirected request\n", 421},
		{"[::1]:8080", "misdirected request\n", 421},
	}
	for _, tt := range tests {
		r := httptest.NewRequest(http.MethodGet, "http://x/", nil)
		r.Host = tt.host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != tt.status || w.Body.String() != tt.want {
			t.Errorf("host %q: %d %q, want %d %q", tt.host, w.Code, w.Body, tt.status, tt.want)
		}
	}
}

func TestReadyNamesWhatFailsWithoutItsText(t *testing.T) {
	down := errors.New("dial tcp 10.0.0.7: secret detail")
	h := &health{checks: []check{{"store", func(context.Context) error { return nil }}}}
	if code, body := readiness(h); code != 200 || !strings.Contains(body, `"store":"ok"`) {
		t.Errorf("with all well: %d %s", code, body)
	}
	h.checks = append(h.checks, check{"extension letter", func(context.Context) error { return down }})
	if code, body := readiness(h); code != 503 || !strings.Contains(body, `"extension letter":"failed"`) || strings.Contains(body, "secret") {
		t.Errorf("with a check failing: %d %s, want 503", code, body)
	}
	h.checks = h.checks[:1]
	h.stopping.Store(true)
	if code, body := readiness(h); code != 503 || !strings.Contains(body, "stopping") {
		t.Errorf("while stopping: %d %s", code, body)
	}
}

// A Keycloak that never answers delays no probe and makes nobody unready.
func TestReadyTellsOfKeycloakWithoutWaitingForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, answer := 0, make(chan error)
		h := &health{notes: []*note{{check: check{"keycloak", func(ctx context.Context) error {
			asked++
			select {
			case err := <-answer:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		}}}}}
		begun := time.Now()
		for range 2 { // the second finds the first's question open
			if code, body := readiness(h); code != 200 || !strings.Contains(body, `"keycloak":"unknown"`) {
				t.Errorf("while Keycloak has not answered: %d %s", code, body)
			}
		}
		synctest.Wait()
		if took := time.Since(begun); took != 0 || asked != 1 {
			t.Errorf("two probes took %s and asked %d times, want no time and one question", took, asked)
		}
		answer <- nil
		synctest.Wait()
		if _, body := readiness(h); !strings.Contains(body, `"keycloak":"ok"`) {
			t.Errorf("after its answer: %s", body)
		}
		time.Sleep(readyTimeout) // the bubble's clock: that question is given up
		synctest.Wait()
		if asked != 2 {
			t.Errorf("asked %d times, want one question a probe", asked)
		}
		if code, body := readiness(h); code != 200 || !strings.Contains(body, `"keycloak":"failed"`) {
			t.Errorf("after a question without an answer: %d %s", code, body)
		}
		answer <- errors.New("secret detail")
		synctest.Wait()
	})
}

func readiness(h *health) (code int, body string) {
	w := httptest.NewRecorder()
	h.ready(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	return w.Code, w.Body.String()
}

func TestStopLetsRunningRequestsFinish(t *testing.T) {
	entered, finish := make(chan struct{}), make(chan struct{})
	p := &port{name: "test", address: "127.0.0.1:0", log: quietLog(), handler: http.HandlerFunc(
		func(w http.ResponseWriter, _ *http.Request) {
			close(entered)
			<-finish
			io.WriteString(w, "whole answer")
		})}
	ctx, stop := context.WithCancel(t.Context())
	l, err := p.listen(ctx)
	if err != nil {
		t.Fatal(err)
	}
	p.stopping = func() { close(finish) }
	served := make(chan error, 1)
	go func() { served <- p.serve(ctx, l) }()
	body := make(chan string, 1)
	go func() { body <- get(t, http.DefaultClient, "http://"+l.Addr().String()+"/") }()
	<-entered
	stop()
	if got := <-body; got != "whole answer" {
		t.Errorf("request during the stop got %q", got)
	}
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
}

func TestStopCutsWhatDoesNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pipe := newInProcess()
		cut := make(chan struct{})
		entered := make(chan struct{})
		p := &port{name: "test", log: quietLog(), handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(entered)
			<-r.Context().Done()
			close(cut)
		})}
		ctx, stop := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- p.serve(ctx, pipe) }()
		client := &http.Client{Transport: pipe.transport("login.kasse.example", http.DefaultTransport)}
		go func() {
			if resp, err := client.Get("http://login.kasse.example/"); err == nil {
				resp.Body.Close()
			}
		}()
		<-entered
		began := time.Now()
		stop()
		<-cut
		if took := time.Since(began); took != stopTimeout {
			t.Errorf("cut after %v, want %v", took, stopTimeout)
		}
		<-served
	})
}

func TestTakenPortIsSaidAtTheStart(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := &port{name: "public", address: l.Addr().String()}
	if _, err := p.listen(t.Context()); err == nil || !strings.Contains(err.Error(), "(public)") {
		t.Errorf("listen on a taken port: %v", err)
	}
}

func TestConnectionErrorsQuoteNobody(t *testing.T) {
	var out bytes.Buffer
	p := &port{log: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	p.server(t.Context()).ErrorLog.Print("http: invalid header A123456780")
	if strings.Contains(out.String(), "A123456780") || !strings.Contains(out.String(), "connection error") {
		t.Errorf("logged %q", out.String())
	}
}

func TestInProcessReachesTheHandlerAndOthersTheNetwork(t *testing.T) {
	pipe := newInProcess()
	p := &port{name: "inner", log: quietLog(), handler: http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Host+" from "+r.RemoteAddr) })}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- p.serve(ctx, pipe) }()
	outside := roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("outside") })
	client := &http.Client{Transport: pipe.transport("login.kasse.example", outside)}
	if got := get(t, client, "https://login.kasse.example/realms/x"); got != "login.kasse.example from 127.0.0.1:0" {
		t.Errorf("in process: %q", got)
	}
	if _, err := client.Get("https://elsewhere.example/"); err == nil || !strings.Contains(err.Error(), "outside") {
		t.Errorf("another host: %v, want the outer transport's error", err)
	}
	stop()
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
}

func get(t *testing.T, c *http.Client, url string) string {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return string(body)
}
