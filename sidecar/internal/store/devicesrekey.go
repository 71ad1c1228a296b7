package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/schleuse/schleuse/sidecar/device"
)

// rekeyDevices writes phones that stand under older keys anew, so that retiring
// a key that was rotated long ago loses no phone, however rarely it is used. It
// takes a bounded number; the next sweep goes on.
func (s *Store) rekeyDevices(ctx context.Context) (total int, err error) {
	for range rekeyBatches {
		ids, err := s.otherwiseKeyed(ctx)
		if err != nil {
			return total, err
		}
		for _, id := range ids {
			if err := s.rekeyDevice(ctx, id); err != nil {
				return total, err
			}
		}
		total += len(ids)
		if len(ids) < sweepBatch {
			break
		}
	}
	return total, nil
}

func (s *Store) otherwiseKeyed(ctx context.Context) (ids []device.ID, err error) {
	err = s.read(ctx, "reading phones under older keys", func(ctx context.Context, q querier) error {
		rows, err := q.QueryContext(ctx, "SELECT id FROM devices WHERE keyed <> $1 LIMIT $2", s.keyed(), sweepBatch)
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

// rekeyDevice marks a row that does not open any more as done: no key will
// open it again.
func (s *Store) rekeyDevice(ctx context.Context, id device.ID) error {
	return s.write(ctx, "writing a phone under the present keys", func(ctx context.Context, tx *sql.Tx) error {
		d, err := devices{s}.locked(ctx, tx, id)
		if errors.Is(err, device.ErrNoDevice) {
			_, err = tx.ExecContext(ctx, "UPDATE devices SET keyed = $1 WHERE id = $2", s.keyed(), string(id))
			return err
		}
		if err != nil {
			return err
		}
		return devices{s}.put(ctx, tx, d)
	})
}
