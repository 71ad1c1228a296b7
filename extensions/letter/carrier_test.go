package letter_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/schleuse/schleuse/extensions/letter"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/extension/extensiontest"
)

// press is a print service that takes orders over TLS.
type press struct {
	secret string
	t      *testing.T

	mu      sync.Mutex
	status  int
	printed map[string]string // webhook-id → body
	calls   int
}

func (p *press) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	wh, err := standardwebhooks.NewWebhook(p.secret)
	if err == nil {
		err = wh.VerifyIgnoringTimestamp(body, r.Header)
	}
	if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
		p.t.Errorf("%s: %v", r.Method, err)
	}
	id := r.Header.Get("webhook-id")
	if was, ok := p.printed[id]; ok && was != string(body) {
		p.t.Errorf("a repetition differs:\n%s\n%s", was, body)
	}
	if p.status/100 == 2 {
		p.printed[id] = string(body)
	}
	if p.status/100 == 3 {
		w.Header().Set("Location", "/elsewhere")
	}
	w.WriteHeader(p.status)
}

func (p *press) answer(status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = status
}

// called is the extension with a print service.
func called(t *testing.T, more ...string) (*scene, *press) {
	t.Helper()
	p := &press{t: t, status: http.StatusNoContent, printed: map[string]string{}}
	p.secret = "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("s", 32)))
	server := httptest.NewTLSServer(p)
	t.Cleanup(server.Close)
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	ca := write("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	s := open(t, "")
	s.Parts = s.Open(t, letter.Factory(), "webhook: {url: '"+server.URL+"', secret_file: "+write("secret", p.secret+"\n")+", ca_file: "+ca+"}\n"+strings.Join(more, "\n"))
	return s, p
}

func TestWebhook(t *testing.T) {
	s, p := called(t)
	s.order(nil)
	order := s.Outbox.Queued()[0].Body
	if err := s.Outbox.Flush(t.Context(), s.Parts.Run); err != nil {
		t.Fatal(err)
	}
	if err := s.Outbox.Put(t.Context(), "again", order, day); err != nil {
		t.Fatal(err)
	}
	if err := s.Outbox.Flush(t.Context(), s.Parts.Run); err != nil || p.calls != 2 || len(p.printed) != 1 {
		t.Errorf("%v: %d calls, %d letters", err, p.calls, len(p.printed))
	}
	for id, body := range p.printed {
		var got printed
		if err := json.Unmarshal([]byte(body), &got); err != nil || got.Data["id"] != id || got.Type != "letter.code" {
			t.Errorf("%v, %+v", err, got)
		}
	}
}

func TestWebhookAnswers(t *testing.T) {
	for status, want := range map[int]string{
		200: "taken", 204: "taken", 409: "taken",
		400: "given up", 410: "given up", 413: "given up", 422: "given up",
		301: "waits", 307: "waits", 401: "waits", 403: "waits", 404: "waits", 408: "waits", 429: "waits", 500: "waits", 503: "waits",
	} {
		s, p := called(t)
		s.order(nil)
		p.answer(status)
		err := s.Outbox.Flush(t.Context(), s.Parts.Run)
		got := "taken"
		switch {
		case errors.Is(err, extension.ErrUndeliverable):
			got = "given up"
		case err != nil:
			got = "waits"
		}
		if waits := len(s.Outbox.Queued()) == 1; got != want || waits != (want == "waits") || p.calls != 1 {
			t.Errorf("%d: %s, %d wait, %d calls: %v", status, got, len(s.Outbox.Queued()), p.calls, err)
		}
		// Whose letter was given up can order another one at once.
		p.answer(204)
		s.order(nil)
		_ = s.Outbox.Flush(t.Context(), s.Parts.Run)
		if n := len(p.printed); want == "given up" && n != 1 {
			t.Errorf("%d: %d letters afterwards", status, n)
		}
	}
}

func TestWebhookIsNotTrustedBlindly(t *testing.T) {
	s, p := called(t)
	other := httptest.NewTLSServer(p) // of another name, without our authority
	defer other.Close()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(p.secret), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Parts = s.Open(t, letter.Factory(), "webhook: {url: '"+other.URL+"', secret_file: "+secret+", ca_file: "+authority(t)+"}")
	s.order(nil)
	if err := s.Outbox.Flush(t.Context(), s.Parts.Run); err == nil || p.calls != 0 {
		t.Errorf("another authority: %v, %d calls", err, p.calls)
	}
	for text, ok := range map[string]bool{p.secret: true, "whsec_c2hvcnQ=": false, "": false, "whsec_%%%": false} {
		if err := os.WriteFile(secret, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		parts, err := letter.Factory().Open(t.Context(), s.Host, extensiontest.Decoder("webhook: {url: '"+other.URL+"', secret_file: "+secret+"}"))
		if (err == nil) != ok {
			t.Errorf("secret %q: %v", text, err)
		}
		if ok {
			s.Parts = parts
			s.order(nil)
			if err := s.Outbox.Flush(t.Context(), parts.Run); err == nil || p.calls != 0 {
				t.Errorf("an unknown certificate: %v, %d calls", err, p.calls)
			}
		}
	}
}

// authority is a certificate that has signed nothing.
func authority(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// schema is what of README.md's schema is compared.
type schema struct {
	Properties struct {
		Type struct{ Enum []string }
	}
	Defs map[string]struct {
		Required   []string
		Properties map[string]struct{ Enum []string }
	} `json:"$defs"`
}

func TestReadmeSaysWhatThePrintServiceGets(t *testing.T) {
	raw, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```json\n(.*?)```").FindSubmatch(raw)
	var want schema
	if block == nil || json.Unmarshal(block[1], &want) != nil {
		t.Fatal("README.md has no schema")
	}
	s := open(t, "")
	s.order(nil)
	if err := s.Notifier.Notify(t.Context(), notice()); err != nil {
		t.Fatal(err)
	}
	for _, p := range s.posted() {
		kind, def, _ := strings.Cut(p.Type, ".")
		if d, ok := want.Defs[def]; !ok || kind != "letter" || !slices.Contains(want.Properties.Type.Enum, p.Type) {
			t.Errorf("%s stands not in the schema", p.Type)
		} else {
			for name, value := range p.Data {
				if f, ok := d.Properties[name]; !ok || f.Enum != nil && !slices.Contains(f.Enum, value) {
					t.Errorf("%s: %s = %q stands not in the schema", p.Type, name, value)
				}
			}
			if len(d.Required) != len(p.Data) || len(d.Properties) != len(p.Data) {
				t.Errorf("%s: %d fields, required %v", p.Type, len(p.Data), d.Required)
			}
		}
	}
}

func TestASlowPrintServiceDelaysALetter(t *testing.T) {
	s, _ := called(t)
	end := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-end }))
	defer slow.Close()
	defer close(end)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("s", 24)))), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Parts = s.Open(t, letter.Factory(), "webhook: {url: '"+slow.URL+"', secret_file: "+secret+"}")
	s.order(nil)
	ctx, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer stop()
	if err := s.Outbox.Flush(ctx, s.Parts.Run); err == nil || len(s.Outbox.Queued()) != 1 {
		t.Errorf("%v; %d orders wait", err, len(s.Outbox.Queued()))
	}
}

func TestALetterThatDidNotLeaveTakesNoPlace(t *testing.T) {
	s, p := called(t, "letters_per_hour: 1")
	s.order(nil)
	p.answer(503)
	if err := s.Outbox.Flush(t.Context(), s.Parts.Run); err == nil {
		t.Error("nobody took the letter")
	}
	p.answer(204)
	if err := s.Outbox.Flush(t.Context(), s.Parts.Run); err != nil || len(p.printed) != 1 {
		t.Errorf("%v, %d letters", err, len(p.printed))
	}
}
