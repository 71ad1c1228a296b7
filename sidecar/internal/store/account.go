package store

import (
	"context"
	"database/sql"

	"github.com/schleuse/schleuse/sidecar/account"
)

// lockAccount holds off other transactions that change this account's devices,
// permits or approvals. It is the first lock that such a transaction takes, so
// that two of them never wait for one another in a circle.
func (s *Store) lockAccount(ctx context.Context, tx *sql.Tx, id account.ID) error {
	return s.db.Lock(ctx, tx, []byte("account/"+id))
}
