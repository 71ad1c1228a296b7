package keyring

import "slices"

// Purpose says what a key is for. A key is never used for two purposes.
type Purpose string

// The purposes.
const (
	Seal           Purpose = "seal"            // columns of the database, held responses
	Cookie         Purpose = "cookie"          // sealed cookies and hidden form fields
	Index          Purpose = "index"           // look-up keys, counters, pseudonyms
	Pepper         Purpose = "pepper"          // beside the hash of a device password
	Letter         Purpose = "letter"          // codes sent by letter
	Request        Purpose = "request"         // signs the request objects shown on phones
	Receipt        Purpose = "receipt"         // signs approval receipts
	Assertion      Purpose = "assertion"       // signs client assertions (RFC 7523)
	DevicePassword Purpose = "device-password" // receives device passwords (HPKE, RFC 9180)
)

// kind is the sort of key that a purpose needs.
type kind uint8

const (
	kindAEAD  kind = iota + 1 // XChaCha20-Poly1305, 32 bytes
	kindMAC                   // HMAC-SHA-256, 32 bytes
	kindES256                 // ECDSA on P-256
	kindHPKE                  // DHKEM(P-256, HKDF-SHA256)
)

// Purposes returns all purposes, in the order of the file.
func Purposes() []Purpose {
	return []Purpose{Seal, Cookie, Index, Pepper, Letter, Request, Receipt, Assertion, DevicePassword}
}

func (p Purpose) kind() kind {
	switch p {
	case Seal, Cookie:
		return kindAEAD
	case Index, Pepper, Letter:
		return kindMAC
	case Request, Receipt, Assertion:
		return kindES256
	case DevicePassword:
		return kindHPKE
	default:
		return 0
	}
}

// Valid reports whether the purpose exists.
func (p Purpose) Valid() bool { return slices.Contains(Purposes(), p) }

// Voids says in plain words what is lost for good when a version of this
// purpose's key is retired.
func (p Purpose) Voids() string {
	switch p {
	case Seal:
		return "everything in the database sealed under it: open attempts, sessions, extensions' records and the personal part of audit entries"
	case Cookie:
		return "numbers typed and forms opened before the rotation: the people concerned type their number again"
	case Index:
		return "counters, records and sessions not touched since the rotation are no longer found: wrong tries counted under it are forgotten, people sign in again"
	case Pepper:
		return "device passwords set under it: their owners enrol the phone again"
	case Letter:
		return "letters with a code sent under it: they must be sent again"
	case Request:
		return "approvals pending under it: they must be asked for again"
	case Receipt:
		return "receipts signed under it and not yet verified (they live 120 seconds at most)"
	case Assertion:
		return "nothing, once the identity provider has read the newer public key"
	case DevicePassword:
		return "device passwords on their way that were sealed to it: the phone asks once more"
	default:
		return "unknown purpose"
	}
}
