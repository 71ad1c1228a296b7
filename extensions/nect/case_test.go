package nect_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension/extensiontest"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/member"
)

func TestAButtonPressedTwiceMakesOneCase(t *testing.T) {
	w := in(t, "away")
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() { w.presses(w.attempt(1, flow.Registration), "start") })
	}
	wg.Wait()
	if opened, _ := w.nect.counts(); opened != 1 {
		t.Errorf("%d cases were made", opened)
	}
	a := w.attempt(1, flow.Registration)
	w.expect(w.presses(a, "start"), "jump")
	w.expect(w.presses(a, "again"), "jump") // pressed twice as well
	w.Clock.Pass(time.Minute)
	w.expect(w.presses(a, "start"), "jump")
	w.expect(w.presses(a, "again"), "jump")
	if opened, _ := w.nect.counts(); opened != 2 {
		t.Errorf("%d cases were made", opened)
	}
}

func TestADraftIsKeptBeforeAnythingCosts(t *testing.T) {
	w := in(t, "match")
	draft := w.attempt(1, flow.Registration)
	draft.ID = ""
	w.expect(w.looks(draft), "before")
	w.expect(w.presses(draft, "start"), "keep")
	w.expect(w.presses(draft, "check"), "before")
	w.expect(w.presses(draft, "end"), "denied.ended")
	if opened, _ := w.nect.counts(); opened != 0 || w.Records.Len() != 0 || len(w.Counters.Taken()) != 0 {
		t.Error("something was made for a draft")
	}
}

// Whoever just types numbers sees the same for each of them, until a document
// was shown.
func TestANumberAloneTellsNothing(t *testing.T) {
	w := in(t, "match")
	left := extensiontest.Person()
	left.KVNR, left.Status = "G202601042", member.StatusLeft
	w.Members.Put(left)
	for _, number := range []member.KVNR{extensiontest.Number, left.KVNR, "Z000000005"} {
		a := w.attempt(1, flow.Registration)
		a.Number = number
		a.ID = flow.AttemptID(strings.Repeat("0", 54) + string(number))
		w.expect(w.looks(a), "before")
		w.expect(w.presses(a, "start"), "waiting")
	}
	if w.Members.Asked() != 3 { // by what came of the cases alone
		t.Errorf("the directory was asked %d times", w.Members.Asked())
	}
}

func TestWhoseDocumentItIs(t *testing.T) {
	twin := extensiontest.Person()
	twin.KVNR, twin.Given = "T202601116", "Berta"
	same := extensiontest.Person()
	same.KVNR = "T202601116"
	left := extensiontest.Person()
	left.Status = member.StatusLeft
	for name, c := range map[string]struct {
		number member.KVNR
		known  []member.Member
		want   string
	}{
		"the member's":              {extensiontest.Number, nil, "done"},
		"for the wrong number":      {other().KVNR, []member.Member{other()}, "mismatch"},
		"for a number of nobody":    {"Z000000005", nil, "mismatch"},
		"a twin's":                  {twin.KVNR, []member.Member{twin}, "mismatch"},
		"the member's, with a twin": {extensiontest.Number, []member.Member{twin}, "done"},
		"of two who are called so":  {extensiontest.Number, []member.Member{same}, "denied.ambiguous"},
		"of who is insured no more": {extensiontest.Number, []member.Member{left}, "denied.left"},
		"another's, who has left":   {left.KVNR, []member.Member{func() member.Member { m := other(); m.KVNR = left.KVNR; m.Status = member.StatusLeft; return m }()}, "mismatch"},
	} {
		t.Run(name, func(t *testing.T) {
			w := in(t, "match")
			for _, m := range c.known {
				w.Members.Put(m)
			}
			a := w.attempt(1, flow.Registration)
			a.Number = c.number
			w.presses(a, "start")
			w.returns(a.ID)
			w.expect(w.looks(a), c.want)
			w.expect(w.looks(a), c.want)
			if alarmed := strings.Contains(w.Log(), "level=ERROR"); alarmed != (c.want == "mismatch") {
				t.Errorf("alarmed: %v", alarmed)
			}
			for _, secret := range []string{string(c.number), "Beispielmann", "1950-03-04"} {
				if strings.Contains(w.Log(), secret) {
					t.Error("something personal was logged")
				}
			}
		})
	}
}

