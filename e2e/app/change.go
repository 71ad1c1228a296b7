package app

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"time"

	"github.com/schleuse/schleuse/e2e/webcenter"
	"github.com/schleuse/schleuse/sidecar/client"
)

// action is what Schleuse's configuration calls a change of address.
const action = "adresse"

type address struct {
	Street   string `json:"street"`
	Postcode string `json:"postcode"`
	Town     string `json:"town"`
}

func (a address) String() string { return a.Street + ", " + a.Postcode + " " + a.Town }

// order is a change as it is executed. Its JSON is what the person approves.
type order struct {
	Version int     `json:"v"`
	Action  string  `json:"action"`
	Subject string  `json:"sub"`
	Address address `json:"address"`
}

// change is an order that a person wants, and what became of it. What it is
// about never changes.
type change struct {
	ID, Subject string
	Content     []byte // what is approved and executed
	New         address
	Begun       time.Time

	State    state
	Approval client.Approval
	ended    chan struct{} // closed when the state does not change any more
}

// state is where a change stands.
type state string

const (
	waiting   state = "waiting"
	done      state = "done"
	denied    state = "denied"
	expired   state = "expired"
	cancelled state = "cancelled"
	failed    state = "failed" // approved, but not executed
)

// Bounds.
const (
	askTime     = 8 * time.Second
	redeemTime  = time.Minute
	lateness    = 5 * time.Minute // after a question's end: approved at its last moment, it may still be redeemed
	changeLife  = time.Hour
	changeLimit = 200
	recordLimit = 1000
)

var errFull = errors.New("too many changes at once")

// begin asks the person. The origin says that they asked on their phone: there
// no match code is wanted then.
func (b *backend) begin(ctx context.Context, subject string, next address, origin string) (*change, error) {
	content, err := json.Marshal(order{Version: 1, Action: action, Subject: subject, Address: next})
	if err != nil {
		return nil, err
	}
	c := &change{
		ID: rand.Text(), Subject: subject, Content: content, New: next, Begun: b.Now(), State: waiting, ended: make(chan struct{}),
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	c.Approval, err = b.Approvals.Ask(ctx, client.Question{
		Subject: client.Subject{Sub: subject}, Action: action, Content: client.HashOf(content), Session: "app." + subject, Origin: origin, Key: c.ID,
		Fields: map[string]string{"alt": b.record(subject).String(), "neu": next.String()},
	})
	if err != nil {
		return nil, err
	}
	if err := b.keep(c); err != nil {
		return nil, err
	}
	go b.follow(c)
	return c, nil
}

func (b *backend) keep(c *change) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, old := range b.changes {
		if b.Now().Sub(old.Begun) > changeLife {
			delete(b.changes, id)
		}
	}
	if len(b.changes) >= changeLimit {
		return errFull
	}
	b.changes[c.ID] = c
	return nil
}

// follow waits for the answer and executes what was approved, whether or not
// the app is still there.
func (b *backend) follow(c *change) {
	ctx, cancel := context.WithTimeout(context.Background(), c.Approval.Expires.Sub(c.Approval.Created)+lateness)
	defer cancel()
	got, err := b.Approvals.Wait(ctx, c.Approval.ID)
	switch {
	case err != nil || got.State == client.Expired:
		b.end(c, expired)
	case got.State == client.Denied:
		b.end(c, denied)
	case got.State == client.Cancelled:
		b.end(c, cancelled)
	case got.State == client.Approved:
		b.end(c, b.redeem(ctx, c))
	default: // used up by somebody else: nothing is executed
		b.end(c, failed)
	}
}

func (b *backend) end(c *change, as state) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c.State = as
	close(c.ended)
}

// redeem uses the approval up for exactly the bytes that it then executes.
func (b *backend) redeem(ctx context.Context, c *change) state {
	ctx, cancel := context.WithTimeout(ctx, redeemTime)
	defer cancel()
	hash := client.HashOf(c.Content)
	receipt, err := b.Approvals.Redeem(ctx, client.Expected{ID: c.Approval.ID, Action: action, Content: hash})
	if err != nil {
		return failed
	}
	entry := webcenter.Entry{
		Time: b.Now(), Number: c.Subject, Action: action, Content: hash, Approval: receipt.ID, Verified: true, Receipt: receipt.JWS,
	}
	if err := b.execute(c.Content, entry); err != nil {
		return failed
	}
	return done
}

// execute does what the bytes say. What is not in the journal is not executed.
func (b *backend) execute(content []byte, entry webcenter.Entry) error {
	var o order
	if err := json.Unmarshal(content, &o); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, known := b.records[o.Subject]; !known && len(b.records) >= recordLimit {
		return errFull
	}
	if b.Journal != "" {
		if err := entry.Write(b.Journal); err != nil {
			return err
		}
	}
	b.records[o.Subject] = o.Address
	return nil
}

// record is the address on file.
func (b *backend) record(subject string) address {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a, known := b.records[subject]; known {
		return a
	}
	return address{Street: "Alte Straße 1", Postcode: "10115", Town: "Berlin"}
}
