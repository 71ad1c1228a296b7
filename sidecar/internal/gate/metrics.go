package gate

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
)

// Metrics counts what the gate does. No label is of a person, a client or an
// address.
type Metrics struct {
	lookups   *prometheus.CounterVec
	logins    *prometheus.CounterVec
	grants    *prometheus.CounterVec
	refusals  *prometheus.CounterVec
	holds     prometheus.Counter
	releases  *prometheus.CounterVec
	endings   *prometheus.CounterVec
	alarms    *prometheus.CounterVec
	observing *prometheus.CounterVec
}

// NewMetrics registers the counters.
func NewMetrics(r prometheus.Registerer) *Metrics {
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "schleuse", Subsystem: "gate", Name: name, Help: help}, labels)
		r.MustRegister(c)
		return c
	}
	m := &Metrics{
		lookups:   vec("lookups_total", "Clearance look-ups, by answer; unknown = the Admin API failed.", "answer"),
		logins:    vec("logins_total", "Answers of Keycloak that create or renew a login, by the person's clearance.", "route", "clearance"),
		grants:    vec("tokens_total", "Token answers, by grant and the person's clearance.", "grant", "clearance"),
		refusals:  vec("refused_total", "Requests that the gate answered with a failure.", "route", "reason"),
		releases:  vec("released_total", "Held logins that left; again = without the code.", "result"),
		endings:   vec("sessions_ended_total", "Keycloak sessions ended by the gate.", "reason"),
		alarms:    vec("alarms_total", "What should never be seen; any increase wants a person.", "what"),
		observing: vec("observed_total", "What a rule would have done, while the gate only observes.", "rule"),
		holds: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "schleuse", Subsystem: "gate", Name: "held_total", Help: "Logins that were held.",
		}),
	}
	r.MustRegister(m.holds)
	return m
}

func (m *Metrics) lookup(c account.Clearance) { m.lookups.WithLabelValues(c.String()).Inc() }

func (m *Metrics) login(r wire.Route, c account.Clearance) {
	m.logins.WithLabelValues(r.String(), c.String()).Inc()
}

func (m *Metrics) tokens(g wire.Grant, c account.Clearance) {
	m.grants.WithLabelValues(string(g), c.String()).Inc()
}

func (m *Metrics) refused(r wire.Route, err error) {
	m.refusals.WithLabelValues(r.String(), reason(err)).Inc()
}

// reason is the kind of a failure in words.
func reason(err error) string {
	var f *oauthFault
	if errors.As(err, &f) {
		return f.code
	}
	names := [...]string{
		fault.Internal: "internal", fault.Invalid: "invalid", fault.Unauthenticated: "unauthenticated",
		fault.Forbidden: "forbidden", fault.NotFound: "not_found", fault.Conflict: "conflict", fault.Gone: "gone",
		fault.TooLarge: "too_large", fault.TooMany: "too_many", fault.BadUpstream: "bad_upstream",
		fault.Unavailable: "unavailable", fault.Timeout: "timeout",
	}
	if k := fault.KindOf(err); int(k) < len(names) {
		return names[k]
	}
	return names[fault.Internal]
}

func (m *Metrics) held()                { m.holds.Inc() }
func (m *Metrics) released(how string)  { m.releases.WithLabelValues(how).Inc() }
func (m *Metrics) ended(why string)     { m.endings.WithLabelValues(why).Inc() }
func (m *Metrics) alarm(what string)    { m.alarms.WithLabelValues(what).Inc() }
func (m *Metrics) observed(rule string) { m.observing.WithLabelValues(rule).Inc() }
