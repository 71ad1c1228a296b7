package member_test

import (
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/member"
)

type cardVectors struct {
	Valid        []string
	LastFour     map[string]string `json:"last_four"`
	TypedInstead [][]string        `json:"typed_instead"`
}

func TestCardVectors(t *testing.T) {
	v := vectors[cardVectors](t, "card.json")
	for _, s := range v.Valid {
		if got := member.ParseCardInput(s); got.Kind != member.TypedFull || got.LastFour != s[16:] {
			t.Errorf("%s: %+v", s, got)
		}
	}
	for s, last := range v.LastFour {
		if got := member.ParseCardInput(s); got.LastFour != last {
			t.Errorf("%s: %+v, want %s", s, got, last)
		}
	}
	kinds := map[string]member.Typed{
		"kvnr": member.TypedKVNR, "ik": member.TypedIK, "can": member.TypedCAN,
		"full": member.TypedFull, "digits": member.TypedDigits, "short": member.TypedShort,
	}
	for _, row := range v.TypedInstead {
		if got := member.ParseCardInput(row[0]).Kind; got != kinds[row[1]] {
			t.Errorf("%s: kind %d, want %s (%d)", row[0], got, row[1], kinds[row[1]])
		}
	}
}

func TestCardInput(t *testing.T) {
	for in, want := range map[string]member.CardInput{
		"":                      {Kind: member.TypedEmpty},
		" \u00a0-":              {Kind: member.TypedEmpty},
		"0042":                  {Kind: member.TypedDigits, LastFour: "0042"},
		"００４２":                  {Kind: member.TypedDigits, LastFour: "0042"},
		"0 0-4 2":               {Kind: member.TypedDigits, LastFour: "0042"},
		"12345":                 {},
		"O042":                  {},
		"٠٠٤٢":                  {},
		"a123 456 780":          {Kind: member.TypedKVNR},
		"A1234567801015755190":  {Kind: member.TypedKVNR},
		"101575518":             {}, // no check digit of an IK
		"8027688311000011331":   {},
		"802768831100001133111": {},
		"90276883110000113311":  {},
		"31.12.2029":            {},
	} {
		if got := member.ParseCardInput(in); got != want {
			t.Errorf("%q: %+v, want %+v", in, got, want)
		}
	}
}

func TestCardProves(t *testing.T) {
	day := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		card member.Card
		want bool
	}{
		"zero":             {member.Card{}, false},
		"active":           {member.Card{State: member.CardActive, ValidFrom: day.AddDate(1, 0, 0)}, true},
		"blocked":          {member.Card{State: member.CardBlocked, ValidFrom: day.AddDate(-1, 0, 0)}, false},
		"ordered, not yet": {member.Card{State: member.CardOrdered, ValidFrom: day.Add(time.Second)}, false},
		"ordered, today":   {member.Card{State: member.CardOrdered, ValidFrom: day}, true},
		"ordered, no date": {member.Card{State: member.CardOrdered}, false},
		"unknown state":    {member.Card{State: member.CardBlocked + 1}, false},
	} {
		if got := c.card.Proves(day); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func FuzzParseCardInput(f *testing.F) {
	v := vectors[cardVectors](f, "card.json")
	for _, s := range v.Valid {
		f.Add(s)
	}
	for _, row := range v.TypedInstead {
		f.Add(row[0])
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := member.ParseCardInput(s)
		asks := got.Kind == member.TypedDigits || got.Kind == member.TypedFull
		if asks != (got.LastFour != "") {
			t.Fatalf("%q: %+v", s, got)
		}
		if asks && member.ParseCardInput(got.LastFour).LastFour != got.LastFour {
			t.Fatalf("%q: %q is not read as four digits", s, got.LastFour)
		}
	})
}
