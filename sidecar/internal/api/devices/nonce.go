package devices

import (
	"encoding/binary"
	"time"
)

// Bounds of nonces.
const (
	nonceLife = 5 * time.Minute
	// nonceSkew is by how much the clocks of two replicas may differ.
	nonceSkew = 30 * time.Second
)

// Seals seals what the phone keeps for the server; keyring.Cookie behind it.
type Seals interface {
	Seal(plain, aad []byte) []byte
	Open(sealed, aad []byte) ([]byte, error)
}

// What a seal is for.
const (
	sealNonce  = "schleuse/device/nonce"
	sealOpened = "schleuse/device/opened"
)

// newNonce is the time, sealed: it needs no store and is good on every replica.
func (a *desk) newNonce() string {
	now := binary.BigEndian.AppendUint64(nil, uint64(a.Now().UnixMilli()))
	return b64.EncodeToString(a.Seals.Seal(now, []byte(sealNonce)))
}

// nonceTime returns when a nonce was given, unless it is none or too old.
func (a *desk) nonceTime(nonce string) (time.Time, bool) {
	sealed, err := b64.DecodeString(nonce)
	if err != nil {
		return time.Time{}, false
	}
	plain, err := a.Seals.Open(sealed, []byte(sealNonce))
	if err != nil || len(plain) != 8 {
		return time.Time{}, false
	}
	given := time.UnixMilli(int64(binary.BigEndian.Uint64(plain))) //nolint:gosec // our own
	age := a.Now().Sub(given)
	return given, age >= -nonceSkew && age < nonceLife
}
