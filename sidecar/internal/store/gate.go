package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/internal/gate"
)

// shelf is a table of records that are written once and found by the hash of
// a secret.
type shelf[T any] struct {
	*Store
	column      string
	put, get    string // statements
	expires     func(T) time.Time
	description string
}

func (s shelf[T]) record(ctx context.Context, h gate.Hash, v T) error {
	if s.expires(v).IsZero() {
		return fmt.Errorf("recording %s without expiry", s.description)
	}
	return s.write(ctx, "recording "+s.description, func(ctx context.Context, tx *sql.Tx) error {
		sealed, err := s.seal(s.column, h[:], v)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, s.put, h[:], sealed, micros(s.expires(v)))
		return err
	})
}

func (s shelf[T]) find(ctx context.Context, h gate.Hash) (v T, err error) {
	err = s.read(ctx, "reading "+s.description, func(ctx context.Context, q querier) error {
		var sealed []byte
		err := q.QueryRowContext(ctx, s.get, h[:]).Scan(&sealed)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if err != nil || !s.open(s.column, h[:], sealed, &v) || !s.expires(v).After(s.now()) {
			return answer{gate.ErrNoRecord}
		}
		return nil
	})
	if err != nil {
		var none T
		return none, err
	}
	return v, nil
}

// codes implements gate.Codes.
type codes struct{ shelf[gate.Code] }

// Codes returns the gate's port for authorization codes. A code recorded again
// keeps its first record: it does not become younger.
func (s *Store) Codes() gate.Codes {
	return codes{shelf[gate.Code]{
		Store: s, column: "codes.record", description: "an authorization code",
		put:     "INSERT INTO codes (hash, record, expires) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
		get:     "SELECT record FROM codes WHERE hash = $1",
		expires: func(c gate.Code) time.Time { return c.Expires },
	}}
}

func (c codes) RecordCode(ctx context.Context, h gate.Hash, code gate.Code) error {
	return c.record(ctx, h, code)
}

func (c codes) Code(ctx context.Context, h gate.Hash) (gate.Code, error) { return c.find(ctx, h) }

// actions implements gate.Actions.
type actions struct{ *Store }

// Actions returns the gate's port for tabs in which an action waits.
func (s *Store) Actions() gate.Actions { return actions{s} }

func (s actions) RecordAction(ctx context.Context, h gate.Hash, until time.Time) error {
	if until.IsZero() {
		return errors.New("recording an action without expiry")
	}
	return s.write(ctx, "recording an action", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO acting (hash, expires) VALUES ($1, $2) ON CONFLICT DO NOTHING", h[:], micros(until))
		return err
	})
}

func (s actions) ActionWaits(ctx context.Context, h gate.Hash) (waits bool, err error) {
	err = s.read(ctx, "reading an action", func(ctx context.Context, q querier) error {
		return q.QueryRowContext(ctx, "SELECT count(*) > 0 FROM acting WHERE hash = $1 AND expires > $2", h[:], micros(s.now())).Scan(&waits)
	})
	return waits, err
}

// ErrOtherPerson says that a session is already recorded as somebody else's.
var ErrOtherPerson = errors.New("the session is recorded as another person's")

// maxLogins bounds what TakeLogins returns.
const maxLogins = 1000

// logins implements gate.Logins.
type logins struct{ *Store }

// Logins returns the gate's port for Keycloak sessions.
func (s *Store) Logins() gate.Logins { return logins{s} }

func (s logins) of(sid account.SID) alternatives { return s.keys("logins.sid", string(sid)) }

func (s logins) RecordLogin(ctx context.Context, l gate.Login) error {
	if l.Session == "" || l.Account == "" || l.Expires.IsZero() {
		return errors.New("recording a login without session, account or expiry")
	}
	if l.Seen.IsZero() {
		l.Seen = s.now()
	}
	return s.write(ctx, "recording a login", func(ctx context.Context, tx *sql.Tx) error {
		keys := s.of(l.Session)
		if err := s.db.Lock(ctx, tx, keys[:]...); err != nil {
			return err
		}
		old, at, err := s.find(ctx, tx, keys)
		switch {
		case errors.Is(err, gate.ErrNoRecord):
			at = keys.primary()
		case err != nil:
			return err
		case old.Account != l.Account:
			return answer{ErrOtherPerson}
		}
		l = since(old, l)
		record, err := s.seal("logins.record", at, l)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO logins (sid, record, seen, expires) VALUES ($1, $2, $3, $4)
			ON CONFLICT (sid) DO UPDATE SET record = excluded.record, seen = excluded.seen, expires = excluded.expires`,
			at, record, micros(l.Seen), micros(l.Expires))
		return err
	})
}

// since keeps of the record that is there what stays of it.
func since(old, l gate.Login) gate.Login {
	if !old.Stepup.IsZero() {
		l.Stepup = old.Stepup
	}
	if l.First = old.First; l.First.IsZero() {
		l.First = l.Seen
	}
	return l
}

// find returns the record and the key under which it stands, or answers
// ErrNoRecord.
func (s logins) find(ctx context.Context, q querier, keys alternatives) (gate.Login, []byte, error) {
	var at, record []byte
	err := q.QueryRowContext(ctx, "SELECT sid, record FROM logins WHERE sid IN "+anyOf+" AND expires > $9 LIMIT 1",
		keys.args(micros(s.now()))...).Scan(&at, &record)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return gate.Login{}, nil, err
	}
	var l gate.Login
	if err != nil || !s.open("logins.record", at, record, &l) {
		return gate.Login{}, nil, answer{gate.ErrNoRecord}
	}
	return l, at, nil
}

func (s logins) Login(ctx context.Context, sid account.SID) (l gate.Login, err error) {
	err = s.read(ctx, "reading a login", func(ctx context.Context, q querier) error {
		l, _, err = s.find(ctx, q, s.of(sid))
		return err
	})
	return l, err
}

// TakeLogins returns at most 1000 logins at a time, whatever limit says. It
// marks the column alone, by which they are found.
func (s logins) TakeLogins(ctx context.Context, seenBefore, now time.Time, limit int) (out []gate.Login, err error) {
	err = s.write(ctx, "taking logins", func(ctx context.Context, tx *sql.Tx) error {
		out = nil
		if err := s.db.Lock(ctx, tx, []byte("logins taken")); err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, `UPDATE logins SET seen = $1 WHERE sid IN
			(SELECT sid FROM logins WHERE seen < $2 AND expires > $3 ORDER BY seen LIMIT $4) RETURNING sid, record`,
			micros(now), micros(seenBefore), micros(s.now()), min(limit, maxLogins))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var at, record []byte
			if err := rows.Scan(&at, &record); err != nil {
				return err
			}
			var l gate.Login
			if s.open("logins.record", at, record, &l) {
				out = append(out, l)
			}
		}
		return rows.Err()
	})
	return out, err
}

func (s logins) ForgetLogin(ctx context.Context, sid account.SID) error {
	return s.write(ctx, "forgetting a login", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM logins WHERE sid IN "+anyOf, s.of(sid).args()...)
		return err
	})
}
