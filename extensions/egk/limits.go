package egk

import (
	"context"
	"slices"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/member"
)

// underWay is how long a try may take from its counting to its verdict. While
// the last one is younger, a limit that is used up may be so by right answers
// that have not been taken back yet, as when a button is pressed twice.
const underWay = 10 * time.Second

// limits bound guessing.
type limits struct {
	config   Config
	counters extension.Counters
	now      func() time.Time
}

// perPerson counts wrong answers until the lock.
func (l limits) perPerson(id account.ID) extension.Limit {
	return extension.Limit{Name: "wrong", Subject: string(id), Max: l.config.Tries, Window: l.config.Lock}
}

// perCard counts the wrong answers in a card's life.
func (l limits) perCard(id account.ID, c member.Card) extension.Limit {
	subject := string(id) + " " + c.LastFour + " " + c.ValidFrom.UTC().Format(time.DateOnly)
	return extension.Limit{Name: "card", Subject: subject, Max: l.config.TriesPerCard, About: extension.Subject{Account: id}}
}

// settled marks for a moment that a wrong answer used a limit up, so that
// nobody need wait for the verdict of a try under way.
func (l limits) settled(id account.ID) extension.Limit {
	return extension.Limit{Name: "settled", Subject: string(id), Max: 1, Window: underWay}
}

// all are the limits of one try against these cards, each of them once: master
// data may have a card twice.
func (l limits) all(id account.ID, cards []member.Card) []extension.Limit {
	out := []extension.Limit{l.perPerson(id)}
	for _, c := range cards {
		if limit := l.perCard(id, c); !slices.Contains(out, limit) {
			out = append(out, limit)
		}
	}
	return out
}

// refusal is why a person cannot go on; the zero refusal is none.
type refusal struct {
	key   string    // a catalogue has "denied." and "closed." with it
	until time.Time // when it ends by itself; zero = it does not
}

func (r refusal) none() bool { return r.key == "" }

// standing is where a person and their cards stand with the limits.
type standing struct {
	cards []member.Card // those that bear another try
	left  int           // tries
	spent refusal       // why no try is left; zero = one is
	// pending says that a try was counted a moment ago, and that its verdict
	// may give it back.
	pending bool
}

// look says where a person stands, without counting.
func (l limits) look(ctx context.Context, id account.ID, cards []member.Card) (standing, error) {
	person, err := l.counters.Look(ctx, l.perPerson(id))
	if err != nil {
		return standing{}, err
	}
	settled, err := l.counters.Look(ctx, l.settled(id))
	if err != nil {
		return standing{}, err
	}
	s := standing{pending: settled.OK && l.now().Before(person.Until.Add(underWay-l.config.Lock))}
	best := 0
	for _, c := range cards {
		card, err := l.counters.Look(ctx, l.perCard(id, c))
		if err != nil {
			return standing{}, err
		}
		if card.OK {
			s.cards = append(s.cards, c)
			best = max(best, card.Left)
		}
	}
	switch s.left = min(person.Left, best); {
	case len(s.cards) == 0:
		s.spent = refusal{key: "used_up"}
	case !person.OK:
		s.spent = refusal{"locked", person.Until}
	}
	return s, nil
}

// take counts a try against the person and all the cards it is compared with.
func (l limits) take(ctx context.Context, id account.ID, cards []member.Card) (bool, error) {
	taken, err := l.counters.Take(ctx, l.all(id, cards)...)
	return taken.OK && err == nil, err
}

// settle records the verdict that a limit is used up by a wrong answer.
func (l limits) settle(ctx context.Context, id account.ID) error {
	_, err := l.counters.Take(ctx, l.settled(id))
	return err
}

// right takes a right answer back, and forgets the wrong ones before it: it
// was the person. A card's wrong answers are never forgotten.
func (l limits) right(ctx context.Context, id account.ID, cards []member.Card) error {
	if err := l.refund(ctx, id, cards); err != nil {
		return err
	}
	return l.counters.Clear(ctx, l.perPerson(id))
}

// refund takes back a try that was right, and nothing else.
func (l limits) refund(ctx context.Context, id account.ID, cards []member.Card) error {
	return l.counters.Refund(ctx, l.all(id, cards)...)
}
