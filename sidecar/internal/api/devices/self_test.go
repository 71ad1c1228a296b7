package devices_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	phones "github.com/schleuse/schleuse/e2e/device"
	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/approval/approvaltest"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/internal/api/devices"
)

func TestALockedAppSeesNoContent(t *testing.T) {
	w := newWorld(t)
	p, other := w.enrolled(), w.enrolled()
	w.open(p)
	a, _ := w.shown(p)
	locked := func(p *phones.Phone) {
		t.Helper()
		_, err := p.Request(t.Context(), string(a.ID))
		w.refused(err, "app_locked")
		_, err = p.History(t.Context(), 10, "")
		w.refused(err, "app_locked")
		_, err = p.Devices(t.Context())
		w.refused(err, "app_locked")
		w.refused(p.Rename(t.Context(), p.ID, "X"), "app_locked")
		inbox, err := p.Inbox(t.Context(), 0, "")
		w.ok(err)
		if len(inbox.Requests) != 1 || inbox.Requests[0].Action != "" || inbox.Requests[0].Title != nil || inbox.Requests[0].Risk != "" {
			t.Errorf("the inbox tells a locked app %+v", inbox.Requests)
		}
	}
	p.Lock()
	locked(p)
	w.open(p)
	token := opened(t.Context(), p)
	for name, text := range map[string]string{
		"of another phone": opened(t.Context(), other), "invented": "abc", "altered": token[:len(token)-2] + "AA",
		"a nonce": phones.B64u(w.keys.Seal([]byte("12345678"), []byte("schleuse/device/nonce"))),
	} {
		t.Run(name, func(t *testing.T) {
			proof := capture(p, func() { _, err := p.Devices(t.Context()); w.ok(err) })
			if got := w.raw(http.MethodGet, "/devices", nil, []string{proof}, "Schleuse-Opened", text); got != "app_locked" {
				t.Errorf("answered %q", got)
			}
		})
	}
	// Use keeps it open, asking the inbox does not.
	w.open(p)
	for range 3 {
		w.Pass(4 * time.Minute)
		_, err := p.Devices(t.Context())
		w.ok(err)
	}
	for range 2 {
		w.Pass(3 * time.Minute)
		_, err := p.Inbox(t.Context(), 0, "")
		w.ok(err)
	}
	_, err := p.Devices(t.Context())
	w.refused(err, "app_locked")
	// Nor for ever.
	w.open(p)
	for range 12 * 15 {
		w.Pass(4 * time.Minute)
		if _, err = p.Devices(t.Context()); err != nil {
			break
		}
	}
	w.refused(err, "app_locked")
}

// opened is what the phone sends to say that its app is open.
func opened(ctx context.Context, p *phones.Phone) (token string) {
	before := p.HTTP
	p.HTTP = &http.Client{Transport: taking{before.Transport, func(r *http.Request) { token = r.Header.Get("Schleuse-Opened") }}}
	_, _ = p.Devices(ctx)
	p.HTTP = before
	return token
}

func TestWrongPINsLockThePIN(t *testing.T) {
	w := newWorld(t)
	p := w.enrolled()
	for range 5 {
		w.refused(p.OpenByPIN(t.Context(), "141421"), "factors")
	}
	w.refused(p.OpenByPIN(t.Context(), pin), "pin_locked")
	w.refused(p.SetPIN(t.Context(), "wrong password", "314159"), "factors")
	w.refused(p.SetPIN(t.Context(), password, "123456"), "pin_weak")
	w.refused(p.SetPIN(t.Context(), password, "31415"), "pin_weak")
	w.ok(p.SetPIN(t.Context(), password, "314159"))
	w.ok(p.OpenByPIN(t.Context(), "314159"))
}

