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
// is shown, long before any answer names it. Neither the browser nor Keycloak's
// answers can be asked: the one puts back old cookies and names whom it likes,
// the others look alike for a right password and for a form sent twice. So
// nothing is concluded from answers. The gate keeps a list, for each tab, of
// all whose it can be, and it is complete before Keycloak hears of any of them:
//
//   - the number for which the tab was opened stands sealed beside the tab's id
//     from birth, and takes the place of every user name in it;
//   - whoever else a request could make it, by a user name where none was typed
//     for the tab, by a passkey, by a login that goes along, by a foreign
//     issuer, is written down here first.
//
// Of all on the list nobody may have been overtaken. A name more makes a tab
// later, and never anybody else's. Only where one alone is on it, and Keycloak
// has led on to what changes the account, is it known that their secret was
// right: then alone their account is marked by what is done in the tab, or
// taken back.

const (
	// keepShown is longer than the tab's sealed half is read (keepTab).
	keepShown = 2 * time.Hour
	maxShown  = 4
)

// shown is who else a tab can be, and whether a secret was right in it.
type shown struct {
	Numbers  []member.KVNR `json:",omitempty"`
	Accounts []account.ID  `json:",omitempty"`
	Strange  bool          `json:",omitempty"` // others, of whom that is not known
	Foreign  bool          `json:",omitempty"` // whom a foreign issuer says
	Led      bool          `json:",omitempty"` // Keycloak has led on to what changes the account,
	Secret   bool          `json:",omitempty"` // and not on the word of a foreign issuer
}

func shownKey(tab string) string {
	sum := tabHash(tab)
	return "tab/" + hex.EncodeToString(sum[:])
}

// shownIn returns what is known of a tab.
func (g *Gate) shownIn(ctx context.Context, tab string) (s shown, err error) {
	raw, _, err := g.Changes.Get(ctx, shownKey(tab))
	if err == nil && raw != nil {
		err = json.Unmarshal(raw, &s)
	}
	if err != nil {
		return shown{}, fmt.Errorf("reading whose a tab can be: %w", err)
	}
	return s, nil
}

// addShown adds to what is known of a tab. Nothing is ever taken away.
func (g *Gate) addShown(ctx context.Context, tab string, more shown) error {
	key, err := shownKey(tab), extension.ErrStale
	for i := 0; i < changeTries && errors.Is(err, extension.ErrStale); i++ {
		var s shown
		raw, version, failed := g.Changes.Get(ctx, key)
		if failed == nil && raw != nil {
			failed = json.Unmarshal(raw, &s)
		}
		if failed != nil {
			return fmt.Errorf("reading whose a tab can be: %w", failed)
		}
		if !s.add(more) {
			return nil
		}
		if raw, err = json.Marshal(s); err != nil {
			return err
		}
		err = g.Changes.About(s.about()).Put(ctx, key, version, raw, keepShown)
	}
	if err != nil {
		return fmt.Errorf("recording whose a tab can be: %w", err)
	}
	return nil
}

func (s *shown) about() extension.Subject {
	var about extension.Subject
	if len(s.Numbers) > 0 {
		about.Number = s.Numbers[0]
	}
	return about
}

// add reports whether there was anything new.
func (s *shown) add(more shown) bool {
	before := *s
	s.Numbers, s.Accounts = union(s.Numbers, more.Numbers), union(s.Accounts, more.Accounts)
	s.Strange = s.Strange || more.Strange || len(s.Numbers) > maxShown || len(s.Accounts) > maxShown
	s.Numbers = s.Numbers[:min(len(s.Numbers), maxShown)]
	s.Accounts = s.Accounts[:min(len(s.Accounts), maxShown)]
	s.Foreign, s.Led, s.Secret = s.Foreign || more.Foreign, s.Led || more.Led, s.Secret || more.Secret
	return len(s.Numbers) != len(before.Numbers) || len(s.Accounts) != len(before.Accounts) ||
		s.Strange != before.Strange || s.Foreign != before.Foreign || s.Led != before.Led || s.Secret != before.Secret
}

