package member

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a card is valid from midnight where the insurer is
)

// Zone is the time zone in which master data write days.
const Zone = "Europe/Berlin"

// The bounds of a record, whatever directory it comes from.
const (
	MaxField = 200 // bytes of a name or an address
	MaxCards = 20
)

// StatusWords and CardStateWords are how master data write them, for messages.
const (
	StatusWords    = "active, not_yet, left, deceased, under_age, represented"
	CardStateWords = "active, ordered, blocked"
)

// ParseStatus reads one of StatusWords; false = it is none of them.
func ParseStatus(word string) (Status, bool) {
	s := Status(slices.Index(strings.Split(StatusWords, ", "), word) + 1) //nolint:gosec // 0 to 6
	return s, s != StatusUnknown
}

// ValidDate reports whether a text is a day as far as it is known: 1950-03-04,
// 1950-03 or 1950.
func ValidDate(text string) bool {
	_, ok := latest(text)
	return ok
}

var (
	postcodeForm = regexp.MustCompile(`^[0-9]{5}$`)
	control      = regexp.MustCompile(`[\x00-\x1f\x7f]`)
)

// Check says what is wrong with a record as a directory delivers it, cards
// excepted; nil = nothing. The error never holds the record's content.
func (m Member) Check() error {
	for _, field := range []string{m.Surname, m.Given, m.BirthName, m.Mail} {
		if len(field) > MaxField {
			return fmt.Errorf("a field over %d bytes", MaxField)
		}
		if control.MatchString(field) {
			return errors.New("a field with a line end or another control character")
		}
	}
	switch {
	case m.Surname == "":
		return errors.New("surname is empty")
	case m.BirthDate != "" && !ValidDate(m.BirthDate):
		return errors.New("birth_date is no date as 1950-03-04, 1950-03 or 1950")
	case m.Postcode != "" && !postcodeForm.MatchString(m.Postcode):
		return errors.New("postcode is not five digits")
	case m.Mail != "" && !strings.Contains(m.Mail, "@"):
		return errors.New("mail has no @")
	}
	return nil
}

// ReadCard reads a card as master data write one: the last four digits, the
// day from which it is valid (at midnight in zone), and one of CardStateWords.
// The error never holds what stands there.
func ReadCard(last4, validFrom, state string, zone *time.Location) (Card, error) {
	if !lastFour.MatchString(last4) {
		return Card{}, errors.New("last4 is not four digits")
	}
	from, err := time.ParseInLocation(time.DateOnly, validFrom, zone)
	if err != nil {
		return Card{}, errors.New("valid_from is no date as 2026-12-01")
	}
	s := CardState(slices.Index(strings.Split(CardStateWords, ", "), state) + 1) //nolint:gosec // 0 to 3
	if s == CardUnknown {
		return Card{}, errors.New("state is none of " + CardStateWords)
	}
	return Card{LastFour: last4, ValidFrom: from, State: s}, nil
}

// SortCards brings cards into the order that Member.Cards has.
func SortCards(cards []Card) {
	slices.SortStableFunc(cards, func(a, b Card) int { return a.ValidFrom.Compare(b.ValidFrom) })
}
