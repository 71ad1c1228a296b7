package gate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
	"github.com/schleuse/schleuse/sidecar/internal/web"
)

// ownPath is what is the gate's own on its host.
const ownPath = "/schleuse/"

// stepField says which step a form answers.
const stepField = "schleuse_step"

func attemptPath(id flow.AttemptID, page string) string {
	path := ownPath + "attempts/" + id.Tag()
	if page != "" {
		path += "/" + page
	}
	return path
}

// PublicPath is where the Public handler of an extension is reached.
func PublicPath(name string) string { return ownPath + "x/" + name }

// routes is the gate's own part: pages of attempts, assets, extensions.
func (h *handler) routes() http.Handler {
	mux := http.NewServeMux()
	page := func(pattern string, serve func(http.ResponseWriter, *http.Request) error) {
		mux.Handle(pattern, h.bounded(h.pages, h.cross.Handler(h.served(serve))))
	}
	page("GET "+ownPath+"attempts/{tag}", h.attempt)
	page("POST "+ownPath+"attempts/{tag}", h.attemptAnswered)
	page("GET "+ownPath+"attempts/{tag}/ways", h.ways)
	page("POST "+ownPath+"attempts/{tag}/ways", h.wayChosen)
	page("GET "+ownPath+"attempts/{tag}/done", h.done)
	page("GET "+ownPath+"attempts/{tag}/release", h.release)
	mux.Handle("GET "+ownPath+"assets/", h.Pages.Assets())
	mux.Handle("POST "+web.LanguagePath, h.Pages.SwitchLanguage())
	for name, extension := range h.Public {
		prefix := PublicPath(name)
		own := h.cross.Handler(http.StripPrefix(prefix, http.MaxBytesHandler(extension, maxBody)))
		mux.Handle(prefix+"/", h.bounded(h.known, own)) // services call for all their people from one address
	}
	mux.Handle("/", h.served(func(http.ResponseWriter, *http.Request) error {
		return fault.New(fault.NotFound, "not_found", nil)
	}))
	return mux
}

// served turns the error of a page into an answer.
func (h *handler) served(serve func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, wire.MaxForm)
		if err := serve(w, r); err != nil {
			h.Metrics.refused(wire.None, err)
			var of *failureOf
			if errors.As(err, &of) {
				h.Pages.Error(w, r, err, h.startLink(of.client)...)
				return
			}
			h.Pages.Error(w, r, err)
		}
	})
}

// failureOf is a failure in the login for a client, which has a way on.
type failureOf struct {
	client string
	error
}

// Unwrap returns the failure.
func (f *failureOf) Unwrap() error { return f.error }

// attemptOf finds the attempt of a page by the cookie of this browser.
func (h *handler) attemptOf(r *http.Request) (flow.AttemptID, error) {
	cookies := wire.ReadCookies(r.Header)
	tag := r.PathValue("tag")
	secret, err := flow.ParseSecret(cookies.OwnNamed(tag))
	if err != nil || secret.ID().Tag() != tag {
		return "", attemptGone(err)
	}
	return secret.ID(), nil
}

func attemptGone(cause error) error { return fault.New(fault.Gone, "attempt_gone", cause) }

// attempt shows where the attempt stands.
func (h *handler) attempt(w http.ResponseWriter, r *http.Request) error {
	return h.atPosition(w, r, h.Engine.Look)
}

// attemptAnswered hands the step its form.
func (h *handler) attemptAnswered(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return malformed(err)
	}
	if asksForTime(r) {
		return h.atPosition(w, r, h.moreTime(r))
	}
	answer := h.answering(flow.StepName(r.PostForm.Get(stepField)), flow.Input{Kind: flow.Posted, Form: r.PostForm})
	return h.atPosition(w, r, func(ctx context.Context, id flow.AttemptID) (flow.Position, error) {
		if !h.turns.take(w, r, id, r.PostForm.Get(turnField)) {
			return h.Engine.Look(ctx, id)
		}
		return answer(ctx, id)
	})
}

// moving moves an attempt on, and says where it stands then.
type moving = func(context.Context, flow.AttemptID) (flow.Position, error)

func (h *handler) answering(step flow.StepName, in flow.Input) moving {
	return func(ctx context.Context, id flow.AttemptID) (flow.Position, error) {
		return h.Engine.Answer(ctx, id, step, in)
	}
}

