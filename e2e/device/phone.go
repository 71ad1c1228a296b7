package device

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Phone is one phone. Base and Key must be set; the rest is filled by its
// methods. It is safe for concurrent use, except that Enrol and RotateKey
// exclude all else.
type Phone struct {
	Base string       // of the Device API (PROTOCOL §3, A)
	HTTP *http.Client // nil: http.DefaultClient without redirects

	ID        string // of the phone; empty before Enrol
	Key       *Key   // the device key
	Biometric *Key   // nil: none
	Next      *Key   // the key of a rotation that may not have happened; nil: none

	Skew  time.Duration // by how much the phone's clock is wrong
	Forge func(*Proof)  // changes a proof before it is signed, for who tries the server; nil: not

	mu    sync.Mutex
	nonce string
	open  string
}

func (p *Phone) client() *http.Client {
	client := http.Client{}
	if p.HTTP != nil {
		client = *p.HTTP
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return errors.New("the server redirects") }
	return &client
}

func (p *Phone) nonceNow() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.nonce
}

func (p *Phone) opened() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open
}

// learn keeps what every answer may renew.
func (p *Phone) learn(h http.Header) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if nonce := h.Get("DPoP-Nonce"); nonce != "" {
		p.nonce = nonce
	}
	if open := h.Get("Schleuse-Opened"); open != "" {
		p.open = open
	}
}

// Lock locks the app: what opened it is thrown away.
func (p *Phone) Lock() { p.setOpened("") }

func (p *Phone) setOpened(token string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = token
}

func (p *Phone) now() int64 { return time.Now().Add(p.Skew).Unix() }

// header is that of everything the phone signs, proofs excepted.
func (p *Phone) header(typ string) map[string]any {
	return map[string]any{"alg": "ES256", "typ": typ, "kid": p.ID}
}

// Order makes the payload of an order (PROTOCOL §5.2), with the nonce of the
// last answer.
func (p *Phone) Order(purpose string, jwk *JWK) map[string]any {
	order := map[string]any{"v": 1, "aud": p.Base, "sub": p.ID, "purpose": purpose, "nonce": p.nonceNow(), "iat": p.now()}
	if jwk != nil {
		order["jwk"] = *jwk
	}
	return order
}

// order signs an order by a key of the phone's, with a nonce that is fresh.
func (p *Phone) order(ctx context.Context, by *Key, purpose string, jwk *JWK) (string, error) {
	if _, err := p.Time(ctx); err != nil {
		return "", fmt.Errorf("asking for a nonce: %w", err)
	}
	return by.Sign(p.header("schleuse-device+jwt"), p.Order(purpose, jwk))
}
