package store_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
	"github.com/schleuse/schleuse/sidecar/internal/store"
	"github.com/schleuse/schleuse/sidecar/internal/store/sqlite"
)

// childEnv makes the test program the child that is killed: it holds the
// database's folder.
const childEnv = "SCHLEUSE_TEST_CRASH"

var counted = extension.Limit{Name: "n", Subject: "s", Max: 1 << 30}

// child writes until it is killed, and says what was confirmed to it.
func child(dir string) error {
	ring, err := keyring.Load(filepath.Join(dir, "keys.json"))
	if err != nil {
		return err
	}
	ctx := context.Background()
	s, err := store.Open(ctx, "sqlite:"+filepath.Join(dir, "schleuse.db"), ring, time.Now)
	if err != nil {
		return err
	}
	for n := 1; ; n++ {
		id := flow.NewSecret().ID()
		err := errors.Join(
			s.Attempts(50).Create(ctx, flow.Record{
				Attempt: flow.Attempt{ID: id, Address: netip.MustParsePrefix(fmt.Sprintf("10.%d.%d.0/32", n/250, n%250))},
				Status:  flow.Open, Held: make([]byte, 32<<10), Expires: time.Now().Add(time.Hour),
			}),
			s.Audit().Append(ctx, audit.Entry{Phase: audit.Fact, Action: string(id), Result: "ok", Person: "p"}),
		)
		if _, e := s.Counters("c").Take(ctx, counted); err != nil || e != nil {
			return errors.Join(err, e)
		}
		fmt.Println(id)
	}
}

// startChild runs the child and returns its confirmations and how to kill it.
func startChild(t *testing.T, dir, env string) (lines *bufio.Scanner, kill func()) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), env+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return bufio.NewScanner(out), func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
	}
}

func crashFolder(t *testing.T) (dir string, ring *keyring.Ring) {
	t.Helper()
	dir = t.TempDir()
	ring = keyring.Generate(time.Now())
	if err := ring.Save(filepath.Join(dir, "keys.json")); err != nil {
		t.Fatal(err)
	}
	return dir, ring
}

func TestNothingConfirmedIsLostWhenTheProcessIsKilled(t *testing.T) {
	dir, ring := crashFolder(t)
	var confirmed []string
	for round := range 3 {
		lines, kill := startChild(t, dir, childEnv)
		for n := 0; lines.Scan(); n++ {
			confirmed = append(confirmed, lines.Text())
			if n == 10+7*round {
				kill() // somewhere in the middle of the next ones; what it still says counts
			}
		}
		verifyAfterCrash(t, dir, ring, confirmed)
	}
}

func verifyAfterCrash(t *testing.T, dir string, ring *keyring.Ring, confirmed []string) {
	t.Helper()
	path := filepath.Join(dir, "schleuse.db")
	s, err := store.Open(t.Context(), "sqlite:"+path, ring, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	verified, err := s.Audit().Verify(t.Context())
	if err != nil || verified.Lines < int64(len(confirmed)) {
		t.Errorf("audit: %+v, %v; %d were confirmed", verified, err, len(confirmed))
	}
	for _, id := range confirmed {
		if _, err := s.Attempts(50).Get(t.Context(), flow.AttemptID(id)); err != nil {
			t.Errorf("a confirmed attempt: %v", err)
		}
	}
	taken, err := s.Counters("c").Look(t.Context(), counted)
	if tries := counted.Max - taken.Left; err != nil || tries < len(confirmed) {
		t.Errorf("%d tries were confirmed, %d are counted, %v", len(confirmed), tries, err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var integrity string
	if err := db.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&integrity); err != nil || integrity != "ok" {
		t.Errorf("integrity: %s, %v", integrity, err)
	}
}

func TestSQLiteServesOneProcess(t *testing.T) {
	dir, ring := crashFolder(t)
	lines, kill := startChild(t, dir, childEnv)
	if !lines.Scan() {
		t.Fatal("the first process says nothing")
	}
	path := "sqlite:" + filepath.Join(dir, "schleuse.db")
	_, err := store.Open(t.Context(), path, ring, time.Now)
	if !errors.Is(err, sqlite.ErrInUse) || !strings.Contains(err.Error(), "PostgreSQL") {
		t.Errorf("second process: %v", err)
	}
	kill()
	for lines.Scan() {
		continue
	}
	s, err := store.Open(t.Context(), path, ring, time.Now)
	if err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	s.Close()
}
