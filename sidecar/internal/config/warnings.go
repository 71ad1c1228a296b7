package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Warnings returns what is allowed and still deserves a second thought, for
// `schleuse check` and the start of the log.
func (c *Config) Warnings() []string {
	var out []string
	warn := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if c.Gate != nil {
		g := c.Gate
		if g.Mode == Observe {
			warn("gate.mode: observe: NOBODY IS HELD; what would be refused is only reported. Set enforce as soon as the reports are clean")
		}
		if g.Keycloak.URL.Scheme == "http" && !g.Keycloak.URL.local() {
			warn("gate.keycloak.url: http: passwords and the service account's secret cross the network in clear; use https, best with a client certificate")
		}
		if len(g.Open) > 0 {
			warn("gate.open: %s: open beyond the browser's code flow", strings.Join(g.Open, ", "))
		}
		if len(g.PlainClients) > 0 && len(g.ExemptRoles) == 0 {
			warn("gate.plain_clients without gate.exempt_roles: whoever signs in there is held until identified")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Extensions)) {
		if !c.used(name) {
			warn("extensions.%s: no flow uses it", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Sites)) {
		s := c.Sites[name]
		if s.Upstream.Scheme == "http" && !s.Upstream.local() {
			warn("sites.%s.upstream: http: the identity headers cross the network in clear and unsigned; let nobody else reach it", name)
		}
		if s.Session.Absolute > 24*time.Hour {
			warn("sites.%s.session.absolute: longer than a day", name)
		}
	}
	return out
}

func (c *Config) used(extension string) bool {
	if c.Gate == nil {
		return false
	}
	return slices.ContainsFunc(c.Gate.Flows.Login, func(e Entry) bool { return slices.Contains(e.Any, extension) })
}
