package gate

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
	"github.com/schleuse/schleuse/sidecar/member"
)

// Whose account an authentication is for is settled in Keycloak when a secret
// is shown, long before any answer names it. What a browser brings along cannot
// tell it: cookies are dropped, put back and written anew. So the gate writes
// down, when Keycloak leads on to what changes the account, whose secret was
// shown in this tab and since when it may wait, and lets nothing be changed in
// a tab of which that is not written down.

// keepShown is longer than Keycloak keeps a tab that nothing happens in. It is
// renewed by each action in it.
const keepShown = 2 * time.Hour

// maxShown is how many people's secrets may be shown in one tab.
const maxShown = 4

// shown is what is known of a tab in which a secret was shown.
type shown struct {
	At      time.Time     // since when somebody may wait in it
	Numbers []member.KVNR `json:",omitempty"` // whose it can be
	Unknown bool          `json:",omitempty"` // or somebody's of whom that is not known
	Acted   bool          `json:",omitempty"` // At is its last action
}

func shownKey(tab string) string {
	sum := tabHash(tab)
	return "tab/" + hex.EncodeToString(sum[:])
}

// shownIn returns what is known of a tab.
func (g *Gate) shownIn(ctx context.Context, tab string) (s shown, known bool, err error) {
	if tab == "" {
		return s, false, nil
	}
	raw, _, err := g.Changes.Get(ctx, shownKey(tab))
	if err == nil && raw != nil {
		known, err = true, json.Unmarshal(raw, &s)
	}
	if err != nil {
		return shown{}, false, fmt.Errorf("reading whose secret was shown: %w", err)
	}
	return s, known, nil
}

// editShown changes what is known of a tab.
func (g *Gate) editShown(ctx context.Context, tab string, edit func(s *shown, known bool)) error {
	key, err := shownKey(tab), extension.ErrStale
	for i := 0; i < changeTries && errors.Is(err, extension.ErrStale); i++ {
		var s shown
		raw, version, failed := g.Changes.Get(ctx, key)
		if failed == nil && raw != nil {
			failed = json.Unmarshal(raw, &s)
		}
		if failed != nil {
			return fmt.Errorf("reading whose secret was shown: %w", failed)
		}
		edit(&s, raw != nil)
		if raw, err = json.Marshal(s); err != nil {
			return err
		}
		about := extension.Subject{}
		if len(s.Numbers) > 0 {
			about.Number = s.Numbers[0]
		}
		err = g.Changes.About(about).Put(ctx, key, version, raw, keepShown)
	}
	if err != nil {
		return fmt.Errorf("recording whose secret was shown: %w", err)
	}
	return nil
}

// add notes further people. Nobody who was noted before is forgotten: a tab
// goes on for the one whom Keycloak knows, not for whom somebody names last.
func (s *shown) add(more shown) {
	if s.At.IsZero() || more.At.Before(s.At) {
		s.At = more.At
	}
	for _, number := range more.Numbers {
		if !slices.Contains(s.Numbers, number) {
			s.Numbers = append(s.Numbers, number)
		}
	}
	s.Unknown = s.Unknown || more.Unknown || len(s.Numbers) > maxShown
	s.Numbers = s.Numbers[:min(len(s.Numbers), maxShown)]
}

// witness writes down whose secret was shown, where Keycloak's answer shows
// that one was: it leads on to an action, or from the password to the next
// means. A tab that the gate did not see being opened, or too long ago, gets
// no such note: it might be one whose note is over.
func (h *handler) witness(ctx context.Context, x *exchange, resp *http.Response, key string) error {
	if key == "" || x.route == wire.RequiredAction || !h.seenOpened(x) || !h.leadsOn(x, resp) {
		return nil
	}
	who, named := h.whose(ctx, x)
	who.At = h.Now()
	if x.tab.Born != 0 && x.tab.Key == key {
		who.At = born(x.tab)
	}
	_, known, err := h.shownIn(ctx, key)
	if err != nil || known && !named && x.route == wire.Authenticate {
		return err // the second means of whoever showed the first
	}
	return h.editShown(ctx, key, func(s *shown, _ bool) { s.add(who) })
}

