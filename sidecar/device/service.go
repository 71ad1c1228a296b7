package device

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/notify"
)

// Settings are the operator's.
type Settings struct {
	Limit       int           // active and locked phones of one person, 1 to 20
	CoolDown    time.Duration // how long a phone that is new, unlocked or has a new key confirms low risk alone
	MinPassword int           // characters of a device password
	Tries       int           // wrong device passwords until the phone is locked
	PINDigits   int           // of a PIN
	PINTries    int           // wrong PINs until another must be set
	IdleLock    time.Duration // how long an app stays open without use
	// FirstPhoneByCard lets somebody who had no phone in the last 400 days
	// register one with digits of the health card alone.
	FirstPhoneByCard bool
}

// Defaults are the settings unless the operator has others.
func Defaults() Settings {
	return Settings{
		Limit: 5, CoolDown: 24 * time.Hour, MinPassword: 8, Tries: 5,
		PINDigits: 6, PINTries: 5, IdleLock: 5 * time.Minute,
	}
}

// Seals keep what a phone carries for the server, so that it can neither read
// nor change it.
type Seals interface {
	Seal(plain, aad []byte) []byte
	Open(sealed, aad []byte) ([]byte, error)
}

// Event is what happened to a phone, for metrics.
type Event string

// The events.
const (
	Registered     Event = "registered"
	Unlocked       Event = "unlocked"
	LockedOut      Event = "locked"
	PINLockedOut   Event = "pin_locked"
	BlockedForGood Event = "blocked"
	WrongSecret    Event = "wrong_secret" // one try
	NotMe          Event = "not_me"       // loud: somebody else acts in this person's name
)

// Service is all that may be done with phones. Every field is set, Budget, Overtaker,
// Pusher, Meter and Log excepted. It is safe for concurrent use.
type Service struct {
	Store    Store
	Permits  Permits
	Hasher   *Hasher
	Opener   Opener
	Seals    Seals // of tickets
	Accounts account.Accounts
	Audit    audit.Log
	Notify   notify.Sender
	Tasks    Tasks
	// Budget reports whether an account may have one more password hash computed;
	// nil: always. Hashes are dear, and whoever holds a key may ask for many.
	Budget func(account.ID) bool
	// Overtaker stops logins that are under way; nil: nobody signs in here.
	Overtaker Overtaker
	Pusher    notify.Pusher // nil: phones are not woken
	Meter     func(Event)   // nil: nobody counts
	Log       *slog.Logger  // nil = slog.Default(); nothing personal goes there
	Now       func() time.Time
	Settings  Settings
	// Audience is what phones put into `aud`: the API's public address.
	Audience string
}

// Caller is who signed in, by an access token.
type Caller struct {
	Account account.ID
	Session account.SID
	Client  string // the OIDC client id
}

func (s *Service) count(e Event) {
	if s.Meter != nil {
		s.Meter(e)
	}
}

func (s *Service) log() *slog.Logger {
	if s.Log == nil {
		return slog.Default()
	}
	return s.Log
}

// cleared demands that the person is identified, the account enabled and the
// session alive, all read fresh.
func (s *Service) cleared(ctx context.Context, c Caller) error {
	if err := s.clearedPerson(ctx, c.Account); err != nil {
		return err
	}
	alive, err := s.Accounts.Alive(ctx, c.Account, c.Session)
	if err != nil {
		return fmt.Errorf("looking for the session: %w", err)
	}
	if !alive {
		return ErrNotCleared
	}
	return nil
}

func (s *Service) clearedPerson(ctx context.Context, id account.ID) error {
	clearance, err := s.Accounts.Clearance(ctx, id)
	if err != nil {
		return fmt.Errorf("reading the clearance: %w", err)
	}
	if clearance != account.Cleared {
		return ErrNotCleared
	}
	switch a, err := s.Accounts.Get(ctx, id); {
	case errors.Is(err, account.ErrNotFound):
		return ErrNotCleared
	case err != nil:
		return fmt.Errorf("reading the account: %w", err)
	case !a.Enabled:
		return ErrNotCleared
	}
	return nil
}

// registers is the action of a registration in the audit.
const registers = "device.register"

// around does something to a phone between its two entries in the audit.
func (s *Service) around(ctx context.Context, action string, d Device, do func() error) error {
	e := audit.Entry{Action: action, Person: d.Account, Detail: map[string]string{"device": string(d.ID)}}
	if d.Replaced != "" && action == registers {
		e.Detail["replaces"] = string(d.Replaced)
	}
	return audit.Around(ctx, s.Audit, e, func(outcome *audit.Entry) error {
		err := do()
		if err != nil {
			outcome.Result = "refused"
		}
		return err
	})
}

// fact records what has happened.
func (s *Service) fact(ctx context.Context, action, result string, d Device) error {
	err := s.Audit.Append(ctx, audit.Entry{
		Phase: audit.Fact, Action: action, Result: result, Person: d.Account, Detail: map[string]string{"device": string(d.ID)},
	})
	if err != nil {
		return fmt.Errorf("writing the audit: %w", err)
	}
	return nil
}

// wakeTime bounds pushes to the other phones.
const wakeTime = 3 * time.Second

// wakeOthers pushes to the person's other phones, all at once.
func (s *Service) wakeOthers(ctx context.Context, d Device) {
	if s.Pusher == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, wakeTime)
	defer cancel()
	phones, err := s.Store.Of(ctx, d.Account)
	if err != nil {
		s.log().WarnContext(ctx, "the other phones are not woken", "error", err)
		return
	}
	var waking sync.WaitGroup
	for _, other := range phones {
		if other.ID != d.ID && other.alive() {
			waking.Go(func() { s.Wake(ctx, other, string(NewID())) })
		}
	}
	waking.Wait()
}

// Wake pushes to a phone that has a registration; id is opaque. It forgets a
// registration that is gone. That a push does not arrive is of no consequence.
func (s *Service) Wake(ctx context.Context, d Device, id string) {
	if s.Pusher == nil || d.Push == (Push{}) {
		return
	}
	err := s.Pusher.Push(ctx, d.Push.To(id))
	switch {
	case errors.Is(err, notify.ErrTokenGone):
		if err := s.forgetPush(ctx, d.ID, d.Push); err != nil {
			s.log().WarnContext(ctx, "a push registration that is gone is not forgotten", "error", err)
		}
	case err != nil:
		s.log().WarnContext(ctx, "a push was not sent", "channel", d.Push.Channel, "error", err)
	}
}

// usable says why a phone that was proven by key may not act.
func usable(d *Device, key Key) error {
	switch {
	case d.State == Active && d.Key == key:
		return nil
	case d.State == Locked && d.Key == key:
		return ErrLocked
	case d.State == Blocked:
		return ErrBlocked
	default:
		return ErrFactors
	}
}

// hour is the accuracy of LastUsed: so a phone in use is written once an hour.
func hour(t time.Time) time.Time { return t.Truncate(time.Hour) }
