package device

import (
	"context"
	"errors"

	"github.com/go-json-experiment/json/jsontext"
)

// protocol is the version that stands in payloads.
const protocol = 1

// Aim is what an order wants.
type Aim string

// The aims of orders.
const (
	ToUnlock           Aim = "unlock"
	ToRotateKey        Aim = "rotate-key"
	ToSetPassword      Aim = "set-password"
	ToSetPIN           Aim = "set-pin"
	ToSetBiometric     Aim = "set-biometric"
	ToOpen             Aim = "open"
	ToSetLoginPassword Aim = "login-password"
)

// hasKey reports whether the order names a new key.
func (a Aim) hasKey() bool { return a == ToRotateKey || a == ToSetBiometric }

// orderPayload is what an order says.
type orderPayload struct {
	V       int            `json:"v"`
	Aud     string         `json:"aud"`
	Sub     string         `json:"sub"`
	Purpose Aim            `json:"purpose"`
	JWK     jsontext.Value `json:"jwk,omitzero"`
	// Nonce is the server's: whoever hands the order on has seen that it is
	// fresh, and that the order was not used before.
	Nonce string `json:"nonce"`
	IAT   *int64 `json:"iat"` // the phone's time: it must be there, and is not judged
}

// readOrder reads what a phone orders. The signature is somebody else's
// question. The key is empty where the aim has none.
func (s *Service) readOrder(m Message, aim Aim) (Key, error) {
	var p orderPayload
	if m.Type != Order || m.Decode(&p) != nil || p.V != protocol || p.Aud != s.Audience ||
		p.Sub != string(m.Device) || p.Purpose != aim || p.IAT == nil || p.Nonce == "" || aim.hasKey() != (p.JWK != nil) {
		return "", ErrMessage
	}
	if !aim.hasKey() {
		return "", nil
	}
	key, err := ParseJWK(p.JWK)
	if err != nil {
		return "", ErrMessage
	}
	return key, nil
}

// ordered returns the phone that orders, and the key that its order names. A
// wrong signature costs no hash: whoever calls has shown the phone's key with
// the call, so that the time tells them nothing, and hashes are dear.
func (s *Service) ordered(ctx context.Context, id ID, m Message, aim Aim) (Device, Key, error) {
	d, err := s.signed(ctx, id, m)
	if err != nil {
		return Device{}, "", err
	}
	key, err := s.readOrder(m, aim)
	if err != nil {
		return Device{}, "", err
	}
	return d, key, nil
}

// signed returns the phone that a message is from: active, and by its key.
func (s *Service) signed(ctx context.Context, id ID, m Message) (Device, error) {
	d, err := s.Store.Get(ctx, id)
	if err != nil && !errors.Is(err, ErrNoDevice) {
		return Device{}, err
	}
	if err != nil || m.Device != id || !m.SignedBy(d.Key) {
		return Device{}, ErrFactors
	}
	return d, usable(&d, d.Key)
}

// unseal opens a secret that travelled beside a message.
func (s *Service) unseal(m Message, p Purpose, sealed Sealed) ([]byte, error) {
	plain, err := s.Opener.OpenSealed(sealed.Key, sealed.Enc, []byte(SealInfo), SealAAD(m, p), sealed.Box)
	if err != nil || len(plain) == 0 || len(plain) > maxSecret {
		return nil, ErrSealed
	}
	return plain, nil
}
