package gate

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
	"github.com/schleuse/schleuse/sidecar/internal/web"
)

// requestField is the hidden input by which a POST to Keycloak's path is the
// gate's own: the sealed request for which the number is asked.
const requestField = "schleuse_request"

// staffParam is added to an authorization request by the link for staff.
const staffParam = "schleuse_staff"

// keepAsked is how long a page of a draft may stand open.
const keepAsked = 24 * time.Hour

// pageCookie comes with every number page, so that a browser that takes no
// cookies is told so: it would be asked for its number for ever. It holds the
// browser's half of the secrets of what is kept, see keptAs.
const pageCookie = "page"

// asked is the request for which a number is asked, as the page carries it:
// nothing of it is stored here. It is sealed, and of a few KiB: a request is
// bounded by the surface, and so is a step's state.
type asked struct {
	Method string
	Path   string
	Query  string
	Body   string // of a POST
	Client string
	Key    string // under which the number is remembered: the request's own, or a tab_id
	At     time.Time

	Draft flow.Record // how far the person has come
	Half  string      // the page's half of the secret of what is kept, see keptAs
	Turn  string      // of this page, see turns
	Ways  bool        // the page is the choice among ways
	Anew  bool        `json:",omitempty"` // the page asks whether to go on in an attempt under way
}

// numbered reports whether people come through this request by a number.
func (h *handler) numbered(x *exchange) bool {
	return len(h.Engine.Plans[flow.Login].Front) > 0 && !h.Settings.plain(x.client)
}

// askNumber shows the first of the steps before Keycloak.
func (h *handler) askNumber(w http.ResponseWriter, r *http.Request, x *exchange, q asked) error {
	q.At, q.Client = h.Now(), x.client
	q.Draft, q.Half = flow.Record{Attempt: flow.Attempt{Flow: flow.Login}}, rand.Text()
	return h.runDraft(w, r, x, q, drafting{})
}

// numberAnswered takes the form of a draft's page. ours is false for a POST
// without our field: that is a client's.
func (h *handler) numberAnswered(w http.ResponseWriter, r *http.Request, x *exchange, form wire.Params) (ours bool, err error) {
	if !form.Has(requestField) {
		return false, nil
	}
	if err := h.cross.Check(r); err != nil {
		return true, fault.New(fault.Invalid, "invalid", err)
	}
	var q asked
	raw, err := h.unseal(requestField, form.Get(requestField))
	if err == nil {
		err = json.Unmarshal(raw, &q)
	}
	if err != nil || q.Path != x.target.Path || h.Now().Sub(q.At) > keepAsked {
		return true, fault.New(fault.Gone, "gone", err)
	}
	in := flow.Input{Kind: flow.Posted, Form: url.Values{}}
	for _, p := range form.Without(requestField) {
		in.Form.Add(p.Name, p.Value)
	}
	x.client = q.Client
	if len(x.cookies.Own()) == 0 {
		return true, fault.New(fault.Invalid, "cookies", nil)
	}
	if form.Has(web.LanguageField) {
		return true, h.runDraft(w, h.Pages.Speak(w, r, form.Get(web.LanguageField)), x, q, drafting{ways: q.Ways})
	}
	return true, h.runDraft(w, r, x, q, h.drafting(w, r, q, in))
}

func staffTarget(q asked) string {
	query := staffParam + "=1"
	if q.Query != "" {
		query = q.Query + "&" + query
	}
	return q.Path + "?" + query
}

// numberKnown goes on with the request: a GET by asking for it again, so that
// reload and back find Keycloak's page under its own address; a POST at once.
func (h *handler) numberKnown(w http.ResponseWriter, r *http.Request, x *exchange, q asked) error {
	entry := tab{Key: q.Key, Kind: typed, Client: q.Client, Number: q.Draft.Number, At: h.Now().Unix()}
	if old, ok := x.tabs.find(q.Key); ok {
		if old.Number != "" && old.Number != entry.Number && !strings.HasPrefix(q.Key, ".") {
			x.tab, x.known = old, true // Keycloak's tab is one person's
			return h.beginAnew(w, x)
		}
		entry.Query, entry.Born, entry.Claim = old.Query, old.Born, old.Claim
	}
	entry.Late = !strings.HasPrefix(q.Key, ".")
	if q.Method == http.MethodPost {
		if !x.sent {
			x.tab, x.known = entry, true
		}
		x.target.Query, x.query = q.Query, q.Query
		return h.enter(w, r, x, []byte(q.Body))
	}
	x.tabs.put(entry)
	h.writeTabs(w.Header(), x.tabs)
	seeOther(w, wire.Target{Path: q.Path, Query: q.Query}.String())
	return nil
}

// seeOther sends the browser on with a GET.
func seeOther(w http.ResponseWriter, to string) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}
