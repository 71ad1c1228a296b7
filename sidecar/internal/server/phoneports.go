package server

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
	"github.com/schleuse/schleuse/sidecar/internal/store"
	"github.com/schleuse/schleuse/sidecar/internal/webhooks"
	"github.com/schleuse/schleuse/sidecar/notify"
)

// peppers are the ring's, for device.Hasher.
type peppers struct{ ring *keyring.Ring }

// Pepper implements device.Peppers.
func (p peppers) Pepper(version, domain string, parts ...[]byte) (mac []byte, used string, err error) {
	mac, id, err := p.ring.MACWith(keyring.Pepper, keyring.KeyID(version), domain, parts...)
	return mac, string(id), err
}

// opensSealed opens what phones sealed, with the ring's keys.
type opensSealed struct{ ring *keyring.Ring }

// OpenSealed implements device.Opener.
func (o opensSealed) OpenSealed(key string, enc, info, aad, box []byte) ([]byte, error) {
	r, err := o.ring.Recipient(keyring.KeyID(key), enc, info)
	if err != nil {
		return nil, err
	}
	return r.Open(aad, box)
}

// sealTo is the key that phones seal to.
func (h *house) sealTo() (kid string, point []byte) {
	id, key := h.ring.SealTo()
	return string(id), key.Bytes()
}

// tasks are device.Tasks in an outbox.
type tasks struct {
	outbox extension.Outbox
	carry  func(ctx context.Context, body []byte) error
}

// Queue implements device.Tasks.
func (t *tasks) Queue(ctx context.Context, task device.Task) error {
	return t.outbox.About(extension.Subject{Number: task.Number, Account: task.Account}).Put(ctx, task.Key, task.Body, task.Keep)
}

// Run carries tasks out until ctx ends.
func (t *tasks) Run(ctx context.Context) error {
	return t.outbox.Deliver(ctx, func(ctx context.Context, m extension.Message) error { return t.carry(ctx, m.Body) })
}

// pushers are the channels to phones, by the notifiers' names.
type pushers map[string]notify.Pusher

// Push implements notify.Pusher.
func (p pushers) Push(ctx context.Context, push notify.Push) error {
	one, ok := p[push.Channel]
	if !ok {
		return fmt.Errorf("%w: there is no such channel any more", notify.ErrTokenGone)
	}
	return one.Push(ctx, push)
}

func (p pushers) names() []string { return slices.Sorted(maps.Keys(p)) }

// How many phones are woken at once, and how long one may take.
const (
	wakingAtOnce = 64
	wakingFor    = 10 * time.Second
)

// hints wakes phones beside the request that makes them. When too many are
// being woken a phone is not: its inbox tells it.
type hints struct {
	wake  func(ctx context.Context, d device.Device, id string)
	slots chan struct{}
}

func newHints(wake func(context.Context, device.Device, string)) *hints {
	return &hints{wake: wake, slots: make(chan struct{}, wakingAtOnce)}
}

// Hint implements approval.Hinter.
func (h *hints) Hint(ctx context.Context, to device.Device, id string) {
	select {
	case h.slots <- struct{}{}:
	default:
		return
	}
	go func() {
		defer func() { <-h.slots }()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), wakingFor)
		defer cancel()
		h.wake(ctx, to, id)
	}()
}

// storeApprovals announces what backends are told of.
func storeApprovals(endpoints map[string]webhooks.Endpoint, now func() time.Time) store.ApprovalSettings {
	if len(endpoints) == 0 {
		return store.ApprovalSettings{}
	}
	return store.ApprovalSettings{Announce: webhooks.Announcer(endpoints, now), Outbox: webhooks.Outbox}
}
