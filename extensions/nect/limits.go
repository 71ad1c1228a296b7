package nect

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/flow"
)

const (
	day = 24 * time.Hour
	// codeTries is how often the code of another browser may be typed.
	codeTries = 3
	// mismatches is how many foreign documents one attempt bears, and manifold
	// times as many one browser a day: each new attempt there begins anew.
	mismatches = 2
	// alarming is how many foreign documents for one number in a day alarm.
	alarming = 3
	// slot is how often a case is made when the day's number is over.
	slot = 5 * time.Second
	// shareOf is which part of its own limit an address has of those cases.
	shareOf = 10
	// hints is how many callbacks of one case lead to anything, and hintPause
	// how close they may follow each other: the others tell nothing new.
	hints     = 100
	hintPause = 2 * time.Second
	// ofAddress ends the names of the limits that people share.
	ofAddress = "_address"
	// ofNumber ends that of everybody who brings the same number, and manifold
	// is how much more such a wider limit bears.
	ofNumber = "_number"
	manifold = 4
	// ofAttempt is the limit of an attempt, the only refusal that outlives a day.
	ofAttempt = "mismatch"
)

// caps bound what cases cost, and guessing.
type caps struct {
	config   Config
	counters extension.Counters
	now      func() time.Time
}

// standing says whether a case may be made.
type standing struct {
	refused bool
	limit   string    // which one decides
	until   time.Time // when it is no more refused; zero = not by itself
	busy    bool      // too many people at the same moment: in a moment it may
	alarmed bool      // the day's number is over
	tenth   bool      // a tenth of it is reached, for the first time today
	counted []extension.Limit
}

// today makes a limit one of the day, in UTC: counters forget after the last
// try, so that without the day a try now and then would add up for ever.
func (c caps) today(l extension.Limit) extension.Limit {
	l.Subject += " " + c.now().UTC().Format(time.DateOnly)
	l.Window = day
	return l
}

// tomorrow is when the limits of today end.
func (c caps) tomorrow() time.Time { return c.now().Truncate(day).Add(day) }

// own are the limits of whoever asks. Who has signed in is counted apart, and
// nobody uses up their cases. Before that a number is counted for each network
// that brings it, so that a stranger shuts it in their own alone: to shut it
// everywhere takes as many networks as manifold says.
func (c caps) own(a *flow.Attempt) []extension.Limit {
	about := extension.Subject{Number: a.Number, Account: a.Account}
	number := "number/" + string(a.Number)
	who, out := number+"/"+flow.Network(a.Address).String(), []extension.Limit(nil)
	if a.Account != "" {
		who = "account/" + string(a.Account)
	} else {
		out = append(out, c.today(extension.Limit{Name: "cases" + ofNumber, Subject: number, Max: manifold * c.config.PerNumber, About: about}))
	}
	out = append(out, c.today(extension.Limit{Name: "cases", Subject: who, Max: c.config.PerNumber, About: about}))
	return append(out, c.shared(a.Address)...)
}

// shared are the limits of all who share an address, or an IPv6 network.
func (c caps) shared(address netip.Prefix) []extension.Limit {
	out := []extension.Limit{c.today(extension.Limit{Name: "cases" + ofAddress, Subject: address.String(), Max: c.config.PerAddress})}
	if wide := flow.Network(address); wide != address {
		out = append(out, c.today(extension.Limit{Name: "cases_network" + ofAddress, Subject: wide.String(), Max: manifold * c.config.PerAddress}))
	}
	return out
}

// everybody is the day's number for all. It slows, and never locks.
func (c caps) everybody() extension.Limit {
	return c.today(extension.Limit{Name: "cases_day", Subject: "all", Max: c.config.PerDay})
}

// tenth reports whether a count of everybody's is the first of the day to reach
// a tenth of the day's number. A case that was given back is counted anew.
func (c caps) tenth(ctx context.Context, all extension.Taken) (bool, error) {
	if c.config.PerDay-all.Left != (c.config.PerDay+9)/10 {
		return false, nil
	}
	first, err := c.counters.Take(ctx, c.today(extension.Limit{Name: "cases_tenth", Subject: "all", Max: 1}))
	return first.OK, err
}

