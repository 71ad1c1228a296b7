package letter

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/member"
)

// order is an order as it waits, sealed, in the outbox. Its code is drawn when
// it is made, so that whatever is repeated sends the same letter.
type order struct {
	ID       string
	Number   member.KVNR
	Purpose  flow.Name
	Code     code
	Language string
	At       time.Time
}

// keepOrder is how long an order is tried.
const keepOrder = 7 * day

// order takes an order, in the same way for every number. For somebody who has
// signed in it is looked first whether a letter can go out.
func (s *step) order(ctx context.Context, a *flow.Attempt) (flow.Outcome, error) {
	if ordered(a) {
		return s.show(a), nil
	}
	if a.Account != "" {
		problem, err := s.hindrance(ctx, a)
		if err != nil {
			return later(err)
		}
		if problem != nil {
			return ask(a, "", *problem), nil
		}
	}
	taken, err := s.host.Counters.Take(ctx, s.orders(a.Address)...)
	if err != nil {
		return later(err)
	}
	if !taken.OK {
		return ask(a, "", flow.Problem{Key: "problem.orders", Args: map[string]any{"Wait": s.left(s.tomorrow())}}), nil
	}
	if err := s.queue(ctx, a); err != nil {
		return later(err)
	}
	a.State = json.RawMessage(stateOrdered)
	return s.show(a), nil
}

func (s *step) queue(ctx context.Context, a *flow.Attempt) error {
	o := order{ID: rand.Text(), Number: a.Number, Purpose: a.Flow, Code: newCode(), Language: a.Language, At: s.host.Now()}
	body, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("encoding an order: %w", err)
	}
	about := extension.Subject{Number: a.Number, Account: a.Account}
	return s.host.Outbox.About(about).Put(ctx, "order/"+o.ID, body, min(keepOrder, s.config.Valid))
}

// hindrance says to somebody who has signed in why no letter would come.
func (s *step) hindrance(ctx context.Context, a *flow.Attempt) (*flow.Problem, error) {
	m, err := s.host.Members.Find(ctx, a.Number)
	if err != nil {
		return nil, err
	}
	if !m.HasAddress {
		return &flow.Problem{Key: "problem.no_address"}, nil
	}
	last, _, err := s.lastOrder(ctx, a.Flow, a.Number)
	if err != nil || !last.bars("") {
		return nil, err
	}
	return &flow.Problem{Key: "problem.under_way", Args: map[string]any{"From": last.Next}}, nil
}

// manifold is how much more an IPv6 network bears than one of the /64 that
// addresses are counted by.
const manifold = 4

// orders bound what one address orders, and one IPv6 network, as each letter
// costs, and disturbs whoever gets it.
func (s *step) orders(address netip.Prefix) []extension.Limit {
	return s.perNetwork("orders", address, s.config.OrdersPerAddress)
}

// perNetwork are the limits a day of an address and of its IPv6 network.
func (s *step) perNetwork(name string, address netip.Prefix, most int) []extension.Limit {
	out := []extension.Limit{s.today(name, address.String(), most)}
	if wide := flow.Network(address); wide != address {
		out = append(out, s.today(name+".network", wide.String(), manifold*most))
	}
	return out
}

// today makes a limit of the day, in UTC: counters forget after the last try,
// so that without the day one now and then would add up for ever.
func (s *step) today(name, subject string, most int) extension.Limit {
	return extension.Limit{Name: name, Subject: subject + " " + s.host.Now().UTC().Format(time.DateOnly), Max: most, Window: day}
}

// tomorrow is when the limits of today end.
func (s *step) tomorrow() time.Time { return s.host.Now().Truncate(day).Add(day) }
