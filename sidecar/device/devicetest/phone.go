package devicetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hpke"
	"crypto/rand"
	"encoding/json"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/member"
)

// NewKey draws a key of a phone.
func NewKey() *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // only a broken random source leads here
	}
	return k
}

// Public returns the public half as phones are known by it.
func Public(k *ecdsa.PrivateKey) device.Key {
	out, err := device.KeyOf(&k.PublicKey)
	if err != nil {
		panic(err)
	}
	return out
}

// Phone is what lies in a person's hand.
type Phone struct {
	ID  device.ID
	Key *ecdsa.PrivateKey
}

// NewPhone draws a phone.
func NewPhone() Phone { return Phone{ID: device.NewID(), Key: NewKey()} }

// Sign returns payload (as JSON) as a message of this phone.
func (p Phone) Sign(typ device.Type, payload any) string { return SignBy(p.Key, p.ID, typ, payload) }

// SignBy signs with any key in the name of any phone.
func SignBy(k *ecdsa.PrivateKey, id device.ID, typ device.Type, payload any) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: k},
		(&jose.SignerOptions{}).WithType(jose.ContentType(typ)).WithHeader("kid", string(id)))
	if err != nil {
		panic(err)
	}
	raw, ok := payload.([]byte)
	if !ok {
		if raw, err = json.Marshal(payload); err != nil {
			panic(err)
		}
	}
	signed, err := signer.Sign(raw)
	if err != nil {
		panic(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return text
}

// Message is Sign, read back.
func (p Phone) Message(typ device.Type, payload any) device.Message {
	m, err := device.ParseMessage(p.Sign(typ, payload), typ)
	if err != nil {
		panic(err)
	}
	return m
}

// Seal seals a secret beside a message.
func Seal(keyID string, to hpke.PublicKey, m device.Message, p device.Purpose, secret string) device.Sealed {
	enc, sender, err := hpke.NewSender(to, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(device.SealInfo))
	if err != nil {
		panic(err)
	}
	box, err := sender.Seal(device.SealAAD(m, p), []byte(secret))
	if err != nil {
		panic(err)
	}
	return device.Sealed{Key: keyID, Enc: enc, Box: box}
}

// Device returns the phone as a store keeps it: active, of this person, with a
// device password that nothing matches.
func (p Phone) Device(id account.ID, number member.KVNR, created time.Time) device.Device {
	return device.Device{
		ID: p.ID, Account: id, Number: number, Name: "Telefon", Platform: "test", Key: Public(p.Key),
		State: device.Active, Created: created, LastUsed: created, CoolUntil: created,
		Password: device.Secret{Hash: "none", Set: created},
	}
}

// jwkOf is a key as it stands in payloads.
func jwkOf(k device.Key) json.RawMessage { return k.JWK() }
