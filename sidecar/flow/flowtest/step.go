package flowtest

import (
	"context"

	"github.com/schleuse/schleuse/sidecar/flow"
)

// Step is a step made of two functions. Without OnBegin it shows a page named
// "ask"; without OnResume it is done when the form's field "answer" is
// "right", refuses at "never" and shows the page again otherwise.
type Step struct {
	OnBegin  func(context.Context, *flow.Attempt) (flow.Outcome, error)
	OnResume func(context.Context, *flow.Attempt, flow.Input) (flow.Outcome, error)
}

// Begin implements flow.Step.
func (s Step) Begin(ctx context.Context, a *flow.Attempt) (flow.Outcome, error) {
	if s.OnBegin != nil {
		return s.OnBegin(ctx, a)
	}
	return flow.Show(flow.View{Page: "ask"}), nil
}

// Resume implements flow.Step.
func (s Step) Resume(ctx context.Context, a *flow.Attempt, in flow.Input) (flow.Outcome, error) {
	if s.OnResume != nil {
		return s.OnResume(ctx, a, in)
	}
	switch in.Form.Get("answer") {
	case "right":
		return flow.Done(flow.Proof{Kind: "test"}), nil
	case "never":
		return flow.Deny("never"), nil
	}
	return flow.Show(flow.View{Page: "ask", Problems: []flow.Problem{{Field: "answer", Key: "wrong"}}}), nil
}

// Always is a step that says the same whatever happens.
func Always(out flow.Outcome) Step {
	return Step{
		OnBegin:  func(context.Context, *flow.Attempt) (flow.Outcome, error) { return out, nil },
		OnResume: func(context.Context, *flow.Attempt, flow.Input) (flow.Outcome, error) { return out, nil },
	}
}

// Chambers makes chambers of steps; the kind of each is "kind_" and its name.
func Chambers(steps map[flow.StepName]flow.Step) map[flow.StepName]flow.Chamber {
	out := make(map[flow.StepName]flow.Chamber, len(steps))
	for name, s := range steps {
		out[name] = flow.Chamber{Name: name, Kind: "kind_" + string(name), Step: s}
	}
	return out
}
