package relying

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"
)

// SessionID is the stored image (SHA-256) of the random session cookie.
type SessionID [sha256.Size]byte

// Session is a person's session at one of our clients. It is sealed at rest.
type Session struct {
	ID           SessionID
	Site         string // Settings.Name
	Issuer       string
	Subject      string         // `sub`
	SID          string         // `sid`, the provider's session; may be empty
	Username     string         // `preferred_username` of the access token; the KVNR of insured people
	Claims       map[string]any // of the access token, at most 16 KiB as JSON
	AccessToken  string
	RefreshToken string
	IDToken      string // for RP-initiated log-out
	AuthTime     time.Time
	TokenExpires time.Time // when the access token ends
	Created      time.Time
	Used         time.Time // last use, written at most once a minute
	Expires      time.Time // absolute end, or earlier by idleness
	Lease        time.Time // until when one replica refreshes the tokens; zero = nobody
}

// ErrNoSession says that there is no such session, or that it has ended.
var ErrNoSession = errors.New("no such session")

// Sessions keeps sessions for all replicas.
type Sessions interface {
	// Create stores a new session. Of one person 100 may be there: with one
	// more, the one that ends first is ended.
	Create(ctx context.Context, s Session) error
	// Get returns the session, or ErrNoSession. Any other error says nothing
	// about the session: it must not be taken for a log-out.
	Get(ctx context.Context, id SessionID) (Session, error)
	// Update changes the session in one transaction, as flow.Attempts.Update does.
	Update(ctx context.Context, id SessionID, fn func(*Session) error) (Session, error)
	// End deletes what matches, durably, and returns how many; an empty match
	// is an error. From then on Get answers ErrNoSession on every replica.
	End(ctx context.Context, m Match) (int, error)
}

// Match selects sessions to end: by id alone, or by issuer with subject, sid or both.
type Match struct {
	ID      *SessionID
	Issuer  string
	Subject string
	SID     string
}

// Ender is what a Sessions may offer beside: one question about many sessions,
// asked every 400 ms for those with open connections.
type Ender interface {
	// Ended returns those of ids (at most 500) that no longer exist or whose
	// Expires has come.
	Ended(ctx context.Context, ids []SessionID) ([]SessionID, error)
}
