package devicetest

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
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/notify"
)

// Stores are the two ports, over the same data.
type Stores struct {
	device.Store
	device.Permits
	// News takes the bodies of what was queued for device.Service.Carry.
	News func(context.Context) ([][]byte, error)
}

// start is when the suite begins; stores keep microseconds.
var start = time.Date(2026, 12, 1, 8, 0, 0, 123456000, time.UTC)

const (
	erika  = Erika
	number = Number
	racers = 32
)

// world is what each test of the suite has.
type world struct {
	Stores
	mu  sync.Mutex
	now time.Time
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// Run runs the suite. open returns empty stores that go by now.
func Run(t *testing.T, open func(t *testing.T, now func() time.Time) Stores) {
	for name, test := range suite() {
		t.Run(name, func(t *testing.T) {
			w := &world{now: start}
			w.Stores = open(t, w.clock)
			test(t, w)
		})
	}
}

func suite() map[string]func(*testing.T, *world) {
	return map[string]func(*testing.T, *world){
		"a phone is kept and found":                       keptAndFound,
		"a permit serves once":                            servesOnce,
		"a permit ends":                                   permitEnds,
		"a permit of another session or client is none":   othersPermit,
		"a newer permit takes the older one's place":      newerPermit,
		"one proof gives one permit":                      oneProof,
		"a permit by a phone ends with a phone":           voucherEnds,
		"a phone that is replaced takes permits with it":  replacedVoucherEnds,
		"what must be told is queued with the change":     newsWithChange,
		"an error leaves the permit":                      errorLeavesPermit,
		"of parallel uses of a permit one succeeds":       parallelUses,
		"a permit serves its person alone":                servesItsPerson,
		"a key is registered once":                        keyOnce,
		"of two phones that take one key at once one has": keyRace,
		"whose and blocked stay":                          whatStays,
		"an update that fails changes nothing":            failingUpdate,
		"parallel updates all count":                      parallelUpdates,
		"block against everything is blocked":             blockRace,
		"the limit holds under race":                      limitRace,
		"a blocked phone is forgotten after 400 days":     forgotten,
		"no more phones are kept than may be":             bounded,
		"what is malformed is refused":                    malformed,
		"wrong passwords at once are all counted":         wrongAtOnce,
		"of registrations at once one has the permit":     registerAtOnce,
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

// race runs fn at once and returns how many succeeded; other errors than want
// fail the test.
func race(t *testing.T, n int, want error, fn func(i int) error) int {
	t.Helper()
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
	succeeded := 0
	for _, err := range errs {
		switch {
		case err == nil:
			succeeded++
		case want == nil || !errors.Is(err, want):
			t.Errorf("unexpected: %v", err)
		}
	}
	return succeeded
}

// anyKey is the thumbprint of a key that nobody uses.
func anyKey() string { return Public(NewKey()).Thumbprint() }

func (w *world) permit(sid account.SID) device.Permit {
	now := w.clock()
	return device.Permit{
		Session: sid, Client: "app", Account: erika, Number: number, Thumbprint: anyKey(), Kinds: []string{device.ByNect},
		Proof: "attempt-" + string(device.NewID()), Given: now, Expires: now.Add(device.PermitLife),
	}
}

func (w *world) give(t *testing.T, sid account.SID) {
	t.Helper()
	must(t, w.Give(t.Context(), w.permit(sid)))
}

// register stores phones with a permit of its own.
func (w *world) register(t *testing.T, d ...device.Device) {
	t.Helper()
	w.give(t, "sid-register")
	_, err := w.Use(t.Context(), "sid-register", "app", with(d...))
	must(t, err)
}

func with(d ...device.Device) func(device.Permit, []device.Device) ([]device.Device, error) {
	return func(device.Permit, []device.Device) ([]device.Device, error) { return d, nil }
}

func (w *world) phone() device.Device { return NewPhone().Device(erika, number, w.clock()) }

func block(d *device.Device, now time.Time) {
	d.State, d.Reason, d.Ended, d.Password = device.Blocked, device.ReasonWeb, now, device.Secret{}
}

func keptAndFound(t *testing.T, w *world) {
	first, other := w.phone(), NewPhone().Device("moritz-1", "M123456784", start)
	first.PIN = device.Secret{Hash: "h", Pepper: "p", Wrong: 2, Set: start}
	first.Push = device.Push{Channel: "fcm", Token: "token"}
	first.Biometric = Public(NewKey())
	w.register(t, first)
	w.pass(time.Minute)
	second := w.phone()
	w.register(t, second)
	p := w.permit("sid-m")
	p.Account, p.Number = other.Account, other.Number
	must(t, w.Give(t.Context(), p))
	_, err := w.Use(t.Context(), "sid-m", "app", with(other))
	must(t, err)

	got, err := w.Get(t.Context(), first.ID)
	must(t, err)
	if diff := cmp.Diff(first, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got, err = w.ByKey(t.Context(), other.Key.Thumbprint())
	must(t, err)
	if diff := cmp.Diff(other, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	all, err := w.Of(t.Context(), erika)
	must(t, err)
	if diff := cmp.Diff([]device.Device{second, first}, all); diff != "" {
		t.Errorf("newest first (-want +got):\n%s", diff)
	}
	_, err = w.Get(t.Context(), device.NewID())
	wantErr(t, err, device.ErrNoDevice)
	for _, thumb := range []string{"", "x", first.Biometric.Thumbprint()} {
		_, err = w.ByKey(t.Context(), thumb)
		wantErr(t, err, device.ErrNoDevice)
	}
}

func servesOnce(t *testing.T, w *world) {
	_, err := w.Look(t.Context(), "sid", "app")
	wantErr(t, err, device.ErrNoPermit)
	want := w.permit("sid")
	must(t, w.Give(t.Context(), want))
	got, err := w.Look(t.Context(), "sid", "app")
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	d := w.phone()
	first, err := w.Use(t.Context(), "sid", "app", with(d))
	must(t, err)
	if first != d {
		t.Errorf("%+v", first)
	}
	_, err = w.Use(t.Context(), "sid", "app", with(w.phone()))
	wantErr(t, err, device.ErrNoPermit)
	_, err = w.Look(t.Context(), "sid", "app")
	wantErr(t, err, device.ErrNoPermit)
}

func permitEnds(t *testing.T, w *world) {
	w.give(t, "sid")
	w.pass(device.PermitLife)
	_, err := w.Look(t.Context(), "sid", "app")
	wantErr(t, err, device.ErrNoPermit)
	_, err = w.Use(t.Context(), "sid", "app", with(w.phone()))
	wantErr(t, err, device.ErrNoPermit)
}

func othersPermit(t *testing.T, w *world) {
	w.give(t, "sid")
	for _, p := range []struct {
		sid    account.SID
		client string
	}{{"sid2", "app"}, {"sid", "web"}, {"", ""}, {"sidapp", ""}} {
		_, err := w.Use(t.Context(), p.sid, p.client, with(w.phone()))
		wantErr(t, err, device.ErrNoPermit)
	}
}

func newerPermit(t *testing.T, w *world) {
	w.give(t, "sid")
	w.pass(time.Minute)
	newer := w.permit("sid")
	newer.Kinds = []string{device.ByCard}
	must(t, w.Give(t.Context(), newer))
	got, err := w.Look(t.Context(), "sid", "app")
	must(t, err)
	if diff := cmp.Diff(newer, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func oneProof(t *testing.T, w *world) {
	p := w.permit("sid")
	must(t, w.Give(t.Context(), p))
	must(t, w.Give(t.Context(), p))
	_, err := w.Use(t.Context(), "sid", "app", with(w.phone()))
	must(t, err)
	for range 2 {
		again := w.permit("sid2")
		again.Proof = p.Proof
		must(t, w.Give(t.Context(), p))
		must(t, w.Give(t.Context(), again))
		for _, sid := range []account.SID{"sid", "sid2"} {
			_, err = w.Look(t.Context(), sid, "app")
			wantErr(t, err, device.ErrNoPermit)
		}
		w.pass(device.ProofLife - time.Second)
	}
	w.pass(time.Second)
	later := w.permit("sid")
	later.Proof = p.Proof
	must(t, w.Give(t.Context(), later))
	_, err = w.Look(t.Context(), "sid", "app")
	must(t, err)
}

// voucherEnds: the word of a phone is worth nothing once one of the account is
// out of use; what else was proved stays good.
func voucherEnds(t *testing.T, w *world) {
	for name, end := range map[string]func(*device.Device){
		"locked":  func(d *device.Device) { d.State, d.Reason = device.Locked, device.ReasonPassword },
		"blocked": func(d *device.Device) { block(d, w.clock()) },
	} {
		d := w.phone()
		w.register(t, d)
		byPhone, byNect, both := w.permit("by-phone"), w.permit("by-nect"), w.permit("by-both")
		byPhone.Kinds, both.Kinds = []string{device.ByPhone, device.ByCard}, []string{device.ByPhone, device.ByLetter}
		for _, p := range []device.Permit{byPhone, byNect, both} {
			must(t, w.Give(t.Context(), p))
		}
		_, err := w.Update(t.Context(), d.ID, func(d *device.Device) error {
			d.Name = name
			return nil
		})
		must(t, err)
		_, err = w.Look(t.Context(), "by-phone", "app")
		must(t, err)
		_, err = w.Update(t.Context(), d.ID, func(d *device.Device) error {
			end(d)
			return nil
		})
		must(t, err)
		_, err = w.Look(t.Context(), "by-phone", "app")
		wantErr(t, err, device.ErrNoPermit)
		for _, sid := range []account.SID{"by-nect", "by-both"} {
			_, err = w.Look(t.Context(), sid, "app")
			must(t, err)
		}
	}
}

// replacedVoucherEnds: a phone that ends by the use of a permit ends as any
// other way.
func replacedVoucherEnds(t *testing.T, w *world) {
	old := w.phone()
	w.register(t, old)
	byPhone := w.permit("by-phone")
	byPhone.Kinds = []string{device.ByPhone}
	must(t, w.Give(t.Context(), byPhone))
	blocked := old
	block(&blocked, w.clock())
	next := w.phone()
	next.Replaced = old.ID
	w.register(t, next, blocked)
	_, err := w.Look(t.Context(), "by-phone", "app")
	wantErr(t, err, device.ErrNoPermit)
	got, err := w.Get(t.Context(), old.ID)
	must(t, err)
	if diff := cmp.Diff(blocked, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, err = w.Get(t.Context(), next.ID); err != nil || got != next {
		t.Errorf("%+v, %v", got, err)
	}
}

// told takes the kinds of the notices that were queued.
func (w *world) told(t *testing.T) []notify.Kind {
	t.Helper()
	bodies, err := w.News(t.Context())
	must(t, err)
	b := NewBench(start)
	for _, body := range bodies {
		must(t, b.Carry(t.Context(), body))
	}
	return b.Told.Kinds()
}

// newsWithChange: what came about is told once, and nothing else.
func newsWithChange(t *testing.T, w *world) {
	d, other := w.phone(), w.phone()
	w.register(t, d)
	w.register(t, other)
	want := func(when string, kinds ...notify.Kind) {
		t.Helper()
		if diff := cmp.Diff(kinds, w.told(t)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	want("registered", notify.PhoneAdded, notify.PhoneAdded)
	_, err := w.Update(t.Context(), d.ID, func(d *device.Device) error {
		d.Name, d.Password.Wrong = "other", 4
		return nil
	})
	must(t, err)
	_, err = w.Update(t.Context(), d.ID, func(d *device.Device) error {
		d.State = device.Locked
		return device.ErrFactors
	})
	wantErr(t, err, device.ErrFactors)
	_, err = w.Update(t.Context(), d.ID, func(d *device.Device) error {
		d.Key = other.Key
		return nil
	})
	wantErr(t, err, device.ErrKeyUsed)
	w.give(t, "sid")
	_, err = w.Use(t.Context(), "sid", "app", func(device.Permit, []device.Device) ([]device.Device, error) {
		stolen := w.phone()
		stolen.Key = other.Key
		return []device.Device{w.phone(), stolen}, nil
	})
	wantErr(t, err, device.ErrKeyUsed)
	want("nothing that counts, or not at all")
	if n := race(t, racers, nil, func(int) error {
		_, err := w.Update(t.Context(), d.ID, func(d *device.Device) error {
			if d.State != device.Blocked {
				block(d, w.clock())
			}
			return nil
		})
		return err
	}); n != racers {
		t.Errorf("%d blocked", n)
	}
	want("blocked by many", notify.PhoneBlocked)
}

func errorLeavesPermit(t *testing.T, w *world) {
	w.give(t, "sid")
	_, err := w.Use(t.Context(), "sid", "app", func(device.Permit, []device.Device) ([]device.Device, error) {
		return []device.Device{w.phone()}, device.ErrTooMany
	})
	wantErr(t, err, device.ErrTooMany)
	if all, err := w.Of(t.Context(), erika); err != nil || len(all) != 0 {
		t.Errorf("%d phones, %v", len(all), err)
	}
	_, err = w.Use(t.Context(), "sid", "app", with())
	if err == nil {
		t.Error("a permit was used for nothing")
	}
	_, err = w.Look(t.Context(), "sid", "app")
	must(t, err)
}

func parallelUses(t *testing.T, w *world) {
	w.give(t, "sid")
	n := race(t, racers, device.ErrNoPermit, func(int) error {
		_, err := w.Use(t.Context(), "sid", "app", with(w.phone()))
		return err
	})
	all, err := w.Of(t.Context(), erika)
	must(t, err)
	if n != 1 || len(all) != 1 {
		t.Errorf("%d uses, %d phones", n, len(all))
	}
}

func servesItsPerson(t *testing.T, w *world) {
	w.give(t, "sid")
	stranger := NewPhone().Device("moritz-1", "M123456784", start)
	if _, err := w.Use(t.Context(), "sid", "app", with(w.phone(), stranger)); err == nil {
		t.Error("a stranger's phone was stored")
	}
	for _, id := range []account.ID{erika, "moritz-1"} {
		if all, err := w.Of(t.Context(), id); err != nil || len(all) != 0 {
			t.Errorf("%d phones, %v", len(all), err)
		}
	}
}

func keyOnce(t *testing.T, w *world) {
	first := w.phone()
	w.register(t, first)
	_, err := w.Update(t.Context(), first.ID, func(d *device.Device) error {
		block(d, w.clock())
		return nil
	})
	must(t, err)
	second := w.phone()
	second.Key = first.Key
	w.give(t, "sid")
	_, err = w.Use(t.Context(), "sid", "app", with(second))
	wantErr(t, err, device.ErrKeyUsed)
	third := w.phone()
	w.register(t, third)
	_, err = w.Update(t.Context(), third.ID, func(d *device.Device) error {
		d.Key = first.Key
		return nil
	})
	wantErr(t, err, device.ErrKeyUsed)
}

func keyRace(t *testing.T, w *world) {
	key := Public(NewKey())
	for i := range racers {
		p := w.permit(account.SID(fmt.Sprint("sid-", i)))
		p.Account = account.ID(fmt.Sprint("person-", i))
		must(t, w.Give(t.Context(), p))
	}
	n := race(t, racers, device.ErrKeyUsed, func(i int) error {
		d := w.phone()
		d.Account, d.Key = account.ID(fmt.Sprint("person-", i)), key
		_, err := w.Use(t.Context(), account.SID(fmt.Sprint("sid-", i)), "app", with(d))
		return err
	})
	if n != 1 {
		t.Errorf("%d phones have the same key", n)
	}
}

func whatStays(t *testing.T, w *world) {
	d := w.phone()
	w.register(t, d)
	_, err := w.Update(t.Context(), d.ID, func(d *device.Device) error {
		block(d, w.clock())
		return nil
	})
	must(t, err)
	for name, change := range map[string]func(*device.Device){
		"active":  func(d *device.Device) { d.State, d.Password.Hash = device.Active, "h" },
		"locked":  func(d *device.Device) { d.State, d.Password.Hash = device.Locked, "h" },
		"invalid": func(d *device.Device) { d.State = 0 },
		"id":      func(d *device.Device) { d.ID = device.NewID() },
		"account": func(d *device.Device) { d.Account = "moritz-1" },
		"number":  func(d *device.Device) { d.Number = "M123456784" },
		"no key":  func(d *device.Device) { d.Key = "" },
	} {
		_, err := w.Update(t.Context(), d.ID, func(d *device.Device) error {
			change(d)
			return nil
		})
		if err == nil {
			t.Errorf("%s: changed", name)
		}
	}
	if got, err := w.Get(t.Context(), d.ID); err != nil || got.State != device.Blocked || got.Account != erika {
		t.Errorf("%+v, %v", got, err)
	}
}

func failingUpdate(t *testing.T, w *world) {
	d := w.phone()
	w.register(t, d)
	_, err := w.Update(t.Context(), d.ID, func(d *device.Device) error {
		d.Name = "other"
		return device.ErrFactors
	})
	wantErr(t, err, device.ErrFactors)
	if got, err := w.Get(t.Context(), d.ID); err != nil || got != d {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = w.Update(t.Context(), device.NewID(), func(*device.Device) error { return nil })
	wantErr(t, err, device.ErrNoDevice)
}

func parallelUpdates(t *testing.T, w *world) {
	d := w.phone()
	w.register(t, d)
	race(t, racers, nil, func(int) error {
		_, err := w.Update(t.Context(), d.ID, func(d *device.Device) error {
			d.Password.Wrong++
			return nil
		})
		return err
	})
	if got, err := w.Get(t.Context(), d.ID); err != nil || got.Password.Wrong != racers {
		t.Errorf("%d of %d counted, %v", got.Password.Wrong, racers, err)
	}
}

var errWasBlocked = errors.New("blocked before")

// blockRace: whatever happens to a phone while it is blocked, it is blocked.
func blockRace(t *testing.T, w *world) {
	d := w.phone()
	w.register(t, d)
	unless := func(fn func(*device.Device)) func(*device.Device) error {
		return func(d *device.Device) error {
			if d.State == device.Blocked {
				return errWasBlocked
			}
			fn(d)
			return nil
		}
	}
	changes := []func(*device.Device){
		func(d *device.Device) { block(d, start) },
		func(d *device.Device) { d.State = device.Locked },
		func(d *device.Device) { d.State = device.Active },
		func(d *device.Device) { d.Key = Public(NewKey()) },
		func(d *device.Device) { d.Name = "other" },
	}
	for i := range racers {
		w.give(t, account.SID(fmt.Sprint("sid-", i)))
	}
	race(t, racers, errWasBlocked, func(i int) error {
		if i%6 < 5 {
			_, err := w.Update(t.Context(), d.ID, unless(changes[i%6]))
			return err
		}
		_, err := w.Use(t.Context(), account.SID(fmt.Sprint("sid-", i)), "app", func(_ device.Permit, all []device.Device) ([]device.Device, error) {
			at := slices.IndexFunc(all, func(o device.Device) bool { return o.ID == d.ID })
			unlocked := all[at]
			return []device.Device{unlocked}, unless(func(d *device.Device) { d.State = device.Active })(&unlocked)
		})
		return err
	})
	if got, err := w.Get(t.Context(), d.ID); err != nil || got.State != device.Blocked {
		t.Errorf("%+v, %v", got.State, err)
	}
}

func limitRace(t *testing.T, w *world) {
	const limit = 3
	for i := range racers {
		w.give(t, account.SID(fmt.Sprint("sid-", i)))
	}
	n := race(t, racers, device.ErrTooMany, func(i int) error {
		_, err := w.Use(t.Context(), account.SID(fmt.Sprint("sid-", i)), "app",
			func(_ device.Permit, all []device.Device) ([]device.Device, error) {
				if len(all) >= limit {
					return nil, device.ErrTooMany
				}
				return []device.Device{w.phone()}, nil
			})
		return err
	})
	if all, err := w.Of(t.Context(), erika); err != nil || n != limit || len(all) != limit {
		t.Errorf("%d registered, %d kept, %v", n, len(all), err)
	}
}

func forgotten(t *testing.T, w *world) {
	lost, kept := w.phone(), w.phone()
	w.register(t, lost)
	w.register(t, kept)
	_, err := w.Update(t.Context(), lost.ID, func(d *device.Device) error {
		block(d, w.clock())
		return nil
	})
	must(t, err)
	w.pass(device.KeepsBlocked - time.Second)
	if _, err := w.Get(t.Context(), lost.ID); err != nil {
		t.Errorf("forgotten too soon: %v", err)
	}
	w.pass(time.Second)
	_, err = w.Get(t.Context(), lost.ID)
	wantErr(t, err, device.ErrNoDevice)
	_, err = w.ByKey(t.Context(), lost.Key.Thumbprint())
	wantErr(t, err, device.ErrNoDevice)
	if all, err := w.Of(t.Context(), erika); err != nil || len(all) != 1 || all[0].ID != kept.ID {
		t.Errorf("%+v, %v", all, err)
	}
}

func bounded(t *testing.T, w *world) {
	first := w.phone()
	w.register(t, first)
	for range device.MaxKept + 2 {
		w.pass(time.Second)
		d := w.phone()
		w.register(t, d)
		_, err := w.Update(t.Context(), d.ID, func(d *device.Device) error {
			block(d, w.clock())
			return nil
		})
		must(t, err)
	}
	all, err := w.Of(t.Context(), erika)
	must(t, err)
	if len(all) != device.MaxKept || all[len(all)-1].ID != first.ID {
		t.Errorf("%d kept, the oldest %v", len(all), all[len(all)-1].State)
	}
}

func malformed(t *testing.T, w *world) {
	for name, change := range map[string]func(*device.Permit){
		"no session": func(p *device.Permit) { p.Session = "" },
		"no client":  func(p *device.Permit) { p.Client = "" },
		"nobody":     func(p *device.Permit) { p.Account = "" },
		"no number":  func(p *device.Permit) { p.Number = "" },
		"no kind":    func(p *device.Permit) { p.Kinds = nil },
		"no proof":   func(p *device.Permit) { p.Proof = "" },
		"too long":   func(p *device.Permit) { p.Expires = p.Expires.Add(time.Second) },
		"over":       func(p *device.Permit) { p.Expires = p.Given },
	} {
		p := w.permit("sid")
		change(&p)
		if w.Give(t.Context(), p) == nil {
			t.Errorf("%s: given", name)
		}
	}
	w.give(t, "sid")
	for name, change := range map[string]func(*device.Device){
		"no id":       func(d *device.Device) { d.ID = "" },
		"no state":    func(d *device.Device) { d.State = 0 },
		"locked":      func(d *device.Device) { d.State = device.Locked },
		"blocked":     func(d *device.Device) { block(d, start) },
		"no key":      func(d *device.Device) { d.Key = "" },
		"no password": func(d *device.Device) { d.Password = device.Secret{} },
	} {
		d := w.phone()
		change(&d)
		if _, err := w.Use(t.Context(), "sid", "app", with(d)); err == nil {
			t.Errorf("%s: registered", name)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Use(ctx, "sid", "app", with(w.phone())); err == nil {
		t.Error("a context that ended is no answer")
	}
	_, err := w.Look(t.Context(), "sid", "app")
	must(t, err)
}

// bench is a service over the stores of this suite.
func (w *world) bench(t *testing.T) *Bench {
	t.Helper()
	b := NewBench(start)
	b.Store, b.Permits = w.Store, w.Permits
	must(t, b.Permit(t.Context(), device.ByNect))
	return b
}

// wrongAtOnce: however many guess at once, no more are compared than may be.
func wrongAtOnce(t *testing.T, w *world) {
	b := w.bench(t)
	p, err := b.Register(t.Context())
	must(t, err)
	var mu sync.Mutex
	wrong := 0
	race(t, racers, device.ErrLocked, func(i int) error {
		m := p.Message(device.Answer, i)
		err := b.CheckPassword(t.Context(), p.ID, m, b.Keys.Secret(m, device.ForPassword, fmt.Sprint("guess ", i)))
		if !errors.Is(err, device.ErrFactors) {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		wrong++
		return nil
	})
	d, err := w.Get(t.Context(), p.ID)
	must(t, err)
	// The try after the last one may lock before the last one is told to be wrong.
	if d.State != device.Locked || wrong > b.Settings.Tries || d.Password.Wrong != b.Settings.Tries {
		t.Errorf("%d were compared and %d counted, %s", wrong, d.Password.Wrong, d.State)
	}
}

func registerAtOnce(t *testing.T, w *world) {
	b := w.bench(t)
	n := race(t, racers, device.ErrNoPermit, func(int) error {
		_, err := b.Register(t.Context())
		return err
	})
	all, err := w.Of(t.Context(), Erika)
	must(t, err)
	if n != 1 || len(all) != 1 {
		t.Errorf("%d registered, %d kept", n, len(all))
	}
}
