package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// The bounds of one Sweep: it never holds the database for long, and what it
// leaves the next one takes. It goes on as long as rows come, for a sweep that
// takes a fixed number is outrun by whoever makes more.
const (
	sweepBatch   = 500
	sweepTime    = 10 * time.Second // per table
	rekeyBatches = 20
)

// Swept is how many rows that had expired were removed.
type Swept struct {
	Attempts, Codes, Actions, Logins, Sessions, Records, Counters int
	Delivered                                                     int // messages of which only the key was left
	GivenUp                                                       int // messages that nobody delivered in their time
	Erasures                                                      int // requests to forget somebody that nobody confirmed
	Approvals                                                     int // kept as long as the operator says
	Permits                                                       int
	Proofs                                                        int // of possession, of calls of phones
	Phones                                                        int // blocked for 400 days
	Rekeyed                                                       int // phones that stood under older keys; nothing was removed
}

// Sweep removes what has expired: all of it, unless a table takes more than ten
// seconds. It may run on several replicas at once. What has expired counts as
// absent before it is swept.
func (s *Store) Sweep(ctx context.Context) (Swept, error) {
	var out Swept
	for _, t := range []struct {
		statement string
		removed   *int
	}{
		{"DELETE FROM attempts WHERE id IN (SELECT id FROM attempts WHERE expires <= $1 LIMIT $2)", &out.Attempts},
		{"DELETE FROM codes WHERE hash IN (SELECT hash FROM codes WHERE expires <= $1 LIMIT $2)", &out.Codes},
		{"DELETE FROM acting WHERE hash IN (SELECT hash FROM acting WHERE expires <= $1 LIMIT $2)", &out.Actions},
		{"DELETE FROM logins WHERE sid IN (SELECT sid FROM logins WHERE expires <= $1 LIMIT $2)", &out.Logins},
		{"DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires <= $1 LIMIT $2)", &out.Sessions},
		{"DELETE FROM records WHERE key IN (SELECT key FROM records WHERE expires <= $1 LIMIT $2)", &out.Records},
		{"DELETE FROM counters WHERE key IN (SELECT key FROM counters WHERE expires <= $1 LIMIT $2)", &out.Counters},
		{"DELETE FROM outbox WHERE key IN (SELECT key FROM outbox WHERE expires <= $1 LIMIT $2)", &out.Delivered},
		{"DELETE FROM outbox WHERE key IN (SELECT key FROM outbox WHERE message IS NOT NULL AND until <= $1 AND due <= $1 LIMIT $2)", &out.GivenUp},
		{"DELETE FROM erasures WHERE id IN (SELECT id FROM erasures WHERE expires <= $1 LIMIT $2)", &out.Erasures},
		{"DELETE FROM approvals WHERE id IN (SELECT id FROM approvals WHERE expires <= $1 LIMIT $2)", &out.Approvals},
		{"DELETE FROM permits WHERE proof IN (SELECT proof FROM permits WHERE expires <= $1 LIMIT $2)", &out.Permits},
		{"DELETE FROM devices WHERE id IN (SELECT id FROM devices WHERE expires <= $1 LIMIT $2)", &out.Phones},
		{"DELETE FROM proofs WHERE key IN (SELECT key FROM proofs WHERE expires <= $1 LIMIT $2)", &out.Proofs},
	} {
		n, err := s.sweep(ctx, t.statement)
		*t.removed = n
		if err != nil {
			return out, err
		}
	}
	if out.GivenUp > 0 {
		s.logger().Error("messages given up that nobody delivered in their time", "messages", out.GivenUp)
	}
	var err error
	out.Rekeyed, err = s.rekeyDevices(ctx)
	return out, err
}

func (s *Store) sweep(ctx context.Context, statement string) (total int, err error) {
	for end := s.now().Add(sweepTime); ; {
		var n int
		err := s.write(ctx, "sweeping", func(ctx context.Context, tx *sql.Tx) error {
			n, err = changed(tx.ExecContext(ctx, statement, micros(s.now()), sweepBatch))
			return err
		})
		if err != nil {
			return total, err
		}
		total += n
		if n < sweepBatch || !s.now().Before(end) {
			return total, nil
		}
	}
}

// readyWithin is how long a readiness check may take.
const readyWithin = time.Second

// Ready writes and reads a row, within a second: a database that only answers
// (a standby, a full disk) is not ready. It also tells that the key file could
// not be read again.
func (s *Store) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	at := micros(s.now())
	err := s.write(ctx, "checking the store", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO probes (id, at) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET at = excluded.at", at)
		return err
	})
	if err != nil {
		return err
	}
	err = s.read(ctx, "checking the store", func(ctx context.Context, q querier) error {
		return q.QueryRowContext(ctx, "SELECT at FROM probes WHERE id = 1").Scan(&at)
	})
	if err != nil {
		return fmt.Errorf("reading what was written: %w", err)
	}
	return s.ring.Err()
}
