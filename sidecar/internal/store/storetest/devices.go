package storetest

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/device/devicetest"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
	"github.com/schleuse/schleuse/sidecar/internal/store"
)

func permit(p store.Person, sid account.SID) device.Permit {
	return device.Permit{
		Session: sid, Client: "app", Account: p.Accounts[0], Number: p.Number, Kinds: []string{device.ByNect},
		Thumbprint: devicetest.Public(devicetest.NewKey()).Thumbprint(), Proof: "attempt of " + string(sid), Given: start, Expires: start.Add(device.PermitLife),
	}
}

// register stores a phone, with a permit of its own.
func (f *fixture) register(t *testing.T, d device.Device) {
	t.Helper()
	p := permit(store.Person{Number: d.Number, Accounts: []account.ID{d.Account}}, account.SID("sid-"+d.ID))
	p.Given = f.clock.Now()
	p.Expires = p.Given.Add(device.PermitLife)
	must(t, f.one(0).Permits().Give(t.Context(), p))
	_, err := f.one(0).Permits().Use(t.Context(), p.Session, p.Client, func(device.Permit, []device.Device) ([]device.Device, error) {
		return []device.Device{d}, nil
	})
	must(t, err)
}

// carry gives a person a phone, and a permit for another one.
func (f *fixture) carry(t *testing.T, p store.Person) {
	t.Helper()
	d := devicetest.NewPhone().Device(p.Accounts[0], p.Number, start)
	d.Push = device.Push{Channel: "fcm", Token: "token of " + string(p.Accounts[0])}
	f.register(t, d)
	must(t, f.one(0).Permits().Give(t.Context(), permit(p, account.SID("another sid of "+p.Accounts[0]))))
}