func (h *handler) seenOpened(x *exchange) bool {
	return x.route == wire.Auth || x.tab.Born != 0 && h.Now().Sub(born(x.tab)) <= keepTab
}

// leadsOn reports whether an answer shows that a secret was right.
func (h *handler) leadsOn(x *exchange, resp *http.Response) bool {
	to, err := url.Parse(resp.Header.Get("Location"))
	if err == nil && to.Path != "" && h.origin.Owns(resp.Header.Get("Location")) {
		switch h.surface.Match(http.MethodGet, wire.Target{Path: to.Path}).Route {
		case wire.RequiredAction, wire.AfterFirstBroker:
			return true
		}
	}
	switch x.route {
	case wire.Auth:
		return x.sent && x.genuine // somebody who is signed in shows their password again
	case wire.Authenticate:
		return h.asksNext(x, resp)
	}
	return false
}

// asksNext reports whether Keycloak asks for the next means after a name and a
// password. Who wants another way shows nothing by that.
func (h *handler) asksNext(x *exchange, resp *http.Response) bool {
	if x.shown.Get("username") == "" || x.shown.Get("password") == "" || x.shown.Has("authenticationExecution") || x.shown.Has("tryAnotherWay") {
		return false
	}
	next := wire.ExecutionOfAnswer(h.origin, resp.Header, x.page)
	return next != "" && next != x.execution
}

// whose says whose secret was shown with this request; named is false where
// the request names nobody.
func (h *handler) whose(ctx context.Context, x *exchange) (who shown, named bool) {
	name := x.shown.Get("username")
	if number, err := member.ParseKVNR(name, false); err == nil && x.route == wire.Authenticate && x.shown.Get("userHandle") == "" {
		return shown{Numbers: []member.KVNR{number}}, true
	}
	accounts, named, err := h.accountsOf(ctx, x, name)
	if err != nil {
		h.Log.WarnContext(ctx, "looking up whose secret was shown", "error", err)
	}
	for _, a := range accounts {
		if number := numberOf(a); number != "" {
			who.Numbers = append(who.Numbers, number)
		}
	}
	who.Unknown = err != nil || len(accounts) == 0
	return who, named
}

// accountsOf finds whom a request names otherwise than by number: by the login
// that goes along, by a passkey that Keycloak has verified (WebAuthn level 3,
// section 5.2.2), by another user name.
func (h *handler) accountsOf(ctx context.Context, x *exchange, name string) (accounts []account.Account, named bool, err error) {
	handle := x.shown.Get("userHandle")
	switch {
	case x.sent && (x.route == wire.Auth || x.route == wire.Authenticate && x.in.Method != http.MethodPost):
		accounts, err = h.one(ctx, x.hint.Subject)
	case x.route != wire.Authenticate || name == "" && handle == "":
		return nil, false, nil
	case handle != "":
		var id []byte
		if id, err = base64.RawURLEncoding.DecodeString(handle); err == nil {
			accounts, err = h.one(ctx, account.ID(id))
		}
	default:
		accounts, err = h.Accounts.Named(ctx, name)
	}
	return accounts, true, err
}

func (h *handler) one(ctx context.Context, id account.ID) ([]account.Account, error) {
	a, err := h.Accounts.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	return []account.Account{a}, nil
}

// late reports whether anybody whose this tab can be was overtaken by others.
func (h *handler) late(ctx context.Context, s shown, by string) (bool, error) {
	keys := make([]string, 0, maxShown+1)
	for _, number := range s.Numbers {
		keys = append(keys, string(number))
	}
	if s.Unknown {
		keys = append(keys, anybody)
	}
	for _, key := range keys {
		if old, err := h.overtaken(ctx, key, s.At, by); err != nil || old {
			return old, err
		}
	}
	return false, nil
}
