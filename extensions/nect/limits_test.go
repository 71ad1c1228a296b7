package nect_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/extension/extensiontest"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/member"
	"github.com/schleuse/schleuse/sidecar/member/membertest"
)

// Behind one address, such as a mobile network's, foreign documents of others
// make nobody's own one foreign: nothing is concluded until there is room.
func TestAFullAddressConcludesNothing(t *testing.T) {
	for name, number := range map[string]member.KVNR{"known": extensiontest.Number, "unknown": "Z000000005"} {
		w := in(t, "pending", "mismatches_per_address: 2", "per_number: 20")
		right := w.attempt(9, flow.Registration)
		right.Number = number
		w.presses(right, "start")
		c := w.nect.last()
		w.expect(w.looks(right), "jump")
		w.nect.turn("pending", "mismatch")
		for n := range byte(2) {
			a := w.attempt(n+1, flow.Registration)
			w.presses(a, "start")
			w.returns(a.ID)
			w.expect(w.looks(a), "mismatch")
		}
		w.nect.turn("pending", "match")
		w.Clock.Pass(time.Minute)
		w.expect(w.looks(right), "jump") // of a result nothing is told before it is certain who asks
		browse(t, c.back+"?nectCaseId="+c.id, right.ID)
		asked := w.Members.Asked()
		w.Clock.Pass(time.Minute)
		w.expect(w.looks(right), "parked: tomorrow")
		w.expect(w.looks(right), "parked: tomorrow")
		w.expect(w.presses(right, "check"), "parked: tomorrow")
		if w.Members.Asked() != asked {
			t.Errorf("%s: somebody was compared", name)
		}
		w.expect(w.presses(w.attempt(10, flow.Registration), "start"), "denied.full")
		calls(t, http.MethodPut, c.callback+"/"+c.id, "")
		if err := w.delivers(); err == nil {
			t.Errorf("%s: the callback led to a result", name)
		}
		elsewhere := w.attempt(11, flow.Registration)
		elsewhere.Address = address("198.51.100.1/32")
		w.expect(w.presses(elsewhere, "start"), "waiting")
		w.Clock.Pass(day)
		want := map[string]string{"known": "done", "unknown": "mismatch"}[name]
		w.expect(w.looks(right), want)
	}
}

// Whoever begins attempt after attempt in one browser brings few foreign
// documents there; another browser at the same address is not held up.
func TestABrowserBringsFewForeignDocuments(t *testing.T) {
	w := in(t, "mismatch", "per_number: 20")
	begins := func(n byte, browser string) *flow.Attempt {
		a := w.attempt(n, flow.Registration)
		a.Browser = browser
		return a
	}
	for n := range byte(8) {
		a := begins(n+1, "one")
		w.presses(a, "start")
		w.returns(a.ID)
		w.expect(w.looks(a), "mismatch")
	}
	w.expect(w.presses(begins(20, "one"), "start"), "denied.too_many")
	w.expect(w.presses(begins(21, "two"), "start"), "waiting")
	w.Clock.Pass(day)
	w.expect(w.presses(begins(22, "one"), "start"), "waiting")
}

