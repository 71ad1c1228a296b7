package egk_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/extensions/egk"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/extension/extensiontest"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/member"
)

func day(s string) time.Time {
	d, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return d
}

// has makes Person one of this status with these cards.
func has(status member.Status, cards ...member.Card) func(*extensiontest.Stage) {
	return func(s *extensiontest.Stage) {
		p := extensiontest.Person()
		p.Status, p.Cards = status, cards
		s.Members.Put(p)
	}
}

// bornOn makes Person one of this birth date.
func bornOn(birth string) func(*extensiontest.Stage) {
	return func(s *extensiontest.Stage) {
		p := extensiontest.Person()
		p.BirthDate = birth
		s.Members.Put(p)
	}
}

var (
	old     = member.Card{LastFour: "1111", State: member.CardActive, ValidFrom: day("2019-04-01")}
	arrived = member.Card{LastFour: "2222", State: member.CardOrdered, ValidFrom: day("2026-11-24")}
	coming  = member.Card{LastFour: "2222", State: member.CardOrdered, ValidFrom: day("2026-11-25")}
	blocked = member.Card{LastFour: "3333", State: member.CardBlocked, ValidFrom: day("2018-03-01")}
)

func digits(values ...string) []flow.Input {
	var out []flow.Input
	for _, v := range values {
		out = append(out, extensiontest.Post("digits", v))
	}
	return out
}

func TestExtension(t *testing.T) {
	deny := func(key string) extensiontest.Want {
		return extensiontest.Want{Kind: flow.IsDeny, Key: "denied." + key}
	}
	show := func(problem string) extensiontest.Want {
		return extensiontest.Want{Kind: flow.IsShow, Page: "card", Problem: problem}
	}
	done := extensiontest.Want{Kind: flow.IsDone}
	var cases []extensiontest.Case
	none := extensiontest.Want{Kind: flow.IsShow, Page: "no_card"}
	for name, c := range map[string]struct {
		arrange func(*extensiontest.Stage)
		answers []flow.Input
		want    extensiontest.Want
	}{
		"asks":                   {nil, nil, show("")},
		"right":                  {nil, digits("7391"), done},
		"right, with blanks":     {nil, digits(" 73 91"), done},
		"right, whole number":    {nil, digits("8027 6883 1100 0011 7391"), done},
		"wrong whole number":     {nil, digits("80276883110000117392"), show("problem.wrong")},
		"wrong":                  {nil, digits("7392"), show("problem.wrong")},
		"wrong, then right":      {nil, digits("7392", "0000", "7391"), done},
		"three wrong":            {nil, digits("7392", "0000", "7390"), deny("locked")},
		"empty":                  {nil, digits(" "), show("problem.empty")},
		"short":                  {nil, digits("391"), show("problem.short")},
		"insurance number":       {nil, digits("A123456780"), show("problem.kvnr")},
		"insurer's number":       {nil, digits("101575519"), show("problem.ik")},
		"access number":          {nil, digits("123456"), show("problem.can")},
		"other":                  {nil, digits("73910"), show("problem.form")},
		"old card":               {has(member.StatusActive, blocked, old, coming), digits("1111"), done},
		"card not valid yet":     {has(member.StatusActive, old, coming), digits("2222"), show("problem.wrong")},
		"new card arrived":       {has(member.StatusActive, old, arrived), digits("2222"), done},
		"old card beside a new":  {has(member.StatusActive, old, arrived), digits("1111"), done},
		"blocked card":           {has(member.StatusActive, blocked, old), digits("3333"), show("problem.wrong")},
		"no card":                {has(member.StatusActive), nil, deny("no_card")},
		"only a blocked card":    {has(member.StatusActive, blocked), nil, deny("no_card")},
		"only a card under way":  {has(member.StatusActive, blocked, coming), nil, deny("under_way")},
		"left":                   {has(member.StatusLeft, old), nil, deny("left")},
		"not yet":                {has(member.StatusNotYet, old), nil, deny("not_yet")},
		"deceased":               {has(member.StatusDeceased, old), nil, deny("deceased")},
		"under age":              {has(member.StatusUnderAge, old), nil, deny("under_age")},
		"too young by a day":     {bornOn("2011-11-25"), nil, deny("under_age")},
		"old enough":             {bornOn("2011-11-24"), digits("7391"), done},
		"represented":            {has(member.StatusRepresented, old), nil, deny("represented")},
		"of unknown status":      {has(member.StatusUnknown, old), nil, deny("not_on_file")},
		"of a status to come":    {has(member.StatusRepresented+1, old), nil, deny("not_on_file")},
		"left while being asked": {has(member.StatusLeft, old), digits("1111"), deny("left")},
		"no card at hand":        {nil, wishes("no_card"), none},
		"back to the question":   {nil, slices.Concat(wishes("no_card", "card"), digits("7391")), done},
		"ended without a card":   {nil, wishes("no_card", "end"), deny("ended")},
		"a wish beside digits":   {nil, []flow.Input{extensiontest.Post("digits", "7391", "wish", "no_card")}, none},
		"an unknown wish":        {nil, wishes("open"), show("problem.empty")},
		"no card and left":       {has(member.StatusLeft, old), wishes("no_card"), deny("left")},
	} {
		cases = append(cases, extensiontest.Case{Name: name, Arrange: c.arrange, Answers: c.answers, Want: c.want})
	}
	cases = append(cases, extensiontest.Case{
		Name: "not on file", Attempt: func(a *flow.Attempt) { a.Number = "B123456782" }, Want: deny("not_on_file"),
	})
	cases = append(cases, extensiontest.Case{
		Name: "age left to the status", Config: "from_age: 0", Arrange: bornOn("2020-01-01"), Answers: digits("7391"), Want: done,
	})
	extensiontest.Run(t, egk.Factory, cases...)
}

