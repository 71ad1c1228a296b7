package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/issuer"
)

// Bounds of bearer tokens.
const (
	maxToken  = 8 << 10 // characters
	tokenSkew = 10 * time.Second
	keysWait  = 5 * time.Second // for the issuer's keys, connection included
)

// Token is what a verified access token of the realm says.
type Token struct {
	Subject account.ID
	Client  string      // azp: who got it
	Session account.SID // empty for a client's own token
	Roles   []string    // of the realm
	Expires time.Time
	// Thumbprint is of the key that the token is bound to (`cnf.jkt`, RFC 9449
	// section 6); empty: not bound.
	Thumbprint string
}

// Bearer verifies access tokens of the realm (RFC 6750, RFC 9068 as far as
// Keycloak goes with it). Every field must be set, Role and Bound excepted.
type Bearer struct {
	Issuer   string // exactly as in `iss`
	Audience string // must be in `aud`
	Role     string // realm role that the token must carry; empty: none
	// Bound admits tokens that are bound to a key. Whoever sets it compares
	// Thumbprint with the key that the request proves.
	Bound bool
	Keys  oidc.KeySet // see RemoteKeys
	Now   func() time.Time
}

// RemoteKeys returns the keys that an issuer publishes at this address. They
// are fetched at the first need, and again for a key id that is not known, at
// most once a second.
func RemoteKeys(address string, transport http.RoundTripper, now func() time.Time) oidc.KeySet {
	client := &http.Client{
		Timeout:       keysWait,
		Transport:     fetched{issuer.Transport(transport, now)},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return oidc.NewRemoteKeySet(oidc.ClientContext(context.Background(), client), address)
}

// errNoKeys says that the issuer's keys could not be had: nothing is known
// about the token.
var errNoKeys = errors.New("the issuer's keys cannot be fetched")

// fetched makes an error of every answer that is not the keys.
type fetched struct{ next http.RoundTripper }

func (f fetched) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := f.next.RoundTrip(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoKeys, err)
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("%w: status %d", errNoKeys, resp.StatusCode)
	}
	return resp, nil
}

// claims are those that are read of an access token.
type claims struct {
	Type      string `json:"typ"`
	Client    string `json:"azp"`
	Session   string `json:"sid"`
	NotBefore int64  `json:"nbf"`
	Confirm   *struct {
		Thumbprint string `json:"jkt"`
	} `json:"cnf"`
	Realm struct {
		Roles []string `json:"roles"`
	} `json:"realm_access"`
}

// Token returns the token that a request carries. Its errors are answers: 401
// for none and for a bad one, 403 without the role, 503 while the issuer's
// keys cannot be had.
func (b *Bearer) Token(r *http.Request) (Token, error) {
	raw, err := carried(r)
	if err != nil {
		return Token{}, err
	}
	return b.Verify(r.Context(), raw)
}

// carried returns the one bearer token of the header; nothing else counts
// (RFC 6750 section 2.1).
func carried(r *http.Request) (string, error) {
	values := r.Header.Values("Authorization")
	if len(values) == 0 {
		return "", challenge(fault.Unauthenticated, "unauthenticated", `Bearer realm="schleuse"`, nil)
	}
	scheme, raw, ok := strings.Cut(values[0], " ")
	if len(values) > 1 || !ok || !strings.EqualFold(scheme, "Bearer") || len(raw) > maxToken {
		return "", invalid(errors.New("no bearer token alone"))
	}
	return raw, nil
}

// Verify is Token for a token that was taken out of its header.
func (b *Bearer) Verify(ctx context.Context, raw string) (Token, error) {
	keys := &asked{KeySet: b.Keys}
	verified, err := b.verifier(keys).Verify(ctx, raw)
	switch {
	case errors.Is(keys.err, errNoKeys) || ctx.Err() != nil:
		return Token{}, fault.New(fault.Unavailable, "unavailable", err)
	case err != nil:
		return Token{}, invalid(err)
	}
	var c claims
	if err := verified.Claims(&c); err != nil {
		return Token{}, invalid(err)
	}
	if err := b.judge(verified, c); err != nil {
		return Token{}, invalid(err)
	}
	if b.Role != "" && !slices.Contains(c.Realm.Roles, b.Role) {
		return Token{}, challenge(fault.Forbidden, "forbidden", `Bearer realm="schleuse", error="insufficient_scope"`, nil)
	}
	t := Token{
		Subject: account.ID(verified.Subject), Client: c.Client, Session: account.SID(c.Session),
		Roles: c.Realm.Roles, Expires: verified.Expiry,
	}
	if c.Confirm != nil {
		t.Thumbprint = c.Confirm.Thumbprint
	}
	return t, nil
}

// asked remembers why a signature was not verified: go-oidc tells no causes.
type asked struct {
	oidc.KeySet
	err error
}

// VerifySignature implements oidc.KeySet.
func (a *asked) VerifySignature(ctx context.Context, jwt string) (payload []byte, err error) {
	payload, a.err = a.KeySet.VerifySignature(ctx, jwt)
	return payload, a.err
}

func (b *Bearer) verifier(keys oidc.KeySet) *oidc.IDTokenVerifier {
	return oidc.NewVerifier(b.Issuer, keys, &oidc.Config{
		ClientID:             b.Audience,
		SupportedSigningAlgs: []string{oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.RS256, oidc.RS384, oidc.RS512, oidc.EdDSA},
		SkipExpiryCheck:      true, // judged with a skew
		Now:                  b.Now,
	})
}

// judge checks what go-oidc does not. Keycloak says in `typ` what a token is:
// an ID or refresh token is no access token, though the same keys sign it. An
// access token is Bearer, and may be DPoP where it is bound to a key.
func (b *Bearer) judge(t *oidc.IDToken, c claims) error {
	now := b.Now()
	switch {
	case c.Type != "Bearer" && (c.Type != "DPoP" || c.Confirm == nil):
		return errors.New("no access token")
	case t.Subject == "" || c.Client == "":
		return errors.New("no sub or azp")
	case !now.Before(t.Expiry.Add(tokenSkew)):
		return errors.New("expired")
	case now.Add(tokenSkew).Before(time.Unix(c.NotBefore, 0)):
		return errors.New("not valid yet")
	case c.Confirm != nil && (!b.Bound || c.Confirm.Thumbprint == ""):
		return errors.New("bound to a key that this request does not prove")
	}
	return nil
}

func invalid(cause error) error {
	return challenge(fault.Unauthenticated, "unauthenticated", `Bearer realm="schleuse", error="invalid_token"`, cause)
}

func challenge(kind fault.Kind, name, header string, cause error) error {
	refusal := Refuse(kind, name, cause)
	refusal.Header = http.Header{"Www-Authenticate": {header}}
	return refusal
}
