package password_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/schleuse/schleuse/extensions/password"
	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/extension/extensiontest"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/member"
)

// watched is a realm before whose next new password something happens.
type watched struct {
	account.Accounts
	before func()
}

func (w *watched) SetPassword(ctx context.Context, id account.ID, password string) error {
	w.before()
	return w.Accounts.SetPassword(ctx, id, password)
}

// watch is ask with such a realm.
func watch(t *testing.T, before func(*asked)) *asked {
	t.Helper()
	s := extensiontest.NewStage("password")
	s.Members.Put(onFile(member.StatusActive))
	a := &asked{T: t, Stage: s, attempt: s.Attempt()}
	s.Host.Accounts = &watched{s.Realm, func() { before(a) }}
	a.parts = s.Open(t, password.Factory(), "")
	recovers(a.attempt)
	return a
}

// follows delivers what waits, and demands that nobody stays signed in and that
// the owner was told once.
func (a *asked) follows() {
	a.Helper()
	a.Clock.Pass(time.Minute)
	if err := a.Outbox.Flush(a.Context(), a.parts.Run); err != nil {
		a.Error(err)
	}
	if live, sent := a.Realm.Live(extensiontest.Account), a.Notices.Sent(); len(live) != 0 || len(sent) != 1 {
		a.Errorf("%v live on, %d notices", live, len(sent))
	}
}

// The follow-up of an interrupted change comes while a second one is under way,
// which is refused then.
func TestAFollowUpDuringAnotherChangeIsNotLost(t *testing.T) {
	during := func(*asked) {}
	a := watch(t, func(a *asked) { during(a) })
	a.Realm.SignIn(extensiontest.Account)
	a.crash("EndAll")
	a.Clock.Pass(12 * time.Second)
	during = func(a *asked) {
		if err := a.Outbox.Flush(a.Context(), a.parts.Run); err == nil {
			a.Error("followed up while a change is under way")
		}
	}
	a.Realm.Break("SetPassword", &account.PasswordError{Key: "invalidPasswordHistoryMessage"})
	a.post(chosen)
	a.follows()
}

// full is an outbox that takes nothing any more.
type full struct{ extension.Outbox }

func (f full) About(extension.Subject) extension.Outbox { return f }

func (full) Put(context.Context, string, []byte, time.Duration) error {
	return errors.New("no room")
}

// A second change is stored and comes to nothing before it is queued: what the
// first left open is closed by its own follow-up.
func TestAFollowUpKnowsNoChangeByName(t *testing.T) {
	a := ask(t, "", recovers)
	a.Realm.SignIn(extensiontest.Account)
	a.crash("EndAll")
	a.Clock.Pass(12 * time.Second)
	own := a.Host.Outbox
	a.Host.Outbox = full{own}
	second := a.Open(t, password.Factory(), "").Step
	if out, err := second.Resume(t.Context(), a.attempt, typed(chosen)); err == nil {
		t.Fatalf("got %+v", out)
	}
	a.follows()
}

// Whose account was made by a change that was interrupted chooses again at once
// when the password is refused.
func TestARefusalAfterAnAccountWasMadeIsNoWait(t *testing.T) {
	a := ask(t, "", registers)
	a.Realm.Lose("Create")
	if _, err := a.parts.Step.Resume(t.Context(), a.attempt, typed(chosen)); err == nil {
		t.Fatal("no error though the answer was lost")
	}
	a.Clock.Pass(12 * time.Second)
	a.Realm.Break("SetPassword", &account.PasswordError{Key: "invalidPasswordHistoryMessage"})
	if out := a.post(chosen); out.Kind != flow.IsShow || out.View.Problems[0].Key != "problem.used" {
		t.Fatalf("got %+v", out)
	}
	a.Realm.Break("SetPassword", nil)
	if a.recall(a.account(newcomer)).Kind == "" {
		t.Error("whoever signs in with the first password is not remembered")
	}
	if out := a.post("ein anderer Satz"); out.Kind != flow.IsDone || a.Realm.Password(out.Proof.Account) != "ein anderer Satz" {
		t.Errorf("got %+v", out)
	}
}
