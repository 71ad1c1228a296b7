package approvaltest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/device"
)

func asksNoOther(t *testing.T, w *suiteWorld) {
	a := w.create(t)
	for name, change := range map[string]func(*approval.Approval){
		"content":  func(a *approval.Approval) { a.Content[0]++ },
		"field":    func(a *approval.Approval) { a.Fields[0].Value = "x" },
		"fields":   func(a *approval.Approval) { a.Fields = a.Fields[:1] },
		"action":   func(a *approval.Approval) { a.Action = "x" },
		"account":  func(a *approval.Approval) { a.Account = "x" },
		"number":   func(a *approval.Approval) { a.Number = "x" },
		"client":   func(a *approval.Approval) { a.Client = "x" },
		"id":       func(a *approval.Approval) { a.ID = approval.NewID() },
		"code":     func(a *approval.Approval) { a.MatchCode = "1" },
		"risk":     func(a *approval.Approval) { a.Risk = approval.Low },
		"same":     func(a *approval.Approval) { a.SameDevice = device.NewID() },
		"tries":    func(a *approval.Approval) { a.WrongCodes = -1 },
		"approved": func(a *approval.Approval) { a.State = approval.Approved },
		"redeemed": func(a *approval.Approval) { a.State = approval.Redeemed },
		"invalid":  func(a *approval.Approval) { a.State = 0 },
	} {
		_, err := w.Update(t.Context(), a.ID, "", func(a *approval.Approval, _ *device.Device) error {
			change(a)
			return nil
		})
		if err == nil {
			t.Errorf("%s was changed", name)
		}
	}
	got, err := w.Get(t.Context(), a.ID)
	must(t, err)
	if diff := cmp.Diff(a, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func forward(t *testing.T, w *suiteWorld) {
	d := w.enrol(t)
	any := []approval.State{approval.Pending, approval.Approved, approval.Redeemed, approval.Denied, approval.Expired, approval.Cancelled}
	for _, from := range any {
		for _, to := range any {
			a := w.create(t)
			if from != approval.Pending {
				must(t, w.to(t.Context(), w.Store, a.ID, approval.Approved, d.ID, any...))
			}
			if from.Final() {
				must(t, w.to(t.Context(), w.Store, a.ID, from, d.ID, any...))
			}
			err := w.to(t.Context(), w.Store, a.ID, to, d.ID, any...)
			may := from.May(to)
			want := from
			if may {
				want = to
			}
			if got := w.state(t, a.ID); (err == nil) != may || got != want {
				t.Errorf("from %s to %s: %v, is %s", from, to, err, got)
			}
		}
	}
}

func keeping(t *testing.T, w *suiteWorld) {
	a, no := w.create(t), errors.New("no")
	count := func(err error) func(*approval.Approval, *device.Device) error {
		return func(a *approval.Approval, _ *device.Device) error {
			a.WrongCodes++
			return err
		}
	}
	_, err := w.Update(t.Context(), a.ID, "", count(no))
	wantErr(t, err, no)
	got, err := w.Update(t.Context(), a.ID, "", count(approval.Keep{Err: no}))
	wantErr(t, err, no)
	if got.WrongCodes != 1 {
		t.Errorf("counted %d", got.WrongCodes)
	}
	got, err = w.Get(t.Context(), a.ID)
	must(t, err)
	if got.WrongCodes != 1 {
		t.Errorf("stored %d", got.WrongCodes)
	}
	_, err = w.Update(t.Context(), approval.NewID(), "", count(nil))
	wantErr(t, err, approval.ErrNoApproval)
}

func phoneOfTransaction(t *testing.T, w *suiteWorld) {
	a, d := w.approved(t)
	other := w.enrol(t)
	for named, want := range map[device.ID]device.ID{"": d.ID, other.ID: other.ID, device.NewID(): ""} {
		_, err := w.Update(t.Context(), a.ID, named, func(_ *approval.Approval, by *device.Device) error {
			switch {
			case by == nil && want != "":
				t.Errorf("%q: no phone, want %s", named, want)
			case by != nil && by.ID != want:
				t.Errorf("%q: %s, want %q", named, by.ID, want)
			}
			return nil
		})
		must(t, err)
	}
	pending := w.create(t)
	_, err := w.Update(t.Context(), pending.ID, "", func(_ *approval.Approval, by *device.Device) error {
		if by != nil {
			t.Error("a phone before anybody decided")
		}
		return nil
	})
	must(t, err)
}

func redeemedOnce(t *testing.T, w *suiteWorld) {
	a, _ := w.approved(t)
	errs := race(racers, func(i int) error {
		return w.to(t.Context(), w.one(i), a.ID, approval.Redeemed, "", approval.Approved)
	})
	if n := succeeded(t, errs, errOver); n != 1 || w.state(t, a.ID) != approval.Redeemed {
		t.Errorf("%d redeemed, %s", n, w.state(t, a.ID))
	}
}

// rounds is how often a race between two is run.
const rounds = 10

func denialWins(t *testing.T, w *suiteWorld) {
	one, two := w.enrol(t), w.enrol(t)
	for range rounds {
		a := w.create(t)
		errs := race(2, func(i int) error {
			if i == 0 {
				return w.to(t.Context(), w.one(0), a.ID, approval.Approved, one.ID, approval.Pending)
			}
			return w.to(t.Context(), w.one(1), a.ID, approval.Denied, two.ID, approval.Pending, approval.Approved)
		})
		succeeded(t, errs, errOver)
		if errs[1] != nil || w.state(t, a.ID) != approval.Denied {
			t.Fatalf("%v, %s", errs, w.state(t, a.ID))
		}
	}
}

func expiryAgainstApproval(t *testing.T, w *suiteWorld) {
	d := w.enrol(t)
	for range rounds {
		a := w.create(t)
		w.pass(5*time.Minute - time.Microsecond)
		errs := race(3, func(i int) error {
			switch i {
			case 0:
				w.pass(time.Microsecond)
				return nil
			case 1:
				return w.to(t.Context(), w.one(1), a.ID, approval.Approved, d.ID, approval.Pending)
			default:
				return w.to(t.Context(), w.one(0), a.ID, approval.Expired, "", approval.Expired)
			}
		})
		succeeded(t, errs, errOver)
		// Nothing prolonged it here, so the time is over, approved or not.
		if got := w.state(t, a.ID); got != approval.Expired {
			t.Fatalf("%v, %s", errs, got)
		}
		wantErr(t, w.to(t.Context(), w.Store, a.ID, approval.Redeemed, "", approval.Approved), errOver)
	}
}

func blockAgainstRedemption(t *testing.T, w *suiteWorld) {
	for range rounds {
		a, d := w.approved(t)
		errs := race(2, func(i int) error {
			if i == 1 {
				return w.to(t.Context(), w.one(1), a.ID, approval.Redeemed, "", approval.Approved)
			}
			return w.block(t, d.ID)
		})
		succeeded(t, errs, errOver)
		if errs[0] != nil {
			t.Fatalf("block: %v", errs[0])
		}
		wantErr(t, w.to(t.Context(), w.Store, a.ID, approval.Redeemed, "", approval.Approved), errOver)
		if got := w.state(t, a.ID); (errs[1] == nil) != (got == approval.Redeemed) {
			t.Errorf("%v, %s", errs, got)
		}
	}
	a, d := w.approved(t)
	must(t, w.block(t, d.ID))
	wantErr(t, w.to(t.Context(), w.one(1), a.ID, approval.Redeemed, "", approval.Approved), errOver)
}

func (w *suiteWorld) block(t *testing.T, id device.ID) error {
	t.Helper()
	_, err := w.Phones.Update(t.Context(), id, func(d *device.Device) error {
		d.State, d.Reason, d.Ended, d.Password = device.Blocked, device.ReasonWeb, w.clock(), device.Secret{}
		return nil
	})
	return err
}

func denialAgainstRedemption(t *testing.T, w *suiteWorld) {
	for range rounds {
		a, d := w.approved(t)
		errs := race(8, func(i int) error {
			if i == 0 {
				return w.to(t.Context(), w.one(0), a.ID, approval.Denied, d.ID, approval.Pending, approval.Approved)
			}
			return w.to(t.Context(), w.one(i), a.ID, approval.Redeemed, "", approval.Approved)
		})
		if n := succeeded(t, errs, errOver); n != 1 {
			t.Errorf("%d winners: %v", n, errs)
		}
	}
}

func recentDay(t *testing.T, w *suiteWorld) {
	w.create(t)
	w.pass(time.Hour)
	second := w.create(t)
	w.create(t, func(a *approval.Approval) { a.Account, a.Number = "moritz-1", "M123456784" })
	w.pass(approval.Recent - time.Hour)
	third := w.create(t)
	var got []approval.ID
	var states []approval.State
	_, _, err := w.one(1).Create(t.Context(), w.fresh(), key("k"), func(recent []approval.Approval) (*approval.Approval, error) {
		got, states = nil, nil
		for _, a := range recent {
			got, states = append(got, a.ID), append(states, a.State)
		}
		return nil, nil
	})
	must(t, err)
	if diff := cmp.Diff([]approval.ID{third.ID, second.ID}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]approval.State{approval.Pending, approval.Expired}, states); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func lists(t *testing.T, w *suiteWorld) {
	d := w.enrol(t)
	var ids []approval.ID
	for range 5 {
		w.pass(time.Second)
		ids = append(ids, w.create(t).ID)
	}
	w.pass(time.Second)
	other := w.create(t, func(a *approval.Approval) { a.Client, a.Account, a.Number = "another", "moritz-1", "M123456784" })
	must(t, w.to(t.Context(), w.Store, ids[0], approval.Denied, d.ID, approval.Pending))
	must(t, w.to(t.Context(), w.Store, ids[1], approval.Approved, d.ID, approval.Pending))
	for name, tt := range map[string]struct {
		q    approval.Query
		want []approval.ID
	}{
		"all":       {approval.Query{}, []approval.ID{other.ID, ids[4], ids[3], ids[2], ids[1], ids[0]}},
		"client":    {approval.Query{Client: "another"}, []approval.ID{other.ID}},
		"account":   {approval.Query{Account: Erika, Limit: 2}, []approval.ID{ids[4], ids[3]}},
		"page":      {approval.Query{Account: Erika, Before: ids[3], Limit: 2}, []approval.ID{ids[2], ids[1]}},
		"states":    {approval.Query{States: []approval.State{approval.Denied, approval.Approved}}, []approval.ID{ids[1], ids[0]}},
		"pending":   {approval.Query{Client: Backend, States: []approval.State{approval.Pending}}, []approval.ID{ids[4], ids[3], ids[2]}},
		"none":      {approval.Query{Client: "nobody"}, nil},
		"no lapsed": {approval.Query{Lapsed: true}, nil},
	} {
		got, err := w.one(1).List(t.Context(), tt.q)
		must(t, err)
		if diff := cmp.Diff(tt.want, idsOf(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for _, limit := range []int{-1, approval.MaxList + 1} {
		if _, err := w.List(t.Context(), approval.Query{Limit: limit}); err == nil {
			t.Errorf("a list of %d", limit)
		}
	}
}

func idsOf(all []approval.Approval) (out []approval.ID) {
	for _, a := range all {
		out = append(out, a.ID)
	}
	return out
}

func lapsed(t *testing.T, w *suiteWorld) {
	a, d := w.approved(t)
	b := w.create(t)
	w.pass(time.Minute)
	done := w.create(t)
	must(t, w.to(t.Context(), w.Store, done.ID, approval.Denied, d.ID, approval.Pending))
	w.pass(4 * time.Minute)
	got, err := w.List(t.Context(), approval.Query{Lapsed: true})
	must(t, err)
	if len(got) != 2 {
		t.Fatalf("%v, want %s and %s", idsOf(got), a.ID, b.ID)
	}
	expired, err := w.List(t.Context(), approval.Query{States: []approval.State{approval.Expired}})
	must(t, err)
	if len(expired) != 2 {
		t.Errorf("expired: %v", idsOf(expired))
	}
	for _, x := range got {
		must(t, w.to(t.Context(), w.Store, x.ID, approval.Expired, "", approval.Expired))
	}
	got, err = w.List(t.Context(), approval.Query{Lapsed: true})
	must(t, err)
	if len(got) != 0 {
		t.Errorf("stored and still listed: %v", idsOf(got))
	}
}

func changesTold(t *testing.T, w *suiteWorld) {
	old := w.create(t)
	_, mark, err := w.Since(t.Context(), 0, 0)
	must(t, err)
	a := w.create(t)
	must(t, w.to(t.Context(), w.one(1), old.ID, approval.Cancelled, "", approval.Pending))
	told, next, err := w.Since(t.Context(), mark, 10)
	must(t, err)
	got := map[approval.Change]bool{}
	for _, c := range told {
		got[c] = true
	}
	if !got[approval.Change{ID: a.ID, Account: Erika}] || !got[approval.Change{ID: old.ID, Account: Erika}] {
		t.Errorf("told: %v", told)
	}
	told, _, err = w.Since(t.Context(), mark, 1)
	must(t, err)
	if len(told) != 1 {
		t.Errorf("%d changes of one", len(told))
	}
	if told, _, err = w.Since(t.Context(), next, 10); err != nil || len(told) != 0 {
		t.Errorf("told again: %v, %v", told, err)
	}
}

// changesUnderRace asks while many change: each is told by the end.
func changesUnderRace(t *testing.T, w *suiteWorld) {
	_, mark, err := w.Since(t.Context(), 0, 0)
	must(t, err)
	seen := map[approval.ID]bool{}
	ask := func() {
		told, next, err := w.Since(t.Context(), mark, 1000)
		if err != nil {
			t.Error(err)
			return
		}
		for _, c := range told {
			seen[c.ID] = true
		}
		mark = next
	}
	ids := make([]approval.ID, racers)
	errs := race(racers+1, func(i int) error {
		if i == racers {
			for range 20 {
				ask()
			}
			return nil
		}
		a := w.fresh()
		a.Account = account.ID(fmt.Sprint("somebody-", i%8)) // of several accounts, so that they do not queue
		ids[i] = a.ID
		_, _, err := w.one(i).Create(t.Context(), a, key(fmt.Sprint("k", i)), yes)
		return err
	})
	succeeded(t, errs)
	ask()
	for _, id := range ids {
		if !seen[id] {
			t.Errorf("%s was not told", id)
		}
	}
}

func malformed(t *testing.T, w *suiteWorld) {
	for name, change := range map[string]func(*approval.Approval){
		"approved at once": func(a *approval.Approval) { a.State, a.Answer, a.Device = approval.Approved, "x", device.NewID() },
		"redeemed at once": func(a *approval.Approval) { a.State = approval.Redeemed },
		"no state":         func(a *approval.Approval) { a.State = 0 },
	} {
		a := w.fresh()
		change(&a)
		if _, _, err := w.Create(t.Context(), a, key(name), yes); err == nil {
			t.Errorf("%s: created", name)
		}
	}
	if _, _, err := w.Create(t.Context(), w.fresh(), approval.Key{}, yes); err == nil {
		t.Error("created without a key")
	}
}