// wayChosen turns to another way of proving who one is.
func (h *handler) wayChosen(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return malformed(err)
	}
	if asksForTime(r) {
		more := h.moreTime(r)
		return h.atPosition(w, r, func(ctx context.Context, id flow.AttemptID) (flow.Position, error) {
			p, err := more(ctx, id)
			p.Step = ""
			return p, err
		})
	}
	way := flow.StepName(r.PostForm.Get("way"))
	return h.atPosition(w, r, func(ctx context.Context, id flow.AttemptID) (flow.Position, error) {
		return h.Engine.Choose(ctx, id, way)
	})
}

// atPosition is how every page of an attempt begins: whose attempt it is.
func (h *handler) atPosition(w http.ResponseWriter, r *http.Request, move moving) error {
	id, err := h.attemptOf(r)
	if err != nil {
		return err
	}
	return h.moved(w, r, id, move)
}

// moved shows where the attempt of this browser stands. Whether anything has
// to be asked at all is settled first; then move says where that is.
func (h *handler) moved(w http.ResponseWriter, r *http.Request, id flow.AttemptID, move moving) error {
	rec, err := h.settle(r, id)
	if err != nil {
		return err
	}
	if rec.Status != flow.Open {
		return h.atRest(w, r, rec, flow.Outcome{})
	}
	p, err := h.given(r, rec, move)
	if errors.Is(err, flow.ErrNoAttempt) {
		return attemptGone(err)
	}
	if err != nil {
		return err
	}
	if err := h.progress(r.Context(), rec, p.Record); err != nil {
		return laterFault(err)
	}
	if p.Record.Status != flow.Open {
		return h.atRest(w, r, p.Record, p.Outcome)
	}
	return h.ask(w, r, p)
}

// settle decides, before anything is asked, whether the attempt is the right
// person's, and whether they have been cleared meanwhile. Both are read fresh.
// An error of a look-up leaves everything as it was.
func (h *handler) settle(r *http.Request, id flow.AttemptID) (flow.Record, error) {
	ctx := r.Context()
	rec, err := h.Engine.Attempts.Get(ctx, id)
	if errors.Is(err, flow.ErrNoAttempt) {
		return rec, attemptGone(err)
	}
	if err != nil {
		return rec, laterFault(err)
	}
	switch {
	case rec.Status != flow.Open && rec.Status != flow.Proven || !signedIn(rec):
		return rec, nil
	case rec.Flow == flow.Enrolment:
		return h.settleEnrolment(ctx, rec)
	case rec.Flow == flow.Stepup:
		return h.settleStepup(ctx, rec)
	}
	return h.settleLogin(r, rec)
}

func (h *handler) settleLogin(r *http.Request, rec flow.Record) (flow.Record, error) {
	ctx := r.Context()
	person := h.clear.fresh(ctx, rec.Account)
	if person == account.Unknown {
		return rec, laterFault(errors.New("the person's clearance is unknown"))
	}
	refusal, err := h.checkHeld(ctx, &rec, person)
	switch {
	case err != nil:
		return rec, laterFault(err)
	case refusal != "":
		return rec, h.refuseHeld(ctx, rec, refusal)
	case person == account.NotCleared:
		return rec, h.recallAttempt(ctx, rec)
	}
	dead, err := h.outlived(r, rec)
	switch {
	case err != nil:
		return rec, laterFault(err)
	case dead && person == account.Cleared:
		return rec, h.refuseHeld(ctx, rec, whyOvertaken)
	}
	err = h.Engine.Forget(ctx, rec)
	if err == nil {
		err = h.Engine.Waive(ctx, rec.ID)
	}
	if err != nil {
		return rec, laterFault(err)
	}
	rec.Status = flow.Cleared
	return rec, nil
}

// signedIn reports whether an attempt holds somebody's login at Keycloak. The
// others hold none: there is nobody to look up and no session to end.
func signedIn(rec flow.Record) bool { return rec.Flow.Holds() }

// recallAttempt lets a login that has not begun end what a crash has
// interrupted after an earlier identification. Its session must live.
func (h *handler) recallAttempt(ctx context.Context, rec flow.Record) error {
	if rec.Status != flow.Open || rec.Step != "" || len(h.Engine.Plans) == 1 {
		return nil
	}
	alive, err := h.Accounts.Alive(ctx, rec.Account, rec.Session)
	if err == nil && alive {
		err = h.Engine.Recall(ctx, rec.ID)
	}
	if err != nil {
		return laterFault(err)
	}
	return nil
}

