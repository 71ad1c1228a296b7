package relyingtest

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"time"
)

func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	id, secret, ok := r.BasicAuth()
	if err := r.ParseForm(); err != nil || !ok || id != i.ClientID {
		write(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	}
	i.mu.Lock()
	i.grants[r.PostForm.Get("grant_type")]++
	gate, want := i.RefreshGate, i.ClientSecret
	i.mu.Unlock()
	// A secret travels form-encoded (RFC 6749 section 2.3.1); blanks as "+".
	if secret != want && secret != "of+the+webcenter" {
		write(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	}
	switch r.PostForm.Get("grant_type") {
	case "authorization_code":
		i.byCode(w, r)
	case "refresh_token":
		if gate != nil {
			select {
			case <-gate:
			case <-r.Context().Done():
				return
			}
		}
		i.byRefresh(w, r)
	default:
		write(w, http.StatusBadRequest, map[string]string{"error": "unsupported_grant_type"})
	}
}

func (i *Issuer) byCode(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	code := r.PostForm.Get("code")
	g, ok := i.codes[code]
	delete(i.codes, code)
	sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	if !ok || base64.RawURLEncoding.EncodeToString(sum[:]) != g.challenge || r.PostForm.Get("redirect_uri") != g.redirect {
		write(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
		return
	}
	nonce := g.nonce
	if i.BadNonce {
		nonce = "another"
	}
	i.tokens(w, g.Person, nonce)
}

func (i *Issuer) byRefresh(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.RefreshError != "" {
		write(w, http.StatusBadRequest, map[string]string{"error": i.RefreshError})
		return
	}
	old := r.PostForm.Get("refresh_token")
	p, ok := i.refresh[old]
	if !ok {
		write(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
		return
	}
	if i.Rotate {
		delete(i.refresh, old)
	}
	i.tokens(w, p, "")
}

// tokens answers with tokens. The lock is held.
func (i *Issuer) tokens(w http.ResponseWriter, p Person, nonce string) {
	life := i.Life
	if life == 0 {
		life = 5 * time.Minute
	}
	now := i.Now()
	access := map[string]any{
		"iss": i.URL, "sub": p.Subject, "sid": p.SID, "preferred_username": p.Username, "typ": "Bearer",
		"azp": i.ClientID, "iat": now.Unix(), "exp": now.Add(life).Unix(), "jti": random(),
	}
	maps.Copy(access, p.Claims)
	id := map[string]any{
		"iss": i.URL, "sub": p.Subject, "sid": p.SID, "aud": i.ClientID, "iat": now.Unix(),
		"exp": now.Add(life).Unix(), "auth_time": now.Add(-i.Age).Unix(), "jti": random(),
	}
	if i.NoAuthTime {
		delete(id, "auth_time")
	}
	if nonce != "" {
		id["nonce"] = nonce
	}
	refresh := random()
	i.refresh[refresh] = p
	accessToken := i.Sign("JWT", access)
	if i.Opaque {
		accessToken = random()
	}
	write(w, http.StatusOK, map[string]any{
		"access_token": accessToken, "id_token": i.Sign("JWT", id), "refresh_token": refresh,
		"token_type": "Bearer", "expires_in": int(life.Seconds()),
	})
}
