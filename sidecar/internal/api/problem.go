package api

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/schleuse/schleuse/sidecar/fault"
)

// Namespace stands before a problem's name in its `type`.
const Namespace = "urn:schleuse:problem:"

// Problem is a type of failure that an API answers (RFC 9457 section 3.1). Its
// name and status never change within a version of the API.
type Problem struct {
	Name   string // `type` is Namespace + Name
	Status int
	Title  string // a sentence in English for who writes the client
}

// Detail is one mistake in a request.
type Detail struct {
	Pointer string `json:"pointer"` // RFC 6901, into the body; "" is the whole of it
	Detail  string `json:"detail"`
}

// Refusal is a failure with more to say than its kind.
type Refusal struct {
	Fault   *fault.Error // its Key is the problem's name
	Details []Detail
	Members map[string]any // of the problem beside those of RFC 9457, may be nil
	Header  http.Header    // of the answer, may be nil
}

// Error describes the refusal for the log, without the details: they quote
// what the client sent.
func (r *Refusal) Error() string { return r.Fault.Error() }

// Unwrap returns the fault.
func (r *Refusal) Unwrap() error { return r.Fault }

// Refuse returns a failure of this name. cause may be nil.
func Refuse(kind fault.Kind, name string, cause error, details ...Detail) *Refusal {
	return &Refusal{Fault: fault.New(kind, name, cause), Details: details}
}

// Malformed says that a request is wrong at one place, in the terms of its
// body's pointer; see Detail.
func Malformed(pointer, format string, args ...any) *Refusal {
	return Refuse(fault.Invalid, "malformed", nil, Detail{pointer, fmt.Sprintf(format, args...)})
}

// Shared returns the problems that every API answers.
func Shared() []Problem {
	return []Problem{
		{"malformed", http.StatusBadRequest, "The request is not well-formed; errors says where"},
		{"unauthenticated", http.StatusUnauthorized, "The request does not prove who sends it"},
		{"forbidden", http.StatusForbidden, "The caller may not do this"},
		{"cross_site", http.StatusForbidden, "Requests that a browser makes for another site are refused"},
		{"not_found", http.StatusNotFound, "There is no such thing, or it is not the caller's"},
		{"method_not_allowed", http.StatusMethodNotAllowed, "The method is not for this path; Allow names those that are"},
		{"conflict", http.StatusConflict, "The state moved on; read again"},
		{"gone", http.StatusGone, "It was there, and is used up or over"},
		{"too_large", http.StatusRequestEntityTooLarge, "The body is over its limit"},
		{"unsupported_media_type", http.StatusUnsupportedMediaType, "The body must be application/json"},
		{"too_many", http.StatusTooManyRequests, "Too many requests; wait for Retry-After"},
		{"internal", http.StatusInternalServerError, "A failure of ours; the instance names it in the log"},
		{"bad_upstream", http.StatusBadGateway, "What stands behind answered what must not be passed on"},
		{"unavailable", http.StatusServiceUnavailable, "Nothing was changed for good; try again after Retry-After"},
		{"timeout", http.StatusGatewayTimeout, "What stands behind did not answer in time"},
	}
}

// generic is the one table from kinds to the problem that says no more than
// the kind, and so to the status.
func generic(k fault.Kind) string {
	names := map[fault.Kind]string{
		fault.Invalid: "malformed", fault.Unauthenticated: "unauthenticated", fault.Forbidden: "forbidden",
		fault.NotFound: "not_found", fault.Conflict: "conflict", fault.Gone: "gone", fault.TooLarge: "too_large",
		fault.TooMany: "too_many", fault.BadUpstream: "bad_upstream", fault.Unavailable: "unavailable", fault.Timeout: "timeout",
	}
	if name, ok := names[k]; ok {
		return name
	}
	return "internal"
}

// find returns the problem that tells of err: the one it names, else that of
// its kind. What an API has not declared is never told.
func find(problems []Problem, err error) Problem {
	named := func(name string) (Problem, bool) {
		i := slices.IndexFunc(problems, func(p Problem) bool { return p.Name == name })
		if i < 0 {
			return Problem{}, false
		}
		return problems[i], true
	}
	var known *fault.Error
	if errors.As(err, &known) {
		if p, ok := named(known.Key); ok {
			return p
		}
	}
	p, _ := named(generic(fault.KindOf(err)))
	return p
}

// told is a problem as it is sent.
type told struct {
	Type     string   `json:"type"`
	Title    string   `json:"title"`
	Status   int      `json:"status"`
	Instance string   `json:"instance"`
	Errors   []Detail `json:"errors,omitempty"`

	Members map[string]any `json:",inline"`
}

// defaultRetry is said where a client should come again and nothing says when.
const defaultRetry = 5 * time.Second

// tell answers with the problem.
func tell(w http.ResponseWriter, p Problem, err error, reference string) {
	h := w.Header()
	t := told{Type: Namespace + p.Name, Title: p.Title, Status: p.Status, Instance: "urn:schleuse:reference:" + reference}
	var more *Refusal
	if errors.As(err, &more) {
		t.Errors, t.Members = more.Details, more.Members
		for name, values := range more.Header {
			h[name] = values
		}
	}
	if wait := retry(p, err); wait > 0 {
		h.Set("Retry-After", strconv.Itoa(max(1, int((wait+time.Second-1)/time.Second))))
	}
	body, err := json.Marshal(t)
	if err != nil { // a detail quotes what is no UTF-8
		body = []byte(`{"type":"` + t.Type + `","status":` + strconv.Itoa(p.Status) + `}`)
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(p.Status)
	w.Write(body)
}

func retry(p Problem, err error) time.Duration {
	var known *fault.Error
	if errors.As(err, &known) && known.Retry > 0 {
		return known.Retry
	}
	if p.Status == http.StatusServiceUnavailable || p.Status == http.StatusTooManyRequests {
		return defaultRetry
	}
	return 0
}
