package gate

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
	"github.com/schleuse/schleuse/sidecar/internal/web"
	"github.com/schleuse/schleuse/sidecar/member"
)

// requestField is the hidden input by which a POST to Keycloak's path is the
// gate's own: the sealed request for which the number is asked.
const requestField = "schleuse_request"

// staffParam is added to an authorization request by the link for staff.
const staffParam = "schleuse_staff"

// keepAsked is how long a number page may stand open.
const keepAsked = 2 * time.Hour

// pageCookie comes with every number page, so that a browser that takes no
// cookies is told so: it would be asked for its number for ever.
const pageCookie = "page"

// asked is the request for which a number is asked, as the page carries it:
// nothing of it is stored here.
type asked struct {
	Method string
	Path   string
	Query  string
	Body   string // of a POST
	Client string
	Key    string // under which the number is remembered: the request's own, or a tab_id
	At     time.Time

	Number member.KVNR // what the steps before Keycloak have established
	Step   flow.StepName
	State  json.RawMessage
}

// numbered reports whether people come through this request by a number.
func (h *handler) numbered(x *exchange) bool {
	return len(h.Engine.Plan.Front) > 0 && !h.Settings.plain(x.client)
}

// askNumber shows the first of the steps before Keycloak.
func (h *handler) askNumber(w http.ResponseWriter, r *http.Request, x *exchange, q asked) error {
	q.At, q.Client = h.Now(), x.client
	return h.runFront(w, r, x, q, nil)
}

// numberAnswered takes the form of a page before Keycloak. ours is false for
// a POST without our field: that is a client's.
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
	in := &flow.Input{Kind: flow.Posted, Form: url.Values{}}
	for _, p := range form.Without(requestField) {
		in.Form.Add(p.Name, p.Value)
	}
	x.client = q.Client
	if len(x.cookies.Own()) == 0 {
		return true, fault.New(fault.Invalid, "cookies", nil)
	}
	return true, h.runFront(w, r, x, q, in)
}

// runFront carries the person through the steps before Keycloak, and from
// there to the request that they wanted.
func (h *handler) runFront(w http.ResponseWriter, r *http.Request, x *exchange, q asked, in *flow.Input) error {
	a := flow.Attempt{
		Flow: flow.Login, Client: q.Client, Number: q.Number, Address: wire.CountedBy(x.address),
		Language: h.Pages.Language(r), Step: q.Step, State: q.State,
	}
	p, err := h.Engine.Front(r.Context(), &a, in)
	if err != nil {
		return err
	}
	q.Number, q.Step, q.State = a.Number, a.Step, a.State
	switch p.Outcome.Kind {
	case flow.IsShow:
		return h.showFront(w, r, x, q, p)
	case flow.IsDeny:
		h.Pages.Render(w, r, web.Page{Set: string(p.Step), Name: "denied", Data: h.denied(p.Outcome), Fixed: true})
		return nil
	case flow.IsDone:
		if q.Number == "" {
			return errors.New("the steps before keycloak are through, and there is no number")
		}
		return h.numberKnown(w, r, x, q)
	default:
		return errors.New("an outcome that is not possible before keycloak")
	}
}

func (h *handler) showFront(w http.ResponseWriter, r *http.Request, x *exchange, q asked, p flow.Position) error {
	raw, err := json.Marshal(q)
	if err != nil {
		return err
	}
	target := wire.Target{Path: q.Path, Query: q.Query}.String()
	page := web.Page{
		Set: string(p.Step), Name: p.Outcome.View.Page, Data: p.Outcome.View.Data, Problems: p.Outcome.View.Problems,
		Action: target, Hidden: []web.Field{{Name: requestField, Value: h.seal(requestField, raw)}},
		Step: p.At, Steps: p.Of, Back: target, Fixed: q.Method != http.MethodGet,
	}
	if h.Settings.StaffEntry && x.route == wire.Auth && q.Method == http.MethodGet {
		page.Ways = []web.Link{{Href: staffTarget(q), Key: "way.staff"}}
	}
	seen := &http.Cookie{
		Name: wire.OwnPrefix + pageCookie, Value: "1", Path: "/",
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	w.Header().Add("Set-Cookie", seen.String())
	h.writeTabs(w.Header(), x.tabs)
	h.Pages.Render(w, r, page)
	return nil
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
	entry := tab{Key: q.Key, Kind: typed, Client: q.Client, Number: q.Number, At: h.Now().Unix()}
	if old, ok := x.tabs.find(q.Key); ok {
		entry.Query = old.Query
	}
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
