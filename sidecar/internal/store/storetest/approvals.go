package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/approval/approvaltest"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
	"github.com/schleuse/schleuse/sidecar/internal/store"
)

// approvals runs the suite of package approval.
func (b Backend) approvals(t *testing.T) {
	approvaltest.Run(t, func(t *testing.T, now func() time.Time) approvaltest.Stores {
		ring, dsn := keyring.Generate(now()), b.Fresh(t)
		ring.Now = now
		var replicas []*store.Store
		var others []approval.Store
		for range b.Replicas {
			replicas = append(replicas, reopen(t, dsn, ring, now))
		}
		for _, r := range replicas[1:] {
			others = append(others, r.Approvals(store.ApprovalSettings{}))
		}
		s := replicas[0].Approvals(store.ApprovalSettings{})
		return approvaltest.Stores{Store: s, Repeats: s, Changes: s, Phones: replicas[0].Devices(), Permits: replicas[0].Permits(), Others: others}
	})
}

// asked stores a pending approval of a person.
func (f *fixture) asked(t *testing.T, p store.Person) approval.Approval {
	t.Helper()
	return f.ask(t, f.one(0).Approvals(store.ApprovalSettings{}), p, "key of "+string(approval.NewID()))
}

func (f *fixture) ask(t *testing.T, s *store.Approvals, p store.Person, key string) approval.Approval {
	t.Helper()
	now := f.clock.Now()
	a := approval.Approval{
		ID: approval.NewID(), Client: "backend", Account: p.Accounts[0], Number: p.Number, Action: "adresse",
		Fields: []approval.Field{{Name: "neu", Value: "Am Deich 1"}}, Content: approval.HashOf([]byte("x")), MatchCode: "738201",
		State: approval.Pending, Created: now, Expires: now.Add(time.Hour),
	}
	a, _, err := s.Create(t.Context(), a, approval.Key{Value: key}, func([]approval.Approval) (*approval.Approval, error) { return nil, nil })
	must(t, err)
	return a
}

// end moves an approval to a state.
func end(t *testing.T, s *store.Approvals, id approval.ID, to approval.State) {
	t.Helper()
	_, err := s.Update(t.Context(), id, "", func(a *approval.Approval, _ *device.Device) error {
		a.State = to
		if to == approval.Approved {
			a.Answer, a.Device = "answer", "aaaaaaaaaaaaaaaaaaaaaaaaaa"
		}
		return nil
	})
	must(t, err)
}

func wantState(t *testing.T, s *store.Approvals, id approval.ID, want approval.State, reason string) {
	t.Helper()
	a, err := s.Get(t.Context(), id)
	must(t, err)
	if a.State != want || a.Reason != reason {
		t.Errorf("%s (%s), want %s (%s)", a.State, a.Reason, want, reason)
	}
}

// announce tells of all states.
func announce(a approval.Approval) (string, string, []byte, bool) {
	return "of " + a.Client, string(a.ID) + "/" + a.State.String(), []byte(a.State.String()), a.State != approval.Redeemed
}

var approvalTests = map[string]func(*testing.T, *fixture){
	"nothing of a person is visible": func(t *testing.T, f *fixture) {
		f.live(t, erika)
		f.noneVisible(t, "Am Deich", "738201", "A123456780", "erika-1")
	},
	"rotated keys hide nothing": func(t *testing.T, f *fixture) {
		s := f.one(0).Approvals(store.ApprovalSettings{})
		a := f.ask(t, s, erika, "k")
		f.rotate(t, keyring.Index)
		f.rotate(t, keyring.Seal)
		if again := f.ask(t, s, erika, "k"); again.ID != a.ID {
			t.Error("the same request is another one after rotation")
		}
		all, err := s.List(t.Context(), approval.Query{Account: erika.Accounts[0]})
		must(t, err)
		if len(all) != 1 {
			t.Errorf("%d listed", len(all))
		}
	},
	"what does not open is none, and its key is free": func(t *testing.T, f *fixture) {
		s := f.one(0).Approvals(store.ApprovalSettings{})
		a := f.ask(t, s, erika, "k")
		f.rotate(t, keyring.Seal)
		f.retireOld(t, keyring.Seal)
		_, err := s.Get(t.Context(), a.ID)
		wantErr(t, err, approval.ErrNoApproval)
		if again := f.ask(t, s, erika, "k"); again.ID == a.ID {
			t.Error("what does not open was returned")
		}
	},
	"approvals are kept as long as said": func(t *testing.T, f *fixture) {
		s := f.one(0).Approvals(store.ApprovalSettings{Keep: 2 * time.Hour})
		a := f.ask(t, s, erika, "k")
		end(t, s, a.ID, approval.Denied)
		f.clock.Add(2*time.Hour - time.Second)
		b := f.ask(t, s, erika, "l")
		wantState(t, s, a.ID, approval.Denied, "")
		f.clock.Add(time.Second)
		_, err := s.Get(t.Context(), a.ID)
		wantErr(t, err, approval.ErrNoApproval)
		swept, err := f.one(0).Sweep(t.Context())
		if err != nil || swept.Approvals != 1 {
			t.Errorf("%+v, %v", swept, err)
		}
		wantState(t, s, b.ID, approval.Pending, "")
	},
	"each new state is announced once, with it": func(t *testing.T, f *fixture) {
		s := f.one(0).Approvals(store.ApprovalSettings{Announce: announce})
		a, b := f.ask(t, s, erika, "k"), f.ask(t, s, moritz, "l")
		end(t, s, a.ID, approval.Approved)
		end(t, s, a.ID, approval.Approved)
		end(t, s, a.ID, approval.Redeemed)
		_, err := s.Update(t.Context(), b.ID, "", func(a *approval.Approval, _ *device.Device) error {
			a.State = approval.Denied
			return errors.New("and not")
		})
		if err == nil {
			t.Error("no error")
		}
		end(t, s, b.ID, approval.Cancelled)
		var got []string
		n, err := f.one(1).Outbox("of backend").DeliverDue(t.Context(), func(_ context.Context, m extension.Message) error {
			got = append(got, string(m.Body))
			return nil
		})
		must(t, err)
		slices.Sort(got)
		if diff := cmp.Diff([]string{"approved", "cancelled"}, got); diff != "" {
			t.Errorf("until %s (-want +got):\n%s", n, diff)
		}
	},
}