// share is how many of the cases that are made slowly one address has.
func (c caps) share(address netip.Prefix) extension.Limit {
	return c.today(extension.Limit{
		Name: "cases_share" + ofAddress, Subject: flow.Network(address).String(), Max: max(1, c.config.PerAddress/shareOf),
	})
}

func (c caps) slowly() extension.Limit {
	at := c.now().Truncate(slot).UTC().Format(time.RFC3339)
	return extension.Limit{Name: "cases_slot", Subject: at, Max: 1, Window: time.Minute}
}

// look says whether a case may be made, without counting.
func (c caps) look(ctx context.Context, a *flow.Attempt) (standing, error) {
	limits := append(c.own(a), c.foreign(record{Attempt: a.ID, Address: a.Address.String(), Browser: a.Browser})...)
	t, err := c.counters.Look(ctx, limits...)
	return c.refusal(t), err
}

// refusal reads what the counters found. Their Until is not a day's end.
func (c caps) refusal(t extension.Taken) standing {
	at := standing{refused: !t.OK, limit: t.Limit, until: t.Until}
	if t.Limit != ofAttempt {
		at.until = c.tomorrow()
	}
	return at
}

// take counts a case that is about to be made. What is counted and comes to
// nothing is given back.
func (c caps) take(ctx context.Context, a *flow.Attempt) (standing, error) {
	own := c.own(a)
	mine, err := c.counters.Take(ctx, own...)
	if err != nil || !mine.OK {
		return c.refusal(mine), err
	}
	at, err := c.turn(ctx, a)
	at.counted = append(own, at.counted...)
	if err == nil && !at.refused && !at.busy {
		return at, nil
	}
	return at, errors.Join(err, c.counters.Refund(ctx, at.counted...))
}

// turn counts a case among everybody's. When the day's number is over, cases
// are made one by one, and an address, or an IPv6 network, has few of them:
// whoever holds some addresses does not hold up all the others.
func (c caps) turn(ctx context.Context, a *flow.Attempt) (standing, error) {
	everybody := c.everybody()
	all, err := c.counters.Take(ctx, everybody)
	if err != nil {
		return standing{}, err
	}
	if all.OK {
		tenth, err := c.tenth(ctx, all)
		return standing{tenth: tenth, counted: []extension.Limit{everybody}}, err
	}
	share := c.share(a.Address)
	turn, err := c.counters.Take(ctx, share, c.slowly())
	switch {
	case err != nil:
		return standing{}, err
	case turn.OK:
		return standing{alarmed: true, counted: []extension.Limit{share}}, nil
	case turn.Limit == share.Name:
		return standing{refused: true, alarmed: true, limit: share.Name, until: c.tomorrow()}, nil
	}
	return standing{busy: true, alarmed: true}, nil
}

// refund takes back a case that was counted and not made, from the day on which
// it was counted.
func (c caps) refund(ctx context.Context, counted standing) error {
	return c.counters.Refund(ctx, counted.counted...)
}

// code is how often the code of a case may be typed.
func (c caps) code(r record) extension.Limit {
	return extension.Limit{Name: "code", Subject: string(r.Case), Max: codeTries, Window: keep, About: r.subject()}
}

// foreign counts documents of somebody else in one attempt, in one browser, as
// long as it keeps its cookie, and at one address. What is no attempt yet has
// none of its own.
func (c caps) foreign(r record) []extension.Limit {
	out := []extension.Limit{c.today(extension.Limit{Name: ofAttempt + ofAddress, Subject: r.Address, Max: c.config.MismatchesPerAddress})}
	if r.Browser != "" {
		out = append(out, c.today(extension.Limit{Name: ofAttempt + "_browser", Subject: r.Browser, Max: manifold * mismatches}))
	}
	if r.Attempt != "" {
		out = append(out, extension.Limit{Name: ofAttempt, Subject: string(r.Attempt), Max: mismatches, Window: keep, About: r.subject()})
	}
	return out
}

// person counts foreign documents for one number, whether anybody has it.
func (c caps) person(r record) extension.Limit {
	return extension.Limit{Name: "mismatch_number", Subject: string(r.Number), Max: alarming, Window: day, About: r.subject()}
}

// hint counts a callback of a case.
func (c caps) hint(r record) extension.Limit {
	return extension.Limit{Name: "callbacks", Subject: string(r.Case), Max: hints, Window: keep, About: r.subject()}
}