// Whose result waits for room comes back the next day, and goes on with it: the
// attempt itself does not live so long.
func TestAFullAddressIsGoneOnWithTheNextDay(t *testing.T) {
	w := in(t, "pending", "mismatches_per_address: 2", "per_number: 20")
	e := w.engine()
	keep := func(n byte, parked ...flow.AttemptID) flow.AttemptID {
		secret := flow.Secret{n}
		draft := flow.Record{Status: flow.Open, Skipped: []flow.StepName{"kvnr"}, Attempt: flow.Attempt{
			Flow: flow.Registration, Number: extensiontest.Number, Address: address("192.0.2.7/32"), Parked: parked,
		}}
		if err := e.Keep(t.Context(), secret, draft, nil); err != nil {
			t.Fatal(err)
		}
		return secret.ID()
	}
	expect := func(p flow.Position, err error, kind flow.OutcomeKind, page string) {
		t.Helper()
		if err != nil || p.Outcome.Kind != kind || p.Outcome.View.Page != page {
			t.Fatalf("%+v, %v; want %d %s", p.Outcome, err, kind, page)
		}
	}
	first := keep(1)
	p, err := e.Answer(t.Context(), first, "nect", extensiontest.Post("wish", "start"))
	expect(p, err, flow.IsShow, "jump")
	w.returns(first)
	w.nect.turn("pending", "mismatch")
	for n := range byte(2) {
		a := w.attempt(20+n, flow.Registration)
		a.Address = address("192.0.2.7/32")
		w.presses(a, "start")
		w.returns(a.ID)
		w.expect(w.looks(a), "mismatch")
	}
	w.nect.turn("pending", "match")
	w.Clock.Pass(time.Minute)
	p, err = e.Look(t.Context(), first)
	expect(p, err, flow.IsPark, "tomorrow")

	back := flow.Record{Attempt: p.Record.Attempt, Skipped: []flow.StepName{"kvnr"}}
	back.Parked = []flow.AttemptID{first}
	w.Clock.Pass(time.Minute)
	p, err = e.Draft(back).Look(t.Context(), "")
	expect(p, err, flow.IsShow, "full")
	w.Clock.Pass(day)
	p, err = e.Draft(back).Look(t.Context(), "")
	expect(p, err, flow.IsShow, "found")
	p, err = e.Draft(p.Record).Answer(t.Context(), "", "nect", extensiontest.Post("wish", "check"))
	expect(p, err, flow.IsKeep, "")
	second := keep(2, first)
	p, err = e.Answer(t.Context(), second, "nect", extensiontest.Post("wish", "check"))
	if err != nil || p.Step != "password" || len(p.Record.Proofs) != 1 {
		t.Errorf("%+v, %v", p, err)
	}
}

// Several foreign documents for one number are an attack on a person, from
// wherever they come.
func TestForeignDocumentsAlarmPerPerson(t *testing.T) {
	w := in(t, "mismatch", "per_number: 20")
	for n := range byte(5) {
		a := w.attempt(n+1, flow.Registration)
		a.Address = address(fmt.Sprintf("198.51.100.%d/32", n))
		w.presses(a, "start")
		w.returns(a.ID)
		w.expect(w.looks(a), "mismatch")
		alarms := 0
		for _, e := range w.Audit.Entries() {
			if e.Action == "identification.alarm" {
				alarms++
			}
		}
		want := 0
		if n >= 2 {
			want = 1
		}
		if logged := strings.Count(w.Log(), "foreign documents for one number"); alarms != want || logged != want {
			t.Errorf("after %d: %d alarms, %d in the log", n+1, alarms, logged)
		}
	}
	if strings.Contains(w.Log(), string(extensiontest.Number)) {
		t.Error("the number is in the log")
	}
}

// counted counts how often namesakes are asked for, and may not know any.
type counted struct {
	*membertest.Directory
	asked  atomic.Int32
	broken atomic.Bool
}

func (c *counted) Namesakes(ctx context.Context, number member.KVNR) ([]member.Member, error) {
	c.asked.Add(1)
	if c.broken.Load() {
		return nil, member.ErrUnavailable
	}
	return c.Directory.Namesakes(ctx, number)
}

// A number that nobody has costs the same questions, and fails alike.
func TestAnUnknownNumberCostsTheSame(t *testing.T) {
	for name, number := range map[string]member.KVNR{"known": other().KVNR, "unknown": "Z000000005"} {
		port, stage, at := newDoors(t), extensiontest.NewStage("nect"), newService(t)
		port.arrange(stage)
		stage.Members.Put(other())
		directory := &counted{Directory: stage.Members}
		stage.Host.Members = directory
		w := world{t, stage, at, stage.Open(t, port.factory(), at.config("match"))}
		a := w.attempt(1, flow.Registration)
		a.Number = number
		directory.broken.Store(true)
		w.expect(w.presses(a, "start"), "later")
		directory.broken.Store(false)
		w.Clock.Pass(time.Minute)
		w.returns(a.ID)
		w.expect(w.looks(a), "mismatch")
		if n := directory.asked.Load(); n != 2 || w.Members.Asked() != 2 {
			t.Errorf("%s: asked %d times, and %d for namesakes", name, w.Members.Asked(), n)
		}
	}
}