// TestAnotherLockClosesTheApp that was opened before it.
func TestAnotherLockClosesTheApp(t *testing.T) {
	w := newWorld(t)
	p := w.enrolled()
	finger, err := phones.NewKey()
	w.ok(err)
	for name, change := range map[string]func() error{
		"another PIN":      func() error { return p.SetPIN(t.Context(), password, pin) },
		"biometry":         func() error { return p.SetBiometric(t.Context(), finger, password) },
		"biometry no more": func() error { return p.RemoveBiometric(t.Context()) },
	} {
		if name == "biometry no more" {
			w.ok(p.SetBiometric(t.Context(), finger, password))
		}
		w.open(p)
		_, err := p.Devices(t.Context())
		w.ok(err)
		w.Pass(time.Second)
		w.ok(change())
		if _, err := p.Devices(t.Context()); !phones.Is(err, "app_locked") {
			t.Errorf("%s: %v", name, err)
		}
		w.ok(p.RemoveBiometric(t.Context()))
	}
}

func TestBiometryOpens(t *testing.T) {
	w := newWorld(t)
	p := w.enrolled()
	key, err := phones.NewKey()
	w.ok(err)
	w.refused(p.SetBiometric(t.Context(), key, "wrong password"), "factors")
	p.Biometric = key
	w.refused(p.OpenByBiometric(t.Context()), "factors")
	w.ok(p.SetBiometric(t.Context(), key, password))
	w.ok(p.OpenByBiometric(t.Context()))
	_, err = p.Devices(t.Context())
	w.ok(err)
	p.Biometric, err = phones.NewKey()
	w.ok(err)
	w.refused(p.OpenByBiometric(t.Context()), "factors")
	p.Biometric = p.Key // the device key alone opens nothing
	w.refused(p.OpenByBiometric(t.Context()), "factors")
	w.ok(p.RemoveBiometric(t.Context()))
	p.Biometric = key
	w.refused(p.OpenByBiometric(t.Context()), "factors")
}

func TestAKeyIsReplaced(t *testing.T) {
	w := newWorld(t)
	p := w.enrolled()
	old := p.Key
	w.refused(p.RotateKey(t.Context(), "wrong password", nil), "factors")
	_, r := w.shown(p)
	w.ok(p.RotateKey(t.Context(), password, nil))
	if p.Key == old {
		t.Fatal("the key is the old one")
	}
	if self, err := p.Self(t.Context()); err != nil || self.ID != p.ID {
		t.Errorf("with the new key: %+v, %v", self, err)
	}
	w.refused(p.Do(t.Context(), phones.Call{Method: http.MethodGet, Path: "/self", Key: old}), "device_unknown")
	if decision, err := p.Deny(t.Context(), r, ""); err != nil || decision.State != "denied" {
		t.Errorf("what was read before is answered with the new key: %+v, %v", decision, err)
	}
	p.Next = old // as after a lost answer of a rotation that never happened
	w.ok(p.Settle(t.Context()))
	if p.Key == old || p.Next != nil {
		t.Error("settled on the key that the server does not know")
	}
}

