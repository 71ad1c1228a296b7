package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver
)

//go:embed migrations/*.sql
var migrations embed.FS

// readers is how many queries run beside the one writer. Reading is CPU-bound
// here, so more would not help.
const readers = 4

// Database is an open file. Reads see what was committed before them.
type Database struct {
	lock   *os.File
	writer *sql.DB // one connection: SQLite has one writer, and queueing here is fair
	reader *sql.DB
	group  *group

	file   string // which file it is
	marked int64  // by the transaction under way; only the one writer uses it
}

// Open opens the file (made with mode 0600 when there is none), keeps other
// processes out (ErrInUse) and brings the schema up to date. A file written by
// a newer program is refused.
func Open(ctx context.Context, path string) (*Database, error) {
	lock, err := lockFile(path)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	d := &Database{lock: lock, group: newGroup()}
	if err := d.open(ctx, path); err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, errors.Join(err, d.Close()))
	}
	return d, nil
}

func (d *Database) open(ctx context.Context, path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if d.writer, err = connect(path, 1, "_txlock=immediate"); err != nil {
		return err
	}
	if d.reader, err = connect(path, readers, "_pragma=query_only(1)"); err != nil {
		return err
	}
	if err := migrate(ctx, d.writer); err != nil {
		return err
	}
	if d.file, err = which(path); err != nil {
		return err
	}
	return d.begin(ctx)
}

// connect prepares a pool. synchronous=FULL makes a commit survive a power
// cut; secure_delete overwrites what is deleted, so that an erased person's
// key is gone from the file.
func connect(path string, connections int, extra string) (*sql.DB, error) {
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: "_pragma=busy_timeout(5000)" +
		"&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=secure_delete(1)&_pragma=foreign_keys(1)&" + extra}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

func migrate(ctx context.Context, db *sql.DB) error {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, dir)
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

// Reader returns the pool for queries.
func (d *Database) Reader() *sql.DB { return d.reader }

// Write runs fn in a transaction and commits when it returns nil. Transactions
// run one after the other; those that wait meanwhile share a commit. fn is to
// use the context that it is given, and may run in another goroutine.
func (d *Database) Write(ctx context.Context, fn func(context.Context, *sql.Tx) error) error {
	return d.group.do(ctx, fn, d.commit)
}

// commit does the jobs in one transaction. Those that fail alone leave nothing
// behind.
func (d *Database) commit(jobs []*job) error {
	tx, err := d.writer.BeginTx(context.Background(), nil) // nobody's own end is all the others'
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // no-op after Commit; else the first error counts
	last := int64(0)
	for _, j := range jobs {
		d.marked = 0
		if err := j.run(tx, len(jobs) == 1); err != nil {
			return err
		}
		if j.err == nil {
			last = max(last, d.marked)
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	d.keepMark(last)
	return nil
}

// Lock does nothing: transactions run one after the other anyway.
func (d *Database) Lock(context.Context, *sql.Tx, ...[]byte) error { return nil }

// Erase makes what was deleted vanish from the write-ahead log too.
func (d *Database) Erase(ctx context.Context) error {
	_, err := d.writer.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	return err
}

// Close closes the file and lets others open it.
func (d *Database) Close() error {
	var errs []error
	for _, db := range []*sql.DB{d.reader, d.writer} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if d.lock != nil {
		errs = append(errs, d.lock.Close())
	}
	return errors.Join(errs...)
}
