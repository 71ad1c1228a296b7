package device

import (
	"errors"
	"time"
)

// What the ports and the Service answer. Any other error means that nothing
// was learnt (fault.Unavailable: try again). None says anything of a person.
var (
	// ErrNoDevice: there is no such phone, or not of this person.
	ErrNoDevice = errors.New("no such phone")
	// ErrNoPermit: no permit for this session, client and key, or it was used, or
	// its 15 minutes are over: the person proves who they are again.
	ErrNoPermit = errors.New("no permit")
	// ErrByCard: the health card alone does not open this way.
	ErrByCard = errors.New("the health card does not suffice for this")
	// ErrTooMany: as many phones as one person may have; block one first.
	ErrTooMany = errors.New("too many phones")
	// ErrKeyUsed: the key is or was that of a phone; the app makes a new one.
	ErrKeyUsed = errors.New("the key was used before")
	// ErrTicket: not a ticket of this call, or its 15 minutes are over.
	ErrTicket = errors.New("the ticket does not fit or is over")
	// ErrNotCleared: the person is not identified, or the account is disabled,
	// or the session is over.
	ErrNotCleared = errors.New("the person is not cleared or the session is over")
	// ErrFactors: the signature or the secret was wrong; which is not told.
	ErrFactors = errors.New("not confirmed")
	// ErrLocked: the device password was wrong too often; an enrolment unlocks.
	ErrLocked = errors.New("the phone is locked")
	// ErrPINLocked: the PIN was wrong too often, or none is set; the device
	// password sets a new one.
	ErrPINLocked = errors.New("the PIN is locked")
	// ErrBlocked: the phone was blocked for good.
	ErrBlocked = errors.New("the phone is blocked")
	// ErrClosed: the app is locked; the person opens it with PIN or biometry.
	ErrClosed = errors.New("the app is locked")
	// ErrMessage: a message or order not of the form that is due here.
	ErrMessage = errors.New("malformed message")
	// ErrSealed: a sealed secret does not open, because its key is retired, it
	// belongs to another message, or it is malformed. The app reads the key
	// again and seals once more; no try was counted.
	ErrSealed = errors.New("the sealed secret does not open")
	// ErrWeak: a new device password or PIN that is not taken; see WeakError.
	ErrWeak = errors.New("too easily guessed or malformed")
	// ErrName: not a name of a phone.
	ErrName = errors.New("not a name of a phone")
	// ErrPush: not a place for pushes.
	ErrPush = errors.New("not a push registration")
	// ErrCooling: the phone is too new, or has too new a key; see CoolingError.
	ErrCooling = errors.New("the phone is too new for this")
	// ErrNotAsked: nobody said "das war ich nicht" on this phone, or a new
	// login password was set since.
	ErrNotAsked = errors.New("no new login password is due")
)

// CoolingError is ErrCooling with when it ends.
type CoolingError struct{ Until time.Time }

// Error says what ErrCooling does.
func (e *CoolingError) Error() string { return ErrCooling.Error() }

// Unwrap returns ErrCooling.
func (e *CoolingError) Unwrap() error { return ErrCooling }

// TooManyError is ErrTooMany with the phones of which one could be replaced.
type TooManyError struct{ Phones []Device }

// Error says what ErrTooMany does.
func (e *TooManyError) Error() string { return ErrTooMany.Error() }

// Unwrap returns ErrTooMany.
func (e *TooManyError) Unwrap() error { return ErrTooMany }
