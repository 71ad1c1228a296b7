package egk_test

import (
	"fmt"
	"testing"

	"github.com/schleuse/schleuse/extensions/egk"
	"github.com/schleuse/schleuse/sidecar/extension/extensiontest"
	"github.com/schleuse/schleuse/sidecar/flow"
)

// wishes presses the page's quiet buttons.
func wishes(values ...string) []flow.Input {
	var out []flow.Input
	for _, v := range values {
		out = append(out, extensiontest.Post("wish", v))
	}
	return out
}

// Whoever has no card at hand loses no try by saying so, and comes back to the
// question with as many as before.
func TestHavingNoCardAtHandCostsNothing(t *testing.T) {
	s := begin(t, "")
	a := s.Attempt()
	s.expect(s.says(a, "0001"), "problem.wrong 2")
	counted := len(s.Counters.Taken())
	for _, wish := range []string{"no_card", "card", "no_card", "end"} {
		in := extensiontest.Post("digits", "7392", "wish", wish)
		if out, err := s.step.Resume(t.Context(), a, in); err != nil || out.Kind == flow.IsDone {
			t.Errorf("%s: %+v, %v", wish, out, err)
		}
	}
	if len(s.Counters.Taken()) != counted || len(s.Audit.Entries()) != 1 {
		t.Error("a wish was counted, or compared")
	}
	s.expect(s.begins(a), "ask")
	s.expect(s.says(a, "0002"), "problem.wrong 1")
}

// A browser is sent to the page anew after each answer, and may reload it.
func TestThePageOfWhoHasNoCardStays(t *testing.T) {
	s := begin(t, "")
	a := s.Attempt()
	page := func(out flow.Outcome, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out.View.Page
	}
	s.expect(page(s.step.Resume(t.Context(), a, wishes("no_card")[0])), "no_card")
	for range 2 {
		s.expect(page(s.step.Begin(t.Context(), a)), "no_card")
	}
	s.expect(page(s.step.Resume(t.Context(), a, wishes("card")[0])), "card")
	s.expect(page(s.step.Begin(t.Context(), a)), "card")
	s.expect(page(s.step.Resume(t.Context(), a, wishes("no_card")[0])), "no_card")
	s.expect(page(s.step.Resume(t.Context(), a, digits("0001")[0])), "card") // from another tab
	s.expect(page(s.step.Begin(t.Context(), a)), "card")
}

func TestHavingNoCardAtHandIsToldWhomToCall(t *testing.T) {
	for help, want := range map[string]string{"0800 000000": "0800 000000", "": ""} {
		stage := extensiontest.NewStage("egk")
		stage.Host.Help = help
		step := stage.Open(t, egk.Factory(), "").Step
		out, err := step.Resume(t.Context(), stage.Attempt(), wishes("no_card")[0])
		if data := fmt.Sprintf("%+v", out.View.Data); err != nil || data != "{Phone:"+want+"}" {
			t.Errorf("%q: %s, %v", help, data, err)
		}
	}
}
