package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/internal/gate"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
	"github.com/schleuse/schleuse/sidecar/internal/store"
)

var codeTests = map[string]func(*testing.T, *fixture){
	"a code is found until it expires": func(t *testing.T, f *fixture) {
		h := gate.HashOf("code")
		want := gate.Code{Account: "a", Session: "s", Left: start, Expires: start.Add(time.Hour)}
		_, err := f.one(0).Codes().Code(t.Context(), h)
		wantErr(t, err, gate.ErrNoRecord)
		must(t, f.one(0).Codes().RecordCode(t.Context(), h, want))
		got, err := f.one(1).Codes().Code(t.Context(), h)
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		_, err = f.one(0).Codes().Code(t.Context(), gate.HashOf("other"))
		wantErr(t, err, gate.ErrNoRecord)
		f.clock.Add(time.Hour)
		_, err = f.one(0).Codes().Code(t.Context(), h)
		wantErr(t, err, gate.ErrNoRecord)
	},
	"recording again does not make a code younger": func(t *testing.T, f *fixture) {
		h := gate.HashOf("code")
		c := gate.Code{Account: "a", Session: "s", Left: start, Expires: start.Add(time.Hour)}
		must(t, f.one(0).Codes().RecordCode(t.Context(), h, c))
		c.Left = start.Add(time.Minute)
		must(t, f.one(0).Codes().RecordCode(t.Context(), h, c))
		got, err := f.one(0).Codes().Code(t.Context(), h)
		must(t, err)
		if !got.Left.Equal(start) {
			t.Errorf("left at %s", got.Left)
		}
	},
	"a code without expiry is refused": func(t *testing.T, f *fixture) {
		if f.one(0).Codes().RecordCode(t.Context(), gate.HashOf("c"), gate.Code{Account: "a"}) == nil {
			t.Error("accepted")
		}
	},
}

var actionTests = map[string]func(*testing.T, *fixture){
	"an action waits in its tab until its time is over": func(t *testing.T, f *fixture) {
		h := gate.HashOf("tab x")
		waits := func(i int, h gate.Hash) bool {
			t.Helper()
			there, err := f.one(i).Actions().ActionWaits(t.Context(), h)
			must(t, err)
			return there
		}
		must(t, f.one(0).Actions().RecordAction(t.Context(), h, start.Add(time.Minute)))
		must(t, f.one(1).Actions().RecordAction(t.Context(), h, start.Add(time.Hour))) // it is there already
		if !waits(1, h) || waits(0, gate.HashOf("tab y")) {
			t.Error("found under another name than its own")
		}
		f.clock.Add(time.Minute)
		if waits(0, h) {
			t.Error("found after its time")
		}
	},
	"an action without expiry is refused": func(t *testing.T, f *fixture) {
		if f.one(0).Actions().RecordAction(t.Context(), gate.HashOf("x"), time.Time{}) == nil {
			t.Error("accepted")
		}
	},
}

func login(sid account.SID, seen time.Time) gate.Login {
	return gate.Login{Session: sid, Account: "a", Seen: seen, Expires: start.Add(30 * 24 * time.Hour)}
}

