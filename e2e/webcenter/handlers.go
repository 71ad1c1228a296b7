package webcenter

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"time"

	"github.com/schleuse/schleuse/sidecar/client"
)

// begin takes a form and asks the person for their approval.
func (a *app) begin(page string, read func(*http.Request) filled) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		number := r.Header.Get(a.NumberHeader)
		if number == "" {
			a.render(w, r, "home", http.StatusForbidden, nil)
			return
		}
		if err := parse(w, r); err != nil {
			a.unreadable(w, r, page, err)
			return
		}
		f := read(r)
		if len(f.mistakes) > 0 {
			a.render(w, r, page, http.StatusUnprocessableEntity, func(v *view) { v.Mistakes, v.Values = f.mistakes, r.PostForm })
			return
		}
		f.order.Number = number
		a.start(w, r, f.order)
	}
}

func (a *app) unreadable(w http.ResponseWriter, r *http.Request, page string, err error) {
	var large *http.MaxBytesError
	text, status := "Ihre Angaben kamen nicht ganz an. Bitte senden Sie sie noch einmal.", http.StatusBadRequest
	if errors.As(err, &large) {
		text, status = "Die Datei ist zu groß. Bitte wählen Sie eine mit höchstens 2 MB.", http.StatusRequestEntityTooLarge
	}
	a.render(w, r, page, status, func(v *view) { v.Mistakes = []mistake{{Field: "nachweis", Text: text}} })
}

func (a *app) start(w http.ResponseWriter, r *http.Request, o order) {
	content, err := o.content()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	e := &errand{
		Number: o.Number, Session: session(w, r), Action: o.Action, Content: content, Fields: o.fields(a.recordOf(o.Number).Address),
	}
	if err := a.open(e); err != nil {
		a.render(w, r, "busy", http.StatusServiceUnavailable, nil)
		return
	}
	a.ask(r.Context(), e.ID)
	http.Redirect(w, r, "/vorgang/"+e.ID, http.StatusSeeOther)
}

// sessionCookie names this browser; the value is random and says nothing.
const sessionCookie = "__Host-webcenter"

// session returns the id of the browser session, and begins one where there is
// none.
func session(w http.ResponseWriter, r *http.Request) string {
	if cookie, err := r.Cookie(sessionCookie); err == nil && len(cookie.Value) == len(rand.Text()) {
		return cookie.Value
	}
	id := rand.Text()
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: id, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	return id
}

// own finds the errand of the path, if it is this person's and this browser's.
func (a *app) own(r *http.Request) (errand, bool) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return errand{}, false
	}
	return a.find(r.PathValue("id"), r.Header.Get(a.NumberHeader), cookie.Value)
}

// withErrand answers for an errand; all that is not one's own is not there.
func (a *app) withErrand(do func(http.ResponseWriter, *http.Request, errand)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		e, ok := a.own(r)
		if !ok {
			a.render(w, r, "missing", http.StatusNotFound, nil)
			return
		}
		do(w, r, e)
	}
}

func (a *app) showErrand(w http.ResponseWriter, r *http.Request, e errand) {
	a.render(w, r, "vorgang", http.StatusOK, func(v *view) {
		v.Title = title(e.Action)
		v.Errand = &errandView{
			ID: e.ID, State: e.State, Action: title(e.Action), Form: form(e.Action), Lines: lines(e.Action, e.Fields),
			Code: e.Approval.MatchCode, Until: timeOfDay(e.Until), Expires: timeOfDay(e.Approval.Expires), Again: e.State.again(),
			Moving: e.State == asking || e.State == waiting || e.State == executing, Register: a.Register,
		}
	})
}

// timeOfDay is a time of day as people read it; "": none.
func timeOfDay(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("15:04")
}

// tellState is for the page's script, which looks whether anything is new.
func (a *app) tellState(w http.ResponseWriter, _ *http.Request, e errand) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(e.State))
}

// askAgain asks for the same errand once more; its data were kept.
func (a *app) askAgain(w http.ResponseWriter, r *http.Request, e errand) {
	if a.move(e.ID, e.State, func(e *errand) {
		if e.State.again() {
			e.State = asking
		}
	}) && e.State.again() {
		a.ask(r.Context(), e.ID)
	}
	http.Redirect(w, r, "/vorgang/"+e.ID, http.StatusSeeOther)
}

// takeBack cancels at Schleuse first: only what was cancelled there is.
func (a *app) takeBack(w http.ResponseWriter, r *http.Request, e errand) {
	if e.State == waiting {
		ctx, cancel := context.WithTimeout(r.Context(), askTime)
		defer cancel()
		if got, err := a.Approvals.Cancel(ctx, e.Approval.ID); err == nil && got.State == client.Cancelled {
			a.end(e.ID, waiting, cancelled)
		}
	}
	if e.State.again() {
		a.end(e.ID, e.State, cancelled)
	}
	http.Redirect(w, r, "/vorgang/"+e.ID, http.StatusSeeOther)
}
