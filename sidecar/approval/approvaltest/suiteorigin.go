package approvaltest

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/approval"
)

func (w *suiteWorld) once(name byte) approval.Once {
	return approval.Once{Name: [32]byte{name}, Until: w.clock().Add(time.Minute)}
}

func originOnce(t *testing.T, w *suiteWorld) {
	for name := byte(1); name <= 3; name++ {
		errs := race(racers, func(i int) error {
			k := key(strconv.Itoa(int(name)) + " " + strconv.Itoa(i))
			k.Origin = w.once(name)
			_, _, err := w.one(i).Create(t.Context(), w.fresh(), k, yes)
			return err
		})
		if n := succeeded(t, errs, approval.ErrOrigin); n != 1 {
			t.Errorf("origin %d served %d creations", name, n)
		}
	}
	list, err := w.List(t.Context(), approval.Query{Account: Erika})
	must(t, err)
	if len(list) != 3 {
		t.Errorf("%d approvals of 3 origins", len(list))
	}
}

// A refusal that changes an older approval is stored; the origin is good still.
// One that is used up changes nothing, not even what admit would count.
func originKeptByRefusal(t *testing.T, w *suiteWorld) {
	old := w.create(t)
	refused := errors.New("refused")
	count := func(recent []approval.Approval) (*approval.Approval, error) {
		recent[0].Refused++
		return &recent[0], refused
	}
	k := key("k")
	k.Origin = w.once(1)
	_, _, err := w.Create(t.Context(), w.fresh(), k, count)
	wantErr(t, err, refused)
	_, made, err := w.Create(t.Context(), w.fresh(), k, yes)
	must(t, err)
	if !made {
		t.Error("not created")
	}
	_, made, err = w.Create(t.Context(), w.fresh(), k, count)
	must(t, err)
	if made {
		t.Error("the same request made another")
	}
	k.Value = "l"
	_, _, err = w.Create(t.Context(), w.fresh(), k, count)
	wantErr(t, err, approval.ErrOrigin)
	got, err := w.Get(t.Context(), old.ID)
	must(t, err)
	if got.Refused != 1 {
		t.Errorf("%d refused, want 1", got.Refused)
	}
}
