package traces

import (
	"regexp"
	"slices"
	"strings"

	"github.com/schleuse/schleuse/e2e/stage"
)

// Secrets are what must stand in no log, metric and address: numbers in every
// spelling that appears, passwords, names, and the digits of cards where they
// stand alone, so not inside an id.
type Secrets struct {
	words  []string
	digits []*regexp.Regexp
}

// Of lists the secrets of people.
func Of(people []stage.Person) Secrets {
	var s Secrets
	digits := map[string]bool{}
	for _, person := range people {
		s.words = append(s.words, strings.ToLower(person.Number))
		if person.Name != "" {
			s.words = append(s.words, strings.ToLower(person.Name))
		}
		if person.Password != "" {
			s.words = append(s.words, strings.ToLower(person.Password))
		}
		if len(person.Number) == 10 {
			s.words = append(s.words, strings.ToLower(person.Number[:4]+" "+person.Number[4:7]+" "+person.Number[7:]))
		}
		if person.Digits != "" && !digits[person.Digits] {
			digits[person.Digits] = true
			s.digits = append(s.digits, alone(person.Digits))
		}
	}
	return s
}

// And adds words, such as passwords and codes in each spelling, and digits that
// count where they stand alone.
func (s Secrets) And(words, digits []string) Secrets {
	more := Secrets{words: slices.Clone(s.words), digits: slices.Clone(s.digits)}
	for _, word := range words {
		more.words = append(more.words, strings.ToLower(word))
	}
	for _, d := range digits {
		more.digits = append(more.digits, alone(d))
	}
	return more
}

func alone(digits string) *regexp.Regexp {
	return regexp.MustCompile(`(^|[^\w.-])` + digits + `($|[^\w-])`)
}

// In returns what of it stands in the text, but for digits; "" when nothing does.
func (s Secrets) In(text string) string {
	lower := strings.ToLower(text)
	for _, word := range s.words {
		if strings.Contains(lower, word) {
			return word
		}
	}
	return ""
}

// OrDigitsIn returns what of it stands in the text; "" when nothing does.
func (s Secrets) OrDigitsIn(text string) string {
	if found := s.In(text); found != "" {
		return found
	}
	for _, digits := range s.digits {
		if digits.MatchString(text) {
			return digits.String()
		}
	}
	return ""
}
