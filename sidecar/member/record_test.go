package member_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/member"
)

func TestParseStatus(t *testing.T) {
	for word, want := range map[string]member.Status{
		"active": member.StatusActive, "not_yet": member.StatusNotYet, "left": member.StatusLeft, "deceased": member.StatusDeceased,
		"under_age": member.StatusUnderAge, "represented": member.StatusRepresented, "": member.StatusUnknown, "ACTIVE": member.StatusUnknown,
		"active, not_yet": member.StatusUnknown, "aktiv": member.StatusUnknown,
	} {
		if got, ok := member.ParseStatus(word); got != want || ok != (want != member.StatusUnknown) {
			t.Errorf("%q: %d, %v", word, got, ok)
		}
	}
}

func TestCheck(t *testing.T) {
	good := member.Member{Surname: strings.Repeat("x", 200), BirthDate: "1950-03", Postcode: "01067", Mail: "a@b"}
	for want, change := range map[string]func(*member.Member){
		"":                      func(*member.Member) {},
		"a field over 200":      func(m *member.Member) { m.Surname += "x" },
		"a field over 200 ":     func(m *member.Member) { m.BirthName = m.Surname + "x" },
		"control character":     func(m *member.Member) { m.Given = "a\nb" },
		"surname is empty":      func(m *member.Member) { m.Surname = "" },
		"birth_date is no date": func(m *member.Member) { m.BirthDate = "1950-02-30" },
		"postcode is not five":  func(m *member.Member) { m.Postcode = "1067" },
		"mail has no @":         func(m *member.Member) { m.Mail = "ab" },
		"control character ":    func(m *member.Member) { m.Mail = "a@b\r\nBcc: c@d" },
	} {
		m := good
		change(&m)
		got := ""
		if err := m.Check(); err != nil {
			got = err.Error()
		}
		if want := strings.TrimSpace(want); !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestReadCard(t *testing.T) {
	berlin, err := time.LoadLocation(member.Zone)
	if err != nil {
		t.Fatal(err)
	}
	for state, want := range map[string]member.CardState{"active": member.CardActive, "ordered": member.CardOrdered, "blocked": member.CardBlocked} {
		got, err := member.ReadCard("0042", "2022-07-01", state, berlin)
		card := member.Card{LastFour: "0042", ValidFrom: time.Date(2022, 6, 30, 22, 0, 0, 0, time.UTC), State: want}
		if diff := cmp.Diff(card, got); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
	for want, c := range map[string][3]string{
		"last4": {"42", "2022-07-01", "active"}, "valid_from": {"0042", "2022-07", "active"}, "state": {"0042", "2022-07-01", ""},
	} {
		if got, err := member.ReadCard(c[0], c[1], c[2], berlin); err == nil || !strings.HasPrefix(err.Error(), want) || got.State != member.CardUnknown {
			t.Errorf("%s: %v", want, err)
		}
	}
}
