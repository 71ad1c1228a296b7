package member

import (
	"regexp"
	"time"
)

// Proves reports whether the card can prove something at this time: it is in
// the person's hands, or it was ordered and may have arrived by now.
func (c Card) Proves(now time.Time) bool {
	switch c.State {
	case CardActive:
		return true
	case CardOrdered:
		return !c.ValidFrom.IsZero() && !now.Before(c.ValidFrom)
	}
	return false
}

// Typed says what a person typed where the card's number was asked for. The
// zero kind is none of the known ones.
type Typed uint8

// What is typed.
const (
	TypedOther  Typed = iota
	TypedDigits       // four digits
	TypedFull         // the whole card number
	TypedEmpty
	TypedShort // fewer than four digits
	TypedKVNR  // the insurance number
	TypedIK    // the insurer's institution code (EHIC field 7)
	TypedCAN   // the six digits of the card access number, on the front
)

// CardInput is what was read of it.
type CardInput struct {
	Kind Typed
	// LastFour is the end of the card's number ("Kennnummer der Karte", EHIC
	// field 8, decision S2 of the EU's administrative commission), four ASCII
	// digits, text; set for TypedDigits and TypedFull only.
	LastFour string
}

// fullCard is a card number: 80, Germany's 276, the issuer's 5 and the
// serial's 10 digits. It has no check digit.
var (
	fullCard  = regexp.MustCompile(`^80276[0-9]{15}$`)
	lastFour  = regexp.MustCompile(`^[0-9]{4}$`)
	shortCard = regexp.MustCompile(`^[0-9]{1,3}$`)
	canForm   = regexp.MustCompile(`^[0-9]{6}$`)
)

// ParseCardInput reads the last four digits of a card's number, or the whole
// number, in any spelling that ParseKVNR accepts, and recognises what people
// type instead.
func ParseCardInput(text string) CardInput {
	s := compact(text)
	switch {
	case s == "":
		return CardInput{Kind: TypedEmpty}
	case lastFour.MatchString(s):
		return CardInput{Kind: TypedDigits, LastFour: s}
	case fullCard.MatchString(s):
		return CardInput{Kind: TypedFull, LastFour: s[16:]}
	case shortCard.MatchString(s):
		return CardInput{Kind: TypedShort}
	case canForm.MatchString(s):
		return CardInput{Kind: TypedCAN}
	case shortForm.MatchString(s) || longForm.MatchString(s):
		return CardInput{Kind: TypedKVNR}
	}
	if _, err := ParseIK(s); err == nil {
		return CardInput{Kind: TypedIK}
	}
	return CardInput{}
}
