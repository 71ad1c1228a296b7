package client

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Hash is the SHA-256 of what will be executed.
type Hash [32]byte

// HashOf hashes the exact bytes that will be executed.
func HashOf(content []byte) Hash { return sha256.Sum256(content) }

// String is the form in which hashes travel: base64url without padding.
func (h Hash) String() string { return base64.RawURLEncoding.EncodeToString(h[:]) }

// MarshalText implements encoding.TextMarshaler.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hash) UnmarshalText(text []byte) error {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(string(text))
	if err != nil || len(raw) != len(h) {
		return errors.New("a hash is the base64url of 32 bytes")
	}
	copy(h[:], raw)
	return nil
}

// State is where an approval stands.
type State string

// The states. The first two may still change.
const (
	Pending   State = "pending"
	Approved  State = "approved" // redeem it within five minutes
	Used      State = "redeemed"
	Denied    State = "denied"
	Expired   State = "expired"
	Cancelled State = "cancelled"
)

// Subject is whom to ask, by one of the two.
type Subject struct {
	KVNR string `json:"kvnr,omitempty"` // insurance number
	Sub  string `json:"sub,omitempty"`  // id of the account in the realm
}

// Question is what a person is asked.
type Question struct {
	Subject Subject
	Action  string            // as configured
	Fields  map[string]string // what the phone shows: all fields of the action, no other
	Content Hash              // of what will be executed
	// Lifetime is how long the person has, in whole seconds; 0: as configured,
	// which is also the most.
	Lifetime time.Duration
	// Session names the browser session in which the person asked; at most 255
	// bytes. A new question of the same session takes the place of the pending
	// one.
	Session string
	// Origin is what the person's own app got from the Device API and sent with
	// the change; "": another screen asked. On that phone no match code is typed.
	// It serves one question; see BadOrigin.
	Origin string
	// Key makes a repetition of this question the same question, also by
	// another process; "": Ask draws one.
	Key string
}

func (q Question) wire() any {
	return struct {
		Subject  Subject           `json:"subject"`
		Action   string            `json:"action"`
		Fields   map[string]string `json:"fields"`
		Content  Hash              `json:"content_sha256"`
		Lifetime int64             `json:"lifetime,omitempty"`
		Session  string            `json:"session,omitempty"`
		Origin   string            `json:"origin,omitempty"`
	}{q.Subject, q.Action, q.Fields, q.Content, int64(q.Lifetime / time.Second), q.Session, q.Origin}
}

// Approval is a question and what became of it.
type Approval struct {
	ID        string    `json:"id"`
	Action    string    `json:"action"`
	State     State     `json:"state"`
	Reason    string    `json:"reason"`     // of Denied and Cancelled
	MatchCode string    `json:"match_code"` // to be shown to the person, who types it; only while Pending
	Content   Hash      `json:"content_sha256"`
	Created   time.Time `json:"created_at"`
	Expires   time.Time `json:"expires_at"`
	Decided   time.Time `json:"decided_at"`
	Redeemed  time.Time `json:"redeemed_at"`
}

// Filter narrows a list. Zero members do not.
type Filter struct {
	States []State
	Before string // only older ones than this approval
	Limit  int    // 1 to 100; 0: 100
}

func (f Filter) query() string {
	q := url.Values{}
	if len(f.States) > 0 {
		names := make([]string, len(f.States))
		for i, s := range f.States {
			names[i] = string(s)
		}
		q.Set("state", strings.Join(names, ","))
	}
	if f.Before != "" {
		q.Set("before", f.Before)
	}
	if f.Limit != 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}

// Event is what a webhook says (`approval.approved`, `.denied`, `.expired`,
// `.cancelled`). It is a hint that may come twice, late or in another order:
// whoever hears it reads the approval.
type Event struct {
	ID    string // of the approval
	State State
}

// Read takes the event out of a webhook's body, whose signature was verified.
func (e *Event) Read(body []byte) error {
	var in struct {
		Type string `json:"type"`
		Data struct {
			ID    string `json:"id"`
			State State  `json:"state"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &in); err != nil || in.Data.ID == "" || in.Type != "approval."+string(in.Data.State) {
		return errors.New("not a message about an approval")
	}
	e.ID, e.State = in.Data.ID, in.Data.State
	return nil
}
