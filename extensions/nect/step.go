package nect

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/ident"
	"github.com/schleuse/schleuse/sidecar/member"
)

const kind = "nect"

// step is the step of every flow.
type step struct {
	host     extension.Host
	config   Config
	services map[Level]*client
	cases    cases
	caps     caps
}

var errNobody = errors.New("an identification is asked for before there is a number")

// Begin implements flow.Step.
func (s *step) Begin(ctx context.Context, a *flow.Attempt) (flow.Outcome, error) {
	r, found, out, err := s.arrive(ctx, a)
	switch {
	case err != nil:
		return later(err)
	case out.Kind != flow.None:
		return out, nil
	case found:
		return s.seen(ctx, a, r, false)
	case s.services[s.config.policy(a.Flow).Level].resting(), string(a.State) == unanswered:
		return show("down"), nil
	}
	return show("before"), nil
}

// Resume implements flow.Step.
func (s *step) Resume(ctx context.Context, a *flow.Attempt, in flow.Input) (flow.Outcome, error) {
	r, found, out, err := s.arrive(ctx, a)
	switch {
	case err != nil:
		return later(err)
	case out.Kind != flow.None:
		return out, nil
	}
	wish := in.Only("wish")
	switch {
	case in.Kind != flow.Posted:
	case wish == "end":
		return flow.Deny("denied.ended"), nil
	case wish == "start" || wish == "again":
		return s.pressed(ctx, a, wish == "again")
	}
	if !found {
		return s.Begin(ctx, a)
	}
	if in.Kind == flow.Posted {
		return s.answered(ctx, a, r, in)
	}
	if r, err = s.cameBack(ctx, r, in.Only(secretField)); err != nil {
		return later(err)
	}
	return s.seen(ctx, a, r, false)
}

// secretField is where the step finds the secret of the address that its
// browser came back to.
const secretField = "secret"

// cameBack notes that the attempt's own browser came back, before it goes on.
func (s *step) cameBack(ctx context.Context, r record, secret string) (record, error) {
	image := s.cases.imageOf(secret)
	if !same(r.Return, image) {
		return r, nil
	}
	now, _, err := s.cases.use(ctx, r, image, bindHere)
	return now, err
}

// pressed is the button after which a case is made. Before anything costs, the
// attempt has to be stored.
func (s *step) pressed(ctx context.Context, a *flow.Attempt, again bool) (flow.Outcome, error) {
	if a.ID == "" {
		return flow.Keep(), nil
	}
	a.State = nil
	return s.begin(ctx, a, again)
}

// answered takes what is posted while there is a case.
func (s *step) answered(ctx context.Context, a *flow.Attempt, r record, in flow.Input) (flow.Outcome, error) {
	switch in.Only("wish") {
	case "wait":
		a.State = json.RawMessage(waiting)
	case "jump":
		a.State = nil
	}
	if in.Form.Has("code") && r.Bound == "" && r.Code != nil {
		return s.typed(ctx, a, r, in.Only("code"))
	}
	return s.seen(ctx, a, r, true)
}

// arrive finds the attempt's case. An outcome says that there is no way on.
func (s *step) arrive(ctx context.Context, a *flow.Attempt) (r record, found bool, out flow.Outcome, err error) {
	if a.Number == "" {
		return r, false, out, errNobody
	}
	if s.relayed(a) {
		return r, false, flow.Deny("denied.relay"), nil
	}
	refusal, err := s.refused(ctx, a)
	if err != nil || refusal != "" {
		if refusal != "" {
			out = flow.Deny("denied." + refusal)
		}
		return r, false, out, err
	}
	r, err = s.find(ctx, a)
	return r, r.Attempt != "" && r.Flow != "", out, err
}

// relayed reports whether a case could be somebody else's, in a flow that
// begins with a number alone.
func (s *step) relayed(a *flow.Attempt) bool {
	return s.config.Return == Fixed && !s.config.AcceptRelay && a.Flow != flow.Login
}

// refused says why a member gets no further, before anything costs. It is told
// to those alone who have signed in: who just knows a number learns nothing.
func (s *step) refused(ctx context.Context, a *flow.Attempt) (string, error) {
	if a.Account == "" {
		return "", nil
	}
	m, err := s.host.Members.Find(ctx, a.Number)
	if errors.Is(err, member.ErrNotFound) {
		return member.StandingUnknown.Refusal(), nil
	}
	if err != nil {
		return "", err
	}
	return m.Standing(s.host.Now(), s.config.FromAge).Refusal(), nil
}

// find returns the record that the attempt goes on with: its own, or that of an
// attempt which this browser parked, and no other.
func (s *step) find(ctx context.Context, a *flow.Attempt) (record, error) {
	if a.ID != "" {
		r, _, err := s.cases.of(ctx, a.ID)
		if err == nil && r.Root != "" {
			r, _, err = s.cases.of(ctx, r.Root)
		}
		if err != nil || r.Attempt != "" && r.belongs(a) {
			return r, err
		}
	}
	for _, id := range a.Parked[:min(len(a.Parked), 8)] {
		r, err := s.parked(ctx, a, id)
		if err != nil || r.Attempt != "" {
			return r, err
		}
	}
	return record{}, nil
}

