package device

import "crypto/ecdh"

// Steps are the values on the way to a sealed secret.
type Steps struct{ Enc, DH, Shared, Key, Nonce, CT []byte }

// SealWith seals with this ephemeral key.
func SealWith(to JWK, ephemeral *ecdh.PrivateKey, secret string, aad []byte) (Steps, error) {
	s, err := sealWith(to, ephemeral, secret, aad)
	return Steps{s.enc, s.dh, s.shared, s.key, s.nonce, s.ct}, err
}

// Verify checks a compact JWS.
var Verify = verify
