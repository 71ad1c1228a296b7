package letter_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/extension/extensiontest"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/member"
	"github.com/schleuse/schleuse/sidecar/notify"
)

// order orders a letter from a fresh address.
func (s *scene) order(change func(*flow.Attempt)) {
	s.Helper()
	a := s.draft(fmt.Sprintf("10.0.%d.%d/32", len(s.Counters.Taken())/250, len(s.Counters.Taken())%250))
	if change != nil {
		change(a)
	}
	if got := s.orders(a); got != "ordered" {
		s.Fatal(got)
	}
}

// byPurpose are the codes of letters.
func byPurpose(all map[string]printed) map[string][]string {
	out := map[string][]string{}
	for _, p := range all {
		out[p.Data["purpose"]] = append(out[p.Data["purpose"]], p.Data["code"])
	}
	return out
}

func TestNoLetterGoesToWhomNoneMayGo(t *testing.T) {
	for name, change := range map[string]func(*member.Member){
		"not on file": func(m *member.Member) { m.KVNR = unknown },
		"no address":  func(m *member.Member) { m.HasAddress = false },
		"left":        func(m *member.Member) { m.Status = member.StatusLeft },
		"not yet":     func(m *member.Member) { m.Status = member.StatusNotYet },
		"deceased":    func(m *member.Member) { m.Status = member.StatusDeceased },
		"represented": func(m *member.Member) { m.Status = member.StatusRepresented },
		"under age":   func(m *member.Member) { m.Status = member.StatusUnderAge },
		"too young":   func(m *member.Member) { m.BirthDate = "2011-11-25" },
		"unknown":     func(m *member.Member) { m.Status = member.StatusUnknown },
	} {
		s := open(t, "")
		p := extensiontest.Person()
		change(&p)
		s.Members.Put(p)
		s.order(func(a *flow.Attempt) {
			if p.KVNR == unknown {
				a.Number = "X110450000"
			}
		})
		if got := s.posted(); len(got) != 0 || s.Records.Len() != 0 || len(s.Outbox.Queued()) != 0 || len(s.Audit.Entries()) != 0 {
			t.Errorf("%s: %d letters, %d records, %d orders wait, %d entries", name, len(got), s.Records.Len(), len(s.Outbox.Queued()), len(s.Audit.Entries()))
		}
		if strings.Contains(s.Log(), string(p.KVNR)) {
			t.Errorf("%s: the log names the person", name)
		}
	}
}

func TestOneLetterAWeekForAPurpose(t *testing.T) {
	s := open(t, "")
	recovery := func(a *flow.Attempt) { a.Flow = flow.Recovery }
	s.order(nil)
	s.order(nil)
	s.order(recovery)
	first := byPurpose(s.posted())
	if len(first["registration"]) != 1 || len(first["recovery"]) != 1 {
		t.Fatalf("%v", first)
	}
	s.Clock.Pass(7*day - time.Second)
	s.order(nil)
	if got := byPurpose(s.posted()); len(got["registration"]) != 1 {
		t.Errorf("too soon: %v", got)
	}
	s.Clock.Pass(time.Second)
	s.order(nil)
	second := byPurpose(s.posted())
	if len(second["registration"]) != 2 || len(second["recovery"]) != 1 {
		t.Fatalf("a week later: %v", second)
	}
	for _, code := range second["registration"] { // the old one is not void
		if got := s.says(s.draft("192.0.2.7/32"), extensiontest.Post("code", code)); got != "keep" {
			t.Errorf("%s", got)
		}
		a := s.draft("192.0.2.7/32")
		a.Flow = flow.Recovery
		if got := s.says(a, extensiontest.Post("code", code)); got != "problem.wrong" {
			t.Errorf("for another purpose: %s", got)
		}
	}
	s.Clock.Pass(60*day - 7*day)
	want := map[string]int{"keep": 1, "problem.expired": 1}
	got := map[string]int{}
	for _, code := range second["registration"] {
		got[s.says(s.draft("192.0.2.7/32"), extensiontest.Post("code", code))]++
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("60 days after the first (-want +got):\n%s", diff)
	}
}

// uses brings a code in a stored attempt, as if it were the last thing done there.
func (s *scene) uses(code string, id byte) string {
	s.Helper()
	a := s.Attempt()
	kept(a)
	a.ID = flow.Secret{id}.ID()
	return s.says(a, extensiontest.Post("code", code))
}

// printed empties the folder, as the print service does.
func (s *scene) printed() {
	s.Helper()
	for id := range s.posted() {
		if err := os.Remove(filepath.Join(s.folder, id+".json")); err != nil {
			s.Fatal(err)
		}
	}
}