// asked is a person at the step.
type asked struct {
	*testing.T
	*extensiontest.Stage
	step flow.Step
}

func begin(t *testing.T, config string) asked {
	t.Helper()
	s := extensiontest.NewStage("egk")
	return asked{t, s, s.Open(t, egk.Factory(), config).Step}
}

// says answers and returns what comes of it, in a word.
func (s asked) says(a *flow.Attempt, answer string) string {
	s.Helper()
	out, err := s.step.Resume(s.Context(), a, extensiontest.Post("digits", answer))
	return word(s.T, out, err)
}

func (s asked) begins(a *flow.Attempt) string {
	s.Helper()
	out, err := s.step.Begin(s.Context(), a)
	return word(s.T, out, err)
}

func word(t *testing.T, out flow.Outcome, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case out.Kind == flow.IsDone:
		return "done"
	case out.Kind == flow.IsDeny:
		return out.Key
	case len(out.View.Problems) == 0:
		return "ask"
	}
	p := out.View.Problems[0]
	if n, ok := p.Args["Count"]; ok {
		return fmt.Sprintf("%s %v", p.Key, n)
	}
	return p.Key
}

func (s asked) expect(got, want string) {
	s.Helper()
	if got != want {
		s.Errorf("got %q, want %q", got, want)
	}
}

func TestThreeWrongLockForADay(t *testing.T) {
	s := begin(t, "")
	a := s.Attempt()
	s.expect(s.says(a, "0001"), "problem.wrong 2")
	s.expect(s.says(a, "0002"), "problem.wrong 1")
	s.expect(s.says(a, "0003"), "denied.locked")
	s.expect(s.begins(a), "denied.locked")
	s.Clock.Pass(time.Minute)
	s.expect(s.says(a, "7391"), "denied.locked")
	s.expect(s.begins(a), "denied.locked")
	s.Clock.Pass(24*time.Hour - time.Minute - time.Second)
	s.expect(s.begins(a), "denied.locked")
	s.Clock.Pass(time.Second)
	s.expect(s.begins(a), "ask")
	s.expect(s.says(a, "7391"), "done")
}

func TestTheLockSaysWhenItEnds(t *testing.T) {
	s := begin(t, "")
	end := s.Clock.Now().Add(24 * time.Hour)
	for range 3 {
		s.says(s.Attempt(), "0001")
	}
	s.Clock.Pass(time.Hour)
	out, err := s.step.Begin(t.Context(), s.Attempt())
	if err != nil || out.Key != "denied.locked" || !out.Until.Equal(end) {
		t.Errorf("%q until %v, %v; want %v", out.Key, out.Until, err, end)
	}
}

