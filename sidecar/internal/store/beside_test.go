package store_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
	"github.com/schleuse/schleuse/sidecar/internal/store"
	"github.com/schleuse/schleuse/sidecar/internal/store/storetest"
)

func TestOpenBesideOneThatServes(t *testing.T) {
	for name, backend := range map[string]storetest.Backend{"SQLite": storetest.SQLite(), "Postgres": postgres} {
		t.Run(name, func(t *testing.T) {
			dsn, ring := backend.Empty(t), keyring.Generate(time.Now())
			if _, err := store.OpenBeside(t.Context(), dsn, ring, time.Now); !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("before there is a database: %v", err)
			}
			serving := opened(t, store.Open, dsn, ring)
			beside := opened(t, store.OpenBeside, dsn, ring)
			writeBoth(t, serving, beside)
			if v, err := beside.Audit().Verify(t.Context()); err != nil || v.Lines != 2*64 {
				t.Errorf("%+v, %v", v, err)
			}
		})
	}
}

type opener = func(context.Context, string, *keyring.Ring, func() time.Time) (*store.Store, error)

func opened(t *testing.T, open opener, dsn string, ring *keyring.Ring) *store.Store {
	t.Helper()
	s, err := open(t.Context(), dsn, ring, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// writeBoth lets both append to the one chain at once.
func writeBoth(t *testing.T, stores ...*store.Store) {
	t.Helper()
	var running sync.WaitGroup
	for i, s := range stores {
		for n := range 64 {
			running.Go(func() {
				e := audit.Entry{Phase: audit.Fact, Action: fmt.Sprintf("a%d.%d", i, n), Result: "ok", Person: "p"}
				if err := s.Audit().Append(t.Context(), e); err != nil {
					t.Error(err)
				}
			})
		}
	}
	running.Wait()
}

func TestOpenBesideAnotherSchemaIsRefused(t *testing.T) {
	path, ring := filepath.Join(t.TempDir(), "schleuse.db"), keyring.Generate(time.Now())
	if s, err := store.Open(t.Context(), "sqlite:"+path, ring, time.Now); err != nil || s.Close() != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		"INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)",
		"DELETE FROM goose_db_version WHERE version_id IN (99999, (SELECT max(version_id) FROM goose_db_version WHERE version_id < 99999))",
	} {
		mustExec(t, raw(t, "sqlite:"+path), statement)
		if _, err := store.OpenBeside(t.Context(), "sqlite:"+path, ring, time.Now); err == nil || !strings.Contains(err.Error(), "this program wants") {
			t.Errorf("after %s: %v", statement, err)
		}
	}
}
