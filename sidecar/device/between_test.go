package device_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/device/devicetest"
)

// between lets something happen after the first call of a store.
type between struct {
	device.Store
	afterGet, afterUpdate func()
}

func once(fn *func()) {
	if f := *fn; f != nil {
		*fn = nil
		f()
	}
}

func (s *between) Get(ctx context.Context, id device.ID) (device.Device, error) {
	defer once(&s.afterGet)
	return s.Store.Get(ctx, id)
}

func (s *between) Update(ctx context.Context, id device.ID, fn func(*device.Device) error) (device.Device, error) {
	defer once(&s.afterUpdate)
	return s.Store.Update(ctx, id, fn)
}

// swapped lets something happen before a permit is used.
type swapped struct {
	device.Permits
	beforeUse func()
}

func (s *swapped) Use(ctx context.Context, sid account.SID, client string,
	fn func(device.Permit, []device.Device) ([]device.Device, error),
) (device.Device, error) {
	once(&s.beforeUse)
	return s.Permits.Use(ctx, sid, client, fn)
}

func TestWhatChangesWhileAPasswordIsChecked(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*device.Device)
		first  error // it happened between the signature and the count
		second error // it happened between the count and the end
		counts int   // after the first
	}{
		"nothing":           {func(*device.Device) {}, nil, nil, 0},
		"another key":       {func(d *device.Device) { d.Key = devicetest.Public(devicetest.NewKey()) }, device.ErrFactors, device.ErrFactors, 0},
		"locked":            {func(d *device.Device) { d.State = device.Locked }, device.ErrLocked, device.ErrLocked, 0},
		"blocked":           {func(d *device.Device) { d.State, d.Ended = device.Blocked, d.Created }, device.ErrBlocked, device.ErrBlocked, 0},
		"another password":  {func(d *device.Device) { d.Password.Hash = "other" }, device.ErrFactors, device.ErrFactors, 1},
		"nothing to forget": {func(d *device.Device) { d.Name = "other" }, nil, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			for _, late := range []bool{false, true} {
				b, p := registered(t)
				change := func() {
					d := state(t, b, p.ID)
					c.change(&d)
					b.Phones.Put(d)
				}
				if late {
					b.Store = &between{Store: b.Phones, afterUpdate: change}
					wantErr(t, check(t.Context(), b, p, devicetest.Password), c.second)
					continue
				}
				b.Store = &between{Store: b.Phones, afterGet: change}
				wantErr(t, check(t.Context(), b, p, devicetest.Password), c.first)
				if d := state(t, b, p.ID); d.Password.Wrong != c.counts {
					t.Errorf("%d tries counted", d.Password.Wrong)
				}
			}
		})
	}
}

func TestAnOrderOfAPhoneThatChangedMeanwhile(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*device.Device)
		want   error
	}{
		"another key": {func(d *device.Device) { d.Key = devicetest.Public(devicetest.NewKey()) }, device.ErrFactors},
		"locked":      {func(d *device.Device) { d.State = device.Locked }, device.ErrLocked},
	} {
		t.Run(name, func(t *testing.T) {
			b, p := registered(t)
			b.Store = &between{Store: b.Phones, afterGet: func() {
				d := state(t, b, p.ID)
				c.change(&d)
				b.Phones.Put(d)
			}}
			wantErr(t, b.RemoveBiometric(t.Context(), p.ID), c.want)
		})
	}
}

func TestALockedPhoneIsNotOpenedAndNotWoken(t *testing.T) {
	b, p := registered(t)
	finger := devicetest.Phone{ID: p.ID, Key: devicetest.NewKey()}
	m, secret := order(b, p, device.ToSetBiometric, devicetest.Public(finger.Key))
	must(t, b.SetBiometric(t.Context(), p.ID, m, secret(device.ForPassword, devicetest.Password)))
	setPIN(t, b, p)
	must(t, b.Permit(t.Context(), device.ByNect))
	second, err := b.Register(t.Context())
	must(t, err)
	must(t, b.RegisterPush(t.Context(), p.ID, device.Push{Channel: "fcm", Token: "locked"}))
	must(t, b.RegisterPush(t.Context(), second.ID, device.Push{Channel: "fcm", Token: "second"}))
	for range 5 {
		wantErr(t, check(t.Context(), b, p, "wrong"), device.ErrFactors)
	}
	_, err = b.OpenApp(t.Context(), p.ID, finger.Message(device.Order, finger.Order(device.ToOpen, "")), nil)
	wantErr(t, err, device.ErrLocked)
	wantErr(t, open(t, b, p, devicetest.PIN), device.ErrLocked)
	if diff := cmp.Diff([]string{"second"}, b.Pushed.Sent()); diff != "" {
		t.Errorf("woken (-want +got):\n%s", diff)
	}
}

// unwritten is a store of which the next change fails.
type unwritten struct {
	device.Store
	err error
}

func (s *unwritten) Update(ctx context.Context, id device.ID, fn func(*device.Device) error) (device.Device, error) {
	if err := s.err; err != nil {
		s.err = nil
		return device.Device{}, err
	}
	return s.Store.Update(ctx, id, fn)
}

func TestSayingItAgainAfterACrashLeavesTheWayBack(t *testing.T) {
	b, p := registered(t)
	broken := errors.New("broken")
	b.Store = &unwritten{b.Phones, broken}
	wantErr(t, b.WasNotMe(t.Context(), p.ID, "approval-1"), broken)
	b.Pass(time.Minute)
	must(t, b.WasNotMe(t.Context(), p.ID, "approval-1"))
	carry(t, b)
	void := b.Realm.Password(devicetest.Erika)
	carry(t, b)
	if again := b.Realm.Password(devicetest.Erika); void == "" || again != void {
		t.Errorf("the password was made useless twice: %q, then %q", void, again)
	}
	withdrawn(b)
	wantErr(t, setLogin(t, b, p, devicetest.Password, "a new login password"), device.ErrNotCleared)
	must(t, b.Realm.Grant(t.Context(), devicetest.Erika))
	must(t, setLogin(t, b, p, devicetest.Password, "a new login password"))
}