func TestACardBearsFiveWrongInItsLife(t *testing.T) {
	s := begin(t, "")
	a := s.Attempt()
	for _, want := range []string{"problem.wrong 2", "problem.wrong 1", "denied.locked"} {
		s.expect(s.says(a, "0001"), want)
	}
	s.Clock.Pass(24 * time.Hour)
	s.expect(s.says(a, "0001"), "problem.wrong 1")
	s.expect(s.says(a, "0001"), "denied.used_up")
	s.Clock.Pass(5 * 365 * 24 * time.Hour)
	s.expect(s.begins(a), "denied.used_up")
	s.expect(s.says(a, "7391"), "denied.used_up")
	p := extensiontest.Person()
	p.Cards = append(p.Cards, member.Card{LastFour: "4444", State: member.CardActive, ValidFrom: s.Clock.Now()})
	s.Members.Put(p)
	s.expect(s.begins(a), "ask")
	s.expect(s.says(a, "7391"), "problem.wrong 2") // the used-up card proves nothing any more
	s.expect(s.says(a, "4444"), "done")
}

func TestARightAnswerForgetsThePersonsWrongOnes(t *testing.T) {
	s := begin(t, "")
	a := s.Attempt()
	s.says(a, "0001")
	s.says(a, "0002")
	s.expect(s.says(a, "7391"), "done")
	if s.Counters.Tries("wrong") != 0 || s.Counters.Tries("card") != 2 {
		t.Errorf("%d wrong of the person, %d of the card; want 0 and 2", s.Counters.Tries("wrong"), s.Counters.Tries("card"))
	}
}

func TestWhatIsNoCardNumberIsNotCounted(t *testing.T) {
	s := begin(t, "")
	for _, typed := range []string{"", "1", "A123456780", "101575519", "123456", "12345", strings.Repeat("1", 5000)} {
		s.says(s.Attempt(), typed)
	}
	if len(s.Counters.Taken()) > 0 {
		t.Errorf("counted: %v", s.Counters.Taken())
	}
}

func TestTheEightNewestCardsCount(t *testing.T) {
	s := begin(t, "tries: 10")
	var cards []member.Card
	for i := range 20 {
		cards = append(cards, member.Card{LastFour: fmt.Sprintf("90%02d", i), State: member.CardActive, ValidFrom: day("2020-01-01").AddDate(0, i, 0)})
	}
	has(member.StatusActive, cards...)(s.Stage)
	s.expect(s.says(s.Attempt(), "9011"), "problem.wrong 4")
	s.expect(s.says(s.Attempt(), "9012"), "done")
	s.expect(s.says(s.Attempt(), "9019"), "done")
}

func TestACardThatIsOnFileTwiceIsOne(t *testing.T) {
	s := begin(t, "tries: 10")
	has(member.StatusActive, arrived, arrived)(s.Stage)
	s.expect(s.says(s.Attempt(), "0001"), "problem.wrong 4")
	s.expect(s.says(s.Attempt(), arrived.LastFour), "done")
}

func TestTriesLeftAreThoseOfTheFreshestCard(t *testing.T) {
	s := begin(t, "tries: 10")
	has(member.StatusActive, arrived)(s.Stage)
	s.expect(s.says(s.Attempt(), "0001"), "problem.wrong 4")
	s.expect(s.says(s.Attempt(), "0001"), "problem.wrong 3")
	has(member.StatusActive, old, arrived)(s.Stage)
	s.expect(s.says(s.Attempt(), "0001"), "problem.wrong 4")
}

func TestAnotherAccountIsAnotherCount(t *testing.T) {
	s := begin(t, "")
	for range 3 {
		s.says(s.Attempt(), "0001")
	}
	s.Clock.Pass(time.Minute)
	other := s.Attempt()
	other.Account = "another"
	s.expect(s.begins(s.Attempt()), "denied.locked")
	s.expect(s.begins(other), "ask")
	s.expect(s.says(other, "0001"), "problem.wrong 2")
}