func TestForeignDocumentsAreBoundedPerBrowser(t *testing.T) {
	w := in(t, "mismatch")
	a := w.attempt(1, flow.Registration)
	for _, wish := range []string{"start", "again"} {
		w.presses(a, wish)
		w.returns(a.ID)
		w.expect(w.looks(a), "mismatch")
		w.Clock.Pass(time.Minute)
	}
	w.expect(w.presses(a, "again"), "denied.too_many")
	w.expect(w.presses(a, "start"), "denied.too_many")
	b := w.attempt(2, flow.Registration)
	w.expect(w.presses(b, "start"), "waiting")
}

func TestCasesAreCapped(t *testing.T) {
	w := in(t, "away", "per_number: 2", "per_address: 3")
	w.presses(w.attempt(1, flow.Registration), "start")
	w.presses(w.attempt(2, flow.Recovery), "start")
	w.expect(w.presses(w.attempt(3, flow.Registration), "start"), "denied.too_many")
	w.expect(w.presses(w.attempt(4, flow.Login), "start"), "jump") // nobody uses up who signed in
	w.Members.Put(other())
	b := w.attempt(5, flow.Registration)
	b.Number = other().KVNR
	w.expect(w.presses(b, "start"), "denied.full") // the address
	b.Address = address("198.51.100.1/32")
	w.expect(w.presses(b, "start"), "jump")
	w.Clock.Pass(24 * time.Hour)
	w.expect(w.presses(w.attempt(3, flow.Registration), "start"), "jump")
}

func TestTheDaysCapSlowsAndNeverLocks(t *testing.T) {
	w := in(t, "away", "per_day: 1", "per_number: 20")
	w.expect(w.presses(w.attempt(1, flow.Registration), "start"), "jump")
	w.expect(w.presses(w.attempt(2, flow.Registration), "start"), "jump") // the slow lane
	w.expect(w.presses(w.attempt(3, flow.Registration), "start"), "before: problem.busy")
	w.Clock.Pass(5 * time.Second)
	w.expect(w.presses(w.attempt(3, flow.Registration), "start"), "jump")
	if w.Counters.Tries("cases") != 3 {
		t.Errorf("%d cases are counted", w.Counters.Tries("cases"))
	}
	if !strings.Contains(w.Log(), "level=ERROR") {
		t.Error("nobody was alarmed")
	}
}

func TestWhatWasNotMadeIsNotCounted(t *testing.T) {
	for name, c := range map[string]struct {
		status  int
		body    string
		counted int
	}{
		"refused":           {http.StatusInternalServerError, "", 0},
		"not found":         {http.StatusNotFound, "", 0},
		"not understood":    {0, "<html>", 1},
		"no jump":           {0, `{"caseId":"00000000-0000-4000-8000-000000000001","url":"http://nect.example/"}`, 1},
		"no case":           {0, `{"caseId":"../../x","url":"https://nect.example/"}`, 1},
		"another form":      {0, `[]`, 1},
		"over 64 kilobytes": {0, `{"caseId":"` + strings.Repeat("0", 64<<10) + `"}`, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := in(t, "match")
			a := w.attempt(1, flow.Registration)
			w.nect.breaks(c.status, c.body)
			w.expect(w.presses(a, "start"), "down")
			w.expect(w.looks(a), "down")
			if n := w.Counters.Tries("cases"); n != c.counted {
				t.Errorf("%d cases are counted", n)
			}
			w.nect.breaks(0, "")
			w.expect(w.presses(a, "start"), "waiting")
			var phases []string
			for _, e := range w.Audit.Entries() {
				phases = append(phases, fmt.Sprint(e.Phase, e.Action, e.Result))
			}
			want := []string{"2identification.open", "3identification.openfailed", "2identification.open", "3identification.openok"}
			if !slices.Equal(phases[:min(4, len(phases))], want) {
				t.Errorf("audit %q", phases)
			}
		})
	}
}

