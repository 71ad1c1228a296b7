package extensiontest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/notify"
)

// Outbox is an extension.Outbox in memory. Nothing is delivered before a test
// says so. It is safe for concurrent use.
type Outbox struct {
	*queue
	about extension.Subject
}

// queue is what the Outbox of every subject shares.
type queue struct {
	now func() time.Time

	mu     sync.Mutex
	waits  []queued
	known  map[string]bool
	broken error

	flushed chan<- error // told when everything was handed over once
}

type queued struct {
	extension.Message
	about extension.Subject
	until time.Time
}

// NewOutbox returns an empty outbox.
func NewOutbox(now func() time.Time) *Outbox {
	return &Outbox{queue: &queue{now: now, known: map[string]bool{}}}
}

// About implements extension.Outbox.
func (o *Outbox) About(s extension.Subject) extension.Outbox { return &Outbox{o.queue, s} }

// Subjects returns whom the messages that wait are about, in their order.
func (o *Outbox) Subjects() []extension.Subject {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []extension.Subject
	for _, q := range o.waits {
		out = append(out, q.about)
	}
	return out
}

// Break makes Put return err and queue nothing; nil mends it.
func (o *Outbox) Break(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.broken = err
}

// Put implements extension.Outbox.
func (o *Outbox) Put(ctx context.Context, key string, body []byte, keep time.Duration) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case o.broken != nil:
		return o.broken
	case o.known[key]:
		return nil
	case key == "" || keep <= 0 || len(body) > 64<<10:
		return errors.New("a message without a key or a time, or over 64 KiB")
	}
	o.known[key] = true
	o.waits = append(o.waits, queued{extension.Message{Key: key, Body: slices.Clone(body)}, o.about, o.now().Add(keep)})
	return nil
}

// Deliver implements extension.Outbox: everything that waits is handed to do
// once, then it waits for the end.
func (o *Outbox) Deliver(ctx context.Context, do func(context.Context, extension.Message) error) error {
	o.mu.Lock()
	waiting, flushed := o.waits, o.flushed
	o.waits, o.flushed = nil, nil
	o.mu.Unlock()
	var errs []error
	for _, q := range waiting {
		q.Attempt++
		err := do(ctx, q.Message)
		errs = append(errs, err)
		if err != nil && !errors.Is(err, extension.ErrUndeliverable) && o.now().Before(q.until) {
			o.mu.Lock()
			o.waits = append(o.waits, q)
			o.mu.Unlock()
		}
	}
	if flushed != nil {
		flushed <- errors.Join(errs...)
	}
	<-ctx.Done()
	return nil
}

// Flush lets an extension's Run deliver everything that waits, once. What is
// answered with an error waits on. It returns these errors, joined.
func (o *Outbox) Flush(ctx context.Context, run func(context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	flushed, ended := make(chan error, 1), make(chan error, 1)
	o.mu.Lock()
	o.flushed = flushed
	o.mu.Unlock()
	go func() { ended <- run(ctx) }()
	select {
	case err := <-flushed:
		stop()
		return errors.Join(err, <-ended)
	case err := <-ended:
		return errors.Join(err, errors.New("the extension delivers nothing"))
	}
}

// Queued returns what waits.
func (o *Outbox) Queued() []extension.Message {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []extension.Message
	for _, q := range o.waits {
		out = append(out, q.Message)
	}
	return out
}

// Notices is a notify.Sender that keeps what it is given. It is safe for
// concurrent use.
type Notices struct {
	mu     sync.Mutex
	sent   []notify.Notice
	broken error
}

// Break makes Send return err and keep nothing; nil mends it.
func (n *Notices) Break(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.broken = err
}

// Send implements notify.Sender.
func (n *Notices) Send(ctx context.Context, notice notify.Notice) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := errors.Join(ctx.Err(), n.broken); err != nil {
		return err
	}
	same := func(s notify.Notice) bool { return s.ID == notice.ID && s.Kind == notice.Kind }
	if !slices.ContainsFunc(n.sent, same) {
		n.sent = append(n.sent, notice)
	}
	return nil
}

// Sent returns the notices in the order in which they were sent.
func (n *Notices) Sent() []notify.Notice {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.sent)
}
