package device

import (
	"context"

	"github.com/schleuse/schleuse/sidecar/notify"
)

// guard is a secret whose wrong tries are counted.
type guard struct {
	purpose Purpose
	of      func(*Device) *Secret
	tries   int
	over    error // what is said when there are no tries left
	locks   bool  // and then the phone is locked
}

func (s *Service) password() guard {
	return guard{ForPassword, func(d *Device) *Secret { return &d.Password }, s.Settings.Tries, ErrLocked, true}
}

func (s *Service) pin() guard {
	return guard{ForPIN, func(d *Device) *Secret { return &d.PIN }, s.Settings.PINTries, ErrPINLocked, false}
}

// CheckPassword reports whether the device password beside a message is the
// phone's. The signature comes first, so that nobody else can use up tries;
// then a try is counted, and only then the password is compared. The last try
// that is wrong locks the phone and tells its owner.
//
// It returns ErrFactors (signature or password), ErrSealed
// (nothing was counted), ErrLocked, ErrBlocked, and fault.Unavailable: then a
// try may have been counted.
func (s *Service) CheckPassword(ctx context.Context, id ID, m Message, sealed Sealed) error {
	d, err := s.signed(ctx, id, m)
	if err != nil {
		return err
	}
	return s.check(ctx, d, m, s.password(), sealed)
}

// check compares a secret beside a message of this phone, of which the
// signature was verified.
func (s *Service) check(ctx context.Context, d Device, m Message, g guard, sealed Sealed) error {
	plain, err := s.unseal(m, g.purpose, sealed)
	if err != nil {
		return err
	}
	leave, err := s.Hasher.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	taken, err := s.take(ctx, d, g)
	if err != nil {
		return err
	}
	right, renewed := s.Hasher.matches(d.ID, g.purpose, *g.of(&taken), plain)
	if !right {
		return s.wrong(ctx, taken, g)
	}
	return s.right(ctx, taken, g, renewed)
}

// take counts a try. Where none is left, and a crash came before the lock, it
// locks.
func (s *Service) take(ctx context.Context, proven Device, g guard) (Device, error) {
	over := false
	taken, err := s.Store.Update(ctx, proven.ID, func(d *Device) error {
		over = false
		if err := usable(d, proven.Key); err != nil {
			return err
		}
		secret := g.of(d)
		if secret.Hash == "" {
			return g.over
		}
		if over = secret.Wrong >= g.tries; over {
			return lock(d, g)
		}
		secret.Wrong++
		return nil
	})
	switch {
	case err != nil:
		return Device{}, err
	case over:
		return Device{}, s.lockedOut(ctx, taken, g)
	}
	return taken, nil
}

func lock(d *Device, g guard) error {
	if !g.locks {
		return g.over
	}
	d.State, d.Reason = Locked, ReasonPassword
	return nil
}

// lockedOut tells that a phone has just been locked.
func (s *Service) lockedOut(ctx context.Context, d Device, g guard) error {
	ctx = context.WithoutCancel(ctx)
	s.count(LockedOut)
	if err := s.fact(ctx, "device.locked", "ok", d); err != nil {
		s.log().ErrorContext(ctx, "a phone was locked without an entry", "error", err)
	}
	s.tell(ctx, notify.PhoneLocked, d, s.Now())
	return g.over
}

// wrong records a wrong try, and locks after the last one.
func (s *Service) wrong(ctx context.Context, taken Device, g guard) error {
	ctx = context.WithoutCancel(ctx) // a caller who hangs up spares the phone nothing
	s.count(WrongSecret)
	if err := s.fact(ctx, "device.wrong."+string(g.purpose), "refused", taken); err != nil {
		return err
	}
	if g.of(&taken).Wrong < g.tries || !g.locks {
		return ErrFactors
	}
	locked := false
	now, err := s.Store.Update(ctx, taken.ID, func(d *Device) error {
		locked = d.State == Active && g.of(d).Hash == g.of(&taken).Hash && g.of(d).Wrong >= g.tries
		if locked {
			return lock(d, g)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if locked {
		_ = s.lockedOut(ctx, now, g) // which of the factors was wrong is not told
	}
	return ErrFactors
}

// right forgets wrong tries, unless the phone became another one meanwhile.
func (s *Service) right(ctx context.Context, taken Device, g guard, renewed Secret) error {
	_, err := s.Store.Update(ctx, taken.ID, func(d *Device) error {
		if err := usable(d, taken.Key); err != nil {
			return err
		}
		secret := g.of(d)
		if secret.Hash != g.of(&taken).Hash {
			return ErrFactors
		}
		if renewed.Hash != "" {
			*secret = renewed
		}
		secret.Wrong = 0
		d.LastUsed = hour(s.Now())
		return nil
	})
	return err
}
