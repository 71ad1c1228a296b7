package gate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/web"
)

// Review is the step in which a person who has just been identified reviews
// the means of signing in that are on the account: somebody with a stolen
// password may have planted one. It stands after all proof and before the
// role. What is older than Since is kept unless it is removed, what is
// younger is removed unless it is kept; the password is never touched.
type Review struct {
	Accounts account.Authenticators
	Audit    audit.Log
	Since    time.Time
}

// Begin lists what is there. With nothing to review the step is not for this
// person.
func (s *Review) Begin(ctx context.Context, a *flow.Attempt) (flow.Outcome, error) {
	list, err := s.Accounts.Authenticators(ctx, a.Account)
	if err != nil {
		return flow.Outcome{}, fmt.Errorf("listing authenticators: %w", err)
	}
	if len(list) == 0 {
		return flow.Skip(), nil
	}
	return s.show(list), nil
}

func (s *Review) show(list []account.Authenticator) flow.Outcome {
	rows := make([]web.Reviewed, 0, len(list))
	for _, x := range list {
		rows = append(rows, web.Reviewed{
			ID: x.ID, Type: x.Type, Label: x.Label, Created: x.Created, Keep: s.keeps(x),
		})
	}
	return flow.Show(flow.View{Page: string(flow.Authenticators), Data: rows})
}

// keeps says what is kept unless the person says otherwise: what is older
// than the introduction. An age that nobody knows is none.
func (s *Review) keeps(x account.Authenticator) bool {
	return !x.Created.IsZero() && x.Created.Before(s.Since)
}

// Resume removes whatever is not kept, and lists again: only when nothing is
// left that the person has not seen and kept is the step passed.
func (s *Review) Resume(ctx context.Context, a *flow.Attempt, in flow.Input) (flow.Outcome, error) {
	if in.Kind != flow.Posted || !in.Form.Has(stepField) {
		return s.Begin(ctx, a)
	}
	keep := in.Form["keep"]
	list, err := s.Accounts.Authenticators(ctx, a.Account)
	if err != nil {
		return flow.Outcome{}, fmt.Errorf("listing authenticators: %w", err)
	}
	for _, x := range list {
		if slices.Contains(keep, x.ID) {
			continue
		}
		if err := s.remove(ctx, a, x); errors.Is(err, account.ErrExempt) {
			return flow.Skip(), nil
		} else if err != nil {
			return flow.Outcome{}, err
		}
	}
	left, err := s.Accounts.Authenticators(ctx, a.Account)
	if err != nil {
		return flow.Outcome{}, fmt.Errorf("listing authenticators: %w", err)
	}
	if slices.ContainsFunc(left, func(x account.Authenticator) bool { return !slices.Contains(keep, x.ID) }) {
		return s.show(left), nil
	}
	return flow.Done(flow.Proof{}), nil
}

func (s *Review) remove(ctx context.Context, a *flow.Attempt, x account.Authenticator) error {
	e := audit.Entry{
		Action: "authenticator.remove", Step: string(flow.Authenticators), Client: a.Client, Person: a.Account,
		Detail: map[string]string{"type": x.Type, "id": x.ID},
	}
	err := audit.Around(ctx, s.Audit, e, func(*audit.Entry) error { return s.Accounts.RemoveAuthenticator(ctx, a.Account, x.ID) })
	if err != nil {
		return fmt.Errorf("removing an authenticator: %w", err)
	}
	return nil
}
