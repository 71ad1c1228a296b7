package visitor

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// App is an OpenID Connect client whose requests are written by hand, so that
// a test may bend each of them.
type App struct {
	Issuer      string // as browsers see it
	ID, Secret  string // an empty Secret is a public client
	RedirectURI string
	HTTP        *http.Client // the back channel
	// Proves makes the DPoP header (RFC 9449) of a call of the token endpoint at
	// this address; nil: the app has no key.
	Proves func(endpoint string) (string, error)
}

// Request is an authorization request under way.
type Request struct {
	URL                    string
	State, Nonce, Verifier string
}

// Tokens is the answer of the token endpoint. Error is set when it refused.
type Tokens struct {
	Status           int    `json:"-"`
	AccessToken      string `json:"access_token"`
	RefreshToken     string `json:"refresh_token"`
	IDToken          string `json:"id_token"`
	Error            string `json:"error"`
	ErrorDescription string `json:"error_description"`
}

func (a App) endpoint(name string) string {
	return a.Issuer + "/protocol/openid-connect/" + name
}

// Begin makes an authorization request with PKCE, state and nonce. Extra
// parameters override; one with an empty value is left out.
func (a App) Begin(extra url.Values) Request {
	request := Request{State: random(), Nonce: random(), Verifier: random()}
	challenge := sha256.Sum256([]byte(request.Verifier))
	query := url.Values{
		"response_type": {"code"}, "client_id": {a.ID}, "redirect_uri": {a.RedirectURI}, "scope": {"openid"},
		"state": {request.State}, "nonce": {request.Nonce},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
	for name, values := range extra {
		if len(values) == 1 && values[0] == "" {
			query.Del(name)
			continue
		}
		query[name] = values
	}
	request.URL = a.endpoint("auth") + "?" + query.Encode()
	return request
}

// Redeem exchanges a code. A refusal is no error: look at Tokens.Error.
func (a App) Redeem(ctx context.Context, code, verifier string) (Tokens, error) {
	return a.Token(ctx, url.Values{
		"grant_type": {"authorization_code"}, "code": {code},
		"redirect_uri": {a.RedirectURI}, "code_verifier": {verifier},
	})
}

// Refresh asks for new tokens with a refresh token.
func (a App) Refresh(ctx context.Context, token string) (Tokens, error) {
	return a.Token(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

// Token sends any form to the token endpoint, with this client's credentials.
func (a App) Token(ctx context.Context, form url.Values) (Tokens, error) {
	var tokens Tokens
	status, err := a.PostJSON(ctx, "token", form, &tokens)
	tokens.Status = status
	return tokens, err
}

// PostJSON sends a form with this client's credentials to an endpoint below
// protocol/openid-connect ("token", "revoke", "ext/par/request" …).
func (a App) PostJSON(ctx context.Context, name string, form url.Values, out any) (status int, err error) {
	form.Set("client_id", a.ID)
	if a.Secret != "" {
		form.Set("client_secret", a.Secret)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, a.endpoint(name), strings.NewReader(form.Encode()))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if a.Proves != nil && name == "token" {
		proof, err := a.Proves(a.endpoint(name))
		if err != nil {
			return 0, err
		}
		request.Header.Set("DPoP", proof)
	}
	response, err := a.HTTP.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, bodyLimit))
	if err != nil {
		return response.StatusCode, err
	}
	if out == nil || len(body) == 0 {
		return response.StatusCode, nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return response.StatusCode, fmt.Errorf("%s answered %d with no JSON: %w", name, response.StatusCode, err)
	}
	return response.StatusCode, nil
}

// Claims reads a JWT's payload without checking its signature.
func Claims(jwt string) (map[string]any, error) {
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		return nil, fmt.Errorf("want a JWT of three parts, got %d", len(parts))
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, err
	}
	var claims map[string]any
	return claims, json.Unmarshal(payload, &claims)
}

func random() string { return rand.Text() + rand.Text() }
