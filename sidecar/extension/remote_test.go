package extension_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension"
)

// remote is a service and the clock of its caller.
func remote(t *testing.T, answer http.HandlerFunc) (*extension.Remote, string, *time.Time) {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	r, err := extension.OpenRemote(extension.RemoteSettings{Timeout: time.Second, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r, server.URL, &now
}

func TestARemoteRestsAsLongAsItAsksFor(t *testing.T) {
	for asked, want := range map[string]time.Duration{
		"": 10 * time.Second, "5": 10 * time.Second, "90": 90 * time.Second, "-1": 10 * time.Second, "soon": 10 * time.Second,
		"Tue, 24 Nov 2026 12:03:00 GMT": 3 * time.Minute, "Tue, 24 Nov 2026 11:00:00 GMT": 10 * time.Second,
		"86400": 10 * time.Minute, "9223372036854775807": 10 * time.Minute, "Wed, 25 Nov 2026 12:00:00 GMT": 10 * time.Minute,
	} {
		r, address, now := remote(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", asked) })
		reply, err := r.Post(t.Context(), address, http.Header{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Rest(reply, 10*time.Second)
		*now = now.Add(want - time.Nanosecond)
		if _, err := r.Post(t.Context(), address, http.Header{}, nil); !errors.Is(err, extension.ErrResting) {
			t.Errorf("%q: called before %v: %v", asked, want, err)
		}
		*now = now.Add(time.Nanosecond)
		if _, err := r.Post(t.Context(), address, http.Header{}, nil); err != nil {
			t.Errorf("%q: after %v: %v", asked, want, err)
		}
	}
}

func TestARemoteTellsNoAddressAndFollowsNobody(t *testing.T) {
	r, address, now := remote(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	reply, err := r.Post(t.Context(), address, http.Header{}, []byte("x"))
	if err != nil || reply.Status != http.StatusTemporaryRedirect {
		t.Errorf("%d, %v", reply.Status, err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx     context.Context
		address string
	}{
		"nobody there": {t.Context(), "http://127.0.0.1:1/geheim"},
		"no address":   {t.Context(), "http://geheim\x7f/"},
		"given up":     {cancelled, address + "/geheim"},
	} {
		*now = now.Add(time.Minute)
		if _, err := r.Post(c.ctx, c.address, http.Header{}, nil); err == nil || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestARemoteBelievesOnlyWhomItIsToldTo(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	r, err := extension.OpenRemote(extension.RemoteSettings{Timeout: time.Second, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Post(t.Context(), server.URL, http.Header{}, nil); err == nil {
		t.Error("a certificate that nobody trusts is believed")
	}
	none := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(none, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{none, none + "x"} {
		if _, err := extension.OpenRemote(extension.RemoteSettings{CAFile: file}); err == nil {
			t.Errorf("%s is taken for certificates", file)
		}
	}
}
