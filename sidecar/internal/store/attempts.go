package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
)

// The bounds of flow.Attempts.
const (
	maxHeld  = 64 << 10
	maxState = 4 << 10
)

// attempts implements flow.Attempts.
type attempts struct {
	*Store
	perAddress int
}

// Attempts returns the port of the flow engine, which lets one address have
// perAddress open attempts.
func (s *Store) Attempts(perAddress int) flow.Attempts { return attempts{s, perAddress} }

// session is NULL while there is no session, so that nothing matches it.
func (s attempts) session(sid account.SID) any {
	if sid == "" {
		return nil
	}
	return s.keys("attempts.session", string(sid)).primary()
}

func checkAttempt(r flow.Record) error {
	switch {
	case r.ID == "" || r.Status < flow.Open || r.Status > flow.Parked || r.Expires.IsZero():
		return errors.New("attempt without id, status or expiry")
	case len(r.Held) > maxHeld:
		return fault.New(fault.TooLarge, "later", fmt.Errorf("held response over %d bytes", maxHeld))
	case len(r.State) > maxState:
		return fault.New(fault.TooLarge, "later", fmt.Errorf("state of step %s over %d bytes", r.Step, maxState))
	default:
		return nil
	}
}

func (s attempts) Create(ctx context.Context, r flow.Record) error {
	if err := checkAttempt(r); err != nil {
		return err
	}
	return s.write(ctx, "creating an attempt", func(ctx context.Context, tx *sql.Tx) error {
		n := newcomer{address: s.address(r), room: r.Room()}
		n.owner, n.owned = s.owner(r)
		if err := s.makeRoom(ctx, tx, n); err != nil {
			return err
		}
		record, held, err := s.sealed(r)
		if err != nil {
			return err
		}
		// What has expired counts as absent before it is swept.
		if _, err := tx.ExecContext(ctx, "DELETE FROM attempts WHERE id = $1 AND expires <= $2", string(r.ID), micros(s.now())); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO attempts (id, address, owner, session, terminal, expires, record, held)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			string(r.ID), n.address.primary(), n.ownerColumn(), s.session(r.Session), terminal(r), micros(r.Expires), record, held)
		return err
	})
}

func terminal(r flow.Record) int {
	if r.Status.Terminal() {
		return 1
	}
	return 0
}

// sealed returns the two sealed columns; held is NULL when nothing is.
func (s attempts) sealed(r flow.Record) (record []byte, held any, err error) {
	if len(r.Held) > 0 {
		held = s.ring.Seal(keyring.Seal, r.Held, place("attempts.held", []byte(r.ID)))
	}
	r.Held = nil
	record, err = s.seal("attempts.record", []byte(r.ID), r)
	return record, held, err
}

func (s attempts) Get(ctx context.Context, id flow.AttemptID) (r flow.Record, err error) {
	err = s.read(ctx, "reading an attempt", func(ctx context.Context, q querier) error {
		r, err = s.load(ctx, q, id)
		return err
	})
	return r, err
}

// load returns a live record, or answers ErrNoAttempt.
func (s attempts) load(ctx context.Context, q querier, id flow.AttemptID) (flow.Record, error) {
	var record, held []byte
	err := q.QueryRowContext(ctx, "SELECT record, held FROM attempts WHERE id = $1", string(id)).Scan(&record, &held)
	if errors.Is(err, sql.ErrNoRows) {
		return flow.Record{}, answer{flow.ErrNoAttempt}
	}
	if err != nil {
		return flow.Record{}, err
	}
	var r flow.Record
	if !s.open("attempts.record", []byte(id), record, &r) || !r.Expires.After(s.now()) {
		return flow.Record{}, answer{flow.ErrNoAttempt}
	}
	if held != nil {
		r.Held, err = s.ring.Open(keyring.Seal, held, place("attempts.held", []byte(id)))
		if err != nil {
			return flow.Record{}, answer{flow.ErrNoAttempt}
		}
	}
	return r, nil
}

