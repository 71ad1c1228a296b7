package approvaltest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/device/devicetest"
)

// Stores are the ports over the same data. Others are further replicas; the
// suite's racers take turns.
type Stores struct {
	approval.Store
	approval.Repeats
	approval.Changes
	Phones  device.Store
	Permits device.Permits
	Others  []approval.Store
}

const racers = 64

// suiteWorld is what each test of the suite has.
type suiteWorld struct {
	Stores
	mu  sync.Mutex
	now time.Time
}

func (w *suiteWorld) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *suiteWorld) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// one is any replica.
func (w *suiteWorld) one(i int) approval.Store {
	all := append([]approval.Store{w.Store}, w.Others...)
	return all[i%len(all)]
}

// Run runs the suite. open returns empty stores that go by now.
func Run(t *testing.T, open func(t *testing.T, now func() time.Time) Stores) {
	for name, test := range map[string]func(*testing.T, *suiteWorld){
		"what is created is read":                        created,
		"the same request again is the same approval":    sameAgain,
		"a request is created once under race":           createdOnce,
		"a key serves one request":                       keyReused,
		"a key tells what it was used for":               keyTells,
		"an origin serves one creation under race":       originOnce,
		"a refusal spends no origin":                     originKeptByRefusal,
		"a refusal stores what admit changed":            refusalChanges,
		"one is pending under race":                      onePending,
		"what an approval asks never changes":            asksNoOther,
		"states only go forward":                         forward,
		"an error changes nothing, a kept one does":      keeping,
		"the phone is that of the transaction":           phoneOfTransaction,
		"of parallel redemptions one succeeds":           redeemedOnce,
		"denial against approval is denied":              denialWins,
		"expiry against approval":                        expiryAgainstApproval,
		"block of the phone against redemption":          blockAgainstRedemption,
		"denial against redemption":                      denialAgainstRedemption,
		"admit sees the person's last day, newest first": recentDay,
		"lists narrow, are bounded and go on":            lists,
		"what is over is listed until it is stored":      lapsed,
		"changes are told, none is lost":                 changesTold,
		"changes of many at once are all told":           changesUnderRace,
		"what is malformed is refused":                   malformed,
	} {
		t.Run(name, func(t *testing.T) {
			w := &suiteWorld{now: Start}
			w.Stores = open(t, w.clock)
			test(t, w)
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("err = %v, want %v", err, want)
	}
}

// race runs fn n times at once and returns the errors.
func race(n int, fn func(i int) error) []error {
	errs := make([]error, n)
	gate := make(chan struct{})
	var done sync.WaitGroup
	for i := range n {
		done.Go(func() {
			<-gate
			errs[i] = fn(i)
		})
	}
	close(gate)
	done.Wait()
	return errs
}

// succeeded counts; other errors than want fail the test.
func succeeded(t *testing.T, errs []error, want ...error) (n int) {
	t.Helper()
	for _, err := range errs {
		switch {
		case err == nil:
			n++
		case !slices.ContainsFunc(want, func(w error) bool { return errors.Is(err, w) }):
			t.Errorf("unexpected: %v", err)
		}
	}
	return n
}

// fresh returns a pending approval, not stored.
func (w *suiteWorld) fresh() approval.Approval {
	now := w.clock()
	return approval.Approval{
		ID: approval.NewID(), Client: Backend, Account: Erika, Number: Number, Action: Address,
		Fields:  []approval.Field{{Name: "alt", Value: "Siel"}, {Name: "neu", Value: "Deich"}},
		Content: approval.HashOf([]byte("content")), MatchCode: "042", State: approval.Pending,
		Created: now, Expires: now.Add(5 * time.Minute),
	}
}

func yes([]approval.Approval) (*approval.Approval, error) { return nil, nil }

func key(value string) approval.Key { return approval.Key{Value: value, Digest: [32]byte{1}} }

// create stores a new pending approval under its own key.
func (w *suiteWorld) create(t *testing.T, change ...func(*approval.Approval)) approval.Approval {
	t.Helper()
	a := w.fresh()
	for _, fn := range change {
		fn(&a)
	}
	a, made, err := w.Create(t.Context(), a, key("key of "+string(a.ID)), yes)
	must(t, err)
	if !made {
		t.Fatal("not created")
	}
	return a
}

// enrol stores an active phone of Erika.
func (w *suiteWorld) enrol(t *testing.T) device.Device {
	t.Helper()
	now := w.clock()
	d := devicetest.NewPhone().Device(Erika, Number, now)
	sid := account.SID("sid " + string(d.ID))
	must(t, w.Permits.Give(t.Context(), device.Permit{
		Session: sid, Client: "app", Account: Erika, Number: Number, Kinds: []string{device.ByNect},
		Thumbprint: d.Key.Thumbprint(), Proof: "proof " + string(d.ID), Given: now, Expires: now.Add(device.PermitLife),
	}))
	_, err := w.Permits.Use(t.Context(), sid, "app", func(device.Permit, []device.Device) ([]device.Device, error) {
		return []device.Device{d}, nil
	})
	must(t, err)
	return d
}

// errOver is what the suite's own transitions answer when they come too late.
var errOver = errors.New("over")

// to moves what is in one of these states; dev decides.
func (w *suiteWorld) to(ctx context.Context, s approval.Store, id approval.ID, next approval.State, dev device.ID, from ...approval.State) error {
	_, err := s.Update(ctx, id, dev, func(a *approval.Approval, d *device.Device) error {
		if !slices.Contains(from, a.StateAt(w.clock())) {
			return errOver
		}
		if next == approval.Redeemed && (d == nil || d.ID != a.Device || d.State != device.Active) {
			return errOver
		}
		if next == approval.Approved {
			a.Device, a.Answer = dev, "answer"
		}
		a.State = next
		return nil
	})
	return err
}

func (w *suiteWorld) state(t *testing.T, id approval.ID) approval.State {
	t.Helper()
	a, err := w.Get(t.Context(), id)
	must(t, err)
	return a.StateAt(w.clock())
}

// approved stores an approval that a phone approved.
func (w *suiteWorld) approved(t *testing.T) (approval.Approval, device.Device) {
	t.Helper()
	d, a := w.enrol(t), w.create(t)
	must(t, w.to(t.Context(), w.Store, a.ID, approval.Approved, d.ID, approval.Pending))
	a, err := w.Get(t.Context(), a.ID)
	must(t, err)
	return a, d
}

func created(t *testing.T, w *suiteWorld) {
	want := w.fresh()
	want.SameDevice, want.Session, want.Risk = device.NewID(), "session", approval.Low
	got, made, err := w.Create(t.Context(), want, key("k"), yes)
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" || !made {
		t.Errorf("created %v (-want +got):\n%s", made, diff)
	}
	got, err = w.one(1).Get(t.Context(), want.ID)
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, err = w.Get(t.Context(), approval.NewID())
	wantErr(t, err, approval.ErrNoApproval)
}

func sameAgain(t *testing.T, w *suiteWorld) {
	first := w.fresh()
	_, _, err := w.Create(t.Context(), first, key("k"), yes)
	must(t, err)
	w.pass(time.Minute)
	got, made, err := w.one(1).Create(t.Context(), w.fresh(), key("k"), func([]approval.Approval) (*approval.Approval, error) {
		t.Error("asked for admission again")
		return nil, nil
	})
	must(t, err)
	if made || got.ID != first.ID {
		t.Errorf("created %v, %s instead of %s", made, got.ID, first.ID)
	}
	other := w.fresh()
	other.Client = "another"
	if _, made, err := w.Create(t.Context(), other, key("k"), yes); err != nil || !made {
		t.Errorf("another client's key: %v, %v", made, err)
	}
}

func createdOnce(t *testing.T, w *suiteWorld) {
	var mu sync.Mutex
	made, ids := 0, map[approval.ID]bool{}
	errs := race(racers, func(i int) error {
		a, created, err := w.one(i).Create(t.Context(), w.fresh(), key("k"), yes)
		mu.Lock()
		defer mu.Unlock()
		ids[a.ID] = true
		if created {
			made++
		}
		return err
	})
	if n := succeeded(t, errs); n != racers || made != 1 || len(ids) != 1 {
		t.Errorf("%d succeeded, %d created, %d ids", n, made, len(ids))
	}
}

func keyReused(t *testing.T, w *suiteWorld) {
	_, _, err := w.Create(t.Context(), w.fresh(), key("k"), yes)
	must(t, err)
	_, _, err = w.one(1).Create(t.Context(), w.fresh(), approval.Key{Value: "k", Digest: [32]byte{2}}, yes)
	wantErr(t, err, approval.ErrKeyReused)
	other := w.fresh()
	other.Account, other.Number = "moritz-1", "M123456784"
	_, _, err = w.Create(t.Context(), other, approval.Key{Value: "k", Digest: [32]byte{3}}, yes)
	wantErr(t, err, approval.ErrKeyReused)
}

func keyTells(t *testing.T, w *suiteWorld) {
	_, err := w.Again(t.Context(), w.fresh().Client, key("k"))
	wantErr(t, err, approval.ErrNoApproval)
	want, _, err := w.one(1).Create(t.Context(), w.fresh(), key("k"), yes)
	must(t, err)
	got, err := w.Again(t.Context(), want.Client, key("k"))
	must(t, err)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	_, err = w.Again(t.Context(), want.Client, approval.Key{Value: "k", Digest: [32]byte{2}})
	wantErr(t, err, approval.ErrKeyReused)
	_, err = w.Again(t.Context(), "another", key("k"))
	wantErr(t, err, approval.ErrNoApproval)
}

func refusalChanges(t *testing.T, w *suiteWorld) {
	old := w.create(t)
	no := errors.New("no")
	refused := w.fresh()
	_, made, err := w.Create(t.Context(), refused, key("k"), func(recent []approval.Approval) (*approval.Approval, error) {
		recent[0].Refused++
		return &recent[0], no
	})
	wantErr(t, err, no)
	got, err := w.Get(t.Context(), old.ID)
	must(t, err)
	if made || got.Refused != 1 {
		t.Errorf("created %v, refused %d", made, got.Refused)
	}
	_, err = w.Get(t.Context(), refused.ID)
	wantErr(t, err, approval.ErrNoApproval)
	// The key of a refused request was not used up.
	if _, made, err := w.Create(t.Context(), w.fresh(), key("k"), yes); err != nil || !made {
		t.Errorf("%v, %v", made, err)
	}
}

func onePending(t *testing.T, w *suiteWorld) {
	errs := race(racers, func(i int) error {
		_, _, err := w.one(i).Create(t.Context(), w.fresh(), key(fmt.Sprint("k", i)), func(recent []approval.Approval) (*approval.Approval, error) {
			for _, old := range recent {
				if old.State == approval.Pending {
					old.Refused++
					return &old, errOver
				}
			}
			return nil, nil
		})
		return err
	})
	if n := succeeded(t, errs, errOver); n != 1 {
		t.Errorf("%d created", n)
	}
	all, err := w.List(t.Context(), approval.Query{Account: Erika})
	must(t, err)
	if len(all) != 1 || all[0].Refused != racers-1 {
		t.Errorf("%d approvals, %+v", len(all), all)
	}
}
