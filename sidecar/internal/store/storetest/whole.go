package storetest

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/device/devicetest"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/gate"
	"github.com/schleuse/schleuse/sidecar/internal/relying"
	"github.com/schleuse/schleuse/sidecar/internal/store"
)

var storeTests = map[string]func(*testing.T, *fixture){
	"ready means that it writes": func(t *testing.T, f *fixture) {
		for _, s := range f.replicas {
			must(t, s.Ready(t.Context()))
			must(t, s.Ready(t.Context()))
		}
	},
	"a context that ended is unavailable, never an answer": func(t *testing.T, f *fixture) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		s := f.one(0)
		_, err := s.Sessions().Get(ctx, relying.SessionID{1})
		wantKind(t, err, fault.Unavailable)
		_, err = s.Attempts(50).Get(ctx, "x")
		wantKind(t, err, fault.Unavailable)
		got, err := s.Counters("egk").Take(ctx, daily)
		wantKind(t, err, fault.Unavailable)
		if got.OK {
			t.Error("a try is taken")
		}
		if s.Audit().Append(ctx, auditEntry("a", "p")) == nil && len(tail(t, s, 1)) == 0 {
			t.Error("an entry is confirmed and not written")
		}
		wantKind(t, s.Ready(ctx), fault.Unavailable)
	},
	"a sweep removes what has expired, and that only": func(t *testing.T, f *fixture) {
		s := f.one(0)
		soon, late := start.Add(time.Minute), start.Add(time.Hour)
		fill := func(expires time.Time, name string) {
			r := attempt("192.0.2.1/32")
			r.Expires = expires
			must(t, s.Attempts(50).Create(t.Context(), r))
			must(t, s.Codes().RecordCode(t.Context(), gate.HashOf(name), gate.Code{Expires: expires}))
			must(t, s.Actions().RecordAction(t.Context(), gate.HashOf(name), expires))
			l := login(account.SID(name), start)
			l.Expires = expires
			must(t, s.Logins().RecordLogin(t.Context(), l))
			v := session("sub", "sid")
			v.Expires = expires
			must(t, s.Sessions().Create(t.Context(), v))
			must(t, s.Records("egk").Put(t.Context(), name, 0, json.RawMessage(`1`), expires.Sub(start)))
			limit := daily
			limit.Subject, limit.Window = name, expires.Sub(start)
			take(t, s.Counters("egk"), limit)
			p := permit(erika, account.SID(name))
			p.Given = p.Given.Add(expires.Sub(start) - device.ProofLife)
			p.Expires = p.Given.Add(device.PermitLife)
			must(t, s.Permits().Give(t.Context(), p))
		}
		all := store.Swept{Attempts: 1, Codes: 1, Actions: 1, Logins: 1, Sessions: 1, Records: 1, Counters: 1, Permits: 1}
		fill(soon, "soon")
		fill(late, "late")
		f.clock.Add(time.Minute)
		for _, want := range []store.Swept{all, {}} {
			got, err := s.Sweep(t.Context())
			must(t, err)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		}
	},
	"a big sweep goes on in batches, from several replicas": func(t *testing.T, f *fixture) {
		const rows = 1200
		for i := range rows {
			must(t, f.one(0).Codes().RecordCode(t.Context(), gate.Hash{byte(i), byte(i >> 8), 1}, gate.Code{Expires: start.Add(time.Minute)}))
		}
		f.clock.Add(time.Minute)
		removed := make([]store.Swept, 4)
		count(t, race(4, func(i int) (err error) {
			removed[i], err = f.one(i).Sweep(t.Context())
			return err
		}), nil)
		total := 0
		for _, r := range removed {
			total += r.Codes
		}
		if total != rows {
			t.Errorf("%d of %d removed", total, rows)
		}
	},
	"no column shows a person or a secret": func(t *testing.T, f *fixture) {
		s := f.one(0)
		must(t, s.Attempts(50).Create(t.Context(), attempt("192.0.2.77/32")))
		must(t, s.Logins().RecordLogin(t.Context(), login("sid-visible", start)))
		must(t, s.Sessions().Create(t.Context(), session("sub-visible", "sid-visible")))
		must(t, s.Records("egk").Put(t.Context(), "A123456780", 0, json.RawMessage(`"digits-visible"`), time.Hour))
		must(t, s.Outbox("egk").Put(t.Context(), "A123456780/visible", []byte("body-visible"), time.Hour))
		limit := daily
		limit.Subject = "subject-visible"
		take(t, s.Counters("egk"), limit)
		must(t, s.Audit().Append(t.Context(), auditEntry("a", "sub-visible")))
		d := devicetest.NewPhone().Device("account-1", "A123456780", start)
		d.Name, d.Push = "phone-visible", device.Push{Channel: "fcm", Token: "token-visible"}
		f.register(t, d)
		f.noneVisible(t, "A123456780", "192.0.2.", "visible", "account-1", "sid-1", "HTTP/1.1", "a123456780")
	},
	"an address is free again when its attempts are failed": func(t *testing.T, f *fixture) {
		a := f.one(0).Attempts(50)
		for range 50 {
			must(t, a.Create(t.Context(), attempt("192.0.2.1/32")))
		}
		wantErr(t, a.Create(t.Context(), attempt("192.0.2.1/32")), flow.ErrTooManyAttempts)
		must(t, a.FailSession(t.Context(), "sid-1", "x"))
		must(t, a.Create(t.Context(), attempt("192.0.2.1/32")))
	},
}
