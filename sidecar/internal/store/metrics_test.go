package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/schleuse/schleuse/sidecar/internal/store/storetest"
)

func TestQueueMetrics(t *testing.T) {
	clock := storetest.NewClock(time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC))
	s := storetest.Open(t, clock.Now)
	s.Outbox("idle")
	for _, key := range []string{"a", "b"} {
		if err := s.Outbox("letter").Put(t.Context(), key, nil, time.Hour); err != nil {
			t.Fatal(err)
		}
		clock.Add(time.Minute)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(s.Collector())
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range families {
		for _, m := range f.GetMetric() {
			got = append(got, fmt.Sprintf("%s %s %v", f.GetName(), m.GetLabel()[0].GetValue(), m.GetGauge().GetValue()))
		}
	}
	want := []string{
		"schleuse_outbox_oldest_seconds idle 0", "schleuse_outbox_oldest_seconds letter 120",
		"schleuse_outbox_waiting idle 0", "schleuse_outbox_waiting letter 2",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
