package password

import (
	"errors"
	"unicode"
	"unicode/utf8"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/member"
)

// maxPassword is the longest password that is taken, in bytes.
const maxPassword = 256

// rule is one line of what is shown before anybody types.
type rule struct {
	Key   string
	Count int
}

func (c Config) rules() []rule {
	out := []rule{{"rule.length", c.MinLength}}
	for _, r := range []rule{{"rule.lower", c.Lower}, {"rule.upper", c.Upper}, {"rule.digits", c.Digits}, {"rule.special", c.Special}} {
		if r.Count > 0 {
			out = append(out, r)
		}
	}
	return append(out, rule{Key: "rule.number"})
}

// check finds what is wrong with two typed passwords before anything is
// changed.
func (c Config) check(password, again string, number member.KVNR) []flow.Problem {
	problem := func(key string, count int) []flow.Problem {
		return []flow.Problem{{Field: "password", Key: key, Args: map[string]any{"Count": count}}}
	}
	switch {
	case password == "":
		return []flow.Problem{{Field: "password", Key: "problem.empty"}}
	case len(password) > maxPassword || !utf8.ValidString(password) || hasControl(password):
		return []flow.Problem{{Field: "password", Key: "problem.unfit"}}
	case utf8.RuneCountInString(password) < c.MinLength:
		return problem("problem.length", c.MinLength)
	case isNumber(password, number):
		return []flow.Problem{{Field: "password", Key: "problem.number"}}
	}
	if key, least := c.lacks(password); key != "" {
		return problem(key, least)
	}
	switch again {
	case password:
		return nil
	case "":
		return []flow.Problem{{Field: "again", Key: "problem.again_empty"}}
	}
	return []flow.Problem{{Field: "again", Key: "problem.again"}}
}

// lacks counts as Keycloak's policies do: digits and letters of any script,
// and special is whatever is none of these.
func (c Config) lacks(password string) (key string, least int) {
	var digits, lower, upper, special int
	for _, r := range password {
		switch {
		case unicode.IsDigit(r):
			digits++
		case unicode.IsLower(r):
			lower++
		case unicode.IsUpper(r):
			upper++
		case !unicode.IsLetter(r):
			special++
		}
	}
	switch {
	case lower < c.Lower:
		return "problem.lower", c.Lower
	case upper < c.Upper:
		return "problem.upper", c.Upper
	case digits < c.Digits:
		return "problem.digits", c.Digits
	case special < c.Special:
		return "problem.special", c.Special
	}
	return "", 0
}

func hasControl(s string) bool {
	for _, r := range s {
		if unicode.IsControl(r) {
			return true
		}
	}
	return false
}

// isNumber reports whether the password is the insurance number, however it is
// written: everybody who has seen the card knows it.
func isNumber(password string, number member.KVNR) bool {
	typed, err := member.ParseKVNR(password, false)
	return err == nil && typed == number
}

// refusals are Keycloak's message keys for a refused password, and what is
// shown for them.
func refusals() map[string]string {
	return map[string]string{
		"invalidPasswordMinLengthMessage":           "problem.length",
		"invalidPasswordMaxLengthMessage":           "problem.max_length",
		"invalidPasswordMinDigitsMessage":           "problem.digits",
		"invalidPasswordMinLowerCaseCharsMessage":   "problem.lower",
		"invalidPasswordMinUpperCaseCharsMessage":   "problem.upper",
		"invalidPasswordMinSpecialCharsMessage":     "problem.special",
		"invalidPasswordNotUsernameMessage":         "problem.number",
		"invalidPasswordNotContainsUsernameMessage": "problem.number",
		"invalidPasswordNotEmailMessage":            "problem.mail",
		"invalidPasswordHistoryMessage":             "problem.used",
		"invalidPasswordBlacklistedMessage":         "problem.common",
		"invalidPasswordRegexPatternMessage":        "problem.refused",
		"invalidPasswordGenericMessage":             "problem.refused",
	}
}

// refusal says in plain words why Keycloak refused a password; false when err
// is something else.
func refusal(err error) (flow.Problem, bool) {
	var refused *account.PasswordError
	if !errors.As(err, &refused) {
		return flow.Problem{}, false
	}
	key, known := refusals()[refused.Key]
	if !known || counted(key) && len(refused.Numbers) == 0 {
		key = "problem.refused"
	}
	p := flow.Problem{Field: "password", Key: key}
	if counted(key) {
		p.Args = map[string]any{"Count": refused.Numbers[0]}
	}
	return p, true
}

func counted(key string) bool {
	switch key {
	case "problem.length", "problem.max_length", "problem.digits", "problem.lower", "problem.upper", "problem.special":
		return true
	}
	return false
}