func TestWhoseCodeIsUsedGetsAnotherLetterAtOnce(t *testing.T) {
	s := open(t, "")
	s.order(nil)
	body := s.Outbox.Queued()[0].Body
	first := s.only(s.posted()).Data["code"]
	for range 2 { // the second time after a crash
		if got := s.uses(first, 2); got != "done" {
			t.Fatal(got)
		}
	}
	if got := s.uses(first, 3); got != "problem.used" {
		t.Fatal(got)
	}
	s.printed()
	if err := s.Outbox.Put(t.Context(), "repeated", body, time.Hour); err != nil {
		t.Fatal(err)
	}
	if got := s.posted(); len(got) != 0 {
		t.Fatal("the letter whose code was used went out again")
	}
	s.order(nil)
	s.only(s.posted())
	if got := s.uses(first, 2); got != "done" {
		t.Errorf("the first one where it was used: %s", got)
	}
	s.order(nil) // the second one is good: there is no third
	s.only(s.posted())
}

func TestAnEarlierCodeThatIsUsedLeavesTheLaterLetterAlone(t *testing.T) {
	s := open(t, "")
	s.order(nil)
	first := s.only(s.posted()).Data["code"]
	s.Clock.Pass(7 * day)
	s.order(nil)
	if got := s.posted(); len(got) != 2 {
		t.Fatalf("%d letters", len(got))
	}
	if got := s.uses(first, 2); got != "done" {
		t.Fatal(got)
	}
	s.order(nil)
	if got := s.posted(); len(got) != 2 {
		t.Errorf("%d letters, though the second is good", len(got))
	}
}

func TestWhoseCodeExpiredGetsAnotherLetter(t *testing.T) {
	s := open(t, "valid: 2d")
	s.order(nil)
	s.Clock.Pass(day) // it waits a day before it is printed
	first := s.only(s.posted()).Data["code"]
	s.Clock.Pass(day)
	if got := s.says(s.draft("192.0.2.7/32"), extensiontest.Post("code", first)); got != "problem.expired" {
		t.Fatal(got)
	}
	s.order(nil)
	if got := s.posted(); len(got) != 2 {
		t.Errorf("%d letters, want another one", len(got))
	}
	s.order(func(a *flow.Attempt) { a.Flow = flow.Recovery })
	if err := s.Outbox.Put(t.Context(), "late", s.Outbox.Queued()[0].Body, 7*day); err != nil {
		t.Fatal(err)
	}
	s.Clock.Pass(2 * day)
	if got := s.posted(); len(got) != 2 || len(s.Outbox.Queued()) != 0 {
		t.Errorf("%d letters, %d orders wait, though the code is too old", len(got), len(s.Outbox.Queued()))
	}
}

func TestWhatIsRepeatedIsTheSameLetter(t *testing.T) {
	s := open(t, "")
	s.order(nil)
	body := s.Outbox.Queued()[0]
	first := s.only(s.posted())
	s.Clock.Pass(time.Hour)
	if err := s.Outbox.Put(t.Context(), "again", body.Body, time.Hour); err != nil { // the process died before it noted the delivery
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, s.only(s.posted())); diff != "" {
		t.Errorf("(-first +again):\n%s", diff)
	}
	a := s.Attempt()
	kept(a)
	if got := s.says(a, extensiontest.Post("code", first.Data["code"])); got != "done" {
		t.Fatal(got)
	}
	if err := s.Outbox.Put(t.Context(), "late", body.Body, time.Hour); err != nil {
		t.Fatal(err)
	}
	s.only(s.posted())
	a.ID = flow.Secret{9}.ID()
	if got := s.says(a, extensiontest.Post("code", first.Data["code"])); got != "problem.used" {
		t.Errorf("a used code is good again: %s", got)
	}
}

func TestWhatIsDownDelaysALetter(t *testing.T) {
	down := errors.New("down")
	for name, cut := range map[string]func(*scene, error){
		"members":  func(s *scene, err error) { s.Members.Break(err) },
		"records":  func(s *scene, err error) { s.Records.Break(err) },
		"counters": func(s *scene, err error) { s.Counters.Break(err) },
		"audit":    func(s *scene, err error) { s.Audit.FailWith(err) },
	} {
		s := open(t, "")
		s.order(nil)
		cut(s, down)
		if got := s.posted(); len(got) != 0 || len(s.Outbox.Queued()) != 1 {
			t.Errorf("without %s: %d letters, %d orders wait", name, len(got), len(s.Outbox.Queued()))
		}
		cut(s, nil)
		s.only(s.posted())
	}
}

