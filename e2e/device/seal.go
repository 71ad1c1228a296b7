package device

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/big"

	"golang.org/x/text/unicode/norm"
)

func number(raw []byte) *big.Int { return new(big.Int).SetBytes(raw) }

// What is sealed, by purpose (PROTOCOL §6).
const (
	purposePassword    = "device-password"
	purposeNewPassword = "new-device-password"
	purposePIN         = "pin"
	purposeLogin       = "login-password"
)

// sealInfo is the `info` of every HPKE message of version 1.
const sealInfo = "schleuse/device/v1"

// Sealed is a secret on its way (PROTOCOL §6).
type Sealed struct {
	KID string `json:"kid"`
	Enc string `json:"enc"`
	CT  string `json:"ct"`
}

// AAD ties what is sealed to the phone, its purpose and the JWS beside it.
func AAD(device, purpose, jws string) []byte {
	return []byte(device + "\n" + purpose + "\n" + Digest(jws))
}

// Seal seals a secret to the server's key, with a new ephemeral key.
func Seal(to JWK, secret string, aad []byte) (Sealed, error) {
	ephemeral, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return Sealed{}, err
	}
	steps, err := sealWith(to, ephemeral, norm.NFC.String(secret), aad)
	if err != nil {
		return Sealed{}, fmt.Errorf("sealing: %w", err)
	}
	return Sealed{KID: to.KID, Enc: B64u(steps.enc), CT: B64u(steps.ct)}, nil
}

// steps are the intermediate values of PROTOCOL §6.1.
type steps struct{ enc, dh, shared, key, nonce, ct []byte }

// sealWith is PROTOCOL §6.1 step by step, so that this text and not a library
// is what the server is tried with.
func sealWith(to JWK, ephemeral *ecdh.PrivateKey, plain string, aad []byte) (s steps, err error) {
	point, err := to.Point()
	if err != nil {
		return s, err
	}
	recipient, err := ecdh.P256().NewPublicKey(point)
	if err != nil {
		return s, err
	}
	s.enc = ephemeral.PublicKey().Bytes()
	if s.dh, err = ephemeral.ECDH(recipient); err != nil {
		return s, err
	}
	kem, suite := []byte("KEM\x00\x10"), []byte("HPKE\x00\x10\x00\x01\x00\x02")
	s.shared = expand(kem, extract(kem, nil, "eae_prk", s.dh), "shared_secret", append(append([]byte{}, s.enc...), point...), 32)
	context := append([]byte{0}, extract(suite, nil, "psk_id_hash", nil)...)
	context = append(context, extract(suite, nil, "info_hash", []byte(sealInfo))...)
	secret := extract(suite, s.shared, "secret", nil)
	s.key = expand(suite, secret, "key", context, 32)
	s.nonce = expand(suite, secret, "base_nonce", context, 12)
	block, err := aes.NewCipher(s.key)
	if err != nil {
		return s, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return s, err
	}
	s.ct = gcm.Seal(nil, s.nonce, []byte(plain), aad)
	return s, nil
}

func extract(suite, salt []byte, label string, ikm []byte) []byte {
	return mac(salt, []byte("HPKE-v1"), suite, []byte(label), ikm)
}

// expand gives at most 32 bytes: one block.
func expand(suite, prk []byte, label string, info []byte, length uint16) []byte {
	return mac(prk, binary.BigEndian.AppendUint16(nil, length), []byte("HPKE-v1"), suite, []byte(label), info, []byte{1})[:length]
}

func mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}
