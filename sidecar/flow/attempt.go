package flow

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/netip"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/member"
)

// Name is the name of a flow in the configuration.
type Name string

// The flows.
const (
	Login        Name = "login"        // around Keycloak's own login
	Registration Name = "registration" // from a number to an account
	Recovery     Name = "recovery"     // from a number to a new password
	Enrolment    Name = "enrolment"    // what a session proves once more before it may register a phone
	Stepup       Name = "stepup"       // the second factor of a session: what it proves once, for the clients that want it
)

// Holds reports whether an attempt of this flow holds a login of Keycloak's:
// somebody has signed in, and the answer is withheld.
func (n Name) Holds() bool { return n == Login || n.OfSession() }

// OfSession reports whether what is proved in this flow says something of a
// session, and nothing of its person, who is identified already.
func (n Name) OfSession() bool { return n == Enrolment || n == Stepup }

// StepName is a step's name in the configuration; its kind may differ.
type StepName string

// Keycloak is the reserved step that marks where Keycloak's own login stands.
const Keycloak StepName = "keycloak"

// Secret is what the browser holds of an attempt, in a cookie: 32 random bytes.
type Secret [32]byte

// NewSecret draws a secret.
func NewSecret() Secret {
	var s Secret
	rand.Read(s[:])
	return s
}

// ParseSecret reads the cookie form: 43 characters of base64url.
func ParseSecret(s string) (Secret, error) {
	var out Secret
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(raw) != len(out) {
		return out, errors.New("not an attempt's secret")
	}
	copy(out[:], raw)
	return out, nil
}

// Encode returns the cookie form.
func (s Secret) Encode() string { return base64.RawURLEncoding.EncodeToString(s[:]) }

// ID returns the name under which the attempt is stored: a one-way image of
// the secret, so that a stolen database opens no attempt.
func (s Secret) ID() AttemptID {
	sum := sha256.Sum256(s[:])
	return AttemptID(hex.EncodeToString(sum[:]))
}

// AttemptID names a stored attempt: 64 hexadecimal digits. It is not secret
// and opens nothing.
type AttemptID string

// Tag is a short form for URLs and cookie names, to tell apart the attempts
// of one browser. It opens nothing.
func (id AttemptID) Tag() string { return string(id[:min(len(id), 16)]) }

// Attempt is what a step sees of one person's way through a flow.
type Attempt struct {
	ID       AttemptID // empty while the attempt is a draft, of which nothing is stored
	Flow     Name
	Client   string       // OIDC client id for which the person signs in
	Number   member.KVNR  // empty until it is known
	Account  account.ID   // empty until Keycloak's login is through
	Session  account.SID  // likewise
	Address  netip.Prefix // where the request comes from, IPv6 as /64; for counters only
	Browser  string       // of a draft and what was kept of one: an image of what the browser holds, or empty; for counters only, as it may drop that
	Language string       // "de" or "en"
	Step     StepName     // the step that is asked
	Kinds    []string     // kinds of the proofs given so far
	// Evidence is what these proofs note, for the Note of one that will stand
	// for them (see Recaller). At most 200 bytes. It is filled for every call.
	Evidence string `json:"-"`
	// Parked are this browser's attempts of the same number that ended with
	// Park in the last 7 days, at most 4. What a step kept under their ids may
	// go on in this one, and in no other.
	Parked []AttemptID `json:",omitempty"`
	// State is the step's own JSON, kept between calls of this step until the
	// attempt turns to another one; what must outlive that belongs in the
	// extension's Records. At most 4 KiB. It is sealed at rest.
	State json.RawMessage `json:",omitempty"`
}

// Status says how far an attempt has come. The zero Status is invalid. It only
// grows: a terminal status never changes.
type Status uint8

// The statuses.
const (
	Open     Status = iota + 1 // steps are being asked
	Proven                     // all steps passed, proof durable; the role is not yet known to be set
	Cleared                    // the account is cleared; what is held may leave, once
	Released                   // what was held has left (terminal)
	Failed                     // refused or void; the session is ended (terminal)
	Parked                     // ended by a step that goes on at the next one; the session is ended (terminal)
)

// Terminal reports whether nothing can change any more.
func (s Status) Terminal() bool { return s == Released || s == Failed || s == Parked }

// Record is an attempt as it is stored.
type Record struct {
	Attempt
	Status Status
	Proofs map[StepName]Proof
	// Recalled is the closing step that remembered an earlier identification:
	// its proof stands for all of Back. Of a login alone.
	Recalled StepName `json:",omitempty"`
	// Skipped are the steps that were not for this person, and those in front
	// that are passed: they prove nothing.
	Skipped []StepName
	Denied  []StepName
	// DenyKey is why it failed, or, while it is Open, why the last alternative
	// was refused. DenyStep is the step that said so, in whose catalogue the
	// key is looked for before the core's; empty = no step did.
	DenyStep StepName
	DenyKey  string
	// DenyUntil is when the refusal ends by itself; zero = never, or not known.
	DenyUntil time.Time
	Held      []byte // what is withheld from the browser; opaque here; nil once dropped
	Created   time.Time
	Expires   time.Time // after this the record is as good as gone
}

// MaxOwn is how many attempts of one account may be open at the same time.
const MaxOwn = 4

// MaxUnsigned is how many of one number may be open at one address while nobody
// has signed in for them. It is more than a step lets anybody make for a number
// in a day of what costs, so that whoever shares an address with its person,
// and knows the number, takes nothing from them that has cost already.
const MaxUnsigned = 24

// Room is how many attempts of the record's account or number may be open.
func (r Record) Room() int {
	if r.Account == "" {
		return MaxUnsigned
	}
	return MaxOwn
}

// Superseded is the DenyKey of an attempt that gave way to a newer one. Its
// session lives on: another attempt may hold a part of the same one.
const Superseded = "superseded"

// Errors of Attempts.
var (
	ErrNoAttempt       = errors.New("no such attempt") // unknown or expired
	ErrTooManyAttempts = errors.New("too many open attempts from one address")
)

// Attempts keeps records. A record is bounded: Held at most 64 KiB, State 4 KiB.
type Attempts interface {
	// Create stores a new record, and lets others fail, by Supersede, that
	// have to give way. Of one account MaxOwn may be neither terminal nor
	// expired: the oldest gives way, one of the record's own address before
	// any. Without an account, the number counts in its place, at this address
	// alone, up to MaxUnsigned. Of what has no proof there, that whose step
	// keeps no State gives way first, by the oldest, and then the youngest: who
	// comes again and again with somebody's number takes their own places. At an address
	// that has as many as the operator allows, one of whoever has most there
	// gives way, if these are two or more, else one of the record's own
	// account or number; if there is none, the error is ErrTooManyAttempts.
	// Records with and without an account are counted apart. What has a proof
	// gives way after what has none, and what is Proven last. A record may
	// take the place of an expired one of its id.
	Create(ctx context.Context, r Record) error
	// Get returns the record, or ErrNoAttempt.
	Get(ctx context.Context, id AttemptID) (Record, error)
	// Update changes the record in one transaction: no other Update of the
	// same record runs between fn's reading and writing. fn may be called
	// again, makes no remote call, and its error leaves the record as it was
	// and is returned as it is. ErrNoAttempt if there is none.
	Update(ctx context.Context, id AttemptID, fn func(*Record) error) (Record, error)
	// FailSession turns every record of this Keycloak session that is not
	// terminal to Failed, with this DenyKey, and drops what it held.
	FailSession(ctx context.Context, sid account.SID, denyKey string) error
}
