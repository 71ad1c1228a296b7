package notify

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
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
	PhoneAdded      Kind = "phone_added"      // a phone was registered
	PhoneReplaced   Kind = "phone_replaced"   // a phone was registered in the place of another, which was taken out of use
	PhoneUnlocked   Kind = "phone_unlocked"   // a phone got a new device password by a new identification
	PhoneLocked     Kind = "phone_locked"     // the device password was wrong too often
	PhonePINLocked  Kind = "phone_pin_locked" // the PIN of a phone's app was wrong too often
	PhoneBlocked    Kind = "phone_blocked"    // a phone was taken out of use
	PhoneRekeyed    Kind = "phone_rekeyed"    // a phone got another key, such as by a new installation of the app
	PhonePassword   Kind = "phone_password"   // a phone's device password was changed with the old one
	SessionsEnded   Kind = "sessions_ended"   // "das war ich nicht": all logins ended, the login password is void
	PasswordVoid    Kind = "password_void"    // the gate took a password back that somebody chose while the account became its owner's; all logins ended
)

// Kinds returns every kind that there is.
func Kinds() []Kind {
	return []Kind{
		AccountCreated, PasswordChanged, CardLocked,
		PhoneAdded, PhoneReplaced, PhoneUnlocked, PhoneLocked, PhonePINLocked, PhoneBlocked, PhoneRekeyed, PhonePassword, SessionsEnded, PasswordVoid,
	}
}

// Notice is one message to one person.
type Notice struct {
	Kind Kind
	// ID is the same for a repetition of the same event, such as
	// "recovery/" and the attempt's id: 1 to 128 characters of printable ASCII
	// without blanks. It is no secret, and names nobody.
	ID      string
	Number  member.KVNR // whose; where it goes is looked up in the member directory
	Account account.ID  // may be empty
	At      time.Time   // when it happened
}

const maxID = 128

var idForm = regexp.MustCompile(`^[!-~]+$`)

// Validate returns all that is wrong with a notice (errors.Join). The error
// holds nothing of the person.
func (n Notice) Validate() error {
	var errs []error
	if !slices.Contains(Kinds(), n.Kind) {
		errs = append(errs, fmt.Errorf("there are no notices of the kind %q", n.Kind))
	}
	if len(n.ID) > maxID || !idForm.MatchString(n.ID) {
		errs = append(errs, errors.New("a notice needs an id of 1 to 128 characters of printable ASCII without blanks"))
	}
	if n.Number == "" || n.At.IsZero() {
		errs = append(errs, errors.New("a notice needs a number and a time"))
	}
	return errors.Join(errs...)
}

// Notifier brings notices to people over one channel.
type Notifier interface {
	// Notify delivers the notice, or returns an error: then it is tried again
	// later, unless the error says that it never can be delivered
	// (extension.ErrUndeliverable). A person whom this channel cannot reach (no
	// mail address on file) is no error. It may be called again with the same
	// notice.
	Notify(ctx context.Context, n Notice) error
}

// Sender takes notices over.
type Sender interface {
	// Send makes the notice durable, for every notifier that is configured,
	// and returns before it is delivered. The same ID and Kind are taken once.
	// The error is that of Validate, or that it could not be stored.
	Send(ctx context.Context, n Notice) error
}
