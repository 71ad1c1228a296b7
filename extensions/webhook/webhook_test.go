package webhook_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/schleuse/schleuse/extensions/webhook"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/extension/extensiontest"
	"github.com/schleuse/schleuse/sidecar/notify"
)

const (
	secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	token  = "geheim-0123456789"
)

// gateway is an operator's push gateway: it takes what is signed.
type gateway struct {
	mu     sync.Mutex
	bodies []string
	ids    []string
	calls  int
	fault  http.HandlerFunc // answers the next call
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	g.mu.Lock()
	g.calls++
	fault := g.fault
	g.fault = nil
	g.mu.Unlock()
	if fault != nil {
		fault(w, r)
		return
	}
	hook, err := standardwebhooks.NewWebhook(secret)
	if err == nil {
		err = hook.VerifyIgnoringTimestamp(raw, r.Header)
	}
	if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
		http.Error(w, "not signed", http.StatusUnauthorized)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.bodies = append(g.bodies, string(raw))
	g.ids = append(g.ids, r.Header.Get("Webhook-Id")+"@"+r.Header.Get("Webhook-Timestamp"))
	w.WriteHeader(http.StatusAccepted)
}

func (g *gateway) next(fault http.HandlerFunc) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fault = fault
}

func (g *gateway) called() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.calls
}

type world struct {
	*extensiontest.Stage
	t      *testing.T
	gate   *gateway
	secret string
	config string
	pusher notify.Pusher
}

func open(t *testing.T) *world {
	t.Helper()
	w := &world{Stage: extensiontest.NewStage("gateway"), t: t, gate: &gateway{}, secret: filepath.Join(t.TempDir(), "secret")}
	server := httptest.NewTLSServer(w.gate)
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	w.write(ca, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	w.write(w.secret, secret+"\n")
	w.config = fmt.Sprintf("url: %s/push?geheim=1\nsecret_file: %s\nca_file: %s\ntimeout: 1s", server.URL, w.secret, ca)
	w.pusher = w.Open(t, webhook.Factory(), w.config).Pusher
	return w
}

func (w *world) write(file, text string) {
	w.t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// push pushes, and makes sure that nothing secret is told.
func (w *world) push() error {
	w.t.Helper()
	err := w.pusher.Push(w.t.Context(), notify.Push{Channel: "gateway", Token: token, ID: "request-1"})
	if told := fmt.Sprint(err, w.Log()); strings.Contains(told, "geheim") || strings.Contains(told, "MDEy") {
		w.t.Errorf("a secret is told: %s", told)
	}
	return err
}

func TestExtension(t *testing.T) {
	extensiontest.Run(t, webhook.Factory, extensiontest.Case{Name: "whole", Config: open(t).config})
}

func TestConfiguration(t *testing.T) {
	for config, want := range map[string]string{
		"url: https://push.kasse.example/x\nsecret_file: f":   "",
		"url: http://localhost:8080/x\nsecret_file: f":        "",
		"url: http://push.kasse.example\nsecret_file: f":      "url",
		"url: https://a:b@push.kasse.example\nsecret_file: f": "url",
		"secret_file: f":                                       "url",
		"url: https://push.kasse.example":                      "secret_file",
		"url: https://k.example\nsecret_file: f\ntimeout: 11s": "timeout",
	} {
		err := webhook.Factory().Check(extensiontest.Decoder(config))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n→ %v, want %q", config, err, want)
		}
	}
}

func TestAPushIsSigned(t *testing.T) {
	w := open(t)
	for range 2 {
		if err := w.push(); err != nil {
			t.Fatal(err)
		}
	}
	var got, want any
	if err := json.Unmarshal([]byte(w.gate.bodies[0]), &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(`{"type": "push", "timestamp": "2026-11-24T12:00:00Z", "data": {"token": "`+token+`", "id": "request-1"}}`), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if w.gate.ids[0] == w.gate.ids[1] || !strings.HasSuffix(w.gate.ids[0], fmt.Sprint("@", w.Clock.Now().Unix())) {
		t.Errorf("ids %q", w.gate.ids)
	}
	w.write(w.secret, "whsec_"+strings.Repeat("eHh4", 8))
	if err := w.push(); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("with another secret: %v", err)
	}
}

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "30")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestFailures(t *testing.T) {
	for name, c := range map[string]struct {
		fault http.HandlerFunc
		gone  bool
		say   string
		rests time.Duration
	}{
		"gone":            {says(410, `{"error":"token_gone"}`), true, "410", 0},
		"moved away":      {says(410, `<html>`), false, "410", 0},
		"gone, they say":  {says(404, `{"error":"token_gone"}`), false, "404", 0},
		"redirect":        {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusTemporaryRedirect) }, false, "307", 0},
		"busy":            {says(429, ""), false, "429", 30 * time.Second},
		"down":            {says(503, ""), false, "503", 30 * time.Second},
		"broken":          {says(500, "geheim"), false, "500", 0},
		"hangs up":        {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, false, "calling the service", 2 * time.Second},
		"slow":            {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, false, "deadline", 2 * time.Second},
		"endless answer":  {says(200, strings.Repeat("x", 1<<20)), false, "", 0},
		"garbage at 2xx":  {says(200, "\x00"), false, "", 0},
		"gone but huge":   {says(410, strings.Repeat(" ", 1<<20)+`{"error":"token_gone"}`), false, "410", 0},
		"gone and deeper": {says(410, `{"x":{"error":"token_gone"}}`), false, "410", 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			w.gate.next(c.fault)
			err := w.push()
			if (err == nil) != (c.say == "") || errors.Is(err, notify.ErrTokenGone) != c.gone || !strings.Contains(fmt.Sprint(err), c.say) {
				t.Errorf("%v", err)
			}
			if c.rests > 0 {
				w.Clock.Pass(c.rests - time.Second)
				if err := w.push(); !errors.Is(err, extension.ErrResting) || w.gate.called() != 1 {
					t.Errorf("called again too early: %v", err)
				}
				w.Clock.Pass(time.Second)
			}
			if err := w.push(); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

func TestACallerWhoGivesUpSaysNothingOfTheGateway(t *testing.T) {
	w := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.pusher.Push(ctx, notify.Push{Token: token, ID: "request-1"}); err == nil {
		t.Error("pushed")
	}
	if err := w.push(); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestSecretsAndTokens(t *testing.T) {
	w := open(t)
	for _, long := range []string{"", strings.Repeat("x", 4097)} {
		if err := w.pusher.Push(t.Context(), notify.Push{Token: long}); !errors.Is(err, notify.ErrTokenGone) || w.gate.called() != 0 {
			t.Errorf("%d bytes: %v", len(long), err)
		}
	}
	for _, bad := range []string{"", "geheim", "whsec_", "whsec_geheim==", strings.Repeat("eHh4", 8), "whsec_" + strings.Repeat("eHh4", 7), "whsec_" + strings.Repeat("eHh4", 22)} {
		w.write(w.secret, bad)
		_, err := webhook.Factory().Open(t.Context(), w.Host, extensiontest.Decoder(w.config))
		if read := webhook.Factory().Read(extensiontest.Decoder(w.config)); err == nil || read == nil || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%q: %v; read: %v", bad, err, read)
		}
	}
}

func FuzzGone(f *testing.F) {
	f.Add([]byte(`{"error":"token_gone"}`))
	f.Add([]byte(`{"error":1}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if webhook.Gone(raw) && !json.Valid(raw) {
			t.Errorf("gone by %q", raw)
		}
	})
}
