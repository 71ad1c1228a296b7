package webcenter

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/schleuse/schleuse/sidecar/client"
)

// Approvals is what the app needs of the Approvals API; *client.Client is one.
type Approvals interface {
	Ask(context.Context, client.Question) (client.Approval, error)
	Wait(ctx context.Context, id string) (client.Approval, error)
	Cancel(ctx context.Context, id string) (client.Approval, error)
	Redeem(context.Context, client.Expected) (client.Receipt, error)
}

// Bounds of calls.
const (
	askTime    = 6 * time.Second // a person looks at a white page meanwhile
	redeemTime = time.Minute
	lateness   = 5 * time.Minute // after a question's end: approved at its last moment, it may still be redeemed
)

// ask asks the person on their phone, and follows what becomes of it.
func (a *app) ask(ctx context.Context, id string) {
	e, ok := a.copyOf(id)
	if !ok {
		return
	}
	got, err := a.question(ctx, e)
	if err != nil {
		a.move(id, asking, func(e *errand) { e.State, e.Until = a.refused(err) })
		return
	}
	moved := a.move(id, asking, func(e *errand) { e.State, e.Approval = waiting, got })
	if moved {
		go a.follow(context.WithoutCancel(ctx), id, got)
	}
}

func (a *app) copyOf(id string) (errand, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.errands[id]
	if e == nil {
		return errand{}, false
	}
	return *e, true
}

func (a *app) question(ctx context.Context, e errand) (client.Approval, error) {
	if a.Approvals == nil {
		return client.Approval{}, errors.New("this app may not ask anybody")
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	session := client.HashOf([]byte(e.Session)).String() // the cookie itself is nobody else's business
	return a.Approvals.Ask(ctx, client.Question{
		Subject: client.Subject{KVNR: e.Number}, Action: e.Action, Fields: e.Fields,
		Content: client.HashOf(e.Content), Session: session, Key: e.ID,
	})
}

// refused says where an errand stands whose question was not asked.
func (a *app) refused(err error) (state, time.Time) {
	var p *client.Problem
	if !errors.As(err, &p) {
		return down, time.Time{}
	}
	switch p.Name {
	case client.Nobody:
		return nobody, time.Time{}
	case client.AlreadyOpen:
		return elsewhere, time.Time{}
	case client.Paused, client.TooMany:
		return paused, a.Now().Add(p.Retry)
	default:
		return down, time.Time{}
	}
}

// follow waits for the person's answer and executes what they approved. It
// needs no browser: whoever closes the page has their change all the same.
func (a *app) follow(ctx context.Context, id string, asked client.Approval) {
	ctx, cancel := context.WithDeadline(ctx, time.Now().Add(asked.Expires.Sub(asked.Created)+lateness))
	defer cancel()
	got, err := a.Approvals.Wait(ctx, asked.ID)
	switch {
	case err != nil || got.State == client.Expired:
		a.end(id, waiting, expired)
	case got.State == client.Denied:
		a.end(id, waiting, denied)
	case got.State == client.Cancelled:
		a.end(id, waiting, cancelled)
	case got.State == client.Approved && a.move(id, waiting, func(e *errand) { e.State = executing }):
		a.end(id, executing, a.redeem(ctx, id))
	default: // used up by somebody else: nothing is executed
		a.end(id, waiting, failed)
	}
}

func (a *app) end(id string, from, to state) {
	a.move(id, from, func(e *errand) { e.State = to })
}

// redeem uses the approval up for exactly the bytes that it then executes.
func (a *app) redeem(ctx context.Context, id string) state {
	e, ok := a.copyOf(id)
	if !ok {
		return failed
	}
	ctx, cancel := context.WithTimeout(ctx, redeemTime)
	defer cancel()
	hash := client.HashOf(e.Content)
	receipt, err := a.Approvals.Redeem(ctx, client.Expected{ID: e.Approval.ID, Action: e.Action, Content: hash})
	if err != nil {
		return ending(err)
	}
	entry := Entry{
		Time: a.Now(), Number: e.Number, Action: e.Action, Content: hash,
		Approval: receipt.ID, Verified: true, Receipt: receipt.JWS,
	}
	if err := a.execute(e.Content, entry); err != nil {
		return failed
	}
	return done
}

// ending says how an approval ended that could not be redeemed.
func ending(err error) state {
	var p *client.Problem
	if errors.As(err, &p) && p.Name == client.Over {
		switch p.State {
		case client.Denied:
			return denied
		case client.Expired:
			return expired
		case client.Cancelled:
			return cancelled
		}
	}
	return failed
}

// execute does what the bytes say. What is not in the journal is not executed.
func (a *app) execute(content []byte, entry Entry) error {
	var o order
	if err := json.Unmarshal(content, &o); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	r := a.records[o.Number]
	if r == nil {
		if len(a.records) >= recordLimit {
			return errFull
		}
		r = newRecord()
	}
	if a.Journal != "" {
		if err := entry.Write(a.Journal); err != nil {
			return err
		}
	}
	o.applyTo(r, entry.Time)
	a.records[o.Number] = r
	return nil
}

// newRecord is what the insurer has of everybody in the beginning.
func newRecord() *record {
	return &record{Address: address{Street: "Alte Straße 1", Postcode: "10115", Town: "Berlin"}}
}
