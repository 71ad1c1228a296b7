package server

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/schleuse/schleuse/sidecar/internal/mine"
	"github.com/schleuse/schleuse/sidecar/internal/relying"
	"github.com/schleuse/schleuse/sidecar/internal/secretfile"
)

// openMine opens the pages for people's own phones, where they are configured.
func (h *house) openMine(context.Context) error {
	if h.Config.Devices == nil || h.Config.Devices.Page == nil {
		return nil
	}
	g, own := h.Config.Gate, h.Config.Devices.Page.Client
	settings := mine.Client()
	settings.PublicURL = g.PublicURL.Pointer()
	settings.PublicURL.Path = "" // not Keycloak's relative path
	settings.Issuer, settings.ClientID, settings.ClientSecret = g.Issuer(), own.ID, secretfile.Open(own.SecretFile)
	if err := settings.Validate(); err != nil {
		return fmt.Errorf("devices.page: %w", err)
	}
	log := h.Log.With("site", mine.Name)
	h.mine = &mine.Face{
		Party: &relying.Party{
			Settings: settings, Sessions: h.store.Sessions(), Pages: h.pages, Ring: seals{h.ring},
			Issuer: h.inner.transport(g.PublicURL.Host, http.DefaultTransport), Log: log, Now: h.Now, Meter: mine.NewMetrics(h.metrics),
		},
		Devices: h.phones.devices, Approvals: h.phones.approvals, Accounts: h.keycloak, Pages: h.pages, Ring: seals{h.ring},
		App: h.app(), Brief: g.Stepup != nil && !slices.Contains(g.Stepup.Clients, own.ID), Recovery: g.Flows.Recovery != nil, TrustedProxies: h.Config.TrustedProxies, Log: log, Now: h.Now,
	}
	return nil
}

// app is the page of the first app that registers phones and has one.
func (h *house) app() string {
	starts := h.Config.Starts()
	for _, client := range h.Config.Devices.Clients {
		if u, err := url.Parse(starts[client]); err == nil && (u.Scheme == "https" || u.Scheme == "http") {
			return starts[client]
		}
	}
	return ""
}

// starts are the pages where each client begins anew.
func (h *house) starts() map[string]string {
	starts := h.Config.Starts()
	if d := h.Config.Devices; d != nil && d.Page != nil {
		starts[d.Page.Client.ID] = h.ownURL(mine.Home)
	}
	return starts
}
