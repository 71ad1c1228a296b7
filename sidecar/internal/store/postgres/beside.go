package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// OpenBeside connects for a command that writes a little beside others. The
// schema must be this program's; it is not changed. It returns an error that
// is fs.ErrNotExist when there are no tables yet.
func OpenBeside(ctx context.Context, url string) (*Database, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, errors.New("opening PostgreSQL: the URL is malformed (postgres://user@host/database?sslmode=verify-full)")
	}
	config.RuntimeParams["statement_timeout"] = "8s"
	config.RuntimeParams["lock_timeout"] = "6s"
	d := &Database{stdlib.OpenDB(*config)}
	if err := d.sameSchema(ctx); err != nil {
		return nil, fmt.Errorf("opening PostgreSQL: %w", errors.Join(err, d.Close()))
	}
	return d, nil
}

func (d *Database) sameSchema(ctx context.Context) error {
	var made bool
	err := d.pool.QueryRowContext(ctx, "SELECT to_regclass('goose_db_version') IS NOT NULL").Scan(&made)
	if err == nil && !made {
		err = fs.ErrNotExist
	}
	if err != nil {
		return err
	}
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectPostgres, d.pool, dir)
	if err != nil {
		return err
	}
	current, target, err := p.GetVersions(ctx)
	if err == nil && current != target {
		err = fmt.Errorf("the database has schema %d, this program wants %d: use the program that serves from it", current, target)
	}
	return err
}
