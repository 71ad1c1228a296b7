package approval

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/device"
)

// Redeem uses an approval up: of any number of calls on any replicas one gets
// the receipt. content is the hash of what the client is about to execute. It
// returns ErrNoApproval, ErrNotApproved, ErrOver (*Over), ErrRedeemed,
// ErrContent, ErrPerson. A client whose connection broke before it read the
// receipt asks the person anew: a second receipt could execute twice.
func (s *Service) Redeem(ctx context.Context, client string, id ID, content Hash) (Receipt, error) {
	a, err := s.mine(ctx, client, id)
	if err != nil {
		return Receipt{}, err
	}
	if err := s.note(ctx, a, audit.Entry{Phase: audit.Intent, Action: "approval.redeem", Detail: map[string]string{"claimed_sha256": content.String()}}); err != nil {
		return Receipt{}, err
	}
	receipt, after, err := s.redeem(ctx, a, content)
	s.outcome(ctx, a, "approval.redeem", err, evidence(after))
	switch {
	case err == nil:
		s.moved(after, Claimed)
	case after.State == Cancelled && after.State != a.State:
		s.moved(after, Ended)
	}
	if err != nil {
		return Receipt{}, err
	}
	return receipt, nil
}

// redeem signs before it uses the approval up: a receipt that cannot be signed
// must not cost it.
func (s *Service) redeem(ctx context.Context, a Approval, content Hash) (Receipt, Approval, error) {
	if err := redeemable(a, content, s.Now()); err != nil {
		return Receipt{}, a, err
	}
	if err := s.good(ctx, a.Account); err != nil {
		return Receipt{}, a, err
	}
	receipt, err := s.receipt(a)
	if err != nil {
		return Receipt{}, a, err
	}
	after, err := s.Store.Update(ctx, a.ID, "", func(now *Approval, by *device.Device) error {
		return use(now, by, a, content, s.Now())
	})
	if after.ID == "" {
		after = a
	}
	return receipt, after, err
}

// use is the one transaction in which an approval is redeemed. seen is what
// the receipt was made of.
func use(a *Approval, by *device.Device, seen Approval, content Hash, now time.Time) error {
	switch err := redeemable(*a, content, now); {
	case err != nil:
		return err
	case a.Client != seen.Client || a.Answer != seen.Answer || a.Device != seen.Device:
		return &Over{a.State, a.Reason}
	case by == nil || by.ID != a.Device || by.Account != a.Account || by.State != device.Active:
		a.State, a.Reason = Cancelled, Blocked
		return Keep{&Over{a.State, a.Reason}}
	}
	a.State, a.RedeemedAt = Redeemed, now
	return nil
}

// redeemable says why an approval cannot be redeemed with this hash now.
func redeemable(a Approval, content Hash, now time.Time) error {
	switch state := a.StateAt(now); state {
	case Approved:
	case Pending:
		return ErrNotApproved
	case Redeemed:
		return ErrRedeemed
	default:
		return &Over{state, a.Reason}
	}
	if a.Answer == "" || a.Device == "" || a.Account == "" {
		return ErrNotApproved
	}
	if !a.Content.Equal(content) {
		return ErrContent
	}
	return nil
}

// good reads freshly whether the person is still identified and the account
// enabled.
func (s *Service) good(ctx context.Context, id account.ID) error {
	who, err := s.Accounts.Get(ctx, id)
	if errors.Is(err, account.ErrNotFound) {
		return ErrPerson
	}
	if err != nil {
		return fmt.Errorf("reading the account: %w", err)
	}
	clearance, err := s.Accounts.Clearance(ctx, id)
	if err != nil {
		return fmt.Errorf("reading whether the person is identified: %w", err)
	}
	if !who.Enabled || clearance != account.Cleared {
		return ErrPerson
	}
	return nil
}

// maxEvidence bounds a request object in the audit, in bytes: an entry takes
// 16 KiB.
const maxEvidence = 10_000

// evidence is what the audit keeps of an answer: the phone's signature, and
// what it signed. It is sealed with the person's key.
func evidence(a Approval) map[string]string {
	if a.Answer == "" {
		return map[string]string{"state": a.State.String()}
	}
	out := map[string]string{"state": a.State.String(), "device": string(a.Device), "answer": a.Answer}
	if r := a.Issued[a.Device]; len(r) <= maxEvidence-len(a.Answer) {
		out["request"] = r
	}
	return out
}
