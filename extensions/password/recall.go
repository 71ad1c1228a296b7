package password

import (
	"context"
	"errors"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/flow"
)

var _ flow.Recaller = (*step)(nil)

// Recall implements flow.Recaller. Whoever signs in knows the password, as long
// as the account has no other means of signing in. It is the identified
// person's own if the change is known to be complete, or if the account itself
// was made by it: nobody else ever knew that password.
func (s *step) Recall(ctx context.Context, a *flow.Attempt) (flow.Proof, error) {
	if a.Account == "" || a.Number == "" {
		return flow.Proof{}, nil
	}
	d, _, err := s.debts.of(ctx, a.Number)
	if err != nil || d.Begun.IsZero() {
		return flow.Proof{}, err
	}
	owed, err := s.owedTo(ctx, a, d)
	if err != nil || !owed {
		return flow.Proof{}, err
	}
	means, err := s.host.Accounts.Authenticators(ctx, a.Account)
	if err != nil || len(means) > 0 {
		return flow.Proof{}, err
	}
	return s.proof(a.Account, d), nil
}

// owedTo reports whether the debt is to this account.
func (s *step) owedTo(ctx context.Context, a *flow.Attempt, d debt) (bool, error) {
	if d.Done || !d.Made {
		return d.Done && d.Account == a.Account, nil
	}
	acc, err := s.host.Accounts.Get(ctx, a.Account)
	if errors.Is(err, account.ErrNotFound) {
		return false, nil
	}
	return err == nil && acc.Is(a.Number) && d.made(acc), err
}

// Forget implements flow.Recaller.
func (s *step) Forget(ctx context.Context, a *flow.Attempt) error {
	if a.Number == "" {
		return nil
	}
	d, version, err := s.debts.of(ctx, a.Number)
	if err != nil || version == 0 || d.Account != "" && d.Account != a.Account {
		return err
	}
	return s.host.Records.Put(ctx, string(a.Number), version, nil, keepDebt)
}

func (s *step) proof(id account.ID, d debt) flow.Proof {
	return flow.Proof{Kind: kind, At: d.Begun, Note: d.Note, Account: id}
}
