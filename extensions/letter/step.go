package letter

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/member"
)

// maxShown is how many bytes of what was typed are shown again.
const maxShown = 80

// stateOrdered is the attempt's state of whoever has ordered a letter in it.
const stateOrdered = `{"ordered":true}`

func ordered(a *flow.Attempt) bool { return string(a.State) == stateOrdered }

type step struct{ *desk }

// letterData is shown by the page "letter".
type letterData struct{ Typed string }

// orderedData is shown by the page "ordered".
type orderedData struct {
	Again time.Duration // no other letter before
	Valid time.Duration
	Phone string // "" = none is known
}

// Begin implements flow.Step.
func (s *step) Begin(ctx context.Context, a *flow.Attempt) (flow.Outcome, error) {
	if refused, err := s.known(ctx, a); err != nil || refused != "" {
		return refuse(refused, err)
	}
	return s.show(a), nil
}

// Resume implements flow.Step.
func (s *step) Resume(ctx context.Context, a *flow.Attempt, in flow.Input) (flow.Outcome, error) {
	if refused, err := s.known(ctx, a); err != nil || refused != "" {
		return refuse(refused, err)
	}
	switch in.Only("wish") {
	case "order":
		return s.order(ctx, a)
	case "code":
		a.State = nil
		return s.show(a), nil
	}
	typed := in.Only("code")
	c, problem := readCode(typed)
	if problem != nil {
		return ask(a, typed, *problem), nil
	}
	return s.redeem(ctx, a, c, typed)
}

// known says of somebody who has signed in why they cannot go on. Of anybody
// else nothing is looked up: who only knows a number must not learn from it.
func (s *step) known(ctx context.Context, a *flow.Attempt) (string, error) {
	switch {
	case a.Number == "":
		return "", errors.New("a letter's code is asked for before a number")
	case a.Account == "":
		return "", nil
	}
	return s.standing(ctx, a.Number)
}

// standing is the refusal of a person; "" = they can go on.
func (s *step) standing(ctx context.Context, number member.KVNR) (string, error) {
	m, err := s.host.Members.Find(ctx, number)
	if errors.Is(err, member.ErrNotFound) {
		return member.StandingUnknown.Refusal(), nil
	}
	if err != nil {
		return "", err
	}
	return m.Standing(s.host.Now(), s.config.FromAge).Refusal(), nil
}

func refuse(refused string, err error) (flow.Outcome, error) {
	if err != nil {
		return later(err)
	}
	return flow.Deny("denied." + refused), nil
}

func (s *step) show(a *flow.Attempt) flow.Outcome {
	if ordered(a) {
		data := orderedData{Again: min(s.config.Again, s.config.Valid), Valid: s.config.Valid, Phone: s.host.Help}
		return flow.Show(flow.View{Page: "ordered", Data: data})
	}
	return ask(a, "")
}

func ask(a *flow.Attempt, typed string, problems ...flow.Problem) flow.Outcome {
	a.State = nil
	shown := strings.ToValidUTF8(typed[:min(len(typed), maxShown)], "")
	return flow.Show(flow.View{Page: "letter", Data: letterData{shown}, Problems: problems})
}

// redeem counts the try, compares, and takes a right one back.
func (s *step) redeem(ctx context.Context, a *flow.Attempt, c code, typed string) (flow.Outcome, error) {
	limits := s.tries(a)
	taken, err := s.host.Counters.Take(ctx, limits...)
	if err != nil {
		return later(err)
	}
	out, problem := flow.Outcome{}, "locked"
	if taken.OK {
		// What was counted is settled, though the browser has gone.
		out, problem, err = s.compare(context.WithoutCancel(ctx), a, c, limits)
	}
	if err != nil {
		return later(err)
	}
	if problem != "" {
		return ask(a, typed, flow.Problem{Field: "code", Key: "problem." + problem, Args: map[string]any{"Wait": s.left(s.free(taken))}}), nil
	}
	return out, nil
}

