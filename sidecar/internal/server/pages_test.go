package server

import (
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/schleuse/schleuse/sidecar/internal/config"
	"github.com/schleuse/schleuse/sidecar/internal/gate"
	"github.com/schleuse/schleuse/sidecar/internal/store/storetest"
	"github.com/schleuse/schleuse/sidecar/internal/web"
)

// Pages are read after the ports are open, so that those who wait for them do
// not wait for the pages. One that cannot be shown still ends the program.
func TestABrokenPageEndsTheProgram(t *testing.T) {
	pages, err := web.New(web.Brand{Name: "Muster-Krankenkasse"}, map[string]web.Set{
		"other": {Pages: fstest.MapFS{"ask.html": {Data: []byte(`{{define "title"}}{{t "nobody.wrote.this"}}{{end}}{{define "main"}}{{end}}`)}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	public := freeAddress(t)
	kept := storetest.Open(t, time.Now)
	h := &house{
		Server: &Server{Log: quietLog(), Now: time.Now, Config: &config.Config{
			Listen: config.Listen{Address: public}, Internal: freeAddress(t),
			Gate:  &config.Gate{PublicURL: config.URL{URL: url.URL{Scheme: "http", Host: public}}},
			Audit: config.Audit{Retention: time.Hour},
		}},
		metrics: prometheus.NewRegistry(), inner: newInProcess(), gate: &gate.Gate{Deeds: kept.Outbox("gate.deeds")},
		store: kept, pages: pages,
	}
	if err := h.run(t.Context()); err == nil || !strings.Contains(err.Error(), "nobody.wrote.this") {
		t.Errorf("run: %v, want the page's defect", err)
	}
}
