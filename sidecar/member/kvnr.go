package member

import (
	"regexp"
	"strings"
)

// KVNR is a parsed insurance number ("Versichertennummer", § 290 SGB V): one
// capital letter and nine digits, the last of them a check digit. A KVNR that
// is not empty came from ParseKVNR. It is personal data: it never stands in a
// log, a metric, a trace or a URL.
type KVNR string

// Username is the form in which Keycloak stores the number as a user name.
func (k KVNR) Username() string { return strings.ToLower(string(k)) }

// String hides the number, so that printing one by accident tells nothing.
func (k KVNR) String() string { return "KVNR(hidden)" }

// GoString hides the number from %#v too.
func (k KVNR) GoString() string { return k.String() }

// NumberReason says why a text is no insurance number. It is a fixed word,
// fit for a log. The zero reason is none.
type NumberReason string

// The reasons.
const (
	NumberEmpty      NumberReason = "empty"
	NumberLength     NumberReason = "length"         // a letter and digits, but not ten places
	NumberNoLetter   NumberReason = "no_letter"      // digits alone
	NumberLookalike  NumberReason = "lookalike"      // right but for a letter O, I or L among the digits
	NumberPension    NumberReason = "pension_number" // 12 places, § 147 SGB VI
	NumberCard       NumberReason = "card_number"    // 20 digits, 80276 in front: see ParseCardInput
	NumberForm       NumberReason = "form"           // anything else
	NumberCheckDigit NumberReason = "check_digit"    // the form is right, the last digit is not
)

// NumberError says why a text is no insurance number. It does not hold the text.
type NumberError struct {
	Reason NumberReason
	Places int // letters and digits that were typed
}

// Error names the reason, without anything that was typed.
func (e *NumberError) Error() string { return "no insurance number: " + string(e.Reason) }

// Reading is a number as it was read.
type Reading struct {
	Number KVNR
	// Doubtful says that the number was typed in its long form (20 or 30
	// places, with the insurer's IK and perhaps the main insured's number) and
	// that form's own last digit does not fit. No published vector of that
	// digit exists, so it refuses nothing.
	Doubtful bool
}

// ParseKVNR reads an insurance number as people write it: lower case, blanks,
// hyphens and full-width forms are accepted, and the long forms of 20 and 30
// places are reduced to their first ten. strict demands the check digit; it is
// off only for test data. The error is a *NumberError.
func ParseKVNR(text string, strict bool) (KVNR, error) {
	r, err := ReadKVNR(text, strict)
	return r.Number, err
}

// ReadKVNR is ParseKVNR for callers who show doubts.
func ReadKVNR(text string, strict bool) (Reading, error) {
	s := compact(text)
	r := Reading{Number: KVNR(s)}
	switch {
	case longForm.MatchString(s):
		r = Reading{Number: KVNR(s[:10]), Doubtful: !checks(s)}
	case !shortForm.MatchString(s):
		return Reading{}, &NumberError{Reason: whyNot(s), Places: len([]rune(s))}
	}
	if strict && !checks(string(r.Number)) {
		return Reading{}, &NumberError{Reason: NumberCheckDigit, Places: 10}
	}
	return r, nil
}

// The written forms.
var (
	shortForm   = regexp.MustCompile(`^[A-Z][0-9]{9}$`)
	longForm    = regexp.MustCompile(`^[A-Z][0-9]{9}[0-9]{9}([A-Z][0-9]{9})?[0-9]$`)
	pensionForm = regexp.MustCompile(`^[0-9]{8}[A-Z][0-9]{3}$`)
	letterForm  = regexp.MustCompile(`^[A-Z][0-9]+$`)
	digitsForm  = regexp.MustCompile(`^[0-9]+$`)
)

// whyNot finds the most helpful reason.
func whyNot(s string) NumberReason {
	switch {
	case s == "":
		return NumberEmpty
	case fullCard.MatchString(s):
		return NumberCard
	case pensionForm.MatchString(s):
		return NumberPension
	case letterForm.MatchString(s):
		return NumberLength
	case digitsForm.MatchString(s):
		return NumberNoLetter
	case shortForm.MatchString(s[:1] + strings.NewReplacer("O", "0", "I", "1", "L", "1").Replace(s[1:])):
		return NumberLookalike
	}
	return NumberForm
}

// checks reports whether the last digit is the check digit over the places
// before it: each letter becomes two digits (A = 01 … Z = 26), weights 1, 2,
// 1, 2, … from the left, sum of the products' digit sums, modulo 10
// (§ 290 SGB V).
func checks(s string) bool {
	sum, weight := 0, 1
	add := func(digit int) {
		p := digit * weight
		sum += p/10 + p%10
		weight = 3 - weight
	}
	for _, c := range []byte(s[:len(s)-1]) {
		if c >= 'A' {
			n := int(c-'A') + 1
			add(n / 10)
			add(n % 10)
			continue
		}
		add(int(c - '0'))
	}
	return sum%10 == int(s[len(s)-1]-'0')
}
