package approval

import (
	"context"
	"errors"

	"github.com/schleuse/schleuse/sidecar/account"
)

// Asker is how we ask a person ourselves, under the name Self: a step of a flow
// has them confirm on one phone what is done with another. All errors that the
// Service returns may come; ErrNobody where there are no phones at all.
type Asker interface {
	// Phones returns how many active phones the account has.
	Phones(ctx context.Context, id account.ID) (int, error)
	// Ask asks for an action of BuiltIn; r.Client is not looked at. The same
	// Key gives the same approval.
	Ask(ctx context.Context, r Request) (Approval, error)
	// Get returns the present state.
	Get(ctx context.Context, id ID) (Approval, error)
	// Redeem uses an approval up, once, for exactly this content.
	Redeem(ctx context.Context, id ID, content Hash) error
}

// Own is the Service as an Asker.
type Own struct{ *Service }

// Phones implements Asker.
func (o Own) Phones(ctx context.Context, id account.ID) (int, error) {
	active, err := o.phones(ctx, id)
	if errors.Is(err, ErrNobody) {
		return 0, nil
	}
	return len(active), err
}

// Ask implements Asker.
func (o Own) Ask(ctx context.Context, r Request) (Approval, error) {
	r.Client, r.Origin = Self, ""
	a, _, err := o.Request(ctx, r)
	return a, err
}

// Get implements Asker.
func (o Own) Get(ctx context.Context, id ID) (Approval, error) { return o.Service.Get(ctx, Self, id) }

// Redeem implements Asker. We need no receipt of our own.
func (o Own) Redeem(ctx context.Context, id ID, content Hash) error {
	_, err := o.Service.Redeem(ctx, Self, id, content)
	return err
}

// None is the Asker where nobody has a phone.
type None struct{}

// Phones implements Asker.
func (None) Phones(context.Context, account.ID) (int, error) { return 0, nil }

// Ask implements Asker.
func (None) Ask(context.Context, Request) (Approval, error) { return Approval{}, ErrNobody }

// Get implements Asker.
func (None) Get(context.Context, ID) (Approval, error) { return Approval{}, ErrNoApproval }

// Redeem implements Asker.
func (None) Redeem(context.Context, ID, Hash) error { return ErrNoApproval }
