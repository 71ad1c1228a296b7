package device_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/device/devicetest"
	"github.com/schleuse/schleuse/sidecar/notify"
)

// replace registers a phone in the place of another, as an app does.
func replace(t *testing.T, b *devicetest.Bench, old device.ID) (device.Device, error) {
	t.Helper()
	p := devicetest.Phone{Key: b.Next}
	ticket, err := b.Begin(t.Context(), b.Caller(), devicetest.Public(p.Key), old)
	if err != nil {
		return device.Device{}, err
	}
	p.ID = ticket.Device
	m := p.Message(device.Registration, p.Registration(ticket.Text))
	return b.Enrol(t.Context(), b.Caller(), devicetest.Public(p.Key), device.Enrolment{
		Registration: m, NewPassword: b.Keys.Secret(m, device.ForNewPassword, devicetest.Password), Replaces: old,
	})
}

func TestAPhoneTakesAnothersPlace(t *testing.T) {
	for name, change := range map[string]func(*device.Device){
		"active": func(*device.Device) {},
		"locked": func(d *device.Device) { d.State, d.Reason = device.Locked, device.ReasonPassword },
	} {
		t.Run(name, func(t *testing.T) {
			b, p := registered(t)
			b.Settings.Limit = 1
			d := state(t, b, p.ID)
			change(&d)
			b.Phones.Put(d)
			must(t, b.Permit(t.Context(), device.ByNect))
			_, err := replace(t, b, "")
			wantErr(t, err, device.ErrTooMany)
			next, err := replace(t, b, p.ID)
			must(t, err)
			old := state(t, b, p.ID)
			if old.State != device.Blocked || old.Reason != device.ReasonReplaced || !old.Ended.Equal(next.Created) || old.Password != (device.Secret{}) {
				t.Errorf("the old one: %+v", old)
			}
			if now := state(t, b, next.ID); now.State != device.Active || now.Replaced != p.ID || !now.Cooling(b.Clock()) {
				t.Errorf("the new one: %+v", now)
			}
			if diff := cmp.Diff([]notify.Kind{notify.PhoneAdded, notify.PhoneReplaced}, b.Kinds(t.Context())); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
			entries := b.Entries.Entries()
			last := entries[len(entries)-1]
			if last.Action != "device.register" || last.Detail["device"] != string(next.ID) || last.Detail["replaces"] != string(p.ID) {
				t.Errorf("entry %+v", last)
			}
		})
	}
}

func TestWhoseAndWhichPhoneIsReplaced(t *testing.T) {
	b, p := registered(t)
	foreign := devicetest.NewPhone().Device("moritz-1", "M123456784", start)
	gone := devicetest.NewPhone().Device(devicetest.Erika, devicetest.Number, start)
	gone.State, gone.Ended, gone.Password = device.Blocked, start, device.Secret{}
	b.Phones.Put(foreign)
	b.Phones.Put(gone)
	must(t, b.Permit(t.Context(), device.ByLetter))
	for _, id := range []device.ID{foreign.ID, gone.ID, device.NewID()} {
		_, err := replace(t, b, id)
		wantErr(t, err, device.ErrNoDevice)
	}
	next, m, secret := begun(t, b)
	for _, id := range []device.ID{foreign.ID, gone.ID, next.ID} {
		_, err := b.Enrol(t.Context(), b.Caller(), devicetest.Public(next.Key), device.Enrolment{Registration: m, NewPassword: secret, Replaces: id})
		wantErr(t, err, device.ErrNoDevice)
	}
	b.Settings.FirstPhoneByCard = true
	must(t, b.Permit(t.Context(), device.ByCard))
	_, err := replace(t, b, p.ID)
	wantErr(t, err, device.ErrByCard)
	all, err := b.Store.Of(t.Context(), devicetest.Erika)
	must(t, err)
	alive := slices.DeleteFunc(all, func(d device.Device) bool { return d.State == device.Blocked })
	if len(alive) != 1 || alive[0].ID != p.ID || state(t, b, foreign.ID).State != device.Active {
		t.Errorf("%+v", all)
	}
}
