package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Limits of calls to the issuer.
const (
	issuerWait    = 8 * time.Second // per call, connection included
	issuerMaxBody = 256 << 10       // bytes of an answer
	issuerRest    = time.Second     // least time between two fetches of one document, and after a failed discovery
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
		Transport: &calm{next: limited{s.issuerTransport()}, now: s.Now},
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

// limited bounds the bodies of answers, also of compressed ones.
type limited struct{ next http.RoundTripper }

func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &limitedBody{io.LimitedReader{R: resp.Body, N: issuerMaxBody + 1}, resp.Body}
	return resp, nil
}

type limitedBody struct {
	io.LimitedReader
	io.Closer
}

func (b *limitedBody) Read(p []byte) (int, error) {
	n, err := b.LimitedReader.Read(p)
	if b.N <= 0 {
		return n, errors.New("the issuer's answer is too large")
	}
	return n, err
}

// calm gives a GET that was answered less than issuerRest ago the same answer
// again. Forged tokens with ever new key ids would otherwise make us fetch the
// issuer's keys for each of them.
type calm struct {
	next http.RoundTripper
	now  func() time.Time

	mu   sync.Mutex
	url  string
	at   time.Time
	resp *http.Response // without a body
	body []byte
}

func (c *calm) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet {
		return c.next.RoundTrip(r)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.resp == nil || c.url != r.URL.String() || c.now().Sub(c.at) >= issuerRest {
		if err := c.fetch(r); err != nil {
			return nil, err
		}
	}
	resp := *c.resp
	resp.Header, resp.Request = c.resp.Header.Clone(), r
	resp.Body = io.NopCloser(bytes.NewReader(c.body))
	return &resp, nil
}

func (c *calm) fetch(r *http.Request) error {
	resp, err := c.next.RoundTrip(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	c.url, c.at, c.resp, c.body = r.URL.String(), c.now(), resp, body
	return nil
}
