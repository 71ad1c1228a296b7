package membertest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/member"
)

// Unknown is a number that none of the suite's people has.
const Unknown member.KVNR = "M123456785"

// crowded is one of more namesakes than are told of.
const crowded member.KVNR = "C000000013"

// People are those whom the suite asks for: each status, each state of a card,
// birth dates and addresses known or not, and namesakes.
func People() []member.Member {
	berlin, err := time.LoadLocation(member.Zone)
	if err != nil {
		panic(err)
	}
	from := func(year int) time.Time { return time.Date(year, time.July, 1, 0, 0, 0, 0, berlin) }
	people := []member.Member{
		{
			KVNR: "A123456780", Status: member.StatusActive, Surname: "Müller", Given: "Anna Maria", BirthName: "von der Früh",
			BirthDate: "1950-03-04", HasAddress: true, Postcode: "01067", Mail: "anna@kasse.example",
			Cards: []member.Card{
				{LastFour: "0042", ValidFrom: from(2019), State: member.CardBlocked},
				{LastFour: "4711", ValidFrom: from(2022), State: member.CardActive},
				{LastFour: "0815", ValidFrom: from(2099), State: member.CardOrdered},
			},
		},
		{KVNR: "B123456782", Status: member.StatusNotYet, Surname: "Mueller", Given: "Bernd", BirthDate: "1950-03-04"},
		{KVNR: "D202601019", Status: member.StatusLeft, Surname: "Weber", BirthName: "Früh", BirthDate: "1950-03"},
		{KVNR: "E202601024", Status: member.StatusDeceased, Surname: "Müller", Given: "Emil", BirthDate: "1950-03-05"},
		{KVNR: "F202601039", Status: member.StatusUnderAge, Surname: "Müller", BirthDate: ""},
		{KVNR: "G202601044", Status: member.StatusRepresented, Surname: "O’Connor; \"Ø\"", Given: "Gün", BirthDate: "1971"},
	}
	for i := range member.MaxNamesakes + 5 {
		people = append(people, member.Member{
			KVNR: member.KVNR(fmt.Sprintf("C0000000%02d", i)), Status: member.StatusActive, Surname: "Viele", BirthDate: "1980-01-01",
		})
	}
	return people
}

// Run is the suite that every directory passes. open returns one that holds
// these people and nobody else; their numbers' check digits need not be right.
func Run(t *testing.T, open func(t *testing.T, people []member.Member) member.Directory) {
	people := People()
	d := open(t, people)
	t.Run("everybody", func(t *testing.T) { everybody(t, d, people) })
	t.Run("nobody", func(t *testing.T) { nobody(t, d) })
	t.Run("answers are the caller's own", func(t *testing.T) { own(t, d) })
	t.Run("at the same time", func(t *testing.T) { together(t, d, people) })
	t.Run("cancelled", func(t *testing.T) { cancelled(t, d) })
	if n, ok := d.(member.Namesaker); ok {
		t.Run("namesakes", func(t *testing.T) { namesakes(t, n) })
	}
}

func everybody(t *testing.T, d member.Directory, people []member.Member) {
	for _, want := range people {
		for range 2 { // the second time from a cache, if there is one
			got, err := d.Find(t.Context(), want.KVNR)
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%s: %v (-want +got):\n%s", string(want.KVNR), err, diff)
			}
		}
	}
}

func nobody(t *testing.T, d member.Directory) {
	for range 2 {
		m, err := d.Find(t.Context(), Unknown)
		if !errors.Is(err, member.ErrNotFound) || errors.Is(err, member.ErrUnavailable) || !cmp.Equal(m, member.Member{}) {
			t.Errorf("an unknown number: %v", err)
		}
	}
}

func own(t *testing.T, d member.Directory) {
	first, err := d.Find(t.Context(), "A123456780")
	if err != nil {
		t.Fatal(err)
	}
	first.Cards[0].LastFour = "9999"
	if again, err := d.Find(t.Context(), "A123456780"); err != nil || again.Cards[0].LastFour != "0042" {
		t.Errorf("a caller changed what the next one gets: %v", err)
	}
}

func together(t *testing.T, d member.Directory, people []member.Member) {
	var all sync.WaitGroup
	for range 4 {
		for _, p := range people {
			all.Go(func() {
				if got, err := d.Find(t.Context(), p.KVNR); err != nil || got.KVNR != p.KVNR {
					t.Errorf("%s: got another's, or %v", string(p.KVNR), err)
				}
			})
		}
	}
	all.Wait()
}

// cancelled holds that who hangs up never learns that a member is none.
func cancelled(t *testing.T, d member.Directory) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Find(ctx, "A123456780"); err != nil && !errors.Is(err, member.ErrUnavailable) || errors.Is(err, member.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

func namesakes(t *testing.T, d member.Namesaker) {
	for number, want := range map[member.KVNR][]member.KVNR{
		"A123456780": {"B123456782", "D202601019"}, // by surname, by birth name and a month
		"B123456782": {"A123456780"},
		"E202601024": nil, // another day
		"F202601039": nil, // no birth date
		"G202601044": nil,
	} {
		people, err := d.Namesakes(t.Context(), number)
		var got []member.KVNR
		for _, p := range people {
			got = append(got, p.KVNR)
		}
		if diff := cmp.Diff(want, got, cmp.Transformer("text", func(k member.KVNR) string { return string(k) })); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", string(number), err, diff)
		}
	}
	if got, err := d.Namesakes(t.Context(), crowded); err != nil || len(got) != member.MaxNamesakes {
		t.Errorf("of many: %d, %v", len(got), err)
	}
	if got, err := d.Namesakes(t.Context(), Unknown); !errors.Is(err, member.ErrNotFound) || len(got) != 0 {
		t.Errorf("of nobody: %d, %v", len(got), err)
	}
	whole, err := d.Namesakes(t.Context(), "B123456782")
	if err != nil || len(whole) != 1 {
		t.Fatalf("%d, %v", len(whole), err)
	}
	if diff := cmp.Diff(People()[0], whole[0]); diff != "" {
		t.Errorf("a namesake is not told whole (-want +got):\n%s", diff)
	}
}
