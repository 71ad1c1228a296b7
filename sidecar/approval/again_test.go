package approval_test

import (
	"errors"
	"testing"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/approval/approvaltest"
	"github.com/schleuse/schleuse/sidecar/device"
)

// A client that lost the answer comes again with the same key. It must learn
// that the person was asked, whatever has become of the person since.
func TestARepetitionIsAnsweredWhateverBecameOfThePerson(t *testing.T) {
	for name, bend := range map[string]func(w *world){
		"phone locked": func(w *world) {
			w.change(w.Phone.ID, func(d *device.Device) { d.State = device.Locked })
		},
		"phone blocked": func(w *world) {
			w.change(w.Phone.ID, func(d *device.Device) { d.State = device.Blocked })
		},
		"not identified any more": func(w *world) { w.withdraw() },
		"account disabled": func(w *world) {
			w.Realm.Put(account.Account{ID: approvaltest.Erika, Username: "a123456780"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			a := w.ask("k")
			bend(w)
			got, created, err := w.Request(t.Context(), approvaltest.Ask("k"))
			w.must(err)
			if created || got.ID != a.ID || got.MatchCode != a.MatchCode {
				t.Errorf("created %v: %s, want %s", created, got.ID, a.ID)
			}
			other := approvaltest.Ask("k")
			other.Content[0]++
			_, _, err = w.Request(t.Context(), other)
			w.want(err, approval.ErrKeyReused)
			_, _, err = w.Request(t.Context(), approvaltest.Ask("l"))
			w.want(err, approval.ErrNobody)
		})
	}
}

func TestNobodyIsAskedWhileRepetitionsCannotBeTold(t *testing.T) {
	w := newWorld(t)
	down := errors.New("down")
	w.Memory.Break(down)
	_, created, err := w.Request(t.Context(), approvaltest.Ask("k"))
	w.want(err, down)
	if created {
		t.Error("created")
	}
}
