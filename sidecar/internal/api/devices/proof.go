package devices

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/schleuse/schleuse/sidecar/device"
)

// maxProof is the length of a DPoP header, in characters.
const maxProof = 4096

// b64 is base64url without padding and in one form only.
var b64 = base64.RawURLEncoding.Strict() //nolint:gochecknoglobals // a constant in all but name

// proof is a DPoP proof (RFC 9449 section 4.2) whose signature is that of the
// key it names.
type proof struct {
	key   device.Key
	name  string    // the key's thumbprint
	given time.Time // when the nonce was
	claims
}

// proofHeader is exactly what a proof's header holds.
type proofHeader struct {
	Typ string         `json:"typ"`
	Alg string         `json:"alg"`
	JWK jsontext.Value `json:"jwk"`
}

// claims are those of a proof; more than these are ignored (RFC 9449 section
// 4.2 lets proofs have others).
type claims struct {
	ID     string  `json:"jti"`
	Method string  `json:"htm"`
	URI    string  `json:"htu"`
	Issued *int64  `json:"iat"` // not judged: clocks of phones are wrong
	Nonce  string  `json:"nonce"`
	Token  string  `json:"ath"`
	Body   *string `json:"body_sha256"`
}

var errProof = errors.New("not a proof of this call")

var proofID = regexp.MustCompile(`^[A-Za-z0-9_-]{16,64}$`)

// readProof reads a proof and checks its signature by its own key.
func readProof(text string) (proof, error) {
	header, payload, err := split(text)
	if err != nil {
		return proof{}, err
	}
	var h proofHeader
	if json.Unmarshal(header, &h, json.RejectUnknownMembers(true)) != nil || h.Typ != "dpop+jwt" || h.Alg != string(jose.ES256) {
		return proof{}, errProof
	}
	key, err := device.ParseJWK(h.JWK)
	if err != nil {
		return proof{}, errProof
	}
	signed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return proof{}, errProof
	}
	if _, err := signed.Verify(key.Public()); err != nil {
		return proof{}, errProof
	}
	p := proof{key: key, name: key.Thumbprint()}
	if json.Unmarshal(payload, &p.claims) != nil || !proofID.MatchString(p.ID) || p.Issued == nil {
		return proof{}, errProof
	}
	return p, nil
}

// split returns header and payload of a compact JWS, each part of which must be
// in its one form of base64url.
func split(text string) (header, payload []byte, err error) {
	parts := strings.Split(text, ".")
	if len(text) > maxProof || len(parts) != 3 || strings.ContainsAny(text, "\r\n") {
		return nil, nil, errProof
	}
	var raw [3][]byte
	for i, p := range parts {
		if raw[i], err = b64.DecodeString(p); err != nil {
			return nil, nil, errProof
		}
	}
	return raw[0], raw[1], nil
}

// fits reports whether the proof is of a call with this method to this path of
// the public address.
func (p proof) fits(method string, base *url.URL, path string) bool {
	u, err := url.Parse(p.URI)
	if err != nil || u.User != nil || u.Opaque != "" || u.RawQuery != "" || u.ForceQuery || strings.Contains(p.URI, "#") {
		return false
	}
	return p.Method == method && strings.EqualFold(u.Scheme, base.Scheme) && authority(u) == authority(base) && u.Path == path
}

// authority is the host in lower case, without the port that the scheme has
// anyway (RFC 3986 section 6.2.3).
func authority(u *url.URL) string {
	usual := map[string]string{"https": "443", "http": "80"}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if port == "" || port == usual[strings.ToLower(u.Scheme)] {
		return host
	}
	return host + ":" + port
}

// carries reports whether the proof is of a call with this body, or with none.
func (p proof) carries(body []byte) bool {
	if len(body) == 0 {
		return p.Body == nil
	}
	return p.Body != nil && *p.Body == digest(body)
}

// digest is the base64url of the SHA-256.
func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return b64.EncodeToString(sum[:])
}
