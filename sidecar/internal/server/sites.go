package server

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/schleuse/schleuse/sidecar/internal/config"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
	"github.com/schleuse/schleuse/sidecar/internal/proxy"
	"github.com/schleuse/schleuse/sidecar/internal/secretfile"
)

func (h *house) openSites(context.Context) error {
	metrics := proxy.NewMetrics(h.metrics)
	for _, name := range slices.Sorted(maps.Keys(h.Config.Sites)) {
		site, err := h.site(name, h.Config.Sites[name], metrics)
		if err != nil {
			return fmt.Errorf("sites.%s: %w", name, err)
		}
		h.sites = append(h.sites, site)
	}
	return nil
}

func (h *house) site(name string, c config.Site, metrics *proxy.Metrics) (*proxy.Site, error) {
	headers, err := proxy.ParseHeaders(c.Headers)
	if err != nil {
		return nil, err
	}
	s := &proxy.Site{
		Settings: proxy.Settings{
			Name: name, PublicURL: c.PublicURL.Pointer(), Upstream: c.Upstream.Pointer(),
			Issuer: c.Issuer.String(), ClientID: c.Client.ID, ClientSecret: secretfile.Open(c.Client.SecretFile),
			Idle: c.Session.Idle, Absolute: c.Session.Absolute,
			Headers: headers, TrustedProxies: h.Config.TrustedProxies,
		},
		Sessions: h.store.Sessions(),
		Pages:    h.pages,
		Ring:     seals{h.ring},
		Issuer:   http.DefaultTransport,
		Log:      h.Log.With("site", name),
		Now:      h.Now,
		Metrics:  metrics,
	}
	if c.Issuer.IsZero() {
		g := h.Config.Gate
		s.Settings.Issuer = g.Issuer()
		if g.Mode != config.Observe { // then the gate reports, and the site holds nobody either
			s.Clearance = h.keycloak.Clearance
		}
		s.Issuer = h.inner.transport(g.PublicURL.Host, http.DefaultTransport)
	}
	return s, s.Settings.Validate()
}

// seals hands out the ring's key for what browsers keep.
type seals struct{ ring *keyring.Ring }

// Seal seals under the purpose `cookie`.
func (s seals) Seal(plain, aad []byte) []byte { return s.ring.Seal(keyring.Cookie, plain, aad) }

// Open opens what Seal sealed with the same aad.
func (s seals) Open(sealed, aad []byte) ([]byte, error) {
	return s.ring.Open(keyring.Cookie, sealed, aad)
}
