package store_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/device/devicetest"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
	"github.com/schleuse/schleuse/sidecar/internal/store"
)

// carried registers a phone, and leaves a permit for another.
func carried(t *testing.T, s *store.Store) device.ID {
	t.Helper()
	d := devicetest.NewPhone().Device("erika-1", "A123456780", time.Now())
	give(t, s, "sid")
	_, err := s.Permits().Use(t.Context(), "sid", "app", func(device.Permit, []device.Device) ([]device.Device, error) {
		return []device.Device{d}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	give(t, s, "another sid")
	return d.ID
}

func give(t *testing.T, s *store.Store, sid account.SID) {
	t.Helper()
	now := time.Now()
	err := s.Permits().Give(t.Context(), device.Permit{
		Session: sid, Client: "app", Account: "erika-1", Number: "A123456780", Kinds: []string{device.ByNect},
		Thumbprint: devicetest.Public(devicetest.NewKey()).Thumbprint(), Proof: string(device.NewID()),
		Given: now, Expires: now.Add(device.PermitLife),
	})
	if err != nil {
		t.Fatal(err)
	}
}

func becomes(t *testing.T, s *store.Store, id device.ID, state device.State) {
	t.Helper()
	_, err := s.Devices().Update(t.Context(), id, func(d *device.Device) error {
		d.State, d.Reason = state, ""
		if state == device.Blocked {
			d.Ended, d.Password = time.Now(), device.Secret{}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func settles(t *testing.T, s *store.Store, want int) {
	t.Helper()
	if n, err := s.Settle(t.Context()); err != nil || n != want {
		t.Errorf("%d phones were restored, want %d (%v)", n, want, err)
	}
}

func wantPhone(t *testing.T, s *store.Store, id device.ID, state device.State, reason string) {
	t.Helper()
	d, err := s.Devices().Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.Devices().Of(t.Context(), "erika-1")
	if err != nil || len(all) == 0 {
		t.Fatal(all, err)
	}
	if d.State != state || d.Reason != reason || all[len(all)-1].State != state {
		t.Errorf("%s (%s), in the list %s, want %s (%s)", d.State, d.Reason, all[len(all)-1].State, state, reason)
	}
}

func wantNoPermit(t *testing.T, s *store.Store) {
	t.Helper()
	if _, err := s.Permits().Look(t.Context(), "another sid", "app"); !errors.Is(err, device.ErrNoPermit) {
		t.Errorf("a permit of before is good: %v", err)
	}
}

// The backup is from before the phone was stolen and blocked: it must not come
// back to life by it.
func TestABlockedPhoneStaysOutAfterARestore(t *testing.T) {
	path, ring := filepath.Join(t.TempDir(), "a.db"), keyring.Generate(time.Now())
	s := open(t, "sqlite:"+path, ring)
	settles(t, s, 0)
	id := carried(t, s)
	settles(t, s, 0)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	copyFile(t, path, path+".backup")
	s = open(t, "sqlite:"+path, ring)
	settles(t, s, 0)
	wantPhone(t, s, id, device.Active, "")
	becomes(t, s, id, device.Blocked)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	copyFile(t, path+".backup", path) // the same file to the system
	s = open(t, "sqlite:"+path, ring)
	settles(t, s, 1)
	wantPhone(t, s, id, device.Locked, device.ReasonRestored)
	wantNoPermit(t, s)
	if _, err := s.Devices().Update(t.Context(), id, func(d *device.Device) error { d.Name = "other"; return nil }); err != nil {
		t.Fatal(err)
	}
	wantPhone(t, s, id, device.Locked, device.ReasonRestored)
	becomes(t, s, id, device.Active) // by a new proof
	wantPhone(t, s, id, device.Active, "")
	settles(t, s, 0)
	wantPhone(t, s, id, device.Active, "")
}

func TestACopiedFileLocksPhonesUntilTheyAreTrusted(t *testing.T) {
	dir, ring := t.TempDir(), keyring.Generate(time.Now())
	s := open(t, "sqlite:"+filepath.Join(dir, "a.db"), ring)
	settles(t, s, 0)
	id := carried(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	copyFile(t, filepath.Join(dir, "a.db"), filepath.Join(dir, "b.db"))
	s = open(t, "sqlite:"+filepath.Join(dir, "b.db"), ring)
	settles(t, s, 1)
	settles(t, s, 0)
	wantPhone(t, s, id, device.Locked, device.ReasonRestored)
	wantNoPermit(t, s)
	for _, want := range []int{1, 0} {
		if n, err := s.KeepRestored(t.Context()); err != nil || n != want {
			t.Errorf("%d kept, want %d (%v)", n, want, err)
		}
	}
	wantPhone(t, s, id, device.Active, "")
}

// A dump that is read back makes its tables anew; a replica that runs on learns
// it at its next look.
func TestADumpReadBackLocksPhones(t *testing.T) {
	dsn, ring := postgres.Empty(t), keyring.Generate(time.Now())
	running := open(t, dsn, ring)
	settles(t, running, 0)
	id := carried(t, running)
	other := open(t, dsn, ring)
	settles(t, other, 0)
	db := raw(t, dsn)
	for _, statement := range []string{
		"CREATE TABLE dumped AS SELECT * FROM goose_db_version",
		"DROP TABLE goose_db_version",
		"ALTER TABLE dumped RENAME TO goose_db_version",
	} {
		mustExec(t, db, statement)
	}
	settles(t, running, 1)
	settles(t, other, 0)
	for _, s := range []*store.Store{running, other} {
		wantPhone(t, s, id, device.Locked, device.ReasonRestored)
		wantNoPermit(t, s)
	}
}