// A day's figure is one of a day: an address with a few cases each day is not
// shut after weeks, and who is shut is told when that day ends.
func TestADaysFigureEndsWithTheDay(t *testing.T) {
	w := in(t, "mismatch", "per_number: 2", "per_address: 3", "mismatches_per_address: 3")
	for n := range byte(8) {
		a := w.attempt(n+1, flow.Registration)
		w.expect(w.presses(a, "start"), "waiting")
		w.returns(a.ID)
		w.expect(w.looks(a), "mismatch")
		w.Clock.Pass(20 * time.Hour)
	}
	w = in(t, "away", "per_number: 2", "per_address: 3")
	midnight := w.Clock.Now().Truncate(day).Add(day)
	for n := range byte(3) {
		a := w.attempt(n+1, flow.Registration)
		w.Clock.Pass(time.Hour)
		out, err := w.parts.Step.Resume(t.Context(), a, extensiontest.Post("wish", "start"))
		if n == 2 && (err != nil || out.Key != "denied.too_many" || !out.Until.Equal(midnight)) {
			t.Errorf("%s until %v, %v; want %v", out.Key, out.Until, err, midnight)
		}
	}
	w.Clock.Pass(midnight.Sub(w.Clock.Now()))
	w.expect(w.presses(w.attempt(3, flow.Registration), "start"), "jump")
}

// Who knows a number uses up their own tries for it, and not its owner's, be
// it from all of their network.
func TestAStrangerDoesNotShutANumber(t *testing.T) {
	for name, from := range map[string]func(byte) string{
		"a network":  func(n byte) string { return fmt.Sprintf("2001:db8:1:%x::/64", n) },
		"an address": func(byte) string { return "198.51.100.7/32" },
	} {
		w := in(t, "away", "per_number: 2")
		for n := range byte(12) {
			a := w.attempt(n+1, flow.Recovery)
			a.Address = address(from(n))
			if got := w.presses(a, "start"); (got == "jump") != (n < 2) {
				t.Errorf("%s, case %d: %s", name, n+1, got)
			}
		}
		w.expect(w.presses(w.attempt(20, flow.Recovery), "start"), "jump")
	}
}

// From many addresses at once a number bears four times as much.
func TestANumberIsBoundedFromEverywhere(t *testing.T) {
	w := in(t, "away", "per_number: 2")
	for n := range byte(9) {
		a := w.attempt(n+1, flow.Registration)
		a.Address = address(fmt.Sprintf("198.51.100.%d/32", n))
		want := "jump"
		if n == 8 {
			want = "denied.number"
		}
		w.expect(w.presses(a, "start"), want)
	}
}

// A provider gives a customer up to 65,536 addresses as they are counted.
func TestANetworkIsBounded(t *testing.T) {
	w := in(t, "away", "per_address: 2", "per_number: 20")
	for n := range byte(9) {
		a := w.attempt(n+1, flow.Registration)
		a.Address = address(fmt.Sprintf("2001:db8:1:%x::/64", n))
		want := "jump"
		if n == 8 {
			want = "denied.full"
		}
		w.expect(w.presses(a, "start"), want)
	}
	for n, from := range []string{"2001:db8:2::/64", "198.51.100.1/32", "198.51.100.2/32", "198.51.101.1/32"} {
		a := w.attempt(byte(20+n), flow.Registration)
		a.Address = address(from)
		w.expect(w.presses(a, "start"), "jump")
	}
}

// Long before cases are made slowly somebody is told, once a day.
func TestATenthOfTheDaysCapIsTold(t *testing.T) {
	w := in(t, "away", "per_day: 20", "per_number: 20")
	for n, want := range []int{0, 1, 1, 1, 1, 2} {
		if n == 4 {
			w.Clock.Pass(day)
		}
		if n == 1 { // what is counted, not made and given back reaches it again
			w.nect.breaks(http.StatusInternalServerError, "")
			w.expect(w.presses(w.attempt(10, flow.Registration), "start"), "down")
			w.nect.breaks(0, "")
		}
		w.expect(w.presses(w.attempt(byte(n+1), flow.Registration), "start"), "jump")
		if got := strings.Count(w.Log(), "a tenth of per_day"); got != want {
			t.Errorf("after %d: told %d times, want %d", n+1, got, want)
		}
	}
	if !strings.Contains(w.Log(), "level=WARN msg=\"a tenth of per_day") {
		t.Error(w.Log())
	}
}

