package device_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/device/devicetest"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/notify"
)

var start = time.Date(2026, 12, 1, 8, 30, 0, 0, time.UTC)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("err = %v, want %v", err, want)
	}
}

// registered returns a bench whose person has a phone; the cool-down is over.
func registered(t *testing.T) (*devicetest.Bench, devicetest.Phone) {
	t.Helper()
	b := devicetest.NewBench(start)
	must(t, b.Permit(t.Context(), device.ByNect))
	p, err := b.Register(t.Context())
	must(t, err)
	b.Pass(25 * time.Hour)
	return b, p
}

func state(t *testing.T, b *devicetest.Bench, id device.ID) device.Device {
	t.Helper()
	d, err := b.Store.Get(t.Context(), id)
	must(t, err)
	return d
}

// word is any message of a phone beside which a password travels.
func word(p devicetest.Phone, text string) device.Message {
	return p.Message(device.Answer, map[string]any{"v": 1, "text": text})
}

// check tries a device password.
func check(ctx context.Context, b *devicetest.Bench, p devicetest.Phone, password string) error {
	m := word(p, password)
	return b.CheckPassword(ctx, p.ID, m, b.Keys.Secret(m, device.ForPassword, password))
}

func TestAPhoneIsRegisteredWithAPermitAlone(t *testing.T) {
	b := devicetest.NewBench(start)
	_, err := b.Register(t.Context())
	wantErr(t, err, device.ErrNoPermit)
	must(t, b.Permit(t.Context(), device.ByNect))
	p, err := b.Register(t.Context())
	must(t, err)

	got := state(t, b, p.ID)
	if got.Password.Hash == "" || got.Password.Hash == devicetest.Password || !got.Password.Set.Equal(start) {
		t.Errorf("password: %+v", got.Password)
	}
	got.Password = device.Secret{}
	want := device.Device{
		ID: p.ID, Account: devicetest.Erika, Number: devicetest.Number, Name: "Telefon von Erika", Platform: "android",
		Key: devicetest.Public(p.Key), State: device.Active, Created: start, LastUsed: start.Truncate(time.Hour), CoolUntil: start.Add(24 * time.Hour),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !got.Cooling(start.Add(24*time.Hour-1)) || got.Cooling(start.Add(24*time.Hour)) {
		t.Error("the cool-down is not 24 h")
	}
	if diff := cmp.Diff([]notify.Kind{notify.PhoneAdded}, b.Kinds(t.Context())); diff != "" {
		t.Errorf("notices (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"device.register", "device.register"}, b.Entries.Actions()); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}
	must(t, check(t.Context(), b, p, devicetest.Password))
	_, err = b.Register(t.Context())
	wantErr(t, err, device.ErrNoPermit)
}

func TestWithoutAnEntryNoPhoneIsRegistered(t *testing.T) {
	b := devicetest.NewBench(start)
	must(t, b.Permit(t.Context(), device.ByNect))
	broken := errors.New("broken")
	b.Entries.FailWith(broken)
	_, err := b.Register(t.Context())
	wantErr(t, err, broken)
	if all, err := b.Store.Of(t.Context(), devicetest.Erika); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}

func TestWhoMayRegister(t *testing.T) {
	broken := errors.New("broken")
	card := func(b *devicetest.Bench) { b.Settings.FirstPhoneByCard = true }
	lost := func(b *devicetest.Bench) {
		d := devicetest.NewPhone().Device(devicetest.Erika, devicetest.Number, start)
		d.State, d.Ended, d.Password = device.Blocked, start, device.Secret{}
		b.Phones.Put(d)
	}
	phones := func(states ...device.State) func(*devicetest.Bench) {
		return func(b *devicetest.Bench) {
			for _, s := range states {
				d := devicetest.NewPhone().Device(devicetest.Erika, devicetest.Number, start)
				d.State = s
				b.Phones.Put(d)
			}
		}
	}
	both := func(fns ...func(*devicetest.Bench)) func(*devicetest.Bench) {
		return func(b *devicetest.Bench) {
			for _, fn := range fns {
				fn(b)
			}
		}
	}
	const a, l = device.Active, device.Locked
	for name, c := range map[string]struct {
		kinds []string
		given func(*devicetest.Bench)
		want  error
	}{
		"by a phone":                        {[]string{device.ByPhone}, phones(a), nil},
		"by letter":                         {[]string{device.ByLetter}, phones(), nil},
		"by card":                           {[]string{device.ByCard}, phones(), device.ErrByCard},
		"by card, as the operator says":     {[]string{device.ByCard}, card, nil},
		"by card, the second":               {[]string{device.ByCard}, both(card, phones(a)), device.ErrByCard},
		"by card, after a lost one":         {[]string{device.ByCard}, both(card, lost), device.ErrByCard},
		"by card and letter, the second":    {[]string{device.ByCard, device.ByLetter}, phones(a), nil},
		"by something unknown":              {[]string{"password"}, phones(), device.ErrByCard},
		"by something unknown, the second":  {[]string{"password"}, both(card, phones(a)), device.ErrByCard},
		"the fifth":                         {[]string{device.ByNect}, phones(a, a, l, l), nil},
		"the sixth":                         {[]string{device.ByNect}, phones(a, a, a, l, l), device.ErrTooMany},
		"the fifth beside a lost one":       {[]string{device.ByNect}, both(phones(a, a, l, l), lost), nil},
		"not identified":                    {[]string{device.ByNect}, withdrawn, device.ErrNotCleared},
		"staff":                             {[]string{device.ByNect}, func(b *devicetest.Bench) { b.Realm.Exempt(devicetest.Erika) }, device.ErrNotCleared},
		"the session is over":               {[]string{device.ByNect}, func(b *devicetest.Bench) { must(t, b.Realm.End(t.Context(), b.Session)) }, device.ErrNotCleared},
		"disabled":                          {[]string{device.ByNect}, disabled, device.ErrNotCleared},
		"the clearance is not known":        {[]string{device.ByNect}, func(b *devicetest.Bench) { b.Realm.Break("Clearance", broken) }, broken},
		"the session is not known":          {[]string{device.ByNect}, func(b *devicetest.Bench) { b.Realm.Break("Alive", broken) }, broken},
		"whether it is enabled is not said": {[]string{device.ByNect}, func(b *devicetest.Bench) { b.Realm.Break("Get", broken) }, broken},
	} {
		t.Run(name, func(t *testing.T) {
			// What stops the beginning must stop the end too.
			for _, late := range []bool{false, true} {
				b := devicetest.NewBench(start)
				must(t, b.Permit(t.Context(), c.kinds...))
				if !late {
					c.given(b)
					_, err := b.Register(t.Context())
					wantErr(t, err, c.want)
					continue
				}
				p, m, secret := begun(t, b)
				must(t, b.PermitFor(t.Context(), devicetest.Public(p.Key), c.kinds...))
				c.given(b)
				_, err := b.Enrol(t.Context(), b.Caller(), devicetest.Public(p.Key), device.Enrolment{Registration: m, NewPassword: secret})
				wantErr(t, err, c.want)
			}
		})
	}
}

// withdrawn makes the person one who is not identified.
func withdrawn(b *devicetest.Bench) {
	b.Realm.Put(account.Account{ID: devicetest.Erika, Username: devicetest.Number.Username(), Enabled: true})
}

func disabled(b *devicetest.Bench) {
	b.Realm.Put(account.Account{ID: devicetest.Erika, Username: devicetest.Number.Username()})
	if err := b.Realm.Grant(context.Background(), devicetest.Erika); err != nil {
		panic(err)
	}
}

// begun is a registration of which only the last call is to be made; its permit
// was the best there is.
func begun(t *testing.T, b *devicetest.Bench) (devicetest.Phone, device.Message, device.Sealed) {
	t.Helper()
	must(t, b.Permit(t.Context(), device.ByNect))
	p := devicetest.Phone{Key: b.Next}
	b.Next = devicetest.NewKey()
	ticket, err := b.Begin(t.Context(), b.Caller(), devicetest.Public(p.Key), "")
	must(t, err)
	p.ID = ticket.Device
	m := p.Message(device.Registration, p.Registration(ticket.Text))
	return p, m, b.Keys.Secret(m, device.ForNewPassword, devicetest.Password)
}

func TestARegistrationThatWasChanged(t *testing.T) {
	thief := devicetest.NewPhone()
	for name, c := range map[string]struct {
		payload func(map[string]any)
		want    error
	}{
		"another version":   {func(p map[string]any) { p["v"] = 2 }, device.ErrMessage},
		"another audience":  {func(p map[string]any) { p["aud"] = "https://evil.example" }, device.ErrMessage},
		"another phone":     {func(p map[string]any) { p["sub"] = string(thief.ID) }, device.ErrMessage},
		"another key":       {func(p map[string]any) { p["jwk"] = thief.Registration("")["jwk"] }, device.ErrMessage},
		"no key":            {func(p map[string]any) { delete(p, "jwk") }, device.ErrMessage},
		"no time":           {func(p map[string]any) { delete(p, "iat") }, device.ErrMessage},
		"a time of words":   {func(p map[string]any) { p["iat"] = "now" }, device.ErrMessage},
		"a member more":     {func(p map[string]any) { p["admin"] = true }, device.ErrMessage},
		"another case":      {func(p map[string]any) { p["Name"] = p["name"]; delete(p, "name") }, device.ErrMessage},
		"no platform":       {func(p map[string]any) { delete(p, "platform") }, device.ErrMessage},
		"a long platform":   {func(p map[string]any) { p["platform"] = strings.Repeat("a", device.MaxName+1) }, device.ErrMessage},
		"a long name":       {func(p map[string]any) { p["name"] = strings.Repeat("ä", device.MaxName+1) }, device.ErrName},
		"platform of lines": {func(p map[string]any) { p["platform"] = "a\nb" }, device.ErrMessage},
		"no name":           {func(p map[string]any) { delete(p, "name") }, device.ErrName},
		"a name of lines":   {func(p map[string]any) { p["name"] = "a\nb" }, device.ErrName},
		"a turned name":     {func(p map[string]any) { p["name"] = "a\u202eb" }, device.ErrName},
		"no ticket":         {func(p map[string]any) { delete(p, "ticket") }, device.ErrTicket},
		"another ticket":    {func(p map[string]any) { p["ticket"] = "AAAA" }, device.ErrTicket},
	} {
		t.Run(name, func(t *testing.T) {
			b := devicetest.NewBench(start)
			must(t, b.Permit(t.Context(), device.ByNect))
			p := devicetest.Phone{Key: b.Next}
			ticket, err := b.Begin(t.Context(), b.Caller(), devicetest.Public(p.Key), "")
			must(t, err)
			p.ID = ticket.Device
			payload := p.Registration(ticket.Text)
			c.payload(payload)
			m := p.Message(device.Registration, payload)
			_, err = b.Enrol(t.Context(), b.Caller(), devicetest.Public(p.Key), device.Enrolment{Registration: m, NewPassword: b.Keys.Secret(m, device.ForNewPassword, devicetest.Password)})
			wantErr(t, err, c.want)
		})
	}
}

func TestATicketServesItsOwnerAlone(t *testing.T) {
	b := devicetest.NewBench(start)
	p, m, secret := begun(t, b)
	key := devicetest.Public(p.Key)
	other := b.Caller()
	other.Session = b.Realm.SignIn(devicetest.Erika)
	_, err := b.Enrol(t.Context(), other, key, device.Enrolment{Registration: m, NewPassword: secret})
	wantErr(t, err, device.ErrTicket)
	other = b.Caller()
	other.Client = "webcenter"
	_, err = b.Enrol(t.Context(), other, key, device.Enrolment{Registration: m, NewPassword: secret})
	wantErr(t, err, device.ErrTicket)

	thief := devicetest.Phone{ID: p.ID, Key: devicetest.NewKey()}
	var payload map[string]any
	must(t, m.Decode(&payload))
	stolen := thief.Registration(payload["ticket"].(string))
	m2 := thief.Message(device.Registration, stolen)
	_, err = b.Enrol(t.Context(), b.Caller(), devicetest.Public(thief.Key), device.Enrolment{Registration: m2, NewPassword: b.Keys.Secret(m2, device.ForNewPassword, devicetest.Password)})
	wantErr(t, err, device.ErrTicket)
	_, err = b.Enrol(t.Context(), b.Caller(), devicetest.Public(thief.Key), device.Enrolment{Registration: m, NewPassword: secret})
	wantErr(t, err, device.ErrFactors)

	renamed := devicetest.Phone{ID: device.NewID(), Key: p.Key}
	m3 := renamed.Message(device.Registration, renamed.Registration(payload["ticket"].(string)))
	_, err = b.Enrol(t.Context(), b.Caller(), key, device.Enrolment{Registration: m3, NewPassword: b.Keys.Secret(m3, device.ForNewPassword, devicetest.Password)})
	wantErr(t, err, device.ErrTicket)

	b.Pass(device.PermitLife)
	must(t, b.Permit(t.Context(), device.ByNect))
	_, err = b.Enrol(t.Context(), b.Caller(), key, device.Enrolment{Registration: m, NewPassword: secret})
	wantErr(t, err, device.ErrTicket)
}

func TestAWeakPasswordLeavesTicketAndPermit(t *testing.T) {
	b := devicetest.NewBench(start)
	p, m, secret := begun(t, b)
	key := devicetest.Public(p.Key)
	_, err := b.Enrol(t.Context(), b.Caller(), key, device.Enrolment{Registration: m, NewPassword: b.Keys.Secret(m, device.ForNewPassword, "12345678")})
	wantErr(t, err, device.ErrWeak)
	_, err = b.Enrol(t.Context(), b.Caller(), key, device.Enrolment{Registration: m, NewPassword: b.Keys.Secret(m, device.ForPassword, devicetest.Password)})
	wantErr(t, err, device.ErrSealed)
	d, err := b.Enrol(t.Context(), b.Caller(), key, device.Enrolment{Registration: m, NewPassword: secret})
	must(t, err)
	_, err = b.Enrol(t.Context(), b.Caller(), key, device.Enrolment{Registration: m, NewPassword: secret})
	wantErr(t, err, device.ErrNoPermit)
	must(t, b.PermitFor(t.Context(), key, device.ByNect))
	_, err = b.Enrol(t.Context(), b.Caller(), key, device.Enrolment{Registration: m, NewPassword: secret})
	wantErr(t, err, device.ErrKeyUsed)
	if d.ID != p.ID {
		t.Errorf("%+v", d)
	}
}

func TestThePasswordIsCountedAfterTheSignatureAndLocks(t *testing.T) {
	b, p := registered(t)
	thief := devicetest.Phone{ID: p.ID, Key: devicetest.NewKey()}
	for range 10 {
		wantErr(t, check(t.Context(), b, thief, devicetest.Password), device.ErrFactors)
		wantErr(t, check(t.Context(), b, thief, "wrong"), device.ErrFactors)
	}
	for range 4 {
		wantErr(t, check(t.Context(), b, p, "wrong"), device.ErrFactors)
	}
	must(t, check(t.Context(), b, p, devicetest.Password))
	if d := state(t, b, p.ID); d.Password.Wrong != 0 || !d.LastUsed.Equal(b.Clock().Truncate(time.Hour)) {
		t.Errorf("%+v", d)
	}
	for range 5 {
		wantErr(t, check(t.Context(), b, p, "wrong"), device.ErrFactors)
	}
	if d := state(t, b, p.ID); d.State != device.Locked || d.Reason != device.ReasonPassword {
		t.Errorf("%+v", d)
	}
	wantErr(t, check(t.Context(), b, p, devicetest.Password), device.ErrLocked)
	wantErr(t, check(t.Context(), b, thief, devicetest.Password), device.ErrFactors)
	if diff := cmp.Diff([]notify.Kind{notify.PhoneAdded, notify.PhoneLocked}, b.Kinds(t.Context())); diff != "" {
		t.Errorf("notices (-want +got):\n%s", diff)
	}
	if n := count(b.Events(), device.WrongSecret); n != 9 || count(b.Events(), device.LockedOut) != 1 {
		t.Errorf("%d wrong: %v", n, b.Events())
	}
	if n := count(b.Entries.Actions(), "device.wrong.device-password"); n != 9 || count(b.Entries.Actions(), "device.locked") != 1 {
		t.Errorf("%d: %v", n, b.Entries.Actions())
	}
}

func count[T comparable](all []T, one T) (n int) {
	for _, v := range all {
		if v == one {
			n++
		}
	}
	return n
}

func TestAReplayBesideAnotherMessageIsNoTry(t *testing.T) {
	b, p := registered(t)
	m, other := word(p, "one"), word(p, "two")
	good := b.Keys.Secret(m, device.ForPassword, devicetest.Password)
	for name, s := range map[string]device.Sealed{
		"a replay":        good,
		"another purpose": b.Keys.Secret(other, device.ForNewPassword, devicetest.Password),
		"another key":     {Key: "00000000", Enc: good.Enc, Box: good.Box},
		"nothing":         {},
		"empty":           b.Keys.Secret(other, device.ForPassword, ""),
	} {
		err := b.CheckPassword(t.Context(), p.ID, other, s)
		if !errors.Is(err, device.ErrSealed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if d := state(t, b, p.ID); d.Password.Wrong != 0 {
		t.Errorf("%d tries counted", d.Password.Wrong)
	}
	must(t, b.CheckPassword(t.Context(), p.ID, m, good))
	another := devicetest.NewPhone()
	wantErr(t, b.CheckPassword(t.Context(), another.ID, word(another, "x"), good), device.ErrFactors)
	wantErr(t, b.CheckPassword(t.Context(), another.ID, m, good), device.ErrFactors)
}

func TestACrashBeforeTheLockIsMadeUpFor(t *testing.T) {
	b, p := registered(t)
	d := state(t, b, p.ID)
	d.Password.Wrong = 5
	b.Phones.Put(d)
	wantErr(t, check(t.Context(), b, p, devicetest.Password), device.ErrLocked)
	if d := state(t, b, p.ID); d.State != device.Locked || !slices.Contains(b.Kinds(t.Context()), notify.PhoneLocked) {
		t.Errorf("%+v, %v", d.State, b.Kinds(t.Context()))
	}
}

func TestAPasswordUnderAnOldPepper(t *testing.T) {
	b, p := registered(t)
	before := state(t, b, p.ID).Password
	b.Keys.RotatePepper()
	wantErr(t, check(t.Context(), b, p, "wrong"), device.ErrFactors)
	must(t, check(t.Context(), b, p, devicetest.Password))
	after := state(t, b, p.ID).Password
	if after.Hash == before.Hash || after.Pepper == before.Pepper || after.Wrong != 0 || !after.Set.Equal(before.Set) {
		t.Errorf("%+v after %+v", after, before)
	}
	b.Keys.RetirePeppers()
	must(t, check(t.Context(), b, p, devicetest.Password))
	b.Keys.RotatePepper()
	b.Keys.RetirePeppers()
	wantErr(t, check(t.Context(), b, p, devicetest.Password), device.ErrFactors)
}

func TestUnlocking(t *testing.T) {
	const fresh = "Watt-Wurm-9"
	locked := func(t *testing.T) (*devicetest.Bench, devicetest.Phone, device.Message, device.Sealed) {
		b, p := registered(t)
		for range 5 {
			wantErr(t, check(t.Context(), b, p, "wrong"), device.ErrFactors)
		}
		m := p.Message(device.Order, p.Order(device.ToUnlock, ""))
		return b, p, m, b.Keys.Secret(m, device.ForNewPassword, fresh)
	}
	t.Run("with a permit", func(t *testing.T) {
		b, p, m, secret := locked(t)
		key := devicetest.Public(p.Key)
		_, err := b.Unlock(t.Context(), b.Caller(), p.ID, key, m, secret)
		wantErr(t, err, device.ErrNoPermit)
		must(t, b.PermitFor(t.Context(), devicetest.Public(p.Key), device.ByLetter))
		_, err = b.Unlock(t.Context(), b.Caller(), p.ID, key, m, b.Keys.Secret(m, device.ForNewPassword, "short"))
		wantErr(t, err, device.ErrWeak)
		d, err := b.Unlock(t.Context(), b.Caller(), p.ID, key, m, secret)
		must(t, err)
		if d.State != device.Active || d.Reason != "" || !d.Cooling(b.Clock().Add(24*time.Hour-1)) || d != state(t, b, p.ID) {
			t.Errorf("%+v", d)
		}
		must(t, check(t.Context(), b, p, fresh))
		wantErr(t, check(t.Context(), b, p, devicetest.Password), device.ErrFactors)
		if kinds := b.Kinds(t.Context()); kinds[len(kinds)-1] != notify.PhoneUnlocked {
			t.Errorf("%v", kinds)
		}
		_, err = b.Unlock(t.Context(), b.Caller(), p.ID, key, m, secret)
		wantErr(t, err, device.ErrNoPermit)
	})
	t.Run("never by card", func(t *testing.T) {
		b, p, m, secret := locked(t)
		b.Settings.FirstPhoneByCard = true
		must(t, b.PermitFor(t.Context(), devicetest.Public(p.Key), device.ByCard))
		_, err := b.Unlock(t.Context(), b.Caller(), p.ID, devicetest.Public(p.Key), m, secret)
		wantErr(t, err, device.ErrByCard)
	})
	t.Run("never a blocked one", func(t *testing.T) {
		b, p, m, secret := locked(t)
		must(t, b.Block(t.Context(), state(t, b, p.ID), p.ID))
		must(t, b.PermitFor(t.Context(), devicetest.Public(p.Key), device.ByNect))
		_, err := b.Unlock(t.Context(), b.Caller(), p.ID, devicetest.Public(p.Key), m, secret)
		wantErr(t, err, device.ErrBlocked)
	})
	t.Run("not another's", func(t *testing.T) {
		b, p, m, secret := locked(t)
		b.Realm.Put(account.Account{ID: "moritz-1", Username: "m123456784", Enabled: true})
		must(t, b.Realm.Grant(t.Context(), "moritz-1"))
		moritz := device.Caller{Account: "moritz-1", Session: b.Realm.SignIn("moritz-1"), Client: devicetest.Client}
		_, err := b.Unlock(t.Context(), moritz, p.ID, devicetest.Public(p.Key), m, secret)
		wantErr(t, err, device.ErrNoDevice)
		_, err = b.Unlock(t.Context(), b.Caller(), p.ID, devicetest.Public(devicetest.NewKey()), m, secret)
		wantErr(t, err, device.ErrNoDevice)
		_, err = b.Unlock(t.Context(), b.Caller(), device.NewID(), devicetest.Public(p.Key), m, secret)
		wantErr(t, err, device.ErrNoDevice)
	})
	t.Run("not by another order", func(t *testing.T) {
		b, p, _, _ := locked(t)
		must(t, b.PermitFor(t.Context(), devicetest.Public(p.Key), device.ByNect))
		m := p.Message(device.Order, p.Order(device.ToSetPIN, ""))
		_, err := b.Unlock(t.Context(), b.Caller(), p.ID, devicetest.Public(p.Key), m, b.Keys.Secret(m, device.ForNewPassword, fresh))
		wantErr(t, err, device.ErrMessage)
	})
	t.Run("not when the person is not cleared", func(t *testing.T) {
		b, p, m, secret := locked(t)
		must(t, b.PermitFor(t.Context(), devicetest.Public(p.Key), device.ByNect))
		withdrawn(b)
		_, err := b.Unlock(t.Context(), b.Caller(), p.ID, devicetest.Public(p.Key), m, secret)
		wantErr(t, err, device.ErrNotCleared)
	})
}

// A permit that a phone vouched for ends with it, also when it was given only
// after the phone was blocked.
func TestThePermitOfABlockedPhone(t *testing.T) {
	for name, late := range map[string]bool{"given before": false, "given after": true} {
		b, p := registered(t)
		now := b.Clock()
		permit := device.Permit{
			Session: b.Session, Client: devicetest.Client, Account: devicetest.Erika, Number: devicetest.Number,
			Thumbprint: devicetest.Public(b.Next).Thumbprint(), Kinds: []string{device.ByPhone}, Proof: name, Given: now, Expires: now.Add(device.PermitLife),
		}
		if !late {
			must(t, b.Permits.Give(t.Context(), permit))
		}
		b.Pass(time.Minute)
		must(t, b.BlockFor(t.Context(), devicetest.Erika, p.ID, device.ReasonSupport))
		if late {
			must(t, b.Permits.Give(t.Context(), permit))
		}
		if _, err := b.Register(t.Context()); !errors.Is(err, device.ErrNoPermit) {
			t.Errorf("%s: %v", name, err)
		}
		must(t, b.Permit(t.Context(), device.ByPhone, device.ByNect))
		_, err := b.Register(t.Context())
		must(t, err)
	}
}

// A permit is for one key: whoever else holds the session's tokens takes
// nothing with it, before the call and during it.
func TestAPermitServesTheKeyItWasAskedFor(t *testing.T) {
	b, p := registered(t)
	must(t, b.Permit(t.Context(), device.ByNect))
	thief := devicetest.NewKey()
	_, err := b.Begin(t.Context(), b.Caller(), devicetest.Public(thief), "")
	wantErr(t, err, device.ErrNoPermit)
	m := p.Message(device.Order, p.Order(device.ToUnlock, ""))
	secret := b.Keys.Secret(m, device.ForNewPassword, "Ebbe-und-Flut")
	_, err = b.Unlock(t.Context(), b.Caller(), p.ID, devicetest.Public(p.Key), m, secret)
	wantErr(t, err, device.ErrNoPermit)

	next, m, secret := begun(t, b)
	must(t, b.PermitFor(t.Context(), devicetest.Public(thief), device.ByNect)) // in place of the one that the ticket rests on
	_, err = b.Enrol(t.Context(), b.Caller(), devicetest.Public(next.Key), device.Enrolment{Registration: m, NewPassword: secret})
	wantErr(t, err, device.ErrNoPermit)
	must(t, b.PermitFor(t.Context(), devicetest.Public(next.Key), device.ByNect))
	b.Permits = &swapped{b.Permits, func() { must(t, b.PermitFor(t.Context(), devicetest.Public(thief), device.ByNect)) }}
	_, err = b.Enrol(t.Context(), b.Caller(), devicetest.Public(next.Key), device.Enrolment{Registration: m, NewPassword: secret})
	wantErr(t, err, device.ErrNoPermit)
}

// One person's phones compute no more hashes than their budget has, however many
// they ask for, and no try is counted of what was not compared.
func TestHashesAreWithinABudget(t *testing.T) {
	b, p := registered(t)
	left := 2
	b.Budget = func(id account.ID) bool {
		left--
		return id == devicetest.Erika && left >= 0
	}
	wantErr(t, check(t.Context(), b, p, "wrong"), device.ErrFactors)
	must(t, check(t.Context(), b, p, devicetest.Password))
	if err := check(t.Context(), b, p, "wrong"); fault.KindOf(err) != fault.TooMany {
		t.Errorf("err = %v", err)
	}
	if n := state(t, b, p.ID).Password.Wrong; n != 0 {
		t.Errorf("%d tries were counted", n)
	}
	must(t, b.Permit(t.Context(), device.ByNect))
	if _, err := b.Register(t.Context()); fault.KindOf(err) != fault.TooMany {
		t.Errorf("a registration: %v", err)
	}
}