// checkHeld is the person rule for what is held. It was looked at when the
// answer came, unless the Admin API was silent then.
func (h *handler) checkHeld(ctx context.Context, rec *flow.Record, person account.Clearance) (refusal string, err error) {
	s, err := decodeHeld(rec.Held)
	if err != nil {
		return "", err
	}
	switch {
	case person == account.Exempt:
	case s.Kind == staff:
		return whyNotStaff, nil
	case s.NoNumber:
		return whyNoNumber, nil
	}
	acc, err := h.Accounts.Get(ctx, rec.Account)
	if err != nil {
		return "", fmt.Errorf("looking up who signed in: %w", err)
	}
	switch number := numberOf(acc); {
	case rec.Number == "" && number != "":
		rec.Number = number
		_, err = h.Engine.Attempts.Update(ctx, rec.ID, func(stored *flow.Record) error {
			stored.Number = number
			return nil
		})
		return "", err
	case rec.Number != "" && !acc.Is(rec.Number):
		return whyOtherAccount, nil
	}
	return "", nil
}

// refuseHeld ends what must not be, and returns what the person is told.
func (h *handler) refuseHeld(ctx context.Context, rec flow.Record, why string) error {
	e := ending{Account: rec.Account, Session: rec.Session, Client: rec.Client, Why: why}
	if err := h.end(ctx, e); err != nil {
		return laterFault(err)
	}
	return &failureOf{rec.Client, refusalFault(why)}
}

// ask shows the step that is asked.
func (h *handler) ask(w http.ResponseWriter, r *http.Request, p flow.Position) error {
	here := attemptPath(p.Record.ID, "")
	switch {
	case p.Step == "":
		return h.showWays(w, r, p.Record)
	case p.Outcome.Kind == flow.IsSend:
		h.Pages.Render(w, r, web.Page{Name: "done", Next: p.Outcome.URL.String(), Refresh: time.Second})
		return nil
	case p.Outcome.Kind != flow.IsShow:
		return fmt.Errorf("step %q: nothing to show", p.Step)
	case asksForTime(r):
	case r.Method == http.MethodPost && len(p.Outcome.View.Problems) == 0 || r.Method != http.MethodPost && r.URL.Path != here:
		seeOther(w, here)
		return nil
	}
	page := web.Page{
		Set: string(p.Step), Name: p.Outcome.View.Page, Data: p.Outcome.View.Data, Problems: p.Outcome.View.Problems,
		Refresh: p.Outcome.View.Refresh, Action: here, Back: here,
		Hidden: []web.Field{{Name: stepField, Value: string(p.Step)}, {Name: turnField, Value: newTurn()}},
		Step:   p.At, Steps: p.Of,
	}
	if p.Step == flow.Authenticators {
		page.Set = ""
	}
	if p.Choice {
		page.Ways = []web.Link{{Href: attemptPath(p.Record.ID, "ways"), Key: "way.other"}}
	}
	h.Pages.Render(w, r, h.timed(r, page, p.Record))
	return nil
}

// ways shows the ways that are left.
func (h *handler) ways(w http.ResponseWriter, r *http.Request) error {
	return h.atPosition(w, r, func(ctx context.Context, id flow.AttemptID) (flow.Position, error) {
		p, err := h.Engine.Look(ctx, id)
		p.Step = ""
		return p, err
	})
}

func (h *handler) showWays(w http.ResponseWriter, r *http.Request, rec flow.Record) error {
	list, err := h.Engine.Ways(r.Context(), rec.ID)
	if err != nil {
		return err
	}
	here := attemptPath(rec.ID, "ways")
	h.Pages.Render(w, r, h.timed(r, web.Page{
		Name: "ways", Data: wayRows(list), Action: here, Back: here,
		Ways: []web.Link{{Href: attemptPath(rec.ID, ""), Key: "way.back"}},
	}, rec))
	return nil
}

func wayRows(list []flow.Way) []web.Way {
	rows := make([]web.Way, 0, len(list))
	for _, way := range list {
		rows = append(rows, web.Way{Set: string(way.Step), Step: way.Step, Offer: way.Offer})
	}
	return rows
}
