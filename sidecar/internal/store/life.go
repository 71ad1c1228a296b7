package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/schleuse/schleuse/sidecar/device"
)

// Settle looks whether the database came from a backup since it was last called,
// on any replica. If so, what is known about phones may be older than what
// happened to them: those that are not blocked confirm nothing until their owner
// has proved once more who they are (device.ReasonRestored), and permits are used
// up. It returns how many phones that are. A first call takes the database as it
// is.
func (s *Store) Settle(ctx context.Context) (phones int, err error) {
	_, life, err := s.db.Horizon(ctx)
	if err != nil {
		return 0, explain("looking which database this is", err)
	}
	life = lasting(life)
	var known string
	err = s.read(ctx, "looking which database this was", func(ctx context.Context, q querier) error {
		known, err = lifeOf(ctx, q)
		return err
	})
	if err != nil || known == life {
		return 0, err
	}
	err = s.write(ctx, "settling a database that was restored", func(ctx context.Context, tx *sql.Tx) error {
		phones, err = s.settle(ctx, tx, life)
		return err
	})
	return phones, err
}

func (s *Store) settle(ctx context.Context, tx *sql.Tx, life string) (phones int, err error) {
	if err := s.db.Lock(ctx, tx, []byte("life")); err != nil {
		return 0, err
	}
	known, err := lifeOf(ctx, tx)
	if err != nil || known == life {
		return 0, err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO life (id, era) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET era = excluded.era", life)
	if err != nil || known == "" {
		return 0, err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE permits SET used = 1 WHERE used = 0"); err != nil {
		return 0, err
	}
	return changed(tx.ExecContext(ctx, "UPDATE devices SET restored = 1 WHERE state IN ($1, $2) AND restored = 0", int(device.Active), int(device.Locked)))
}

func lifeOf(ctx context.Context, q querier) (era string, err error) {
	err = q.QueryRowContext(ctx, "SELECT era FROM life WHERE id = 1").Scan(&era)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return era, err
}

// lasting is a life without the number of the disk that a SQLite file lies on,
// which another start of the machine may change: an approval is worth so little
// that it may end by that, a phone is not.
func lasting(life string) string {
	if _, rest, found := strings.Cut(life, ":"); found {
		return rest
	}
	return life
}

// KeepRestored takes the phones as they are in a database that was restored,
// because nothing was lost: it was copied while nobody wrote, or a standby that
// had everything took over. It returns how many there were.
func (s *Store) KeepRestored(ctx context.Context) (total int, err error) {
	for {
		ids, err := s.restored(ctx)
		if err != nil || len(ids) == 0 {
			return total, err
		}
		for _, id := range ids {
			if err := s.keepRestored(ctx, id); err != nil {
				return total, err
			}
		}
		total += len(ids)
	}
}

func (s *Store) restored(ctx context.Context) (ids []device.ID, err error) {
	err = s.read(ctx, "reading restored phones", func(ctx context.Context, q querier) error {
		rows, err := q.QueryContext(ctx, "SELECT id FROM devices WHERE restored = 1 ORDER BY id LIMIT $1", sweepBatch)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id device.ID
			if err := rows.Scan(&id); err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return rows.Err()
	})
	return ids, err
}

// keepRestored takes the mark away. Who had used up the tries before, is locked
// by the next one.
func (s *Store) keepRestored(ctx context.Context, id device.ID) error {
	return s.write(ctx, "keeping a restored phone", func(ctx context.Context, tx *sql.Tx) error {
		d, err := devices{s}.locked(ctx, tx, id)
		if err == nil && d.State == device.Locked && d.Reason == device.ReasonRestored {
			d.State, d.Reason = device.Active, ""
			err = devices{s}.put(ctx, tx, d)
		}
		if err != nil && !errors.Is(err, device.ErrNoDevice) {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE devices SET restored = 0 WHERE id = $1", string(id))
		return err
	})
}