func TestNothingIsAskedBeforeSomebodySignedIn(t *testing.T) {
	s := begin(t, "")
	a := s.Attempt()
	a.Account = ""
	for range 5 {
		for _, ask := range []func() (flow.Outcome, error){
			func() (flow.Outcome, error) { return s.step.Begin(t.Context(), a) },
			func() (flow.Outcome, error) {
				return s.step.Resume(t.Context(), a, extensiontest.Post("digits", "0001"))
			},
		} {
			if out, err := ask(); err == nil || !strings.Contains(err.Error(), "before anybody signed in") {
				t.Errorf("%+v, %v", out, err)
			}
		}
	}
	if len(s.Counters.Taken()) > 0 {
		t.Error("who knows just a number can count tries")
	}
}

// Every one of ten thousand guesses at once: no more are compared than may be.
func TestGuessingAtOnceIsBounded(t *testing.T) {
	s := begin(t, "")
	words := s.atOnce(64, func(i int) string { return fmt.Sprintf("%04d", i) })
	if s.Counters.Tries("wrong") != 3 || s.Counters.Tries("card") != 3 {
		t.Errorf("%d and %d tries, want 3: %v", s.Counters.Tries("wrong"), s.Counters.Tries("card"), words)
	}
	if len(s.Audit.Entries()) != 3 {
		t.Errorf("%d comparisons, want 3", len(s.Audit.Entries()))
	}
	s.Clock.Pass(time.Minute)
	s.expect(s.says(s.Attempt(), "7391"), "denied.locked")
}

// stale are counters whose look sees nothing of what others count meanwhile.
type stale struct{ *extensiontest.Counters }

func (stale) Look(context.Context, ...extension.Limit) (extension.Taken, error) {
	return extension.Taken{OK: true, Left: 5}, nil
}

// The counting itself decides, not the look before it.
func TestWhatIsNotCountedIsNotCompared(t *testing.T) {
	stage := extensiontest.NewStage("egk")
	stage.Host.Counters = stale{stage.Counters}
	s := asked{t, stage, stage.Open(t, egk.Factory(), "").Step}
	for range 3 {
		s.expect(s.says(s.Attempt(), "0001"), "problem.wrong 5")
	}
	s.expect(s.says(s.Attempt(), "0001"), "problem.busy")
	s.expect(s.says(s.Attempt(), "7391"), "problem.busy")
	if n := len(s.Audit.Entries()); n != 3 {
		t.Errorf("%d comparisons, want 3", n)
	}
}

// A button pressed twice, or eight times: one is done, none is refused.
func TestRightAnswersAtOnceLockNobody(t *testing.T) {
	for range 20 {
		s := begin(t, "")
		words := s.atOnce(8, func(int) string { return "7391" })
		for w := range words {
			if w != "done" && w != "problem.busy" {
				t.Fatalf("a right answer was told %q (%v)", w, words)
			}
		}
		if words["done"] == 0 || s.Counters.Tries("wrong")+s.Counters.Tries("card") > 0 {
			t.Fatalf("%v; %d and %d tries", words, s.Counters.Tries("wrong"), s.Counters.Tries("card"))
		}
	}
}

func (s asked) atOnce(n int, answer func(int) string) map[string]int {
	s.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	words := map[string]int{}
	for i := range n {
		wg.Go(func() {
			w := s.says(s.Attempt(), answer(i))
			mu.Lock()
			defer mu.Unlock()
			words[w]++
		})
	}
	wg.Wait()
	return words
}

// underWay are counters that take nothing back while settled is false, as
// while a try is under way.
type underWay struct {
	extension.Counters
	settled *bool
}

func (u underWay) Refund(ctx context.Context, limits ...extension.Limit) error {
	if !*u.settled {
		return errors.New("under way")
	}
	return u.Counters.Refund(ctx, limits...)
}

