package device

import (
	"context"
	"errors"
	"fmt"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/member"
)

// Overtaker stops logins that are under way: whoever has shown a password and
// waits at a page in front of Keycloak is no session yet, and would go on after
// all sessions were ended.
type Overtaker interface {
	// Overtake has every login with this number that is under way begin anew. It
	// is called before what they may have shown becomes useless; from then until
	// done, or for a minute at the most, nobody signs in with this number. done is
	// called after it: who begins then goes on. Both may be repeated.
	Overtake(ctx context.Context, number member.KVNR) (done func(context.Context) error, err error)
}

// overtaking does something between Overtake and its done. What it does, it
// does also where the first fails; then, too, it returns an error.
func (s *Service) overtaking(ctx context.Context, number member.KVNR, do func() error) error {
	if s.Overtaker == nil {
		return do()
	}
	done, err := s.Overtaker.Overtake(ctx, number)
	if err != nil {
		return errors.Join(err, do())
	}
	if err := do(); err != nil {
		return errors.Join(err, done(ctx))
	}
	return done(ctx)
}

// shutOut makes everything useless by which somebody else could sign in: the
// password, what else signs in, and logins that are under way.
func (s *Service) shutOut(ctx context.Context, id account.ID, number member.KVNR) error {
	return s.overtaking(ctx, number, func() error {
		err := s.voidPassword(ctx, id)
		if nobody(err) {
			return nil // staff: nothing of theirs is ours to remove
		}
		return errors.Join(err, s.removeAuthenticators(ctx, id))
	})
}

// voidPassword gives the account a password that nobody knows.
func (s *Service) voidPassword(ctx context.Context, id account.ID) error {
	entry := audit.Entry{Action: "password.void", Person: id}
	err := audit.Around(ctx, s.Audit, entry, func(*audit.Entry) error { return s.setUnknown(ctx, id) })
	var refused *account.PasswordError
	if errors.As(err, &refused) {
		s.log().ErrorContext(ctx, "the realm's password policy refuses random passwords: one that somebody else knows cannot be made useless", "rule", refused.Key)
	}
	if err != nil {
		return fmt.Errorf("making the login password useless: %w", err)
	}
	return nil
}

// removeAuthenticators removes one-time passwords, passkeys and links to foreign
// issuers: who knew the password could add them, and they would sign in still.
func (s *Service) removeAuthenticators(ctx context.Context, id account.ID) error {
	list, err := s.Accounts.Authenticators(ctx, id)
	if err != nil && !nobody(err) {
		return fmt.Errorf("listing what else signs in: %w", err)
	}
	var errs []error
	for _, a := range list {
		entry := audit.Entry{Action: "authenticator.remove", Person: id, Detail: map[string]string{"type": a.Type, "id": a.ID}}
		err := audit.Around(ctx, s.Audit, entry, func(*audit.Entry) error { return s.Accounts.RemoveAuthenticator(ctx, id, a.ID) })
		if err != nil && !nobody(err) {
			errs = append(errs, fmt.Errorf("removing what else signs in: %w", err))
		}
	}
	return errors.Join(errs...)
}
