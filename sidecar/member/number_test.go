package member_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/sidecar/member"
)

// vectors reads one of the published or made-up examples of the formats.
func vectors[T any](t testing.TB, name string) T {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return v
}

type kvnrVectors struct {
	Valid             []string
	WrongCheckDigit   []string          `json:"wrong_check_digit"`
	WrongForm         []string          `json:"wrong_form"`
	AcceptedSpellings map[string]string `json:"accepted_spellings"`
}

func reason(err error) member.NumberReason {
	var e *member.NumberError
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}

func TestKVNRVectors(t *testing.T) {
	v := vectors[kvnrVectors](t, "kvnr.json")
	for _, s := range v.Valid {
		if n, err := member.ParseKVNR(s, true); err != nil || string(n) != s {
			t.Errorf("%s: %v", s, err)
		}
	}
	for _, s := range v.WrongCheckDigit {
		if _, err := member.ParseKVNR(s, true); reason(err) != member.NumberCheckDigit {
			t.Errorf("%s strict: %v", s, err)
		}
		if n, err := member.ParseKVNR(s, false); err != nil || string(n) != s {
			t.Errorf("%s not strict: %v", s, err)
		}
	}
	for _, s := range v.WrongForm {
		for _, strict := range []bool{true, false} {
			if n, err := member.ParseKVNR(s, strict); reason(err) == "" || n != "" {
				t.Errorf("%q: %q, %v", s, string(n), err)
			}
		}
	}
	for in, want := range v.AcceptedSpellings {
		if n, err := member.ParseKVNR(in, true); err != nil || string(n) != want {
			t.Errorf("%q = %q, %v; want %s", in, string(n), err, want)
		}
	}
}

func TestKVNRReasons(t *testing.T) {
	for in, want := range map[string]struct {
		reason member.NumberReason
		places int
	}{
		"":                                {member.NumberEmpty, 0},
		" -\u00a0\u200b":                  {member.NumberEmpty, 0},
		"A12345678":                       {member.NumberLength, 9},
		"A1234567890":                     {member.NumberLength, 11},
		"123456780":                       {member.NumberNoLetter, 9},
		"1123456780":                      {member.NumberNoLetter, 10},
		"A12345678O":                      {member.NumberLookalike, 10},
		"AI2345678o":                      {member.NumberLookalike, 10},
		"Al23456780":                      {member.NumberLookalike, 10},
		"15070649C103":                    {member.NumberPension, 12},
		"15 070649 c 103":                 {member.NumberPension, 12},
		"80276883110000113311":            {member.NumberCard, 20},
		"8027 6883 1100 0011 3311":        {member.NumberCard, 20},
		"AA23456780":                      {member.NumberForm, 10},
		"Ä123456780":                      {member.NumberForm, 10},
		"A12345678.":                      {member.NumberForm, 10},
		"A123456781":                      {member.NumberCheckDigit, 10},
		"１２３":                             {member.NumberNoLetter, 3},
		"A12345678٠":                      {member.NumberForm, 10}, // an Arabic digit is no digit here
		strings.Repeat(" ", 300) + "A":    {member.NumberForm, 301},
		"A123456780" + "1015755190" + "B": {member.NumberForm, 21},
	} {
		_, err := member.ParseKVNR(in, true)
		var e *member.NumberError
		if !errors.As(err, &e) || e.Reason != want.reason || e.Places != want.places {
			t.Errorf("%q: %#v, want %v", in, e, want)
			continue
		}
		if in != "" && strings.Contains(err.Error(), in) {
			t.Errorf("the error repeats what was typed: %v", err)
		}
	}
}

// lastDigit completes a number by the same method in other words.
func lastDigit(places string) string {
	var digits []int
	for _, c := range places {
		if c >= 'A' {
			digits = append(digits, int(c-'A'+1)/10, int(c-'A'+1)%10)
		} else {
			digits = append(digits, int(c-'0'))
		}
	}
	sum := 0
	for i, d := range digits {
		for _, c := range fmt.Sprint(d * (1 + i%2)) {
			sum += int(c - '0')
		}
	}
	return places + fmt.Sprint(sum%10)
}