var loginTests = map[string]func(*testing.T, *fixture){
	"a session's person is found and never changes": func(t *testing.T, f *fixture) {
		l := f.one(0).Logins()
		_, err := l.Login(t.Context(), "s")
		wantErr(t, err, gate.ErrNoRecord)
		must(t, l.RecordLogin(t.Context(), login("s", start)))
		f.rotate(t, keyring.Index)
		later := login("s", start.Add(time.Hour))
		must(t, l.RecordLogin(t.Context(), later))
		thief := later
		thief.Account = "b"
		wantErr(t, l.RecordLogin(t.Context(), thief), store.ErrOtherPerson)
		got, err := f.one(1).Logins().Login(t.Context(), "s")
		must(t, err)
		later.First = start
		if diff := cmp.Diff(later, got); diff != "" {
			t.Error(diff)
		}
		must(t, l.ForgetLogin(t.Context(), "s"))
		_, err = l.Login(t.Context(), "s")
		wantErr(t, err, gate.ErrNoRecord)
	},
	"that a session has passed the step-up stays": func(t *testing.T, f *fixture) {
		l := f.one(0).Logins()
		must(t, l.RecordLogin(t.Context(), login("s", start)))
		passed := login("s", start)
		passed.Stepup = start.Add(time.Minute)
		must(t, l.RecordLogin(t.Context(), passed))
		f.rotate(t, keyring.Index)
		must(t, f.one(1).Logins().RecordLogin(t.Context(), login("s", start.Add(time.Hour))))
		again := login("s", start.Add(2*time.Hour))
		again.Stepup = start.Add(time.Hour)
		must(t, l.RecordLogin(t.Context(), again))
		got, err := l.Login(t.Context(), "s")
		must(t, err)
		if !got.Stepup.Equal(passed.Stepup) {
			t.Errorf("passed at %s, want %s", got.Stepup, passed.Stepup)
		}
		if old, err := l.TakeLogins(t.Context(), start.Add(3*time.Hour), start.Add(3*time.Hour), 10); err != nil || len(old) != 1 || !old[0].Stepup.Equal(passed.Stepup) {
			t.Errorf("taken %+v, %v", old, err)
		}
		must(t, l.ForgetLogin(t.Context(), "s"))
		must(t, l.RecordLogin(t.Context(), login("s", start)))
		if got, err = l.Login(t.Context(), "s"); err != nil || !got.Stepup.IsZero() {
			t.Errorf("swept, and recorded anew: %+v, %v", got, err)
		}
	},
	"of two people who race for a session one is recorded": func(t *testing.T, f *fixture) {
		errs := race(racers, func(i int) error {
			l := login("s", start)
			l.Account = account.ID(fmt.Sprint("person-", i))
			return f.one(i).Logins().RecordLogin(t.Context(), l)
		})
		if first, others := count(t, errs, store.ErrOtherPerson); first != 1 || others != racers-1 {
			t.Errorf("%d recorded, %d refused", first, others)
		}
	},
	"a record that has expired is none": func(t *testing.T, f *fixture) {
		l := f.one(0).Logins()
		must(t, l.RecordLogin(t.Context(), login("s", start)))
		f.clock.Add(30 * 24 * time.Hour)
		_, err := l.Login(t.Context(), "s")
		wantErr(t, err, gate.ErrNoRecord)
		if old, err := l.TakeLogins(t.Context(), f.clock.Now(), f.clock.Now(), 10); err != nil || len(old) != 0 {
			t.Errorf("%v, %v", old, err)
		}
	},
	"the longest not looked at are taken, no more than asked for, and once": func(t *testing.T, f *fixture) {
		for i, sid := range []account.SID{"c", "a", "d", "b"} {
			must(t, f.one(0).Logins().RecordLogin(t.Context(), login(sid, start.Add(time.Duration((i*3)%4)*time.Minute))))
		}
		take := func(replica, limit int) (got []account.SID) {
			t.Helper()
			old, err := f.one(replica).Logins().TakeLogins(t.Context(), start.Add(3*time.Minute), start.Add(time.Hour), limit)
			must(t, err)
			for _, o := range old {
				got = append(got, o.Session)
			}
			slices.Sort(got)
			return got
		}
		for i, want := range [][]account.SID{{"b", "c"}, {"d"}, nil} {
			if diff := cmp.Diff(want, take(i%2, 2)); diff != "" {
				t.Errorf("turn %d: %s", i, diff)
			}
		}
		if got, err := f.one(0).Logins().Login(t.Context(), "b"); err != nil || got.Account != "a" {
			t.Errorf("taken, and then %v, %v", got, err)
		}
	},
	"replicas take different ones": func(t *testing.T, f *fixture) {
		for i := range 2 * racers {
			must(t, f.one(0).Logins().RecordLogin(t.Context(), login(account.SID(fmt.Sprint("s", i)), start)))
		}
		var mu sync.Mutex
		taken := map[account.SID]int{}
		errs := race(racers, func(i int) error {
			old, err := f.one(i).Logins().TakeLogins(t.Context(), start.Add(time.Minute), start.Add(time.Hour), 2)
			mu.Lock()
			defer mu.Unlock()
			for _, o := range old {
				taken[o.Session]++
			}
			return err
		})
		must(t, errors.Join(errs...))
		for sid, n := range taken {
			if n != 1 {
				t.Errorf("%s taken %d times", sid, n)
			}
		}
		if len(taken) != 2*racers {
			t.Errorf("%d taken", len(taken))
		}
	},
}
