package device_test

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/device/devicetest"
	"github.com/schleuse/schleuse/sidecar/fault"
)

// history is a person's dealings with phones, and what must hold in all of them.
type history struct {
	*devicetest.Bench
	phones  map[device.ID]devicetest.Phone
	blocked map[device.ID]bool
	wrong   map[device.ID]int // since the last right password
	permits int               // given, and good for more than a first phone
	cards   int
	used    int
}

// known are errors that are answers.
func known(err error) bool {
	for _, want := range []error{
		device.ErrNoPermit, device.ErrByCard, device.ErrTooMany, device.ErrFactors, device.ErrLocked, device.ErrBlocked,
		device.ErrPINLocked, device.ErrNotAsked, device.ErrNoDevice,
	} {
		if errors.Is(err, want) {
			return true
		}
	}
	return err == nil || fault.KindOf(err) == fault.Unavailable
}

func (h *history) ids() []device.ID { return slices.Sorted(maps.Keys(h.phones)) }

// pick is one of the phones, of those that were blocked too.
func (h *history) pick(t *rapid.T) devicetest.Phone {
	if len(h.phones) == 0 {
		t.Skip("no phone")
	}
	return h.phones[rapid.SampledFrom(h.ids()).Draw(t, "phone")]
}

func (h *history) guess(t *rapid.T) string {
	return rapid.SampledFrom([]string{devicetest.Password, "wrong", "Watt-Wurm-9"}).Draw(t, "password")
}

func (h *history) expect(t *rapid.T, err error) {
	if !known(err) {
		t.Fatalf("unexpected: %v", err)
	}
}

func (h *history) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"permit": func(t *rapid.T) {
			kind := rapid.SampledFrom([]string{device.ByNect, device.ByCard}).Draw(t, "kind")
			key := devicetest.Public(h.Next)
			if rapid.Bool().Draw(t, "for a phone that is there") {
				key = devicetest.Public(h.pick(t).Key)
			}
			h.expect(t, h.PermitFor(t.Context(), key, kind))
			if kind == device.ByCard {
				h.cards++
				return
			}
			h.permits++
		},
		"register": func(t *rapid.T) {
			p, err := h.Register(t.Context())
			h.expect(t, err)
			if err == nil {
				h.used++
				h.phones[p.ID] = p
			}
		},
		"unlock": func(t *rapid.T) {
			p := h.pick(t)
			m := p.Message(device.Order, p.Order(device.ToUnlock, ""))
			_, err := h.Unlock(t.Context(), h.Caller(), p.ID, devicetest.Public(p.Key), m, h.Keys.Secret(m, device.ForNewPassword, devicetest.Password))
			h.expect(t, err)
			if err == nil {
				h.used++
				h.wrong[p.ID] = 0
			}
		},
		"check": func(t *rapid.T) {
			p := h.pick(t)
			h.tried(t, p, check(t.Context(), h.Bench, p, h.guess(t)))
		},
		"set password": func(t *rapid.T) {
			p := h.pick(t)
			m := p.Message(device.Order, p.Order(device.ToSetPassword, ""))
			h.tried(t, p, h.ChangePassword(t.Context(), p.ID, m, h.Keys.Secret(m, device.ForPassword, h.guess(t)),
				h.Keys.Secret(m, device.ForNewPassword, h.guess(t)+" and more")))
		},
		"rotate": func(t *rapid.T) {
			p := h.pick(t)
			next := devicetest.Phone{ID: p.ID, Key: devicetest.NewKey()}
			payload := p.Order(device.ToRotateKey, devicetest.Public(next.Key))
			byOld, byNew := p.Message(device.Order, payload), next.Message(device.Order, payload)
			err := h.RotateKey(t.Context(), p.ID, byOld, byNew, h.Keys.Secret(byOld, device.ForPassword, h.guess(t)))
			h.tried(t, p, err)
			if err == nil {
				h.phones[p.ID] = next
			}
		},
		"by a thief": func(t *rapid.T) {
			p := h.pick(t)
			thief := devicetest.Phone{ID: p.ID, Key: devicetest.NewKey()}
			if err := check(t.Context(), h.Bench, thief, devicetest.Password); !errors.Is(err, device.ErrFactors) {
				t.Fatalf("another key: %v", err)
			}
		},
		"block": func(t *rapid.T) {
			p := h.pick(t)
			h.expect(t, h.BlockFor(t.Context(), devicetest.Erika, p.ID, device.ReasonWeb))
			h.blocked[p.ID] = true
		},
		"time": func(t *rapid.T) {
			h.Pass(rapid.SampledFrom([]time.Duration{time.Minute, 20 * time.Minute, 25 * time.Hour}).Draw(t, "passes"))
		},
	}
}

// tried notes what came of a try.
func (h *history) tried(t *rapid.T, p devicetest.Phone, err error) {
	h.expect(t, err)
	switch {
	case err == nil:
		h.wrong[p.ID] = 0
	case errors.Is(err, device.ErrFactors):
		h.wrong[p.ID]++
	}
	if h.wrong[p.ID] > h.Settings.Tries {
		t.Fatalf("%d wrong passwords were compared", h.wrong[p.ID])
	}
}

// holds is what every history leaves true.
func (h *history) holds(t *rapid.T) {
	all, err := h.Store.Of(t.Context(), devicetest.Erika)
	if err != nil {
		t.Fatal(err)
	}
	usable, byCard := 0, 0
	for _, d := range all {
		if h.blocked[d.ID] != (d.State == device.Blocked) {
			t.Fatalf("a phone that was blocked (%v) is %s", h.blocked[d.ID], d.State)
		}
		if d.State == device.Active && h.wrong[d.ID] >= h.Settings.Tries {
			t.Fatalf("active after %d wrong passwords", h.wrong[d.ID])
		}
		if d.State != device.Blocked {
			usable++
		}
		if _, ours := h.phones[d.ID]; !ours {
			t.Fatal("a phone that nobody registered")
		}
	}
	if h.Settings.FirstPhoneByCard && h.cards > 0 {
		byCard = 1
	}
	if usable > h.Settings.Limit || h.used > h.permits+byCard {
		t.Fatalf("%d usable phones; %d uses of %d permits and %d by card", usable, h.used, h.permits, byCard)
	}
}

func TestHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := &history{
			Bench: devicetest.NewBench(start), phones: map[device.ID]devicetest.Phone{}, blocked: map[device.ID]bool{}, wrong: map[device.ID]int{},
		}
		h.Settings.Limit = 2
		h.Settings.FirstPhoneByCard = rapid.Bool().Draw(t, "first by card")
		actions := h.actions()
		actions[""] = h.holds
		t.Repeat(actions)
	})
}
