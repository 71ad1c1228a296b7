package password

import (
	"context"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/flow"
)

// carryOut changes the account in Keycloak and returns its id. It may be
// repeated.
func (s *step) carryOut(ctx context.Context, a *flow.Attempt, at situation, password string) (account.ID, error) {
	if at.account.ID == "" {
		return s.create(ctx, a, password)
	}
	id := at.account.ID
	e := audit.Entry{Action: "password.set", Step: string(a.Step), Client: a.Client, Person: id}
	err := s.audited(ctx, e, func(*audit.Entry) error {
		if err := s.host.Accounts.SetPassword(ctx, id, password); err != nil {
			return err
		}
		return s.host.Accounts.EndAll(ctx, id)
	})
	return id, err
}

func (s *step) create(ctx context.Context, a *flow.Attempt, password string) (account.ID, error) {
	n, err := s.person(ctx, a, password)
	if err != nil {
		return "", err
	}
	var id account.ID
	e := audit.Entry{Action: "account.create", Step: string(a.Step), Client: a.Client}
	err = s.audited(ctx, e, func(outcome *audit.Entry) (err error) {
		id, err = s.host.Accounts.Create(ctx, n)
		outcome.Person = id
		return err
	})
	return id, err
}

// audited writes an entry before a change and one after it. do may complete the
// second.
func (s *step) audited(ctx context.Context, e audit.Entry, do func(*audit.Entry) error) error {
	return audit.Around(ctx, s.host.Audit, e, func(outcome *audit.Entry) error {
		err := do(outcome)
		if _, refused := refusal(err); refused {
			outcome.Result = "refused"
		}
		return err
	})
}
