package device_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/device/devicetest"
	"github.com/schleuse/schleuse/sidecar/notify"
)

// TestItWasNotMeSaidInABrowser: sessions and password end, once, and no phone
// may set the new password.
func TestItWasNotMeSaidInABrowser(t *testing.T) {
	const old, login = "old login password", "a new login password"
	b, p := registered(t)
	must(t, b.Realm.SetPassword(t.Context(), devicetest.Erika, old))
	b.Realm.SignIn(devicetest.Erika)
	number := state(t, b, p.ID).Number
	if b.WasNotMeFor(t.Context(), devicetest.Erika, number, "") == nil {
		t.Error("about nothing: taken")
	}
	for range 2 {
		must(t, b.WasNotMeFor(t.Context(), devicetest.Erika, number, "approval-1"))
		b.Pass(time.Second)
	}
	b.Told.FailWith(errors.New("the queue is full"))
	carry(t, b)
	void := b.Realm.Password(devicetest.Erika)
	if void == old || len(b.Realm.Live(devicetest.Erika)) != 0 {
		t.Errorf("%q, sessions %v", void, b.Realm.Live(devicetest.Erika))
	}
	if !slices.Contains(b.Events(), device.NotMe) {
		t.Errorf("events: %v", b.Events())
	}
	wantErr(t, setLogin(t, b, p, devicetest.Password, login), device.ErrNotAsked)

	b.Told.FailWith(nil)
	tasks := b.Queued.All()
	if len(tasks) != 2 {
		t.Fatalf("%d tasks, want the ending and its notice", len(tasks))
	}
	must(t, b.Realm.SetPassword(t.Context(), devicetest.Erika, login)) // by a new identification
	must(t, b.Carry(t.Context(), tasks[1].Body))
	if b.Realm.Password(devicetest.Erika) != login || !slices.Contains(b.Kinds(t.Context()), notify.SessionsEnded) {
		t.Errorf("the notice that came late undid the new password, or did not come: %v", b.Kinds(t.Context()))
	}
}

func TestRenamingInABrowser(t *testing.T) {
	b, p := registered(t)
	must(t, b.RenameFor(t.Context(), devicetest.Erika, p.ID, "Altes Handy"))
	if got := state(t, b, p.ID).Name; got != "Altes Handy" {
		t.Errorf("it is called %q", got)
	}
	wantErr(t, b.RenameFor(t.Context(), "somebody-else", p.ID, "Meins"), device.ErrNoDevice)
	wantErr(t, b.RenameFor(t.Context(), devicetest.Erika, p.ID, "Rück\u202ewärts"), device.ErrName)
}

// TestItWasNotMeAgain: what happens again within the hour is ended again.
func TestItWasNotMeAgain(t *testing.T) {
	const fresh = "by a new identification"
	b, p := registered(t)
	number := state(t, b, p.ID).Number
	must(t, b.WasNotMeFor(t.Context(), devicetest.Erika, number, "approval-1"))
	carry(t, b)
	before := len(b.Queued.All())
	must(t, b.Realm.SetPassword(t.Context(), devicetest.Erika, fresh))
	b.Pass(10 * time.Minute)
	must(t, b.WasNotMeFor(t.Context(), devicetest.Erika, number, "approval-1"))
	if n := len(b.Queued.All()); n != before+1 {
		t.Fatalf("%d tasks, before it was said again %d", n, before)
	}
	carry(t, b)
	if b.Realm.Password(devicetest.Erika) == fresh {
		t.Error("nothing has ended")
	}
}
