package phone

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

type step struct {
	approvals approval.Asker
	now       func() time.Time
}

// state is what is kept of an attempt.
type state struct {
	ID    approval.ID `json:"i,omitempty"`
	Round int         `json:"r,omitempty"` // requests made in this attempt
}

// waitingData is shown by the page "waiting".
type waitingData struct{ Code string }

// Begin implements flow.Step.
func (s *step) Begin(ctx context.Context, a *flow.Attempt) (flow.Outcome, error) {
	var st state
	if a.State != nil && json.Unmarshal(a.State, &st) != nil {
		return flow.Outcome{}, errors.New("a state of another step")
	}
	if st.ID == "" {
		return s.before(ctx, a)
	}
	now, err := s.approvals.Get(ctx, st.ID)
	if errors.Is(err, approval.ErrNoApproval) {
		return begin("problem.over"), nil
	}
	if err != nil {
		return later(err)
	}
	return s.at(ctx, a, now)
}

// at goes on from where the request stands.
func (s *step) at(ctx context.Context, a *flow.Attempt, now approval.Approval) (flow.Outcome, error) {
	switch now.StateAt(s.now()) {
	case approval.Pending:
		return flow.Show(flow.View{Page: "waiting", Data: waitingData{now.MatchCode}, Refresh: refreshWaiting}), nil
	case approval.Approved:
		err := s.approvals.Redeem(ctx, now.ID, content(a))
		switch fault.KindOf(err) {
		case fault.Internal, fault.Unavailable, fault.Timeout:
			if err != nil {
				return later(err)
			}
			return done(now), nil
		}
		return s.refused(ctx, a, now, err)
	case approval.Redeemed: // by us, and the process died before it was noted
		if !now.Content.Equal(content(a)) {
			return begin("problem.over"), nil
		}
		return done(now), nil
	case approval.Denied:
		return flow.Deny("denied.refused"), nil
	default:
		return begin("problem.over"), nil
	}
}

// refused looks once more at what could not be redeemed: another tab of this
// browser may have done it.
func (s *step) refused(ctx context.Context, a *flow.Attempt, before approval.Approval, cause error) (flow.Outcome, error) {
	now, err := s.approvals.Get(ctx, before.ID)
	switch {
	case err != nil:
		return later(errors.Join(cause, err))
	case now.StateAt(s.now()) == approval.Approved:
		return flow.Deny("denied.refused"), nil
	}
	return s.at(ctx, a, now)
}

func done(a approval.Approval) flow.Outcome {
	return flow.Done(flow.Proof{Kind: "phone", At: a.Decided, Note: "approval " + string(a.ID) + " by phone " + string(a.Device)})
}

// before explains, and asks nobody anything.
func (s *step) before(ctx context.Context, a *flow.Attempt) (flow.Outcome, error) {
	n, err := s.phones(ctx, a)
	if err != nil {
		return later(err)
	}
	if n == 0 {
		return flow.Deny("denied.no_phone"), nil
	}
	return flow.Show(flow.View{Page: "before"}), nil
}

func (s *step) phones(ctx context.Context, a *flow.Attempt) (int, error) {
	if a.Account == "" {
		return 0, nil
	}
	return s.approvals.Phones(ctx, a.Account)
}

// begin shows the first page again, with what has happened.
func begin(problem string) flow.Outcome {
	return flow.Show(flow.View{Page: "before", Problems: []flow.Problem{{Key: problem}}})
}

// Resume implements flow.Step.
func (s *step) Resume(ctx context.Context, a *flow.Attempt, in flow.Input) (flow.Outcome, error) {
	if in.Only("wish") != "ask" || a.ID == "" {
		return s.Begin(ctx, a)
	}
	var st state
	if a.State != nil && json.Unmarshal(a.State, &st) != nil {
		return flow.Outcome{}, errors.New("a state of another step")
	}
	if st.ID != "" {
		now, err := s.approvals.Get(ctx, st.ID)
		if err == nil && !now.StateAt(s.now()).Final() {
			return s.at(ctx, a, now)
		}
	}
	return s.ask(ctx, a, st)
}

// ask asks the person on their phones. The same press asks once, however often
// it comes.
func (s *step) ask(ctx context.Context, a *flow.Attempt, st state) (flow.Outcome, error) {
	if a.Account == "" {
		return flow.Deny("denied.no_phone"), nil
	}
	asked, err := s.approvals.Ask(ctx, approval.Request{
		Account: a.Account, Action: approval.Enrol, Fields: map[string]string{"phone": a.Client}, Content: content(a),
		Key: string(a.ID) + "/" + strconv.Itoa(st.Round), Session: string(a.Session),
	})
	switch {
	case errors.Is(err, approval.ErrNobody):
		return flow.Deny("denied.no_phone"), nil
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
func content(a *flow.Attempt) approval.Hash {
	return approval.HashOf([]byte("enrolment\n" + string(a.ID)))
}

// offer describes the step to those who have a phone.
func (s *step) offer(ctx context.Context, a *flow.Attempt) (flow.Offer, error) {
	n, err := s.phones(ctx, a)
	return flow.Offer{Available: err == nil && n > 0, Title: "offer.title", Needs: "offer.needs", Takes: "offer.takes"}, err
}

// later says that nothing is concluded, and nothing lost.
func later(err error) (flow.Outcome, error) {
	return flow.Outcome{}, fault.New(fault.Unavailable, "later", fmt.Errorf("asking on the phone: %w", err))
}
