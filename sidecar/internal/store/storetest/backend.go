package storetest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/schleuse/schleuse/e2e/stage"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
	"github.com/schleuse/schleuse/sidecar/internal/store"
)

// Backend is a kind of database.
type Backend struct {
	// Replicas is how many stores may be open on one database.
	Replicas int
	// Fresh returns the dsn of a database without rows. It may be the same one
	// again: what the test before opened must be closed.
	Fresh func(t *testing.T) string
	// Empty returns the dsn of a database without tables.
	Empty func(t *testing.T) string
}

// SQLite is a file in the test's own folder.
func SQLite() Backend {
	file := func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "schleuse.db") }
	return Backend{Replicas: 1, Fresh: file, Empty: file}
}

// PostgresEnv names the environment variable that may hold the URL of a
// PostgreSQL in which the tests may make schemas.
const PostgresEnv = "SCHLEUSE_TEST_POSTGRES"

// Postgres is a PostgreSQL: the one that PostgresEnv names, else one started
// for main's tests. The function that is returned ends what was started.
func Postgres(main context.Context) (Backend, func(), error) {
	base, end, err := os.Getenv(PostgresEnv), func() {}, error(nil)
	if base == "" {
		base, end, err = startPostgres(main)
	}
	if err != nil {
		return Backend{}, nil, fmt.Errorf("%w\n`make test` installs PostgreSQL; %s=postgres://… takes another one", err, PostgresEnv)
	}
	schema, err := newSchema(base)
	if err != nil {
		end()
		return Backend{}, nil, err
	}
	b := Backend{
		Replicas: 2,
		Fresh:    func(t *testing.T) string { return emptied(t, schema) },
		Empty:    func(t *testing.T) string { return emptySchema(t, base) },
	}
	return b, func() {
		if err := dropSchema(base, schema); err != nil {
			fmt.Fprintln(os.Stderr, "left behind:", err)
		}
		end()
	}, nil
}

func startPostgres(ctx context.Context) (base string, stop func(), err error) {
	cache, err := stage.OpenCache(stage.Progress{})
	if err != nil {
		return "", nil, err
	}
	p, err := cache.StartPostgres(ctx, 0)
	if err != nil {
		return "", nil, err
	}
	return p.URL, p.Stop, nil
}

// newSchema makes a schema and returns the URL that leads to it.
func newSchema(base string) (string, error) {
	u, err := url.Parse(base)
	if err != nil {
		return "", err
	}
	var raw [8]byte
	rand.Read(raw[:])
	name := "test_" + hex.EncodeToString(raw[:])
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return u.String(), exec(base, "CREATE SCHEMA "+name)
}

func dropSchema(base, schema string) error {
	u, err := url.Parse(schema)
	if err != nil {
		return err
	}
	return exec(base, "DROP SCHEMA "+u.Query().Get("search_path")+" CASCADE")
}

func emptySchema(t *testing.T, base string) string {
	t.Helper()
	schema, err := newSchema(base)
	must(t, err)
	t.Cleanup(func() {
		if err := dropSchema(base, schema); err != nil {
			t.Error(err)
		}
	})
	return schema
}

// emptied empties the tables, which is faster than making them anew.
func emptied(t *testing.T, schema string) string {
	t.Helper()
	must(t, exec(schema, `DO $$ DECLARE t text; BEGIN
		FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename <> 'goose_db_version'
		LOOP EXECUTE 'DELETE FROM ' || quote_ident(t); END LOOP; END $$`))
	return schema
}

func exec(dsn, statement string) error {
	ctx := context.Background() // cleaning up comes after the test's own context
	c, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return fmt.Errorf("PostgreSQL: %w", err)
	}
	defer c.Close(ctx)
	if _, err := c.Exec(ctx, statement); err != nil {
		return fmt.Errorf("PostgreSQL: %w", err)
	}
	return nil
}

// Clock is a time that the test moves. It is safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock stands at the given time.
func NewClock(now time.Time) *Clock { return &Clock{now: now} }

// Now returns the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Add moves the time.
func (c *Clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Open opens an empty SQLite store with keys of its own, closed when the test
// ends.
func Open(t *testing.T, now func() time.Time) *store.Store {
	t.Helper()
	ring := keyring.Generate(now())
	ring.Now = now
	return reopen(t, SQLite().Fresh(t), ring, now)
}

func reopen(t *testing.T, dsn string, ring *keyring.Ring, now func() time.Time) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), dsn, ring, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
