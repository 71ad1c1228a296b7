package ident

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"time"
)

// CaseID is the provider's name of one identification: opaque, 1 to 128
// characters of printable ASCII without blanks. It is no secret: whoever began
// the case knows it.
type CaseID string

// State says how far a case is. The zero State is invalid.
type State uint8

// The states. Those after InReview are final: a provider whose answer changes
// after one of them is not believed, which whoever keeps the case has to hold.
const (
	Pending   State = iota + 1 // not begun, or the person is at it
	InReview                   // the person is done; somebody at the provider looks at it, perhaps for days
	Succeeded                  // the Person is identified; says nothing of whom the insurer knows
	Failed                     // the document, the liveness check or the like was refused
	Aborted                    // the person gave up
	Expired                    // nobody finished it in time
)

// Final reports whether the state is one that never changes.
func (s State) Final() bool { return s >= Succeeded && s <= Expired }

// String returns the state's name for logs and metrics.
func (s State) String() string {
	if s > Expired {
		return "invalid"
	}
	return [...]string{"invalid", "pending", "in_review", "succeeded", "failed", "aborted", "expired"}[s]
}

// Request asks for a new case. It says nothing of the person: whom the document
// shows is compared here, not there.
type Request struct {
	Level string // the operator's word for how sure it has to be, such as "substantial"
	// Return is where the browser comes back to when the person is done, or
	// gave up. It carries a one-time secret that nobody else has seen.
	Return *url.URL
	// Callback is where the service tells that something changed; nil = not wanted.
	Callback *url.URL
	Language string // of the person, BCP 47, such as "de"
}

// Opened is a case that exists. It costs money from now on.
type Opened struct {
	Case CaseID
	Jump *url.URL // where the person goes to be identified
}

// Result is what the provider says of a case now.
type Result struct {
	State State
	// Procedure and Level say by what the person was identified and how surely,
	// in the provider's words; set for Succeeded. They are evidence.
	Procedure, Level string
	Reason           string    // the provider's word for why not; for the operator, never shown to people
	Person           Person    // set for Succeeded only
	Finished         time.Time // zero: not said
}

// LogValue keeps the person out of a log.
func (r Result) LogValue() slog.Value {
	return slog.GroupValue(slog.String("state", r.State.String()), slog.String("procedure", r.Procedure),
		slog.String("level", r.Level), slog.String("reason", r.Reason))
}

// ErrUnavailable says that the service could not be asked or that its answer
// cannot be understood: nothing may be concluded. ErrNoCase says that it knows
// no such case.
var (
	ErrUnavailable = errors.New("identification service unavailable")
	ErrNoCase      = errors.New("no such case")
)

// Provider is the port to an identification service.
type Provider interface {
	// Open begins a case. It returns ErrUnavailable (wrapped, with the cause)
	// when that is not certain; a case may exist then. It may be repeated, and
	// each time begins, and costs, another case.
	Open(ctx context.Context, r Request) (Opened, error)
	// Result asks for the state of a case. It returns ErrNoCase or
	// ErrUnavailable (wrapped). It may be repeated.
	Result(ctx context.Context, id CaseID) (Result, error)
}
