package device

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
)

// Key is a public key on P-256, as x and y of 32 bytes each in base64url: 86
// characters. A Key that is not empty came from ParseJWK or KeyOf and is a
// point of the curve. Keys are compared with ==.
type Key string

// coordinate is the length of x and of y in bytes.
const coordinate = 32

// maxJWK bounds a key's JSON, in bytes.
const maxJWK = 512

// b64 is base64url without padding, and without bits that mean nothing.
var b64 = base64.RawURLEncoding.Strict() //nolint:gochecknoglobals // an encoding, never changed

// decode reads base64url of which each value has one form: without the line
// breaks either that the library skips.
func decode(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, errors.New("a line break in base64url")
	}
	return b64.DecodeString(text)
}

// jwk has the members that RFC 7638 demands for a thumbprint, in its order.
type jwk struct {
	Crv string `json:"crv"`
	Kty string `json:"kty"`
	X   string `json:"x"`
	Y   string `json:"y"`
}

// ParseJWK reads a public key (RFC 7517) with exactly the members kty "EC",
// crv "P-256", x and y: no private part, no other curve, no other member.
func ParseJWK(raw []byte) (Key, error) {
	bad := errors.New("not a public key on P-256")
	var in jwk
	if len(raw) > maxJWK || json.Unmarshal(raw, &in, json.RejectUnknownMembers(true)) != nil || in.Kty != "EC" || in.Crv != "P-256" {
		return "", bad
	}
	x, errX := decode(in.X)
	y, errY := decode(in.Y)
	if errX != nil || errY != nil || len(x) != coordinate || len(y) != coordinate {
		return "", bad
	}
	k := Key(b64.EncodeToString(append(x, y...)))
	if k.Public() == nil {
		return "", bad
	}
	return k, nil
}

// KeyOf returns the Key of a public key, which must be on P-256.
func KeyOf(public *ecdsa.PublicKey) (Key, error) {
	raw, err := public.Bytes()
	if err != nil || public.Curve != elliptic.P256() {
		return "", errors.New("not a public key on P-256")
	}
	return Key(b64.EncodeToString(raw[1:])), nil
}

// Public returns the key to verify with; nil for the zero Key and for one that
// is no point of the curve.
func (k Key) Public() *ecdsa.PublicKey {
	raw, err := decode(string(k))
	if err != nil || len(raw) != 2*coordinate {
		return nil
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append([]byte{4}, raw...))
	if err != nil {
		return nil
	}
	return public
}

// JWK returns the key as RFC 7638 section 3 writes it to be hashed; nil for
// the zero Key.
func (k Key) JWK() []byte {
	raw, err := decode(string(k))
	if err != nil || len(raw) != 2*coordinate {
		return nil
	}
	return fmt.Appendf(nil, `{"crv":"P-256","kty":"EC","x":"%s","y":"%s"}`,
		b64.EncodeToString(raw[:coordinate]), b64.EncodeToString(raw[coordinate:]))
}

// Thumbprint names the key: SHA-256 by RFC 7638, in base64url. The zero Key
// has the empty one.
func (k Key) Thumbprint() string {
	text := k.JWK()
	if text == nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return b64.EncodeToString(sum[:])
}
