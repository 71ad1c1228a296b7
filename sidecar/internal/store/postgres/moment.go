package postgres

import (
	"context"
	"database/sql"
)

// era names this life of the database: the cluster, its timeline (a promoted
// standby and a recovery to a point in time begin a new one), the database, and
// its tables as they were made (a dump that was read back made new ones).
const era = `(SELECT system_identifier::text FROM pg_control_system()) || '/' ||
	substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) || '/' ||
	(SELECT oid::text FROM pg_database WHERE datname = current_database()) || '/' || 'goose_db_version'::regclass::oid::text`

// Moment returns a mark for what tx changes, and the life of the database. The
// mark is the transaction's id; those of later transactions may become visible
// before it (see Horizon).
func (d *Database) Moment(ctx context.Context, tx *sql.Tx) (mark int64, life string, err error) {
	err = tx.QueryRowContext(ctx, "SELECT pg_current_xact_id()::text::bigint, "+era).Scan(&mark, &life)
	return mark, life, err
}

// Horizon returns a mark below which everything was committed or given up.
func (d *Database) Horizon(ctx context.Context) (mark int64, life string, err error) {
	err = d.pool.QueryRowContext(ctx, "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, "+era).Scan(&mark, &life)
	return mark, life, err
}
