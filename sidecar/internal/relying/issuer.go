package relying

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
// need, so that the issuer may be down when we start.
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
	access     *oidc.IDTokenVerifier                            // of access tokens, whose audience we are not
	client     *http.Client
}

// issuer returns the discovered issuer.
func (rp *Party) issuer(ctx context.Context) (*endpoints, error) {
	p := &rp.provider
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	if p.err != nil && rp.Now().Sub(p.tried) < issuerRest {
		return nil, p.err
	}
	p.found, p.err = rp.discover(context.WithoutCancel(ctx))
	p.tried = rp.Now()
	return p.found, p.err
}

func (rp *Party) discover(ctx context.Context) (*endpoints, error) {
	client := &http.Client{
		Timeout:   issuerWait,
		Transport: issuer.Transport(rp.issuerTransport(), rp.Now),
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // an issuer's endpoints do not move; secrets must not follow
		},
	}
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, client), rp.Settings.Issuer)
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
	if rp.Settings.ClientSecret == nil {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	identityAt := func(now func() time.Time) *oidc.IDTokenVerifier {
		return found.Verifier(&oidc.Config{ClientID: rp.Settings.ClientID, Now: now})
	}
	return &endpoints{
		endpoint:   endpoint,
		endSession: extra.EndSession,
		issParam:   extra.IssParam,
		identity:   identityAt(rp.Now),
		identityAt: identityAt,
		access:     found.Verifier(&oidc.Config{SkipClientIDCheck: true, Now: rp.Now}),
		client:     client,
	}, nil
}

func (rp *Party) issuerTransport() http.RoundTripper {
	if rp.Issuer != nil {
		return rp.Issuer
	}
	return http.DefaultTransport
}

// oauth returns the client with its present secret.
func (rp *Party) oauth(e *endpoints) (*oauth2.Config, error) {
	c := &oauth2.Config{
		ClientID:    rp.Settings.ClientID,
		Endpoint:    e.endpoint,
		RedirectURL: rp.own("callback"),
		Scopes:      []string{oidc.ScopeOpenID},
	}
	if rp.Settings.ClientSecret == nil {
		return c, nil
	}
	secret, err := rp.Settings.ClientSecret()
	if err != nil {
		return nil, fmt.Errorf("reading the client secret: %w", err)
	}
	c.ClientSecret = secret
	return c, nil
}
