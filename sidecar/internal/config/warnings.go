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
	var out warnings
	if c.Gate != nil {
		out.gate(c.Gate)
	}
	if c.Devices != nil && !c.tells() {
		out.add("notifiers: none: nobody is told that a phone was registered, unlocked, locked or blocked in their name; configure at least one channel")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Extensions)) {
		if !c.used(name) {
			out.add("extensions.%s: no flow uses it", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Sites)) {
		out.site(name, c.Sites[name])
	}
	return out
}

// tells reports whether any channel reaches people otherwise than by waking the
// very phones that the notices are about.
func (c *Config) tells() bool {
	return slices.ContainsFunc(c.Notifiers, func(n Notifier) bool { return !slices.Contains([]string{"apns", "fcm", "webhook"}, n.Kind) })
}

type warnings []string

func (w *warnings) add(format string, args ...any) { *w = append(*w, fmt.Sprintf(format, args...)) }

func (w *warnings) gate(g *Gate) {
	if g.Mode == Observe {
		w.add("gate.mode: observe: NOBODY IS HELD; what would be refused is only reported. Set enforce as soon as the reports are clean")
	}
	if g.Keycloak.URL.Scheme == "http" && !g.Keycloak.URL.local() {
		w.add("gate.keycloak.url: http: passwords and the service account's secret cross the network in clear; use https, best with a client certificate")
	}
	if len(g.Open) > 0 {
		w.add("gate.open: %s: open beyond the browser's code flow", strings.Join(g.Open, ", "))
	}
	if len(g.ExemptRoles) == 0 && (len(g.PlainClients) > 0 || g.StaffEntry) {
		w.add("gate.exempt_roles: nobody is exempt, so staff and partners are held until identified, too")
	}
}

func (w *warnings) site(name string, s Site) {
	if s.Upstream.Scheme == "http" && !s.Upstream.local() {
		w.add("sites.%s.upstream: http: the identity headers cross the network in clear and unsigned; let nobody else reach it", name)
	}
	if s.Session.Absolute > 24*time.Hour {
		w.add("sites.%s.session.absolute: longer than a day", name)
	}
}

func (c *Config) used(extension string) bool {
	if c.Gate == nil {
		return false
	}
	return slices.ContainsFunc(c.Gate.Flows.all(), func(f namedFlow) bool {
		return slices.ContainsFunc(f.entries, func(e Entry) bool { return slices.Contains(e.Any, extension) })
	})
}
