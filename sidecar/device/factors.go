package device

import (
	"context"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/fault"
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
	leave, err := s.enter(ctx, d.Account)
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

// enter is Hasher.enter within the account's budget, so that one person's phones
// do not make everybody else wait.
func (s *Service) enter(ctx context.Context, id account.ID) (leave func(), err error) {
	if s.Budget != nil && !s.Budget(id) {
		return nil, &fault.Error{Kind: fault.TooMany, Key: "too_many", Retry: time.Second}
	}
	return s.Hasher.enter(ctx)
}

// take counts a try. Where none is left, and a crash came before the lock, it
// locks.
func (s *Service) take(ctx context.Context, proven Device, g guard) (Device, error) {
	over, locked := false, false
	taken, err := s.Store.Update(ctx, proven.ID, func(d *Device) error {
		over, locked = false, false
		if err := usable(d, proven.Key); err != nil {
			return err
		}
		secret := g.of(d)
		if secret.Hash == "" {
			return g.over
		}
		if over = secret.Wrong >= g.tries; over {
			locked = g.lock(d, s.Now())
			return nil
		}
		secret.Wrong++
		return nil
	})
	switch {
	case err != nil:
		return Device{}, err
	case over && locked:
		s.lockedOut(ctx, taken, g)
		return Device{}, g.over
	case over:
		return Device{}, g.over
	}
	return taken, nil
}

// lock does what follows from the last wrong try, and reports whether it had
// not been done.
func (g guard) lock(d *Device, now time.Time) bool {
	if g.locks {
		d.State, d.Reason = Locked, ReasonPassword
		return true
	}
	first := g.of(d).Over.IsZero()
	if first {
		g.of(d).Over = now
	}
	return first
}

// lockedOut records that a phone, or its PIN, has just been locked.
func (s *Service) lockedOut(ctx context.Context, d Device, g guard) {
	ctx = context.WithoutCancel(ctx)
	event, action := PINLockedOut, "device.pin_locked"
	if g.locks {
		event, action = LockedOut, "device.locked"
	}
	s.count(event)
	if err := s.fact(ctx, action, "ok", d); err != nil {
		s.log().ErrorContext(ctx, "a phone was locked without an entry", "error", err)
	}
	s.wakeOthers(ctx, d)
}

// wrong records a wrong try, and locks after the last one.
func (s *Service) wrong(ctx context.Context, taken Device, g guard) error {
	ctx = context.WithoutCancel(ctx) // a caller who hangs up spares the phone nothing
	s.count(WrongSecret)
	if err := s.fact(ctx, "device.wrong."+string(g.purpose), "refused", taken); err != nil {
		return err
	}
	if g.of(&taken).Wrong < g.tries {
		return ErrFactors
	}
	locked := false
	now, err := s.Store.Update(ctx, taken.ID, func(d *Device) error {
		last := d.State == Active && g.of(d).Hash == g.of(&taken).Hash && g.of(d).Wrong >= g.tries
		locked = last && g.lock(d, s.Now())
		return nil
	})
	if err != nil {
		return err
	}
	if locked {
		s.lockedOut(ctx, now, g)
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
