package device

import (
	"crypto/rand"
	"encoding/base32"
	"errors"
	"regexp"
	"time"
	"unicode/utf8"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/member"
	"github.com/schleuse/schleuse/sidecar/notify"
)

// ID names a phone: 26 characters of lower-case base32 (16 random bytes). It
// is no secret and names nobody. An ID that is not empty came from NewID or
// ParseID.
type ID string

// idSize is the length of an id in bytes.
const idSize = 16

var idForm = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding) //nolint:gochecknoglobals // an encoding, never changed

// NewID draws an id.
func NewID() ID {
	var raw [idSize]byte
	rand.Read(raw[:])
	return ID(idForm.EncodeToString(raw[:]))
}

// ParseID reads an id in its one form.
func ParseID(text string) (ID, error) {
	raw, err := idForm.DecodeString(text)
	if err != nil || len(raw) != idSize || idForm.EncodeToString(raw) != text {
		return "", errors.New("not the id of a phone")
	}
	return ID(text), nil
}

// State says what a phone may do. The zero State is invalid and may nothing.
type State uint8

// The states. Active goes to Locked and back (with a permit); both go to
// Blocked, which nothing leaves.
const (
	Active  State = iota + 1
	Locked        // the device password was wrong too often; nothing is confirmed with it
	Blocked       // lost, sold or replaced; what it could prove is gone
)

// String returns the state's name as APIs, logs and metrics say it.
func (s State) String() string {
	switch s {
	case Active:
		return "active"
	case Locked:
		return "locked"
	case Blocked:
		return "blocked"
	default:
		return "invalid"
	}
}

// Follows reports whether a phone may come from the state before to s. A new
// phone comes from the zero State and is Active.
func (s State) Follows(before State) bool {
	switch before {
	case 0:
		return s == Active
	case Active, Locked:
		return s >= Active && s <= Blocked
	case Blocked:
		return s == Blocked
	default:
		return false
	}
}

// Reasons why a phone is locked or blocked.
const (
	ReasonPassword = "password" // Locked: wrong too often
	ReasonRestored = "restored" // Locked: it is as a backup has it, and what became of it since is not known
	ReasonPhone    = "phone"    // Blocked by its owner, on a phone
	ReasonWeb      = "web"      // Blocked by its owner, in a browser
	ReasonSupport  = "support"  // Blocked by a clerk
	ReasonReplaced = "replaced" // Blocked by the registration of another one
)

// Secret is something that the owner of a phone knows, as it is stored. The
// zero Secret is none: nothing matches it.
type Secret struct {
	Hash   string    // Argon2id (RFC 9106, PHC string) of the peppered secret
	Pepper string    // which version of the pepper
	Wrong  int       // tries taken since the last right one; counted before the comparison
	Set    time.Time // when it was chosen
	Over   time.Time // when it was wrong too often, and nothing else happened by that; zero: it was not
}

// Push is where a phone is woken. The zero Push is nowhere.
type Push struct {
	Channel string // the notifier's name in the configuration
	Token   string // the push service's, at most 4096 bytes
}

// To returns the push with this id to that place.
func (p Push) To(id string) notify.Push {
	return notify.Push{Channel: p.Channel, Token: p.Token, ID: id}
}

// Device is a registered phone.
type Device struct {
	ID      ID
	Account account.ID
	Number  member.KVNR
	Name    string // as its owner calls it, at most 40 characters; personal data
	// Platform is what the app says it runs on, at most 40 characters. Nothing
	// is concluded from it.
	Platform string

	Key       Key // proves the phone; never that of another phone, past ones included
	Biometric Key // released by the platform after biometry only; zero: none

	State  State
	Reason string // why it is locked or blocked

	Created   time.Time
	Replaced  ID        // the phone whose place it took when it was registered; empty: none
	LastUsed  time.Time // to the hour
	CoolUntil time.Time // until then it confirms low risk alone
	Ended     time.Time // when it was blocked; zero: it was not

	Password Secret // the 2FA device password; never zero unless Blocked
	PIN      Secret // the app's; zero: not chosen yet
	Push     Push

	// NotMe is when "das war ich nicht" was said on this phone, NotMeOf about
	// what, and Reset the NotMe of which the login password was made useless.
	// Once Reset has come up to NotMe, this phone may set a new one, which
	// empties NotMe.
	NotMe, Reset time.Time
	NotMeOf      string
}

// Cooling reports whether the phone is too new for all but low risk.
func (d Device) Cooling(now time.Time) bool { return now.Before(d.CoolUntil) }

// alive reports whether a phone counts against the limit.
func (d Device) alive() bool { return d.State == Active || d.State == Locked }

// block takes a phone out of use for good, and with it all that it could prove.
// Its key stays, so that nobody registers it again.
func (d *Device) block(reason string, now time.Time) {
	d.State, d.Reason, d.Ended = Blocked, reason, now
	d.Password, d.PIN, d.Push, d.Biometric = Secret{}, Secret{}, Push{}, ""
}

// MaxName is how many characters the name of a phone and its platform may have.
const MaxName = 40

// nameForm is letters, marks, digits, punctuation, symbols and blanks: no
// control characters, and none that turn the direction of writing. The length
// is counted beside it: counts in an expression are dear to compile.
var nameForm = regexp.MustCompile(`^[\pL\pM\pN\pP\pS]([\pL\pM\pN\pP\pS ]*[\pL\pM\pN\pP\pS])?$`)

// CheckName returns ErrName unless a phone may be called so.
func CheckName(name string) error {
	if !utf8.ValidString(name) || utf8.RuneCountInString(name) > MaxName || !nameForm.MatchString(name) {
		return ErrName
	}
	return nil
}
