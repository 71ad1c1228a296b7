package device

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// coordinate is the length of one coordinate and of one half of a signature.
const coordinate = 32

// B64u is base64url without padding (PROTOCOL §3).
func B64u(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

// Digest is B64u of the SHA-256.
func Digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return B64u(sum[:])
}

// JWK is a key on P-256 (PROTOCOL §3). D is set only in files of the phone.
type JWK struct {
	KID string `json:"kid,omitempty"`
	KTY string `json:"kty"`
	CRV string `json:"crv"`
	X   string `json:"x"`
	Y   string `json:"y"`
	D   string `json:"d,omitempty"`
	Use string `json:"use,omitempty"`
	Alg string `json:"alg,omitempty"`
}

// Point is the public key as 65 bytes.
func (k JWK) Point() ([]byte, error) {
	x, errX := base64.RawURLEncoding.DecodeString(k.X)
	y, errY := base64.RawURLEncoding.DecodeString(k.Y)
	if errX != nil || errY != nil || len(x) != coordinate || len(y) != coordinate || k.KTY != "EC" || k.CRV != "P-256" {
		return nil, errors.New("no key on P-256")
	}
	return append(append([]byte{4}, x...), y...), nil
}

// Thumbprint is the key's name by RFC 7638.
func (k JWK) Thumbprint() string {
	return Digest(fmt.Sprintf(`{"crv":"P-256","kty":"EC","x":%q,"y":%q}`, k.X, k.Y))
}

// Key is a private key of the phone.
type Key struct{ private *ecdsa.PrivateKey }

// NewKey draws a key.
func NewKey() (*Key, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("drawing a key: %w", err)
	}
	return &Key{private}, nil
}

// ParseKey reads a private key.
func ParseKey(k JWK) (*Key, error) {
	d, err := base64.RawURLEncoding.DecodeString(k.D)
	if err != nil {
		return nil, fmt.Errorf("reading a key: %w", err)
	}
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d)
	if err != nil {
		return nil, fmt.Errorf("reading a key: %w", err)
	}
	return &Key{private}, nil
}

// Public is the public half.
func (k *Key) Public() JWK {
	point, err := k.private.PublicKey.Bytes()
	if err != nil {
		panic("a key of ours is not on its curve") // ParseRawPrivateKey and GenerateKey give no other
	}
	return JWK{KTY: "EC", CRV: "P-256", X: B64u(point[1 : 1+coordinate]), Y: B64u(point[1+coordinate:])}
}

// Private is the whole key, for the phone's own file.
func (k *Key) Private() JWK {
	d, err := k.private.Bytes()
	if err != nil {
		panic("a key of ours has no private half")
	}
	whole := k.Public()
	whole.D = B64u(d)
	return whole
}

// Sign makes a compact JWS of header and payload, which become JSON.
func (k *Key) Sign(header, payload any) (string, error) {
	h, err := json.Marshal(header)
	if err != nil {
		return "", err
	}
	p, err := json.Marshal(payload)
	if err != nil {
		return "", err
	}
	return k.SignBytes(h, p)
}

// SignBytes makes a compact JWS of these bytes.
func (k *Key) SignBytes(header, payload []byte) (string, error) {
	input := B64u(header) + "." + B64u(payload)
	sum := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, k.private, sum[:])
	if err != nil {
		return "", fmt.Errorf("signing: %w", err)
	}
	signature := make([]byte, 2*coordinate)
	r.FillBytes(signature[:coordinate])
	s.FillBytes(signature[coordinate:])
	return input + "." + B64u(signature), nil
}

// verify returns header and payload of a compact JWS that key has signed.
func verify(jws string, key JWK) (header, payload []byte, err error) {
	parts := strings.Split(jws, ".")
	if len(parts) != 3 {
		return nil, nil, errors.New("no compact JWS")
	}
	point, err := key.Point()
	if err != nil {
		return nil, nil, err
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return nil, nil, err
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || len(signature) != 2*coordinate {
		return nil, nil, errors.New("no ES256 signature")
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if !ecdsa.Verify(public, sum[:], number(signature[:coordinate]), number(signature[coordinate:])) {
		return nil, nil, errors.New("the signature is not this key's")
	}
	if header, err = base64.RawURLEncoding.DecodeString(parts[0]); err != nil {
		return nil, nil, err
	}
	payload, err = base64.RawURLEncoding.DecodeString(parts[1])
	return header, payload, err
}

// part reads one part of a compact JWS.
func part(text string, into any) error {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}