// What of Nect's answer cannot be understood changes nothing.
func TestAnUnclearAnswerPassesNobody(t *testing.T) {
	for _, scene := range []string{
		"no flag", "both", "yes and no", "new word", "twice", "two values", "foreign", "garbage", "huge", "long name", "no level", "unknown",
	} {
		w := in(t, scene)
		a := w.attempt(1, flow.Registration)
		w.presses(a, "start")
		w.returns(a.ID)
		w.expect(w.looks(a), "waiting")
		w.Clock.Pass(5 * time.Second)
		w.expect(w.looks(a), "waiting")
		w.nect.turn(scene, "match")
		w.Clock.Pass(5 * time.Second)
		w.expect(w.presses(a, "check"), "done")
	}
}

func TestEndsOfACase(t *testing.T) {
	for scene, want := range map[string]string{
		"aborted": "aborted", "failed": "failed", "expired": "expired", "created": "waiting", "pending": "waiting",
		"low": "weak", "procedure": "weak", "in review": "parked: review", "high": "done",
	} {
		w := in(t, scene)
		a := w.attempt(1, flow.Recovery)
		w.presses(a, "start")
		w.returns(a.ID)
		w.expect(w.looks(a), want)
		if want == "waiting" || want == "done" || want == "parked: review" {
			continue
		}
		w.nect.turn(scene, "match") // what is final stays
		w.Clock.Pass(time.Minute)
		w.expect(w.looks(a), want)
		w.expect(w.presses(a, "again"), "waiting")
		w.returns(a.ID)
		w.expect(w.looks(a), "done")
	}
}

func TestSettingsOfAFlow(t *testing.T) {
	at := newService(t)
	more := []string{
		"flows:", "  login: {procedures: [epass]}", "  recovery: {level: high}",
		"levels:", "  high: {base_url: " + at.URL + "/low, api_key_file: " + at.file(key) + "}",
	}
	for f, want := range map[flow.Name]string{flow.Registration: "done", flow.Recovery: "weak", flow.Login: "weak"} {
		w := at.world(t, "match", more...)
		a := w.attempt(1, f)
		w.presses(a, "start")
		w.returns(a.ID)
		w.expect(w.looks(a), want)
		if c := at.last(); (c.scene == "low") != (f == flow.Recovery) || (c.level == "high") != (f == flow.Recovery) {
			t.Errorf("%s: a case of level %s, made for %s", f, c.level, c.scene)
		}
	}
}

func TestACaseEndsAfterTwoDays(t *testing.T) {
	w := in(t, "pending")
	a := w.attempt(1, flow.Registration)
	w.presses(a, "start")
	w.returns(a.ID)
	w.Clock.Pass(48*time.Hour - time.Second)
	w.expect(w.looks(a), "waiting")
	w.Clock.Pass(time.Second)
	w.nect.turn("pending", "unknown") // Nect may have forgotten it by then
	w.expect(w.looks(a), "expired")
}

func TestAParkedIdentificationGoesOnInItsOwnBrowserOnly(t *testing.T) {
	w := in(t, "in review")
	first := w.attempt(1, flow.Registration)
	w.presses(first, "start")
	w.returns(first.ID)
	w.expect(w.looks(first), "parked: review")
	w.Clock.Pass(44 * time.Hour)

	draft := func(parked ...flow.AttemptID) *flow.Attempt {
		a := w.attempt(2, flow.Registration)
		a.ID, a.Parked = "", parked
		return a
	}
	w.expect(w.looks(draft()), "before") // another browser
	w.expect(w.looks(draft(first.ID)), "still")
	foreign := draft(first.ID)
	foreign.Number = "B123456782"
	w.expect(w.looks(foreign), "before")
	otherFlow := draft(first.ID)
	otherFlow.Flow = flow.Recovery
	w.expect(w.looks(otherFlow), "before") // one identification serves one purpose

	w.nect.turn("in review", "match")
	w.Clock.Pass(5 * time.Second)
	w.expect(w.looks(draft(first.ID)), "found")
	w.expect(w.presses(draft(first.ID), "check"), "keep")
	second := w.attempt(2, flow.Registration)
	second.Parked = []flow.AttemptID{first.ID}
	w.expect(w.presses(second, "check"), "done")
	w.expect(w.looks(second), "done")
	third := w.attempt(3, flow.Registration)
	third.Parked = []flow.AttemptID{second.ID, first.ID}
	w.expect(w.looks(third), "before") // and passes one attempt
}

