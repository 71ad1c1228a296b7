package fault

import (
	"errors"
	"time"
)

// Kind sorts failures by what the caller can do about them. The zero Kind is
// Internal, so that a forgotten kind never looks like the caller's fault and
// never opens anything.
type Kind uint8

// The kinds, with the HTTP status (RFC 9110 section 15) that browsers and
// clients see.
const (
	Internal        Kind = iota // 500: ours; nothing the caller can do but try again
	Invalid                     // 400: malformed, must not be repeated unchanged
	Unauthenticated             // 401: sign in first
	Forbidden                   // 403: signed in, and not allowed
	NotFound                    // 404: also said where existence must not be told
	Conflict                    // 409: the state moved on; read again
	Gone                        // 410: was there, is used up or expired
	TooLarge                    // 413: over a documented limit
	TooMany                     // 429: wait for Retry
	BadUpstream                 // 502: an answer that must not be passed on
	Unavailable                 // 503: nothing is lost; try again after Retry
	Timeout                     // 504: what stands behind did not answer in time
)

// Error is a failure with an explanation for the person who meets it.
type Error struct {
	Kind  Kind
	Key   string        // catalogue key of the explanation, such as "later"
	Retry time.Duration // how long to wait before trying again; 0 = not said
	Err   error         // the cause, for the log only; may be nil
}

// Error describes the failure for the log. It holds the key and the cause,
// never a person's data: callers must keep such data out of Err.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Key
	}
	return e.Key + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// New returns a failure of the given kind. cause may be nil.
func New(kind Kind, key string, cause error) *Error {
	return &Error{Kind: kind, Key: key, Err: cause}
}

// KindOf returns the kind of the first Error in err's chain, else Internal.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}
