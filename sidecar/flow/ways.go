package flow

import (
	"context"
	"slices"

	"github.com/schleuse/schleuse/sidecar/fault"
)

// KeyWayDown is the core's key for a way that cannot be offered just now.
const KeyWayDown = "way_down"

// Way is an alternative on the page where the person chooses.
type Way struct {
	Step  StepName
	Kind  string
	Offer Offer
}

// Ways returns the ways that are left at the entry where the attempt stands,
// in the plan's order; those that are not available say why in Offer.Reason.
// It is empty when the attempt is not Open.
func (e *Engine) Ways(ctx context.Context, id AttemptID) ([]Way, error) {
	r, err := e.Attempts.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	var ways []Way
	for _, s := range next(e.Plans[r.Flow], r).ways {
		if o := e.offer(ctx, r, s); o.Available || o.Reason != "" {
			ways = append(ways, Way{Step: s, Kind: e.Chambers[s].Kind, Offer: o})
		}
	}
	return ways, nil
}

// Choose turns to another way of the entry where the attempt stands. A way
// that is not left or not available changes nothing. It returns the position,
// as Look does.
func (e *Engine) Choose(ctx context.Context, id AttemptID, way StepName) (Position, error) {
	r, err := e.Attempts.Get(ctx, id)
	if err != nil {
		return Position{}, err
	}
	if e.offer(ctx, r, way).Available {
		_, err = e.Attempts.Update(ctx, id, func(r *Record) error {
			if slices.Contains(next(e.Plans[r.Flow], *r).ways, way) {
				turnTo(r, way)
			}
			return nil
		})
	}
	if err != nil {
		return Position{}, err
	}
	return e.Look(ctx, id)
}

// offer asks a step what it offers. A step that cannot say is not available.
func (e *Engine) offer(ctx context.Context, r Record, s StepName) Offer {
	c, ok := e.Chambers[s]
	if !ok {
		return Offer{}
	}
	if c.Offer == nil {
		return Offer{Available: true}
	}
	a := r.Attempt
	a.Step, a.State = s, nil
	o, err := c.Offer(ctx, &a)
	if err != nil {
		e.Log.WarnContext(ctx, "a way cannot be offered", "step", s, "error", err)
		return Offer{Title: o.Title, Reason: KeyWayDown}
	}
	return o
}

// firstAvailable selects the way that opens at once. Empty means that none is
// available now but at least one says why; when all are hidden, the person is
// asked to come again later.
func (e *Engine) firstAvailable(ctx context.Context, r Record, ways []StepName) (StepName, error) {
	reasons := false
	for _, s := range ways {
		o := e.offer(ctx, r, s)
		if o.Available {
			return s, nil
		}
		reasons = reasons || o.Reason != ""
	}
	if reasons {
		return "", nil
	}
	return "", fault.New(fault.Unavailable, "later", nil)
}