// Of a login every visit parks again; what it waits for is not lost.
func TestAParkedLoginIsFoundThroughEachVisit(t *testing.T) {
	w := in(t, "in review")
	parked := []flow.AttemptID{}
	for n := range byte(7) {
		a := w.attempt(n+1, flow.Login)
		a.Parked = slices.Clone(parked)
		if n == 0 {
			w.presses(a, "start")
			w.returns(a.ID)
		}
		w.expect(w.looks(a), "parked: review")
		parked = []flow.AttemptID{a.ID} // the older ones are forgotten
		w.Clock.Pass(time.Hour)
	}
	w.nect.turn("in review", "match")
	last := w.attempt(9, flow.Login)
	last.Parked = parked
	w.expect(w.looks(last), "done")
	w.Clock.Pass(8 * 24 * time.Hour)
	late := w.attempt(10, flow.Login)
	late.Parked = []flow.AttemptID{last.ID}
	w.expect(w.looks(late), "before")
}

func TestNothingOfThePersonIsKept(t *testing.T) {
	for _, scene := range []string{"match", "mismatch", "review"} {
		w := in(t, scene)
		a := w.attempt(1, flow.Registration)
		w.presses(a, "start")
		c := w.nect.last()
		w.returns(a.ID)
		w.looks(a)
		all := w.Log()
		for _, key := range []string{"attempt/" + string(a.ID)} {
			raw, _, err := w.Records.Get(t.Context(), key)
			if err != nil || raw == nil {
				t.Fatal(key, err)
			}
			all += string(raw)
		}
		for _, secret := range []string{"Beispielmann", "Anna", "Mädchenname", "1950-03", "10115", c.back[strings.LastIndex(c.back, "/")+1:]} {
			if strings.Contains(all, secret) {
				t.Errorf("%s: %q is kept", scene, secret)
			}
		}
	}
}

func TestWhatIsStoredIsAboutThePerson(t *testing.T) {
	w := in(t, "match")
	a := w.attempt(1, flow.Login)
	w.presses(a, "start")
	c := w.nect.last()
	calls(t, http.MethodPut, c.callback+"/"+c.id, "")
	if s := w.Records.Subject("attempt/" + string(a.ID)); s.Number != a.Number || s.Account != a.Account {
		t.Errorf("a record is about %+v", s)
	}
	for _, s := range w.Outbox.Subjects() {
		if s.Number != a.Number || s.Account != a.Account {
			t.Errorf("a message is about %+v", s)
		}
	}
}

// An attempt with a case keeps a state: it gives way after those without (see
// flow.Attempts), as what it has begun has cost.
func TestAnAttemptWithACaseSaysSo(t *testing.T) {
	w := in(t, "pending", "per_number: 1")
	a, other := w.attempt(1, flow.Registration), w.attempt(2, flow.Registration)
	w.expect(w.presses(a, "start"), "jump")
	w.expect(w.presses(other, "start"), "denied.too_many")
	if a.State == nil || other.State != nil {
		t.Errorf("states %s and %s", a.State, other.State)
	}
	w.expect(w.presses(a, "wait"), "waiting")
	w.expect(w.presses(a, "jump"), "jump")
	a.State = nil // as after another way was tried
	w.expect(w.looks(a), "jump")
	if a.State == nil {
		t.Error("it does not say so any more")
	}
}
