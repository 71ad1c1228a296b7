package postgres

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	connections  = 16              // per replica
	connectionIs = 5 * time.Minute // idle for so long, it is closed
	attempts     = 4               // of a transaction that met another one
)

// Database is a pool. Reads see what was committed before them.
type Database struct{ pool *sql.DB }

// Open connects and brings the schema up to date under an advisory lock, so
// that several replicas may start together. A schema of a newer program is
// refused. Errors do not quote the password.
func Open(ctx context.Context, url string) (*Database, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, errors.New("opening PostgreSQL: the URL is malformed (postgres://user@host/database?sslmode=verify-full)")
	}
	if err := migrate(ctx, config); err != nil {
		return nil, fmt.Errorf("opening PostgreSQL: %w", err)
	}
	// The server ends what a replica that vanished left behind; the calls'
	// own deadlines are shorter.
	for name, limit := range map[string]string{
		"statement_timeout": "8s", "lock_timeout": "6s", "idle_in_transaction_session_timeout": "10s",
	} {
		if _, ok := config.RuntimeParams[name]; !ok {
			config.RuntimeParams[name] = limit
		}
	}
	pool := stdlib.OpenDB(*config)
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	pool.SetConnMaxIdleTime(connectionIs)
	pool.SetConnMaxLifetime(time.Hour)
	return &Database{pool}, nil
}

// migrate uses connections of its own: building an index may take longer than
// a query may.
func migrate(ctx context.Context, config *pgx.ConnConfig) error {
	db := stdlib.OpenDB(*config)
	defer db.Close()
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300)) // seconds: for up to 5 min
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, dir, goose.WithSessionLocker(locker))
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("bringing the schema up to date: %w", err)
	}
	current, target, err := p.GetVersions(ctx)
	if err != nil {
		return err
	}
	if current > target {
		return fmt.Errorf("the database has schema %d, this program knows %d: it was written by a newer one", current, target)
	}
	return nil
}

// Reader returns the pool.
func (d *Database) Reader() *sql.DB { return d.pool }

// Write runs fn in a transaction (READ COMMITTED) and commits when it returns
// nil. fn runs again when the transaction met another one.
func (d *Database) Write(ctx context.Context, fn func(context.Context, *sql.Tx) error) (err error) {
	for range attempts {
		if err = d.once(ctx, fn); !met(err) {
			return err
		}
	}
	return err
}

func (d *Database) once(ctx context.Context, fn func(context.Context, *sql.Tx) error) error {
	tx, err := d.pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // no-op after Commit; else the first error counts
	if err := fn(ctx, tx); err != nil {
		return err
	}
	return tx.Commit()
}

// met reports a deadlock, a serialization failure or a row that another
// transaction inserted meanwhile (PostgreSQL manual, appendix A).
func met(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && slices.Contains([]string{"40001", "40P01", "23505"}, e.Code)
}

// Lock takes transaction-level advisory locks, in an order that is the same
// everywhere. Two keys may share a lock; that costs time only.
func (d *Database) Lock(ctx context.Context, tx *sql.Tx, keys ...[]byte) error {
	var locks []int64
	for _, k := range keys {
		sum := sha256.Sum256(k)
		locks = append(locks, int64(binary.BigEndian.Uint64(sum[:]))) //nolint:gosec // any 64 bits will do
	}
	slices.Sort(locks)
	for _, l := range slices.Compact(locks) {
		if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", l); err != nil {
			return err
		}
	}
	return nil
}

// Erase lets the server drop deleted keys from their table. Its write-ahead
// log and backups are the operator's to let go.
func (d *Database) Erase(ctx context.Context) error {
	_, err := d.pool.ExecContext(ctx, "VACUUM audit_people")
	return err
}

// Close closes the pool.
func (d *Database) Close() error { return d.pool.Close() }
