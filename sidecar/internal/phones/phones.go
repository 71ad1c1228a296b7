package phones

import (
	"context"

	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
)

// Keys implements device.Peppers, device.Opener and device.Seals.
type Keys struct{ Ring *keyring.Ring }

// Pepper implements device.Peppers with the keys `pepper`.
func (k Keys) Pepper(version, domain string, parts ...[]byte) (mac []byte, used string, err error) {
	mac, id, err := k.Ring.MACBy(keyring.Pepper, keyring.KeyID(version), domain, parts...)
	return mac, string(id), err
}

// OpenSealed implements device.Opener with the keys `device-password`.
func (k Keys) OpenSealed(key string, enc, info, aad, box []byte) ([]byte, error) {
	to, err := k.Ring.Recipient(keyring.KeyID(key), enc, info)
	if err != nil {
		return nil, err
	}
	return to.Open(aad, box)
}

// Seal implements device.Seals with the keys `cookie`: what is sealed lives for
// minutes.
func (k Keys) Seal(plain, aad []byte) []byte { return k.Ring.Seal(keyring.Cookie, plain, aad) }

// Open implements device.Seals.
func (k Keys) Open(sealed, aad []byte) ([]byte, error) {
	return k.Ring.Open(keyring.Cookie, sealed, aad)
}

// Tasks implements device.Tasks over an outbox of its own, in which the store
// queues, too.
type Tasks struct{ Outbox extension.Outbox }

// Queue implements device.Tasks.
func (t Tasks) Queue(ctx context.Context, task device.Task) error {
	about := extension.Subject{Number: task.Number, Account: task.Account}
	return t.Outbox.About(about).Put(ctx, task.Key, task.Body, task.Keep)
}

// Run hands what is queued to carry, which is Service.Carry, until ctx ends.
func (t Tasks) Run(ctx context.Context, carry func(ctx context.Context, body []byte) error) error {
	return t.Outbox.Deliver(ctx, func(ctx context.Context, m extension.Message) error { return carry(ctx, m.Body) })
}
