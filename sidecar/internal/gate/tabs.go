package gate

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
	"github.com/schleuse/schleuse/sidecar/member"
)

// numberCookie keeps the numbers typed in this browser, without wire.OwnPrefix.
const numberCookie = "number"

// Bounds of the number cookie. Browsers take 4096 bytes for name, value and
// attributes together.
const (
	maxTabs     = 8
	maxTabBytes = 3600
	keepTab     = time.Hour
)

// kind says how a tab came to Keycloak's page. The zero kind is none.
type kind string

const (
	typed   kind = "t" // the number was typed on the number page
	staff   kind = "s" // by "Anmeldung für Mitarbeitende": only exempt people
	plain   kind = "p" // through a client that gets no number page
	renewed kind = "r" // by somebody who was signed in: the number is that account's
	opened  kind = "o" // otherwise than by an authorization request: the number is asked for later
)

// tab is what the gate remembers of one authorization request: before
// Keycloak has seen it under the request's own key, afterwards under
// Keycloak's tab_id.
type tab struct {
	Key    string      `json:"k"`
	Kind   kind        `json:"d"`
	Client string      `json:"c"`
	Number member.KVNR `json:"n,omitempty"`
	Query  string      `json:"q,omitempty"` // the original request as a GET's query, if it fits
	At     int64       `json:"a"`           // Unix seconds
	// Born is when the gate saw Keycloak open the tab, in Unix milliseconds; 0 =
	// it did not. It is never renewed.
	Born int64 `json:"b,omitempty"`
	// Late: the number was not known when the tab was opened. It is no more than
	// a name then, see shown.go.
	Late bool `json:"l,omitempty"`
	// Claim is the account of the login that went along when the tab was opened.
	Claim account.ID `json:"i,omitempty"`
	// JKT names the key of the phone that the app wants to register, see
	// enrol.go; "" = it wants none.
	JKT string `json:"j,omitempty"`
}

// tabs is the content of the number cookie, newest first.
type tabs struct {
	list    []tab
	changed bool
}

// requestKey names an authorization request before it has a tab_id. No tab_id
// has a dot.
func requestKey(query string) string {
	sum := sha256.Sum256([]byte(query))
	return "." + base64.RawURLEncoding.EncodeToString(sum[:16])
}

func (t *tabs) find(key string) (tab, bool) {
	for _, e := range t.list {
		if e.Key == key && key != "" {
			return e, true
		}
	}
	return tab{}, false
}

// put remembers an entry, in the place of an older one with the same key.
func (t *tabs) put(e tab) {
	t.drop(e.Key)
	t.list = append([]tab{e}, t.list...)
	t.list = t.list[:min(len(t.list), maxTabs)]
	t.changed = true
}

func (t *tabs) drop(key string) {
	for i, e := range t.list {
		if e.Key == key {
			t.list = append(t.list[:i:i], t.list[i+1:]...)
			t.changed = true
			return
		}
	}
}

// finish forgets a tab whose login is through, and under which key it was
// first known: the next person at this browser types their own number.
func (t *tabs) finish(done tab) {
	t.drop(done.Key)
	for _, e := range t.list {
		if strings.HasPrefix(e.Key, ".") && e.Client == done.Client && e.Number == done.Number {
			t.drop(e.Key)
			return
		}
	}
}

// follows reports whether the request asks for an action that did not run.
func (t *tab) follows() bool {
	p, err := wire.ParseParams(t.Query)
	return err == nil && p.Has(paramAction)
}

// readTabs opens the cookie. What cannot be opened or is too old is nothing:
// the number is asked again.
func (h *handler) readTabs(c *wire.Cookies) *tabs {
	t := &tabs{}
	raw, err := h.unseal(numberCookie, c.OwnNamed(numberCookie))
	if err != nil || json.Unmarshal(raw, &t.list) != nil {
		return &tabs{}
	}
	oldest := h.Now().Add(-keepTab).Unix()
	kept := t.list[:0]
	for _, e := range t.list {
		if e.At >= oldest {
			kept = append(kept, e)
		}
	}
	t.list = kept
	return t
}

// writeTabs adds the cookie to a response, if anything changed. It goes along
// with cross-site navigation, as Keycloak's own cookies do: a foreign issuer
// may send the browser back by POST.
func (h *handler) writeTabs(header http.Header, t *tabs) {
	if !t.changed {
		return
	}
	c := &http.Cookie{ //nolint:gosec // None is meant, see above
		Name: wire.OwnPrefix + numberCookie, Path: "/",
		Secure: true, HttpOnly: true, SameSite: http.SameSiteNoneMode, MaxAge: -1,
	}
	if len(t.list) > 0 {
		c.Value, c.MaxAge = h.sealTabs(t), 0
	}
	header.Add("Set-Cookie", c.String())
}

// sealTabs makes the value fit: first the oldest original requests go, for
// which there is the client's start, then the oldest entries.
func (h *handler) sealTabs(t *tabs) string {
	for {
		raw, err := json.Marshal(t.list)
		if err != nil {
			return ""
		}
		if value := h.seal(numberCookie, raw); len(value) <= maxTabBytes {
			return value
		}
		t.shrink()
	}
}

func (t *tabs) shrink() {
	for i := len(t.list) - 1; i >= 0; i-- {
		if t.list[i].Query != "" {
			t.list[i].Query = ""
			return
		}
	}
	t.list = t.list[:max(len(t.list)-1, 0)]
}

// seal makes a value that only this gate opens, and only for this purpose.
func (h *handler) seal(purpose string, plain []byte) string {
	return base64.RawURLEncoding.EncodeToString(h.Seals.Seal(plain, []byte("gate "+purpose)))
}

func (h *handler) unseal(purpose, value string) ([]byte, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(value)
	if err != nil {
		return nil, err
	}
	return h.Seals.Open(raw, []byte("gate "+purpose))
}
