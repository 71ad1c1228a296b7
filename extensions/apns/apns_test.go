package apns_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/e2e/push"
	"github.com/schleuse/schleuse/extensions/apns"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/extension/extensiontest"
	"github.com/schleuse/schleuse/sidecar/notify"
)

const token = "00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0"

// world is the extension beside a service that checks what APNs checks.
type world struct {
	*extensiontest.Stage
	t           *testing.T
	service     *push.APNs
	key, config string
	pusher      notify.Pusher
}

func prepare(t *testing.T, http2 bool, more string) *world {
	t.Helper()
	w := &world{Stage: extensiontest.NewStage("apns"), t: t, key: filepath.Join(t.TempDir(), "key.p8")}
	service, err := push.NewAPNs(w.Clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	w.service = service
	server := httptest.NewUnstartedServer(service)
	server.EnableHTTP2 = http2
	server.StartTLS()
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	w.write(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	key, err := service.Key()
	if err != nil {
		t.Fatal(err)
	}
	w.write(w.key, key)
	w.config = fmt.Sprintf("key_file: %s\nkey_id: %s\nteam_id: %s\ntopic: %s\nbase_url: %s\nca_file: %s\n%s",
		w.key, push.KeyID, push.TeamID, push.Topic, server.URL, ca, more)
	return w
}

func open(t *testing.T, more string) *world {
	t.Helper()
	w := prepare(t, true, more)
	w.pusher = w.Open(t, apns.Factory(), w.config).Pusher
	return w
}

func (w *world) write(file string, raw []byte) {
	w.t.Helper()
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// push pushes, and makes sure that nothing is told of the token.
func (w *world) push() error {
	w.t.Helper()
	err := w.pusher.Push(w.t.Context(), notify.Push{Channel: "apns", Token: token, ID: "request-1"})
	if told := fmt.Sprint(err, w.Log()); strings.Contains(told, token) || strings.Contains(told, "127.0.0.1") {
		w.t.Errorf("the token or an address is told: %s", told)
	}
	return err
}

func TestExtension(t *testing.T) {
	extensiontest.Run(t, apns.Factory, extensiontest.Case{Name: "whole", Config: prepare(t, true, "").config})
}

func TestConfiguration(t *testing.T) {
	const least = "key_file: f\nkey_id: ABC123DEFG\nteam_id: DEF123GHIJ\ntopic: example.kasse.app\n"
	for config, want := range map[string]string{
		least: "",
		strings.Replace(least, "key_file: f\n", "", 1):                       "key_file",
		strings.Replace(least, "ABC123DEFG", "abc", 1):                       "key_id",
		strings.Replace(least, "DEF123GHIJ", "../x", 1):                      "team_id",
		strings.Replace(least, "example.kasse.app", "'a b'", 1):              "topic",
		least + "base_url: http://127.0.0.1:1":                               "base_url",
		least + "base_url: https://api.sandbox.push.apple.com":               "",
		least + "body_key: push_body\ntext: Sie haben eine Anfrage":          "only one",
		least + "body_key: 'a b'":                                            "body_key",
		least + "text: \"a\\nb\"":                                            "text",
		least + "text: " + strings.Repeat("x", 201):                          "text",
		least + "lifetime: 25h":                                              "lifetime",
		least + "timeout: 1m":                                                "timeout",
		least + "base_url: https://api.push.apple.com\nca_file: /nowhere/ca": "",
	} {
		err := apns.Factory().Check(extensiontest.Decoder(config))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n→ %v, want %q", config, err, want)
		}
	}
}

func TestAPushHoldsAnIDAndFixedWords(t *testing.T) {
	for more, want := range map[string]struct {
		kind, priority string
		kept           time.Duration
		body           string
	}{
		"": {"background", "5", 5 * time.Minute, `{"aps":{"content-available":1},"id":"request-1"}`},
		"body_key: push_body": {
			"alert", "10", 5 * time.Minute,
			`{"aps":{"alert":{"loc-key":"push_body"},"sound":"default"},"id":"request-1"}`,
		},
		"text: Sie haben eine Anfrage\nlifetime: 0s": {
			"alert", "10", 0,
			`{"aps":{"alert":{"body":"Sie haben eine Anfrage"},"sound":"default"},"id":"request-1"}`,
		},
	} {
		w := open(t, more)
		expires := "0"
		if want.kept > 0 {
			expires = fmt.Sprint(w.Clock.Now().Add(want.kept).Unix())
		}
		if err := w.push(); err != nil {
			t.Fatalf("%q: %v", more, err)
		}
		got := w.service.Messages()[0]
		header := map[string]string{
			"apns-topic": push.Topic, "apns-push-type": want.kind, "apns-priority": want.priority, "apns-expiration": expires,
		}
		if diff := cmp.Diff(push.Message{Token: token, Header: header, Body: json.RawMessage(want.body)}, got); diff != "" {
			t.Errorf("%q: %s", more, diff)
		}
	}
}

func TestNothingButHTTP2IsSpoken(t *testing.T) {
	w := prepare(t, false, "")
	w.pusher = w.Open(t, apns.Factory(), w.config).Pusher
	if err := w.push(); err == nil || w.service.Calls() != 0 {
		t.Errorf("%v, %d calls by HTTP/1.1", err, w.service.Calls())
	}
}

func TestOneProviderTokenServesNearlyAnHour(t *testing.T) {
	w := open(t, "")
	for range 6 {
		var pushing sync.WaitGroup
		for range 4 {
			pushing.Go(func() {
				if err := w.push(); err != nil {
					t.Error(err)
				}
			})
		}
		pushing.Wait()
		w.Clock.Pass(20 * time.Minute)
	}
	if n := w.service.Tokens(); n != 2 || len(w.service.Refusals()) > 0 {
		t.Errorf("%d provider tokens in 100 minutes, want a new one before Apple refuses the old: %q", n, w.service.Refusals())
	}
}

func TestAnExpiredProviderTokenIsReplacedOnce(t *testing.T) {
	w := open(t, "")
	if err := w.push(); err != nil {
		t.Fatal(err)
	}
	w.Clock.Pass(21 * time.Minute)
	w.service.Fail(push.Revoked, 1)
	if err := w.push(); err != nil || w.service.Tokens() != 2 || w.service.Calls() != 3 {
		t.Errorf("%v, %d provider tokens, %d calls", err, w.service.Tokens(), w.service.Calls())
	}
	w.Clock.Pass(time.Minute)
	w.service.Fail(push.Revoked, 9)
	err := w.push()
	if err == nil || errors.Is(err, notify.ErrTokenGone) || !strings.Contains(err.Error(), "403 ExpiredProviderToken") || w.service.Calls() != 4 {
		t.Errorf("a young one: %v, %d calls", err, w.service.Calls())
	}
	w.Clock.Pass(21 * time.Minute)
	if err := w.push(); err == nil || w.service.Calls() != 6 {
		t.Errorf("an old one, in vain: %v, %d calls", err, w.service.Calls())
	}
	w.service.Fail(push.None, 0)
	w.restsFor(10 * time.Second)
}

func TestTooManyProviderTokensLetItRest(t *testing.T) {
	w := open(t, "")
	if err := w.push(); err != nil {
		t.Fatal(err)
	}
	w.Clock.Pass(time.Minute)
	w.pusher = w.Open(t, apns.Factory(), w.config).Pusher // started again, with a token of its own
	if err := w.push(); err == nil || errors.Is(err, notify.ErrTokenGone) || !strings.Contains(err.Error(), "429 TooManyProviderTokenUpdates") {
		t.Errorf("%v", err)
	}
	if err := w.push(); !errors.Is(err, extension.ErrResting) {
		t.Errorf("called again at once: %v", err)
	}
	w.Clock.Pass(20 * time.Minute)
	if err := w.push(); err != nil {
		t.Errorf("20 minutes later: %v", err)
	}
}

func TestAKeyThatIsNotKnownSendsNothing(t *testing.T) {
	w := open(t, "")
	own, err := os.ReadFile(w.key)
	if err != nil {
		t.Fatal(err)
	}
	w.write(w.key, newKey(t, elliptic.P256()))
	if err := w.push(); err == nil || !strings.Contains(err.Error(), "403 InvalidProviderToken") || len(w.service.Messages()) != 0 {
		t.Errorf("%v", err)
	}
	w.write(w.key, own)
	w.Clock.Pass(21 * time.Minute)
	if err := w.push(); err != nil {
		t.Errorf("the mended key: %v", err)
	}
}

func newKey(t *testing.T, curve elliptic.Curve) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func TestKeys(t *testing.T) {
	w := prepare(t, true, "")
	for name, raw := range map[string][]byte{"no PEM": []byte("geheim"), "another curve": newKey(t, elliptic.P384()), "empty": nil} {
		w.write(w.key, raw)
		_, err := apns.Factory().Open(t.Context(), w.Host, extensiontest.Decoder(w.config))
		if read := apns.Factory().Read(extensiontest.Decoder(w.config)); err == nil || read == nil || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: %v; read: %v", name, err, read)
		}
	}
}

func TestFailures(t *testing.T) {
	for fault, c := range map[push.Fault]struct {
		gone  bool
		say   string
		rests time.Duration
	}{
		push.Gone:    {true, "410 Unregistered", 0},
		push.Unknown: {true, "400 BadDeviceToken", 0},
		push.Busy:    {false, "429 TooManyRequests", 0}, // it is about this one phone
		push.Down:    {false, "503 ServiceUnavailable", 10 * time.Second},
		push.Broken:  {false, "500 InternalServerError", 0},
		push.Garbage: {false, "502", 0},
		push.Slow:    {false, "deadline", 2 * time.Second},
	} {
		t.Run(string(fault), func(t *testing.T) {
			w := open(t, "timeout: 1s")
			if err := w.push(); err != nil {
				t.Fatal(err)
			}
			w.service.Fail(fault, 1)
			err := w.push()
			if err == nil || errors.Is(err, notify.ErrTokenGone) != c.gone || !strings.Contains(err.Error(), c.say) {
				t.Errorf("%v", err)
			}
			w.restsFor(c.rests)
		})
	}
}

// restsFor makes sure that the service is left alone for so long, and not longer.
func (w *world) restsFor(d time.Duration) {
	w.t.Helper()
	if d > 0 {
		w.Clock.Pass(d - time.Second)
		before := w.service.Calls()
		if err := w.push(); !errors.Is(err, extension.ErrResting) || w.service.Calls() != before {
			w.t.Errorf("called again too early: %v", err)
		}
		w.Clock.Pass(time.Second)
	}
	if err := w.push(); err != nil {
		w.t.Errorf("afterwards: %v", err)
	}
}

func TestWhatIsNoTokenEntersNoAddress(t *testing.T) {
	w := open(t, "")
	for _, bad := range []string{"", "00fc", token[1:], token + "/../x", "../../" + token, token + "?a", strings.Repeat("ab", 101), token[:62] + "zz"} {
		err := w.pusher.Push(t.Context(), notify.Push{Token: bad, ID: "request-1"})
		if !errors.Is(err, notify.ErrTokenGone) || w.service.Calls() != 0 {
			t.Errorf("%.20q: %v, %d calls", bad, err, w.service.Calls())
		}
	}
	if err := w.pusher.Push(t.Context(), notify.Push{Token: token, ID: strings.Repeat("x", 4096)}); err == nil || w.service.Calls() != 0 {
		t.Errorf("a payload over 4 KiB: %v", err)
	}
}