func union[T comparable](a, b []T) []T {
	out := slices.Clone(a)
	for _, v := range b {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// before writes down, before a request goes to Keycloak, who its tab can be
// after it. A form that names somebody goes on only in a tab that the gate
// knows: done says that the browser was answered.
func (h *handler) before(w http.ResponseWriter, r *http.Request, x *exchange) (done bool, err error) {
	if h.Settings.Observe {
		return false, nil
	}
	more, binds := h.named(r.Context(), x)
	switch {
	case binds && !x.known:
		return true, h.beginAnew(w, x)
	case x.tabKey == "":
		return false, nil
	}
	if s := (shown{}); s.add(more) {
		if err := h.addShown(r.Context(), x.tabKey, more); err != nil {
			return true, laterFault(err)
		}
	}
	return false, nil
}

// named is who a request can make its tab, beside whom the tab was opened for.
// binds says that it does so by a form.
func (h *handler) named(ctx context.Context, x *exchange) (more shown, binds bool) {
	switch x.route {
	case wire.Authenticate, wire.ResetCredentials:
		binds = x.in.Method == http.MethodPost
		more = h.inForm(ctx, x)
	case wire.Registration, wire.BrokerLogin, wire.BrokerEndpoint, wire.FirstBrokerLogin, wire.AfterFirstBroker,
		wire.PostBrokerLogin, wire.AfterPostBroker, wire.BrokerLink:
		more.Foreign = true
	default:
		return shown{}, false
	}
	if x.sent && x.hint.Subject != x.tab.Claim {
		more.Accounts = append(more.Accounts, x.hint.Subject)
	}
	return more, binds
}

// inForm is whom the form of Keycloak's login page names, as it goes upstream:
// by every user name in it, unless the number of the tab's birth has taken
// their place, and by every passkey's account (WebAuthn level 3, section
// 5.2.2). Whether Keycloak reads it is all the same.
func (h *handler) inForm(ctx context.Context, x *exchange) (more shown) {
	for _, p := range x.shown {
		switch {
		case p.Value == "":
		case p.Name == "userHandle":
			id, err := base64.RawURLEncoding.DecodeString(p.Value)
			more.add(shown{Accounts: []account.ID{account.ID(id)}, Strange: err != nil})
		case p.Name == "username" && (x.tab.Number == "" || x.tab.Late):
			more.add(h.called(ctx, p.Value))
		}
	}
	return more
}

// called is who signs in by a name.
func (h *handler) called(ctx context.Context, name string) (who shown) {
	if number, err := member.ParseKVNR(name, false); err == nil {
		return shown{Numbers: []member.KVNR{number}}
	}
	accounts, err := h.Accounts.Named(ctx, name)
	if err != nil {
		h.Log.WarnContext(ctx, "looking up whose a tab can be", "error", err)
	}
	for _, a := range accounts {
		who.Accounts = append(who.Accounts, a.ID)
	}
	who.Strange = len(accounts) == 0
	return who
}

// witness writes down that Keycloak has led on to what changes an account: it
// does so when a secret was right, and never before.
func (h *handler) witness(ctx context.Context, x *exchange, resp *http.Response, key string) error {
	if key == "" || h.Settings.Observe || !h.leadsOn(resp) {
		return nil
	}
	s, err := h.shownIn(ctx, key)
	more := shown{Led: true, Secret: !foreign(x.route)}
	if err != nil || !s.add(more) {
		return err
	}
	return h.addShown(ctx, key, more)
}

func (h *handler) leadsOn(resp *http.Response) bool {
	at := resp.Header.Get("Location")
	to, err := url.Parse(at)
	if err != nil || to.Path == "" || !h.origin.Owns(at) {
		return false
	}
	switch h.surface.Match(http.MethodGet, wire.Target{Path: to.Path}).Route {
	case wire.RequiredAction, wire.AfterFirstBroker:
		return true
	default:
		return false
	}
}

// foreign reports whether Keycloak goes on there by what a foreign issuer said.
func foreign(route wire.Route) bool {
	switch route {
	case wire.BrokerEndpoint, wire.FirstBrokerLogin, wire.AfterFirstBroker, wire.PostBrokerLogin, wire.AfterPostBroker:
		return true
	default:
		return false
	}
}
