package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver

	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/internal/gate"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
	"github.com/schleuse/schleuse/sidecar/internal/store"
	"github.com/schleuse/schleuse/sidecar/internal/store/storetest"
)

func open(t *testing.T, dsn string, ring *keyring.Ring) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), dsn, ring, ring.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// raw opens the same database beside the store, as somebody with access to it
// could.
func raw(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	driver, name := "pgx", dsn
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		driver, name = "sqlite", path
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func mustExec(t *testing.T, db *sql.DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func both(t *testing.T, test func(t *testing.T, b storetest.Backend)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) { test(t, storetest.SQLite()) })
	t.Run("Postgres", func(t *testing.T) { test(t, postgres) })
}

func TestSeveralReplicasStartTogether(t *testing.T) {
	dsn := postgres.Empty(t)
	ring := keyring.Generate(time.Now())
	var all sync.WaitGroup
	errs := make([]error, 6)
	for i := range errs {
		all.Go(func() {
			s, err := store.Open(t.Context(), dsn, ring, time.Now)
			if err == nil {
				err = errors.Join(s.Ready(t.Context()), s.Close())
			}
			errs[i] = err
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
}

func TestADatabaseOfANewerProgramIsRefused(t *testing.T) {
	both(t, func(t *testing.T, b storetest.Backend) {
		dsn := b.Empty(t)
		ring := keyring.Generate(time.Now())
		s, err := store.Open(t.Context(), dsn, ring, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		mustExec(t, raw(t, dsn), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, $1)", true)
		if _, err := store.Open(t.Context(), dsn, ring, time.Now); err == nil || !strings.Contains(err.Error(), "newer") {
			t.Errorf("err = %v", err)
		}
	})
}

func TestAWrongAddressSaysWhatIsWantedAndNoPassword(t *testing.T) {
	for _, dsn := range []string{
		"", "sqlite:", "mysql://root:geheim@db/x", "postgres://u:geheim@[::1/x", "postgres://u:geheim@127.0.0.1:1/x?sslmode=disable",
		"sqlite:" + filepath.Join(t.TempDir(), "no", "such", "folder.db"),
	} {
		s, err := store.Open(t.Context(), dsn, keyring.Generate(time.Now()), time.Now)
		if err == nil {
			s.Close()
			t.Errorf("%s opens", dsn)
		} else if strings.Contains(err.Error(), "geheim") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

func TestTheFileIsForItsOwnerAlone(t *testing.T) {
	dsn := storetest.SQLite().Fresh(t)
	s := open(t, dsn, keyring.Generate(time.Now()))
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	path := strings.TrimPrefix(dsn, "sqlite:")
	for _, end := range []string{"", "-wal", "-shm", ".lock"} {
		info, err := os.Stat(path + end)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", end, info, err)
		}
	}
}

func TestAnUnusualPathOpensThatPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a?mode=memory&b#c%41 ü.db")
	open(t, "sqlite:"+path, keyring.Generate(time.Now()))
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestLostConnectionsAreMadeAnew(t *testing.T) {
	dsn := postgres.Fresh(t)
	s := open(t, dsn, keyring.Generate(time.Now()))
	for range 3 {
		if err := s.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		c, err := pgx.Connect(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"); err != nil {
			t.Fatal(err)
		}
		c.Close(t.Context())
		// A request may meet the lost connection; the next one must not.
		if err := s.Ready(t.Context()); err != nil {
			if err := s.Ready(t.Context()); err != nil {
				t.Errorf("after the connections were lost: %v", err)
			}
		}
	}
}

// Two replicas whose clocks differ, or one of which has not yet read the key
// file, disagree for a moment about which index key is primary.
func TestReplicasThatDisagreeAboutThePrimaryShareOneCounter(t *testing.T) {
	dsn := postgres.Fresh(t)
	begin := time.Now()
	keys := filepath.Join(t.TempDir(), "keys.json")
	ring := keyring.Generate(begin)
	if _, err := ring.Rotate(keyring.Index, begin); err != nil {
		t.Fatal(err)
	}
	if err := ring.Save(keys); err != nil {
		t.Fatal(err)
	}
	var replicas []extension.Counters
	for _, ahead := range []time.Duration{keyring.ActivationDelay - time.Second, keyring.ActivationDelay} {
		r, err := keyring.Load(keys)
		if err != nil {
			t.Fatal(err)
		}
		r.Now = func() time.Time { return begin.Add(ahead) }
		replicas = append(replicas, open(t, dsn, r).Counters("egk"))
	}
	limit := extension.Limit{Name: "n", Subject: "s", Max: 40}
	var all sync.WaitGroup
	var mu sync.Mutex
	taken := 0
	for i := range 64 {
		all.Go(func() {
			got, err := replicas[i%2].Take(t.Context(), limit)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			if got.OK {
				taken++
			}
		})
	}
	all.Wait()
	if taken != limit.Max {
		t.Errorf("%d of %d tries were taken", taken, limit.Max)
	}
}

func TestASealedColumnMovedToAnotherRowDoesNotOpen(t *testing.T) {
	both(t, func(t *testing.T, b storetest.Backend) {
		dsn := b.Fresh(t)
		s := open(t, dsn, keyring.Generate(time.Now()))
		mine, other := gate.HashOf("mine"), gate.HashOf("other")
		for _, h := range []gate.Hash{mine, other} {
			if err := s.Codes().RecordCode(t.Context(), h, gate.Code{Account: "a", Expires: time.Now().Add(time.Hour)}); err != nil {
				t.Fatal(err)
			}
		}
		mustExec(t, raw(t, dsn), "UPDATE codes SET record = (SELECT record FROM codes WHERE hash = $1) WHERE hash = $2", other[:], mine[:])
		if got, err := s.Codes().Code(t.Context(), mine); !errors.Is(err, gate.ErrNoRecord) {
			t.Errorf("%+v, %v", got, err)
		}
		if _, err := s.Codes().Code(t.Context(), other); err != nil {
			t.Error(err)
		}
	})
}

func TestEveryChangeOfTheAuditIsSeen(t *testing.T) {
	changes := map[string]string{
		"a word":               "UPDATE audit_lines SET result = 'refused' WHERE seq = 2",
		"a person's line":      "UPDATE audit_lines SET sealed = NULL WHERE seq = 2",
		"a line removed":       "DELETE FROM audit_lines WHERE seq = 3",
		"a line added":         "INSERT INTO audit_lines (stream, seq, pos, at, phase, action, step, client, result, ref) VALUES ('main', 3, 9, 1, 1, 'x', '', '', 'ok', '')",
		"a batch removed":      "DELETE FROM audit_batches WHERE seq = 2",
		"the last one removed": "DELETE FROM audit_batches WHERE seq = 4",
		"a link":               "UPDATE audit_batches SET link = prev WHERE seq = 3",
		"the head":             "UPDATE audit_heads SET seq = 3, link = (SELECT link FROM audit_batches WHERE seq = 3)",
		"no head":              "DELETE FROM audit_heads",
		"a later beginning":    "UPDATE audit_heads SET removed = 2, removed_link = (SELECT link FROM audit_batches WHERE seq = 2)",
	}
	both(t, func(t *testing.T, b storetest.Backend) {
		for name, statement := range changes {
			t.Run(name, func(t *testing.T) {
				dsn := b.Fresh(t)
				s := open(t, dsn, keyring.Generate(time.Now()))
				for i := range 4 {
					if err := s.Audit().Append(t.Context(), audit.Entry{Phase: audit.Fact, Action: fmt.Sprint(i), Result: "ok", Person: "p"}); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := s.Audit().Verify(t.Context()); err != nil {
					t.Fatal(err)
				}
				mustExec(t, raw(t, dsn), statement)
				if got, err := s.Audit().Verify(t.Context()); !errors.Is(err, audit.ErrBroken) {
					t.Errorf("%+v, %v", got, err)
				}
				s.Close()
			})
		}
	})
}

// Hashes anybody can compute; the MAC beside the head cannot be.
func TestALastBatchWrittenAnewWithAFittingLinkIsSeen(t *testing.T) {
	both(t, func(t *testing.T, b storetest.Backend) {
		dsn := b.Fresh(t)
		s := open(t, dsn, keyring.Generate(time.Now()))
		if err := s.Audit().Append(t.Context(), audit.Entry{Phase: audit.Fact, Action: "a", Result: "refused"}); err != nil {
			t.Fatal(err)
		}
		forged := audit.Batch{Stream: "main", Seq: 1, Lines: []audit.Line{
			{Time: time.UnixMicro(1), Phase: audit.Fact, Action: "a", Result: "ok"},
		}}
		link := forged.Hash()
		db := raw(t, dsn)
		mustExec(t, db, "UPDATE audit_lines SET at = 1, result = 'ok'")
		mustExec(t, db, "UPDATE audit_batches SET link = $1", link[:])
		if got, err := s.Audit().Verify(t.Context()); !errors.Is(err, audit.ErrBroken) {
			t.Errorf("%+v, %v", got, err)
		}
		s.Close()
	})
}

func TestAForgottenPersonsKeyIsGoneFromTheFile(t *testing.T) {
	dsn := storetest.SQLite().Fresh(t)
	s := open(t, dsn, keyring.Generate(time.Now()))
	for i := range 20 {
		if err := s.Audit().Append(t.Context(), audit.Entry{Phase: audit.Fact, Action: fmt.Sprint(i), Person: "p"}); err != nil {
			t.Fatal(err)
		}
	}
	var key []byte
	if err := raw(t, dsn).QueryRowContext(t.Context(), "SELECT key FROM audit_people").Scan(&key); err != nil {
		t.Fatal(err)
	}
	inFile := func() bool {
		for _, end := range []string{"", "-wal"} {
			content, err := os.ReadFile(strings.TrimPrefix(dsn, "sqlite:") + end)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(content), string(key)) {
				return true
			}
		}
		return false
	}
	if !inFile() {
		t.Fatal("the key is not where it is looked for")
	}
	if err := s.Audit().Forget(t.Context(), "p"); err != nil {
		t.Fatal(err)
	}
	if inFile() {
		t.Error("the key is still in the file")
	}
}

func TestPruningDestroysTheKeysOfPeopleOfWhomNothingIsLeft(t *testing.T) {
	both(t, func(t *testing.T, b storetest.Backend) {
		dsn := b.Fresh(t)
		s := open(t, dsn, keyring.Generate(time.Now()))
		for i, e := range []audit.Entry{{Person: "old"}, {Person: "both"}, {Person: "both"}} {
			e.Phase, e.Action, e.Time = audit.Fact, "a", time.Now().Add(time.Duration(i-2)*time.Hour)
			if err := s.Audit().Append(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := s.Audit().Prune(t.Context(), time.Now().Add(-time.Minute)); err != nil || n != 2 {
			t.Fatalf("%d, %v", n, err)
		}
		var keys int
		if err := raw(t, dsn).QueryRowContext(t.Context(), "SELECT count(*) FROM audit_people").Scan(&keys); err != nil || keys != 1 {
			t.Errorf("%d keys are left, %v", keys, err)
		}
		if lines, err := s.Audit().Tail(t.Context(), 10); err != nil || lines[0].Entry.Person != "both" {
			t.Errorf("the wrong key is gone: %+v, %v", lines, err)
		}
		s.Close()
	})
}

func TestManyAuditEntriesShareACommit(t *testing.T) {
	both(t, func(t *testing.T, b storetest.Backend) {
		s := open(t, b.Fresh(t), keyring.Generate(time.Now()))
		const entries = 512
		var all sync.WaitGroup
		for range entries {
			all.Go(func() {
				if err := s.Audit().Append(context.Background(), audit.Entry{Phase: audit.Fact, Action: "a", Result: "ok"}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		got, err := s.Audit().Verify(t.Context())
		if err != nil || got.Lines != entries || got.Batches > entries/2 {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func BenchmarkAuditAppend(b *testing.B) {
	s, err := store.Open(b.Context(), "sqlite:"+filepath.Join(b.TempDir(), "x.db"), keyring.Generate(time.Now()), time.Now)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := s.Audit().Append(b.Context(), audit.Entry{Phase: audit.Fact, Action: "a", Result: "ok", Person: "p"}); err != nil {
				b.Error(err)
			}
		}
	})
}
