package gate

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
	"github.com/schleuse/schleuse/sidecar/member"
)

// Keycloak keeps an authentication under way, and with it whoever has shown a
// secret in it, for as long as its root session is kept alive, and looks at
// nothing again when it goes on: somebody who waits at a demanded action would
// choose the password of an account whose owner has identified themselves
// meanwhile. So the gate remembers when an account has become somebody's, and
// lets nobody go on whose tab was opened before (see shown.go). The root
// session, whose id becomes that of the login, is no measure: it is older than
// the tab, and lives on in the browser of an owner who signs in anew.
const (
	keepChange  = 24 * time.Hour // longer than any tab is known and any login is kept back
	changeTries = 32
	maxMarks    = 8
	// stepTime is how long a step may take that may set a password; what it
	// carries on beyond that takes endTime at most (see flow.Step).
	stepTime = 20 * time.Second
	// changeTime is longer than that, and than Keycloak takes for a call of which
	// nobody awaits the answer any more, see changing.
	changeTime = stepTime + endTime + 15*time.Second
	// anybody is the key under which the changes of all stand, for who waits and
	// cannot be told whose account they wait for. No number is it. The last one
	// stands there up to coarse too late, so that many write it once.
	anybody = "anybody"
	coarse  = 2 * time.Second
)

// change says when an account has become somebody's.
type change struct {
	At    time.Time // by whoever has no mark
	Marks []mark    `json:",omitempty"`
	// Session is the login in which its owner proved that it is theirs; empty
	// where that was none.
	Session account.SID `json:",omitempty"`
	// Given is when it was given back whole: with another password, and with
	// nothing in it that its owner does not know.
	Given time.Time `json:",omitzero"`
}

// mark says that somebody makes the account theirs, or has. It counts for all
// but themselves.
type mark struct {
	By      string    // a tab, or a step of the gate's own
	At      time.Time `json:",omitzero"`
	Until   time.Time `json:",omitzero"`  // it may be theirs at any moment until then
	Shut    bool      `json:",omitempty"` // until then nobody signs in either
	Crossed bool      `json:",omitempty"` // it became somebody else's before Until
}

// last is the moment before which nobody may have begun who waits for the
// account, but who is changing it themselves.
func (c change) last(by string) time.Time {
	at := c.At
	for _, m := range c.Marks {
		if m.By != by {
			at = latest(at, latest(m.At, m.Until))
		}
	}
	return at
}

// lastLogin is the moment before which no login may have begun. A change under
// way by a step refuses none: who is not cleared is held, and the owner may be
// the one who comes again after a crash.
func (c change) lastLogin(by string) time.Time {
	at := c.At
	for _, m := range c.Marks {
		if m.By == by {
			continue
		}
		if at = latest(at, m.At); m.Shut {
			at = latest(at, m.Until)
		}
	}
	return at
}

// marked is the mark of this name, made if there is none. Of too many the
// oldest joins the crowd.
func (c *change) marked(by string) *mark {
	for i := range c.Marks {
		if c.Marks[i].By == by {
			return &c.Marks[i]
		}
	}
	if len(c.Marks) >= maxMarks {
		c.crowd()
	}
	c.Marks = append(c.Marks, mark{By: by})
	return &c.Marks[len(c.Marks)-1]
}

// others is the name of the mark in which the oldest of too many are one. It
// is nobody's own, and nobody ends it but the time.
const others = "others"

// crowd makes room for one mark.
func (c *change) crowd() {
	all := mark{By: others}
	if c.Marks[0].By == others {
		all, c.Marks = c.Marks[0], slices.Delete(c.Marks, 0, 1)
	}
	oldest := c.Marks[0]
	all.At, all.Until = latest(all.At, oldest.At), latest(all.Until, oldest.Until)
	all.Shut, all.Crossed = all.Shut || oldest.Shut, all.Crossed || oldest.Crossed
	c.Marks[0] = all
}

// through says that a change is over, whatever came of it.
func (c *change) through(by string) {
	for i, m := range c.Marks {
		if m.By != by {
			continue
		}
		if c.Marks[i].Until, c.Marks[i].Shut = (time.Time{}), false; m.At.IsZero() {
			c.Marks = slices.Delete(c.Marks, i, i+1)
		}
		return
	}
}

