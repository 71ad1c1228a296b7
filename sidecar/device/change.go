package device

import (
	"context"
	"regexp"
	"strings"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
)

// change stores what an order that was proven by key wants.
func (s *Service) change(ctx context.Context, proven Device, action string, fn func(*Device) error) error {
	return s.around(ctx, action, proven, func() error {
		_, err := s.Store.Update(ctx, proven.ID, func(d *Device) error {
			if err := usable(d, proven.Key); err != nil {
				return err
			}
			return fn(d)
		})
		return err
	})
}

// RotateKey gives a phone another key. byOld and byNew are the same header and
// payload, signed by the present key and by the new one, which the payload
// names; the password is sealed beside byOld. The phone cools down anew and its
// owner is told: the new key may be somebody else's. It returns what CheckPassword
// does, ErrMessage, ErrKeyUsed.
func (s *Service) RotateKey(ctx context.Context, id ID, byOld, byNew Message, password Sealed) error {
	d, key, err := s.ordered(ctx, id, byOld, ToRotateKey)
	if err != nil {
		return err
	}
	if signedPart(byOld) != signedPart(byNew) || !byNew.SignedBy(key) {
		return ErrFactors
	}
	if err := s.check(ctx, d, byOld, s.password(), password); err != nil {
		return err
	}
	now := s.Now()
	err = s.change(ctx, d, "device.rotate_key", func(d *Device) error {
		if key == d.Key || key == d.Biometric {
			return ErrKeyUsed
		}
		d.Key = key
		if cool := now.Add(s.Settings.CoolDown); cool.After(d.CoolUntil) {
			d.CoolUntil = cool
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.wakeOthers(context.WithoutCancel(ctx), d)
	return nil
}

// signedPart is header and payload as they were signed.
func signedPart(m Message) string { return m.raw[:strings.LastIndexByte(m.raw, '.')+1] }

// ChangePassword replaces the device password and tells its owner. It returns what CheckPassword
// does, ErrMessage, ErrWeak.
func (s *Service) ChangePassword(ctx context.Context, id ID, order Message, password, newPassword Sealed) error {
	d, _, err := s.ordered(ctx, id, order, ToSetPassword)
	if err != nil {
		return err
	}
	secret, err := s.newPassword(ctx, d, order, newPassword)
	if err != nil {
		return err
	}
	if err := s.check(ctx, d, order, s.password(), password); err != nil {
		return err
	}
	err = s.change(ctx, d, "device.set_password", func(d *Device) error {
		d.Password = secret
		return nil
	})
	if err != nil {
		return err
	}
	s.wakeOthers(context.WithoutCancel(ctx), d)
	return nil
}

// SetPIN sets the app's PIN, the first one or another. It returns what
// CheckPassword does, ErrMessage, ErrWeak.
func (s *Service) SetPIN(ctx context.Context, id ID, order Message, password, pin Sealed) error {
	d, _, err := s.ordered(ctx, id, order, ToSetPIN)
	if err != nil {
		return err
	}
	plain, err := s.unseal(order, ForPIN, pin)
	if err != nil {
		return err
	}
	if err := checkPIN(plain, s.Settings.PINDigits); err != nil {
		return err
	}
	if err := s.check(ctx, d, order, s.password(), password); err != nil {
		return err
	}
	secret, err := s.hashed(ctx, d, ForPIN, plain)
	if err != nil {
		return err
	}
	return s.change(ctx, d, "device.set_pin", func(d *Device) error {
		d.PIN = secret
		return nil
	})
}

// SetBiometric lets a second key open the app, which the platform releases only
// after face or finger. It returns what CheckPassword does, ErrMessage,
// ErrKeyUsed.
func (s *Service) SetBiometric(ctx context.Context, id ID, order Message, password Sealed) error {
	d, key, err := s.ordered(ctx, id, order, ToSetBiometric)
	if err != nil {
		return err
	}
	if err := s.check(ctx, d, order, s.password(), password); err != nil {
		return err
	}
	return s.change(ctx, d, "device.set_biometric", func(d *Device) error {
		if key == d.Key {
			return ErrKeyUsed
		}
		d.Biometric = key
		return nil
	})
}

// RemoveBiometric forgets the second key; that takes a right away and needs no
// secret.
func (s *Service) RemoveBiometric(ctx context.Context, id ID) error {
	d, err := s.Store.Get(ctx, id)
	if err != nil {
		return err
	}
	return s.change(ctx, d, "device.remove_biometric", func(d *Device) error {
		d.Biometric = ""
		return nil
	})
}

// OpenApp opens the app, by the PIN (sealed beside an order by the phone's key)
// or, where pin is nil, by an order that the biometric key signed. It returns
// until when, ErrFactors, ErrMessage, ErrPINLocked (no try is left, or there is
// no PIN), ErrSealed, ErrLocked, ErrBlocked.
func (s *Service) OpenApp(ctx context.Context, id ID, order Message, pin *Sealed) (time.Time, error) {
	open := s.openByBiometry
	if pin != nil {
		open = func(ctx context.Context, id ID, order Message) error { return s.openByPIN(ctx, id, order, *pin) }
	}
	if err := open(ctx, id, order); err != nil {
		return time.Time{}, err
	}
	return s.Now().Add(s.Settings.IdleLock), nil
}

func (s *Service) openByPIN(ctx context.Context, id ID, order Message, pin Sealed) error {
	d, _, err := s.ordered(ctx, id, order, ToOpen)
	if err != nil {
		return err
	}
	return s.check(ctx, d, order, s.pin(), pin)
}

func (s *Service) openByBiometry(ctx context.Context, id ID, order Message) error {
	d, err := s.Store.Get(ctx, id)
	if err != nil {
		return err
	}
	if order.Device != id || !order.SignedBy(d.Biometric) {
		return ErrFactors
	}
	if _, err := s.readOrder(order, ToOpen); err != nil {
		return err
	}
	return usable(&d, d.Key)
}

// Rename calls a phone of the same person otherwise. It returns ErrName,
// ErrNoDevice.
func (s *Service) Rename(ctx context.Context, by Device, id ID, name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	_, err := s.Store.Update(ctx, id, func(d *Device) error {
		if d.Account != by.Account {
			return ErrNoDevice
		}
		d.Name = name
		return nil
	})
	return err
}

// Seen notes that a phone is used, once an hour.
func (s *Service) Seen(ctx context.Context, d Device) error {
	now := hour(s.Now())
	if !now.After(d.LastUsed) {
		return nil
	}
	_, err := s.Store.Update(ctx, d.ID, func(d *Device) error {
		d.LastUsed = now
		return nil
	})
	return err
}

// maxToken bounds a push token, in bytes.
const maxToken = 4096

// pushForm is what a channel's name and a token consist of.
var pushForm = regexp.MustCompile(`^[!-~]+$`)

// RegisterPush says where the phone is woken; the zero Push: nowhere. It
// returns ErrPush, ErrNoDevice.
func (s *Service) RegisterPush(ctx context.Context, id ID, p Push) error {
	if p != (Push{}) && (len(p.Token) > maxToken || len(p.Channel) > MaxName || !pushForm.MatchString(p.Token) || !pushForm.MatchString(p.Channel)) {
		return ErrPush
	}
	_, err := s.Store.Update(ctx, id, func(d *Device) error {
		if !d.alive() {
			return ErrNoDevice
		}
		d.Push = p
		return nil
	})
	return err
}

// forgetPush forgets a registration, unless there is a newer one.
func (s *Service) forgetPush(ctx context.Context, id ID, gone Push) error {
	_, err := s.Store.Update(ctx, id, func(d *Device) error {
		if d.Push == gone {
			d.Push = Push{}
		}
		return nil
	})
	return err
}

// Block takes a phone out of use for good, on a phone of the same person; that
// may be itself. A cooling one blocks only itself and phones that began to cool
// later: who got it by deceit must not take the owner's away. Blocking again is
// no error. It returns ErrNoDevice, ErrCooling (*CoolingError).
func (s *Service) Block(ctx context.Context, by Device, id ID) error {
	d, err := s.Store.Get(ctx, id)
	if err != nil {
		return err
	}
	if d.Account == by.Account && d.ID != by.ID && by.Cooling(s.Now()) && !d.CoolUntil.After(by.CoolUntil) {
		return &CoolingError{by.CoolUntil}
	}
	return s.BlockFor(ctx, by.Account, id, ReasonPhone)
}

// BlockFor is Block for whoever has shown that they are the account's owner
// (ReasonWeb) or a clerk (ReasonSupport).
func (s *Service) BlockFor(ctx context.Context, owner account.ID, id ID, reason string) error {
	d, err := s.Store.Get(ctx, id)
	if err != nil {
		return err
	}
	if d.Account != owner {
		return ErrNoDevice
	}
	done, now := false, s.Now()
	err = s.around(ctx, "device.block", d, func() error {
		d, err = s.Store.Update(ctx, id, func(d *Device) error {
			if done = d.State != Blocked; done {
				d.block(reason, now)
			}
			return nil
		})
		return err
	})
	if err != nil || !done {
		return err
	}
	s.count(BlockedForGood)
	s.wakeOthers(context.WithoutCancel(ctx), d)
	return nil
}
