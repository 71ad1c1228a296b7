package gate

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
	"github.com/schleuse/schleuse/sidecar/internal/web"
	"github.com/schleuse/schleuse/sidecar/member"
)

// waysField asks a draft's page for the choice among ways.
const waysField = "schleuse_ways"

// backField leads from there back to the way that is open.
const backField = "schleuse_back"

// parkedFor is how long the cookie of a parked attempt stays, in seconds.
const parkedFor = int(flow.ParkedLifetime / time.Second)

// drafting is what a form wants of a draft: an answer to the step, another
// way, or the page of ways. The zero drafting looks where the draft stands.
type drafting struct {
	in   *flow.Input
	way  flow.StepName
	ways bool
	anew string // goOnValue or beginValue, see anew.go
}

// drafting reads what a draft's form wants. Behind the steps in front, a form
// that comes again wants nothing: the press of a button may cost something. The
// turn is the sealed one, so that nobody makes up another for the same page. In
// front nothing costs, and a page that is loaded again is the same page.
func (h *handler) drafting(w http.ResponseWriter, r *http.Request, q asked, in flow.Input) drafting {
	front := slices.Contains(h.Engine.Plans[q.Draft.Flow].Front, q.Draft.Step)
	switch {
	case q.Anew:
		return drafting{anew: in.Form.Get(anewField)}
	case !front && (q.Turn == "" || !h.turns.take(w, r, "", q.Turn)):
		return drafting{}
	case in.Form.Has(waysField):
		return drafting{ways: true}
	case q.Ways:
		return drafting{way: flow.StepName(in.Form.Get("way"))}
	}
	return drafting{in: &in}
}

func (d drafting) move(ctx context.Context, e *flow.Engine, step flow.StepName) (p flow.Position, err error) {
	switch {
	case d.in != nil && step != "":
		return e.Answer(ctx, "", step, *d.in)
	case d.way != "":
		return e.Choose(ctx, "", d.way)
	}
	p, err = e.Look(ctx, "")
	if d.ways && p.Choice {
		p.Step = ""
	}
	return p, err
}

// runDraft carries the person on in what nothing is stored of, and from there
// to the request that they wanted, or into an attempt.
func (h *handler) runDraft(w http.ResponseWriter, r *http.Request, x *exchange, q asked, d drafting) error {
	if done, err := h.goOnKept(w, r, x, q, d); done || err != nil {
		return err
	}
	q.Draft.Client, q.Draft.Address, q.Draft.Language = q.Client, wire.CountedBy(x.address), h.Pages.Language(r)
	q.Draft.Browser = browserOf(x)
	if q.Anew {
		if done, err := h.anewAnswered(w, r, x, q, d); done || err != nil {
			return err
		}
	}
	p, err := h.moveDraft(r.Context(), x, q.Draft, d)
	if err != nil {
		return err
	}
	entered := q.Draft.Flow != p.Record.Flow
	q.Draft, q.Ways, q.Anew = p.Record, false, false
	if entered {
		if done, err := h.goOnAnew(w, r, x, q); done || err != nil {
			return err
		}
	}
	if p.Outcome.Kind == flow.IsKeep && d.in != nil {
		return h.keepDraft(w, r, x, q, p, *d.in)
	}
	return h.draftStands(w, r, x, q, p)
}

// draftStands shows where a draft stands.
func (h *handler) draftStands(w http.ResponseWriter, r *http.Request, x *exchange, q asked, p flow.Position) error {
	switch {
	case p.Record.Status != flow.Open:
		h.Pages.Render(w, r, web.Page{Set: string(p.Record.DenyStep), Name: "denied", Data: h.denied(p.Outcome), Ways: h.startLink(q.Client), Fixed: true})
		return nil
	case p.Outcome.Kind == flow.IsDone && q.Draft.Number == "":
		return errors.New("the steps before keycloak are through, and there is no number")
	case p.Outcome.Kind == flow.IsDone:
		return h.numberKnown(w, r, x, q)
	case p.Step == "":
		return h.showDraftWays(w, r, x, q)
	case p.Outcome.Kind == flow.IsShow:
		return h.showDraft(w, r, x, q, p)
	default:
		return errors.New("an outcome that is not possible of a draft")
	}
}

