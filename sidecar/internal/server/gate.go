package server

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/config"
	"github.com/schleuse/schleuse/sidecar/internal/gate"
	"github.com/schleuse/schleuse/sidecar/internal/keycloak"
	"github.com/schleuse/schleuse/sidecar/internal/secretfile"
)

func (h *house) openKeycloak(context.Context) error {
	g := h.Config.Gate
	if g == nil {
		return nil
	}
	transport, err := keycloak.Transport(keycloak.TLS(g.Keycloak.TLS))
	if err != nil {
		return err
	}
	h.keycloak = &keycloak.Client{
		URL:      h.keycloakURL(g.RelativePath()),
		Realm:    g.Keycloak.Realm,
		ClientID: g.Keycloak.Client,
		Secret:   secretfile.Open(g.Keycloak.SecretFile),
		Role:     g.IdentifiedRole,
		Exempt:   g.ExemptRoles,
		HTTP:     transport,
		Now:      h.Now,
		Log:      h.Log,
	}
	return nil
}

func (h *house) keycloakURL(path string) *url.URL {
	u := h.Config.Gate.Keycloak.URL.Pointer()
	u.Path = path
	return u
}

func (h *house) openGate(context.Context) error {
	g := h.Config.Gate
	if g == nil {
		return nil
	}
	engine, err := h.engine(g)
	if err != nil {
		return err
	}
	public := map[string]http.Handler{}
	for _, x := range h.extensions {
		if x.Public != nil {
			public[x.name] = x.Public
		}
	}
	h.gate = &gate.Gate{
		Settings: h.gateSettings(),
		Engine:   engine,
		Accounts: h.keycloak,
		Codes:    h.store.Codes(),
		Logins:   h.store.Logins(),
		Actions:  h.store.Actions(),
		Changes:  h.store.Records("gate.changes"),
		Deeds:    h.store.Outbox("gate.deeds"),
		Notify:   &h.notices,
		Permits:  h.permits(),
		Pages:    h.pages,
		Seals:    seals{h.ring},
		Audit:    h.store.Audit(),
		Log:      h.Log,
		Now:      h.Now,
		Metrics:  gate.NewMetrics(h.metrics),
		Public:   public,
	}
	face, err := h.gate.Handler()
	if err != nil {
		return err
	}
	h.gateFace, h.returned = face, face.Return
	return nil
}

// engine builds the flows, each with the review of authenticators as its end.
func (h *house) engine(g *config.Gate) (*flow.Engine, error) {
	plans, err := h.Config.Plans(StandIn(h.Factories))
	if err != nil {
		return nil, err
	}
	for name, plan := range plans {
		if name.OfSession() {
			continue // who it is about is identified already: there is nothing new to review
		}
		plan.After = append(plan.After, flow.Authenticators)
		plans[name] = plan
	}
	steps := chambers(h.extensions)
	steps[flow.Authenticators] = flow.Chamber{
		Name: flow.Authenticators, Kind: string(flow.Authenticators),
		Step: &gate.Review{Accounts: h.keycloak, Audit: h.store.Audit(), Since: g.Since.Time},
	}
	engine := &flow.Engine{Plans: plans, Chambers: steps, Attempts: h.store.Attempts(g.AttemptsPerAddress), Now: h.Now, Log: h.Log}
	if err := engine.Validate(); err != nil {
		return nil, fmt.Errorf("gate.flows: %w", err)
	}
	return engine, nil
}

// StandIn says where steps of a kind may stand, for config.Plans.
func StandIn(factories []extension.Factory) func(kind string) (config.Stand, bool) {
	return func(kind string) (config.Stand, bool) {
		f, err := find(factories, kind)
		return config.Stand{Place: f.Place, Flows: f.Flows}, err == nil
	}
}

// stepupFor is who wants the second factor. Whoever has lost the phone blocks it
// on the pages for people's own phones: so these do not want it unless they are named.
func stepupFor(c *config.Config) gate.StepupFor {
	s := c.Gate.Stepup
	if s == nil {
		return gate.StepupFor{}
	}
	out := gate.StepupFor{Always: s.Always, Clients: s.Clients}
	if c.Devices != nil && c.Devices.Page != nil {
		out.Except = []string{c.Devices.Page.Client.ID}
	}
	return out
}

func (h *house) gateSettings() gate.Settings {
	g := h.Config.Gate
	return gate.Settings{
		PublicURL:      g.PublicURL.Pointer(),
		Realm:          g.Keycloak.Realm,
		Upstream:       h.keycloakURL(""),
		Transport:      h.keycloak.HTTP,
		PlainClients:   g.PlainClients,
		Enrolling:      h.enrolling(),
		Stepup:         stepupFor(h.Config),
		Start:          h.starts(),
		Since:          g.Since.Time,
		Observe:        g.Mode == config.Observe,
		StaffEntry:     g.StaffEntry,
		Open:           g.Open,
		Grants:         g.Grants,
		TrustedProxies: h.Config.TrustedProxies,
	}
}
