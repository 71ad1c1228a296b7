package approval_test

import (
	"context"
	"errors"
	"testing"

	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/approval/approvaltest"
	"github.com/schleuse/schleuse/sidecar/device"
)

// said records what is done about "das war ich nicht".
type said struct {
	about []string
	then  error
	while func()
}

func (s *said) notMe(_ context.Context, _ device.ID, id string) error {
	s.about = append(s.about, id)
	if s.while != nil {
		s.while()
	}
	return s.then
}

// A process that dies after the denial must not have forgotten what follows.
func TestWhatNotMeDemandsIsDoneBeforeTheDenialIsStored(t *testing.T) {
	w := newWorld(t)
	s := &said{}
	w.NotMe = s.notMe
	a := w.ask("k")
	raw := approvaltest.No(w.Phone, w.open(a), approval.NotMe)
	s.while = func() {
		if got := w.state(a); got != approval.Pending {
			t.Errorf("%s already", got)
		}
		w.Memory.Break(errors.New("the process dies"))
	}
	if _, err := w.answer(a, raw); err == nil {
		t.Error("no error")
	}
	w.Memory.Break(nil)
	s.while = nil
	w.must2(w.answer(a, raw))
	if w.state(a) != approval.Denied || len(s.about) != 2 || s.about[0] != string(a.ID) {
		t.Errorf("%s, %v", w.state(a), s.about)
	}
}

// A denial waits for nothing, and the phone learns that it has to come again.
func TestNotMeIsDeniedAlsoWhenTheRestFails(t *testing.T) {
	w := newWorld(t)
	s := &said{then: errors.New("later")}
	w.NotMe = s.notMe
	a := w.ask("k")
	raw := approvaltest.No(w.Phone, w.open(a), approval.NotMe)
	_, err := w.answer(a, raw)
	w.want(err, s.then)
	if got := w.state(a); got != approval.Denied {
		t.Error(got)
	}
	s.then = nil
	w.must2(w.answer(a, raw))
	if len(s.about) != 2 {
		t.Errorf("%d times", len(s.about))
	}
}

func TestOnlyNotMeDemandsMore(t *testing.T) {
	w := newWorld(t)
	s := &said{}
	w.NotMe = s.notMe
	for i, reason := range []string{"", approval.ByPerson, "not_me_at_all"} {
		a := w.ask(string(rune('a' + i)))
		w.must2(w.answer(a, approvaltest.No(w.Phone, w.open(a), reason)))
		w.Pass(approval.MaxLifetime)
	}
	if len(s.about) != 0 {
		t.Error(s.about)
	}
}