// owned says that the account has become somebody's, by none of the marks.
// What is on its way comes too late.
func (c *change) owned(now time.Time) {
	c.At, c.Session = latest(c.At, now), ""
	c.cross(now)
}

func (c *change) cross(now time.Time) {
	for i, m := range c.Marks {
		c.Marks[i].Crossed = m.Crossed || m.Until.After(now)
	}
}

// crossed reports whether a change by others came across this one.
func (c change) crossed(by string) bool {
	return slices.ContainsFunc(c.Marks, func(m mark) bool { return m.By == by && m.Crossed })
}

// proved records that the account is its owner's, by what they proved in the
// login of this session.
func (h *handler) proved(ctx context.Context, number member.KVNR, sid account.SID) error {
	return h.recordChange(ctx, number, func(c *change) {
		if c.owned(h.Now()); sid == "" {
			c.Given = c.At
		}
		c.Session = sid
	})
}

// changing records, before a step that may set a password is asked, that the
// account may become somebody's at any moment from now: whatever becomes of the
// step, its answer and this program, nobody who waits goes on. done says that
// it is over, and has happened by now.
func (g *Gate) changing(ctx context.Context, number member.KVNR) (done func(context.Context) error, err error) {
	return g.ahead(ctx, number, mark{})
}

// Overtake says that somebody takes the account of this number back otherwise
// than by a login: a new password for it, all its sessions ended. It comes before
// that; from then on nobody goes on who has begun before, and until done, for
// changeTime at the most, nobody signs in. done comes after it: it has happened
// by now. Both may be repeated; after an error of Overtake nothing may be
// changed. A number of "" has no account.
func (g *Gate) Overtake(ctx context.Context, number member.KVNR) (done func(context.Context) error, err error) {
	return g.ahead(ctx, number, mark{Shut: true})
}

