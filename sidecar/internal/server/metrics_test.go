package server

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/schleuse/schleuse/sidecar/internal/gate"
	"github.com/schleuse/schleuse/sidecar/internal/mine"
	"github.com/schleuse/schleuse/sidecar/internal/proxy"
	"github.com/schleuse/schleuse/sidecar/internal/store"
)

var update = flag.Bool("update", false, "write the generated reference")

const (
	readme      = "../../README.md"
	beginMarker = "<!-- metrics: generated, see internal/server/metrics_test.go -->\n"
	endMarker   = "<!-- /metrics -->"
)

// recorder collects descriptions instead of metrics, so that those are listed
// which nothing has counted yet.
type recorder struct{ rows []string }

func (r *recorder) Register(c prometheus.Collector) error {
	descs := make(chan *prometheus.Desc, 16)
	c.Describe(descs)
	close(descs)
	shape := regexp.MustCompile(`fqName: "(.*?)", help: "(.*?)",.* variableLabels: {(.*?)}`)
	for d := range descs {
		m := shape.FindStringSubmatch(d.String())
		if m == nil {
			return fmt.Errorf("cannot read %s", d)
		}
		r.rows = append(r.rows, fmt.Sprintf("| `%s` | %s | %s |", m[1], strings.ReplaceAll(m[3], ",", ", "), m[2]))
	}
	return nil
}

func (r *recorder) MustRegister(cs ...prometheus.Collector) {
	for _, c := range cs {
		if err := r.Register(c); err != nil {
			panic(err)
		}
	}
}

func (r *recorder) Unregister(prometheus.Collector) bool { return false }

func TestMetricsReferenceIsTrue(t *testing.T) {
	var r recorder
	gate.NewMetrics(&r)
	proxy.NewMetrics(&r)
	mine.NewMetrics(&r)
	newPhoneMeters(&r)
	newApprovalMeters(&r)
	r.MustRegister(new(store.Store).Collector())
	slices.Sort(r.rows)
	if len(r.rows) < 10 {
		t.Fatalf("only %d metrics", len(r.rows))
	}
	want := "| metric | labels | meaning |\n|---|---|---|\n" + strings.Join(r.rows, "\n") + "\n"
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), beginMarker)
	got, after, ok2 := strings.Cut(rest, endMarker)
	if !ok || !ok2 {
		t.Fatal("the markers are missing")
	}
	if got == want {
		return
	}
	if !*update {
		t.Errorf("the reference differs from the code: go test ./sidecar/internal/server -run MetricsReference -update\n%s", want)
		return
	}
	if err := os.WriteFile(readme, []byte(before+beginMarker+want+endMarker+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
