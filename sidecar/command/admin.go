package command

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/schleuse/schleuse/sidecar/internal/config"
	"github.com/schleuse/schleuse/sidecar/internal/keycloak"
	"github.com/schleuse/schleuse/sidecar/internal/secretfile"
)

func transport(t config.ClientTLS) (*http.Transport, error) {
	return keycloak.Transport(keycloak.TLS{CAFile: t.CAFile, CertFile: t.CertFile, KeyFile: t.KeyFile})
}

// upstream is Keycloak's own address with the relative path.
func upstream(g *config.Gate) *url.URL {
	u := g.Keycloak.URL.Pointer()
	u.Path = g.RelativePath()
	return u
}

// keycloak is the Admin API as the gate uses it. What is returned beside it
// closes its connections.
func (p program) keycloak(cfg *config.Config) (*keycloak.Client, func(), error) {
	g := cfg.Gate
	rt, err := transport(g.Keycloak.TLS)
	if err != nil {
		return nil, nil, err
	}
	return &keycloak.Client{
		URL: upstream(g), Realm: g.Keycloak.Realm, ClientID: g.Keycloak.Client, Secret: secretfile.Open(g.Keycloak.SecretFile),
		Role: g.IdentifiedRole, Exempt: g.ExemptRoles, HTTP: rt, Now: p.now,
	}, rt.CloseIdleConnections, nil
}

// checkAdmin asks the Admin API as the gate does.
func (p program) checkAdmin(ctx context.Context, cfg *config.Config) error {
	client, done, err := p.keycloak(cfg)
	if err != nil {
		return err
	}
	defer done()
	return client.Ping(ctx)
}

// checkIssuer compares the `iss` that Keycloak puts into tokens with the
// gate's public URL: where they differ, every client refuses every token.
func (p program) checkIssuer(ctx context.Context, cfg *config.Config) error {
	rt, err := transport(cfg.Gate.Keycloak.TLS)
	if err != nil {
		return err
	}
	defer rt.CloseIdleConnections()
	place := upstream(cfg.Gate).JoinPath("realms", cfg.Gate.Keycloak.Realm, ".well-known", "openid-configuration")
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, place.String(), nil)
	if err != nil {
		return err
	}
	response, err := rt.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var discovery struct {
		Issuer string `json:"issuer"`
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %d: wrong address, relative path or realm", place, response.StatusCode)
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&discovery); err != nil {
		return fmt.Errorf("reading %s: %w", place, err)
	}
	if want := cfg.Gate.Issuer(); discovery.Issuer != want {
		return fmt.Errorf("tokens would say %s, gate.public_url means %s: start Keycloak with --hostname=%s",
			discovery.Issuer, want, cfg.Gate.PublicURL)
	}
	return nil
}