func TestRotationsThatAreNone(t *testing.T) {
	w := newWorld(t)
	p, other := w.enrolled(), w.enrolled()
	next, err := phones.NewKey()
	w.ok(err)
	public := next.Public()
	header := map[string]any{"alg": "ES256", "typ": "schleuse-device+jwt", "kid": p.ID}
	order := func(key *phones.Key, payload map[string]any) string {
		text, err := key.Sign(header, payload)
		w.ok(err)
		return text
	}
	rotate := func(change map[string]any) map[string]any {
		payload := p.Order("rotate-key", &public)
		maps.Copy(payload, change)
		return payload
	}
	theirs := other.Key.Public()
	_, err = p.Time(t.Context()) // its nonce grew old while the other one was registered
	w.ok(err)
	var said atomic.Int64
	for name, tt := range map[string]struct {
		old, next *phones.Key
		one, two  func() map[string]any // what they sign; two nil: the same
		want      string
	}{
		"the new key did not sign":      {p.Key, p.Key, func() map[string]any { return rotate(nil) }, nil, "factors"},
		"the old key did not sign":      {next, next, func() map[string]any { return rotate(nil) }, nil, "factors"},
		"they signed different words":   {p.Key, next, func() map[string]any { return rotate(nil) }, func() map[string]any { return p.Order("rotate-key", &theirs) }, ""},
		"to the key of another phone":   {p.Key, other.Key, func() map[string]any { return p.Order("rotate-key", &theirs) }, nil, "key_in_use"},
		"another purpose":               {p.Key, next, func() map[string]any { return p.Order("set-pin", nil) }, nil, "malformed"},
		"for another audience":          {p.Key, next, func() map[string]any { return rotate(map[string]any{"aud": "https://evil.example"}) }, nil, "malformed"},
		"with a member that is unknown": {p.Key, next, func() map[string]any { return rotate(map[string]any{"x": 1}) }, nil, "malformed"},
		"with an old nonce":             {p.Key, next, func() map[string]any { return rotate(map[string]any{"nonce": "bm9uY2U"}) }, nil, "stale_order"},
		"without a nonce":               {p.Key, next, func() map[string]any { return rotate(map[string]any{"nonce": ""}) }, nil, "stale_order"},
	} {
		t.Run(name, func(t *testing.T) {
			keys, err := p.Keys(t.Context())
			w.ok(err)
			words := tt.one()
			words["iat"] = said.Add(1) // none is like another: the clock stands still
			byOld, byNew := order(tt.old, words), order(tt.next, words)
			if tt.two != nil {
				byNew = order(tt.next, tt.two())
			}
			sealed, err := phones.Seal(keys.SealKey, password, phones.AAD(p.ID, "device-password", byOld))
			w.ok(err)
			err = p.Do(t.Context(), phones.Call{Method: http.MethodPut, Path: "/self/key", Body: map[string]any{
				"order": byOld, "order_by_new_key": byNew, "password": sealed,
			}})
			if err == nil || tt.want != "" && !phones.Is(err, tt.want) {
				t.Errorf("err = %v, want %s", err, tt.want)
			}
			if _, err := p.Self(t.Context()); err != nil {
				t.Errorf("the old key is not good any more: %v", err)
			}
		})
	}
}

func TestAnOrderServesItsPurpose(t *testing.T) {
	w := newWorld(t)
	p := w.enrolled()
	keys, err := p.Keys(t.Context())
	w.ok(err)
	order := func(purpose string) (text string, seal func(purpose, secret string) phones.Sealed) {
		text, err := p.Key.Sign(map[string]any{"alg": "ES256", "typ": "schleuse-device+jwt", "kid": p.ID}, p.Order(purpose, nil))
		w.ok(err)
		return text, func(purpose, secret string) phones.Sealed {
			s, err := phones.Seal(keys.SealKey, secret, phones.AAD(p.ID, purpose, text))
			w.ok(err)
			return s
		}
	}
	text, seal := order("set-password")
	w.refused(p.Do(t.Context(), phones.Call{Method: http.MethodPut, Path: "/self/pin", Body: map[string]any{
		"order": text, "password": seal("device-password", password), "pin": seal("pin", "314159"),
	}}), "malformed")
	text, seal = order("set-password")
	w.refused(p.Do(t.Context(), phones.Call{Method: http.MethodPut, Path: "/self/password", Body: map[string]any{
		"order": text, "password": seal("device-password", password), "new_password": seal("device-password", "Ebbe und Flut"),
	}}), "seal_key")
	w.ok(p.SetPassword(t.Context(), password, "Ebbe und Flut"))
	w.refused(p.SetPassword(t.Context(), password, "Ebbe und Flut 2"), "factors")
}

// TestAnOrderIsTakenOnce, within five minutes of its nonce: what was typed or
// shown once opens nothing later.
func TestAnOrderIsTakenOnce(t *testing.T) {
	w := newWorld(t)
	p := w.enrolled()
	w.ok(p.SetPIN(t.Context(), password, "314159"))
	finger, err := phones.NewKey()
	w.ok(err)
	w.ok(p.SetBiometric(t.Context(), finger, password))
	open := func() phones.Call {
		text, err := finger.Sign(map[string]any{"alg": "ES256", "typ": "schleuse-device+jwt", "kid": p.ID}, p.Order("open", nil))
		w.ok(err)
		return phones.Call{Method: http.MethodPost, Path: "/self/open", Body: map[string]any{"order": text}}
	}
	once := open()
	w.ok(p.Do(t.Context(), once))
	w.refused(p.Do(t.Context(), once), "stale_order")
	old := open()
	w.Pass(6 * time.Minute)
	w.refused(p.Do(t.Context(), old), "stale_order")
	_, err = p.Time(t.Context())
	w.ok(err)
	w.ok(p.Do(t.Context(), open()))
}

