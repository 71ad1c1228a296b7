package notify

import (
	"context"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/member"
)

// Kind says what a notice is about. The zero Kind is none.
type Kind string

// The kinds.
const (
	AccountCreated  Kind = "account_created"  // an account was made for the number
	PasswordChanged Kind = "password_changed" // a new password by recovery; all logins were ended
	CardLocked      Kind = "card_locked"      // the card's digits were typed wrongly too often
)

// Notice is one message to one person.
type Notice struct {
	Kind Kind
	// ID is the same for a repetition of the same event, such as
	// "recovery/" and the attempt's id; at most 128 characters. It is no secret.
	ID      string
	Number  member.KVNR // whose; where it goes is looked up in the member directory
	Account account.ID  // may be empty
	At      time.Time   // when it happened
}

// Notifier brings notices to people over one channel.
type Notifier interface {
	// Notify delivers the notice, or returns an error: then it is tried again
	// later. A person whom this channel cannot reach (no mail address on file)
	// is no error. It may be called again with the same notice.
	Notify(ctx context.Context, n Notice) error
}

// Sender takes notices over.
type Sender interface {
	// Send makes the notice durable, for every notifier that is configured,
	// and returns before it is delivered. The same ID and Kind are taken once.
	Send(ctx context.Context, n Notice) error
}
