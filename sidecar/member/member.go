package member

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// Status says how a person is insured today. Each has a defined page and
// effect; the zero Status is unknown and opens nothing.
type Status uint8

// The statuses.
const (
	StatusUnknown     Status = iota
	StatusActive             // insured now
	StatusNotYet             // insurance begins later
	StatusLeft               // was insured, is no more
	StatusDeceased           // has died
	StatusUnderAge           // below the age from which one may have an own account
	StatusRepresented        // has a legal representative who acts for them
)

// CardState says whether a health card may be used to prove something.
type CardState uint8

// The states of a card. The zero state is unknown and proves nothing.
const (
	CardUnknown CardState = iota
	CardActive            // in the person's hands
	CardOrdered           // produced or in the post; a proof only once its ValidFrom has come
	CardBlocked           // lost, stolen or replaced
)

// Card is a health card on file. The whole card number (20 digits, EHIC field
// 8, EU decision S1) is not kept: the last four digits suffice for the check.
type Card struct {
	LastFour  string // exactly four ASCII digits, text ("0042")
	ValidFrom time.Time
	State     CardState
}

// Member is one insured person as the master data knows them.
type Member struct {
	KVNR       KVNR
	Status     Status
	Surname    string
	Given      string // all given names, separated by a blank
	BirthName  string
	BirthDate  string // "1950-03-04", "1950-03" or "1950": as far as known
	HasAddress bool
	Postcode   string
	Mail       string
	Cards      []Card // newest last, at most 20
}

// String hides the person, so that printing one by accident tells nothing.
func (m Member) String() string { return "Member(hidden)" }

// GoString hides the person from %#v too.
func (m Member) GoString() string { return m.String() }

// LogValue hides the person from a log that writes fields.
func (m Member) LogValue() slog.Value { return slog.StringValue(m.String()) }

// ErrNotFound says that the master data has no person with this number.
// ErrUnavailable says that it could not be asked: nothing may be concluded.
var (
	ErrNotFound    = errors.New("no such member")
	ErrUnavailable = errors.New("member directory unavailable")
)

// Directory is the port to the master data.
type Directory interface {
	// Find returns the person with this number. It returns an error that is
	// ErrNotFound when there is none and ErrUnavailable (wrapped, with the
	// cause) when the directory could not answer. It may be repeated.
	Find(ctx context.Context, number KVNR) (Member, error)
}
