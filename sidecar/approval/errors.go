package approval

import (
	"errors"
	"strings"
	"time"

	"github.com/schleuse/schleuse/sidecar/fault"
)

// Errors that callers meet. Their keys are the stable problem types of the
// APIs. None holds anything of a person.
var (
	// ErrNoApproval: there is none, or it is another client's or person's.
	ErrNoApproval error = fault.New(fault.NotFound, "not_found", nil)
	// ErrOver: it is not pending (or, redeeming, not approved) any more (*Over).
	ErrOver error = fault.New(fault.Gone, "request_over", nil)
	// ErrNotApproved: redeeming what waits for its answer.
	ErrNotApproved error = fault.New(fault.Conflict, "not_approved", nil)
	// ErrRedeemed: the one redemption has been.
	ErrRedeemed error = fault.New(fault.Gone, "redeemed", nil)
	// ErrContent: the hash is not the one that was approved.
	ErrContent error = fault.New(fault.Conflict, "content", nil)
	// ErrPerson: at redemption the account is disabled or not identified any more.
	ErrPerson error = fault.New(fault.Forbidden, "person", nil)
	// ErrNobody: the subject is unknown, disabled, not identified or has no
	// active phone; which of these is not told.
	ErrNobody error = fault.New(fault.Conflict, "nobody", nil)
	// ErrForbidden: the client may not ask for this action.
	ErrForbidden error = fault.New(fault.Forbidden, "forbidden", nil)
	// ErrKeyReused: the idempotency key was used for another request.
	ErrKeyReused error = fault.New(fault.Conflict, "key_reused", nil)
	// ErrOrigin: the origin is none of ours, of a phone that is not the person's
	// or not as it was, used before, or over; which of these is not told.
	ErrOrigin error = fault.New(fault.Invalid, "origin", nil)
	// ErrPending: the person is being asked for this action already; the phone
	// shows that a further request was refused.
	ErrPending error = fault.New(fault.Conflict, "pending", nil)
	// ErrMatchCode: the typed code is not the one shown; it is counted.
	ErrMatchCode error = fault.New(fault.Forbidden, "match_code", nil)
	// ErrCooling: the phone is new, and the action more than low risk (*Cooling).
	ErrCooling error = fault.New(fault.Forbidden, "cooling", nil)
	// ErrOther: the answer is not about the request object that this phone was
	// handed for this approval.
	ErrOther error = fault.New(fault.Conflict, "other_request", nil)
	// ErrTooManyPhones: eight phones have opened this approval already.
	ErrTooManyPhones error = fault.New(fault.TooMany, "too_many", nil)
	// ErrBusy: as many wait for changes as this process lets.
	ErrBusy error = fault.New(fault.Unavailable, "later", errors.New("too many wait for changes"))
)

// Over is ErrOver with how it ended.
type Over struct {
	State  State
	Reason string
}

// Error names the state.
func (e *Over) Error() string { return "the request is over: " + e.State.String() }

// Unwrap returns ErrOver.
func (e *Over) Unwrap() error { return ErrOver }

// Cooling is ErrCooling with its end.
type Cooling struct{ Until time.Time }

// Error says nothing of the person.
func (e *Cooling) Error() string { return "the phone is too new" }

// Unwrap returns ErrCooling.
func (e *Cooling) Unwrap() error { return ErrCooling }

// tooMany says that the person was asked too often within an hour.
func tooMany(wait time.Duration) error { return retry("too_many", wait) }

// paused says that the person denied this action, or typed wrong match codes,
// and is left alone for a while.
func paused(wait time.Duration) error { return retry("paused", wait) }

func retry(key string, wait time.Duration) error {
	e := fault.New(fault.TooMany, key, nil)
	e.Retry = wait
	return e
}

// Fault is one thing that is wrong with a request.
type Fault struct {
	Pointer string // where: a JSON pointer (RFC 6901) into the request, such as /fields/iban
	Detail  string // what is wrong, in English, without the value
}

// Invalid lists all that is wrong with a request.
type Invalid struct{ Faults []Fault }

// Error lists the places.
func (e *Invalid) Error() string {
	places := make([]string, 0, len(e.Faults))
	for _, f := range e.Faults {
		places = append(places, f.Pointer+" "+f.Detail)
	}
	return "the request does not fit: " + strings.Join(places, "; ")
}

// Unwrap makes it a fault.Invalid.
func (e *Invalid) Unwrap() error { return fault.New(fault.Invalid, "invalid", nil) }
