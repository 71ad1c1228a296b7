package proxy_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/schleuse/schleuse/sidecar/internal/proxy"
)

func TestSettingsThatCannotWork(t *testing.T) {
	good := func() proxy.Settings {
		return proxy.Settings{
			Name: "webcenter", PublicURL: parse(t, "https://webcenter.example"), Upstream: parse(t, "http://10.0.0.1:8080"),
			Issuer: "https://login.example/realms/kasse", ClientID: "webcenter", Idle: 30 * time.Minute, Absolute: 12 * time.Hour,
		}
	}
	if err := good().Validate(); err != nil {
		t.Fatalf("good settings: %v", err)
	}
	for name, spoil := range map[string]func(*proxy.Settings){
		"no name":            func(s *proxy.Settings) { s.Name = "" },
		"a quote in it":      func(s *proxy.Settings) { s.Name = `a"b` },
		"no public URL":      func(s *proxy.Settings) { s.PublicURL = nil },
		"a path":             func(s *proxy.Settings) { s.PublicURL = parse(t, "https://webcenter.example/app") },
		"a user":             func(s *proxy.Settings) { s.PublicURL = parse(t, "https://u@webcenter.example") },
		"plain http":         func(s *proxy.Settings) { s.PublicURL = parse(t, "http://webcenter.example") },
		"upstream of a file": func(s *proxy.Settings) { s.Upstream = parse(t, "file:///etc") },
		"no issuer":          func(s *proxy.Settings) { s.Issuer = "" },
		"no client":          func(s *proxy.Settings) { s.ClientID = "" },
		"no idle time":       func(s *proxy.Settings) { s.Idle = 0 },
		"idle for too long":  func(s *proxy.Settings) { s.Idle = 13 * time.Hour },
	} {
		t.Run(name, func(t *testing.T) {
			s := good()
			spoil(&s)
			if err := s.Validate(); err == nil {
				t.Error("no error")
			}
		})
	}
	if err := (proxy.Settings{}).Validate(); err == nil || strings.Count(err.Error(), "\n") < 4 {
		t.Errorf("not all errors at once: %v", err)
	}
}

func TestMetricsTellWhatHappened(t *testing.T) {
	registry := prometheus.NewRegistry()
	w := newWorld(t, func(s *proxy.Site) { s.Metrics = proxy.NewMetrics(registry) })
	b := w.signedIn()
	w.fetch(b, "/")
	w.clock.Advance(6 * time.Minute)
	w.fetch(b, "/")
	b.Post(w.url+"/schleuse/logout", nil)
	w.fetch(b, "/")
	want := map[string]float64{
		"logins_total ok": 1, "open_requests": 0, "requests_total login": 1, "requests_total passed": 3,
		"requests_total unauthenticated": 1, "sessions_ended_total logout": 1, "token_refreshes_total ok": 1,
	}
	if diff := cmp.Diff(want, gathered(t, registry)); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

// gathered returns the values by name and the label that is not the site.
func gathered(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := strings.TrimPrefix(f.GetName(), "schleuse_proxy_")
			for _, l := range m.GetLabel() {
				if l.GetName() != "site" {
					name += " " + l.GetValue()
				}
			}
			out[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return out
}

func TestFormThatCannotBePassedOnSaysSo(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	w.clock.Advance(time.Second)
	w.sessions.Fail(http.ErrServerClosed)
	p := b.Post(w.url+"/antrag", nil)
	if p.Status != http.StatusServiceUnavailable || !strings.Contains(p.Body, "was not sent") || strings.Contains(p.Body, "have kept") {
		t.Errorf("answered %d: %s", p.Status, p.Body)
	}
}
