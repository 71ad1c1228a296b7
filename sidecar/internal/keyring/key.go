package keyring

import (
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hpke"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
)

// KeyID names a version of a key: 8 hexadecimal digits, unique in its purpose.
// It is not secret.
type KeyID string

// idSize is the length of a key id in the header of what is sealed.
const idSize = 4

func (id KeyID) bytes() ([]byte, error) {
	raw, err := hex.DecodeString(string(id))
	if err != nil || len(raw) != idSize {
		return nil, errors.New("a key id is 8 hexadecimal digits")
	}
	return raw, nil
}

// version is one key. Exactly one of aead, mac, signer and recipient is set,
// as its purpose demands.
type version struct {
	id        KeyID
	rawID     [idSize]byte
	created   time.Time
	active    time.Time // from when it may be primary
	material  []byte
	aead      cipher.AEAD
	mac       []byte
	signer    *ecdsa.PrivateKey
	recipient hpke.PrivateKey
}

// newVersion draws a key that may be primary from active on.
func newVersion(p Purpose, created, active time.Time) (version, error) {
	var id [idSize]byte
	rand.Read(id[:])
	material, err := draw(p.kind())
	if err != nil {
		return version{}, fmt.Errorf("drawing a key for %s: %w", p, err)
	}
	return parseVersion(p, version{
		id: KeyID(hex.EncodeToString(id[:])), created: created, active: active, material: material,
	})
}

func draw(k kind) ([]byte, error) {
	switch k {
	case kindAEAD, kindMAC:
		material := make([]byte, chacha20poly1305.KeySize)
		rand.Read(material)
		return material, nil
	case kindES256:
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		return key.Bytes()
	case kindHPKE:
		key, err := hpke.DHKEM(ecdh.P256()).GenerateKey()
		if err != nil {
			return nil, err
		}
		return key.Bytes()
	default:
		return nil, errors.New("no such purpose")
	}
}

// parseVersion prepares a key of which id, times and material are known. Its
// errors never quote the material.
func parseVersion(p Purpose, v version) (version, error) {
	raw, err := v.id.bytes()
	if err != nil {
		return version{}, err
	}
	copy(v.rawID[:], raw)
	bad := fmt.Errorf("key %s of %s is malformed", v.id, p)
	switch p.kind() {
	case kindAEAD:
		v.aead, err = chacha20poly1305.NewX(v.material)
	case kindMAC:
		if len(v.material) != chacha20poly1305.KeySize {
			err = bad
		}
		v.mac = v.material
	case kindES256:
		v.signer, err = ecdsa.ParseRawPrivateKey(elliptic.P256(), v.material)
	case kindHPKE:
		v.recipient, err = hpke.DHKEM(ecdh.P256()).NewPrivateKey(v.material)
	default:
		err = bad
	}
	if err != nil {
		return version{}, bad
	}
	return v, nil
}