func TestWithoutItsFolder(t *testing.T) {
	s := open(t, "")
	s.order(nil)
	moved := s.folder + ".moved"
	if err := os.Rename(s.folder, moved); err != nil {
		t.Fatal(err)
	}
	if err := s.Ready(t.Context()); err == nil {
		t.Error("ready without a folder")
	}
	if got := s.posted(); len(got) != 0 || len(s.Outbox.Queued()) != 1 {
		t.Errorf("%d letters, %d orders wait", len(got), len(s.Outbox.Queued()))
	}
	if err := os.Rename(moved, s.folder); err != nil {
		t.Fatal(err)
	}
	s.only(s.posted())
	if err := s.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAFloodLeavesSlowlyAndAlarms(t *testing.T) {
	s := open(t, "letters_per_hour: 1")
	numbers := []member.KVNR{extensiontest.Number, "B123456782", "C123456784"}
	for _, n := range numbers {
		p := extensiontest.Person()
		p.KVNR = n
		s.Members.Put(p)
		for range 3 { // what is ordered twice takes nobody's place
			s.order(func(a *flow.Attempt) { a.Number = n })
		}
	}
	for hour := range numbers {
		if got := s.posted(); len(got) != hour+1 {
			t.Errorf("after %d hours: %d letters", hour, len(got))
		}
		s.Clock.Pass(time.Hour)
	}
	if n := strings.Count(s.Log(), "unusually many letters"); n < 1 || n > 2 {
		t.Errorf("%d alarms:\n%s", n, s.Log())
	}
	_ = s.posted()
	if n := len(s.Outbox.Queued()); n != 0 {
		t.Errorf("%d orders wait", n)
	}
}

// What leaves evenly, below the figure, never comes to a halt.
func TestAnHoursFigureEndsWithTheHour(t *testing.T) {
	s := open(t, "letters_per_hour: 2\nagain: 24h")
	for n := range 3 {
		s.order(func(a *flow.Attempt) { a.Flow = []flow.Name{flow.Registration, flow.Recovery, flow.Login}[n] })
		if got := s.posted(); len(got) != n+1 {
			t.Errorf("order %d: %d letters", n+1, len(got))
		}
		s.Clock.Pass(40 * time.Minute)
	}
}

func TestMessagesThatAreNoOrders(t *testing.T) {
	s := open(t, "")
	for i, body := range []string{"", "{}", `{"ID":"x","Number":"A123456780","Code":"x"}`, `{"ID":"x","Code":"234567ACEFHF"}`} {
		if err := s.Outbox.Put(t.Context(), fmt.Sprint(i), []byte(body), time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	err := s.Outbox.Flush(t.Context(), s.Parts.Run)
	if !errors.Is(err, extension.ErrUndeliverable) || len(s.Outbox.Queued()) != 0 || strings.Contains(err.Error(), "A123456780") {
		t.Errorf("%v; %d wait", err, len(s.Outbox.Queued()))
	}
}

func notice() notify.Notice {
	return notify.Notice{
		Kind: notify.PasswordChanged, ID: "password/1", Number: extensiontest.Number, Account: extensiontest.Account,
		At: time.Date(2026, 11, 24, 10, 0, 0, 5, time.UTC),
	}
}

func TestNotice(t *testing.T) {
	n := notice()
	s := open(t, "")
	for range 2 {
		if err := s.Notifier.Notify(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	p := s.only(s.posted())
	want := printed{"letter.notice", n.At.Truncate(time.Second), map[string]string{
		"id": p.Data["id"], "number": string(extensiontest.Number), "template": "password_changed", "happened_at": "2026-11-24T10:00:00Z",
	}}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for name, c := range map[string]struct {
		change func(*member.Member)
		letter bool
	}{
		"left":       {func(m *member.Member) { m.Status = member.StatusLeft }, true},
		"deceased":   {func(m *member.Member) { m.Status = member.StatusDeceased }, false},
		"no address": {func(m *member.Member) { m.HasAddress = false }, false},
	} {
		s := open(t, "")
		p := extensiontest.Person()
		c.change(&p)
		s.Members.Put(p)
		if err := s.Notifier.Notify(t.Context(), n); err != nil || (len(s.posted()) == 1) != c.letter {
			t.Errorf("%s: %v, %d letters", name, err, len(s.posted()))
		}
	}
	n.Number = unknown
	if err := s.Notifier.Notify(t.Context(), n); err != nil {
		t.Errorf("not on file: %v", err)
	}
	s.Members.Break(errors.New("down"))
	if err := s.Notifier.Notify(t.Context(), n); !errors.Is(err, member.ErrUnavailable) {
		t.Errorf("without a directory: %v", err)
	}
}