// compare looks for the code. It returns what is wrong with it, or where it
// leads.
func (s *step) compare(ctx context.Context, a *flow.Attempt, c code, limits []extension.Limit) (out flow.Outcome, problem string, err error) {
	var found issued
	key := codeKey(a.Flow, a.Number, c)
	version, err := get(ctx, s.host.Records, key, &found)
	if err != nil {
		return out, "", err
	}
	if version == 0 {
		return out, "wrong", s.record(ctx, a, "refused")
	}
	if err := s.host.Counters.Refund(ctx, limits...); err != nil {
		return out, "", err
	}
	switch {
	case found.Used != "" && found.Used != a.ID:
		return out, "used", nil
	case !s.host.Now().Before(found.Until):
		return out, "expired", nil
	case a.ID == "":
		return flow.Keep(), "", nil
	}
	return s.right(ctx, a, key, found, version)
}

// right uses the code up for this attempt: whoever brings it again in the same
// one, after a crash, is done too.
func (s *step) right(ctx context.Context, a *flow.Attempt, key string, found issued, version int64) (out flow.Outcome, problem string, err error) {
	refused, err := s.standing(ctx, a.Number)
	if err != nil {
		return out, "", err
	}
	if refused != "" {
		return flow.Deny("denied." + refused), "", nil
	}
	if found.Used == "" {
		found.Used, found.UsedAt = a.ID, s.host.Now()
		about := extension.Subject{Number: a.Number, Account: a.Account, Evidence: true}
		err = put(ctx, s.host.Records.About(about), key, version, found, found.Until.Add(keepIssued).Sub(s.host.Now()))
	}
	if errors.Is(err, extension.ErrStale) { // used at this moment, perhaps by ourselves
		_, err = get(ctx, s.host.Records, key, &found)
	}
	if err == nil && found.Used != a.ID {
		return out, "used", nil
	}
	if err == nil {
		err = s.settle(ctx, a.Flow, a.Number, found.Order)
	}
	if err == nil {
		err = s.record(ctx, a, "ok")
	}
	return flow.Done(flow.Proof{Kind: "letter", At: s.host.Now(), Note: "code by post to the address on file"}), "", err
}

func (s *step) record(ctx context.Context, a *flow.Attempt, result string) error {
	return s.host.Audit.Append(ctx, audit.Entry{
		Phase: audit.Fact, Action: "letter.code", Step: string(a.Step), Client: a.Client, Result: result, Person: a.Account,
	})
}

// ofAttempt is the limit of an attempt, the only one that outlives a day.
const ofAttempt = "wrong.attempt"

// tries bound guessing, by browser, address and IPv6 network. They never count
// for a person: nobody who knows a number may use up somebody else's tries.
func (s *step) tries(a *flow.Attempt) []extension.Limit {
	limits := s.perNetwork("wrong.address", a.Address, s.config.TriesPerAddress)
	switch {
	case a.ID != "":
		about := extension.Subject{Number: a.Number, Account: a.Account}
		return append(limits, extension.Limit{Name: ofAttempt, Subject: string(a.ID), Max: s.config.Tries, Window: s.config.Lock, About: about})
	case a.Browser != "": // of a draft it may bring as many as it likes
		return append(limits, s.today("wrong.browser", a.Address.String()+" "+a.Browser, s.config.Tries))
	}
	return limits
}

// free is when a code is taken again.
func (s *step) free(t extension.Taken) time.Time {
	if t.Limit == ofAttempt {
		return t.Until
	}
	return s.tomorrow()
}

// left is how long it is until then, as a page says it.
func (s *step) left(until time.Time) time.Duration {
	return max(time.Minute, until.Sub(s.host.Now()))
}

// offer describes the step where the person chooses a way. It is the same for
// every number.
func (s *step) offer(ctx context.Context, a *flow.Attempt) (flow.Offer, error) {
	o := flow.Offer{Title: "offer.title", Needs: "offer.needs", Takes: "offer.takes"}
	refused, err := s.known(ctx, a)
	if refused != "" {
		o.Reason = "closed." + refused
	}
	o.Available = err == nil && refused == ""
	return o, err
}

// later says that nothing is concluded, and nothing lost.
func later(err error) (flow.Outcome, error) {
	return flow.Outcome{}, fault.New(fault.Unavailable, "later", fmt.Errorf("asking for a letter's code: %w", err))
}
