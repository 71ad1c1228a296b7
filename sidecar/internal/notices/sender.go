package notices

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/notify"
)

// keep is how long a notice is tried. Later it would alarm more than it helps.
const keep = 7 * 24 * time.Hour

// maxID is the longest ID of a notice, see notify.Notice.
const maxID = 128

// Channel is one way to people.
type Channel struct {
	Name     string // as the configuration calls it, for errors
	Notifier notify.Notifier
	Outbox   extension.Outbox // of this channel alone
}

// Sender sends every notice over every channel. It implements notify.Sender.
type Sender struct {
	Channels []Channel
}

// Send implements notify.Sender. After an error some channels may have the
// notice already; sending it again does not give it to them twice.
func (s *Sender) Send(ctx context.Context, n notify.Notice) error {
	if n.Kind == "" || n.ID == "" || len(n.ID) > maxID || n.Number == "" {
		return errors.New("a notice without kind, number or id, or with an id over 128 characters")
	}
	body, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("encoding a notice: %w", err)
	}
	about := extension.Subject{Number: n.Number, Account: n.Account}
	for _, c := range s.Channels {
		if err := c.Outbox.About(about).Put(ctx, string(n.Kind)+"/"+n.ID, body, keep); err != nil {
			return fmt.Errorf("queueing a notice for %s: %w", c.Name, err)
		}
	}
	return nil
}

// Run delivers until ctx ends, the channels beside one another, so that a mail
// server that hangs delays no letter.
func (s *Sender) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	errs := make([]error, len(s.Channels))
	var running sync.WaitGroup
	for i, c := range s.Channels {
		running.Go(func() {
			if errs[i] = c.Outbox.Deliver(ctx, c.deliver); errs[i] != nil {
				stop()
			}
		})
	}
	running.Wait()
	return errors.Join(errs...)
}

func (c Channel) deliver(ctx context.Context, m extension.Message) error {
	var n notify.Notice
	if err := json.Unmarshal(m.Body, &n); err != nil {
		// Its text may quote the notice.
		return fmt.Errorf("%w: no notice", extension.ErrUndeliverable)
	}
	return c.Notifier.Notify(ctx, n)
}
