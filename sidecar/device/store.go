package device

import (
	"context"
	"errors"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
)

// The bounds of what is kept.
const (
	MaxKept      = 50                   // phones of one person, blocked ones included
	KeepsBlocked = 400 * 24 * time.Hour // then a blocked phone is forgotten
)

// Store keeps phones. All changes of one account's phones, permits and
// approvals exclude each other, on every replica.
type Store interface {
	// Get returns the phone, or ErrNoDevice.
	Get(ctx context.Context, id ID) (Device, error)
	// ByKey returns the phone whose Key has this thumbprint (the Biometric key
	// does not count), or ErrNoDevice.
	ByKey(ctx context.Context, thumbprint string) (Device, error)
	// Of returns the phones of an account, newest first, blocked ones included.
	Of(ctx context.Context, id account.ID) ([]Device, error)
	// Update runs fn in a transaction and stores what it changed. An error of
	// fn changes nothing and is returned. It returns ErrNoDevice, ErrKeyUsed,
	// and refuses what CheckChange refuses. A phone that is Active no more takes
	// with it, in the same transaction, the account's permits that are
	// ByPhoneAlone; and what News says of a change is queued in it, as by
	// Tasks.Queue. fn may run again and must have no other effect.
	Update(ctx context.Context, id ID, fn func(*Device) error) (Device, error)
}

// CheckChange says whether a store may replace one state of a phone by the
// other; before is the zero Device for a new phone. Whose a phone is never
// changes, and its state goes only where State.Follows lets it.
func CheckChange(before, after Device) error {
	if !after.State.Follows(before.State) {
		return errors.New("a phone does not go from " + before.State.String() + " to " + after.State.String())
	}
	if before.ID != "" && (after.ID != before.ID || after.Account != before.Account || after.Number != before.Number) {
		return errors.New("whose a phone is does not change")
	}
	return after.whole()
}

// whole says what a phone that is kept lacks.
func (d Device) whole() error {
	switch {
	case d.ID == "" || d.Account == "" || d.Number == "" || d.Key.Public() == nil || d.Created.IsZero():
		return errors.New("a phone without id, owner, key or time")
	case d.State != Blocked && d.Password.Hash == "":
		return errors.New("a phone without a device password")
	default:
		return nil
	}
}
