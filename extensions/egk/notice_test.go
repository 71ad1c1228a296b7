package egk_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/extension/extensiontest"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/notify"
)

func TestWhoeverIsLockedIsTold(t *testing.T) {
	s := begin(t, "")
	first, second := s.Attempt(), s.Attempt()
	second.ID = flow.Secret{2}.ID()
	s.says(first, "0001")
	s.says(first, "0002")
	if got := s.Notices.Sent(); len(got) != 0 {
		t.Errorf("told before the lock: %+v", got)
	}
	s.expect(s.says(first, "0003"), "denied.locked")
	s.Clock.Pass(time.Minute)
	s.says(first, "0004")
	s.begins(first)
	s.Clock.Pass(24 * time.Hour)
	s.says(second, "0005")
	s.expect(s.says(second, "0006"), "denied.used_up")
	notice := func(a *flow.Attempt, at time.Time) notify.Notice {
		return notify.Notice{
			Kind: notify.CardLocked, ID: "card/" + string(a.ID), Number: extensiontest.Number, Account: extensiontest.Account, At: at,
		}
	}
	now := s.Clock.Now()
	want := []notify.Notice{notice(first, now.Add(-24*time.Hour-time.Minute)), notice(second, now)}
	if diff := cmp.Diff(want, s.Notices.Sent()); diff != "" {
		t.Errorf("notices (-want +got):\n%s", diff)
	}
	for _, n := range s.Notices.Sent() {
		if err := n.Validate(); err != nil {
			t.Error(err)
		}
	}
}

func TestALockOfWhichNobodyCanBeToldHolds(t *testing.T) {
	s := begin(t, "tries: 1")
	s.Notices.Break(errors.New("down"))
	if out, err := s.step.Resume(t.Context(), s.Attempt(), extensiontest.Post("digits", "0001")); err == nil {
		t.Errorf("%+v", out)
	}
	s.Clock.Pass(time.Minute)
	s.expect(s.begins(s.Attempt()), "denied.locked")
}