func (g *Gate) ahead(ctx context.Context, number member.KVNR, m mark) (done func(context.Context) error, err error) {
	m.By = rand.Text()
	err = g.recordChange(ctx, number, func(c *change) {
		c.cross(g.Now())
		m.Until = g.Now().Add(changeTime)
		*c.marked(m.By) = m
	})
	return func(ctx context.Context) error {
		return g.recordChange(ctx, number, func(c *change) {
			c.through(m.By)
			c.owned(g.Now())
		})
	}, err
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// recordChange edits what is known of this number, and of anybody.
func (g *Gate) recordChange(ctx context.Context, number member.KVNR, edit func(*change)) error {
	if number == "" {
		return nil
	}
	err := g.editChange(ctx, string(number), func(c *change) error { edit(c); return nil })
	if err == nil {
		err = g.editAnybody(ctx, edit)
	}
	if err != nil {
		return fmt.Errorf("recording whose an account is: %w", err)
	}
	return nil
}

func (g *Gate) editAnybody(ctx context.Context, edit func(*change)) error {
	return g.editChange(ctx, anybody, coarsely(g.Now(), edit))
}

// coarsely edits what is known of anybody: nothing is written where that is as
// late already. Whose session it was, and what crossed what, is theirs alone.
func coarsely(now time.Time, edit func(*change)) func(*change) error {
	return func(c *change) error {
		before := change{At: c.At, Marks: slices.Clone(c.Marks)}
		edit(c)
		c.Session, c.Given = "", time.Time{}
		for i := range c.Marks {
			c.Marks[i].Crossed = false
		}
		if slices.Equal(before.Marks, c.Marks) && !c.At.After(before.At) {
			return errNothing
		}
		if c.At.After(before.At) {
			c.At = latest(c.At, now.Add(coarse))
		}
		return nil
	}
}

// errNothing says that an edit need not be written.
var errNothing = errors.New("nothing has changed")

// editChange changes what is known under a key, in one step with what edit
// judges by: its error leaves everything as it was.
func (g *Gate) editChange(ctx context.Context, key string, edit func(*change) error) error {
	err := extension.ErrStale
	for i := 0; i < changeTries && errors.Is(err, extension.ErrStale); i++ {
		raw, version, failed := g.Changes.Get(ctx, key)
		c, failed := readChange(raw, failed)
		if failed != nil {
			return failed
		}
		if failed = edit(&c); failed != nil {
			if errors.Is(failed, errNothing) {
				return nil
			}
			return failed
		}
		if raw, err = json.Marshal(c); err == nil {
			err = g.Changes.Put(ctx, key, version, raw, keepChange)
		}
	}
	return err
}

func (g *Gate) changeOf(ctx context.Context, key string) (change, error) {
	raw, _, err := g.Changes.Get(ctx, key)
	return readChange(raw, err)
}

func readChange(raw json.RawMessage, err error) (c change, _ error) {
	if err == nil && raw != nil {
		err = json.Unmarshal(raw, &c)
	}
	if err != nil {
		return change{}, fmt.Errorf("reading whose an account is: %w", err)
	}
	return c, nil
}

// outlived reports whether a login is held that was begun before the account
// became its owner's, by what was proved in another: its password may be dead
// by now, and who has it need not be the owner. In the browser in which it was
// proved it is the owner's other tab.
func (h *handler) outlived(r *http.Request, rec flow.Record) (bool, error) {
	s, err := decodeHeld(rec.Held)
	if err != nil || rec.Status != flow.Open || rec.Number == "" {
		return false, err
	}
	c, err := h.changeOf(r.Context(), string(rec.Number))
	at, by := s.At, ""
	if s.Unjudged {
		at, by = born(tab{Born: s.Born}), shownKey(s.Tab)
	}
	if err != nil || !at.Before(c.lastLogin(by)) || c.Session == rec.Session {
		return false, err
	}
	ours, err := h.provedHere(r, rec, c.Session)
	return !ours, err
}

// provedHere reports whether this browser holds the attempt of that session, in
// which the account's owner has proved who they are.
func (h *handler) provedHere(r *http.Request, rec flow.Record, sid account.SID) (bool, error) {
	cookies := wire.ReadCookies(r.Header)
	for _, secret := range h.secrets(&cookies, flow.Login, rec.Number) {
		other, err := h.Engine.Attempts.Get(r.Context(), secret.ID())
		switch {
		case errors.Is(err, flow.ErrNoAttempt):
		case err != nil:
			return false, err
		case sid != "" && other.Session == sid && other.Account == rec.Account && len(other.Proofs) > 0 && other.Status >= flow.Proven && other.Status != flow.Failed:
			return true, nil
		}
	}
	return false, nil
}

// lateLogin refuses a new login by a tab that was opened before the account
// became somebody's, whatever stood between: an action of its own, a page that
// asks for consent. What was done to the account in this very tab overtakes
// others alone. A tab that the gate did not see being opened may be older than
// what is remembered here: it signs in with a secret that is shown now, or not
// at all.
func (h *handler) lateLogin(ctx context.Context, x *exchange, id wire.Identity, who member.KVNR) (refusal string, err error) {
	renewed, err := h.renews(ctx, x, id)
	if err != nil || renewed && x.route == wire.Auth || who == "" {
		return "", err
	}
	if !renewed && h.ageless(x) {
		return whyOvertaken, nil
	}
	c, err := h.changeOf(ctx, string(who))
	if err != nil || renewed && c.Session == id.Session || !born(x.tab).Before(c.lastLogin(shownKey(x.tab.Key))) {
		return "", err
	}
	return whyOvertaken, nil
}

// ageless reports whether nobody knows how old a login is that shows no secret
// now.
func (h *handler) ageless(x *exchange) bool {
	return x.tab.Born == 0 && x.route != wire.Auth && !h.showsSecret(x)
}

// showsSecret reports whether a login comes of a form that names somebody anew.
func (h *handler) showsSecret(x *exchange) bool {
	return x.route == wire.Authenticate && (x.shown.Get("password") != "" || x.shown.Get("authenticatorData") != "")
}

// born is when the gate saw Keycloak open the tab; the zero time: it did not.
func born(t tab) time.Time {
	if t.Born == 0 {
		return time.Time{}
	}
	return time.UnixMilli(t.Born)
}