// When the day's number is over, one address has a few of the cases that are
// still made, however long it tries, and is told so; another goes on.
func TestAFewAddressesDoNotHoldUpEverybody(t *testing.T) {
	w := in(t, "away", "per_day: 1", "per_number: 20", "per_address: 20")
	made := 0
	for n := range byte(6) {
		a := w.attempt(n+1, flow.Registration)
		want := "denied.full"
		if made < 3 { // that of the day, and a tenth of 20
			want = "jump"
			made++
		}
		w.expect(w.presses(a, "start"), want)
		w.Clock.Pass(5 * time.Second)
	}
	for n, from := range []string{"2001:db8:1:1::/64", "2001:db8:1:2::/64", "2001:db8:1:3::/64", "198.51.100.1/32"} {
		a := w.attempt(byte(20+n), flow.Registration)
		a.Address = address(from)
		want := "jump"
		if n == 2 {
			want = "denied.full"
		}
		w.expect(w.presses(a, "start"), want)
		w.Clock.Pass(5 * time.Second)
	}
	if n := w.Counters.Tries("cases"); n != 6 {
		t.Errorf("%d cases are counted", n)
	}
}

// failing are counters that fail when this name is to be taken.
type failing struct {
	extension.Counters
	name string
}

func (f *failing) Take(ctx context.Context, limits ...extension.Limit) (extension.Taken, error) {
	for _, l := range limits {
		if l.Name == f.name {
			return extension.Taken{}, errors.New("down")
		}
	}
	return f.Counters.Take(ctx, limits...)
}

// A failing store shuts no number: what was counted before is given back.
func TestAFailureGivesBackWhatWasCounted(t *testing.T) {
	for name, before := range map[string]int{"cases_day": 0, "cases_tenth": 0, "cases_slot": 2} {
		counters := &failing{}
		w := newService(t).arranged(t, func(s *extensiontest.Stage) {
			counters.Counters, s.Host.Counters = s.Counters, counters
		}, "away", "per_day: 2", "per_number: 20")
		for n := range before {
			w.presses(w.attempt(byte(n+1), flow.Registration), "start")
		}
		counters.name = name
		w.expect(w.presses(w.attempt(9, flow.Registration), "start"), "later")
		if own, all := w.Counters.Tries("cases"), w.Counters.Tries("cases_day"); own != before || all != before {
			t.Errorf("%s: %d cases are counted, %d of the day, want %d", name, own, all, before)
		}
	}
}

// So does one that fails before Nect is asked.
func TestWhatWasNotOrderedIsNotCounted(t *testing.T) {
	w := newService(t).arranged(t, func(s *extensiontest.Stage) { s.Host.Audit = mute{} }, "away")
	w.expect(w.presses(w.attempt(1, flow.Registration), "start"), "later")
	if n := w.Counters.Tries("cases"); n != 0 {
		t.Errorf("%d cases are counted", n)
	}
}

// mute is a record that takes nothing.
type mute struct{ audit.Log }

func (mute) Append(context.Context, audit.Entry) error { return errors.New("down") }

// slow is a directory over which time passes.
type slow struct {
	*membertest.Directory
	pass func()
}

func (s slow) Namesakes(ctx context.Context, number member.KVNR) ([]member.Member, error) {
	s.pass()
	return s.Directory.Namesakes(ctx, number)
}

// What turns out after midnight to be no foreign document is given back to the
// day on which it was counted.
func TestWhatIsGivenBackIsOfTheDayItWasCountedOn(t *testing.T) {
	port, stage, at := newDoors(t), extensiontest.NewStage("nect"), newService(t)
	port.arrange(stage)
	stage.Host.Members = slow{stage.Members, func() { stage.Clock.Pass(20 * time.Second) }}
	w := world{t, stage, at, stage.Open(t, port.factory(), at.config("match"))}
	w.Clock.Pass(12*time.Hour - 10*time.Second)
	a := w.attempt(1, flow.Registration)
	w.presses(a, "start")
	w.returns(a.ID)
	w.expect(w.looks(a), "done")
	if n := w.Counters.Tries("mismatch_address"); n != 0 {
		t.Errorf("%d foreign documents stand", n)
	}
}
