package device_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/device/devicetest"
	"github.com/schleuse/schleuse/sidecar/notify"
)

// A notice that cannot be queued now, because the channel's queue is full or
// broken, is sent later: a registration in somebody's name is never kept quiet.
func TestANoticeThatCannotBeSentIsSentLater(t *testing.T) {
	b, p := registered(t)
	before := len(b.Told.Kinds())
	b.Told.FailWith(errors.New("full"))
	must(t, b.BlockFor(t.Context(), devicetest.Erika, p.ID, device.ReasonSupport))
	tasks := b.Queued.All()
	if len(tasks) != 1 {
		t.Fatalf("%d tasks, want the notice", len(tasks))
	}
	if b.Carry(t.Context(), tasks[0].Body) == nil {
		t.Error("the notice counts as sent")
	}
	b.Told.FailWith(nil)
	must(t, b.Carry(t.Context(), tasks[0].Body))
	if diff := cmp.Diff([]notify.Kind{notify.PhoneBlocked}, b.Told.Kinds()[before:]); diff != "" {
		t.Error(diff)
	}
	alive, err := b.Realm.Alive(t.Context(), devicetest.Erika, b.Session)
	must(t, err)
	if !alive {
		t.Error("a notice ended the sessions")
	}
}
