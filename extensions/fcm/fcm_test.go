package fcm_test

import (
	"context"
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
	"github.com/schleuse/schleuse/extensions/fcm"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/extension/extensiontest"
	"github.com/schleuse/schleuse/sidecar/notify"
)

const token = "dQw4w9WgXcQ:APA91bH-geheim_0123456789"

// world is the extension beside a service that checks what FCM checks.
type world struct {
	*extensiontest.Stage
	t       *testing.T
	service *push.FCM
	account string
	pusher  notify.Pusher
}

func open(t *testing.T, more string) *world {
	t.Helper()
	w := &world{Stage: extensiontest.NewStage("fcm"), t: t, account: filepath.Join(t.TempDir(), "account.json")}
	server := httptest.NewUnstartedServer(nil)
	service, err := push.NewFCM("http://"+server.Listener.Addr().String(), w.Clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler, w.service = service, service
	server.Start()
	t.Cleanup(server.Close)
	raw, err := service.ServiceAccount()
	if err != nil {
		t.Fatal(err)
	}
	w.write(raw)
	w.pusher = w.Open(t, fcm.Factory(), fmt.Sprintf("service_account_file: %s\nbase_url: %s\n%s", w.account, server.URL, more)).Pusher
	return w
}

func (w *world) write(account []byte) {
	w.t.Helper()
	if err := os.WriteFile(w.account, account, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// push pushes, and makes sure that nothing is told of the token.
func (w *world) push() error {
	w.t.Helper()
	err := w.pusher.Push(w.t.Context(), notify.Push{Channel: "fcm", Token: token, ID: "request-1"})
	if told := fmt.Sprint(err, w.Log()); strings.Contains(told, "geheim") || strings.Contains(told, "127.0.0.1") {
		w.t.Errorf("the token or an address is told: %s", told)
	}
	return err
}

func TestExtension(t *testing.T) {
	w := open(t, "")
	extensiontest.Run(t, fcm.Factory, extensiontest.Case{Name: "whole", Config: "service_account_file: " + w.account})
}

func TestConfiguration(t *testing.T) {
	for config, want := range map[string]string{
		"service_account_file: f":                                           "",
		"project: kasse-app":                                                "service_account_file",
		"service_account_file: f\nproject: Kasse/../x":                      "project",
		"service_account_file: f\nbase_url: http://fcm.googleapis.com":      "base_url",
		"service_account_file: f\nbase_url: https://fcm.googleapis.com?a=b": "base_url",
		"service_account_file: f\nbase_url: http://127.0.0.1:1":             "",
		"service_account_file: f\ntexts: {deutsch: a}":                      "texts",
		"service_account_file: f\ntexts: {de: \"a\\nb\"}":                   "texts.de",
		"service_account_file: f\ntexts: {de: ''}":                          "texts.de",
		"service_account_file: f\nbody_key: 'a b'":                          "body_key",
		"service_account_file: f\nlifetime: 25h":                            "lifetime",
		"service_account_file: f\ntimeout: 20s":                             "timeout",
	} {
		err := fcm.Factory().Check(extensiontest.Decoder(config))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n→ %v, want %q", config, err, want)
		}
	}
}

func TestAPushHoldsAnIDAndFixedWords(t *testing.T) {
	w := open(t, "texts: {de: Sie haben eine Anfrage, en: You have a request}\nbody_key: push_body\nlifetime: 90s")
	if err := w.push(); err != nil {
		t.Fatal(err, w.service.Refusals())
	}
	got := w.service.Messages()
	if len(got) != 1 || got[0].Token != token {
		t.Fatalf("%+v", got)
	}
	var body, want map[string]any
	if err := json.Unmarshal(got[0].Body, &body); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(`{"message": {"token": "`+token+`",
		"data": {"id": "request-1", "text_de": "Sie haben eine Anfrage", "text_en": "You have a request"},
		"android": {"priority": "HIGH", "ttl": "90s", "notification": {"body_loc_key": "push_body", "tag": "request-1"}}}}`), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, body); diff != "" {
		t.Error(diff)
	}
}

func TestOneAccessTokenServesUntilItsEnd(t *testing.T) {
	w := open(t, "")
	var pushing sync.WaitGroup
	for range 8 {
		pushing.Go(func() {
			if err := w.push(); err != nil {
				t.Error(err)
			}
		})
	}
	pushing.Wait()
	if n := w.service.Given(); n != 1 {
		t.Errorf("%d access tokens for 8 pushes at once", n)
	}
	w.Clock.Pass(59 * time.Minute)
	if err := w.push(); err != nil || w.service.Given() != 2 {
		t.Errorf("%v, %d access tokens after an hour", err, w.service.Given())
	}
}

func TestFailures(t *testing.T) {
	for fault, c := range map[push.Fault]struct {
		gone  bool
		say   string
		rests time.Duration
	}{
		push.Gone:    {true, "404 UNREGISTERED", 0},
		push.Unknown: {true, "400 INVALID_ARGUMENT", 0},
		push.Busy:    {false, "429 QUOTA_EXCEEDED", 90 * time.Second},
		push.Down:    {false, "503 UNAVAILABLE", 10 * time.Second},
		push.Broken:  {false, "500 INTERNAL", 0},
		push.Garbage: {false, "502", 0},
	} {
		t.Run(string(fault), func(t *testing.T) {
			w := open(t, "")
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

func TestASlowServiceHasADeadline(t *testing.T) {
	w := open(t, "timeout: 1s")
	if err := w.push(); err != nil {
		t.Fatal(err)
	}
	w.service.Fail(push.Slow, 1)
	if err := w.push(); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, notify.ErrTokenGone) {
		t.Errorf("%v", err)
	}
	w.restsFor(2 * time.Second)
}

func TestAWithdrawnAccessTokenIsFetchedOnceMore(t *testing.T) {
	w := open(t, "")
	w.service.Fail(push.Revoked, 1)
	if err := w.push(); err != nil || w.service.Given() != 2 || w.service.Calls() != 2 {
		t.Errorf("%v; %d access tokens, %d calls", err, w.service.Given(), w.service.Calls())
	}
	w.service.Fail(push.Revoked, 2)
	if err := w.push(); err == nil || errors.Is(err, notify.ErrTokenGone) || !strings.Contains(err.Error(), "401") {
		t.Errorf("twice: %v", err)
	}
	if w.service.Calls() != 4 {
		t.Errorf("%d calls: it went on trying", w.service.Calls())
	}
}

func TestAnAccountThatIsNotKnownSendsNothing(t *testing.T) {
	w := open(t, "")
	stranger, err := push.NewFCM("http://127.0.0.1:1", w.Clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	own, _ := w.service.ServiceAccount()
	other, _ := stranger.ServiceAccount()
	var mine, theirs map[string]string
	if err := errors.Join(json.Unmarshal(own, &mine), json.Unmarshal(other, &theirs)); err != nil {
		t.Fatal(err)
	}
	mine["private_key"] = theirs["private_key"]
	forged, err := json.Marshal(mine)
	if err != nil {
		t.Fatal(err)
	}
	w.write(forged)
	if err := w.push(); err == nil || !strings.Contains(err.Error(), "token service answers 400") {
		t.Errorf("%v", err)
	}
	w.write(own)
	w.restsFor(10 * time.Second) // and the mended file needs no restart
}

func TestWhatIsNoTokenIsNotSent(t *testing.T) {
	w := open(t, "")
	for _, bad := range []string{"", "short", "with blank in it", "näh" + token, "../../" + token, strings.Repeat("x", 4097)} {
		err := w.pusher.Push(t.Context(), notify.Push{Token: bad, ID: "request-1"})
		if !errors.Is(err, notify.ErrTokenGone) || w.service.Calls() != 0 {
			t.Errorf("%.20q: %v, %d calls", bad, err, w.service.Calls())
		}
	}
}

func curveKey(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func TestServiceAccounts(t *testing.T) {
	w := open(t, "")
	good, _ := w.service.ServiceAccount()
	for name, change := range map[string]func(map[string]any){
		"another type": func(m map[string]any) { m["type"] = "authorized_user" },
		"no e-mail":    func(m map[string]any) { delete(m, "client_email") },
		"no key":       func(m map[string]any) { m["private_key"] = "geheim" },
		"no RSA key":   func(m map[string]any) { m["private_key"] = curveKey(t) },
		"plain http":   func(m map[string]any) { m["token_uri"] = "http://oauth2.googleapis.com/token" },
		"a project":    func(m map[string]any) { m["project_id"] = "a/../b" },
	} {
		var m map[string]any
		if err := json.Unmarshal(good, &m); err != nil {
			t.Fatal(err)
		}
		change(m)
		raw, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		w.write(raw)
		_, err = fcm.Factory().Open(t.Context(), w.Host, extensiontest.Decoder("service_account_file: "+w.account))
		if read := fcm.Factory().Read(extensiontest.Decoder("service_account_file: " + w.account)); err == nil || read == nil || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: %v; read: %v", name, err, read)
		}
	}
}
