package birthyear_test

import (
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension/extensiontest"
	"github.com/schleuse/schleuse/sidecar/flow"

	"kasse.example/schleuse/birthyear"
)

func years(values ...string) []flow.Input {
	var out []flow.Input
	for _, v := range values {
		out = append(out, extensiontest.Post("year", v))
	}
	return out
}

func TestExtension(t *testing.T) {
	show := func(problem string) extensiontest.Want {
		return extensiontest.Want{Kind: flow.IsShow, Page: "year", Problem: problem}
	}
	deny := func(key string) extensiontest.Want { return extensiontest.Want{Kind: flow.IsDeny, Key: key} }
	unknown := func(s *extensiontest.Stage) {
		p := extensiontest.Person()
		p.BirthDate = ""
		s.Members.Put(p)
	}
	extensiontest.Run(t, birthyear.Factory,
		extensiontest.Case{Name: "asks", Want: show("")},
		extensiontest.Case{Name: "right", Answers: years("1950"), Want: extensiontest.Want{Kind: flow.IsDone}},
		extensiontest.Case{Name: "wrong", Answers: years("1951"), Want: show("problem.wrong")},
		extensiontest.Case{Name: "wrong, then right", Answers: years("1951", "1950"), Want: extensiontest.Want{Kind: flow.IsDone}},
		extensiontest.Case{Name: "no year", Answers: years("50"), Want: show("problem.form")},
		extensiontest.Case{Name: "too many", Answers: years("1951", "1952", "1953"), Want: deny("denied.tries")},
		extensiontest.Case{Name: "one try", Config: "tries: 1", Answers: years("1951"), Want: deny("denied.tries")},
		extensiontest.Case{Name: "unknown year", Arrange: unknown, Answers: years("1950"), Want: deny("denied.unknown")},
	)
}

func TestIsAskedOnceAYear(t *testing.T) {
	s := extensiontest.NewStage("birthyear")
	step := s.Open(t, birthyear.Factory(), "").Step
	begins := func(want flow.OutcomeKind) {
		t.Helper()
		out, err := step.Begin(t.Context(), s.Attempt())
		if err != nil || out.Kind != want {
			t.Errorf("outcome %d, %v; want %d", out.Kind, err, want)
		}
	}
	begins(flow.IsShow)
	if out, err := step.Resume(t.Context(), s.Attempt(), years("1950")[0]); err != nil || out.Kind != flow.IsDone {
		t.Fatalf("%+v, %v", out, err)
	}
	begins(flow.IsSkip)
	s.Clock.Pass(365 * 24 * time.Hour)
	begins(flow.IsShow)
}
