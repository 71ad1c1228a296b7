package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// OpenToRead connects without changing the schema; whatever writes fails. It
// returns an error that is fs.ErrNotExist when there are no tables yet.
func OpenToRead(ctx context.Context, url string) (*Database, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, errors.New("opening PostgreSQL: the URL is malformed (postgres://user@host/database?sslmode=verify-full)")
	}
	config.RuntimeParams["default_transaction_read_only"] = "on"
	config.RuntimeParams["statement_timeout"] = "8s"
	d := &Database{stdlib.OpenDB(*config)}
	var made bool
	err = d.pool.QueryRowContext(ctx, "SELECT to_regclass('goose_db_version') IS NOT NULL").Scan(&made)
	if err == nil && !made {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("opening PostgreSQL: %w", errors.Join(err, d.Close()))
	}
	return d, nil
}
