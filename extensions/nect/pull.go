package nect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/ident"
	"github.com/schleuse/schleuse/sidecar/member"
)

const (
	// askPause is how long after one question about a case a page asks the next.
	askPause = 2 * time.Second
	// leaseTime is how long one question and what follows from it may take.
	// Whoever asks in the meantime is told what is known.
	leaseTime = 30 * time.Second
)

// hint is a message of the outbox: this case may have moved.
type hint struct {
	Attempt flow.AttemptID
	Case    ident.CaseID
}

// errAsking says that somebody else is asking for the same result.
var errAsking = errors.New("the result is being asked for")

// errFull says that too many foreign documents came from an address: a result
// is compared when there is room again.
var errFull = errors.New("no room to compare the result: too many foreign documents from this address")

// run delivers hints: each leads to one question to Nect.
func (s *step) run(ctx context.Context) error {
	return s.host.Outbox.Deliver(ctx, func(ctx context.Context, m extension.Message) error {
		var h hint
		if err := json.Unmarshal(m.Body, &h); err != nil {
			return fmt.Errorf("%w: no hint", extension.ErrUndeliverable)
		}
		r, _, err := s.cases.of(ctx, h.Attempt)
		if err != nil || r.Case != h.Case {
			return err
		}
		_, err = s.pull(ctx, r, 0)
		return err
	})
}

// pull asks Nect for a case's result, if that can still change and nobody has
// asked for so long, and stores what remains of it. It returns the record as
// it is then.
func (s *step) pull(ctx context.Context, r record, pause time.Duration) (record, error) {
	if !r.opened() || r.Result.State.Final() {
		return r, nil
	}
	r, leased, err := s.lease(ctx, r, pause)
	if err != nil || !leased {
		return r, err
	}
	got, err := s.ask(ctx, r)
	stored, storing := s.cases.change(ctx, r.Attempt, func(now *record) error {
		if now.Case != r.Case || !now.Lease.Equal(r.Lease) {
			return errSame
		}
		now.Lease, now.Full = time.Time{}, errors.Is(err, errFull)
		if err == nil && moves(now.Result.State, got.State) {
			now.Result = got
		}
		return nil
	})
	return stored, errors.Join(err, storing)
}

// lease makes sure that nobody else asks for the same result. It is not given
// where nothing can be new.
func (s *step) lease(ctx context.Context, r record, pause time.Duration) (now record, leased bool, err error) {
	now, err = s.cases.change(ctx, r.Attempt, func(now *record) error {
		leased = false
		at := s.host.Now()
		switch {
		case now.Case != r.Case || now.Result.State.Final() || at.Sub(now.Asked) < pause:
			return errSame
		case at.Before(now.Lease):
			return errAsking
		}
		now.Asked, now.Lease, leased = at, at.Add(leaseTime), true
		return nil
	})
	return now, leased && err == nil, err
}

// moves reports whether a case may go from one state to another. What is final
// stays, and who is in review was done.
func moves(from, to ident.State) bool { return !from.Final() && to >= from }

// ask asks Nect, and compares at once whom it names, so that nothing of the
// person need be kept.
func (s *step) ask(ctx context.Context, r record) (result, error) {
	service, ok := s.services[r.Level]
	if !ok {
		return result{}, fmt.Errorf("level %q is not configured any more", r.Level)
	}
	got, err := service.Result(ctx, r.Case)
	now := s.host.Now()
	switch {
	case errors.Is(err, ident.ErrNoCase) && now.Sub(r.Opening) >= caseLife:
		return result{State: ident.Expired, At: now}, nil
	case err != nil:
		return result{}, err
	}
	out := result{State: got.State, At: now}
	if got.State != ident.Succeeded {
		return out, s.note(ctx, r, out)
	}
	policy := s.config.policy(r.Flow)
	out.Procedure, out.Level = got.Procedure, got.Level
	if !slices.Contains(policy.Procedures, got.Procedure) || !Level(got.Level).reaches(policy.Level) {
		out.Weak = true
		return out, s.note(ctx, r, out)
	}
	out.Verdict, out.Refusal, err = s.compare(ctx, r, got.Person)
	if err != nil {
		return result{}, err
	}
	return out, s.note(ctx, r, out)
}

// compare says whether the person is the member with the number. A number that
// nobody has is answered like a foreign document, and costs the same. What was
// counted is given back where the document was no foreign one.
func (s *step) compare(ctx context.Context, r record, p ident.Person) (ident.Verdict, string, error) {
	limits := s.caps.foreign(r)
	taken, err := s.host.Counters.Take(ctx, limits...)
	if err != nil {
		return 0, "", err
	}
	if !taken.OK {
		return 0, "", errFull
	}
	on, err := s.host.Members.Find(ctx, r.Number)
	unknown := errors.Is(err, member.ErrNotFound)
	if err != nil && !unknown {
		return 0, "", errors.Join(err, s.host.Counters.Refund(ctx, limits...))
	}
	namesakes, err := member.Namesakes(ctx, s.host.Members, r.Number)
	if err != nil && (!unknown || !errors.Is(err, member.ErrNotFound)) {
		return 0, "", errors.Join(err, s.host.Counters.Refund(ctx, limits...))
	}
	verdict := ident.Compare(on, namesakes, p)
	if unknown || verdict == 0 || verdict == ident.Mismatch {
		return ident.Mismatch, "", s.alarm(ctx, r)
	}
	refusal := ""
	if verdict == ident.Match {
		refusal = on.Standing(s.host.Now(), s.config.FromAge).Refusal()
	}
	return verdict, refusal, s.host.Counters.Refund(ctx, limits...)
}

// alarm tells of a number for which foreign documents come again and again,
// once a day.
func (s *step) alarm(ctx context.Context, r record) error {
	taken, err := s.host.Counters.Take(ctx, s.caps.person(r))
	if err != nil || !taken.OK || taken.Left > 0 {
		return err
	}
	s.host.Log.ErrorContext(ctx, "several foreign documents for one number in a day", "flow", r.Flow, "case", r.Case)
	return s.host.Audit.Append(ctx, audit.Entry{
		Phase: audit.Fact, Action: "identification.alarm", Step: s.host.Name, Client: r.Client, Result: "refused",
		Ref: string(r.Case), Person: r.Account,
	})
}

// note writes the evidence down before anything is done because of it.
func (s *step) note(ctx context.Context, r record, got result) error {
	if !got.State.Final() {
		return nil
	}
	what, outcome := got.State.String(), "refused"
	switch {
	case got.Weak:
		what = "weak"
	case got.State == ident.Succeeded:
		what = got.Verdict.String()
	}
	if what == ident.Match.String() && got.Refusal == "" {
		outcome = "ok"
	}
	if got.Verdict == ident.Mismatch {
		s.host.Log.ErrorContext(ctx, "an identification names another person than the number does", "flow", r.Flow, "case", r.Case)
	}
	return s.host.Audit.Append(ctx, audit.Entry{
		Phase: audit.Fact, Action: "identification." + what, Step: s.host.Name, Client: r.Client, Result: outcome,
		Ref: string(r.Case), Person: r.Account, Detail: map[string]string{"procedure": got.Procedure, "level": got.Level},
	})
}
