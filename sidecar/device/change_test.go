package device_test

import (
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

// order is an order of the phone, and what seals beside it.
func order(b *devicetest.Bench, p devicetest.Phone, aim device.Aim, with device.Key) (device.Message, func(device.Purpose, string) device.Sealed) {
	m := p.Message(device.Order, p.Order(aim, with))
	return m, func(purpose device.Purpose, secret string) device.Sealed { return b.Keys.Secret(m, purpose, secret) }
}

func setPIN(t *testing.T, b *devicetest.Bench, p devicetest.Phone) {
	t.Helper()
	m, secret := order(b, p, device.ToSetPIN, "")
	must(t, b.SetPIN(t.Context(), p.ID, m, secret(device.ForPassword, devicetest.Password), secret(device.ForPIN, devicetest.PIN)))
}

func open(t *testing.T, b *devicetest.Bench, p devicetest.Phone, pin string) error {
	t.Helper()
	m, secret := order(b, p, device.ToOpen, "")
	sealed := secret(device.ForPIN, pin)
	until, err := b.OpenApp(t.Context(), p.ID, m, &sealed)
	if err == nil && !until.Equal(b.Clock().Add(5*time.Minute)) {
		t.Errorf("open until %s", until)
	}
	return err
}

func TestTheAppOpensByPIN(t *testing.T) {
	b, p := registered(t)
	wantErr(t, open(t, b, p, devicetest.PIN), device.ErrPINLocked)
	setPIN(t, b, p)
	must(t, open(t, b, p, devicetest.PIN))
	thief := devicetest.Phone{ID: p.ID, Key: devicetest.NewKey()}
	for range 9 {
		wantErr(t, open(t, b, thief, devicetest.PIN), device.ErrFactors)
	}
	for range 4 {
		wantErr(t, open(t, b, p, "000001"), device.ErrFactors)
	}
	must(t, open(t, b, p, devicetest.PIN))
	for range 5 {
		wantErr(t, open(t, b, p, "000001"), device.ErrFactors)
	}
	for range 2 {
		wantErr(t, open(t, b, p, devicetest.PIN), device.ErrPINLocked)
	}
	if d := state(t, b, p.ID); d.State != device.Active || d.Password.Wrong != 0 {
		t.Errorf("wrong PINs made %+v", d)
	}
	setPIN(t, b, p)
	must(t, open(t, b, p, devicetest.PIN))
	must(t, b.Block(t.Context(), state(t, b, p.ID), p.ID))
	wantErr(t, open(t, b, p, devicetest.PIN), device.ErrBlocked)
}

func TestTheAppOpensByBiometry(t *testing.T) {
	b, p := registered(t)
	finger := devicetest.Phone{ID: p.ID, Key: devicetest.NewKey()}
	byFinger := func(aim device.Aim) error {
		_, err := b.OpenApp(t.Context(), p.ID, finger.Message(device.Order, finger.Order(aim, "")), nil)
		return err
	}
	wantErr(t, byFinger(device.ToOpen), device.ErrFactors)
	m, secret := order(b, p, device.ToSetBiometric, devicetest.Public(finger.Key))
	wantErr(t, b.SetBiometric(t.Context(), p.ID, m, secret(device.ForPassword, "wrong")), device.ErrFactors)
	must(t, b.SetBiometric(t.Context(), p.ID, m, secret(device.ForPassword, devicetest.Password)))
	must(t, byFinger(device.ToOpen))
	wantErr(t, byFinger(device.ToSetPIN), device.ErrMessage)
	_, err := b.OpenApp(t.Context(), p.ID, p.Message(device.Order, p.Order(device.ToOpen, "")), nil)
	wantErr(t, err, device.ErrFactors)
	wantErr(t, open(t, b, finger, devicetest.PIN), device.ErrFactors)
	wantErr(t, check(t.Context(), b, finger, devicetest.Password), device.ErrFactors)
	must(t, b.RemoveBiometric(t.Context(), p.ID))
	wantErr(t, byFinger(device.ToOpen), device.ErrFactors)

	own, secret := order(b, p, device.ToSetBiometric, devicetest.Public(p.Key))
	wantErr(t, b.SetBiometric(t.Context(), p.ID, own, secret(device.ForPassword, devicetest.Password)), device.ErrKeyUsed)
}

func TestSecretsAreChangedWithTheDevicePassword(t *testing.T) {
	const fresh = "Watt-Wurm-9"
	b, p := registered(t)
	m, secret := order(b, p, device.ToSetPassword, "")
	try := func(password, next string) error {
		return b.ChangePassword(t.Context(), p.ID, m, secret(device.ForPassword, password), secret(device.ForNewPassword, next))
	}
	wantErr(t, try("wrong", fresh), device.ErrFactors)
	wantErr(t, try(devicetest.Password, "short"), device.ErrWeak)
	if d := state(t, b, p.ID); d.Password.Wrong != 1 {
		t.Errorf("%d tries counted", d.Password.Wrong)
	}
	must(t, try(devicetest.Password, fresh))
	wantErr(t, check(t.Context(), b, p, devicetest.Password), device.ErrFactors)
	must(t, check(t.Context(), b, p, fresh))
	if n := count(b.Kinds(t.Context()), notify.PhonePassword); n != 1 {
		t.Errorf("%d notices", n)
	}

	m, secret = order(b, p, device.ToSetPIN, "")
	wantErr(t, b.SetPIN(t.Context(), p.ID, m, secret(device.ForPassword, "wrong"), secret(device.ForPIN, devicetest.PIN)), device.ErrFactors)
	for _, pin := range []string{"12345", "1234567", "123456", "111111", "12345a", "４７１９０２"} {
		wantErr(t, b.SetPIN(t.Context(), p.ID, m, secret(device.ForPassword, fresh), secret(device.ForPIN, pin)), device.ErrWeak)
	}
	if d := state(t, b, p.ID); d.PIN != (device.Secret{}) {
		t.Errorf("%+v", d.PIN)
	}
}

func TestAKeyIsRotatedByBothKeys(t *testing.T) {
	b, p := registered(t)
	next := devicetest.Phone{ID: p.ID, Key: devicetest.NewKey()}
	payload := p.Order(device.ToRotateKey, devicetest.Public(next.Key))
	byOld, byNew := p.Message(device.Order, payload), next.Message(device.Order, payload)
	password := b.Keys.Secret(byOld, device.ForPassword, devicetest.Password)

	other := next.Message(device.Order, p.Order(device.ToRotateKey, devicetest.Public(devicetest.NewKey())))
	for name, m := range map[string]device.Message{"old twice": byOld, "another payload": other} {
		if err := b.RotateKey(t.Context(), p.ID, byOld, m, password); !errors.Is(err, device.ErrFactors) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantErr(t, b.RotateKey(t.Context(), p.ID, byNew, byOld, password), device.ErrFactors)
	wantErr(t, b.RotateKey(t.Context(), p.ID, byOld, byNew, b.Keys.Secret(byOld, device.ForPassword, "wrong")), device.ErrFactors)
	must(t, b.RotateKey(t.Context(), p.ID, byOld, byNew, password))
	must(t, check(t.Context(), b, next, devicetest.Password))
	if d := state(t, b, p.ID); !d.CoolUntil.Equal(b.Clock().Add(b.Settings.CoolDown)) || count(b.Kinds(t.Context()), notify.PhoneRekeyed) != 1 {
		t.Errorf("cools until %s, told %v", d.CoolUntil, b.Kinds(t.Context()))
	}
	wantErr(t, check(t.Context(), b, p, devicetest.Password), device.ErrFactors)
	if d, err := b.Store.ByKey(t.Context(), devicetest.Public(next.Key).Thumbprint()); err != nil || d.ID != p.ID {
		t.Errorf("%v, %v", d, err)
	}

	must(t, b.Permit(t.Context(), device.ByNect))
	second, err := b.Register(t.Context())
	must(t, err)
	payload = second.Order(device.ToRotateKey, devicetest.Public(next.Key))
	byOld = second.Message(device.Order, payload)
	byNew = devicetest.Phone{ID: second.ID, Key: next.Key}.Message(device.Order, payload)
	err = b.RotateKey(t.Context(), second.ID, byOld, byNew, b.Keys.Secret(byOld, device.ForPassword, devicetest.Password))
	wantErr(t, err, device.ErrKeyUsed)
}

func TestBlocking(t *testing.T) {
	b, p := registered(t)
	must(t, b.Permit(t.Context(), device.ByPhone))
	second, err := b.Register(t.Context())
	must(t, err)
	must(t, b.RegisterPush(t.Context(), p.ID, device.Push{Channel: "fcm", Token: "first"}))
	must(t, b.RegisterPush(t.Context(), second.ID, device.Push{Channel: "fcm", Token: "second"}))
	setPIN(t, b, p)
	key := state(t, b, p.ID).Key

	stranger := devicetest.NewPhone().Device("moritz-1", "M123456784", start)
	wantErr(t, b.Block(t.Context(), stranger, p.ID), device.ErrNoDevice)
	wantErr(t, b.BlockFor(t.Context(), "moritz-1", p.ID, device.ReasonSupport), device.ErrNoDevice)
	wantErr(t, b.Block(t.Context(), state(t, b, second.ID), p.ID), device.ErrCooling)
	b.Pass(b.Settings.CoolDown)
	for range 2 {
		must(t, b.Block(t.Context(), state(t, b, second.ID), p.ID))
	}
	got := state(t, b, p.ID)
	want := device.Device{
		ID: p.ID, Account: devicetest.Erika, Number: devicetest.Number, Name: got.Name, Platform: got.Platform, Key: key,
		State: device.Blocked, Reason: device.ReasonPhone, Created: start, LastUsed: got.LastUsed, CoolUntil: got.CoolUntil, Ended: b.Clock(),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"second"}, b.Pushed.Sent()); diff != "" {
		t.Errorf("woken (-want +got):\n%s", diff)
	}
	if n := count(b.Kinds(t.Context()), notify.PhoneBlocked); n != 1 {
		t.Errorf("%d notices", n)
	}
	wantErr(t, check(t.Context(), b, p, devicetest.Password), device.ErrBlocked)
	must(t, b.BlockFor(t.Context(), devicetest.Erika, second.ID, device.ReasonWeb))
	if d := state(t, b, second.ID); d.Reason != device.ReasonWeb {
		t.Errorf("%+v", d)
	}
}

func TestNamesAndUse(t *testing.T) {
	b, p := registered(t)
	me := state(t, b, p.ID)
	must(t, b.Rename(t.Context(), me, p.ID, "Mein Gerät – 2 (alt) 📱"))
	if d := state(t, b, p.ID); d.Name != "Mein Gerät – 2 (alt) 📱" {
		t.Errorf("%q", d.Name)
	}
	for _, name := range []string{"", " ", " a", "a ", "a\tb", "a\u200fb", "a\u0000", strings.Repeat("x", 41), "\xff"} {
		if err := b.Rename(t.Context(), me, p.ID, name); !errors.Is(err, device.ErrName) {
			t.Errorf("%q: %v", name, err)
		}
	}
	must(t, b.Rename(t.Context(), me, p.ID, strings.Repeat("ä", 40)))
	stranger := devicetest.NewPhone().Device("moritz-1", "M123456784", start)
	wantErr(t, b.Rename(t.Context(), stranger, p.ID, "mine"), device.ErrNoDevice)

	b.Pass(time.Hour)
	must(t, b.Seen(t.Context(), me))
	if d := state(t, b, p.ID); !d.LastUsed.Equal(b.Clock().Truncate(time.Hour)) {
		t.Errorf("%s", d.LastUsed)
	}
	b.Phones.Break(errors.New("broken"))
	me.LastUsed = b.Clock().Truncate(time.Hour)
	must(t, b.Seen(t.Context(), me)) // nothing is written twice an hour
	b.Phones.Break(nil)
}

func TestPushes(t *testing.T) {
	b, p := registered(t)
	for _, bad := range []device.Push{
		{Channel: "fcm"},
		{Token: "t"},
		{Channel: "fcm", Token: strings.Repeat("x", 4097)},
		{Channel: "fcm", Token: "a b"},
		{Channel: strings.Repeat("x", 41), Token: "t"},
		{Channel: "f\n", Token: "t"},
	} {
		if err := b.RegisterPush(t.Context(), p.ID, bad); !errors.Is(err, device.ErrPush) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	b.Wake(t.Context(), state(t, b, p.ID), "id")
	must(t, b.RegisterPush(t.Context(), p.ID, device.Push{Channel: "fcm", Token: "token"}))
	b.Wake(t.Context(), state(t, b, p.ID), "id")
	if diff := cmp.Diff([]string{"token"}, b.Pushed.Sent()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// The app was installed anew while the old token was found to be gone.
	stale := state(t, b, p.ID)
	must(t, b.RegisterPush(t.Context(), p.ID, device.Push{Channel: "fcm", Token: "newer"}))
	b.Pushed.Gone("token")
	b.Wake(t.Context(), stale, "id")
	if d := state(t, b, p.ID); d.Push.Token != "newer" {
		t.Errorf("%+v", d.Push)
	}
	b.Pushed.Gone("newer")
	b.Wake(t.Context(), state(t, b, p.ID), "id")
	if d := state(t, b, p.ID); d.Push != (device.Push{}) {
		t.Errorf("%+v", d.Push)
	}
	must(t, b.RegisterPush(t.Context(), p.ID, device.Push{Channel: "fcm", Token: "third"}))
	must(t, b.RegisterPush(t.Context(), p.ID, device.Push{}))
	must(t, b.Block(t.Context(), state(t, b, p.ID), p.ID))
	wantErr(t, b.RegisterPush(t.Context(), p.ID, device.Push{Channel: "fcm", Token: "fourth"}), device.ErrNoDevice)
}

func TestWhatCannotBeToldHasStillHappened(t *testing.T) {
	b := devicetest.NewBench(start)
	b.Told.FailWith(errors.New("broken"))
	must(t, b.Permit(t.Context(), device.ByNect))
	_, err := b.Register(t.Context())
	must(t, err)
}

// carry does what is queued.
func carry(t *testing.T, b *devicetest.Bench) {
	t.Helper()
	for _, task := range b.Queued.All() {
		must(t, b.Carry(t.Context(), task.Body))
	}
}

func setLogin(t *testing.T, b *devicetest.Bench, p devicetest.Phone, device2, login string) error {
	t.Helper()
	m, secret := order(b, p, device.ToSetLoginPassword, "")
	return b.SetLoginPassword(t.Context(), p.ID, m, secret(device.ForPassword, device2), secret(device.ForLoginPassword, login))
}

func TestItWasNotMe(t *testing.T) {
	const old, login = "old login password", "a new login password"
	b, p := registered(t)
	must(t, b.Realm.SetPassword(t.Context(), devicetest.Erika, old))
	b.Realm.SignIn(devicetest.Erika)
	wantErr(t, setLogin(t, b, p, devicetest.Password, login), device.ErrNotAsked)

	broken := errors.New("broken")
	b.Queued.FailWith(broken)
	wantErr(t, b.WasNotMe(t.Context(), p.ID, "approval-1"), broken)
	b.Queued.FailWith(nil)
	b.Pass(time.Second)
	for range 2 {
		must(t, b.WasNotMe(t.Context(), p.ID, "approval-1"))
		b.Pass(time.Second)
	}
	if err := setLogin(t, b, p, devicetest.Password, login); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("before the old password is useless: %v", err)
	}
	carry(t, b)
	void := b.Realm.Password(devicetest.Erika)
	if void == old || len(void) < 20 || len(b.Realm.Live(devicetest.Erika)) != 0 {
		t.Errorf("%q, sessions %v", void, b.Realm.Live(devicetest.Erika))
	}
	if kinds := b.Kinds(t.Context()); count(kinds, notify.SessionsEnded) != 1 || !slices.Contains(b.Events(), device.NotMe) {
		t.Errorf("%v, %v", kinds, b.Events())
	}
	wantErr(t, setLogin(t, b, p, "wrong", login), device.ErrFactors)
	var refused *account.PasswordError
	if err := setLogin(t, b, p, devicetest.Password, "short"); !errors.As(err, &refused) {
		t.Errorf("%v", err)
	}
	if n := b.Waiting.Times(devicetest.Number); n != 4 { // twice around each: the void, and the short one
		t.Errorf("who waits was overtaken %d times", n)
	}
	must(t, setLogin(t, b, p, devicetest.Password, login))
	if n := b.Waiting.Times(devicetest.Number); n != 6 {
		t.Errorf("who waits was overtaken %d times", n)
	}
	if got := b.Realm.Password(devicetest.Erika); got != login {
		t.Errorf("the password is %q", got)
	}
	wantErr(t, setLogin(t, b, p, devicetest.Password, login+"2"), device.ErrNotAsked)

	// The same again, because an answer was lost: the new password stays.
	must(t, b.WasNotMe(t.Context(), p.ID, "approval-1"))
	carry(t, b)
	if got := b.Realm.Password(devicetest.Erika); got != login {
		t.Errorf("a repetition made the password %q", got)
	}
	// Another one is not the same.
	b.Pass(time.Second)
	must(t, b.WasNotMe(t.Context(), p.ID, "approval-2"))
	carry(t, b)
	if got := b.Realm.Password(devicetest.Erika); got == login {
		t.Error("the second time the password stayed")
	}
	b.Pass(7*24*time.Hour + time.Second)
	wantErr(t, setLogin(t, b, p, devicetest.Password, login), device.ErrNotAsked)
}

// What somebody who knew the password may have added signs in no more, and
// what its owner adds afterwards stays.
func TestWhatElseSignsInIsRemoved(t *testing.T) {
	b, p := registered(t)
	for _, kind := range []string{"otp", "webauthn-passwordless", "identity-provider"} {
		b.Realm.Enrol(devicetest.Erika, account.Authenticator{ID: kind, Type: kind})
	}
	left := func() int {
		list, err := b.Realm.Authenticators(t.Context(), devicetest.Erika)
		must(t, err)
		return len(list)
	}
	must(t, b.WasNotMe(t.Context(), p.ID, "approval-1"))
	task := b.Queued.All()[0].Body
	b.Realm.Break("RemoveAuthenticator", errors.New("broken"))
	if b.Carry(t.Context(), task) == nil || len(b.Realm.Live(devicetest.Erika)) != 0 {
		t.Error("done, though a passkey is left, or a session lives")
	}
	if err := setLogin(t, b, p, devicetest.Password, "a new login password"); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("while a passkey of somebody else's is left: %v", err)
	}
	b.Realm.Break("RemoveAuthenticator", nil)
	must(t, b.Carry(t.Context(), task))
	if left() != 0 {
		t.Errorf("%d left", left())
	}
	must(t, setLogin(t, b, p, devicetest.Password, "a new login password"))
	b.Realm.Enrol(devicetest.Erika, account.Authenticator{ID: "mine", Type: "otp"})
	must(t, b.Carry(t.Context(), task))
	if left() != 1 {
		t.Error("a repetition removed what its owner added since")
	}
}

// Staff are not this program's to change.
func TestNothingOfStaffIsRemoved(t *testing.T) {
	b, p := registered(t)
	must(t, b.Realm.SetPassword(t.Context(), devicetest.Erika, "old login password"))
	b.Realm.Enrol(devicetest.Erika, account.Authenticator{ID: "1", Type: "otp"})
	b.Realm.Exempt(devicetest.Erika)
	must(t, b.WasNotMe(t.Context(), p.ID, "approval-1"))
	carry(t, b)
	if list, err := b.Realm.Authenticators(t.Context(), devicetest.Erika); err != nil || len(list) != 1 || b.Realm.Password(devicetest.Erika) != "old login password" {
		t.Errorf("%v, %v", list, err)
	}
}

// Whoever waits at a page of the login is overtaken before and after; where that
// fails, it is all done and tried again.
func TestWhoWaitsIsOvertakenOrItIsTriedAgain(t *testing.T) {
	b, p := registered(t)
	must(t, b.WasNotMe(t.Context(), p.ID, "approval-1"))
	task := b.Queued.All()[0].Body
	b.Waiting.FailWith(errors.New("broken"))
	if b.Carry(t.Context(), task) == nil || len(b.Realm.Live(devicetest.Erika)) != 0 || b.Realm.Password(devicetest.Erika) == "" {
		t.Error("it counts as done, or was not done")
	}
	b.Waiting.FailWith(nil)
	must(t, b.Carry(t.Context(), task))
	if n := b.Waiting.Times(devicetest.Number); n != 2 {
		t.Errorf("overtaken %d times", n)
	}
	b.Waiting.FailWith(errors.New("broken"))
	if setLogin(t, b, p, devicetest.Password, "a new login password") == nil {
		t.Error("set, and who waits goes on")
	}
	b.Waiting.FailWith(nil)
	must(t, setLogin(t, b, p, devicetest.Password, "a new login password"))
}

func TestEndingIsCarriedThroughFailures(t *testing.T) {
	for _, call := range []string{"SetPassword", "EndAll"} {
		b, p := registered(t)
		must(t, b.WasNotMe(t.Context(), p.ID, "approval-1"))
		body := b.Queued.All()[0].Body
		b.Realm.Break(call, errors.New("broken"))
		if b.Carry(t.Context(), body) == nil {
			t.Errorf("%s fails and nobody hears of it", call)
		}
		b.Realm.Break(call, nil)
		must(t, b.Carry(t.Context(), body))
		if b.Realm.Password(devicetest.Erika) == "" || len(b.Realm.Live(devicetest.Erika)) != 0 {
			t.Errorf("%s: not carried out", call)
		}
	}
	t.Run("sessions end although the password cannot be voided", func(t *testing.T) {
		b, p := registered(t)
		must(t, b.WasNotMe(t.Context(), p.ID, "approval-1"))
		b.Realm.Break("SetPassword", &account.PasswordError{Key: "maximum_length"})
		body := b.Queued.All()[0].Body
		if b.Carry(t.Context(), body) == nil {
			t.Error("it is not tried again")
		}
		if n := len(b.Realm.Live(devicetest.Erika)); n != 0 {
			t.Errorf("%d sessions live", n)
		}
		if count(b.Kinds(t.Context()), notify.SessionsEnded) != 0 {
			t.Error("it is told before it is done")
		}
		b.Realm.Break("SetPassword", nil)
		must(t, b.Carry(t.Context(), body))
	})
	t.Run("said on two phones about one request", func(t *testing.T) {
		b, p := registered(t)
		must(t, b.Permit(t.Context(), device.ByNect))
		second, err := b.Register(t.Context())
		must(t, err)
		b.Pass(25 * time.Hour)
		must(t, b.WasNotMe(t.Context(), p.ID, "approval-1"))
		must(t, b.BlockFor(t.Context(), devicetest.Erika, p.ID, device.ReasonSupport))
		must(t, b.WasNotMe(t.Context(), second.ID, "approval-1"))
		carry(t, b)
		must(t, setLogin(t, b, second, devicetest.Password, "a new login password"))
	})
	t.Run("of a phone that is blocked by then", func(t *testing.T) {
		b, p := registered(t)
		must(t, b.WasNotMe(t.Context(), p.ID, "approval-1"))
		must(t, b.Block(t.Context(), state(t, b, p.ID), p.ID))
		carry(t, b)
		once := b.Realm.Password(devicetest.Erika)
		carry(t, b)
		if once == "" || b.Realm.Password(devicetest.Erika) != once {
			t.Error("not carried out once")
		}
		wantErr(t, b.WasNotMe(t.Context(), p.ID, "approval-2"), device.ErrBlocked)
	})
	t.Run("of somebody who became staff", func(t *testing.T) {
		b, p := registered(t)
		must(t, b.WasNotMe(t.Context(), p.ID, "approval-1"))
		b.Realm.Exempt(devicetest.Erika)
		carry(t, b)
		if b.Realm.Password(devicetest.Erika) != "" {
			t.Error("staff got a password")
		}
	})
	t.Run("not a task", func(t *testing.T) {
		b, _ := registered(t)
		for _, body := range []string{"", "x", "{}"} {
			if b.Carry(t.Context(), []byte(body)) == nil {
				t.Errorf("%q was carried out", body)
			}
		}
	})
}

func TestAnOrderThatWasChanged(t *testing.T) {
	b, p := registered(t)
	other := devicetest.NewPhone()
	for name, c := range map[string]struct {
		payload func(map[string]any)
		want    error
	}{
		"as it should be":  {func(map[string]any) {}, device.ErrSealed},
		"another version":  {func(o map[string]any) { o["v"] = 2 }, device.ErrMessage},
		"another audience": {func(o map[string]any) { o["aud"] = "https://evil.example" }, device.ErrMessage},
		"another phone":    {func(o map[string]any) { o["sub"] = string(other.ID) }, device.ErrMessage},
		"another purpose":  {func(o map[string]any) { o["purpose"] = "set-password" }, device.ErrMessage},
		"no purpose":       {func(o map[string]any) { delete(o, "purpose") }, device.ErrMessage},
		"no time":          {func(o map[string]any) { delete(o, "iat") }, device.ErrMessage},
		"a key too many":   {func(o map[string]any) { o["jwk"] = devicetest.Public(other.Key) }, device.ErrMessage},
		"a member more":    {func(o map[string]any) { o["x"] = 1 }, device.ErrMessage},
	} {
		payload := p.Order(device.ToSetPIN, "")
		c.payload(payload)
		err := b.SetPIN(t.Context(), p.ID, p.Message(device.Order, payload), device.Sealed{}, device.Sealed{})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	// The right key, in the name of another phone.
	renamed := devicetest.Phone{ID: other.ID, Key: p.Key}
	m := renamed.Message(device.Answer, 1)
	wantErr(t, b.CheckPassword(t.Context(), p.ID, m, b.Keys.Secret(m, device.ForPassword, devicetest.Password)), device.ErrFactors)
	payload := p.Order(device.ToSetBiometric, "")
	wantErr(t, b.SetBiometric(t.Context(), p.ID, p.Message(device.Order, payload), device.Sealed{}), device.ErrMessage)
	payload["jwk"] = "x"
	wantErr(t, b.SetBiometric(t.Context(), p.ID, p.Message(device.Order, payload), device.Sealed{}), device.ErrMessage)
	if d := state(t, b, p.ID); d.Password.Wrong != 0 {
		t.Errorf("%d tries counted", d.Password.Wrong)
	}
}

// noPeppers are gone, so that nothing can be hashed.
type noPeppers struct{}

func (noPeppers) Pepper(string, string, ...[]byte) ([]byte, string, error) {
	return nil, "", errors.New("no pepper")
}

// Wrong signatures cost no hash: whoever calls has shown the phone's key with
// the call, and learns nothing from the time.
func TestAWrongSignatureCostsNoHash(t *testing.T) {
	b, p := registered(t)
	b.Hasher = &device.Hasher{Peppers: noPeppers{}}
	thief := devicetest.Phone{ID: p.ID, Key: devicetest.NewKey()}
	m, secret := order(b, thief, device.ToSetPIN, "")
	wantErr(t, b.SetPIN(t.Context(), p.ID, m, secret(device.ForPassword, "x"), secret(device.ForPIN, devicetest.PIN)), device.ErrFactors)
	_, err := b.OpenApp(t.Context(), p.ID, thief.Message(device.Order, thief.Order(device.ToOpen, "")), nil)
	wantErr(t, err, device.ErrFactors)
}