func (s attempts) Update(ctx context.Context, id flow.AttemptID, fn func(*flow.Record) error) (r flow.Record, err error) {
	err = s.write(ctx, "updating an attempt", func(ctx context.Context, tx *sql.Tx) error {
		r, err = s.update(ctx, tx, id, fn)
		return err
	})
	if err != nil {
		return flow.Record{}, err
	}
	return r, nil
}

func (s attempts) update(ctx context.Context, tx *sql.Tx, id flow.AttemptID, fn func(*flow.Record) error) (flow.Record, error) {
	if err := s.db.Lock(ctx, tx, []byte("attempt/"+id)); err != nil {
		return flow.Record{}, err
	}
	before, err := s.load(ctx, tx, id)
	if err != nil {
		return before, err
	}
	unchanged, err := json.Marshal(before) // now, because fn may change maps in place
	if err != nil {
		return before, err
	}
	after := before
	after.Held = bytes.Clone(before.Held)
	if err := fn(&after); err != nil {
		return after, answer{err}
	}
	if err := checkChange(before, after); err != nil {
		return after, answer{err}
	}
	if now, err := json.Marshal(after); err == nil && bytes.Equal(now, unchanged) {
		return after, nil
	}
	return after, s.save(ctx, tx, before, after)
}

// checkChange holds the status monotonic whatever fn does.
func checkChange(before, after flow.Record) error {
	switch {
	case after.ID != before.ID:
		return errors.New("an attempt's id does not change")
	case after.Status < before.Status || before.Status.Terminal() && after.Status != before.Status:
		return fmt.Errorf("an attempt's status does not go from %d to %d", before.Status, after.Status)
	default:
		return checkAttempt(after)
	}
}

func (s attempts) save(ctx context.Context, tx *sql.Tx, before, after flow.Record) error {
	record, held, err := s.sealed(after)
	if err != nil {
		return err
	}
	args := []any{string(after.ID), s.session(after.Session), terminal(after), micros(after.Expires), record}
	if bytes.Equal(before.Held, after.Held) {
		_, err = tx.ExecContext(ctx, `UPDATE attempts SET session = $2, terminal = $3, expires = $4, record = $5
			WHERE id = $1`, args...)
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE attempts SET session = $2, terminal = $3, expires = $4, record = $5, held = $6
		WHERE id = $1`, append(args, held)...)
	return err
}

// failAtOnce is how many attempts one transaction of FailSession takes. There
// are few: one browser has four at most.
const failAtOnce = 100

func (s attempts) FailSession(ctx context.Context, sid account.SID, denyKey string) error {
	if sid == "" {
		return errors.New("failing the attempts of no session")
	}
	for {
		var found int
		err := s.write(ctx, "failing a session's attempts", func(ctx context.Context, tx *sql.Tx) error {
			ids, err := s.ofSession(ctx, tx, sid)
			found = len(ids)
			if err != nil {
				return err
			}
			return s.fail(ctx, tx, ids, sid, denyKey)
		})
		if err != nil || found < failAtOnce {
			return err
		}
	}
}

func (s attempts) fail(ctx context.Context, tx *sql.Tx, ids []flow.AttemptID, sid account.SID, denyKey string) error {
	for _, id := range ids {
		_, err := s.update(ctx, tx, id, func(r *flow.Record) error {
			if r.Status.Terminal() || r.Session != sid {
				return nil
			}
			r.Status, r.DenyStep, r.DenyKey, r.DenyUntil, r.Held = flow.Failed, "", denyKey, time.Time{}, nil
			return nil
		})
		if err != nil && !errors.Is(err, flow.ErrNoAttempt) {
			return err
		}
	}
	return nil
}

// ofSession returns ids of live attempts that are not terminal, in order, so
// that two transactions lock them in the same one.
func (s attempts) ofSession(ctx context.Context, tx *sql.Tx, sid account.SID) ([]flow.AttemptID, error) {
	rows, err := tx.QueryContext(ctx, "SELECT id FROM attempts WHERE session IN "+anyOf+
		" AND terminal = 0 AND expires > $9 ORDER BY id LIMIT $10",
		s.keys("attempts.session", string(sid)).args(micros(s.now()), failAtOnce)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids []flow.AttemptID
	for rows.Next() {
		var id flow.AttemptID
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}
