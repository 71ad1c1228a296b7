package devicetest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"sync"

	"github.com/schleuse/schleuse/sidecar/device"
)

// KeyID is the id of the key that phones seal to.
const KeyID = "1a2b3c4d"

// Keys implements device.Peppers, device.Opener and device.Seals.
type Keys struct {
	mu      sync.Mutex
	private hpke.PrivateKey
	peppers map[string][]byte
	primary string
	aead    cipher.AEAD
}

// NewKeys draws keys.
func NewKeys() *Keys {
	private, err := hpke.DHKEM(ecdh.P256()).GenerateKey()
	if err != nil {
		panic(err) // only a broken random source leads here
	}
	var key [32]byte
	rand.Read(key[:])
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	k := &Keys{private: private, peppers: map[string][]byte{}, aead: aead}
	k.RotatePepper()
	return k
}

// RotatePepper makes a new pepper the primary.
func (k *Keys) RotatePepper() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.primary = rand.Text()[:8]
	k.peppers[k.primary] = []byte(rand.Text())
}

// RetirePeppers forgets all but the primary.
func (k *Keys) RetirePeppers() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.peppers = map[string][]byte{k.primary: k.peppers[k.primary]}
}

// Pepper implements device.Peppers.
func (k *Keys) Pepper(version, domain string, parts ...[]byte) (mac []byte, used string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if version == "" {
		version = k.primary
	}
	key, ok := k.peppers[version]
	if !ok {
		return nil, "", errors.New("no such pepper")
	}
	h := hmac.New(sha256.New, key)
	for _, p := range append([][]byte{[]byte(domain)}, parts...) {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(p))))
		h.Write(p)
	}
	return h.Sum(nil), version, nil
}

// SealTo returns the key that phones seal to.
func (k *Keys) SealTo() hpke.PublicKey { return k.private.PublicKey() }

// OpenSealed implements device.Opener.
func (k *Keys) OpenSealed(key string, enc, info, aad, box []byte) ([]byte, error) {
	if key != KeyID {
		return nil, errors.New("no such key")
	}
	to, err := hpke.NewRecipient(enc, k.private, hpke.HKDFSHA256(), hpke.AES256GCM(), info)
	if err != nil {
		return nil, err
	}
	return to.Open(aad, box)
}

// Secret seals a secret beside a message.
func (k *Keys) Secret(m device.Message, p device.Purpose, secret string) device.Sealed {
	return Seal(KeyID, k.SealTo(), m, p, secret)
}

// Seal implements device.Seals.
func (k *Keys) Seal(plain, aad []byte) []byte {
	return k.aead.Seal(nil, nil, plain, aad)
}

// Open implements device.Seals.
func (k *Keys) Open(sealed, aad []byte) ([]byte, error) { return k.aead.Open(nil, nil, sealed, aad) }
