package gate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
	"github.com/schleuse/schleuse/sidecar/member"
)

// Keycloak keeps an authentication under way, and with it whoever has shown a
// password in it, for as long as accessCodeLifespanLogin says, and looks at
// nothing again when it goes on: somebody who waits at a demanded action would
// choose the password of an account whose owner has identified themselves
// meanwhile. So the gate remembers when an account has become somebody's, and
// lets no tab go on that Keycloak has opened before.
//
// Keycloak's own time begins anew whenever the browser opens another tab, so
// that one tab can be kept for as long as somebody likes: what may be older than
// what is remembered does not go on either.
const (
	keepChange = 2 * time.Hour // longer than an authentication is kept that nobody keeps alive
	// oldestTab is how old a tab may be, by clocks that differ a little.
	oldestTab = keepChange - 5*time.Minute
	// A tab through a client without a number, in which no number was typed as
	// the user name either, cannot be compared with anything. It acts for so
	// long.
	namelessFor = 20 * time.Minute
	changeTries = 8
)

type change struct{ At time.Time }

// changed records that from now on the account of this number is the
// identified person's. It must be durable before they go on.
func (h *handler) changed(ctx context.Context, number member.KVNR) error {
	if number == "" {
		return nil
	}
	raw, err := json.Marshal(change{h.Now()})
	if err != nil {
		return err
	}
	for range changeTries {
		var version int64
		if _, version, err = h.Changes.Get(ctx, string(number)); err == nil {
			err = h.Changes.Put(ctx, string(number), version, raw, keepChange)
		}
		if !errors.Is(err, extension.ErrStale) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("recording whose an account is: %w", err)
	}
	return nil
}

// overtaken reports whether the account of this number has become somebody's
// since Keycloak opened the tab. Of a tab that the gate has not seen being
// opened the age is not known.
func (h *handler) overtaken(ctx context.Context, t tab, number member.KVNR) (bool, error) {
	if number == "" {
		return false, nil
	}
	raw, _, err := h.Changes.Get(ctx, string(number))
	if err != nil || raw == nil {
		return false, err
	}
	var c change
	if err := json.Unmarshal(raw, &c); err != nil {
		return false, fmt.Errorf("reading whose an account is: %w", err)
	}
	return t.Born < c.At.UnixMilli(), nil
}

// mayGoOn decides, before anything goes upstream, whether an authentication
// under way may go on. false: the browser was answered.
func (h *handler) mayGoOn(w http.ResponseWriter, r *http.Request, x *exchange) (bool, error) {
	acts := x.route == wire.RequiredAction && r.Method == http.MethodPost
	if !x.known {
		if !acts || h.observed(r.Context(), "unknown_tab") {
			return true, nil
		}
		return false, gone(errors.New("a demanded action of a tab that is not known"))
	}
	old, err := h.overtaken(r.Context(), x.tab, x.tab.who())
	if err != nil {
		return false, laterFault(err)
	}
	old = old || h.mayBeOld(x.tab, acts)
	if !old || h.observed(r.Context(), "overtaken") {
		return true, nil
	}
	return false, h.beginAnew(w, x)
}

// mayBeOld reports whether a tab is older than what is remembered. One whose age
// is not known does no demanded action.
func (h *handler) mayBeOld(t tab, acts bool) bool {
	age := h.Now().Sub(time.UnixMilli(t.Born))
	switch {
	case t.Born == 0:
		return acts
	case acts && t.who() == "" && t.Kind == plain:
		return age > namelessFor
	}
	return age > oldestTab
}

// who is the number of the person who signs in in this tab, as far as known.
func (t tab) who() member.KVNR {
	if t.Number != "" {
		return t.Number
	}
	return t.Name
}

// named remembers which number was typed as the user name, where none is asked
// for before.
func (x *exchange) named(username string) {
	if x.tab.Kind != plain {
		return
	}
	number, err := member.ParseKVNR(username, false)
	if err == nil && number != x.tab.Name {
		x.tab.Name = number
		x.tabs.put(x.tab)
	}
}

// lateLogin refuses a new login by a tab that was overtaken.
func (h *handler) lateLogin(ctx context.Context, x *exchange, id wire.Identity, who member.KVNR) (refusal string, err error) {
	renewed, err := h.renews(ctx, x, id)
	if err != nil || renewed {
		return "", err
	}
	old, err := h.overtaken(ctx, x.tab, who)
	if err != nil || !old {
		return "", err
	}
	return whyOvertaken, nil
}
