package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/pressly/goose/v3"
)

// OpenBeside opens a file that another process may be serving from, for a
// command that writes a little: transactions of both wait for one another. The
// schema must be this program's; it is not changed. It returns an error that
// is fs.ErrNotExist when there is no database yet.
func OpenBeside(ctx context.Context, path string) (*Database, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	d := &Database{group: newGroup()}
	if err := d.openBeside(ctx, path); err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, errors.Join(err, d.Close()))
	}
	return d, nil
}

func (d *Database) openBeside(ctx context.Context, path string) (err error) {
	if d.writer, err = connect(path, 1, "_txlock=immediate"); err != nil {
		return err
	}
	if d.reader, err = connect(path, readers, "_pragma=query_only(1)"); err != nil {
		return err
	}
	if d.file, err = which(path); err != nil {
		return err
	}
	var tables int
	err = d.reader.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master WHERE name = 'goose_db_version'").Scan(&tables)
	if err == nil && tables == 0 {
		err = fs.ErrNotExist
	}
	if err != nil {
		return err
	}
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, d.writer, dir)
	if err != nil {
		return err
	}
	current, target, err := p.GetVersions(ctx)
	if err == nil && current != target {
		err = fmt.Errorf("the database has schema %d, this program wants %d: use the program that serves from it", current, target)
	}
	return err
}
