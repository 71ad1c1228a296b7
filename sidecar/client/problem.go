package client

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Names of problems that a backend may want to tell apart; openapi.yaml has
// them all.
const (
	Invalid     = "invalid"      // the question does not fit the action
	BadOrigin   = "origin"       // the app gets a new origin and sends the change again; nobody was asked
	Nobody      = "nobody"       // this person cannot be asked; why is not told
	AlreadyOpen = "pending"      // the person is being asked for this action already
	Paused      = "paused"       // the person denied this action lately, or typed wrong codes
	TooMany     = "too_many"     // too many requests, or too many to this person
	NotApproved = "not_approved" // redeemed before the person answered
	Content     = "content"      // redeemed with another hash than was approved
	Redeemed    = "redeemed"     // redeemed before
	Over        = "request_over" // ended otherwise: see State and Reason
)

// Problem is what the API answered instead (RFC 9457).
type Problem struct {
	Name     string        // of the `type`, after urn:schleuse:problem:
	Status   int           // of HTTP
	Title    string        // a sentence in English
	Instance string        // names the failure in Schleuse's log
	State    State         // with Over: how the approval ended
	Reason   string        // likewise
	Retry    time.Duration // when it makes sense to come again; 0: not said
	Errors   []Mistake     // what is wrong with the request
}

// Mistake is one thing that is wrong with a request.
type Mistake struct {
	Pointer string `json:"pointer"` // RFC 6901, into the body
	Detail  string `json:"detail"`
}

// Error names the problem, its places and its instance.
func (p *Problem) Error() string {
	text := "the API answers " + strconv.Itoa(p.Status) + " " + p.Name
	for _, m := range p.Errors {
		text += "; " + m.Pointer + " " + m.Detail
	}
	if p.Instance != "" {
		text += " (" + p.Instance + ")"
	}
	return text
}

// Is reports whether err is this problem.
func Is(err error, name string) bool {
	var p *Problem
	return errors.As(err, &p) && p.Name == name
}

func problem(resp *http.Response, body []byte) *Problem {
	var told struct {
		Type, Title, Instance, Reason string
		State                         State
		Errors                        []Mistake
	}
	p := &Problem{Status: resp.StatusCode, Title: resp.Status}
	if json.Unmarshal(body, &told) == nil && told.Type != "" {
		p.Name = strings.TrimPrefix(told.Type, "urn:schleuse:problem:")
		p.Title, p.Instance, p.State, p.Reason, p.Errors = told.Title, told.Instance, told.State, told.Reason, told.Errors
	}
	if seconds, err := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 16); err == nil {
		p.Retry = time.Duration(seconds) * time.Second
	}
	return p
}

// Bounds of the pause before a call is repeated.
const (
	firstPause = 200 * time.Millisecond
	maxPause   = 10 * time.Second
)

// pause waits as long as the API says, else longer at each try.
func pause(ctx context.Context, try int, err error) error {
	wait := min(firstPause<<min(try-1, 10), maxPause)
	wait -= rand.N(wait / 5) //nolint:gosec // spreads load
	var p *Problem
	if errors.As(err, &p) && p.Retry > 0 {
		wait = min(p.Retry, time.Minute)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
