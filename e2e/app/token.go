package app

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

// verifier checks access tokens: signature, issuer, end, and that they are for
// the insurer's APIs. The keys are fetched when the first token comes.
func (b *backend) verifier() *oidc.IDTokenVerifier {
	ctx := oidc.ClientContext(context.Background(), b.HTTP)
	keys := oidc.NewRemoteKeySet(ctx, b.Issuer+"/protocol/openid-connect/certs")
	return oidc.NewVerifier(b.Issuer, keys, &oidc.Config{ClientID: Audience, Now: b.Now})
}

// errToken says that a token is missing or not good here.
var errToken = errors.New("no access token of the app, or no proof of its key")

// person returns whose token it is: `sub`, the account's id in the realm. The
// token must be bound to the phone's key and come with a proof of it (RFC 9449
// section 7): who copies a token gets nothing by it.
func (b *backend) person(r *http.Request) (string, error) {
	scheme, raw, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "DPoP") {
		return "", errToken
	}
	token, err := b.tokens.Verify(r.Context(), raw)
	if err != nil {
		return "", errToken
	}
	var claims struct {
		Party string `json:"azp"`
		Bound struct {
			Key string `json:"jkt"`
		} `json:"cnf"`
	}
	if err := token.Claims(&claims); err != nil || claims.Party != Client {
		return "", errToken
	}
	if key, err := b.proven(r, raw); err != nil || key != claims.Bound.Key {
		return "", errToken
	}
	return token.Subject, nil
}

// proofLife is how far the time of a proof may be from ours. The app asks
// Schleuse for the time.
const proofLife = time.Minute

// proofClaims is what a proof says (RFC 9449 section 4.2).
type proofClaims struct {
	ID      string `json:"jti"`
	Method  string `json:"htm"`
	URL     string `json:"htu"`
	Token   string `json:"ath"`
	Seconds int64  `json:"iat"`
}

// proven returns the thumbprint of the key that the request's proof is by.
func (b *backend) proven(r *http.Request, token string) (string, error) {
	headers := r.Header.Values("DPoP")
	if len(headers) != 1 {
		return "", errToken
	}
	signed, err := jose.ParseSignedCompact(headers[0], []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return "", errToken
	}
	header := signed.Signatures[0].Protected
	key := header.JSONWebKey
	if key == nil || !key.IsPublic() || header.ExtraHeaders[jose.HeaderType] != "dpop+jwt" {
		return "", errToken
	}
	payload, err := signed.Verify(key)
	if err != nil {
		return "", errToken
	}
	var claims proofClaims
	if err := json.Unmarshal(payload, &claims); err != nil || !b.fits(claims, r, token) || !b.proofs.take(claims.ID, b.Now()) {
		return "", errToken
	}
	thumb, err := key.Thumbprint(crypto.SHA256)
	return base64.RawURLEncoding.EncodeToString(thumb), err
}

// fits reports whether a proof is about this call, with this token, and new.
func (b *backend) fits(claims proofClaims, r *http.Request, token string) bool {
	hash := sha256.Sum256([]byte(token))
	age := b.Now().Sub(time.Unix(claims.Seconds, 0)).Abs()
	return claims.Method == r.Method && claims.URL == b.URL+r.URL.Path && age <= proofLife &&
		claims.Token == base64.RawURLEncoding.EncodeToString(hash[:])
}

// proofLimit is how many proofs are remembered; more within two minutes are
// refused.
const proofLimit = 10_000

// proofs remembers the proofs that were taken, so that none is taken twice.
type proofs struct {
	mu    sync.Mutex
	taken map[string]time.Time
}

func (p *proofs) take(id string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for old, at := range p.taken {
		if now.Sub(at) > 2*proofLife {
			delete(p.taken, old)
		}
	}
	if _, known := p.taken[id]; known || id == "" || len(id) > 64 || len(p.taken) >= proofLimit {
		return false
	}
	p.taken[id] = now
	return true
}
