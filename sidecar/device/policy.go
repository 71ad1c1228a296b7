package device

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/schleuse/schleuse/sidecar/member"
)

// MaxPassword is how long a device password may be, in bytes of UTF-8.
const MaxPassword = 128

// Rule is what a new device password or PIN breaks.
type Rule string

// The rules.
const (
	TooShort Rule = "too_short" // fewer characters than Settings.MinPassword
	TooLong  Rule = "too_long"  // over MaxPassword
	NotText  Rule = "not_text"  // not UTF-8 in Unicode's form NFC, or with control characters
	IsNumber Rule = "number"    // the insurance number, whole or its digits
	Repeated Rule = "repeated"  // one character only
	IsRun    Rule = "run"       // 12345678, hgfedcba: each character follows the one before
	NotPIN   Rule = "digits"    // not as many ASCII digits as a PIN has
)

// WeakError is ErrWeak with the rule that is broken. It holds nothing of the
// secret.
type WeakError struct{ Rule Rule }

// Error names the rule.
func (e *WeakError) Error() string { return ErrWeak.Error() + ": " + string(e.Rule) }

// Unwrap returns ErrWeak.
func (e *WeakError) Unwrap() error { return ErrWeak }

// checkPassword returns a *WeakError unless a device password may be chosen.
func checkPassword(password []byte, minimum int, number member.KVNR) error {
	text := string(password)
	switch {
	case len(text) > MaxPassword:
		return &WeakError{TooLong}
	case !utf8.ValidString(text) || !norm.NFC.IsNormalString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return &WeakError{NotText}
	case utf8.RuneCountInString(text) < minimum:
		return &WeakError{TooShort}
	case number != "" && strings.Contains(strings.ToUpper(text), string(number[1:])):
		return &WeakError{IsNumber}
	}
	return checkPattern([]rune(text))
}

// checkPIN returns a *WeakError unless a PIN may be chosen.
func checkPIN(pin []byte, digits int) error {
	if len(pin) != digits || strings.Trim(string(pin), "0123456789") != "" {
		return &WeakError{NotPIN}
	}
	return checkPattern([]rune(string(pin)))
}

func checkPattern(text []rune) error {
	up, down, same := true, true, true
	for i := 1; i < len(text); i++ {
		a, b := unicode.ToLower(text[i-1]), unicode.ToLower(text[i])
		up = up && follows(a, b)
		down = down && follows(b, a)
		same = same && a == b
	}
	switch {
	case same:
		return &WeakError{Repeated}
	case up || down:
		return &WeakError{IsRun}
	}
	return nil
}

// follows reports whether b comes after a; after 9 comes 0, as on a keyboard.
func follows(a, b rune) bool { return b == a+1 || a == '9' && b == '0' }
