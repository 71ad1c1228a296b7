package mine

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts logins and sessions of these pages. What is done there to
// phones package device counts. It implements relying.Meter.
type Metrics struct {
	logins, renewals, ends *prometheus.CounterVec
}

// NewMetrics makes the metrics and registers them.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help, label string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "schleuse", Subsystem: "my", Name: name, Help: help}, []string{label})
		reg.MustRegister(c)
		return c
	}
	return &Metrics{
		logins:   counter("logins_total", "Returns from the provider to the pages for people's own phones: ok, refused, unavailable, stale.", "result"),
		renewals: counter("token_refreshes_total", "Token refreshes of those pages: ok, ended, failed.", "result"),
		ends:     counter("sessions_ended_total", "Sessions of those pages ended by cause: logout, backchannel, provider, replaced.", "cause"),
	}
}

// Login implements relying.Meter.
func (m *Metrics) Login(result string) { m.logins.WithLabelValues(result).Inc() }

// Renewal implements relying.Meter.
func (m *Metrics) Renewal(result string) { m.renewals.WithLabelValues(result).Inc() }

// Ended implements relying.Meter.
func (m *Metrics) Ended(cause string, n int) { m.ends.WithLabelValues(cause).Add(float64(n)) }
