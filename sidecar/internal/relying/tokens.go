package relying

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// maxClaims is what is kept of an access token's claims, in bytes of JSON.
const maxClaims = 16 << 10

var errOtherPerson = errors.New("the refreshed tokens are another person's or session's")

// identity is what of an ID token matters.
type identity struct {
	raw      string
	subject  string
	SID      string `json:"sid"`
	AuthTime int64  `json:"auth_time"`
	Username string `json:"preferred_username"`
}

// identityOf verifies the ID token of a token response (OpenID Connect Core
// 1.0 section 3.1.3.7). A response without one has the zero identity.
func identityOf(ctx context.Context, issuer *endpoints, token *oauth2.Token) (identity, *oidc.IDToken, error) {
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return identity{}, nil, nil
	}
	verified, err := issuer.identity.Verify(ctx, raw)
	if err != nil {
		return identity{}, nil, fmt.Errorf("verifying the ID token: %w", err)
	}
	id := identity{raw: raw, subject: verified.Subject}
	if err := verified.Claims(&id); err != nil {
		return identity{}, nil, fmt.Errorf("reading the ID token: %w", err)
	}
	return id, verified, nil
}

// withTokens returns the session with the tokens of a refresh (OpenID Connect
// Core 1.0 section 12.2).
func (rp *Party) withTokens(ctx context.Context, issuer *endpoints, x Session, token *oauth2.Token) (Session, error) {
	id, _, err := identityOf(ctx, issuer, token)
	if err != nil {
		return x, err
	}
	if id.raw != "" {
		if id.subject != x.Subject || id.SID != "" && x.SID != "" && id.SID != x.SID {
			return x, errOtherPerson
		}
		x.IDToken = id.raw
	}
	x.RefreshToken = token.RefreshToken
	return x, rp.setAccess(ctx, issuer, &x, token)
}

// setAccess puts an access token into the session, with its claims when it is
// a JWT of the issuer's.
func (rp *Party) setAccess(ctx context.Context, issuer *endpoints, x *Session, token *oauth2.Token) error {
	claims, err := rp.accessClaims(ctx, issuer, token.AccessToken)
	if err != nil {
		return err
	}
	if sub, ok := claims["sub"].(string); ok && sub != x.Subject {
		return errOtherPerson
	}
	if sid, ok := claims["sid"].(string); ok {
		if x.SID != "" && sid != x.SID {
			return errOtherPerson
		}
		x.SID = sid
	}
	x.AccessToken, x.Claims = token.AccessToken, claims
	if name, ok := claims["preferred_username"].(string); ok {
		x.Username = name
	}
	x.TokenExpires = rp.tokenEnd(claims, token)
	return nil
}

// tokenEnd is when the access token ends by our own clock.
func (rp *Party) tokenEnd(claims map[string]any, token *oauth2.Token) time.Time {
	now := rp.Now()
	if exp, ok := claims["exp"].(float64); ok {
		return time.Unix(int64(exp), 0)
	}
	if token.ExpiresIn > 0 {
		return now.Add(time.Duration(token.ExpiresIn) * time.Second)
	}
	return now.Add(defaultLife)
}

// accessClaims returns the claims of an access token, nil for an opaque one.
func (rp *Party) accessClaims(ctx context.Context, issuer *endpoints, raw string) (map[string]any, error) {
	if strings.Count(raw, ".") != 2 {
		return nil, nil
	}
	verified, err := issuer.access.Verify(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("verifying the access token: %w", err)
	}
	var all json.RawMessage
	if err := verified.Claims(&all); err != nil {
		return nil, fmt.Errorf("reading the access token: %w", err)
	}
	if len(all) > maxClaims {
		return nil, fmt.Errorf("the access token's claims are longer than %d bytes", maxClaims)
	}
	var claims map[string]any
	if err := json.Unmarshal(all, &claims); err != nil {
		return nil, fmt.Errorf("reading the access token: %w", err)
	}
	return claims, nil
}
