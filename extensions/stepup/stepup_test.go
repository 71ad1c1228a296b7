package stepup_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/extensions/stepup"
	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/extension/extensiontest"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/flow"
)

// answering is a person with a phone that answers at once.
func answering(state approval.State) func(*extensiontest.Stage) {
	return func(s *extensiontest.Stage) {
		s.Approvals.Own(1)
		s.Approvals.Will(state)
	}
}

func signingIn(a *flow.Attempt) { a.Flow, a.Client = flow.Stepup, "webcenter" }

func press(wish string) flow.Input { return extensiontest.Post("wish", wish) }

func TestStepup(t *testing.T) {
	extensiontest.Run(t, stepup.Factory,
		extensiontest.Case{
			Name: "confirmed", Arrange: answering(approval.Approved), Attempt: signingIn,
			Answers: []flow.Input{press("ask")}, Want: extensiontest.Want{Kind: flow.IsDone},
		},
		extensiontest.Case{
			Name: "not asked yet", Arrange: answering(0), Attempt: signingIn,
			Want: extensiontest.Want{Kind: flow.IsShow, Page: "before"},
		},
		extensiontest.Case{
			Name: "waiting", Arrange: answering(0), Attempt: signingIn,
			Answers: []flow.Input{press("ask"), press("check")}, Want: extensiontest.Want{Kind: flow.IsShow, Page: "waiting"},
		},
		extensiontest.Case{
			Name: "refused", Arrange: answering(approval.Denied), Attempt: signingIn,
			Answers: []flow.Input{press("ask")}, Want: extensiontest.Want{Kind: flow.IsDeny, Key: "denied.refused"},
		},
		extensiontest.Case{
			Name: "withdrawn", Arrange: answering(approval.Cancelled), Attempt: signingIn,
			Answers: []flow.Input{press("ask")}, Want: extensiontest.Want{Kind: flow.IsShow, Page: "before", Problem: "problem.over"},
		},
		extensiontest.Case{
			Name: "no phone", Attempt: signingIn,
			Want: extensiontest.Want{Kind: flow.IsShow, Page: "no_phone"},
		},
		extensiontest.Case{
			Name: "no phone still", Attempt: signingIn,
			Answers: []flow.Input{press("check")}, Want: extensiontest.Want{Kind: flow.IsShow, Page: "no_phone"},
		},
		extensiontest.Case{
			Name: "no phone, another way", Attempt: signingIn,
			Answers: []flow.Input{press("other")}, Want: extensiontest.Want{Kind: flow.IsDeny, Key: "denied.no_phone"},
		},
		extensiontest.Case{
			Name: "nobody signed in", Arrange: answering(approval.Approved), Attempt: func(a *flow.Attempt) { signingIn(a); a.Account = "" },
			Answers: []flow.Input{press("ask")}, Want: extensiontest.Want{Kind: flow.IsShow, Page: "no_phone"},
		},
	)
}

// world is a stage with the step and one attempt.
type world struct {
	*extensiontest.Stage
	t    *testing.T
	step flow.Step
	at   *flow.Attempt
}

func newWorld(t *testing.T) world {
	s := extensiontest.NewStage("stepup")
	s.Approvals.Own(1)
	w := world{s, t, s.Open(t, stepup.Factory(), "").Step, s.Attempt()}
	signingIn(w.at)
	return w
}

func (w world) press(wish string) flow.Outcome {
	w.t.Helper()
	out, err := w.step.Resume(w.t.Context(), w.at, press(wish))
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w world) look() flow.Outcome {
	w.t.Helper()
	out, err := w.step.Begin(w.t.Context(), w.at)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func TestAPersonIsAskedOnceForOnePress(t *testing.T) {
	w := newWorld(t)
	before := w.at.State
	w.press("ask")
	kept := w.at.State
	w.at.State = before // the answer of the first press was lost
	w.press("ask")
	w.at.State = kept
	w.press("ask")
	if n := len(w.Approvals.Asked()); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestTheAnswerGoesOnByItself(t *testing.T) {
	w := newWorld(t)
	w.press("ask")
	asked := w.Approvals.Asked()[0]
	if asked.Action != approval.Login {
		t.Errorf("asked for %s", asked.Action)
	}
	w.Approvals.Answer(asked.ID, approval.Approved)
	out := w.look()
	if out.Kind != flow.IsDone || out.Proof.Kind != "stepup" || !strings.Contains(out.Proof.Note, string(asked.ID)) {
		t.Errorf("%+v", out)
	}
	if again := w.look(); again.Kind != flow.IsDone {
		t.Errorf("the process died before it was noted: %+v", again)
	}
}

// TestAForeignApprovalProvesNothing: what was confirmed for another attempt.
func TestAForeignApprovalProvesNothing(t *testing.T) {
	for _, state := range []approval.State{approval.Approved, approval.Redeemed} {
		w := newWorld(t)
		w.press("ask")
		w.Approvals.Answer(w.Approvals.Asked()[0].ID, state)
		w.at.ID = flow.Secret{2}.ID()
		if out := w.look(); out.Kind == flow.IsDone {
			t.Errorf("%s: done", state)
		}
	}
}

func TestAfterItsTimeItIsAskedAnew(t *testing.T) {
	w := newWorld(t)
	w.press("ask")
	w.Clock.Pass(11 * time.Minute)
	if out := w.look(); out.View.Page != "before" || out.View.Problems[0].Key != "problem.over" {
		t.Errorf("%+v", out)
	}
	if out := w.press("ask"); out.View.Page != "waiting" || len(w.Approvals.Asked()) != 2 {
		t.Errorf("%+v, asked %d times", out, len(w.Approvals.Asked()))
	}
}

func TestRefusalsOfTheRequest(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"another waits": {approval.ErrPending, "problem.pending"},
		"too often":     {fault.New(fault.TooMany, "too_many", nil), "problem.too_many"},
	} {
		w := newWorld(t)
		w.look()
		w.Approvals.FailWith(c.err)
		if out := w.press("ask"); out.Kind != flow.IsShow || out.View.Problems[0].Key != c.want {
			t.Errorf("%s: %+v", name, out)
		}
	}
	w := newWorld(t)
	w.Approvals.FailWith(errors.New("down"))
	if out, err := w.step.Resume(t.Context(), w.at, press("ask")); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("down: %+v, %v", out, err)
	}
}

// TestAPhoneRegisteredMeanwhileConfirms: whoever reads how to register one and
// does it goes on where they were.
func TestAPhoneRegisteredMeanwhileConfirms(t *testing.T) {
	w := newWorld(t)
	w.Approvals.Own(0)
	if out := w.look(); out.View.Page != "no_phone" {
		t.Fatalf("%+v", out)
	}
	w.Approvals.Own(1)
	if out := w.press("check"); out.View.Page != "before" {
		t.Errorf("%+v", out)
	}
}

// TestOfferedToEverybody: those without a phone read how to register one.
func TestOfferedToEverybody(t *testing.T) {
	s := extensiontest.NewStage("stepup")
	offer := s.Open(t, stepup.Factory(), "").Offer
	for _, phones := range []int{0, 2} {
		s.Approvals.Own(phones)
		if o, err := offer(t.Context(), s.Attempt()); err != nil || !o.Available {
			t.Errorf("%d phones: %+v, %v", phones, o, err)
		}
	}
}
