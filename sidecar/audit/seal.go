package audit

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
)

// KeyID names a person's key: random, so that it says nothing about the person
// once the key is gone. The zero id is no key.
type KeyID [16]byte

// PersonKey seals what the audit says about one person (AES-256-GCM).
// Destroying it erases the person from the audit.
type PersonKey struct {
	ID  KeyID
	Key [32]byte
}

// NewPersonKey draws a key.
func NewPersonKey() PersonKey {
	var k PersonKey
	rand.Read(k.ID[:])
	rand.Read(k.Key[:])
	return k
}

// String hides the key.
func (k PersonKey) String() string { return "PersonKey(hidden)" }

// GoString hides the key.
func (k PersonKey) GoString() string { return k.String() }

// LogValue hides the key.
func (k PersonKey) LogValue() slog.Value { return slog.StringValue(k.String()) }

// maxPayload bounds the sealed payload of an entry, in bytes.
const maxPayload = 16 << 10

// ErrTooLarge says that an entry's Detail is over 16 KiB as JSON.
var ErrTooLarge = errors.New("audit detail is too large")

// payload is what is sealed.
type payload struct {
	Person account.ID        `json:"person"`
	Detail map[string]string `json:"detail,omitempty"`
}

// Validate says whether the entry is complete and within its limits: a log
// may refuse it only for that, or because it cannot be written.
func (e Entry) Validate() error {
	if e.Phase < Fact || e.Phase > Outcome || e.Action == "" {
		return errors.New("audit entry without phase or action")
	}
	_, err := e.payload()
	return err
}

func (e Entry) payload() ([]byte, error) {
	plain, err := json.Marshal(payload{e.Person, e.Detail})
	if err != nil {
		return nil, fmt.Errorf("encoding an audit entry: %w", err)
	}
	if len(plain) > maxPayload {
		return nil, ErrTooLarge
	}
	return plain, nil
}

// Seal makes the line of an entry. The key must be that of e.Person; it is not
// used when there is no person, and Detail is dropped then.
func Seal(e Entry, k PersonKey) (Line, error) {
	err := e.Validate()
	if err == nil && e.Time.IsZero() {
		err = errors.New("audit entry without time")
	}
	if err != nil {
		return Line{}, err
	}
	l := Line{
		Time: e.Time.UTC().Truncate(time.Microsecond), Phase: e.Phase, Action: e.Action,
		Step: e.Step, Client: e.Client, Result: e.Result, Ref: e.Ref,
	}
	if e.Person == "" {
		return l, nil
	}
	plain, err := e.payload()
	if err != nil {
		return Line{}, err
	}
	aead, err := k.aead()
	if err != nil {
		return Line{}, err
	}
	l.Key = k.ID
	l.Sealed = aead.Seal(nil, nil, plain, k.ID[:]) //nolint:gosec // this AEAD draws its nonce itself
	return l, nil
}

// Entry returns the line as it was appended when k is the key that it was
// sealed with.
func (l Line) Entry(k PersonKey) (Entry, error) {
	e := l.Public()
	if l.Key == (KeyID{}) {
		return e, nil
	}
	aead, err := k.aead()
	if err != nil {
		return Entry{}, err
	}
	var p payload
	plain, err := aead.Open(nil, nil, l.Sealed, l.Key[:])
	if err != nil || l.Key != k.ID || json.Unmarshal(plain, &p) != nil {
		return Entry{}, errors.New("audit payload does not open")
	}
	e.Person, e.Detail = p.Person, p.Detail
	return e, nil
}

// Public returns what the line says without any key.
func (l Line) Public() Entry {
	return Entry{
		Time: l.Time, Phase: l.Phase, Action: l.Action, Step: l.Step,
		Client: l.Client, Result: l.Result, Ref: l.Ref,
	}
}

func (k PersonKey) aead() (cipher.AEAD, error) {
	block, err := aes.NewCipher(k.Key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
