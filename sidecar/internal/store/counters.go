package store

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension"
)

// maxLimits bounds how many limits one call takes.
const maxLimits = 16

// counters implements extension.Counters.
type counters struct {
	*Store
	extension string
}

// Counters returns the counters of one extension, by its name in the
// configuration.
func (s *Store) Counters(extension string) extension.Counters { return counters{s, extension} }

// tally is one limit with its count.
type tally struct {
	extension.Limit
	keys  alternatives
	tries int
	last  time.Time // of the last try; zero when there was none
	moved bool      // it stands under a key that is not the primary
}

// left is how many tries there are, never below zero.
func (t tally) left() int { return max(0, t.Max-t.tries) }

// free is when the count is forgotten if nothing is counted after at.
func (t tally) free(at time.Time) time.Time {
	if t.Window == 0 || at.IsZero() {
		return time.Time{}
	}
	return at.Add(t.Window)
}

// tallies checks the limits and names their keys.
func (s counters) tallies(limits []extension.Limit) ([]tally, error) {
	if len(limits) == 0 || len(limits) > maxLimits {
		return nil, fmt.Errorf("counting against %d limits, want 1 to %d", len(limits), maxLimits)
	}
	out := make([]tally, 0, len(limits))
	for _, l := range limits {
		if l.Name == "" || l.Subject == "" || l.Max < 1 || l.Window < 0 {
			return nil, fmt.Errorf("limit %q of %s is incomplete", l.Name, s.extension)
		}
		t := tally{Limit: l, keys: s.keys("counters", s.extension, l.Name, l.Subject)}
		for _, o := range out {
			if bytes.Equal(o.keys.primary(), t.keys.primary()) {
				return nil, fmt.Errorf("limit %q of %s is given twice for one subject", l.Name, s.extension)
			}
		}
		out = append(out, t)
	}
	return out, nil
}

// count fills in what was counted. A rotation of the index key may leave a
// count under an older version; during it two replicas may even have one each.
func (s counters) count(ctx context.Context, q querier, t *tally) error {
	rows, err := q.QueryContext(ctx, "SELECT key, tries, last FROM counters WHERE key IN "+anyOf, t.keys.args()...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var key []byte
		var tries int
		var last int64
		if err := rows.Scan(&key, &tries, &last); err != nil {
			return err
		}
		at := time.UnixMicro(last)
		t.moved = t.moved || !bytes.Equal(key, t.keys.primary())
		if t.Window > 0 && !at.Add(t.Window).After(s.now()) {
			continue
		}
		t.tries += tries
		if at.After(t.last) {
			t.last = at
		}
	}
	return rows.Err()
}

// change runs fn on the counts in a transaction that no other change of any of
// them overlaps.
func (s counters) change(ctx context.Context, doing string, limits []extension.Limit, fn func(context.Context, *sql.Tx, []tally) error) error {
	ts, err := s.tallies(limits)
	if err != nil {
		return err
	}
	var keys [][]byte
	for _, t := range ts {
		keys = append(keys, t.keys[:]...)
	}
	return s.write(ctx, doing, func(ctx context.Context, tx *sql.Tx) error {
		if err := s.db.Lock(ctx, tx, keys...); err != nil {
			return err
		}
		for i := range ts {
			ts[i] = tally{Limit: ts[i].Limit, keys: ts[i].keys}
			if err := s.count(ctx, tx, &ts[i]); err != nil {
				return err
			}
		}
		return fn(ctx, tx, ts)
	})
}

// save stores a count under the primary key; a count of zero is no row.
func (s counters) save(ctx context.Context, tx *sql.Tx, t tally) error {
	if t.moved || t.tries == 0 {
		if err := s.remove(ctx, tx, t); err != nil || t.tries == 0 {
			return err
		}
	}
	var expires any
	if t.Window > 0 {
		expires = micros(t.last.Add(t.Window))
	}
	person, account := s.columns(t.About, t.Subject)
	_, err := tx.ExecContext(ctx, `INSERT INTO counters (key, tries, last, expires, person, account, extension, name)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (key) DO UPDATE SET tries = excluded.tries,
		last = excluded.last, expires = excluded.expires, person = excluded.person, account = excluded.account`,
		t.keys.primary(), t.tries, micros(t.last), expires, person, account, s.extension, t.Name)
	return err
}

func (s counters) remove(ctx context.Context, tx *sql.Tx, t tally) error {
	_, err := tx.ExecContext(ctx, "DELETE FROM counters WHERE key IN "+anyOf, t.keys.args()...)
	return err
}

func (s counters) Take(ctx context.Context, limits ...extension.Limit) (taken extension.Taken, err error) {
	err = s.change(ctx, "taking a try", limits, func(ctx context.Context, tx *sql.Tx, ts []tally) error {
		taken = judge(ts)
		if !taken.OK {
			return nil
		}
		for i := range ts {
			ts[i].tries++
			ts[i].last = s.now()
			if err := s.save(ctx, tx, ts[i]); err != nil {
				return err
			}
		}
		tight := tightest(ts)
		taken = extension.Taken{OK: true, Left: tight.left(), Limit: tight.Name, Until: tight.free(tight.last)}
		return nil
	})
	if err != nil {
		return extension.Taken{}, err
	}
	return taken, nil
}

// judge says what the counts allow.
func judge(ts []tally) extension.Taken {
	t := tightest(ts)
	return extension.Taken{OK: t.left() > 0, Left: t.left(), Limit: t.Name, Until: t.free(t.last)}
}

// tightest is the limit with the fewest tries left; of several that are used
// up, the one that is free last.
func tightest(ts []tally) tally {
	tight := ts[0]
	for _, t := range ts[1:] {
		if t.left() < tight.left() || t.left() == 0 && tight.left() == 0 && later(t, tight) {
			tight = t
		}
	}
	return tight
}

// later reports whether a is free later than b; for life is latest.
func later(a, b tally) bool {
	if a.Window == 0 || b.Window == 0 {
		return b.Window != 0
	}
	return a.free(a.last).After(b.free(b.last))
}

func (s counters) Refund(ctx context.Context, limits ...extension.Limit) error {
	return s.change(ctx, "taking back a try", limits, func(ctx context.Context, tx *sql.Tx, ts []tally) error {
		for _, t := range ts {
			t.tries = max(0, t.tries-1)
			if err := s.save(ctx, tx, t); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s counters) Look(ctx context.Context, limits ...extension.Limit) (taken extension.Taken, err error) {
	ts, err := s.tallies(limits)
	if err != nil {
		return extension.Taken{}, err
	}
	err = s.read(ctx, "looking at tries", func(ctx context.Context, q querier) error {
		for i := range ts {
			if err := s.count(ctx, q, &ts[i]); err != nil {
				return err
			}
		}
		taken = judge(ts)
		return nil
	})
	return taken, err
}

func (s counters) Clear(ctx context.Context, limits ...extension.Limit) error {
	return s.change(ctx, "clearing tries", limits, func(ctx context.Context, tx *sql.Tx, ts []tally) error {
		for _, t := range ts {
			if err := s.remove(ctx, tx, t); err != nil {
				return err
			}
		}
		return nil
	})
}
