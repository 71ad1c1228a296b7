package approval

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Risk says what an action may do to a person. The zero Risk is High.
type Risk uint8

// The risks. A phone in its cool-down confirms Low alone.
const (
	High Risk = iota
	Low
)

// String returns the risk as request objects say it.
func (r Risk) String() string {
	if r == Low {
		return "low"
	}
	return "high"
}

// The bounds of actions and of what is shown.
const (
	MaxFields   = 20
	MaxValue    = 1000             // bytes of a field's value
	MaxValues   = 8000             // bytes of all values together
	MaxLifetime = 60 * time.Minute // of a pending approval
	MinLifetime = 30 * time.Second
	// DefaultLifetime is for actions that say none.
	DefaultLifetime = 5 * time.Minute
	DefaultDigits   = 3 // of a match code
	maxTitle        = 100
)

// Action is a kind of change that clients may have confirmed.
type Action struct {
	Name     string            // 1 to 32 of a–z, 0–9, _ and -; the configuration's key
	Title    map[string]string // what is about to happen, by language; "de" and "en"
	Fields   []ActionField     // what is shown, in this order
	Lifetime time.Duration     // how long it may be pending; zero: DefaultLifetime
	Risk     Risk
	// MatchCode is how many digits the person types, 2 to 6; zero: DefaultDigits.
	MatchCode int
}

// ActionField is a value of an action.
type ActionField struct {
	Name  string
	Label map[string]string // by language; "de" and "en"
}

var (
	actionForm = regexp.MustCompile(`^(schleuse\.)?[a-z0-9_-]{1,32}$`)
	fieldForm  = regexp.MustCompile(`^[a-z0-9_-]{1,32}$`)
)

// Validate returns all that is wrong with an action (errors.Join).
func (a Action) Validate() error {
	var errs []error
	if !actionForm.MatchString(a.Name) {
		errs = append(errs, fmt.Errorf("%q is no name of an action", a.Name))
	}
	errs = append(errs, texts("title", a.Title))
	if a.Lifetime != 0 && (a.Lifetime < MinLifetime || a.Lifetime > MaxLifetime) {
		errs = append(errs, fmt.Errorf("lifetime is %s to %s", MinLifetime, MaxLifetime))
	}
	if a.MatchCode != 0 && (a.MatchCode < 2 || a.MatchCode > 6) {
		errs = append(errs, errors.New("match_code is 2 to 6 digits"))
	}
	return errors.Join(append(errs, a.fieldErrors())...)
}

func (a Action) fieldErrors() error {
	var errs []error
	if len(a.Fields) == 0 || len(a.Fields) > MaxFields {
		errs = append(errs, fmt.Errorf("an action shows 1 to %d fields", MaxFields))
	}
	for i, f := range a.Fields {
		if !fieldForm.MatchString(f.Name) || slices.ContainsFunc(a.Fields[:i], func(o ActionField) bool { return o.Name == f.Name }) {
			errs = append(errs, fmt.Errorf("field %q: no name of a field, or twice", f.Name))
		}
		errs = append(errs, texts("label of "+strconv.Quote(f.Name), f.Label))
	}
	return errors.Join(errs...)
}

// texts checks what is shown in each language.
func texts(what string, by map[string]string) error {
	for _, language := range []string{"de", "en"} {
		if t := by[language]; t == "" || len(t) > maxTitle || !showable(t) {
			return fmt.Errorf("%s: want a text of at most %d bytes in %s", what, maxTitle, language)
		}
	}
	return nil
}

// showable reports whether a text is shown as it reads: valid UTF-8 without
// control characters (C0, C1, line and paragraph separators) and without
// formatting ones, among them those that turn the direction of writing (Unicode
// TR 36 section 2.10), without what leaves no trace on a screen, and without
// blanks that push the rest out of sight.
func showable(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, hidden) < 0 && !gapped(s)
}

// hidden reports what is not drawn, or drawn by each phone as it likes: private
// and unassigned code points among it.
func hidden(r rune) bool {
	const emptyBraille = '\u2800' // looks like a blank, and is a symbol
	return !unicode.IsGraphic(r) || unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) ||
		r == unicode.ReplacementChar || r == emptyBraille
}

