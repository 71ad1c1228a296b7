package nect

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/ident"
)

// fresh is how long after the making of a case another press of the button
// means the same one.
const fresh = 20 * time.Second

// begin makes a case for the attempt, or goes on with the one that is there: a
// button pressed twice, or in two tabs, makes one. again asks for a new one.
func (s *step) begin(ctx context.Context, a *flow.Attempt, again bool) (flow.Outcome, error) {
	now := s.host.Now()
	old, version, err := s.cases.of(ctx, a.ID)
	switch {
	case err != nil:
		return later(err)
	case old.Root == "" && old.belongs(a) && s.goesOn(old, again):
		return s.seen(ctx, a, old, true)
	case s.services[s.config.policy(a.Flow).Level].resting():
		return show("down"), nil
	}
	may, err := s.caps.look(ctx, a)
	switch {
	case err != nil:
		return later(err)
	case may.refused:
		return flow.DenyUntil(tooMany(may), may.until), nil
	}
	r := record{
		Attempt: a.ID, Flow: a.Flow, Number: a.Number, Account: a.Account, Client: a.Client, Address: a.Address.String(), Browser: a.Browser,
		Level: s.config.policy(a.Flow).Level, Opening: now,
	}
	err = s.cases.put(ctx, a.ID, version, r)
	if errors.Is(err, extension.ErrStale) {
		return s.begun(ctx, a)
	}
	if err != nil {
		return later(err)
	}
	return s.make(ctx, a, r)
}

// goesOn reports whether the case at hand is the one that is meant.
func (s *step) goesOn(r record, again bool) bool {
	now := s.host.Now()
	if r.over(now) {
		return false
	}
	return !again || now.Sub(r.Opening) < fresh || r.Bound != "" && r.Result.State >= ident.InReview
}

// begun shows what another tab has begun.
func (s *step) begun(ctx context.Context, a *flow.Attempt) (flow.Outcome, error) {
	r, _, err := s.cases.of(ctx, a.ID)
	if err != nil {
		return later(err)
	}
	return s.page(ctx, a, r)
}

// tooMany is the key for who has used up their cases.
func tooMany(at standing) string {
	switch {
	case at.until.IsZero():
		return "denied.used_up"
	case strings.HasSuffix(at.limit, ofAddress):
		return "denied.full"
	case strings.HasSuffix(at.limit, ofNumber):
		return "denied.number"
	}
	return "denied.too_many"
}

// make counts and makes the case of a record that is already stored. It goes
// on though the browser has left, because what was made costs.
func (s *step) make(ctx context.Context, a *flow.Attempt, r record) (flow.Outcome, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), openingTime-5*time.Second)
	defer cancel()
	counted, err := s.caps.take(ctx, a)
	if err == nil && counted.alarmed {
		s.host.Log.ErrorContext(ctx, "more identifications today than per_day: they are made slowly")
	}
	if counted.tenth {
		s.host.Log.WarnContext(ctx, "a tenth of per_day identifications was begun today", "per_day", s.config.PerDay)
	}
	switch {
	case err != nil:
		return later(errors.Join(err, s.cases.drop(ctx, r)))
	case counted.refused:
		return s.instead(ctx, r, flow.DenyUntil(tooMany(counted), counted.until))
	case counted.busy:
		return s.instead(ctx, r, show("before", flow.Problem{Key: "problem.busy"}))
	}
	made, err := s.order(ctx, r, a.Language)
	switch {
	case errors.Is(err, errNotOpened):
		if err := s.caps.refund(ctx, counted); err != nil {
			return later(errors.Join(err, s.cases.drop(ctx, r)))
		}
		return s.instead(ctx, r, s.down(a))
	case errors.Is(err, ident.ErrUnavailable):
		return s.instead(ctx, r, s.down(a))
	case errors.Is(err, errNotOrdered):
		return later(errors.Join(err, s.caps.refund(ctx, counted), s.cases.drop(ctx, r)))
	case err != nil:
		return later(errors.Join(err, s.cases.drop(ctx, r)))
	}
	return s.seen(ctx, a, made, true)
}

// instead forgets a record of which nothing came.
func (s *step) instead(ctx context.Context, r record, out flow.Outcome) (flow.Outcome, error) {
	if err := s.cases.drop(ctx, r); err != nil {
		return later(err)
	}
	return out, nil
}

// errNotOrdered says that Nect was not asked for a case at all.
var errNotOrdered = errors.New("nothing was ordered")

// order makes the case at Nect and stores it, bound to attempt and number,
// before anybody is told of it.
func (s *step) order(ctx context.Context, r record, language string) (record, error) {
	secret, image := s.cases.newSecret()
	request := ident.Request{
		Level: string(r.Level), Language: language, Callback: s.host.Base.JoinPath("callback"),
		Return: s.host.Base.JoinPath("return", secret),
	}
	if s.config.Return == Fixed {
		request.Return = s.host.Base.JoinPath("return")
	}
	if err := s.cases.name(ctx, s.cases.secretKey(image), r); err != nil {
		return r, errors.Join(errNotOrdered, err)
	}
	ref := reference(image)
	entry := audit.Entry{Phase: audit.Intent, Action: "identification.open", Step: s.host.Name, Client: r.Client, Ref: ref, Person: r.Account}
	if err := s.host.Audit.Append(ctx, entry); err != nil {
		return r, errors.Join(errNotOrdered, err)
	}
	opened, err := s.services[r.Level].Open(ctx, request)
	entry.Phase, entry.Result = audit.Outcome, "ok"
	if err != nil {
		s.host.Log.WarnContext(ctx, "no identification can be begun", "error", err)
		entry.Result = "failed"
	}
	if err := errors.Join(err, s.host.Audit.Append(ctx, entry)); err != nil {
		return r, err
	}
	if err := s.cases.name(ctx, s.cases.caseKey(opened.Case), r); err != nil {
		return r, err
	}
	return s.cases.change(ctx, r.Attempt, func(now *record) error {
		if !now.Opening.Equal(r.Opening) || now.opened() {
			return errors.New("a case was begun twice")
		}
		now.Case, now.Jump, now.Return = opened.Case, opened.Jump.String(), image
		now.Result.State = ident.Pending
		if s.config.Return == Fixed {
			now.Return, now.Bound = nil, anybody
		}
		return nil
	})
}

// reference ties two entries of the audit. It is made of letters alone, so that
// nobody takes a part of it for a number.
func reference(image []byte) string {
	out := make([]byte, 0, 16)
	for _, b := range image[:8] {
		out = append(out, 'a'+b>>4, 'a'+b&15)
	}
	return string(out)
}

// later says that nothing is concluded, and nothing lost.
func later(err error) (flow.Outcome, error) {
	return flow.Outcome{}, fault.New(fault.Unavailable, "later", err)
}
