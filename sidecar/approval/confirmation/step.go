package confirmation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/flow"
)

// refreshWaiting is how often the waiting page looks whether the phone has
// answered.
const refreshWaiting = 3 * time.Second

// Step is the step. All fields must be set.
type Step struct {
	Approvals approval.Asker
	Now       func() time.Time
	Kind      string // of the proof
	Action    string // of approval.BuiltIn
	// Purpose is what the person confirms with the attempt's id. What was
	// confirmed for one purpose serves no other.
	Purpose string
	Fields  func(*flow.Attempt) map[string]string // what the phone shows
	NoPhone flow.Outcome                          // for whoever has no phone that can confirm
}

// state is what is kept of an attempt.
type state struct {
	ID    approval.ID `json:"i,omitempty"`
	Round int         `json:"r,omitempty"` // requests made in this attempt
}

// waitingData is shown by the page "waiting".
type waitingData struct{ Code string }

// Begin implements flow.Step.
func (s *Step) Begin(ctx context.Context, a *flow.Attempt) (flow.Outcome, error) {
	var st state
	if a.State != nil && json.Unmarshal(a.State, &st) != nil {
		return flow.Outcome{}, errors.New("a state of another step")
	}
	if st.ID == "" {
		return s.before(ctx, a)
	}
	now, err := s.Approvals.Get(ctx, st.ID)
	if errors.Is(err, approval.ErrNoApproval) {
		return begin("problem.over"), nil
	}
	if err != nil {
		return later(err)
	}
	return s.at(ctx, a, now)
}

// at goes on from where the request stands.
func (s *Step) at(ctx context.Context, a *flow.Attempt, now approval.Approval) (flow.Outcome, error) {
	switch now.StateAt(s.Now()) {
	case approval.Pending:
		return flow.Show(flow.View{Page: "waiting", Data: waitingData{now.MatchCode}, Refresh: refreshWaiting}), nil
	case approval.Approved:
		err := s.Approvals.Redeem(ctx, now.ID, s.content(a))
		switch fault.KindOf(err) {
		case fault.Internal, fault.Unavailable, fault.Timeout:
			if err != nil {
				return later(err)
			}
			return s.done(now), nil
		}
		return s.refused(ctx, a, now, err)
	case approval.Redeemed: // by us, and the process died before it was noted
		if !now.Content.Equal(s.content(a)) {
			return begin("problem.over"), nil
		}
		return s.done(now), nil
	case approval.Denied:
		return flow.Deny("denied.refused"), nil
	default:
		return begin("problem.over"), nil
	}
}

// refused looks once more at what could not be redeemed: another tab of this
// browser may have done it.
func (s *Step) refused(ctx context.Context, a *flow.Attempt, before approval.Approval, cause error) (flow.Outcome, error) {
	now, err := s.Approvals.Get(ctx, before.ID)
	switch {
	case err != nil:
		return later(errors.Join(cause, err))
	case now.StateAt(s.Now()) == approval.Approved:
		return flow.Deny("denied.refused"), nil
	}
	return s.at(ctx, a, now)
}

func (s *Step) done(a approval.Approval) flow.Outcome {
	return flow.Done(flow.Proof{Kind: s.Kind, At: a.Decided, Note: "approval " + string(a.ID) + " by phone " + string(a.Device)})
}

// before explains, and asks nobody anything.
func (s *Step) before(ctx context.Context, a *flow.Attempt) (flow.Outcome, error) {
	n, err := s.Count(ctx, a)
	if err != nil {
		return later(err)
	}
	if n == 0 {
		return s.NoPhone, nil
	}
	return flow.Show(flow.View{Page: "before"}), nil
}

// Count is how many phones the person has that may confirm.
func (s *Step) Count(ctx context.Context, a *flow.Attempt) (int, error) {
	if a.Account == "" {
		return 0, nil
	}
	return s.Approvals.Phones(ctx, a.Account)
}

// begin shows the first page again, with what has happened.
func begin(problem string) flow.Outcome {
	return flow.Show(flow.View{Page: "before", Problems: []flow.Problem{{Key: problem}}})
}

// Resume implements flow.Step.
func (s *Step) Resume(ctx context.Context, a *flow.Attempt, in flow.Input) (flow.Outcome, error) {
	if in.Only("wish") != "ask" || a.ID == "" {
		return s.Begin(ctx, a)
	}
	var st state
	if a.State != nil && json.Unmarshal(a.State, &st) != nil {
		return flow.Outcome{}, errors.New("a state of another step")
	}
	if st.ID != "" {
		now, err := s.Approvals.Get(ctx, st.ID)
		if err == nil && !now.StateAt(s.Now()).Final() {
			return s.at(ctx, a, now)
		}
	}
	return s.ask(ctx, a, st)
}

// ask asks the person on their phones. The same press asks once, however often
// it comes.
func (s *Step) ask(ctx context.Context, a *flow.Attempt, st state) (flow.Outcome, error) {
	if a.Account == "" {
		return s.NoPhone, nil
	}
	asked, err := s.Approvals.Ask(ctx, approval.Request{
		Account: a.Account, Action: s.Action, Fields: s.Fields(a), Content: s.content(a),
		Key: string(a.ID) + "/" + strconv.Itoa(st.Round), Session: string(a.Session),
	})
	switch {
	case errors.Is(err, approval.ErrNobody):
		return s.NoPhone, nil
	case errors.Is(err, approval.ErrPending):
		return begin("problem.pending"), nil
	case fault.KindOf(err) == fault.TooMany:
		return begin("problem.too_many"), nil
	case err != nil:
		return later(err)
	}
	if a.State, err = json.Marshal(state{asked.ID, st.Round + 1}); err != nil {
		return flow.Outcome{}, err
	}
	return s.at(ctx, a, asked)
}

// content is what the person confirms: this attempt, and no other.
func (s *Step) content(a *flow.Attempt) approval.Hash {
	return approval.HashOf([]byte(s.Purpose + "\n" + string(a.ID)))
}

// later says that nothing is concluded, and nothing lost.
func later(err error) (flow.Outcome, error) {
	return flow.Outcome{}, fault.New(fault.Unavailable, "later", fmt.Errorf("asking on the phone: %w", err))
}
