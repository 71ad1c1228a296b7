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
// secret in it, for as long as accessCodeLifespanLogin says, and looks at
// nothing again when it goes on: somebody who waits at a demanded action would
// choose the password of an account whose owner has identified themselves
// meanwhile. So the gate remembers when an account has become somebody's, and
// lets nobody go on who has shown their secret before (see shown.go).
const (
	keepChange  = 24 * time.Hour // longer than any authentication and any login is kept back
	changeTries = 32
	maxCrossed  = 8
	// stepTime is how long a step may take that may set a password; what it
	// carries on beyond that takes endTime at most (see flow.Step).
	stepTime = 20 * time.Second
	// changeTime is longer than that, and than Keycloak takes for a call of which
	// nobody awaits the answer any more, see changing.
	changeTime = stepTime + endTime + 15*time.Second
	// anybody is the key under which the last change of all stands, for who
	// waits and cannot be told whose account they wait for. No number is it.
	anybody = "anybody"
)

// change says when an account has become somebody's.
type change struct {
	At time.Time
	// Until is in the future while By changes the account: it may be theirs at
	// any moment until then.
	Until time.Time `json:",omitzero"`
	By    string    `json:",omitempty"`
	// Crossed are those who were changing the account when it became somebody
	// else's.
	Crossed []string `json:",omitempty"`
	// Session is the login in which its owner proved that it is theirs; empty
	// where that was none.
	Session account.SID `json:",omitempty"`
	// Given is when it was given back whole: with another password, and with
	// nothing in it that its owner does not know.
	Given time.Time `json:",omitzero"`
}

// last is the moment before which nobody may have begun who waits for the
// account, but who is changing it themselves.
func (c change) last(by string) time.Time {
	if by == c.By {
		return c.At
	}
	return latest(c.At, c.Until)
}

// crossed reports whether a change by others came across this one.
func (c change) crossed(by string) bool { return slices.Contains(c.Crossed, by) }

// through says that a change is over.
func (c *change) through(by string) {
	if c.By == by {
		c.By, c.Until = "", time.Time{}
	}
}

// cross notes whom a change by others comes across.
func (c *change) cross(now time.Time) {
	if c.By != "" && c.Until.After(now) && !slices.Contains(c.Crossed, c.By) {
		c.Crossed = append(c.Crossed, c.By)
		c.Crossed = c.Crossed[max(0, len(c.Crossed)-maxCrossed):]
	}
}

// proved records that the account is its owner's, by what they proved in the
// login of this session.
func (h *handler) proved(ctx context.Context, number member.KVNR, sid account.SID) error {
	return h.recordChange(ctx, number, func(c *change) {
		c.cross(h.Now())
		if c.At, c.Session = latest(c.At, h.Now()), sid; sid == "" {
			c.Given = c.At
		}
	})
}

// changing records, before a step that may set a password is asked, that the
// account may become somebody's at any moment from now: whatever becomes of the
// step, its answer and this program, nobody who waits goes on. done says that
// it is over, and has happened by now.
func (h *handler) changing(ctx context.Context, number member.KVNR) (done func(context.Context) error, err error) {
	by := rand.Text()
	err = h.recordChange(ctx, number, func(c *change) {
		c.cross(h.Now())
		c.By, c.Until = by, latest(c.Until, h.Now().Add(changeTime))
	})
	return func(ctx context.Context) error {
		return h.recordChange(ctx, number, func(c *change) {
			c.At = latest(c.At, h.Now())
			c.through(by)
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
	for _, key := range []string{string(number), anybody} {
		if err := g.editChange(ctx, key, edit); err != nil {
			return fmt.Errorf("recording whose an account is: %w", err)
		}
	}
	return nil
}

func (g *Gate) editChange(ctx context.Context, key string, edit func(*change)) error {
	err := extension.ErrStale
	for i := 0; i < changeTries && errors.Is(err, extension.ErrStale); i++ {
		var c change
		var version int64
		if c, version, err = g.changeOf(ctx, key); err != nil {
			return err
		}
		edit(&c)
		var raw []byte
		if raw, err = json.Marshal(c); err != nil {
			return err
		}
		err = g.Changes.Put(ctx, key, version, raw, keepChange)
	}
	return err
}

func (g *Gate) changeOf(ctx context.Context, key string) (c change, version int64, err error) {
	raw, version, err := g.Changes.Get(ctx, key)
	if err == nil && raw != nil {
		err = json.Unmarshal(raw, &c)
	}
	if err != nil {
		return change{}, 0, fmt.Errorf("reading whose an account is: %w", err)
	}
	return c, version, nil
}

// overtaken reports whether somebody who waits since then for the account of
// this number has been overtaken by others. The zero time is before everything.
func (h *handler) overtaken(ctx context.Context, key string, since time.Time, by string) (bool, error) {
	c, version, err := h.changeOf(ctx, key)
	if err != nil || version == 0 {
		return false, err
	}
	return since.Before(c.last(by)), nil
}

// outdated reports whether the account of this number has become somebody's
// since then. A change under way refuses no login: who is not cleared is held,
// and the owner may be the one who comes again after a crash.
func (h *handler) outdated(ctx context.Context, number member.KVNR, since time.Time) (bool, error) {
	if number == "" {
		return false, nil
	}
	c, _, err := h.changeOf(ctx, string(number))
	return since.Before(c.At), err
}

// outlived reports whether a login is held that was begun before the account
// became its owner's, by what was proved in another: its password may be dead
// by now, and who has it need not be the owner. In the browser in which it was
// proved it is the owner's other tab.
func (h *handler) outlived(r *http.Request, rec flow.Record) (bool, error) {
	ctx := r.Context()
	s, err := decodeHeld(rec.Held)
	if err != nil || rec.Status != flow.Open || rec.Number == "" {
		return false, err
	}
	c, version, err := h.changeOf(ctx, string(rec.Number))
	if err != nil || version == 0 || !s.At.Before(c.At) || c.Session == rec.Session {
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

// lateLogin refuses a new login by a tab that was overtaken. What has become
// of the account by an action in this very tab overtakes others alone.
func (h *handler) lateLogin(ctx context.Context, x *exchange, id wire.Identity, who member.KVNR) (refusal string, err error) {
	renewed, err := h.renews(ctx, x, id)
	if err != nil || renewed {
		return "", err
	}
	old, err := h.outdated(ctx, who, born(x.tab))
	if err != nil || !old {
		return "", err
	}
	s, known, err := h.shownIn(ctx, x.tab.Key)
	if err == nil && known && s.Acted {
		old, err = h.outdated(ctx, who, s.At)
	}
	if err != nil || !old {
		return "", err
	}
	return whyOvertaken, nil
}

// born is when the gate saw Keycloak open the tab; the zero time: it did not.
func born(t tab) time.Time {
	if t.Born == 0 {
		return time.Time{}
	}
	return time.UnixMilli(t.Born)
}
