package keyring

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
)

// What is sealed begins with a header: the format, the key id, the nonce.
const (
	sealFormat = 1
	nonceSize  = 24 // XChaCha20: random nonces do not run out
	headerSize = 1 + idSize + nonceSize
	tagSize    = 16
)

// Overhead is by how many bytes a sealed value is longer than the plain one.
const Overhead = headerSize + tagSize

// ErrOpen says that a sealed value does not open: it was changed, belongs
// elsewhere (aad, purpose), or its key was retired. It never says which.
var ErrOpen = errors.New("sealed value does not open")

// Seal encrypts and authenticates plain under the primary key of p, which is
// Seal or Cookie (any other purpose panics). aad is not stored and must be the
// same at Open: it says where the value belongs.
func (r *Ring) Seal(p Purpose, plain, aad []byte) []byte {
	v := r.versions(p, kindAEAD)[0]
	out := make([]byte, headerSize, headerSize+len(plain)+tagSize)
	out[0] = sealFormat
	copy(out[1:], v.rawID[:])
	rand.Read(out[1+idSize:])
	return v.aead.Seal(out, out[1+idSize:headerSize], plain, bind(p, out[:1+idSize], aad))
}

// Open returns what was sealed, or ErrOpen.
func (r *Ring) Open(p Purpose, sealed, aad []byte) ([]byte, error) {
	if len(sealed) < headerSize+tagSize || sealed[0] != sealFormat {
		return nil, ErrOpen
	}
	for _, v := range r.versions(p, kindAEAD) {
		if string(v.rawID[:]) != string(sealed[1:1+idSize]) {
			continue
		}
		plain, err := v.aead.Open(nil, sealed[1+idSize:headerSize], sealed[headerSize:], bind(p, sealed[:1+idSize], aad))
		if err == nil {
			return plain, nil
		}
	}
	return nil, ErrOpen
}

// bind is the associated data: purpose, header and the caller's own.
func bind(p Purpose, header, aad []byte) []byte {
	var b []byte
	for _, part := range [][]byte{[]byte("schleuse/seal"), []byte(p), header, aad} {
		b = binary.BigEndian.AppendUint64(b, uint64(len(part)))
		b = append(b, part...)
	}
	return b
}

// MACSize is the length of a MAC in bytes.
const MACSize = sha256.Size

// MAC returns HMAC-SHA-256 of domain and parts under the primary key of p,
// which is Index, Pepper or Letter (any other purpose panics). Domain and
// parts are length-prefixed, so that no two lists give the same input.
func (r *Ring) MAC(p Purpose, domain string, parts ...[]byte) []byte {
	return mac(r.versions(p, kindMAC)[0], p, domain, parts)
}

// MACBy is MAC under one version, "" being the primary; it also returns which
// that is. It is for what cannot be looked up under all of them, such as a slow
// hash. It returns ErrNoKey for an unknown or retired version.
func (r *Ring) MACBy(p Purpose, id KeyID, domain string, parts ...[]byte) ([]byte, KeyID, error) {
	for _, v := range r.versions(p, kindMAC) {
		if id == "" || v.id == id {
			return mac(v, p, domain, parts), v.id, nil
		}
	}
	return nil, "", ErrNoKey
}

// MACs returns the MAC under every version, the primary's first, then the
// others, newest first. Whoever looks something up tries them all: what was
// stored before a rotation is found after it, and what another replica stored
// under a key that is not yet primary here is found too.
func (r *Ring) MACs(p Purpose, domain string, parts ...[]byte) [][]byte {
	var out [][]byte
	for _, v := range r.versions(p, kindMAC) {
		out = append(out, mac(v, p, domain, parts))
	}
	return out
}

func mac(v version, p Purpose, domain string, parts [][]byte) []byte {
	h := hmac.New(sha256.New, v.mac)
	writePart(h, []byte("schleuse/mac"))
	writePart(h, []byte(p))
	writePart(h, []byte(domain))
	for _, part := range parts {
		writePart(h, part)
	}
	return h.Sum(nil)
}

func writePart(h hash.Hash, part []byte) {
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
	h.Write(part)
}
