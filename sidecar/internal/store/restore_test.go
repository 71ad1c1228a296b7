package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
	"github.com/schleuse/schleuse/sidecar/internal/store"
)

// ask stores an approval, moved to the state.
func ask(t *testing.T, s *store.Approvals, state approval.State) approval.ID {
	t.Helper()
	now := time.Now()
	a := approval.Approval{
		ID: approval.NewID(), Client: "backend", Account: "erika-1", Number: "A123456780", Action: "adresse",
		State: approval.Pending, Created: now, Expires: now.Add(time.Hour),
	}
	_, _, err := s.Create(t.Context(), a, approval.Key{Value: string(a.ID)}, func([]approval.Approval) (*approval.Approval, error) { return nil, nil })
	if err != nil {
		t.Fatal(err)
	}
	if state != approval.Pending {
		move(t, s, a.ID, state)
	}
	return a.ID
}

func move(t *testing.T, s *store.Approvals, id approval.ID, states ...approval.State) {
	t.Helper()
	for _, to := range states {
		_, err := s.Update(t.Context(), id, "", func(a *approval.Approval, _ *device.Device) error {
			a.State, a.Device, a.Answer = to, "aaaaaaaaaaaaaaaaaaaaaaaaaa", "answer"
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// wantVoid demands that an approval was voided, can not be redeemed, and is
// listed until that is stored.
func wantVoid(t *testing.T, s *store.Approvals, id approval.ID) {
	t.Helper()
	wantState(t, s, id, approval.Cancelled, approval.Restored)
	_, err := s.Update(t.Context(), id, "", func(a *approval.Approval, _ *device.Device) error {
		a.State = approval.Redeemed
		return nil
	})
	if err == nil {
		t.Error("redeemed after all")
	}
	listed := func() bool {
		all, err := s.List(t.Context(), approval.Query{Lapsed: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range all {
			if a.ID == id {
				return true
			}
		}
		return false
	}
	if !listed() {
		t.Error("not listed as void")
	}
	if _, err := s.Update(t.Context(), id, "", func(*approval.Approval, *device.Device) error { return nil }); err != nil {
		t.Fatal(err)
	}
	wantState(t, s, id, approval.Cancelled, approval.Restored)
	if listed() {
		t.Error("stored as void and still listed")
	}
}

func wantState(t *testing.T, s *store.Approvals, id approval.ID, want approval.State, reason string) {
	t.Helper()
	a, err := s.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if a.State != want || a.Reason != reason {
		t.Errorf("%s (%s), want %s (%s)", a.State, a.Reason, want, reason)
	}
}

func TestApprovalsSurviveARestart(t *testing.T) {
	dsn, ring := "sqlite:"+filepath.Join(t.TempDir(), "a.db"), keyring.Generate(time.Now())
	s := open(t, dsn, ring)
	id := ask(t, s.Approvals(store.ApprovalSettings{}), approval.Approved)
	for range 3 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, dsn, ring)
		wantState(t, s.Approvals(store.ApprovalSettings{}), id, approval.Approved, "")
	}
	beside, err := store.OpenBeside(t.Context(), dsn, ring, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer beside.Close()
	move(t, beside.Approvals(store.ApprovalSettings{}), id, approval.Cancelled)
}

func TestACopiedFileVoidsWhatIsOpen(t *testing.T) {
	dir, ring := t.TempDir(), keyring.Generate(time.Now())
	s := open(t, "sqlite:"+filepath.Join(dir, "a.db"), ring)
	mine := s.Approvals(store.ApprovalSettings{})
	pending, approved, redeemed := ask(t, mine, approval.Pending), ask(t, mine, approval.Approved), ask(t, mine, approval.Approved)
	move(t, mine, redeemed, approval.Redeemed)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	copyFile(t, filepath.Join(dir, "a.db"), filepath.Join(dir, "b.db"))
	restored := open(t, "sqlite:"+filepath.Join(dir, "b.db"), ring).Approvals(store.ApprovalSettings{})
	wantVoid(t, restored, pending)
	wantVoid(t, restored, approved)
	wantState(t, restored, redeemed, approval.Redeemed, "")
	wantState(t, restored, ask(t, restored, approval.Approved), approval.Approved, "")
}

// A backup that is copied over the very file is the same file to the system.
func TestAnOlderContentOfTheSameFileVoidsWhatIsOpen(t *testing.T) {
	path, ring := filepath.Join(t.TempDir(), "a.db"), keyring.Generate(time.Now())
	s := open(t, "sqlite:"+path, ring)
	id := ask(t, s.Approvals(store.ApprovalSettings{}), approval.Approved)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	copyFile(t, path, path+".backup")
	s = open(t, "sqlite:"+path, ring)
	move(t, s.Approvals(store.ApprovalSettings{}), id, approval.Redeemed)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		copyFile(t, path+".backup", path)
		s = open(t, "sqlite:"+path, ring)
		restored := s.Approvals(store.ApprovalSettings{})
		wantVoid(t, restored, id)
		wantState(t, restored, ask(t, restored, approval.Approved), approval.Approved, "")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// copyFile writes over what is there, as cp does.
func copyFile(t *testing.T, from, to string) {
	t.Helper()
	raw, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, raw, 0o600)
	}
	for _, end := range []string{"-wal", "-shm"} {
		if gone := os.Remove(to + end); gone != nil && !errors.Is(gone, os.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A dump that is read back makes its tables anew.
func TestADumpReadBackVoidsWhatIsOpen(t *testing.T) {
	dsn, ring := postgres.Empty(t), keyring.Generate(time.Now())
	s := open(t, dsn, ring)
	running := s.Approvals(store.ApprovalSettings{})
	id := ask(t, running, approval.Approved)
	other := ask(t, running, approval.Pending)
	wantState(t, open(t, dsn, ring).Approvals(store.ApprovalSettings{}), id, approval.Approved, "")
	db := raw(t, dsn)
	for _, statement := range []string{
		"CREATE TABLE dumped AS SELECT * FROM goose_db_version",
		"DROP TABLE goose_db_version",
		"ALTER TABLE dumped RENAME TO goose_db_version",
	} {
		mustExec(t, db, statement)
	}
	wantVoid(t, open(t, dsn, ring).Approvals(store.ApprovalSettings{}), id)
	// A replica that ran on meanwhile learns it at its next change.
	_, err := running.Update(t.Context(), other, "", func(a *approval.Approval, _ *device.Device) error {
		a.State, a.Answer, a.Device = approval.Approved, "answer", device.NewID()
		return nil
	})
	if err == nil {
		t.Error("approved after a restore")
	}
	wantState(t, running, other, approval.Cancelled, approval.Restored)
}
