package egk_test

import (
	"context"
	"errors"
	"testing"

	"github.com/schleuse/schleuse/extensions/egk"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/extension/extensiontest"
)

// TestARightAnswerCostsNothingWhileNothingCanBeWritten: nobody is locked out by
// right digits that could not be recorded.
func TestARightAnswerCostsNothingWhileNothingCanBeWritten(t *testing.T) {
	s := begin(t, "")
	a := s.Attempt()
	s.Audit.FailWith(errors.New("down"))
	for range 4 {
		if out, err := s.step.Resume(t.Context(), a, extensiontest.Post("digits", "7391")); err == nil {
			t.Fatalf("%+v without a record", out)
		}
	}
	s.Audit.FailWith(nil)
	if got := s.says(a, "7392"); got != "problem.wrong 2" {
		t.Errorf("a wrong answer afterwards: %s", got)
	}
	if got := s.says(a, "7391"); got != "done" {
		t.Errorf("the right answer afterwards: %s", got)
	}
}

// leaving is a browser that hangs up as soon as its try is counted.
type leaving struct {
	extension.Counters
	hangUp func()
}

func (l leaving) Take(ctx context.Context, limits ...extension.Limit) (extension.Taken, error) {
	taken, err := l.Counters.Take(ctx, limits...)
	l.hangUp()
	return taken, err
}

func TestARightAnswerCostsNothingToWhoHangsUp(t *testing.T) {
	s := extensiontest.NewStage("egk")
	l := leaving{Counters: s.Counters}
	for range 4 {
		var ctx context.Context
		ctx, l.hangUp = context.WithCancel(t.Context())
		s.Host.Counters = l
		out, err := s.Open(t, egk.Factory(), "").Step.Resume(ctx, s.Attempt(), extensiontest.Post("digits", "7391"))
		if got := word(t, out, err); got != "done" || ctx.Err() == nil {
			t.Fatalf("%s, %v", got, ctx.Err())
		}
	}
}
