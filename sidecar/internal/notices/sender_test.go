package notices_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/extension/extensiontest"
	"github.com/schleuse/schleuse/sidecar/internal/notices"
	"github.com/schleuse/schleuse/sidecar/internal/store/storetest"
	"github.com/schleuse/schleuse/sidecar/notify"
)

var notice = notify.Notice{
	Kind: notify.PasswordChanged, ID: "recovery/1", Number: "A123456780", Account: "account-1",
	At: time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC),
}

func now() time.Time { return notice.At }

// people is a notify.Notifier that keeps what it is given.
type people struct {
	mu   sync.Mutex
	got  []notify.Notice
	err  error
	told chan struct{}
}

func (p *people) Notify(_ context.Context, n notify.Notice) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer func() { p.told <- struct{}{} }()
	if p.err != nil {
		return p.err
	}
	p.got = append(p.got, n)
	return nil
}

// run lets the sender deliver until every one of the channels was told n times.
func run(t *testing.T, s *notices.Sender, n int, channels ...*people) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	for _, p := range channels {
		for range n {
			select {
			case <-p.told:
			case <-time.After(20 * time.Second):
				t.Fatal("a channel gets less than was sent")
			}
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestEveryChannelGetsEachNoticeOnce(t *testing.T) {
	st := storetest.Open(t, now)
	mail, letter := &people{told: make(chan struct{})}, &people{told: make(chan struct{})}
	s := &notices.Sender{Channels: []notices.Channel{
		{Name: "mail", Notifier: mail, Outbox: st.Outbox("notices/mail")},
		{Name: "letter", Notifier: letter, Outbox: st.Outbox("notices/letter")},
	}}
	other := notice
	other.Kind = notify.AccountCreated
	for _, n := range []notify.Notice{notice, other, notice} {
		if err := s.Send(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	run(t, s, 2, mail, letter)
	if err := s.Send(t.Context(), notice); err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]*people{"mail": mail, "letter": letter} {
		byKind := func(a, b notify.Notice) int { return -len(a.Kind) + len(b.Kind) }
		if diff := cmp.Diff([]notify.Notice{notice, other}, slices.SortedFunc(slices.Values(p.got), byKind)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if queues, err := st.Queues(t.Context()); err != nil || len(queues) > 0 {
		t.Errorf("after a repetition there waits %+v, %v", queues, err)
	}
}

func TestAChannelThatIsDownDelaysNoOther(t *testing.T) {
	st := storetest.Open(t, now)
	mail, letter := &people{told: make(chan struct{}), err: errors.New("down")}, &people{told: make(chan struct{})}
	s := &notices.Sender{Channels: []notices.Channel{
		{Name: "mail", Notifier: mail, Outbox: st.Outbox("notices/mail")},
		{Name: "letter", Notifier: letter, Outbox: st.Outbox("notices/letter")},
	}}
	if err := s.Send(t.Context(), notice); err != nil {
		t.Fatal(err)
	}
	run(t, s, 1, mail, letter)
	queues, err := st.Queues(t.Context())
	if err != nil || len(queues) != 1 || queues[0].Extension != "notices/mail" || len(letter.got) != 1 {
		t.Errorf("%+v waits, %v; letters %+v", queues, err, letter.got)
	}
}

func TestWhoseANoticeIs(t *testing.T) {
	box := extensiontest.NewOutbox(now)
	s := &notices.Sender{Channels: []notices.Channel{{Name: "mail", Outbox: box}}}
	if err := s.Send(t.Context(), notice); err != nil {
		t.Fatal(err)
	}
	want := []extension.Subject{{Number: notice.Number, Account: notice.Account}}
	if diff := cmp.Diff(want, box.Subjects()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestANoticeIsDurableBeforeSendReturns(t *testing.T) {
	down := errors.New("no database")
	box := extensiontest.NewOutbox(now)
	box.Break(down)
	s := &notices.Sender{Channels: []notices.Channel{{Name: "mail", Outbox: box}}}
	if err := s.Send(t.Context(), notice); !errors.Is(err, down) {
		t.Errorf("Send: %v", err)
	}
	for name, n := range map[string]notify.Notice{
		"no kind":   {ID: "1", Number: notice.Number},
		"no id":     {Kind: notice.Kind, Number: notice.Number},
		"no number": {Kind: notice.Kind, ID: "1"},
		"long id":   {Kind: notice.Kind, ID: string(make([]byte, 129)), Number: notice.Number},
	} {
		if s.Send(t.Context(), n) == nil {
			t.Errorf("%s: sent", name)
		}
	}
	if err := new(notices.Sender).Send(t.Context(), notice); err != nil {
		t.Errorf("without channels: %v", err)
	}
}

func TestWhatIsNoNoticeIsGivenUp(t *testing.T) {
	box := extensiontest.NewOutbox(now)
	if err := box.Put(t.Context(), "k", []byte(`{"Number":"A123456780"`), time.Hour); err != nil {
		t.Fatal(err)
	}
	s := &notices.Sender{Channels: []notices.Channel{{Name: "mail", Outbox: box}}}
	if err := box.Flush(t.Context(), s.Run); !errors.Is(err, extension.ErrUndeliverable) || len(box.Queued()) > 0 {
		t.Errorf("%v, %d wait", err, len(box.Queued()))
	}
}
