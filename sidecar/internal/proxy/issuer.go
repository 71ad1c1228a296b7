package proxy

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/schleuse/schleuse/sidecar/internal/issuer"
)

// Limits of calls to the issuer, beside those of its answers.
const (
	issuerWait = 8 * time.Second // per call, connection included
	issuerRest = time.Second     // least time after a failed discovery
)

// provider is what discovery told of the issuer. Discovery happens at first
// need, so that the issuer may be down when the site starts.
type provider struct {
	mu    sync.Mutex
	found *endpoints
	err   error
	tried time.Time
}

// endpoints is a discovered issuer.
type endpoints struct {
	endpoint   oauth2.Endpoint
	endSession string
	issParam   bool                                             // authorization_response_iss_parameter_supported, RFC 9207
	identity   *oidc.IDTokenVerifier                            // of ID tokens
	identityAt func(now func() time.Time) *oidc.IDTokenVerifier // likewise, of log-out tokens
	access     *oidc.IDTokenVerifier                            // of access tokens, whose audience is not the site
	client     *http.Client
}

// issuer returns the discovered issuer.
func (s *Site) issuer(ctx context.Context) (*endpoints, error) {
	p := &s.provider
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	if p.err != nil && s.Now().Sub(p.tried) < issuerRest {
		return nil, p.err
	}
	p.found, p.err = s.discover(context.WithoutCancel(ctx))
	p.tried = s.Now()
	return p.found, p.err
}

func (s *Site) discover(ctx context.Context) (*endpoints, error) {
	client := &http.Client{
		Timeout:   issuerWait,
		Transport: issuer.Transport(s.issuerTransport(), s.Now),
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // an issuer's endpoints do not move; secrets must not follow
		},
	}
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, client), s.Settings.Issuer)
	if err != nil {
		return nil, fmt.Errorf("discovering the issuer: %w", err)
	}
	var extra struct {
		EndSession string `json:"end_session_endpoint"`
		IssParam   bool   `json:"authorization_response_iss_parameter_supported"`
	}
	if err := found.Claims(&extra); err != nil {
		return nil, fmt.Errorf("reading the issuer's metadata: %w", err)
	}
	endpoint := found.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if s.Settings.ClientSecret == nil {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	identityAt := func(now func() time.Time) *oidc.IDTokenVerifier {
		return found.Verifier(&oidc.Config{ClientID: s.Settings.ClientID, Now: now})
	}
	return &endpoints{
		endpoint:   endpoint,
		endSession: extra.EndSession,
		issParam:   extra.IssParam,
		identity:   identityAt(s.Now),
		identityAt: identityAt,
		access:     found.Verifier(&oidc.Config{SkipClientIDCheck: true, Now: s.Now}),
		client:     client,
	}, nil
}

func (s *Site) issuerTransport() http.RoundTripper {
	if s.Issuer != nil {
		return s.Issuer
	}
	return http.DefaultTransport
}

// oauth returns the site's client with its present secret.
func (s *Site) oauth(e *endpoints) (*oauth2.Config, error) {
	c := &oauth2.Config{
		ClientID:    s.Settings.ClientID,
		Endpoint:    e.endpoint,
		RedirectURL: s.self("/schleuse/callback"),
		Scopes:      []string{oidc.ScopeOpenID},
	}
	if s.Settings.ClientSecret == nil {
		return c, nil
	}
	secret, err := s.Settings.ClientSecret()
	if err != nil {
		return nil, fmt.Errorf("reading the client secret: %w", err)
	}
	c.ClientSecret = secret
	return c, nil
}

// self returns the absolute URL of a path of this site. It begins with the
// site's own origin whatever the path is: no redirect leaves the site.
func (s *Site) self(path string) string { return origin(s.Settings.PublicURL) + path }
