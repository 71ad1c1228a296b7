package approval_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/approval/approvaltest"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/device/devicetest"
)

func (w *world) origin(dev device.ID) string {
	w.t.Helper()
	text, life, err := w.Origin(w.t.Context(), dev, time.Hour)
	w.must(err)
	if life != approval.OriginLife || text == "" || len(text) > approval.MaxOrigin {
		w.t.Fatalf("%d characters for %s", len(text), life)
	}
	return text
}

// from asks with an origin.
func (w *world) from(key, origin string) (approval.Approval, error) {
	r := approvaltest.Ask(key)
	r.Origin = origin
	a, _, err := w.Request(w.t.Context(), r)
	return a, err
}

func TestAnOriginOfAPhoneThatIsNotAsItWasServesNothing(t *testing.T) {
	same := func(change func(*device.Device)) func(*world, string) string {
		return func(w *world, text string) string {
			w.change(w.Phone.ID, change)
			return text
		}
	}
	for name, bend := range map[string]func(w *world, text string) string{
		"locked":            same(func(d *device.Device) { d.State = device.Locked }),
		"blocked":           same(func(d *device.Device) { d.State = device.Blocked }),
		"another key":       same(func(d *device.Device) { d.Key = devicetest.NewPhone().Device("x", "", approvaltest.Start).Key }),
		"another password":  same(func(d *device.Device) { d.Password.Set = d.Password.Set.Add(time.Second) }),
		"another PIN":       same(func(d *device.Device) { d.PIN.Set = d.PIN.Set.Add(time.Second) }),
		"a PIN typed wrong": same(func(d *device.Device) { d.PIN.Wrong++ }),
		"another finger":    same(func(d *device.Device) { d.Biometric = d.Key }),
		"somebody else's":   same(func(d *device.Device) { d.Account = "max-1" }),
		"another person's":  func(w *world, _ string) string { return w.origin(w.phone("max-1", "M").ID) },
		"over":              func(w *world, text string) string { w.Pass(approval.OriginLife); return text },
		"altered":           func(_ *world, text string) string { return text[:len(text)-2] + "AA" },
		"cut":               func(_ *world, text string) string { return text[:20] },
		"invented":          func(*world, string) string { return "abc" },
		"no base64url":      func(*world, string) string { return "a b" },
		"endless":           func(_ *world, text string) string { return text + strings.Repeat("A", 4000) },
		"sealed for another": func(w *world, _ string) string {
			return base64.RawURLEncoding.EncodeToString(w.Seals.Seal([]byte(`{"i":"x","d":"y"}`), []byte("x")))
		},
		"says nothing": func(w *world, _ string) string {
			return base64.RawURLEncoding.EncodeToString(w.Seals.Seal([]byte(`{}`), []byte("approval origin")))
		},
		"nobody opens any": func(w *world, text string) string { w.Seals = nil; return text },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.phone(approvaltest.Erika, "") // can be asked, whatever became of the first
			_, err := w.from("k", bend(w, w.origin(w.Phone.ID)))
			w.want(err, approval.ErrOrigin)
			if all, err := w.List(t.Context(), approvaltest.Backend, approval.Query{}); err != nil || len(all) != 0 {
				t.Errorf("%v, %v", all, err)
			}
		})
	}
}

func TestAnOriginServesOneRequest(t *testing.T) {
	w := newWorld(t)
	text := w.origin(w.Phone.ID)
	a, err := w.from("k", text)
	w.must(err)
	if a.SameDevice != w.Phone.ID || a.Digits(w.Phone.ID) != 0 || a.Digits(device.NewID()) != 3 {
		t.Errorf("%q types %d digits", a.SameDevice, a.Digits(w.Phone.ID))
	}
	_, err = w.from("l", text)
	w.want(err, approval.ErrOrigin)
	// Not even where the first is over, and not for another action or client.
	w.must2(w.Cancel(t.Context(), approvaltest.Backend, a.ID))
	_, err = w.from("m", text)
	w.want(err, approval.ErrOrigin)
	r := approvaltest.Ask("n")
	r.Action, r.Fields, r.Origin = approvaltest.Letters, map[string]string{"weg": "Post"}, text
	_, _, err = w.Request(t.Context(), r)
	w.want(err, approval.ErrOrigin)
	w.Clients["other"] = w.Clients[approvaltest.Backend]
	r.Client = "other"
	_, _, err = w.Request(t.Context(), r)
	w.want(err, approval.ErrOrigin)
	// A client that lost the answer learns it, also when the origin is over.
	w.Pass(approval.OriginLife)
	again, err := w.from("k", text)
	w.must(err)
	if again.ID != a.ID {
		t.Errorf("%s, want %s", again.ID, a.ID)
	}
	_, err = w.from("k", "")
	w.want(err, approval.ErrKeyReused)
}

// Who holds an old origin must not make a phone show that requests were refused.
func TestAUsedOriginCountsNoRefusal(t *testing.T) {
	w := newWorld(t)
	text := w.origin(w.Phone.ID)
	a, err := w.from("k", text)
	w.must(err)
	_, err = w.from("l", text)
	w.want(err, approval.ErrOrigin)
	if got, err := w.Get(t.Context(), approvaltest.Backend, a.ID); err != nil || got.Refused != 0 {
		t.Errorf("%d refused, %v", got.Refused, err)
	}
}

func TestOnlyAPhoneInUseGetsAnOrigin(t *testing.T) {
	for state, want := range map[device.State]error{device.Locked: device.ErrLocked, device.Blocked: device.ErrBlocked} {
		w := newWorld(t)
		w.change(w.Phone.ID, func(d *device.Device) { d.State, d.Ended = state, w.Clock() })
		_, _, err := w.Origin(t.Context(), w.Phone.ID, time.Hour)
		w.want(err, want)
	}
	w := newWorld(t)
	_, _, err := w.Origin(t.Context(), device.NewID(), time.Hour)
	w.want(err, device.ErrNoDevice)
	if _, life, err := w.Origin(t.Context(), w.Phone.ID, time.Minute); err != nil || life != time.Minute {
		t.Errorf("%s, %v", life, err)
	}
}

// A phone that is new may ask, and still confirms low risk alone.
func TestAnOriginShortensNoCoolDown(t *testing.T) {
	w := newWorld(t)
	w.change(w.Phone.ID, func(d *device.Device) { d.CoolUntil = w.Clock().Add(time.Hour) })
	a, err := w.from("k", w.origin(w.Phone.ID))
	w.must(err)
	_, err = w.Confirm(t.Context(), a)
	w.want(err, approval.ErrCooling)
}

func TestOurOwnQuestionsComeFromNoPhone(t *testing.T) {
	w := newWorld(t)
	r := approvaltest.Ask("k")
	r.Action, r.Fields, r.Origin = approval.Enrol, map[string]string{"phone": "x"}, w.origin(w.Phone.ID)
	a, err := approval.Own{Service: &w.Service}.Ask(t.Context(), r)
	w.must(err)
	if a.SameDevice != "" || a.Digits(w.Phone.ID) == 0 {
		t.Errorf("%q types %d digits", a.SameDevice, a.Digits(w.Phone.ID))
	}
}
