package nect

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/ident"
)

const (
	maxJump = 2000 // bytes of the address that people are sent to
	maxText = 200  // bytes of a name or a reason
	maxWord = 64   // bytes of a state
)

// newCase is the body of POST /cases.
type newCase struct {
	Level    string `json:"level"`
	Return   string `json:"redirectUrl,omitempty"`
	Callback string `json:"callbackUrl"`
	Language string `json:"language"`
}

func (n newCase) encode() []byte {
	raw, err := json.Marshal(n)
	if err != nil {
		return nil // strings alone are always JSON
	}
	return raw
}

// openedAnswer is Nect's answer to POST /cases, as far as it is read.
type openedAnswer struct {
	Case string `json:"caseId"`
	Jump string `json:"url"`
}

// resultAnswer is Nect's answer to GET /cases/{id}, as far as it is read.
type resultAnswer struct {
	Case      string       `json:"caseId"`
	State     string       `json:"state"`
	Reason    string       `json:"reason"`
	Success   *bool        `json:"success"`
	Procedure string       `json:"procedure"`
	Level     string       `json:"level"`
	Finished  time.Time    `json:"finishedAt"`
	Person    personAnswer `json:"person"`
}

type personAnswer struct {
	Surname   string `json:"surname"`
	BirthName string `json:"birthName"`
	Given     string `json:"givenNames"`
	BirthDate string `json:"birthDate"`
	Postcode  string `json:"postcode"`
	Country   string `json:"country"`
}

var (
	errUnclear = fmt.Errorf("%w: its answer cannot be understood", ident.ErrUnavailable)
	birthForm  = regexp.MustCompile(`^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$`)
)

// readCase reads the name of a case as Nect or a browser sent it.
func readCase(text string) (ident.CaseID, bool) {
	id := strings.ToLower(text)
	return ident.CaseID(id), caseForm.MatchString(id)
}

func readOpened(raw []byte) (ident.Opened, error) {
	var a openedAnswer
	if err := decode(raw, &a); err != nil {
		return ident.Opened{}, err
	}
	id, ok := readCase(a.Case)
	jump, err := url.Parse(a.Jump)
	if err != nil || !ok || len(a.Jump) > maxJump || !extension.Private(jump) || jump.User != nil {
		return ident.Opened{}, errUnclear
	}
	return ident.Opened{Case: id, Jump: jump}, nil
}

func readResult(raw []byte, id ident.CaseID) (ident.Result, error) {
	var a resultAnswer
	if err := decode(raw, &a); err != nil {
		return ident.Result{}, err
	}
	state := a.state()
	if state == 0 || strings.ToLower(a.Case) != string(id) || a.tooLong() {
		return ident.Result{}, errUnclear
	}
	out := ident.Result{State: state, Reason: a.Reason, Finished: a.Finished}
	if state != ident.Succeeded {
		return out, nil
	}
	p := a.Person
	if !wordForm.MatchString(a.Procedure) || !wordForm.MatchString(a.Level) || p.BirthDate != "" && !birthForm.MatchString(p.BirthDate) {
		return ident.Result{}, errUnclear
	}
	out.Procedure, out.Level = a.Procedure, a.Level
	out.Person = ident.Person{
		Surname: p.Surname, BirthName: p.BirthName, Given: p.Given, BirthDate: p.BirthDate, Postcode: p.Postcode, Country: p.Country,
	}
	return out, nil
}

// state turns Nect's word into ours; 0 = it is not understood. Success is
// believed only where it is said twice, by the word and by the flag.
func (a resultAnswer) state() ident.State {
	success := a.Success != nil && *a.Success
	switch {
	case a.State == "finished" && a.Success == nil:
		return 0
	case a.State == "finished" && success:
		return ident.Succeeded
	case success:
		return 0
	}
	return map[string]ident.State{
		"created": ident.Pending, "started": ident.Pending, "in_review": ident.InReview, "finished": ident.Failed,
		"aborted": ident.Aborted, "expired": ident.Expired,
	}[a.State]
}

func (a resultAnswer) tooLong() bool {
	p := a.Person
	for _, text := range []string{a.Reason, p.Surname, p.BirthName, p.Given, p.Postcode, p.Country} {
		if len(text) > maxText {
			return true
		}
	}
	return len(a.State) > maxWord
}

// decode reads one JSON object strictly: nothing behind it, no name twice
// (RFC 8259 section 4 leaves open which would count), valid UTF-8. Names that
// are not known are skipped.
func decode(raw []byte, into any) error {
	if !utf8.Valid(raw) || doubled(raw) != nil || json.Unmarshal(raw, into) != nil {
		return errUnclear
	}
	return nil
}

var errDoubled = errors.New("not one JSON value, or a name stands twice in it")

// doubled reads a JSON value and reports a name that stands twice in one
// object, in any case of letters, because the decoder takes those for the same.
func doubled(raw []byte) error {
	d := json.NewDecoder(strings.NewReader(string(raw)))
	if err := value(d, 0); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errDoubled
	}
	return nil
}

const maxDepth = 20

func value(d *json.Decoder, depth int) error {
	t, err := d.Token()
	if err != nil || depth > maxDepth {
		return errDoubled
	}
	switch t {
	case json.Delim('{'):
		return object(d, depth+1)
	case json.Delim('['):
		for d.More() {
			if err := value(d, depth+1); err != nil {
				return err
			}
		}
		_, err = d.Token()
	}
	return err
}

func object(d *json.Decoder, depth int) error {
	seen := map[string]bool{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return errDoubled
		}
		folded := strings.Map(fold, fmt.Sprint(name))
		if seen[folded] {
			return errDoubled
		}
		seen[folded] = true
		if err := value(d, depth); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

// fold returns the same rune for all that the decoder takes for the same.
func fold(r rune) rune {
	least := r
	for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
		least = min(least, other)
	}
	return least
}
