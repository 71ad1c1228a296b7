package keyring

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/hpke"
	"errors"
)

// ErrNoKey says that the ring has no such version.
var ErrNoKey = errors.New("no such key")

// Signer is a key that signs with ES256 (RFC 7518 section 3.4).
type Signer struct {
	ID KeyID // the `kid`
	crypto.Signer
}

// Signer returns the primary key of p, which is Request, Receipt or Assertion
// (any other purpose panics).
func (r *Ring) Signer(p Purpose) Signer {
	v := r.versions(p, kindES256)[0]
	return Signer{ID: v.id, Signer: v.signer}
}

// PublicKey is the public half of a version.
type PublicKey struct {
	ID  KeyID
	Key *ecdsa.PublicKey
}

// PublicKeys returns the public keys of all versions of p, as Signer takes it,
// to be published: verifiers must know a key before it signs.
func (r *Ring) PublicKeys(p Purpose) []PublicKey {
	var out []PublicKey
	for _, v := range r.versions(p, kindES256) {
		out = append(out, PublicKey{ID: v.id, Key: &v.signer.PublicKey})
	}
	return out
}

// SealTo returns the public key to which phones seal device passwords now
// (HPKE, DHKEM(P-256, HKDF-SHA256)).
func (r *Ring) SealTo() (KeyID, hpke.PublicKey) {
	v := r.versions(DevicePassword, kindHPKE)[0]
	return v.id, v.recipient.PublicKey()
}

// Recipient opens the beginning of an HPKE message that was sealed to the key
// id: enc is the encapsulated key, info what both sides agreed on. It returns
// ErrNoKey for an unknown or retired id.
func (r *Ring) Recipient(id KeyID, enc, info []byte) (*hpke.Recipient, error) {
	for _, v := range r.versions(DevicePassword, kindHPKE) {
		if v.id == id {
			return hpke.NewRecipient(enc, v.recipient, hpke.HKDFSHA256(), hpke.AES256GCM(), info)
		}
	}
	return nil, ErrNoKey
}
