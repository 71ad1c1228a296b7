package member_test

import (
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/member"
)

func TestStandingByStatus(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for status, want := range map[member.Status]struct {
		standing member.Standing
		refusal  string
	}{
		member.StatusUnknown:         {member.StandingUnknown, "not_on_file"},
		member.StatusActive:          {member.Fine, ""},
		member.StatusNotYet:          {member.NotYet, "not_yet"},
		member.StatusLeft:            {member.Left, "left"},
		member.StatusDeceased:        {member.Deceased, "deceased"},
		member.StatusUnderAge:        {member.UnderAge, "under_age"},
		member.StatusRepresented:     {member.Represented, "represented"},
		member.StatusRepresented + 1: {member.StandingUnknown, "not_on_file"},
	} {
		got := member.Member{Status: status, BirthDate: "1950-03-04"}.Standing(now, 15)
		if got != want.standing || got.Refusal() != want.refusal {
			t.Errorf("status %d: %d (%s), want %+v", status, got, got.Refusal(), want)
		}
	}
	if got := (member.Represented + 1).Refusal(); got != "not_on_file" {
		t.Errorf("a standing of no name: %q", got)
	}
}

func TestStandingByAge(t *testing.T) {
	berlin := time.FixedZone("Berlin", 3600)
	day := time.Date(2026, 11, 24, 0, 0, 0, 0, berlin)
	for name, c := range map[string]struct {
		birth string
		now   time.Time
		from  int
		want  member.Standing
	}{
		"birthday":                 {"2011-11-24", day, 15, member.Fine},
		"the moment before":        {"2011-11-24", day.Add(-1), 15, member.UnderAge},
		"the day after":            {"2011-11-25", day, 15, member.UnderAge},
		"leap day, on 28 February": {"2012-02-29", time.Date(2027, 2, 28, 23, 59, 0, 0, berlin), 15, member.UnderAge},
		"leap day, on 1 March":     {"2012-02-29", time.Date(2027, 3, 1, 0, 0, 0, 0, berlin), 15, member.Fine},
		"this month, no day known": {"2011-11", day, 15, member.UnderAge},
		"the month before":         {"2011-10", day, 15, member.Fine},
		"last day of the month":    {"2011-11", time.Date(2026, 11, 30, 0, 0, 0, 0, berlin), 15, member.Fine},
		"this year, no more known": {"2011", day, 15, member.UnderAge},
		"the year before":          {"2010", day, 15, member.Fine},
		"last day of the year":     {"2011", time.Date(2026, 12, 31, 0, 0, 0, 0, berlin), 15, member.Fine},
		"not born yet":             {"2030-01-01", day, 15, member.UnderAge},
		"another age":              {"2008-11-25", day, 18, member.UnderAge},
		"no age is set":            {"2020-01-01", day, 0, member.Fine},
		"not on file":              {"", day, 15, member.Fine},
		"unreadable":               {"4.3.1950", day, 15, member.StandingUnknown},
		"no such day":              {"1950-02-30", day, 15, member.StandingUnknown},
		"unreadable, no age set":   {"4.3.1950", day, 0, member.Fine},
	} {
		if got := (member.Member{Status: member.StatusActive, BirthDate: c.birth}).Standing(c.now, c.from); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	if got := (member.Member{Status: member.StatusLeft, BirthDate: "2020-01-01"}).Standing(day, 15); got != member.Left {
		t.Errorf("a child who left: %d", got)
	}
}

func TestADirectoryThatCannotTellKnowsNoNamesakes(t *testing.T) {
	var d struct{ member.Directory }
	if got, err := member.Namesakes(t.Context(), d, "A123456780"); len(got) != 0 || err != nil {
		t.Errorf("%d, %v", len(got), err)
	}
}
