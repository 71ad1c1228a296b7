package account

import (
	"context"
	"errors"
	"time"

	"github.com/schleuse/schleuse/sidecar/member"
)

// ID is Keycloak's id of a user, the `sub` of its tokens.
type ID string

// SID is Keycloak's id of a login session: the `sid` claim, the
// `session_state`, the second segment of a code. Opaque, 24 characters or a
// UUID.
type SID string

// Account is an account of the realm.
type Account struct {
	ID       ID
	Username string // as Keycloak stores it, lower case; the KVNR for insured people
	Enabled  bool
	Created  time.Time // zero: not known
}

// Is reports whether the account is the one of this insurance number.
func (a Account) Is(number member.KVNR) bool {
	return number != "" && a.Username != "" && number.Username() == a.Username
}

// Clearance is the answer to "is the person behind this account identified?".
// The zero value is Unknown, which neither opens nor ends anything.
type Clearance uint8

// The answers. Cleared means: the realm role is mapped directly to the
// account. It says nothing about the session (see flow), nor that the account
// is enabled. Exempt means: the account has a role by which the operator takes
// it out of the gate (staff, partners); it is not Cleared.
const (
	Unknown Clearance = iota
	NotCleared
	Cleared
	Exempt
)

// String returns the answer's name for logs and metrics.
func (c Clearance) String() string {
	return [...]string{"unknown", "not_cleared", "cleared", "exempt"}[min(c, Exempt)]
}

// Authenticator is a means of signing in other than the password.
type Authenticator struct {
	ID      string
	Type    string    // Keycloak's credential type (otp, webauthn, webauthn-passwordless, recovery-authn-codes), or identity-provider: a link to a foreign issuer
	Label   string    // as the person named it; personal data
	Created time.Time // zero: not known
}

// New is an account to be made. The names and the mail address are those of
// the master data, so that Keycloak need not ask for them; they may be empty.
type New struct {
	Number   member.KVNR
	Given    string
	Surname  string
	Mail     string // left out where another account has it
	Password string
}

// PasswordError says why Keycloak refused a password. Nothing was changed.
type PasswordError struct {
	Key     string // Keycloak's message key, such as invalidPasswordMinLengthMessage
	Numbers []int  // the figures of that rule, in the order of the message
}

// Error names the rule, never the password.
func (e *PasswordError) Error() string { return "password refused: " + e.Key }

// Errors of the ports below. Any other error means that nothing was learnt
// and that a change may or may not have happened: all calls may be repeated.
var (
	ErrNotFound = errors.New("no such account")
	ErrExempt   = errors.New("the account is exempt from the gate") // nothing was changed
	ErrExists   = errors.New("the account exists already")          // nothing was changed
)

// Directory looks accounts up. Reads are fresh: no cache.
type Directory interface {
	// Find returns the account whose user name is this number, or ErrNotFound.
	Find(ctx context.Context, number member.KVNR) (Account, error)
	// Get returns the account with this id, or ErrNotFound.
	Get(ctx context.Context, id ID) (Account, error)
	// Named returns the accounts that Keycloak may mean when somebody types
	// this as their user name: those that are called so and those with this
	// mail address. None is no error.
	Named(ctx context.Context, name string) ([]Account, error)
	// Clearance reads the account's direct realm roles. The error is not nil
	// exactly when the answer is Unknown. An account that does not exist is
	// NotCleared.
	Clearance(ctx context.Context, id ID) (Clearance, error)
}

// Roles changes the fact that a person is identified.
type Roles interface {
	// Grant gives the account the role "identified", additively and
	// idempotently. It returns ErrExempt for an exempt account.
	Grant(ctx context.Context, id ID) error
	// Withdraw takes the role away again. Where it is not there that is no
	// error. It returns ErrExempt for an exempt account.
	Withdraw(ctx context.Context, id ID) error
}

// Sessions knows the live logins of an account.
type Sessions interface {
	// Alive reports whether the session exists (online or offline) and is this account's.
	Alive(ctx context.Context, id ID, sid SID) (bool, error)
	// Began returns when the session began, to the second; the zero time where
	// this account has no such session online. A session that has ended may come
	// back under its id: what was known of it is not true of the new one.
	Began(ctx context.Context, id ID, sid SID) (time.Time, error)
	// End ends one session, its offline form included. Ending a session that
	// is gone is no error.
	End(ctx context.Context, sid SID) error
}

// Passwords makes accounts and gives passwords. A password is personal: it is
// never kept, logged or part of an error.
type Passwords interface {
	// Create makes an account with its password, in one step: a refused
	// password (*PasswordError) leaves no account. It returns ErrExists where
	// the number has one.
	Create(ctx context.Context, n New) (ID, error)
	// SetPassword gives the account another password, which the person need
	// not change. It returns *PasswordError, ErrExempt, ErrNotFound.
	SetPassword(ctx context.Context, id ID, password string) error
	// EndAll ends every session of the account, the offline ones included. It
	// returns ErrExempt for an exempt account.
	EndAll(ctx context.Context, id ID) error
}

// Authenticators knows and removes means of signing in, the password excepted.
type Authenticators interface {
	// Authenticators lists them, at most 100.
	Authenticators(ctx context.Context, id ID) ([]Authenticator, error)
	// RemoveAuthenticator removes one; one that is gone is no error. It
	// returns ErrExempt for an exempt account.
	RemoveAuthenticator(ctx context.Context, id ID, authenticator string) error
}

// Accounts is all of it, as extensions get it.
type Accounts interface {
	Directory
	Roles
	Sessions
	Authenticators
	Passwords
}