func TestPushes(t *testing.T) {
	w := newWorld(t)
	p := w.enrolled()
	w.refused(p.RegisterPush(t.Context(), "pigeon", "token"), "malformed")
	w.refused(p.RegisterPush(t.Context(), "fcm", strings.Repeat("x", 4097)), "malformed")
	w.ok(p.RegisterPush(t.Context(), "fcm", "token"))
	d, err := w.Phones.Get(t.Context(), device.ID(p.ID))
	if err != nil || d.Push != (device.Push{Channel: "fcm", Token: "token"}) {
		t.Errorf("stored %+v, %v", d.Push, err)
	}
	w.ok(p.ForgetPush(t.Context()))
	if self, err := p.Self(t.Context()); err != nil || self.PushChannel != "" {
		t.Errorf("self %+v, %v", self, err)
	}
}

func TestPhonesOfAPerson(t *testing.T) {
	w := newWorld(t)
	p, lost := w.enrolled(), w.enrolled()
	w.open(p)
	w.ok(p.Rename(t.Context(), lost.ID, "Altes Telefon"))
	w.refused(p.Rename(t.Context(), lost.ID, "\u202eoben"), "malformed")
	w.refused(p.Rename(t.Context(), string(device.NewID()), "X"), "not_found")
	w.refused(p.Rename(t.Context(), "1", "X"), "not_found")
	w.ok(p.Block(t.Context(), lost.ID))
	w.ok(p.Block(t.Context(), lost.ID))
	w.refused(p.Block(t.Context(), string(device.NewID())), "not_found")
	all, err := p.Devices(t.Context())
	w.ok(err)
	got := map[string]string{}
	for _, d := range all {
		got[d.ID] = d.Name + " " + d.State
		if d.This != (d.ID == p.ID) {
			t.Errorf("%s is this: %v", d.Name, d.This)
		}
	}
	if len(all) != 3 || got[lost.ID] != "Altes Telefon blocked" || got[p.ID] != "Telefon active" {
		t.Errorf("phones %v", got)
	}
	_, err = lost.Inbox(t.Context(), 0, "")
	w.refused(err, "device_unknown")
	w.ok(p.Block(t.Context(), p.ID))
	_, err = p.Self(t.Context())
	w.refused(err, "device_unknown")
}

// Another person's phones cannot even be blocked.
func TestPhonesOfOthersAreNotFound(t *testing.T) {
	w := newWorld(t)
	p := w.enrolled()
	w.open(p)
	stranger := w.Phone.Device("max-1", "B123456782", w.Clock())
	stranger.ID = device.NewID()
	w.Phones.Put(stranger)
	w.refused(p.Block(t.Context(), string(stranger.ID)), "not_found")
	w.refused(p.Rename(t.Context(), string(stranger.ID), "X"), "not_found")
}

func TestTheInboxWaits(t *testing.T) {
	w := newWorld(t)
	p := w.enrolled()
	empty, err := p.Inbox(t.Context(), 0, "")
	w.ok(err)
	if empty.Count != 0 || empty.Mark == "" {
		t.Fatalf("inbox %+v", empty)
	}
	for name, mark := range map[string]string{"with a mark": empty.Mark, "without one": ""} {
		t.Run(name, func(t *testing.T) {
			var waits sync.WaitGroup
			told := make(chan phones.Inbox, 1)
			waits.Go(func() {
				inbox, err := p.Inbox(t.Context(), 60, mark)
				if err != nil {
					t.Error(err)
				}
				told <- inbox
			})
			w.waiting(1)
			a := w.ask()
			waits.Wait()
			if inbox := <-told; inbox.Count != 1 || inbox.Requests[0].ID != string(a.ID) || inbox.Mark == empty.Mark {
				t.Errorf("told %+v", inbox)
			}
			_, err := w.Cancel(t.Context(), approvaltest.Backend, a.ID)
			w.ok(err)
		})
	}
	for _, query := range []string{"wait=61", "wait=-1", "wait=a", "mark=" + strings.Repeat("x", 65), "who=me", "wait=1&wait=2"} {
		w.refused(p.Do(t.Context(), phones.Call{Method: http.MethodGet, Path: "/inbox", Query: query}), "malformed")
	}
}

