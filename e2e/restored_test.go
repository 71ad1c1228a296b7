package e2e_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/schleuse/schleuse/e2e/device"
	"github.com/schleuse/schleuse/sidecar/client"
)

// restarts ends the program, lets change touch its database's file, and starts
// it again.
func (w *wing) restarts(t *testing.T, change func(file string) error) {
	t.Helper()
	w.program.Stop()
	<-w.program.Done()
	if err := change(filepath.Join(w.program.spec.Dir, "schleuse.db")); err != nil {
		t.Fatal(err)
	}
	w.program.rise()
	w.Schleuse = w.program.Schleuse
}

// TestABackupRevivesNothing: a phone has confirmed a change and is blocked. A
// backup from between does not know of the block; with it nobody redeems the
// change, and the phone confirms nothing.
func TestABackupRevivesNothing(t *testing.T) {
	w := newWing(t, nil)
	u := w.identifiedCustomer(t)
	p := u.phone()
	q := u.address("Beim Dieb 2")
	asked, err := u.backend().Ask(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Approve(t.Context(), u.waiting(p, asked.ID), asked.MatchCode, devicePassword); err != nil {
		t.Fatal(err)
	}
	var backup []byte
	w.restarts(t, func(file string) (err error) {
		backup, err = os.ReadFile(file)
		return err
	})
	u.browser.Leave()
	if err := p.OpenByPIN(t.Context(), devicePIN); err != nil {
		t.Fatal(err)
	}
	if err := p.Block(t.Context(), p.ID); err != nil {
		t.Fatal(err)
	}
	expected := client.Expected{ID: asked.ID, Action: "adresse", Content: q.Content}
	if _, err := u.backend().Redeem(t.Context(), expected); !client.Is(err, "request_over") {
		t.Fatalf("redeemed after the block: %v", err)
	}

	w.restarts(t, func(file string) error {
		restored := file + ".restored"
		if err := os.WriteFile(restored, backup, 0o600); err != nil {
			return err
		}
		return os.Rename(restored, file)
	})
	u.browser.Leave()
	if _, err := u.backend().Redeem(t.Context(), expected); !client.Is(err, "request_over") {
		t.Errorf("redeemed after a restore: %v", err)
	}
	if _, err := p.Devices(t.Context()); !device.Is(err, "device_locked") {
		t.Errorf("the phone is answered %v", err)
	}
	if asked, err := u.backend().Ask(t.Context(), u.address("Beim Dieb 3")); !client.Is(err, "nobody") {
		t.Errorf("a phone of the backup is asked: %+v, %v", asked, err)
	}
}
