package device_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/device/devicetest"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/notify"
)

// A notice that cannot be sent now, because the channel's queue is full or
// broken, is sent later: a registration in somebody's name is never kept quiet.
func TestANoticeThatCannotBeSentIsSentLater(t *testing.T) {
	b, p := registered(t)
	before := len(b.Kinds(t.Context()))
	b.Told.FailWith(errors.New("full"))
	must(t, b.BlockFor(t.Context(), devicetest.Erika, p.ID, device.ReasonSupport))
	tasks := b.News.All()
	if len(tasks) != 2 {
		t.Fatalf("%d tasks, want both notices", len(tasks))
	}
	if b.Carry(t.Context(), tasks[1].Body) == nil {
		t.Error("the notice counts as sent")
	}
	b.Told.FailWith(nil)
	if diff := cmp.Diff([]notify.Kind{notify.PhoneBlocked}, b.Kinds(t.Context())[before:]); diff != "" {
		t.Error(diff)
	}
	alive, err := b.Realm.Alive(t.Context(), devicetest.Erika, b.Session)
	must(t, err)
	if !alive {
		t.Error("a notice ended the sessions")
	}
}

// died is what a process says that is killed.
type died struct{}

// killed is a store of which the process dies as soon as a change is stored.
type killed struct{ *devicetest.Store }

func (k killed) Update(ctx context.Context, id device.ID, fn func(*device.Device) error) (device.Device, error) {
	before, err := k.Get(ctx, id)
	if err != nil {
		return before, err
	}
	after, err := k.Store.Update(ctx, id, fn)
	if err == nil && (after.State != before.State || after.Key != before.Key || after.Password.Set != before.Password.Set || after.PIN.Over != before.PIN.Over) {
		panic(died{})
	}
	return after, err
}

// killedPermits is killed as the other port.
type killedPermits struct{ *devicetest.Store }

func (k killedPermits) Use(ctx context.Context, sid account.SID, client string,
	fn func(device.Permit, []device.Device) ([]device.Device, error),
) (device.Device, error) {
	out, err := k.Store.Use(ctx, sid, client, fn)
	if err == nil {
		panic(died{})
	}
	return out, err
}

// dying does something in a process that is killed directly after the change.
func dying(t *testing.T, b *devicetest.Bench, do func() error) {
	t.Helper()
	service := *b.Service
	defer func() {
		*b.Service = service
		if r := recover(); r != (died{}) {
			t.Fatalf("the change was not stored: %v", r)
		}
	}()
	b.Store = killed{b.Phones}
	b.Permits = killedPermits{b.Phones}
	t.Fatalf("lives, with %v", do())
}

