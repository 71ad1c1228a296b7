package server

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/internal/store"
	"github.com/schleuse/schleuse/sidecar/internal/webhooks"
	"github.com/schleuse/schleuse/sidecar/notify"
)

// sealTo is the key that phones seal to.
func (h *house) sealTo() (kid string, point []byte) {
	id, key := h.ring.SealTo()
	return string(id), key.Bytes()
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
	return store.ApprovalSettings{Announce: webhooks.Announcer(endpoints, now)}
}
