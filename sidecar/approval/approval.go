package approval

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/member"
)

// ID names an approval: 26 characters of lower-case base32 (16 random bytes).
// It is no secret and says nothing about anybody.
type ID string

var idForm = regexp.MustCompile(`^[a-z2-7]{25}[aeimquy4]$`)

// NewID draws an id.
func NewID() ID {
	var raw [16]byte
	rand.Read(raw[:])
	return ID(strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw[:])))
}

// ParseID returns the id that s is, or ErrNoApproval.
func ParseID(s string) (ID, error) {
	if !idForm.MatchString(s) {
		return "", ErrNoApproval
	}
	return ID(s), nil
}

// Hash is the SHA-256 of what will be executed.
type Hash [32]byte

// ParseHash reads a hash as String writes it.
func ParseHash(s string) (h Hash, err error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(raw) != len(h) || strings.ContainsAny(s, "\r\n") {
		return Hash{}, errors.New("a hash is the base64url of 32 bytes without padding")
	}
	return Hash(raw), nil
}

// String is the base64url form without padding (43 characters), as in request
// objects and receipts.
func (h Hash) String() string { return base64.RawURLEncoding.EncodeToString(h[:]) }

// Equal compares in constant time.
func (h Hash) Equal(other Hash) bool { return subtle.ConstantTimeCompare(h[:], other[:]) == 1 }

// State is where an approval stands. The zero State is invalid.
type State uint8

// The states; the last four are final.
const (
	Pending   State = iota + 1 // asked, no answer
	Approved                   // answered by the person, waits for being redeemed
	Redeemed                   // the client has the receipt
	Denied                     // by the person, or for an answer that is none
	Expired                    // its time ended
	Cancelled                  // by the client, the operator or an event that voids it
)

// States returns all states.
func States() []State { return []State{Pending, Approved, Redeemed, Denied, Expired, Cancelled} }

// String returns the state's name in APIs, logs and metrics.
func (s State) String() string {
	return [...]string{"invalid", "pending", "approved", "redeemed", "denied", "expired", "cancelled"}[s.index()]
}

func (s State) index() State {
	if s > Cancelled {
		return 0
	}
	return s
}

// ParseState returns the state of this name.
func ParseState(name string) (State, error) {
	for _, s := range States() {
		if s.String() == name {
			return s, nil
		}
	}
	return 0, fmt.Errorf("there is no state %q", name)
}

// Final reports whether nothing changes any more; an invalid state is final.
func (s State) Final() bool { return s != Pending && s != Approved }

// May reports whether an approval may go from s to next. Staying is allowed.
func (s State) May(next State) bool {
	switch {
	case s.index() == 0 || next.index() == 0:
		return false
	case s == next:
		return true
	case s == Pending:
		return next != Redeemed
	case s == Approved:
		return next != Pending
	default:
		return false
	}
}

// The reasons beside a state; they are fixed words.
const (
	ByPerson   = "by_person"  // denied: the person refused
	NotMe      = "not_me"     // denied: the person says somebody else asked
	Malformed  = "malformed"  // denied: validly signed, and not an answer of this protocol to this request
	WrongCode  = "code"       // denied: the match code was wrong three times
	ByClient   = "client"     // cancelled by the client that asked
	ByOperator = "operator"   // cancelled by support or on the command line
	Superseded = "superseded" // cancelled: the same session asked anew
	Blocked    = "blocked"    // cancelled: the phone that approved is not active any more
	Restored   = "restored"   // cancelled: the database came from a backup
)

// Field is a value that is shown on the phone: at most 1000 bytes of UTF-8
// without control or bidirectional formatting characters.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Approval is one question to one person about one content.
type Approval struct {
	ID      ID
	Client  string // who asked (azp); Self for our own
	Account account.ID
	Number  member.KVNR
	Action  string
	Fields  []Field // all fields of the action, in its order
	Content Hash
	Risk    Risk
	// Session is an image of the browser session that asked, "" unknown. A
	// later request of the same one takes this one's place.
	Session string
	// SameDevice is the phone whose own session (proven by DPoP) asked: it
	// types no match code. "": none.
	SameDevice device.ID

	MatchCode  string // the digits that the client shows and the person types
	WrongCodes int
	Refused    int // requests refused because this one was pending; shown on the phone

	State   State
	Reason  string
	Created time.Time
	// Expires is when Pending ends and, once Approved, when redeeming ends.
	Expires    time.Time
	Decided    time.Time
	RedeemedAt time.Time
	Delivered  time.Time // first seen in an inbox
	Opened     time.Time // first request object handed out
	Device     device.ID // whose answer decided
	Answer     string    // the answer (JWS) of the phone that approved
	// Issued are the request objects (JWS) as handed to each phone, at most 8.
	Issued map[device.ID]string
}

// StateAt returns the state at a time: what is pending or approved longer than
// it may be has expired, whether or not that was stored yet.
func (a Approval) StateAt(now time.Time) State {
	if !a.State.Final() && !a.Expires.After(now) {
		return Expired
	}
	return a.State
}

// Digits returns how many digits of a match code this phone's person types; 0
// for none.
func (a Approval) Digits(dev device.ID) int {
	if a.SameDevice != "" && a.SameDevice == dev {
		return 0
	}
	return len(a.MatchCode)
}

// Check says what is wrong with a change, whoever makes it: an approval only
// goes forward, and what was asked never changes. The store refuses what Check
// refuses.
func Check(before, after Approval) error {
	switch {
	case !sameQuestion(before, after):
		return errors.New("whom an approval asks, and what, does not change")
	case after.WrongCodes < before.WrongCodes:
		return errors.New("wrong tries do not vanish")
	case !before.State.May(after.State):
		return fmt.Errorf("an approval does not go from %s to %s", before.State, after.State)
	case !answered(before, after):
		return errors.New("approved without an answer of a phone, or an answer changes")
	case len(after.Issued) > maxIssued:
		return fmt.Errorf("more than %d request objects of one approval", maxIssued)
	}
	return nil
}

func sameQuestion(a, b Approval) bool {
	return a.ID == b.ID && a.Client == b.Client && a.Account == b.Account && a.Number == b.Number && a.Action == b.Action &&
		a.Content.Equal(b.Content) && a.Risk == b.Risk && slices.Equal(a.Fields, b.Fields) &&
		a.MatchCode == b.MatchCode && a.SameDevice == b.SameDevice
}

// answered reports whether there is an answer where one has to be, and none
// takes the place of another.
func answered(before, after Approval) bool {
	if after.State != Approved && after.State != Redeemed {
		return true
	}
	if after.Answer == "" || after.Device == "" {
		return false
	}
	if before.State != Approved {
		return true
	}
	return after.Answer == before.Answer && after.Device == before.Device &&
		(after.State == Redeemed || after.Expires.Equal(before.Expires))
}

// maxIssued is how many phones may open one approval.
const maxIssued = 8

// HashOf returns the SHA-256 of what will be executed.
func HashOf(content []byte) Hash { return sha256.Sum256(content) }
