package approval

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/device"
)

// Recent is the time of which Create shows admit a person's approvals, and how
// many at most.
const (
	Recent    = 24 * time.Hour
	MaxRecent = 100
)

// Admit decides whether a new approval may be created. recent are the person's
// approvals of the last 24 hours, newest first, at most 100, in the state they
// are in now. The one that it returns changed is stored even when it refuses.
// It may run again and must have no other effect.
type Admit func(recent []Approval) (changed *Approval, refuse error)

// Store keeps approvals. All changes of one account's phones, permits and
// approvals exclude each other, on every replica. Each change that Check
// refuses is refused. What was asked before the database was restored from a
// backup and is still pending or approved counts as Cancelled (Restored).
type Store interface {
	// Create stores a, unless the client used the key before: with the same
	// digest it returns the approval of that time and created is false, with
	// another one ErrKeyReused. What key.Origin names and an earlier creation
	// used up is ErrOrigin, and changes nothing. Else admit decides.
	Create(ctx context.Context, a Approval, key Key, admit Admit) (stored Approval, created bool, err error)
	// Get returns an approval, or ErrNoApproval.
	Get(ctx context.Context, id ID) (Approval, error)
	// Update runs fn in a transaction, with the phone dev as it is then, or for
	// "" the one whose answer decided, or nil where there is none. What fn
	// changed in the approval is stored and returned, also when it returns a
	// Keep, of which the error is returned; another error changes nothing. The phone is for reading. fn may run
	// again and must have no other effect.
	Update(ctx context.Context, id ID, dev device.ID, fn func(*Approval, *device.Device) error) (Approval, error)
	// List returns the approvals that fit, newest first.
	List(ctx context.Context, q Query) ([]Approval, error)
}

// Repeats tells repetitions.
type Repeats interface {
	// Again returns the approval that Create returns for a key that the client
	// used before, ErrKeyReused where it does, or ErrNoApproval.
	Again(ctx context.Context, client string, key Key) (Approval, error)
}

// Key is what makes a request the same one, and what creating it uses up.
type Key struct {
	Value  string   // drawn by the client, 1 to 255 characters
	Digest [32]byte // of all that the request says
	// Origin is used up in the transaction that creates; the zero one is none.
	Origin Once
}

// Keep marks an error with which Update nevertheless stores what fn changed.
type Keep struct{ Err error }

// Error is that of the error within.
func (k Keep) Error() string { return k.Err.Error() }

// Unwrap returns the error within.
func (k Keep) Unwrap() error { return k.Err }

// MaxList is how many approvals a list has at most.
const MaxList = 100

// Query says which approvals are listed. Zero members do not narrow.
type Query struct {
	Client  string
	Account account.ID
	States  []State // as they are now
	Before  ID      // only older ones than this one
	// Lapsed: only those that are over (or void) by now and not yet stored so.
	Lapsed bool
	Limit  int // 1 to MaxList; zero: MaxList
}

// Change says that an approval changed.
type Change struct {
	ID      ID
	Account account.ID
}

// Changes tells what changed, on every replica.
type Changes interface {
	// Since returns what changed since an earlier call returned next, and
	// perhaps some changes before that. As many as limit mean that there may be
	// more, and that everything may have changed. Limit 0 asks for next alone.
	Since(ctx context.Context, mark int64, limit int) (changes []Change, next int64, err error)
}

// Factors checks what a phone's owner knows; device.Service does.
type Factors interface {
	// CheckPassword counts a try and compares; message is what the password was
	// sealed beside, of which the signature was verified. It returns
	// device.ErrFactors, ErrLocked, ErrSealed.
	CheckPassword(ctx context.Context, dev device.ID, message device.Message, password device.Sealed) error
}

// Keys are the keys of one purpose.
type Keys struct {
	// Signing returns the primary key, on P-256, and its `kid`.
	Signing func() (kid string, key crypto.Signer)
	// Published returns all public keys by `kid`, also those of past and coming
	// primaries.
	Published func() map[string]*ecdsa.PublicKey
}

// Hinter wakes phones. It returns at once; that a hint does not arrive is not
// the request's failure.
type Hinter interface {
	// Hint tells a phone that something waits; id is opaque. A phone without a
	// push registration is passed over.
	Hint(ctx context.Context, to device.Device, id string)
}

// Event is a step of the way from asking to redeeming.
type Event string

// The events.
const (
	Asked     Event = "asked"
	Refused   Event = "refused" // not asked: pending, too many, paused, nobody
	Delivered Event = "delivered"
	Opened    Event = "opened"
	Decided   Event = "decided" // by an approval; a denial is Ended
	Claimed   Event = "redeemed"
	Ended     Event = "ended" // denied, expired or cancelled
)

// Meter counts events. state is where the approval stands after it; age is how
// long ago it was asked. Actions and states are bounded; a Meter is told
// nothing of persons or clients.
type Meter func(e Event, action string, state State, age time.Duration)