var deviceTests = map[string]func(*testing.T, *fixture){
	"rotated keys lose no phone and no permit": func(t *testing.T, f *fixture) {
		d := devicetest.NewPhone().Device("erika-1", erika.Number, start)
		f.register(t, d)
		must(t, f.one(0).Permits().Give(t.Context(), permit(erika, "sid")))
		f.rotate(t, keyring.Index)
		f.wantPhone(t, d)
		_, err := f.one(1).Permits().Look(t.Context(), "sid", "app")
		must(t, err)
		again := permit(erika, "sid-other")
		again.Proof = "attempt of sid"
		must(t, f.one(1).Permits().Give(t.Context(), again))
		_, err = f.one(1).Permits().Look(t.Context(), "sid-other", "app")
		wantErr(t, err, device.ErrNoPermit)
		copied := devicetest.NewPhone().Device("erika-1", erika.Number, start)
		copied.Key = d.Key
		_, err = f.one(1).Permits().Use(t.Context(), "sid", "app", func(device.Permit, []device.Device) ([]device.Device, error) {
			return []device.Device{copied}, nil
		})
		wantErr(t, err, device.ErrKeyUsed)
	},
	"after a sweep the old keys may be retired": func(t *testing.T, f *fixture) {
		d := devicetest.NewPhone().Device("erika-1", erika.Number, start)
		f.register(t, d)
		f.rotate(t, keyring.Index)
		f.rotate(t, keyring.Seal)
		for _, want := range []int{1, 0} {
			swept, err := f.one(1).Sweep(t.Context())
			must(t, err)
			if swept.Rekeyed != want {
				t.Errorf("%d written anew, want %d", swept.Rekeyed, want)
			}
		}
		f.retireOld(t, keyring.Index)
		f.retireOld(t, keyring.Seal)
		f.wantPhone(t, d)
		if h := held(t, f.one(0), erika); len(h.Phones) != 1 {
			t.Errorf("held: %+v", h.Phones)
		}
	},
	"what no key opens is no phone, and ends no sweep": func(t *testing.T, f *fixture) {
		d := devicetest.NewPhone().Device("erika-1", erika.Number, start)
		f.register(t, d)
		f.rotate(t, keyring.Seal)
		f.retireOld(t, keyring.Seal)
		_, err := f.one(0).Devices().Get(t.Context(), d.ID)
		wantErr(t, err, device.ErrNoDevice)
		_, err = f.one(0).Devices().ByKey(t.Context(), d.Key.Thumbprint())
		wantErr(t, err, device.ErrNoDevice)
		if all, err := f.one(0).Devices().Of(t.Context(), "erika-1"); err != nil || len(all) != 0 {
			t.Errorf("%v, %v", all, err)
		}
		for _, want := range []int{1, 0} {
			swept, err := f.one(0).Sweep(t.Context())
			must(t, err)
			if swept.Rekeyed != want {
				t.Errorf("%d written anew, want %d", swept.Rekeyed, want)
			}
		}
	},
	"where no notice has room no right is given, and none is kept": func(t *testing.T, f *fixture) {
		d := devicetest.NewPhone().Device("erika-1", erika.Number, start)
		f.register(t, d)
		full := f.one(0).Outbox(store.PhoneTasks)
		for i := range full.Max - 1000 {
			must(t, full.Put(t.Context(), strconv.Itoa(i), nil, time.Hour))
		}
		p := permit(erika, "sid")
		must(t, f.one(0).Permits().Give(t.Context(), p))
		_, err := f.one(0).Permits().Use(t.Context(), p.Session, p.Client, func(device.Permit, []device.Device) ([]device.Device, error) {
			return []device.Device{devicetest.NewPhone().Device("erika-1", erika.Number, start)}, nil
		})
		wantKind(t, err, fault.Unavailable)
		_, err = f.one(0).Devices().Update(t.Context(), d.ID, func(d *device.Device) error {
			d.State, d.Ended, d.Password = device.Blocked, f.clock.Now(), device.Secret{}
			return nil
		})
		must(t, err)
		must(t, full.Put(t.Context(), "not me", nil, time.Hour))
		if all, err := f.one(1).Devices().Of(t.Context(), "erika-1"); err != nil || len(all) != 1 || all[0].State != device.Blocked {
			t.Errorf("%+v, %v", all, err)
		}
	},
	"blocked phones are swept, others never": func(t *testing.T, f *fixture) {
		lost, kept := devicetest.NewPhone().Device("erika-1", erika.Number, start), devicetest.NewPhone().Device("erika-1", erika.Number, start)
		f.register(t, lost)
		f.register(t, kept)
		_, err := f.one(0).Devices().Update(t.Context(), lost.ID, func(d *device.Device) error {
			d.State, d.Ended, d.Password = device.Blocked, f.clock.Now(), device.Secret{}
			return nil
		})
		must(t, err)
		h := held(t, f.one(1), erika)
		if len(h.Phones) != 2 || h.Phones[0].Expires == nil == (h.Phones[1].Expires == nil) {
			t.Errorf("held: %+v", h.Phones)
		}
		f.clock.Add(device.KeepsBlocked - time.Second)
		for _, want := range []int{0, 1, 0} {
			swept, err := f.one(1).Sweep(t.Context())
			must(t, err)
			if swept.Phones != want {
				t.Errorf("%d swept, want %d", swept.Phones, want)
			}
			f.clock.Add(time.Second)
		}
		f.wantPhone(t, kept)
	},
}

// wantPhone demands that a phone is found in every way.
func (f *fixture) wantPhone(t *testing.T, want device.Device) {
	t.Helper()
	got, err := f.one(1).Devices().Get(t.Context(), want.ID)
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got, err = f.one(0).Devices().ByKey(t.Context(), want.Key.Thumbprint())
	must(t, err)
	all, err := f.one(1).Devices().Of(t.Context(), want.Account)
	must(t, err)
	if got.ID != want.ID || len(all) != 1 || all[0].ID != want.ID {
		t.Errorf("by key %v, of the account %v", got, all)
	}
}