// parked returns what a parked attempt of this browser was waiting for.
func (s *step) parked(ctx context.Context, a *flow.Attempt, id flow.AttemptID) (record, error) {
	r, _, err := s.cases.of(ctx, id)
	if err == nil && r.Root != "" {
		r, _, err = s.cases.of(ctx, r.Root)
	}
	if err != nil || !r.belongs(a) || r.Bound == "" || r.Spent != "" {
		return record{}, err
	}
	if a.ID == "" {
		return r, nil
	}
	pointer := record{Root: r.Attempt, Attempt: a.ID, Number: r.Number, Account: r.Account, Opening: r.Opening}
	err = s.cases.put(ctx, a.ID, 0, pointer)
	if errors.Is(err, extension.ErrStale) {
		err = nil // another tab did it
	}
	return r, err
}

// seen shows where a case stands, having asked Nect if that may have changed.
// What Nect does not answer leaves it where it was.
func (s *step) seen(ctx context.Context, a *flow.Attempt, r record, posted bool) (flow.Outcome, error) {
	now, err := s.pull(context.WithoutCancel(ctx), r, askPause)
	if now.Attempt != "" {
		r = now
	}
	switch {
	case err == nil || errors.Is(err, errAsking) || errors.Is(err, errFull):
	case errors.Is(err, ident.ErrUnavailable) || errors.Is(err, ident.ErrNoCase):
		s.host.Log.WarnContext(ctx, "the result of an identification cannot be asked for", "error", err)
	default:
		return later(err)
	}
	if a.ID == "" && posted && r.passes() {
		return flow.Keep(), nil
	}
	return s.page(ctx, a, r)
}

// typed compares the code that another browser shows. The try is counted before.
func (s *step) typed(ctx context.Context, a *flow.Attempt, r record, code string) (flow.Outcome, error) {
	if r.codeLate(s.host.Now()) || a.ID == "" {
		return s.page(ctx, a, r)
	}
	digits := digitsOf(code)
	if len(digits) != codePlaces {
		return askCode(flow.Problem{Field: "code", Key: "problem.code_form"}), nil
	}
	taken, err := s.host.Counters.Take(ctx, s.caps.code(r))
	switch {
	case err != nil:
		return later(err)
	case !taken.OK:
		return show("code_used_up"), nil
	case !same(r.Code, s.cases.codeImage(r, digits)) && taken.Left == 0:
		return show("code_used_up"), nil
	case !same(r.Code, s.cases.codeImage(r, digits)):
		return askCode(flow.Problem{Field: "code", Key: "problem.code_wrong", Args: map[string]any{"Count": taken.Left}}), nil
	}
	r, err = s.cases.change(ctx, r.Attempt, func(now *record) error {
		if now.Case != r.Case || now.Bound != "" {
			return errSame
		}
		now.Bound = byCode
		return nil
	})
	if err != nil {
		return later(err)
	}
	return s.seen(ctx, a, r, true)
}

// pass ends with the proof. One identification passes one attempt.
func (s *step) pass(ctx context.Context, a *flow.Attempt, r record) (flow.Outcome, error) {
	r, err := s.cases.change(ctx, r.Attempt, func(now *record) error {
		if now.Case != r.Case || !now.passes() || now.Spent != "" {
			return errSame
		}
		now.Spent = a.ID
		return nil
	})
	switch {
	case err != nil:
		return later(err)
	case r.Spent != a.ID || !r.passes():
		return show("before"), nil
	}
	if err := s.prove(ctx, r); err != nil {
		return later(err)
	}
	note := "nect " + r.Result.Procedure + " " + r.Result.Level + " " + string(r.Case) + " " + r.Result.Verdict.String()
	return flow.Done(flow.Proof{Kind: kind, At: r.Result.At, Note: note}), nil
}

// passes reports whether the person is identified as the member, and is the one
// who sits before the browser that began.
func (r record) passes() bool {
	return r.Bound != "" && r.Result.State == ident.Succeeded && !r.Result.Weak &&
		r.Result.Verdict == ident.Match && r.Result.Refusal == ""
}

// offer describes the step where the person chooses a way.
func (s *step) offer(ctx context.Context, a *flow.Attempt) (flow.Offer, error) {
	o := flow.Offer{Title: "offer.title", Needs: "offer.needs", Takes: "offer.takes"}
	if s.relayed(a) {
		return o, nil
	}
	refusal, err := s.refused(ctx, a)
	switch {
	case err != nil:
		return o, err
	case refusal != "":
		o.Reason = "closed." + refusal
	case s.services[s.config.policy(a.Flow).Level].resting():
		o.Reason = "closed.down"
	}
	o.Available = o.Reason == ""
	return o, nil
}

// How often a page asks whether there is something new.
const (
	refreshWaiting = 5 * time.Second
	refreshJump    = 10 * time.Second
)