// moveDraft moves, and once the number is known looks again, with what this
// browser has parked for it.
func (h *handler) moveDraft(ctx context.Context, x *exchange, draft flow.Record, d drafting) (flow.Position, error) {
	was := draft.Number
	parked, err := h.parked(ctx, x.cookies, was)
	if err != nil {
		return flow.Position{}, err
	}
	draft.Parked = parked
	p, err := d.move(ctx, h.Engine.Draft(draft), draft.Step)
	if err != nil || p.Record.Number == was || p.Record.Number == "" || p.Record.Flow == flow.Login {
		return p, err
	}
	again := p.Record
	if again.Parked, err = h.parked(ctx, x.cookies, again.Number); err != nil {
		return flow.Position{}, err
	}
	return h.Engine.Draft(again).Look(ctx, "")
}

// parked finds the attempts that this browser has parked for a number.
func (h *handler) parked(ctx context.Context, cookies wire.Cookies, number member.KVNR) ([]flow.AttemptID, error) {
	var out []flow.AttemptID
	if number == "" {
		return nil, nil
	}
	for _, secret := range h.secrets(&cookies, flow.Login, number) {
		rec, err := h.Engine.Attempts.Get(ctx, secret.ID())
		switch {
		case errors.Is(err, flow.ErrNoAttempt):
		case err != nil:
			return nil, laterFault(err)
		case rec.Status == flow.Parked && rec.Number == number:
			out = append(out, rec.ID)
		}
	}
	return out, nil
}

// keepDraft stores the draft, gives the browser its cookie, and lets the step
// do what it wanted to do. The audit has nothing of it yet: anybody may begin
// with any number, as often as they like. It has what costs, and what is proven.
func (h *handler) keepDraft(w http.ResponseWriter, r *http.Request, x *exchange, q asked, p flow.Position, in flow.Input) error {
	sealed, err := beginning(q)
	if err != nil {
		return err
	}
	secret, known := keptAs(x, q)
	if !known {
		secret = flow.NewSecret()
	}
	err = h.Engine.Keep(r.Context(), secret, p.Record, sealed)
	if errors.Is(err, flow.ErrTooManyAttempts) {
		return fault.New(fault.TooMany, "too_many_attempts", err)
	}
	if err != nil {
		return laterFault(err)
	}
	return h.inKept(w, r, x, secret, h.answering(p.Step, in))
}

// beginning is the request that is asked for again in the end.
func beginning(q asked) ([]byte, error) {
	begun := held{At: q.At, Client: q.Client, Kind: typed}
	if q.Method == http.MethodGet && repeatable(q) {
		begun.Query = q.Query
	}
	return begun.encode()
}

// keptAs is the secret under which a draft is kept. One half is the browser's,
// the other stands sealed in the page, so that a form that comes again, after
// its answer was lost, finds what it has kept, and no other browser does.
func keptAs(x *exchange, q asked) (secret flow.Secret, known bool) {
	seen, err := readSeenPage(&x.cookies)
	if err != nil || q.Half == "" || q.Draft.Number == "" || q.Draft.Flow == flow.Login {
		return flow.Secret{}, false
	}
	return keptUnder(seen.half, q.Half, q.Draft.Flow, q.Draft.Number), true
}

