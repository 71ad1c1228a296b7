package device

import (
	"github.com/go-json-experiment/json"
)

// Purpose says what a sealed secret is. One secret is never taken for another.
type Purpose string

// The purposes.
const (
	ForPassword      Purpose = "device-password"     // the present 2FA device password
	ForNewPassword   Purpose = "new-device-password" // the one that is to come
	ForPIN           Purpose = "pin"                 // the app's PIN, present or to come
	ForLoginPassword Purpose = "login-password"      // a new login password
)

// SealInfo is the `info` of HPKE (RFC 9180 section 5.1): protocol and version.
const SealInfo = "schleuse/device/v1"

// The bounds of what is sealed, in bytes.
const (
	maxSealed = 2048 // as JSON
	maxSecret = 512  // the plain text
)

// Sealed is a secret on its way: HPKE base mode with DHKEM(P-256,
// HKDF-SHA256), HKDF-SHA256 and AES-256-GCM. The zero Sealed opens to nothing.
type Sealed struct {
	Key string // which key it is sealed to
	Enc []byte // the encapsulated key, 65 bytes
	Box []byte // the sealed text
}

// encSize is the length of an encapsulated key of DHKEM(P-256).
const encSize = 65

// sealed is the form on the wire; enc and ct in base64url.
type sealed struct {
	Kid string `json:"kid"`
	Enc string `json:"enc"`
	CT  string `json:"ct"`
}

// ParseSealed reads {"kid":…,"enc":…,"ct":…}. The error is ErrSealed.
func ParseSealed(raw []byte) (Sealed, error) {
	var in sealed
	if len(raw) > maxSealed || json.Unmarshal(raw, &in, json.RejectUnknownMembers(true)) != nil {
		return Sealed{}, ErrSealed
	}
	enc, errEnc := decode(in.Enc)
	box, errBox := decode(in.CT)
	if errEnc != nil || errBox != nil || len(enc) != encSize || in.Kid == "" {
		return Sealed{}, ErrSealed
	}
	return Sealed{Key: in.Kid, Enc: enc, Box: box}, nil
}

// JSON returns the form that ParseSealed reads.
func (s Sealed) JSON() []byte {
	raw, err := json.Marshal(sealed{Kid: s.Key, Enc: b64.EncodeToString(s.Enc), CT: b64.EncodeToString(s.Box)})
	if err != nil {
		panic("device: " + err.Error()) // only a key id that is no text leads here
	}
	return raw
}

// SealAAD is what a sealed secret is bound to: phone, purpose and the message
// beside which it travels. Beside another message it does not open.
func SealAAD(m Message, p Purpose) []byte {
	return []byte(string(m.Device) + "\n" + string(p) + "\n" + m.HashText())
}

// Opener opens what phones sealed.
type Opener interface {
	// OpenSealed returns the plain text, or any error when it does not open.
	OpenSealed(key string, enc, info, aad, box []byte) ([]byte, error)
}
