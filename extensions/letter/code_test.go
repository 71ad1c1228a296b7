package letter_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/schleuse/schleuse/extensions/letter"
)

// codes are codes of any characters.
func codes() *rapid.Generator[string] {
	return rapid.Map(rapid.StringOfN(rapid.RuneFrom([]rune(letter.Alphabet)), 11, 11, 11), letter.WithCheck)
}

func mistyped(t *rapid.T, why, code, typed string) {
	if typed == code {
		return
	}
	if got, problem := letter.ReadCode(typed); problem != "problem.mistyped" {
		t.Fatalf("%s: %s for %s is read as %q, %q", why, typed, code, got, problem)
	}
}

func TestEverySingleMistakeIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		code := codes().Draw(t, "code")
		if got, problem := letter.ReadCode(code); got != code || problem != "" {
			t.Fatalf("%s is read as %q, %q", code, got, problem)
		}
		for i := range code {
			for _, other := range letter.Alphabet {
				mistyped(t, "one character", code, code[:i]+string(other)+code[i+1:])
			}
		}
	})
}

func TestEveryExchangeIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		code := codes().Draw(t, "code")
		for i := range code {
			for j := range i {
				swapped := []byte(code)
				swapped[i], swapped[j] = swapped[j], swapped[i]
				mistyped(t, "an exchange", code, string(swapped))
			}
			if i == 0 || code[i] != code[i-1] {
				continue
			}
			for _, other := range letter.Alphabet {
				mistyped(t, "a pair", code, code[:i-1]+string(other)+string(other)+code[i+1:])
			}
		}
	})
}

func TestCodesAreAllDifferentAndUseTheWholeAlphabet(t *testing.T) {
	seen, places := map[string]bool{}, [12]map[byte]bool{}
	for range 5000 {
		code := letter.NewCode()
		if len(code) != 12 || strings.Trim(code, letter.Alphabet) != "" || seen[code] {
			t.Fatalf("code %q, seen %v", code, seen[code])
		}
		seen[code] = true
		for i := range places {
			if places[i] == nil {
				places[i] = map[byte]bool{}
			}
			places[i][code[i]] = true
		}
	}
	for i := range places {
		if len(places[i]) != len(letter.Alphabet) {
			t.Errorf("place %d has %d characters of %d", i, len(places[i]), len(letter.Alphabet))
		}
	}
}

const right = "234567ACEFHF" // checked by TestReadCode

func TestReadCode(t *testing.T) {
	for typed, want := range map[string]string{
		right:                                 right,
		"2345-67AC-EFHF":                      right,
		" 2345 67ac efhf ":                    right,
		"2345–67AC−EFHF":                      right,
		"２３４５６７ＡＣＥＦＨＦ":                        right,
		"2345-\u200b67AC-EFHF\u00a0":          right,
		"z345-67AC-EFHF":                      right,
		"2345-s7AC-EFHF":                      "problem.mistyped",
		"https://a.example/code#" + right:     right,
		"":                                    "problem.empty",
		" - ":                                 "problem.empty",
		"#":                                   "problem.empty",
		"A123 456 780":                        "problem.number",
		"234567ACEFH":                         "problem.length",
		"234567ACEFHFF":                       "problem.length",
		"2":                                   "problem.length",
		"234567ACEFH8":                        "problem.mistyped",
		"324567ACEFHF":                        "problem.mistyped",
		"O34567ACEFHF":                        "problem.characters",
		"234567ÄCEFH7":                        "problem.characters",
		"234567ACEFH\x00":                     "problem.characters",
		"234567ACEFH\xff":                     "problem.characters",
		strings.Repeat("2", 300):              "problem.characters",
		"222222222222":                        "problem.mistyped",
		"https://a.example/code?" + right[1:]: "problem.characters",
	} {
		got, problem := letter.ReadCode(typed)
		if got+problem != want {
			t.Errorf("%q is read as %q, %q; want %q", typed, got, problem, want)
		}
	}
	look := strings.NewReplacer("8", "B", "6", "G", "5", "S", "2", "Z", "U", "v")
	for range 200 {
		code := letter.NewCode()
		if got, problem := letter.ReadCode(look.Replace(code)); got != code {
			t.Errorf("look-alikes of %s are read as %q, %q", code, got, problem)
		}
	}
}

func FuzzReadCode(f *testing.F) {
	for _, s := range []string{right, "2345-67ac efhf", "#", "A123456780", "\xff", "２３"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		code, problem := letter.ReadCode(typed)
		if (code == "") == (problem == "") {
			t.Errorf("%q: %q and %q", typed, code, problem)
		}
		if again, _ := letter.ReadCode(code); code != "" && again != code {
			t.Errorf("%q is read as %q, and that as %q", typed, code, again)
		}
	})
}
