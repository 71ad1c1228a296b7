package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"time"
)

// Proofs remembers the proofs of possession (RFC 9449 section 11.1) that were
// taken. The rows say nothing of anybody.
type Proofs struct{ *Store }

// Proofs returns the memory of proofs.
func (s *Store) Proofs() Proofs { return Proofs{s} }

// Take reports whether the key was not taken before, on any replica. It is
// remembered until then.
func (p Proofs) Take(ctx context.Context, key [sha256.Size]byte, until time.Time) (fresh bool, err error) {
	err = p.write(ctx, "taking a proof", func(ctx context.Context, tx *sql.Tx) error {
		fresh, err = p.take(ctx, tx, key, until)
		return err
	})
	return fresh && err == nil, err
}

func (p Proofs) take(ctx context.Context, tx *sql.Tx, key [sha256.Size]byte, until time.Time) (fresh bool, err error) {
	n, err := changed(tx.ExecContext(ctx, "INSERT INTO proofs (key, expires) VALUES ($1, $2) ON CONFLICT DO NOTHING", key[:], micros(until)))
	return n == 1, err
}
