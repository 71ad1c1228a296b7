package apns

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/schleuse/schleuse/sidecar/extension"
)

// Apple takes a provider token for an hour, and wants none more often than every
// 20 minutes (Establishing a token-based connection to APNs).
const (
	leastAge = 20 * time.Minute
	mostAge  = 50 * time.Minute
)

// provider keeps the provider token. It is safe for concurrent use.
type provider struct {
	config Config
	now    func() time.Time

	mu    sync.Mutex
	token string
	made  time.Time
}

// get returns a provider token other than spent, unless that is too young to
// be replaced: then it is returned again.
func (p *provider) get(spent string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	age := p.now().Sub(p.made)
	if p.token != "" && age < mostAge && (p.token != spent || age < leastAge) {
		return p.token, nil
	}
	key, err := readKey(p.config.KeyFile)
	if err != nil {
		return "", err
	}
	now := p.now()
	token, err := sign(key, p.config, now)
	if err != nil {
		return "", err
	}
	p.token, p.made = token, now
	return token, nil
}

func sign(key *ecdsa.PrivateKey, c Config, now time.Time) (string, error) {
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.ES256, Key: key},
		(&jose.SignerOptions{}).WithHeader("kid", c.KeyID))
	if err != nil {
		return "", fmt.Errorf("preparing the provider token: %w", err)
	}
	token, err := jwt.Signed(signer).Claims(map[string]any{"iss": c.TeamID, "iat": now.Unix()}).Serialize()
	if err != nil {
		return "", fmt.Errorf("signing the provider token: %w", err)
	}
	return token, nil
}

// readKey reads the key. Its errors hold nothing of it.
func readKey(file string) (*ecdsa.PrivateKey, error) {
	raw, err := extension.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the key for APNs: %w", err)
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, fmt.Errorf("%s is no PEM", file)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(*ecdsa.PrivateKey)
	if err != nil || !ok || key.Curve != elliptic.P256() {
		return nil, fmt.Errorf("%s is no key of P-256 (PKCS #8)", file)
	}
	return key, nil
}
