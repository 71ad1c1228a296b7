package accounttest_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/account/accounttest"
)

func realm() *accounttest.Realm {
	r := accounttest.New(account.Account{ID: "anna", Username: "a123456780", Enabled: true}, account.Account{ID: "staff", Username: "s.schmidt"})
	r.Exempt("staff")
	return r
}

func TestClearanceComesAndGoes(t *testing.T) {
	r, ctx := realm(), t.Context()
	is := func(id account.ID, want account.Clearance) {
		t.Helper()
		if got, err := r.Clearance(ctx, id); got != want || err != nil {
			t.Errorf("%s: %v, %v; want %v", id, got, err, want)
		}
	}
	is("anna", account.NotCleared)
	if err := r.Grant(ctx, "anna"); err != nil {
		t.Fatal(err)
	}
	is("anna", account.Cleared)
	if err := r.Withdraw(t.Context(), "anna"); err != nil {
		t.Error(err)
	}
	is("anna", account.NotCleared)
	is("nobody", account.NotCleared)
	if err := r.Grant(ctx, "staff"); !errors.Is(err, account.ErrExempt) {
		t.Errorf("Grant to staff: %v", err)
	}
	if err := r.Grant(ctx, "nobody"); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("Grant to nobody: %v", err)
	}
	is("staff", account.Exempt)
}

func TestFindAndGet(t *testing.T) {
	r, ctx := realm(), t.Context()
	if a, err := r.Find(ctx, "A123456780"); a.ID != "anna" || err != nil {
		t.Errorf("Find: %+v, %v", a, err)
	}
	if _, err := r.Find(ctx, ""); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("Find nobody: %v", err)
	}
	if a, err := r.Get(ctx, "staff"); a.Username != "s.schmidt" || err != nil {
		t.Errorf("Get: %+v, %v", a, err)
	}
	if _, err := r.Get(ctx, "nobody"); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("Get nobody: %v", err)
	}
}

func TestSessionsEnd(t *testing.T) {
	r, ctx := realm(), t.Context()
	one, two := r.SignIn("anna"), r.SignIn("anna")
	alive := func(id account.ID, sid account.SID, want bool) {
		t.Helper()
		if got, err := r.Alive(ctx, id, sid); got != want || err != nil {
			t.Errorf("%s of %s: %v, %v; want %v", sid, id, got, err, want)
		}
	}
	alive("anna", one, true)
	alive("staff", one, false)
	for range 2 {
		if err := r.End(ctx, one); err != nil {
			t.Fatal(err)
		}
	}
	alive("anna", one, false)
	if diff := cmp.Diff([]account.SID{two}, r.Live("anna")); diff != "" {
		t.Error(diff)
	}
}

func TestAuthenticatorsAreRemoved(t *testing.T) {
	r, ctx := realm(), t.Context()
	r.Enrol("anna", account.Authenticator{ID: "1", Type: "otp"})
	r.Enrol("anna", account.Authenticator{ID: "2", Type: "webauthn"})
	for range 2 {
		if err := r.RemoveAuthenticator(ctx, "anna", "1"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := r.Authenticators(ctx, "anna")
	if diff := cmp.Diff([]account.Authenticator{{ID: "2", Type: "webauthn"}}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if err := r.RemoveAuthenticator(ctx, "staff", "1"); !errors.Is(err, account.ErrExempt) {
		t.Errorf("of staff: %v", err)
	}
}

func TestBreak(t *testing.T) {
	r, ctx, down := realm(), t.Context(), errors.New("down")
	r.Break("Grant", down)
	if err := r.Grant(ctx, "anna"); !errors.Is(err, down) {
		t.Errorf("Grant: %v", err)
	}
	if c, err := r.Clearance(ctx, "anna"); c != account.NotCleared || err != nil {
		t.Errorf("a broken Grant granted, or broke Clearance: %v, %v", c, err)
	}
	r.Break("", down)
	if c, err := r.Clearance(ctx, "anna"); c != account.Unknown || !errors.Is(err, down) {
		t.Errorf("Clearance: %v, %v", c, err)
	}
	r.Break("", nil)
	r.Break("Grant", nil)
	if err := r.Grant(ctx, "anna"); err != nil {
		t.Errorf("mended: %v", err)
	}
	if diff := cmp.Diff([]string{"Grant", "Clearance", "Clearance", "Grant"}, r.Calls()); diff != "" {
		t.Error(diff)
	}
}