// browserOf is an image of what this browser holds, for counters: who has no
// cookie, or a new one each time, is counted by address alone.
func browserOf(x *exchange) string {
	seen, err := readSeenPage(&x.cookies)
	if err != nil {
		return ""
	}
	mac := hmac.New(sha256.New, seen.half[:])
	mac.Write([]byte("browser"))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

func keptUnder(browser flow.Secret, draft string, of flow.Name, number member.KVNR) flow.Secret {
	mac := hmac.New(sha256.New, browser[:])
	mac.Write([]byte("kept " + draft + " " + string(of) + " " + string(number)))
	return flow.Secret(mac.Sum(nil))
}

// goOnKept goes on in the attempt that this draft has become.
func (h *handler) goOnKept(w http.ResponseWriter, r *http.Request, x *exchange, q asked, d drafting) (done bool, err error) {
	secret, known := keptAs(x, q)
	if !known {
		return false, nil
	}
	_, err = h.Engine.Attempts.Get(r.Context(), secret.ID())
	switch {
	case errors.Is(err, flow.ErrNoAttempt):
		return false, nil
	case err != nil:
		return false, laterFault(err)
	}
	move := h.Engine.Look
	if d.in != nil {
		move = h.answering(q.Draft.Step, *d.in)
	}
	return true, h.inKept(w, r, x, secret, move)
}

// inKept goes on in a stored attempt. From here on the browser is the
// attempt's: what it gets with this response counts as brought.
func (h *handler) inKept(w http.ResponseWriter, r *http.Request, x *exchange, secret flow.Secret, move moving) error {
	id := secret.ID()
	if x.cookies.OwnNamed(id.Tag()) == "" {
		h.giveAttempt(w.Header(), x, secret)
		r = r.Clone(r.Context())
		r.Header.Add("Cookie", wire.OwnPrefix+id.Tag()+"="+secret.Encode())
	}
	h.writeTabs(w.Header(), x.tabs)
	if err := h.moved(w, r, id, move); err != nil {
		h.Metrics.refused(wire.Auth, err)
		h.Pages.Error(w, r, err, web.Link{Href: attemptPath(id, ""), Key: "way.back"})
	}
	return nil
}

// repeatable reports whether the request says all of itself in its address,
// for as long as a person may take.
func repeatable(q asked) bool {
	ask, err := wire.ReadAuthorization(http.MethodGet, wire.Target{Path: q.Path, Query: q.Query}, http.Header{}, nil)
	return err == nil && ask.Object == wire.NoObject
}

// carried reports whether a page cannot be had again by asking for its address.
func carried(q asked) bool { return q.Method != http.MethodGet || q.Draft.Flow != flow.Login }

func (h *handler) showDraft(w http.ResponseWriter, r *http.Request, x *exchange, q asked, p flow.Position) error {
	target := wire.Target{Path: q.Path, Query: q.Query}.String()
	view := p.Outcome.View
	page := web.Page{
		Set: string(p.Step), Name: view.Page, Data: view.Data, Problems: view.Problems,
		Action: target, Step: p.At, Steps: p.Of, Back: target, Carried: carried(q),
	}
	if p.Choice {
		page.Ways = []web.Link{{Field: waysField, Key: "way.other"}}
	}
	if h.Settings.StaffEntry && x.route == wire.Auth && q.Method == http.MethodGet && p.Record.Flow == flow.Login {
		page.Ways = append(page.Ways, web.Link{Href: staffTarget(q), Key: "way.staff"})
	}
	return h.renderDraft(w, r, x, q, page)
}

func (h *handler) showDraftWays(w http.ResponseWriter, r *http.Request, x *exchange, q asked) error {
	list, err := h.Engine.Draft(q.Draft).Ways(r.Context(), "")
	if err != nil {
		return err
	}
	q.Ways = true
	target := wire.Target{Path: q.Path, Query: q.Query}.String()
	return h.renderDraft(w, r, x, q, web.Page{
		Name: "ways", Data: wayRows(list), Action: target, Back: target, Carried: carried(q),
		Ways: []web.Link{{Field: backField, Key: "way.back"}},
	})
}

// renderDraft writes a page that carries its draft.
func (h *handler) renderDraft(w http.ResponseWriter, r *http.Request, x *exchange, q asked, page web.Page) error {
	q.Turn = newTurn()
	raw, err := json.Marshal(q)
	if err != nil {
		return err
	}
	page.Hidden = []web.Field{{Name: requestField, Value: h.seal(requestField, raw)}}
	seen, err := readSeenPage(&x.cookies)
	if err != nil {
		seen = seenPage{half: flow.NewSecret()}
	}
	if q.Draft.Flow != flow.Login {
		seen = seen.with(q.Half)
	}
	cookie := &http.Cookie{
		Name: wire.OwnPrefix + pageCookie, Value: seen.encode(), Path: "/",
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	w.Header().Add("Set-Cookie", cookie.String())
	h.writeTabs(w.Header(), x.tabs)
	h.Pages.Render(w, r, page)
	return nil
}
