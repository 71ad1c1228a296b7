package password

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/member"
)

// debt is what an identified person is owed from the moment when their account
// is changed until the role is theirs. It is durable before the change, so
// that a crash in between leaves something to go by.
type debt struct {
	Attempt flow.AttemptID
	Begun   time.Time
	Made    bool       // an account is made; else one that exists gets a password
	Account account.ID // empty while it is not known which account is made
	Done    bool       // the change is complete: the password is this person's
	Note    string     // what their proofs noted
}

// The figures of a change.
const (
	keepDebt = 24 * time.Hour
	// underWay is how long a change may take; then it counts as interrupted.
	underWay = 12 * time.Second
	// An account that Keycloak dates from madeBefore before the change to
	// madeAfter after its beginning is the one that was made by it: nobody
	// else makes an account for this number at that very moment. The clocks of
	// the two servers may differ by madeBefore; a busy Keycloak may carry out
	// what nobody waits for any more.
	madeBefore = 10 * time.Second
	madeAfter  = time.Minute
)

// interrupted reports whether the change began and nobody is at it any more.
func (d debt) interrupted(now time.Time) bool {
	return !d.Begun.IsZero() && !d.Done && now.Sub(d.Begun) >= underWay
}

func (d debt) busy(now time.Time) bool {
	return !d.Begun.IsZero() && !d.Done && now.Sub(d.Begun) < underWay
}

// made reports whether this account is the one that an interrupted change made.
func (d debt) made(a account.Account) bool {
	if !d.Made || d.Done || a.ID == "" {
		return false
	}
	return d.Account == a.ID || d.Account == "" &&
		!a.Created.Before(d.Begun.Add(-madeBefore)) && !a.Created.After(d.Begun.Add(madeAfter))
}

// debts keeps them by number.
type debts struct {
	records extension.Records
	now     func() time.Time
}

// of returns the debt to the person of this number, the zero debt when there
// is none, and its version for put.
func (s debts) of(ctx context.Context, number member.KVNR) (debt, int64, error) {
	raw, version, err := s.records.Get(ctx, string(number))
	if err != nil || raw == nil {
		return debt{}, version, err
	}
	var d debt
	if err := json.Unmarshal(raw, &d); err != nil {
		return debt{}, 0, fmt.Errorf("reading what is owed: %w", err)
	}
	return d, version, nil
}

func (s debts) put(ctx context.Context, number member.KVNR, version int64, d debt) error {
	raw, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return s.records.Put(ctx, string(number), version, raw, keepDebt)
}

// drop removes the debt if it is still the one of this attempt.
func (s debts) drop(ctx context.Context, number member.KVNR, id flow.AttemptID) error {
	d, version, err := s.of(ctx, number)
	if err != nil || d.Attempt != id || version == 0 {
		return err
	}
	return s.records.Put(ctx, string(number), version, nil, keepDebt)
}
