package membertest_test

import (
	"errors"
	"testing"

	"github.com/schleuse/schleuse/sidecar/member"
	"github.com/schleuse/schleuse/sidecar/member/membertest"
)

func TestDirectory(t *testing.T) {
	d := membertest.New(member.Member{KVNR: "A123456780", Cards: []member.Card{{LastFour: "0042"}}})
	m, err := d.Find(t.Context(), "A123456780")
	if err != nil || m.Cards[0].LastFour != "0042" {
		t.Fatalf("%v", err)
	}
	m.Cards[0].LastFour = "9999"
	if m, _ = d.Find(t.Context(), "A123456780"); m.Cards[0].LastFour != "0042" {
		t.Error("a caller changed the directory")
	}
	if _, err := d.Find(t.Context(), "B123456782"); !errors.Is(err, member.ErrNotFound) || errors.Is(err, member.ErrUnavailable) {
		t.Errorf("unknown number: %v", err)
	}
	cause := errors.New("down")
	d.Break(cause)
	if _, err := d.Find(t.Context(), "A123456780"); !errors.Is(err, member.ErrUnavailable) || !errors.Is(err, cause) || errors.Is(err, member.ErrNotFound) {
		t.Errorf("broken: %v", err)
	}
	if d.Asked() != 4 {
		t.Errorf("asked %d times", d.Asked())
	}
}

func TestDirectoryPassesTheSuite(t *testing.T) {
	membertest.Run(t, func(_ *testing.T, people []member.Member) member.Directory { return membertest.New(people...) })
}

func TestABrokenDirectoryTellsNoNamesakes(t *testing.T) {
	d := membertest.New(membertest.People()...)
	d.Break(errors.New("down"))
	if got, err := member.Namesakes(t.Context(), d, "A123456780"); !errors.Is(err, member.ErrUnavailable) || len(got) != 0 {
		t.Errorf("%d, %v", len(got), err)
	}
}
