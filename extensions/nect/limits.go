package nect

import (
	"context"
	"strings"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/flow"
)

const (
	day = 24 * time.Hour
	// codeTries is how often the code of another browser may be typed.
	codeTries = 3
	// mismatches is how many foreign documents one attempt bears.
	mismatches = 2
	// alarming is how many foreign documents for one number in a day alarm.
	alarming = 3
	// slot is how often a case is made when the day's number is over.
	slot = 5 * time.Second
	// hints is how many callbacks of one case lead to anything, and hintPause
	// how close they may follow each other: the others tell nothing new.
	hints     = 100
	hintPause = 2 * time.Second
	// ofAddress ends the names of the limits that people share.
	ofAddress = "_address"
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
	shared  bool      // because of all who share an address
	until   time.Time // when it is no more refused; zero = not by itself
	busy    bool      // too many people at the same moment: in a moment it may
	alarmed bool      // the day's number is over
}

// own are the limits of whoever asks. Who has signed in is counted apart, so
// that nobody can use up another's cases by knowing their number.
func (c caps) own(a *flow.Attempt) []extension.Limit {
	who := "number/" + string(a.Number)
	if a.Account != "" {
		who = "account/" + string(a.Account)
	}
	about := extension.Subject{Number: a.Number, Account: a.Account}
	return []extension.Limit{
		{Name: "cases", Subject: who, Max: c.config.PerNumber, Window: day, About: about},
		{Name: "cases" + ofAddress, Subject: a.Address.String(), Max: c.config.PerAddress, Window: day},
	}
}

// today is the day's number for everybody. It slows, and never locks.
func (c caps) today() extension.Limit {
	return extension.Limit{Name: "cases_day", Subject: c.now().UTC().Format(time.DateOnly), Max: c.config.PerDay, Window: 2 * day}
}

func (c caps) slowly() extension.Limit {
	at := c.now().Truncate(slot).UTC().Format(time.RFC3339)
	return extension.Limit{Name: "cases_slot", Subject: at, Max: 1, Window: time.Minute}
}

// look says whether a case may be made, without counting.
func (c caps) look(ctx context.Context, a *flow.Attempt) (standing, error) {
	limits := append(c.own(a), c.foreign(record{Attempt: a.ID, Address: a.Address.String()})...)
	t, err := c.counters.Look(ctx, limits...)
	return refusal(t), err
}

func refusal(t extension.Taken) standing {
	return standing{refused: !t.OK, shared: strings.HasSuffix(t.Limit, ofAddress), until: t.Until}
}

// take counts a case that is about to be made.
func (c caps) take(ctx context.Context, a *flow.Attempt) (standing, error) {
	own, err := c.counters.Take(ctx, c.own(a)...)
	if err != nil || !own.OK {
		return refusal(own), err
	}
	all, err := c.counters.Take(ctx, c.today())
	if err != nil || all.OK {
		return standing{}, err
	}
	turn, err := c.counters.Take(ctx, c.slowly())
	if err != nil || turn.OK {
		return standing{alarmed: true}, err
	}
	return standing{busy: true, alarmed: true}, c.counters.Refund(ctx, c.own(a)...)
}

// refund takes back a case that was counted and not made.
func (c caps) refund(ctx context.Context, a *flow.Attempt, counted standing) error {
	limits := c.own(a)
	if !counted.alarmed {
		limits = append(limits, c.today())
	}
	return c.counters.Refund(ctx, limits...)
}

// code is how often the code of a case may be typed.
func (c caps) code(r record) extension.Limit {
	return extension.Limit{Name: "code", Subject: string(r.Case), Max: codeTries, Window: keep, About: r.subject()}
}

// foreign counts documents of somebody else in one attempt and at one address.
// What is no attempt yet has none of its own.
func (c caps) foreign(r record) []extension.Limit {
	out := []extension.Limit{{Name: "mismatch" + ofAddress, Subject: r.Address, Max: c.config.MismatchesPerAddress, Window: day}}
	if r.Attempt != "" {
		out = append(out, extension.Limit{Name: "mismatch", Subject: string(r.Attempt), Max: mismatches, Window: keep, About: r.subject()})
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