// TestWhoeverIsKilledAfterTheChangeHasItTold: between a change of a phone and the
// notice about it there is nothing to be lost.
func TestWhoeverIsKilledAfterTheChangeHasItTold(t *testing.T) {
	wrong := func(t *testing.T, b *devicetest.Bench, p devicetest.Phone, n int) {
		for range n {
			wantErr(t, check(t.Context(), b, p, "wrong"), device.ErrFactors)
		}
	}
	for name, c := range map[string]struct {
		do   func(t *testing.T, b *devicetest.Bench, p devicetest.Phone) func() error
		want notify.Kind
	}{
		"registered": {func(t *testing.T, b *devicetest.Bench, _ devicetest.Phone) func() error {
			must(t, b.Permit(t.Context(), device.ByNect))
			return func() error { _, err := b.Register(t.Context()); return err }
		}, notify.PhoneAdded},
		"replaced": {func(t *testing.T, b *devicetest.Bench, p devicetest.Phone) func() error {
			must(t, b.Permit(t.Context(), device.ByNect))
			return func() error { _, err := replace(t, b, p.ID); return err }
		}, notify.PhoneReplaced},
		"blocked": {func(t *testing.T, b *devicetest.Bench, p devicetest.Phone) func() error {
			return func() error { return b.BlockFor(t.Context(), devicetest.Erika, p.ID, device.ReasonWeb) }
		}, notify.PhoneBlocked},
		"locked": {func(t *testing.T, b *devicetest.Bench, p devicetest.Phone) func() error {
			wrong(t, b, p, 4)
			return func() error { return check(t.Context(), b, p, "wrong") }
		}, notify.PhoneLocked},
		"PIN locked": {func(t *testing.T, b *devicetest.Bench, p devicetest.Phone) func() error {
			setPIN(t, b, p)
			for range 4 {
				wantErr(t, open(t, b, p, "000000"), device.ErrFactors)
			}
			return func() error { return open(t, b, p, "000000") }
		}, notify.PhonePINLocked},
		"unlocked": {func(t *testing.T, b *devicetest.Bench, p devicetest.Phone) func() error {
			wrong(t, b, p, 5)
			must(t, b.PermitFor(t.Context(), devicetest.Public(p.Key), device.ByNect))
			m := p.Message(device.Order, p.Order(device.ToUnlock, ""))
			return func() error {
				_, err := b.Unlock(t.Context(), b.Caller(), p.ID, devicetest.Public(p.Key), m, b.Keys.Secret(m, device.ForNewPassword, "Ebbe-und-Flut"))
				return err
			}
		}, notify.PhoneUnlocked},
		"another password": {func(t *testing.T, b *devicetest.Bench, p devicetest.Phone) func() error {
			b.Pass(1)
			m, secret := order(b, p, device.ToSetPassword, "")
			return func() error {
				return b.ChangePassword(t.Context(), p.ID, m, secret(device.ForPassword, devicetest.Password), secret(device.ForNewPassword, "Ebbe-und-Flut"))
			}
		}, notify.PhonePassword},
		"another key": {func(t *testing.T, b *devicetest.Bench, p devicetest.Phone) func() error {
			next := devicetest.Phone{ID: p.ID, Key: devicetest.NewKey()}
			payload := p.Order(device.ToRotateKey, devicetest.Public(next.Key))
			byOld, byNew := p.Message(device.Order, payload), next.Message(device.Order, payload)
			return func() error {
				return b.RotateKey(t.Context(), p.ID, byOld, byNew, b.Keys.Secret(byOld, device.ForPassword, devicetest.Password))
			}
		}, notify.PhoneRekeyed},
	} {
		t.Run(name, func(t *testing.T) {
			b, p := registered(t)
			do := c.do(t, b, p)
			before := b.Kinds(t.Context())
			dying(t, b, do)
			if diff := cmp.Diff([]notify.Kind{c.want}, b.Kinds(t.Context())[len(before):]); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
			if after := b.Kinds(t.Context()); len(after) != len(before)+1 {
				t.Errorf("told twice: %v", after)
			}
		})
	}
}

// TestNothingIsToldThatDidNotComeAbout, and what gives rights does not come about
// where it cannot be told.
func TestNothingIsToldThatDidNotComeAbout(t *testing.T) {
	b, p := registered(t)
	before := len(b.News.All())
	broken := errors.New("broken")
	b.Phones.Break(broken)
	wantErr(t, b.BlockFor(t.Context(), devicetest.Erika, p.ID, device.ReasonWeb), broken)
	b.Phones.Break(nil)
	wantErr(t, check(t.Context(), b, p, "wrong"), device.ErrFactors)
	must(t, check(t.Context(), b, p, devicetest.Password))
	if n := len(b.News.All()); n != before {
		t.Errorf("%d notices of nothing", n-before)
	}
	full := fault.New(fault.Unavailable, "later", nil)
	b.News.FailWith(full)
	must(t, b.Permit(t.Context(), device.ByNect))
	_, err := b.Register(t.Context())
	wantErr(t, err, full)
	if all, err := b.Store.Of(t.Context(), devicetest.Erika); err != nil || len(all) != 1 {
		t.Errorf("%d phones, %v", len(all), err)
	}
	must(t, b.BlockFor(t.Context(), devicetest.Erika, p.ID, device.ReasonWeb))
	b.News.FailWith(nil)
	_, err = b.Register(t.Context())
	must(t, err)
}
