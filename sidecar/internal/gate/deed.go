package gate

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
	"github.com/schleuse/schleuse/sidecar/member"
)

// A demanded action is Keycloak's to carry out, and what follows from it is the
// gate's: others who wait are overtaken, and what came too late is taken back.
// So that it follows whatever becomes of this program, of Keycloak's answer and
// of its Admin API, it is queued before the action is sent on.
const (
	// deedTime is how long an action may be on its way: the call, and what is
	// done when its answer is there.
	deedTime = upstreamTime + 2*endTime
	keepDeed = keepChange
)

var (
	errOvertaken = errors.New("somebody else is changing the account, or has")
	errOnItsWay  = errors.New("the action is still on its way")
)

// deed is a demanded action on its way.
type deed struct {
	ID      string
	Tab     string
	Client  string
	Numbers []member.KVNR `json:",omitempty"` // whose account it may change
	Sent    time.Time
	Link    bool          `json:",omitempty"` // it links the account of a foreign issuer
	Undo    []member.KVNR `json:",omitempty"` // whose account it must not have changed
}

func (d deed) key() string { return "deed/" + d.ID }

// by is who changes the account: whoever sits at this tab.
func (d deed) by() string { return shownKey(d.Tab) }

func (d deed) about() extension.Subject {
	if len(d.Numbers) == 0 {
		return extension.Subject{}
	}
	return extension.Subject{Number: d.Numbers[0]}
}

// begin notes and queues an action before it is sent on. Of two people who
// wait for one account it lets one act at a time: errOvertaken.
func (h *handler) begin(ctx context.Context, x *exchange, who waiting) (deed, error) {
	d := deed{
		ID: rand.Text(), Tab: x.tab.Key, Client: x.client, Numbers: who.proved, Sent: h.Now(),
		Link: x.route == wire.AfterFirstBroker,
	}
	var err error
	for _, number := range d.Numbers {
		err = errors.Join(err, h.claim(ctx, number, who, func(m *mark) { m.Until = latest(m.Until, d.Sent.Add(deedTime)) }))
	}
	if err == nil {
		err = h.putDeed(ctx, d)
	}
	if err == nil {
		err = h.Deeds.About(d.about()).Put(ctx, d.key(), []byte("{}"), keepDeed)
	}
	if err != nil {
		return d, errors.Join(err, h.dismiss(ctx, d))
	}
	return d, nil
}

// claim marks the account of a number for who waits in a tab, or finds that
// others have overtaken them: both in one step, so that of two who come at once
// one finds the other's mark.
func (g *Gate) claim(ctx context.Context, number member.KVNR, who waiting, set func(*mark)) error {
	return g.editChange(ctx, string(number), func(c *change) error {
		if who.since.Before(c.last(who.tab)) {
			return errOvertaken
		}
		set(c.marked(who.tab))
		return nil
	})
}

// dismiss forgets an action that has changed nothing.
func (g *Gate) dismiss(ctx context.Context, d deed) error {
	return errors.Join(g.dropDeed(ctx, d), g.unclaim(ctx, d, nil))
}

// unclaim takes the note ahead from those whose account was not changed.
func (g *Gate) unclaim(ctx context.Context, d deed, changed []member.KVNR) error {
	var err error
	for _, number := range d.Numbers {
		if !slices.Contains(changed, number) {
			err = errors.Join(err, g.editChange(ctx, string(number), func(c *change) error { c.through(d.by()); return nil }))
		}
	}
	return err
}

// carriedOut records an action: from now on the account is that of who has
// acted. A crash in between leaves the note ahead. errOvertaken: it was
// another's before.
func (h *handler) carriedOut(ctx context.Context, x *exchange, whose []member.KVNR) error {
	for _, number := range whose {
		if err := h.claim(ctx, number, *x.waits, func(m *mark) { m.At, m.Until = h.Now(), time.Time{} }); err != nil {
			return err
		}
		if err := h.editAnybody(ctx, func(c *change) { c.owned(h.Now()) }); err != nil {
			return err
		}
	}
	return errors.Join(h.unclaim(ctx, x.deed, whose), h.dropDeed(ctx, x.deed))
}

// recordDeed records, late, an action of which it is not known what came of it.
func (g *Gate) recordDeed(ctx context.Context, d deed) error {
	for _, number := range d.Numbers {
		err := g.editChange(ctx, string(number), func(c *change) error {
			m := c.marked(d.by())
			m.At = latest(m.At, d.Sent)
			return nil
		})
		if err == nil {
			err = g.editAnybody(ctx, func(c *change) { c.owned(d.Sent) })
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// follow does what follows from an action if that was not done on the spot:
// nobody knows what Keycloak made of it.
func (g *Gate) follow(ctx context.Context, m extension.Message) error {
	d, version, err := g.deedOf(ctx, m.Key)
	switch {
	case err != nil:
		return err
	case version == 0:
		return nil
	case g.Now().Before(d.Sent.Add(deedTime)):
		return errOnItsWay
	}
	if len(d.Undo) == 0 {
		if d.Undo, err = g.crossed(ctx, d); err != nil {
			return err
		}
	}
	if len(d.Undo) == 0 {
		if err := g.recordDeed(ctx, d); err != nil {
			return err
		}
		return g.dropDeed(ctx, d)
	}
	if err := g.takeBack(ctx, d); err != nil {
		g.Metrics.alarm("late_action")
		return err
	}
	return g.dropDeed(ctx, d)
}

// crossed are those whose account became somebody else's while the action was
// on its way.
func (g *Gate) crossed(ctx context.Context, d deed) (numbers []member.KVNR, err error) {
	for _, number := range d.Numbers {
		c, err := g.changeOf(ctx, string(number))
		if err != nil {
			return nil, err
		}
		if c.crossed(d.by()) {
			numbers = append(numbers, number)
		}
	}
	return numbers, nil
}

func (g *Gate) deedOf(ctx context.Context, key string) (d deed, version int64, err error) {
	raw, version, err := g.Changes.Get(ctx, key)
	if err == nil && raw != nil {
		err = json.Unmarshal(raw, &d)
	}
	if err != nil {
		return deed{}, 0, fmt.Errorf("reading a demanded action: %w", err)
	}
	return d, version, nil
}

func (g *Gate) putDeed(ctx context.Context, d deed) error {
	raw, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return g.replaceDeed(ctx, d, raw)
}

func (g *Gate) dropDeed(ctx context.Context, d deed) error { return g.replaceDeed(ctx, d, nil) }

func (g *Gate) replaceDeed(ctx context.Context, d deed, raw json.RawMessage) error {
	err := extension.ErrStale
	for i := 0; i < changeTries && errors.Is(err, extension.ErrStale); i++ {
		var version int64
		if _, version, err = g.Changes.Get(ctx, d.key()); err != nil || version == 0 && raw == nil {
			break
		}
		err = g.Changes.About(d.about()).Put(ctx, d.key(), version, raw, keepDeed)
	}
	if err != nil {
		return fmt.Errorf("recording a demanded action: %w", err)
	}
	return nil
}