func TestTheInboxStreams(t *testing.T) {
	w := newWorld(t)
	p := w.enrolled()
	done := errors.New("seen")
	var first approval.Approval
	seen := 0
	err := p.Events(t.Context(), func(inbox phones.Inbox) error {
		seen++
		switch seen {
		case 1:
			if inbox.Count != 0 {
				t.Errorf("begins with %+v", inbox)
			}
			first = w.ask()
			return nil
		default:
			if inbox.Count != 1 || inbox.Requests[0].ID != string(first.ID) || inbox.Requests[0].Action != "" {
				t.Errorf("goes on with %+v", inbox)
			}
			return done
		}
	})
	if !errors.Is(err, done) {
		t.Errorf("err = %v", err)
	}
}

func TestTwoCallsOfAPhoneWaitAndAllEndAtTheStop(t *testing.T) {
	stopping := make(chan struct{})
	w := newWorld(t, func(a *devices.API) { a.Stopping = stopping })
	p := w.enrolled()
	empty, err := p.Inbox(t.Context(), 0, "")
	w.ok(err)
	var waits sync.WaitGroup
	for range 2 {
		waits.Go(func() {
			if inbox, err := p.Inbox(t.Context(), 60, empty.Mark); err != nil || inbox.Mark != empty.Mark {
				t.Errorf("told %+v, %v", inbox, err)
			}
		})
	}
	w.waiting(2)
	_, err = p.Inbox(t.Context(), 60, empty.Mark)
	w.refused(err, "too_many")
	if _, err := p.Inbox(t.Context(), 0, ""); err != nil {
		t.Errorf("who does not wait needs no seat: %v", err)
	}
	w.refused(p.Events(t.Context(), func(phones.Inbox) error { return nil }), "too_many")
	close(stopping)
	waits.Wait()
	if _, err := p.Inbox(t.Context(), 0, empty.Mark); err != nil {
		t.Errorf("afterwards there are seats: %v", err)
	}
}

func TestCallsOfAPhoneAreBounded(t *testing.T) {
	w := newWorld(t)
	p := w.enrolled()
	var err error
	for range 101 {
		if _, err = p.Self(t.Context()); err != nil {
			break
		}
	}
	w.refused(err, "too_many")
	w.Pass(time.Second)
	if _, err := p.Self(t.Context()); err != nil {
		t.Errorf("a second later: %v", err)
	}
}

func TestKeysOfNobodyAreBounded(t *testing.T) {
	w := newWorld(t)
	var err error
	p := w.blank()
	for range 401 {
		if _, err = p.Self(t.Context()); !phones.Is(err, "device_unknown") {
			break
		}
	}
	w.refused(err, "too_many")
}

func TestLongBodiesAreRefused(t *testing.T) {
	w := newWorld(t)
	p := w.enrolled()
	w.refused(p.Do(t.Context(), phones.Call{
		Method: http.MethodPut, Path: "/self/push", Body: map[string]string{"channel": "fcm", "token": strings.Repeat("x", 64<<10)},
	}), "too_large")
}

// waiting returns when so many calls wait.
func (w *world) waiting(n int) {
	w.t.Helper()
	for range 5000 {
		if w.Watch.Waiting() >= n {
			return
		}
		<-time.After(2 * time.Millisecond)
	}
	w.t.Fatalf("%d calls wait, want %d", w.Watch.Waiting(), n)
}