// maxBlanks is how many blanks may stand beside one another, of whatever width.
const maxBlanks = 3

func gapped(s string) bool {
	blanks := 0
	for _, r := range s {
		if blanks++; !unicode.Is(unicode.Zs, r) {
			blanks = 0
		}
		if blanks > maxBlanks {
			return true
		}
	}
	return false
}

// fieldFaults returns all that is wrong with the fields of a request for the
// action.
func (a Action) fieldFaults(values map[string]string) (out []Fault) {
	total := 0
	for _, f := range a.Fields {
		value, there := values[f.Name]
		total += len(value)
		switch at := "/fields/" + f.Name; {
		case !there:
			out = append(out, Fault{at, "is missing"})
		case strings.TrimSpace(value) == "":
			out = append(out, Fault{at, "is empty"})
		case len(value) > MaxValue:
			out = append(out, Fault{at, fmt.Sprintf("is over %d bytes", MaxValue)})
		case !showable(value):
			out = append(out, Fault{at, "has what is not shown as it reads: control or formatting characters, more than three blanks in a row, or no UTF-8"})
		}
	}
	if total > MaxValues {
		out = append(out, Fault{"/fields", fmt.Sprintf("are over %d bytes together", MaxValues)})
	}
	return append(out, a.unknown(values)...)
}

// unknown names fields that the action has not; of names that could be
// anything only that there are some.
func (a Action) unknown(values map[string]string) (out []Fault) {
	odd := false
	for name := range values {
		switch {
		case slices.ContainsFunc(a.Fields, func(f ActionField) bool { return f.Name == name }):
		case fieldForm.MatchString(name) && len(out) < MaxFields:
			out = append(out, Fault{"/fields/" + name, "is not a field of this action"})
		default:
			odd = true
		}
	}
	slices.SortFunc(out, func(x, y Fault) int { return strings.Compare(x.Pointer, y.Pointer) })
	if odd {
		out = append(out, Fault{"/fields", "has names that are none"})
	}
	return out
}

// ordered returns the values in the action's order.
func (a Action) ordered(values map[string]string) []Field {
	out := make([]Field, 0, len(a.Fields))
	for _, f := range a.Fields {
		out = append(out, Field{f.Name, values[f.Name]})
	}
	return out
}

// lifetime returns how long an approval of this action may be pending when the
// client wants this; zero: no wish. Clients may only shorten.
func (a Action) lifetime(wanted time.Duration) time.Duration {
	most := a.Lifetime
	if most == 0 {
		most = DefaultLifetime
	}
	if wanted > 0 && wanted < most {
		return wanted
	}
	return most
}

func (a Action) digits() int {
	if a.MatchCode == 0 {
		return DefaultDigits
	}
	return a.MatchCode
}

// Self is the client of our own requests. No client of the realm may ask or
// redeem under this name.
const Self = "schleuse"

// Our own actions: a person confirms on one phone that another one may be
// registered or unlocked, or that it is they who sign in.
const (
	Enrol  = "schleuse.enrol"
	Unlock = "schleuse.unlock"
	Login  = "schleuse.login"
)

// BuiltIn returns our own actions, by name. Each shows one field: `phone`, or
// `client` of a login, whose risk is low: who registered a phone just now has
// proved more than a login asks for.
func BuiltIn() map[string]Action {
	own := func(name string, r Risk, de, en string, field ActionField) Action {
		return Action{
			Name: name, Title: map[string]string{"de": de, "en": en},
			Fields: []ActionField{field}, Lifetime: 10 * time.Minute, Risk: r, MatchCode: DefaultDigits,
		}
	}
	phone := ActionField{Name: "phone", Label: map[string]string{"de": "Smartphone", "en": "Smartphone"}}
	client := ActionField{Name: "client", Label: map[string]string{"de": "Anmeldung bei", "en": "Login to"}}
	return map[string]Action{
		Enrol:  own(Enrol, High, "Weiteres Smartphone registrieren", "Register another smartphone", phone),
		Unlock: own(Unlock, High, "Smartphone entsperren", "Unlock a smartphone", phone),
		Login:  own(Login, Low, "Anmeldung bestätigen", "Confirm a login", client),
	}
}
