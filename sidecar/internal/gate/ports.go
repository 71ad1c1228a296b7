package gate

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
)

// ErrNoRecord says that nothing is stored under a key, or that it has expired.
var ErrNoRecord = errors.New("no such record")

// Hash is the stored image of a code or a tab_id, which are random already.
type Hash [sha256.Size]byte

// HashOf returns the image of a secret.
func HashOf(secret string) Hash { return sha256.Sum256([]byte(secret)) }

// Code is an authorization code that left the gate.
type Code struct {
	Account account.ID
	Session account.SID
	Left    time.Time // when it left; it is good for 60 s from then
	Expires time.Time // when the record may be swept
}

// Codes records the codes that left.
type Codes interface {
	// RecordCode must be durable before the code leaves.
	RecordCode(ctx context.Context, h Hash, c Code) error
	// Code returns the record, or ErrNoRecord.
	Code(ctx context.Context, h Hash) (Code, error)
}

// Login says whose a Keycloak session is.
type Login struct {
	Session account.SID
	Account account.ID
	First   time.Time `json:",omitzero"` // when it was first recorded
	Seen    time.Time // when it was last recorded; TakeLogins need not change it
	Expires time.Time // the longest that a session may live, offline included
	// Stepup is when the session passed the step-up; zero = it has not. Once
	// recorded it stays.
	Stepup time.Time `json:",omitzero"`
}

// Logins records whose sessions are.
type Logins interface {
	// RecordLogin is idempotent; a session never changes its person: another
	// person for a recorded session is an error and changes nothing. The first
	// Stepup that is not zero stays, whatever is recorded later, and so does
	// First; where it is zero it is Seen.
	RecordLogin(ctx context.Context, l Login) error
	// Login returns the record, or ErrNoRecord.
	Login(ctx context.Context, sid account.SID) (Login, error)
	// TakeLogins returns at most limit logins that were last looked at before
	// seenBefore, the longest ago first, and marks them as looked at now, in
	// one step: each is taken by one replica alone.
	TakeLogins(ctx context.Context, seenBefore, now time.Time, limit int) ([]Login, error)
	// ForgetLogin removes a record.
	ForgetLogin(ctx context.Context, sid account.SID) error
}

// Actions records the tabs in which a kc_action waits, by HashOf.
type Actions interface {
	// RecordAction must be durable before the tab's page leaves.
	RecordAction(ctx context.Context, h Hash, until time.Time) error
	// ActionWaits reports whether one was recorded, and its time is not over.
	ActionWaits(ctx context.Context, h Hash) (bool, error)
}
