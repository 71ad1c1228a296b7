package store

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// scrapeTime bounds the question of one scrape.
const scrapeTime = time.Second

// queueMetrics asks the database at each scrape.
type queueMetrics struct {
	store        *Store
	waiting, age *prometheus.Desc
}

// Collector returns the metrics of the outboxes: what waits in the database,
// whichever replica put it there. While the database does not answer there are
// none.
func (s *Store) Collector() prometheus.Collector {
	return &queueMetrics{
		store:   s,
		waiting: prometheus.NewDesc("schleuse_outbox_waiting", "Messages that wait for being delivered.", []string{"outbox"}, nil),
		age:     prometheus.NewDesc("schleuse_outbox_oldest_seconds", "Age of the oldest message that waits; 0 = none does.", []string{"outbox"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (m *queueMetrics) Describe(out chan<- *prometheus.Desc) {
	out <- m.waiting
	out <- m.age
}

// Collect implements prometheus.Collector.
func (m *queueMetrics) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	queues, err := m.store.Queues(ctx)
	if err != nil {
		m.store.logger().Warn("counting messages", "error", err)
		return
	}
	waiting := map[string]Queue{}
	m.store.wakers.Range(func(name, _ any) bool {
		waiting[name.(string)] = Queue{}
		return true
	})
	for _, q := range queues {
		waiting[q.Extension] = q
	}
	for name, q := range waiting {
		age := 0.0
		if !q.Oldest.IsZero() {
			age = max(0, m.store.now().Sub(q.Oldest).Seconds())
		}
		out <- prometheus.MustNewConstMetric(m.waiting, prometheus.GaugeValue, float64(q.Waiting), name)
		out <- prometheus.MustNewConstMetric(m.age, prometheus.GaugeValue, age, name)
	}
}
