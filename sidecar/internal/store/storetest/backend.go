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
	// Fresh returns the dsn of an empty database.
	Fresh func(t *testing.T) string
}

// SQLite is a file in the test's own folder.
func SQLite() Backend {
	return Backend{Replicas: 1, Fresh: func(t *testing.T) string {
		return "sqlite:" + filepath.Join(t.TempDir(), "schleuse.db")
	}}
}

// PostgresEnv names the environment variable that may hold the URL of a
// PostgreSQL in which the tests may make schemas.
const PostgresEnv = "SCHLEUSE_TEST_POSTGRES"

// Postgres is a PostgreSQL: the one that PostgresEnv names, else one started
// for main's tests, which stop ends. Each test gets a schema of its own.
func Postgres(main context.Context) (b Backend, stop func(), err error) {
	base, stop := os.Getenv(PostgresEnv), func() {}
	if base == "" {
		base, stop, err = startPostgres(main)
	}
	if err != nil {
		return Backend{}, nil, fmt.Errorf("%w\n`make test` installs PostgreSQL; %s=postgres://… takes another one", err, PostgresEnv)
	}
	return Backend{Replicas: 2, Fresh: func(t *testing.T) string { return freshSchema(t, base) }}, stop, nil
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

func freshSchema(t *testing.T, base string) string {
	t.Helper()
	var raw [8]byte
	rand.Read(raw[:])
	name := "test_" + hex.EncodeToString(raw[:])
	exec(t, base, "CREATE SCHEMA "+name)
	t.Cleanup(func() { exec(t, base, "DROP SCHEMA "+name+" CASCADE") })
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return u.String()
}

func exec(t *testing.T, dsn, statement string) {
	t.Helper()
	ctx := context.Background() // cleaning up comes after the test's own context
	c, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatalf("PostgreSQL: %v", err)
	}
	defer c.Close(ctx)
	if _, err := c.Exec(ctx, statement); err != nil {
		t.Fatalf("PostgreSQL: %v", err)
	}
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
