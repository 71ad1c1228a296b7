package egk

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/member"
	"github.com/schleuse/schleuse/sidecar/notify"
)

const (
	maxTyped = 80 // bytes that are shown again of what was typed
	maxCards = 8  // the newest that a try is compared with
)

type step struct {
	host   extension.Host
	limits limits
}

// cardData is shown by the page "card".
type cardData struct {
	Typed   string
	Several bool // the old card and the new one count
}

// Begin implements flow.Step.
func (s *step) Begin(ctx context.Context, a *flow.Attempt) (flow.Outcome, error) {
	cards, refused, err := s.cards(ctx, a)
	switch {
	case err != nil:
		return later(err)
	case !refused.none():
		return deny(refused), nil
	}
	at, err := s.limits.look(ctx, a.Account, cards)
	switch {
	case err != nil:
		return later(err)
	case !at.spent.none() && at.pending:
		return busy(cards, ""), nil
	case !at.spent.none():
		return deny(at.spent), nil
	}
	return s.here(a, at.cards), nil
}

// Resume implements flow.Step.
func (s *step) Resume(ctx context.Context, a *flow.Attempt, in flow.Input) (flow.Outcome, error) {
	cards, refused, err := s.cards(ctx, a)
	switch {
	case err != nil:
		return later(err)
	case !refused.none():
		return deny(refused), nil
	}
	if out, ok := s.wish(a, cards, in.Only("wish")); ok {
		return out, nil
	}
	typed := in.Only("digits")
	read := member.ParseCardInput(typed)
	if read.LastFour == "" {
		return ask(cards, typed, flow.Problem{Field: "digits", Key: problemOf(read.Kind)}), nil
	}
	at, err := s.limits.look(ctx, a.Account, cards)
	switch {
	case err != nil:
		return later(err)
	case !at.spent.none() && !at.pending:
		return deny(at.spent), nil
	case !at.spent.none():
		return busy(cards, typed), nil
	}
	return s.compare(ctx, a, at.cards, read.LastFour, typed)
}

// compare counts the try, compares, and takes a right one back.
func (s *step) compare(ctx context.Context, a *flow.Attempt, cards []member.Card, digits, typed string) (flow.Outcome, error) {
	counted, err := s.limits.take(ctx, a.Account, cards)
	if err != nil {
		return later(err)
	}
	if !counted { // by tries at the same time: what they come to, the next look says
		return busy(cards, typed), nil
	}
	ctx = context.WithoutCancel(ctx) // what was counted is settled, though the browser has gone
	if !matches(cards, digits) {
		return s.wrong(ctx, a, cards, typed)
	}
	if err := s.record(ctx, a, "ok"); err != nil {
		return later(errors.Join(err, s.limits.refund(ctx, a.Account, cards)))
	}
	if err := s.limits.right(ctx, a.Account, cards); err != nil {
		return later(err)
	}
	return flow.Done(flow.Proof{Kind: "egk", At: s.host.Now(), Note: "last four digits of the card's number"}), nil
}

// matches compares with every card, in a time that does not tell which digit
// or which card was right.
func matches(cards []member.Card, digits string) bool {
	match := 0
	for _, c := range cards {
		match |= subtle.ConstantTimeCompare([]byte(c.LastFour), []byte(digits))
	}
	return match == 1
}

func (s *step) wrong(ctx context.Context, a *flow.Attempt, cards []member.Card, typed string) (flow.Outcome, error) {
	if err := s.record(ctx, a, "refused"); err != nil {
		return later(err)
	}
	at, err := s.limits.look(ctx, a.Account, cards)
	if err != nil {
		return later(err)
	}
	if !at.spent.none() {
		if err := errors.Join(s.limits.settle(ctx, a.Account), s.tell(ctx, a)); err != nil {
			return later(err)
		}
		return deny(at.spent), nil
	}
	return ask(at.cards, typed, flow.Problem{Field: "digits", Key: "problem.wrong", Args: map[string]any{"Count": at.left}}), nil
}

// tell warns the person over other channels: whoever typed the digits knows
// the password.
func (s *step) tell(ctx context.Context, a *flow.Attempt) error {
	return s.host.Notify.Send(ctx, notify.Notice{
		Kind: notify.CardLocked, ID: "card/" + string(a.ID), Number: a.Number, Account: a.Account, At: s.host.Now(),
	})
}

func (s *step) record(ctx context.Context, a *flow.Attempt, result string) error {
	return s.host.Audit.Append(ctx, audit.Entry{
		Phase: audit.Fact, Action: "card.digits", Step: string(a.Step), Client: a.Client, Result: result, Person: a.Account,
	})
}

// cards returns the cards that prove something today, or why there is no way
// to go on.
func (s *step) cards(ctx context.Context, a *flow.Attempt) ([]member.Card, refusal, error) {
	if a.Account == "" || a.Number == "" {
		return nil, refusal{}, errors.New("the card is asked for before anybody signed in")
	}
	m, err := s.host.Members.Find(ctx, a.Number)
	if errors.Is(err, member.ErrNotFound) {
		return nil, refusal{key: "not_on_file"}, nil
	}
	if err != nil {
		return nil, refusal{}, err
	}
	now := s.host.Now()
	if key := m.Standing(now, s.limits.config.FromAge).Refusal(); key != "" {
		return nil, refusal{key: key}, nil
	}
	var cards []member.Card
	for _, c := range m.Cards {
		if c.Proves(now) {
			cards = append(cards, c)
		}
	}
	switch {
	case len(cards) > 0:
		return cards[max(0, len(cards)-maxCards):], refusal{}, nil
	case slices.ContainsFunc(m.Cards, func(c member.Card) bool { return c.State == member.CardOrdered }):
		return nil, refusal{key: "under_way"}, nil
	}
	return nil, refusal{key: "no_card"}, nil
}

// offer describes the step where the person chooses a way.
func (s *step) offer(ctx context.Context, a *flow.Attempt) (flow.Offer, error) {
	o := flow.Offer{Title: "offer.title", Needs: "offer.needs", Takes: "offer.takes"}
	cards, refused, err := s.cards(ctx, a)
	if err == nil && refused.none() {
		var at standing
		at, err = s.limits.look(ctx, a.Account, cards)
		refused = at.spent
	}
	if !refused.none() {
		o.Reason = "closed." + refused.key
	}
	o.Available = err == nil && refused.none()
	return o, err
}

func problemOf(k member.Typed) string {
	switch k {
	case member.TypedEmpty:
		return "problem.empty"
	case member.TypedShort:
		return "problem.short"
	case member.TypedKVNR:
		return "problem.kvnr"
	case member.TypedIK:
		return "problem.ik"
	case member.TypedCAN:
		return "problem.can"
	}
	return "problem.form"
}

func ask(cards []member.Card, typed string, problems ...flow.Problem) flow.Outcome {
	shown := strings.ToValidUTF8(typed[:min(len(typed), maxTyped)], "")
	return flow.Show(flow.View{Page: "card", Data: cardData{Typed: shown, Several: len(cards) > 1}, Problems: problems})
}

func busy(cards []member.Card, typed string) flow.Outcome {
	return ask(cards, typed, flow.Problem{Field: "digits", Key: "problem.busy"})
}

func deny(r refusal) flow.Outcome { return flow.DenyUntil("denied."+r.key, r.until) }

// later says that nothing is concluded, and nothing lost.
func later(err error) (flow.Outcome, error) {
	return flow.Outcome{}, fault.New(fault.Unavailable, "later", fmt.Errorf("asking for the card: %w", err))
}
