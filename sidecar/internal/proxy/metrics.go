package proxy

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what sites do. Its labels are fixed words and names from the
// configuration. A nil *Metrics counts nothing.
type Metrics struct {
	requests *prometheus.CounterVec
	logins   *prometheus.CounterVec
	renewals *prometheus.CounterVec
	ends     *prometheus.CounterVec
	open     *prometheus.GaugeVec
}

// NewMetrics makes the metrics of all sites and registers them.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "schleuse", Subsystem: "proxy", Name: name, Help: help}, labels)
		reg.MustRegister(c)
		return c
	}
	open := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: "schleuse", Subsystem: "proxy", Name: "open_requests",
		Help: "Requests that are with the application now, WebSockets and streams included.",
	}, []string{"site"})
	reg.MustRegister(open)
	return &Metrics{
		requests: counter("requests_total", "Requests by what became of them: passed, login, unauthenticated, not_sent, refused, unavailable, upstream_error, upstream_timeout.", "site", "result"),
		logins:   counter("logins_total", "Returns from the provider: ok, refused, not_identified, unavailable, stale.", "site", "result"),
		renewals: counter("token_refreshes_total", "Token refreshes: ok, ended, failed.", "site", "result"),
		ends:     counter("sessions_ended_total", "Sessions ended by cause: logout, backchannel, provider, replaced.", "site", "cause"),
		open:     open,
	}
}

func (m *Metrics) request(site, result string) {
	if m != nil {
		m.requests.WithLabelValues(site, result).Inc()
	}
}

// meter counts a site's logins and sessions.
type meter struct {
	*Metrics
	site string
}

// Login implements relying.Meter.
func (m meter) Login(result string) {
	if m.Metrics != nil {
		m.logins.WithLabelValues(m.site, result).Inc()
	}
}

// Renewal implements relying.Meter.
func (m meter) Renewal(result string) {
	if m.Metrics != nil {
		m.renewals.WithLabelValues(m.site, result).Inc()
	}
}

// Ended implements relying.Meter.
func (m meter) Ended(cause string, n int) {
	if m.Metrics != nil {
		m.ends.WithLabelValues(m.site, cause).Add(float64(n))
	}
}

// passing counts what happens with every request, looked up once.
type passing struct {
	passed prometheus.Counter
	open   prometheus.Gauge
}

func (m *Metrics) passing(site string) passing {
	if m == nil {
		return passing{}
	}
	return passing{m.requests.WithLabelValues(site, "passed"), m.open.WithLabelValues(site)}
}

func (p passing) begin() {
	if p.open != nil {
		p.passed.Inc()
		p.open.Inc()
	}
}

func (p passing) end() {
	if p.open != nil {
		p.open.Dec()
	}
}
