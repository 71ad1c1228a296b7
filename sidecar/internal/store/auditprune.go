package store

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"time"

	"github.com/schleuse/schleuse/sidecar/audit"
)

// pruneAtOnce is how many batches one transaction of Prune removes.
const pruneAtOnce = 200

// Prune removes the oldest batches of which every line is older than before,
// and the keys of people of whom nothing is left. The chain then begins after
// them, which is vouched for by the MAC beside its head, and the removal is an
// entry of its own. The last batch always stays. It returns how many batches
// were removed.
func (a *Audit) Prune(ctx context.Context, before time.Time) (removed int64, err error) {
	for {
		n, err := a.pruneSome(ctx, before)
		removed += n
		if err != nil {
			return removed, err
		}
		if n < pruneAtOnce {
			break
		}
	}
	if removed == 0 {
		return 0, nil
	}
	return removed, errors.Join(a.pruneKeys(ctx), a.Append(ctx, audit.Entry{
		Phase: audit.Fact, Action: "audit.prune", Result: "ok", Ref: strconv.FormatInt(removed, 10),
	}))
}

func (a *Audit) pruneSome(ctx context.Context, before time.Time) (n int64, err error) {
	err = a.store.write(ctx, "pruning the audit", func(ctx context.Context, tx *sql.Tx) error {
		if err := a.lock(ctx, tx); err != nil {
			return err
		}
		e, known, err := a.ends(ctx, tx)
		if err != nil {
			return err
		}
		if !known {
			return answer{audit.ErrBroken} // what cannot be vouched for is not thrown away
		}
		last, err := a.lastOlder(ctx, tx, before, e)
		if n = last - e.removed.Seq; err != nil || n <= 0 {
			return err
		}
		return a.remove(ctx, tx, last, e)
	})
	return max(n, 0), err
}

// lastOlder returns the last batch to remove now.
func (a *Audit) lastOlder(ctx context.Context, tx *sql.Tx, before time.Time, e ends) (int64, error) {
	var first sql.NullInt64
	err := tx.QueryRowContext(ctx, "SELECT seq FROM audit_lines WHERE stream = $1 AND at >= $2 ORDER BY seq LIMIT 1",
		a.stream, micros(before)).Scan(&first)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, err
	}
	last := e.head.Seq - 1
	if first.Valid {
		last = min(last, first.Int64-1)
	}
	return min(last, e.removed.Seq+pruneAtOnce), nil
}

func (a *Audit) remove(ctx context.Context, tx *sql.Tx, last int64, e ends) error {
	var link []byte
	err := tx.QueryRowContext(ctx, "SELECT link FROM audit_batches WHERE stream = $1 AND seq = $2", a.stream, last).Scan(&link)
	if err != nil {
		return err
	}
	for _, statement := range []string{
		"DELETE FROM audit_lines WHERE stream = $1 AND seq <= $2",
		"DELETE FROM audit_batches WHERE stream = $1 AND seq <= $2",
	} {
		if _, err := tx.ExecContext(ctx, statement, a.stream, last); err != nil {
			return err
		}
	}
	e.removed.Seq = last
	copy(e.removed.Last[:], link)
	return a.save(ctx, tx, e)
}

// pruneKeys removes keys that no line needs. The stream's lock keeps a key that
// an entry has just been given.
func (a *Audit) pruneKeys(ctx context.Context) error {
	for {
		var n int
		err := a.store.write(ctx, "pruning the audit's keys", func(ctx context.Context, tx *sql.Tx) error {
			if err := a.lock(ctx, tx); err != nil {
				return err
			}
			var err error
			n, err = changed(tx.ExecContext(ctx, `DELETE FROM audit_people WHERE person IN (SELECT p.person FROM audit_people p
				WHERE NOT EXISTS (SELECT 1 FROM audit_lines l WHERE l.person = p.id) LIMIT $1)`, sweepBatch))
			return err
		})
		if err != nil || n < sweepBatch {
			return err
		}
	}
}
