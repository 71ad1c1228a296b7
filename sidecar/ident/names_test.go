package ident_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/ident"
	"github.com/schleuse/schleuse/sidecar/member"
)

// described is a person as the vectors describe one.
type described struct {
	Title, Surname, Given, Birth string
	BirthName                    string `json:"birth_name"`
}

func (d described) onFile(number member.KVNR) member.Member {
	return member.Member{KVNR: number, Status: member.StatusActive, Surname: d.Surname, BirthName: d.BirthName, Given: d.Given, BirthDate: d.Birth}
}

func (d described) document() ident.Person {
	return ident.Person{Surname: d.Surname, BirthName: d.BirthName, Given: d.Given, BirthDate: d.Birth}
}

type nameVectors struct {
	Canonical map[string]string
	Also      map[string][]string
	Ladder    []struct {
		OnFile  described `json:"on_file"`
		Ident   described
		Verdict string
		Why     string
	}
}

func vectors(t testing.TB) nameVectors {
	t.Helper()
	raw, err := os.ReadFile("testdata/names.json")
	if err != nil {
		t.Fatal(err)
	}
	var v nameVectors
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Canonical) == 0 || len(v.Also) == 0 || len(v.Ladder) == 0 {
		t.Fatal("no examples were read")
	}
	return v
}

func TestFormsVectors(t *testing.T) {
	v := vectors(t)
	for name, want := range v.Canonical {
		if got := ident.Forms(name); len(got) == 0 || got[0] != want {
			t.Errorf("%s: %q, want %s first", name, got, want)
		}
	}
	for name, want := range v.Also {
		for _, form := range want {
			if got := ident.Forms(name); !slices.Contains(got, form) {
				t.Errorf("%s: %q, want %s among them", name, got, form)
			}
		}
	}
}

func TestLadderVectors(t *testing.T) {
	for _, c := range vectors(t).Ladder {
		on := c.OnFile.onFile("A123456780")
		if got := ident.Compare(on, nil, c.Ident.document()).String(); got != c.Verdict {
			t.Errorf("%+v, %+v: %s, want %s (%s)", c.OnFile, c.Ident, got, c.Verdict, c.Why)
		}
		if c.OnFile.Title == "" {
			continue
		}
		on.Surname = c.OnFile.Title + " " + on.Surname
		if got := ident.Compare(on, nil, c.Ident.document()).String(); got != c.Verdict {
			t.Errorf("with the title in the surname: %s, want %s", got, c.Verdict)
		}
	}
}

func TestForms(t *testing.T) {
	for name, want := range map[string][]string{
		"Mu\u0308ller":           {"MUELLER", "MULLER", "MUXXLLER"}, // NFD
		"Ärö":                    {"AEROE", "ARO", "AERO", "AROE"},
		"Jürgen-Müller":          {"JUERGEN<MUELLER", "JURGEN<MULLER", "JUXXRGEN<MUXXLLER"}, // not mixed
		"  de  la-\tCruz ":       {"DE<LA<CRUZ"},
		"Meyer\u2013Schmidt":     {"MEYER<SCHMIDT"},
		"Dr.Groß":                {"DR<GROSS"},
		"<<MUELLER<<<ANNA<<":     {"MUELLER<ANNA"},
		"D`Angelo´s ‘x’":         {"DANGELOS<X"},
		"Æbel Þór Œuvre Ĳssel":   {"AEBEL<THOR<OEUVRE<IJSSEL"},
		"Ħal Ŧor Ŋal Ŀ Ðor":      {"HAL<TOR<NAL<L<DOR"},
		"X\u0303y":               {"XY"}, // a mark that no letter has taken
		"Əliyev":                 {"ELIYEV"},
		"əliyev":                 {"ELIYEV"},
		"Nguyễn Thị":             {"NGUYEN<THI"},
		"Mül\u00adler":           {"MUELLER", "MULLER", "MUXXLLER"}, // soft hyphen
		"":                       nil,
		" -' ":                   nil,
		"Иванов":                 nil,
		"Müller (geb. Maier)":    nil,
		"Müller 2":               nil,
		"M\xfcller":              nil,
		"A":                      {"A"},
		strings.Repeat("a", 200): {strings.Repeat("A", 200)},
		strings.Repeat("a", 201): nil,
	} {
		got := ident.Forms(name)
		if len(got) > 1 {
			slices.Sort(got[1:])
			slices.Sort(want[1:])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", name, diff)
		}
	}
	if got := ident.Forms("ÄÅÖÜÑ"); len(got) != 48 {
		t.Errorf("%d forms of all choices", len(got))
	}
}

var zone = regexp.MustCompile(`^[A-Z]+(<[A-Z]+)*$`)

func FuzzForms(f *testing.F) {
	v := vectors(f)
	for name := range v.Canonical {
		f.Add(name)
	}
	for name := range v.Also {
		f.Add(name)
	}
	f.Add("ÄÅÖÜÑ\u0301ŉſıİẞ")
	f.Fuzz(func(t *testing.T, name string) {
		forms := ident.Forms(name)
		if len(forms) > 48 {
			t.Fatalf("%q has %d forms", name, len(forms))
		}
		for i, form := range forms {
			if !zone.MatchString(form) || slices.Contains(forms[:i], form) {
				t.Fatalf("%q: %q", name, forms)
			}
			if again := ident.Forms(form); len(form) <= 200 && (len(again) != 1 || again[0] != form) {
				t.Fatalf("%q, a form of %q, has the forms %q", form, name, again)
			}
		}
	})
}
