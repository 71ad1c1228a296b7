package server

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/device"
)

// phoneMeters count what happens to phones.
type phoneMeters struct{ events *prometheus.CounterVec }

func newPhoneMeters(r prometheus.Registerer) *phoneMeters {
	m := &phoneMeters{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "schleuse_device_events_total", Help: "What happened to phones, by event.",
	}, []string{"event"})}
	r.MustRegister(m.events)
	return m
}

func (m *phoneMeters) event(e device.Event) { m.events.WithLabelValues(string(e)).Inc() }

// approvalMeters are the funnel from asking to redeeming.
type approvalMeters struct {
	events *prometheus.CounterVec
	ages   *prometheus.HistogramVec
}

func newApprovalMeters(r prometheus.Registerer) *approvalMeters {
	m := &approvalMeters{
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "schleuse_approval_events_total", Help: "Steps of approvals, by event, action and the state after it.",
		}, []string{"event", "action", "state"}),
		ages: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "schleuse_approval_age_seconds", Help: "How long after it was asked an approval came to this step.",
			Buckets: []float64{0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600},
		}, []string{"event"}),
	}
	r.MustRegister(m.events, m.ages)
	return m
}

func (m *approvalMeters) event(e approval.Event, action string, state approval.State, age time.Duration) {
	m.events.WithLabelValues(string(e), action, state.String()).Inc()
	if e != approval.Refused && e != approval.Asked {
		m.ages.WithLabelValues(string(e)).Observe(age.Seconds())
	}
}