// While right answers have been counted and not taken back, nobody is refused.
func TestALimitUsedUpByTriesUnderWayRefusesNobody(t *testing.T) {
	stage, settled := extensiontest.NewStage("egk"), false
	stage.Host.Counters = underWay{stage.Counters, &settled}
	s := asked{t, stage, stage.Open(t, egk.Factory(), "").Step}
	for range 3 {
		if out, err := s.step.Resume(t.Context(), s.Attempt(), extensiontest.Post("digits", "7391")); err == nil {
			t.Fatalf("%+v", out)
		}
	}
	settled = true
	s.expect(s.begins(s.Attempt()), "problem.busy")
	s.expect(s.says(s.Attempt(), "7391"), "problem.busy")
	s.Clock.Pass(10 * time.Second)
	s.expect(s.begins(s.Attempt()), "denied.locked")
}

func TestDirectoryDownIsLater(t *testing.T) {
	s := begin(t, "")
	s.Members.Break(errors.New("down"))
	_, beginErr := s.step.Begin(t.Context(), s.Attempt())
	_, resumeErr := s.step.Resume(t.Context(), s.Attempt(), extensiontest.Post("digits", "7391"))
	for _, err := range []error{beginErr, resumeErr} {
		if fault.KindOf(err) != fault.Unavailable || !errors.Is(err, member.ErrUnavailable) {
			t.Errorf("%v", err)
		}
	}
	if len(s.Counters.Taken()) > 0 {
		t.Error("a try was counted")
	}
}

// With the counters down, right and wrong answers cannot be told apart.
func TestNothingIsComparedUncounted(t *testing.T) {
	s := begin(t, "")
	s.Counters.Break(errors.New("down"))
	_, right := s.step.Resume(t.Context(), s.Attempt(), extensiontest.Post("digits", "7391"))
	_, wrong := s.step.Resume(t.Context(), s.Attempt(), extensiontest.Post("digits", "0001"))
	if right == nil || wrong == nil || right.Error() != wrong.Error() || len(s.Audit.Entries()) > 0 {
		t.Errorf("right: %v; wrong: %v", right, wrong)
	}
}

func TestSettings(t *testing.T) {
	s := begin(t, "{tries: 1, lock: 60d, tries_per_card: 2}")
	s.expect(s.says(s.Attempt(), "0001"), "denied.locked")
	s.Clock.Pass(59 * 24 * time.Hour)
	s.expect(s.begins(s.Attempt()), "denied.locked")
	s.Clock.Pass(24 * time.Hour)
	s.expect(s.says(s.Attempt(), "0001"), "denied.used_up")
	for _, config := range []string{"tries: 0", "tries: 11", "lock: 0s", "lock: 91d", "tries_per_card: 0", "tries_per_card: 51", "from_age: -1", "from_age: 19", "tries: -1"} {
		if err := egk.Factory().Check(extensiontest.Decoder(config)); err == nil {
			t.Errorf("%s: no error", config)
		}
	}
}

func TestOffer(t *testing.T) {
	s := extensiontest.NewStage("egk")
	parts := s.Open(t, egk.Factory(), "")
	open := flow.Offer{Available: true, Title: "offer.title", Needs: "offer.needs", Takes: "offer.takes"}
	look := func(want flow.Offer) {
		t.Helper()
		got, err := parts.Offer(t.Context(), s.Attempt())
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
	look(open)
	shut := open
	shut.Available, shut.Reason = false, "closed.locked"
	for range 3 {
		_, _ = parts.Step.Resume(t.Context(), s.Attempt(), extensiontest.Post("digits", "0001"))
	}
	look(shut)
	has(member.StatusActive)(s)
	shut.Reason = "closed.no_card"
	look(shut)
	s.Members.Break(errors.New("down"))
	if o, err := parts.Offer(t.Context(), s.Attempt()); err == nil || o.Available {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestAuditNamesThePersonBesideTheChainOnly(t *testing.T) {
	s := begin(t, "")
	s.says(s.Attempt(), "0001")
	s.says(s.Attempt(), "7391")
	var got []string
	for _, e := range s.Audit.Entries() {
		got = append(got, e.Action+" "+e.Result+" "+string(e.Person))
	}
	want := []string{"card.digits refused " + string(extensiontest.Account), "card.digits ok " + string(extensiontest.Account)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
