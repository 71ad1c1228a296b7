package member

import (
	"errors"
	"regexp"
)

// IK is a parsed institution code ("Institutionskennzeichen", § 293 SGB V):
// nine digits, the last of them a check digit. It names a health insurer, not
// a person.
type IK string

// ErrNotIK says that a text is no institution code.
var ErrNotIK = errors.New("no institution code")

var ikForm = regexp.MustCompile(`^[0-9]{9}$`)

// ParseIK reads an institution code; blanks, hyphens and full-width forms are
// accepted. The check digit counts places 3 to 8 with the weights 2, 1, 2, 1,
// 2, 1, digit sums, modulo 10.
func ParseIK(text string) (IK, error) {
	s := compact(text)
	if !ikForm.MatchString(s) {
		return "", ErrNotIK
	}
	sum := 0
	for i, c := range []byte(s[2:8]) {
		p := int(c-'0') * (2 - i%2)
		sum += p/10 + p%10
	}
	if sum%10 != int(s[8]-'0') {
		return "", ErrNotIK
	}
	return IK(s), nil
}
