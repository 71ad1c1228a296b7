package audit

import (
	"context"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
)

// Phase says where in an action an entry stands. The zero Phase is invalid.
type Phase uint8

// An action without remote effect has one entry, Fact. A remote action has an
// Intent before and an Outcome after it: no intent, no action.
const (
	Fact Phase = iota + 1
	Intent
	Outcome
)

// Entry is one line of the audit. Action, Step and Result are fixed words of
// the program; everything personal belongs in Person and Detail, which are
// sealed with the person's key.
type Entry struct {
	Time   time.Time         // set by the Log when zero
	Phase  Phase             // required
	Action string            // what is done, such as "login.held", "role.grant", "session.end"
	Step   string            // the step's name in the configuration, if any
	Client string            // OIDC client id, if any
	Result string            // on Fact and Outcome: ok, refused, failed, unknown
	Ref    string            // ties Intent to Outcome and to the page's reference id; not secret
	Person account.ID        // whom it concerns; sealed; may be empty before anybody is known
	Detail map[string]string // sealed with Person's key; dropped when Person is empty
}

// Log takes entries.
type Log interface {
	// Append makes the entry durable before it returns nil. When it returns an
	// error the action that the entry announces must not be done.
	Append(ctx context.Context, e Entry) error
}