func TestLongForms(t *testing.T) {
	twenty := lastDigit("A123456780" + "101575519")
	thirty := lastDigit("A123456780" + "101575519" + "B123456782")
	wrong := func(s string) string {
		return s[:len(s)-1] + fmt.Sprint((int(s[len(s)-1]-'0')+1)%10)
	}
	for in, doubtful := range map[string]bool{
		twenty: false, thirty: false, wrong(twenty): true, wrong(thirty): true,
		strings.ToLower(twenty[:10] + " " + twenty[10:]): false,
	} {
		r, err := member.ReadKVNR(in, true)
		if err != nil || r.Number != "A123456780" || r.Doubtful != doubtful {
			t.Errorf("%d places: %q doubtful %v, %v; want doubtful %v", len(in), string(r.Number), r.Doubtful, err, doubtful)
		}
	}
	if _, err := member.ParseKVNR(lastDigit("A123456781"+"101575519"), true); reason(err) != member.NumberCheckDigit {
		t.Errorf("long form of a wrong number: %v", err)
	}
}

func TestKVNRTellsNothing(t *testing.T) {
	n, err := member.ParseKVNR("A123456780", true)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{fmt.Sprint(n), fmt.Sprintf("%v %+v %s", n, n, n), fmt.Sprintf("%#v", n), fmt.Sprintf("%+v", member.Member{KVNR: n})} {
		if strings.Contains(s, "123456780") {
			t.Errorf("printed: %s", s)
		}
	}
	if n.Username() != "a123456780" {
		t.Errorf("user name %q", n.Username())
	}
}

func TestAMemberIsNotPrinted(t *testing.T) {
	m := member.Member{KVNR: "A123456780", Surname: "Geheim", BirthDate: "1950-03-04", Cards: []member.Card{{LastFour: "0042"}}}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "member", m)
	printed := log.String() + fmt.Sprintf("%v %+v %#v %s %v", m, m, m, m, []member.Member{m})
	for _, secret := range []string{"123456780", "Geheim", "1950", "0042"} {
		if strings.Contains(printed, secret) {
			t.Errorf("%s is printed: %s", secret, printed)
		}
	}
}

func TestIKVectors(t *testing.T) {
	v := vectors[struct{ Valid, Invalid []string }](t, "ik.json")
	for _, s := range append(v.Valid, "26 032 682-2") {
		if _, err := member.ParseIK(s); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
	for _, s := range append(v.Invalid, "", "26032682A") {
		if ik, err := member.ParseIK(s); !errors.Is(err, member.ErrNotIK) || ik != "" {
			t.Errorf("%s: %q, %v", s, ik, err)
		}
	}
}

func FuzzParseKVNR(f *testing.F) {
	v := vectors[kvnrVectors](f, "kvnr.json")
	for _, s := range append(append(v.Valid, v.WrongForm...), v.WrongCheckDigit...) {
		f.Add(s)
	}
	for s := range v.AcceptedSpellings {
		f.Add(s)
	}
	f.Add(lastDigit("A123456780" + "101575519" + "B123456782"))
	f.Fuzz(func(t *testing.T, s string) {
		strict, strictErr := member.ParseKVNR(s, true)
		loose, looseErr := member.ParseKVNR(s, false)
		if strictErr == nil && (looseErr != nil || strict != loose) {
			t.Fatalf("strict takes %q, not strict does not", s)
		}
		if (looseErr == nil) != (loose != "") || (looseErr != nil && reason(looseErr) == "") {
			t.Fatalf("%q: %q, %v", s, string(loose), looseErr)
		}
		if looseErr != nil {
			return
		}
		again, err := member.ParseKVNR(string(loose), false)
		if err != nil || again != loose || len(loose) != 10 || loose[0] < 'A' || loose[0] > 'Z' {
			t.Fatalf("%q is read as %q, which is read as %q, %v", s, string(loose), string(again), err)
		}
	})
}
