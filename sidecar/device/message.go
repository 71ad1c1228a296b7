package device

import (
	"crypto/sha256"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
)

// Type is the `typ` of a message.
type Type string

// The types of what phones sign.
const (
	Registration Type = "schleuse-registration+jwt" // the first word of a new phone
	Answer       Type = "schleuse-answer+jwt"       // to a request for approval
	Order        Type = "schleuse-device+jwt"       // anything else; its payload says what
)

// MaxMessage bounds a message, in bytes.
const MaxMessage = 8 << 10

// Message is a JWS by a phone (RFC 7515, compact), taken apart and not yet
// verified.
type Message struct {
	Device  ID     // the `kid`: which phone it says it is from
	Type    Type   // the `typ`
	Payload []byte // at most MaxMessage bytes; of any content

	raw    string
	signed *jose.JSONWebSignature
}

// header is exactly what the protected header holds.
type header struct {
	Alg string `json:"alg"`
	Typ Type   `json:"typ"`
	Kid string `json:"kid"`
}

// ParseMessage reads a message of this type: alg ES256, typ and kid, nothing
// else in its header, each part in its one form of base64url. The error is
// ErrMessage.
func ParseMessage(raw string, typ Type) (Message, error) {
	parts := strings.Split(raw, ".")
	if len(raw) > MaxMessage || len(parts) != 3 {
		return Message{}, ErrMessage
	}
	var decoded [3][]byte
	for i, p := range parts {
		var err error
		if decoded[i], err = decode(p); err != nil {
			return Message{}, ErrMessage
		}
	}
	var h header
	if json.Unmarshal(decoded[0], &h, json.RejectUnknownMembers(true)) != nil || h.Alg != string(jose.ES256) || h.Typ != typ || typ == "" {
		return Message{}, ErrMessage
	}
	id, err := ParseID(h.Kid)
	if err != nil {
		return Message{}, ErrMessage
	}
	signed, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return Message{}, ErrMessage
	}
	return Message{Device: id, Type: typ, Payload: decoded[1], raw: raw, signed: signed}, nil
}

// SignedBy reports whether the key signed the message. The zero Key signs
// nothing.
func (m Message) SignedBy(k Key) bool {
	public := k.Public()
	if public == nil || m.signed == nil {
		return false
	}
	_, err := m.signed.Verify(public)
	return err == nil
}

// Decode reads the payload strictly: exactly the members that into has, in
// their exact spelling and once. It does not notice members that are missing.
// The error is ErrMessage.
func (m Message) Decode(into any) error {
	if json.Unmarshal(m.Payload, into, json.RejectUnknownMembers(true)) != nil {
		return ErrMessage
	}
	return nil
}

// String returns the message as it was received.
func (m Message) String() string { return m.raw }

// Hash is SHA-256 of the ASCII bytes of the message as received.
func (m Message) Hash() [sha256.Size]byte { return sha256.Sum256([]byte(m.raw)) }

// HashText is Hash as it stands in payloads: base64url.
func (m Message) HashText() string {
	sum := m.Hash()
	return b64.EncodeToString(sum[:])
}
