package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/schleuse/schleuse/sidecar/flow"
)

// owner names whose attempts count together: an account's wherever they come
// from, because each needs its password. A number is typed by anybody who
// knows it; without an account it counts at its address alone, or strangers
// could take the place of its person. false is nobody.
func (s attempts) owner(r flow.Record) (alternatives, bool) {
	switch {
	case r.Account != "":
		return s.keys("attempts.owner", "account", string(r.Account)), true
	case r.Number != "":
		return s.keys("attempts.owner", "number", string(r.Number), r.Address.String()), true
	default:
		return alternatives{}, false
	}
}

// address names what counts together at one address. Attempts for which
// nobody has signed in fill no place of those for which somebody has.
func (s attempts) address(r flow.Record) alternatives {
	if r.Account == "" {
		return s.keys("attempts.address", r.Address.String(), "nobody")
	}
	return s.keys("attempts.address", r.Address.String())
}

// newcomer is whose a new attempt is, and where it is to stand.
type newcomer struct {
	owner, address alternatives
	owned          bool
	room           int // how many of the owner's may be open
}

// ownerColumn is NULL for nobody.
func (n newcomer) ownerColumn() any {
	if !n.owned {
		return nil
	}
	return n.owner.primary()
}

// standing is an attempt that is not terminal.
type standing struct {
	id    flow.AttemptID
	stake stake
	here  bool // at the newcomer's address
	// age orders what is alike: the least gives way.
	age int64
}

// stake says what is lost with an attempt.
type stake uint8

const (
	nothing stake = iota
	begun         // somebody has signed in, or a step keeps a state: a case, perhaps
	proven
	whole // all is proven
)

// makeRoom lets attempts fail that have to give way to a new one, or answers
// ErrTooManyAttempts.
func (s attempts) makeRoom(ctx context.Context, tx *sql.Tx, n newcomer) error {
	keys := n.address[:]
	if n.owned {
		keys = append(slices.Clone(keys), n.owner[:]...)
	}
	if err := s.db.Lock(ctx, tx, keys...); err != nil {
		return err
	}
	var leaving []flow.AttemptID
	count, err := s.count(ctx, tx, n.address)
	if err != nil {
		return err
	}
	own, err := s.standing(ctx, tx, n, n.owner)
	if err != nil {
		return err
	}
	if len(own) >= n.room {
		leaving = append(leaving, own[0].id)
		if own[0].here {
			count--
		}
		own = own[1:]
	}
	if count >= s.perAddress {
		crowding, err := s.crowding(ctx, tx, n, own)
		if err != nil {
			return err
		}
		leaving = append(leaving, crowding)
	}
	slices.Sort(leaving)
	return s.supersede(ctx, tx, slices.Compact(leaving))
}

func (s attempts) count(ctx context.Context, tx *sql.Tx, address alternatives) (open int, err error) {
	err = tx.QueryRowContext(ctx, "SELECT count(*) FROM attempts WHERE address IN "+anyOf+
		" AND terminal = 0 AND expires > $9", address.args(micros(s.now()))...).Scan(&open)
	return open, err
}

// standing returns an owner's attempts, in the order in which they give way:
// that with the least at stake, then those of the newcomer's address, then the
// oldest; of a number that nobody has signed in for, what was begun and has no
// proof goes by the youngest.
func (s attempts) standing(ctx context.Context, tx *sql.Tx, n newcomer, owner alternatives) ([]standing, error) {
	if !n.owned {
		return nil, nil
	}
	rows, err := tx.QueryContext(ctx, "SELECT id, address, record FROM attempts WHERE owner IN "+anyOf+
		" AND terminal = 0 AND expires > $9 ORDER BY expires, id", owner.args(micros(s.now()))...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []standing
	for rows.Next() {
		var a standing
		var address, record []byte
		if err := rows.Scan(&a.id, &address, &record); err != nil {
			return nil, err
		}
		var r flow.Record
		if s.open("attempts.record", []byte(a.id), record, &r) {
			a.stake, a.age = standingOf(r)
		}
		a.here = n.address.has(address)
		out = append(out, a)
	}
	slices.SortStableFunc(out, func(a, b standing) int {
		return cmp.Or(cmp.Compare(a.stake, b.stake), first(a.here, b.here), cmp.Compare(a.age, b.age))
	})
	return out, rows.Err()
}

func standingOf(r flow.Record) (of stake, age int64) {
	age = micros(r.Created)
	switch {
	case r.Status != flow.Open:
		return whole, age
	case len(r.Proofs) > 0:
		return proven, age
	case r.Account != "":
		return begun, age
	case len(r.State) > 0:
		return begun, -age
	}
	return nothing, age
}

// first orders what is so before what is not.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	default:
		return 1
	}
}

// crowding returns the attempt that gives way at a full address: of whoever
// has most there, if that is more than one, else of the newcomer's own.
func (s attempts) crowding(ctx context.Context, tx *sql.Tx, n newcomer, own []standing) (flow.AttemptID, error) {
	var most []byte
	err := tx.QueryRowContext(ctx, "SELECT owner FROM attempts WHERE address IN "+anyOf+
		" AND terminal = 0 AND expires > $9 AND owner IS NOT NULL GROUP BY owner HAVING count(*) > 1"+
		" ORDER BY count(*) DESC, min(expires) LIMIT 1", n.address.args(micros(s.now()))...).Scan(&most)
	switch {
	case err == nil:
		theirs := n
		theirs.owned = true
		if own, err = s.standing(ctx, tx, theirs, only(most)); err != nil {
			return "", err
		}
	case !errors.Is(err, sql.ErrNoRows):
		return "", err
	}
	for _, a := range own {
		if a.here {
			return a.id, nil
		}
	}
	return "", answer{flow.ErrTooManyAttempts}
}

// supersede fails attempts in the order of their ids, as everybody locks them.
// Their sessions live on: another attempt may hold a part of the same one.
func (s attempts) supersede(ctx context.Context, tx *sql.Tx, ids []flow.AttemptID) error {
	for _, id := range ids {
		_, err := s.update(ctx, tx, id, func(r *flow.Record) error {
			r.Supersede(s.now())
			return nil
		})
		if err != nil && !errors.Is(err, flow.ErrNoAttempt) {
			return err
		}
	}
	return nil
}
