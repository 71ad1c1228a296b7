package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
	"github.com/schleuse/schleuse/sidecar/internal/store/postgres"
	"github.com/schleuse/schleuse/sidecar/internal/store/sqlite"
)

// Deadline is the longest that a call takes when the caller's context allows
// more.
const Deadline = 5 * time.Second

// database is what differs between SQLite and PostgreSQL. Both take the same
// SQL with $1 parameters.
type database interface {
	// Reader returns the pool for queries outside of transactions.
	Reader() *sql.DB
	// Write runs fn in a transaction, with the context for what it does there; fn
	// may run again, and in another goroutine.
	Write(ctx context.Context, fn func(context.Context, *sql.Tx) error) error
	// Lock holds off other transactions that lock one of these keys until tx
	// ends; what they committed is visible afterwards.
	Lock(ctx context.Context, tx *sql.Tx, keys ...[]byte) error
	historian
	eraser
}

// historian orders changes and notices when the database is not the one that
// was written to before, but came from a backup.
type historian interface {
	// Moment returns a mark for what tx changes, and the life of the database:
	// another one begins with each restored backup.
	Moment(ctx context.Context, tx *sql.Tx) (mark int64, life string, err error)
	// Horizon returns a mark below which nothing becomes visible any more, and
	// the life of the database.
	Horizon(ctx context.Context) (mark int64, life string, err error)
}

type eraser interface {
	// Erase makes what was deleted vanish from the files as far as it can.
	Erase(ctx context.Context) error
	Close() error
}

// Store is an open database. It is safe for concurrent use.
type Store struct {
	// Log takes what nobody waits for, such as a message that was given up;
	// nil = slog.Default(). It is set before the store is used.
	Log *slog.Logger

	db     database
	ring   *keyring.Ring
	now    func() time.Time
	audit  *Audit
	wakers sync.Map // an outbox's name → its channel; there are as many as extensions and clients
}

// Open opens the database and brings its schema up to date, waiting for
// another replica that does so. dsn is sqlite:PATH or a postgres:// URL
// (libpq's parameters; the password rather by passfile).
func Open(ctx context.Context, dsn string, ring *keyring.Ring, now func() time.Time) (*Store, error) {
	db, err := open(ctx, dsn)
	if err != nil {
		return nil, err
	}
	return of(db, ring, now), nil
}

// OpenToRead opens the database for looking at it from the command line, also
// while others serve from it: nothing is made, locked or changed, and calls
// that write fail. It returns an error that is fs.ErrNotExist when there is no
// database yet.
func OpenToRead(ctx context.Context, dsn string, ring *keyring.Ring, now func() time.Time) (*Store, error) {
	db, err := openToRead(ctx, dsn)
	if err != nil {
		return nil, err
	}
	return of(db, ring, now), nil
}

// OpenBeside opens the database for a command that writes a little, also while
// others serve from it. The schema must be this program's and is not changed.
// It returns an error that is fs.ErrNotExist when there is no database yet.
func OpenBeside(ctx context.Context, dsn string, ring *keyring.Ring, now func() time.Time) (*Store, error) {
	db, err := openBeside(ctx, dsn)
	if err != nil {
		return nil, err
	}
	return of(db, ring, now), nil
}

func openBeside(ctx context.Context, dsn string) (database, error) {
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok && path != "" {
		return sqlite.OpenBeside(ctx, path)
	}
	return postgres.OpenBeside(ctx, dsn)
}

func of(db database, ring *keyring.Ring, now func() time.Time) *Store {
	s := &Store{db: db, ring: ring, now: now}
	s.audit = &Audit{store: s, stream: mainStream, turn: make(chan struct{}, 1)}
	return s
}

func openToRead(ctx context.Context, dsn string) (database, error) {
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok && path != "" {
		return sqlite.OpenToRead(ctx, path)
	}
	return postgres.OpenToRead(ctx, dsn)
}

func open(ctx context.Context, dsn string) (database, error) {
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok && path != "" {
		return sqlite.Open(ctx, path)
	}
	if strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://") {
		return postgres.Open(ctx, dsn)
	}
	return nil, errors.New("opening the store: want sqlite:/path/to/file or postgres://user@host/database")
}

// Close closes the database. Calls that run end first or fail.
func (s *Store) Close() error { return s.db.Close() }

// answer marks an error that is the port's answer and not a failure of the
// database.
type answer struct{ error }

func (a answer) Unwrap() error { return a.error }

// read runs a query with a deadline.
func (s *Store) read(ctx context.Context, doing string, fn func(context.Context, querier) error) error {
	ctx, cancel := context.WithTimeout(ctx, Deadline)
	defer cancel()
	return explain(doing, fn(ctx, s.db.Reader()))
}

// write runs a transaction with a deadline.
func (s *Store) write(ctx context.Context, doing string, fn func(context.Context, *sql.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, Deadline)
	defer cancel()
	return explain(doing, s.db.Write(ctx, fn))
}

func explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	var a answer
	if errors.As(err, &a) {
		return a.error
	}
	f := fault.New(fault.Unavailable, "later", fmt.Errorf("%s: %w", doing, err))
	f.Retry = Deadline
	return f
}

// querier is a pool or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// seal makes the sealed form of v for a column of the row named key.
func (s *Store) seal(column string, key []byte, v any) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, answer{fmt.Errorf("sealing %s: %w", column, err)}
	}
	return s.ring.Seal(keyring.Seal, plain, place(column, key)), nil
}

// open fills v from a sealed column and reports whether it could.
func (s *Store) open(column string, key, sealed []byte, v any) bool {
	plain, err := s.ring.Open(keyring.Seal, sealed, place(column, key))
	return err == nil && json.Unmarshal(plain, v) == nil
}

// place says where a sealed value belongs; a column's name holds no zero byte.
func place(column string, key []byte) []byte {
	return append(append([]byte(column), 0), key...)
}

// alternatives are the look-up keys of one thing under every version of the
// index key, the primary's first, filled up by repeating so that statements
// have a fixed number of parameters.
type alternatives [keyring.MaxVersions][]byte

// anyOf is their place in a statement; they are its first parameters.
const anyOf = "($1,$2,$3,$4,$5,$6,$7,$8)"

// keys returns the look-up keys of what parts name in this domain.
func (s *Store) keys(domain string, parts ...string) alternatives {
	raw := make([][]byte, len(parts))
	for i, p := range parts {
		raw[i] = []byte(p)
	}
	macs := s.ring.MACs(keyring.Index, domain, raw...)
	var out alternatives
	for i := range out {
		out[i] = macs[0]
		if i < len(macs) {
			out[i] = macs[i]
		}
	}
	return out
}

// primary is the key to store under.
func (a alternatives) primary() []byte { return a[0] }

// only is one key alone.
func only(key []byte) (a alternatives) {
	for i := range a {
		a[i] = key
	}
	return a
}

// has reports whether a stored key is one of them.
func (a alternatives) has(stored []byte) bool {
	return slices.ContainsFunc(a[:], func(k []byte) bool { return bytes.Equal(k, stored) })
}

// args returns the keys as a statement's first parameters, followed by more.
func (a alternatives) args(more ...any) []any {
	return append(a.appended(make([]any, 0, len(a)+len(more))), more...)
}

// appended returns to with the keys behind it.
func (a alternatives) appended(to []any) []any {
	for _, k := range a {
		to = append(to, k)
	}
	return to
}

// micros is how times stand in columns.
func micros(t time.Time) int64 { return t.UnixMicro() }

// changed returns how many rows a statement changed.
func changed(r sql.Result, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	n, err := r.RowsAffected()
	return int(n), err
}
