package keycloak

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// early is how long before its end a token is renewed: longer than a call may take.
const early = 2 * Deadline

// token is the service account's access token.
type token struct {
	access  string
	subject string // the service account's own id
	ends    time.Time
}

// current returns a token that is good for at least one call. Callers that
// need a new one at the same time share one renewal, which none of them can
// cancel for the others.
func (c *Client) current(ctx context.Context) (*token, error) {
	if t := c.token.Load(); t != nil && c.Now().Before(t.ends.Add(-early)) {
		return t, nil
	}
	result := c.renewal.DoChan("token", func() (any, error) {
		if t := c.token.Load(); t != nil && c.Now().Before(t.ends.Add(-early)) {
			return t, nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), Deadline)
		defer cancel()
		t, err := c.login(ctx)
		if err == nil {
			c.token.Store(t)
		}
		return t, err
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-result:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*token), nil
	}
}

// login asks for a token by client credentials (RFC 6749 section 4.4).
func (c *Client) login(ctx context.Context) (*token, error) {
	secret, err := c.Secret()
	if err != nil {
		return nil, fmt.Errorf("reading the service account's secret: %w", err)
	}
	asked := c.Now()
	ctx, heard := listen(ctx)
	jwt, err := c.api.LoginClient(ctx, c.ClientID, secret, c.Realm)
	if err != nil {
		return nil, fmt.Errorf("signing in as client %s: %w", c.ClientID, heard.explain(err))
	}
	life := time.Duration(jwt.ExpiresIn) * time.Second
	if jwt.AccessToken == "" || life <= 0 {
		return nil, fmt.Errorf("signing in as client %s: %w", c.ClientID, errGarbage)
	}
	subject, err := subjectOf(jwt.AccessToken)
	if err != nil {
		return nil, err
	}
	// A realm with very short tokens gets one renewal per call, not none.
	return &token{access: jwt.AccessToken, subject: subject, ends: asked.Add(max(life, early+time.Second))}, nil
}

// forget drops a token that Keycloak refused, unless another came meanwhile.
func (c *Client) forget(t *token) { c.token.CompareAndSwap(t, nil) }

// subjectOf reads `sub` of our own token. It is no check: the token came from
// Keycloak itself and is only used towards it.
func subjectOf(access string) (string, error) {
	parts := strings.Split(access, ".")
	if len(parts) != 3 {
		return "", fmt.Errorf("reading the own access token: %w", errGarbage)
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", fmt.Errorf("reading the own access token: %w", err)
	}
	var claims struct {
		Subject string `json:"sub"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return "", fmt.Errorf("reading the own access token: %w", err)
	}
	if !plainID(claims.Subject) {
		return "", errors.New(`the service account's token has no "sub": give its client the scope "basic"`)
	}
	return claims.Subject, nil
}
