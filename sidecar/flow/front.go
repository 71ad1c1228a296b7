package flow

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Front carries a person through the steps before Keycloak's login, for which
// nothing is stored: the caller keeps Number, Step and State of a from call to
// call, where no browser can change them. a.Step empty means the beginning.
//
// in nil asks the present step to begin; otherwise it is resumed. The
// position's Outcome is Show or Deny, or Done when the front is passed; then
// a.Step is empty. A step of the front may set a.Number and a.State, nothing
// else of a is kept. What it calls a proof is none.
func (e *Engine) Front(ctx context.Context, a *Attempt, in *Input) (Position, error) {
	if in != nil {
		if err := checkInput(*in); err != nil {
			return Position{}, err
		}
	}
	at, err := e.frontIndex(a.Step)
	if err != nil {
		return Position{}, err
	}
	for ; at < len(e.Plan.Front); at++ {
		name := e.Plan.Front[at]
		out, err := e.ask(ctx, a, name, in)
		if err != nil {
			return Position{}, err
		}
		switch out.Kind {
		case IsDone, IsSkip:
			in, a.Step, a.State = nil, "", nil
		case IsShow, IsDeny:
			a.Step = name
			return Position{Step: name, Kind: e.Chambers[name].Kind, Outcome: out, At: at + 1, Of: e.Plan.Steps()}, nil
		default:
			return Position{}, fmt.Errorf("step %q: an outcome that is not possible before keycloak", name)
		}
	}
	return Position{Outcome: Done(Proof{}), Of: e.Plan.Steps()}, nil
}

func (e *Engine) frontIndex(step StepName) (int, error) {
	if step == "" {
		return 0, nil
	}
	if i := slices.Index(e.Plan.Front, step); i >= 0 {
		return i, nil
	}
	return 0, errors.New("the step does not stand before keycloak")
}

// ask calls one step of the front with a copy, and takes over what it may set.
func (e *Engine) ask(ctx context.Context, a *Attempt, name StepName, in *Input) (Outcome, error) {
	c, ok := e.Chambers[name]
	if !ok {
		return Outcome{}, fmt.Errorf("step %q of the flow is not configured", name)
	}
	own := *a
	own.Step = name
	out, err := call(ctx, c, &own, in)
	if err == nil {
		a.Number, a.State = own.Number, own.State
	}
	return out, err
}
