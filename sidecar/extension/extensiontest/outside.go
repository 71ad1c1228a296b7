package extensiontest

import (
	"net/http"
	"net/url"
	"sync"

	"github.com/schleuse/schleuse/sidecar/flow"
)

// Outside is what a stage's Host does for browsers outside an attempt.
type Outside struct {
	mu       sync.Mutex
	held     map[flow.AttemptID]bool
	returned []Returned
	shown    []Shown
}

// Returned is what a browser brought back to its attempt.
type Returned struct {
	Attempt flow.AttemptID
	Form    url.Values
}

// Shown is a page outside any attempt.
type Shown struct {
	Status int
	View   flow.View
}

// Holds lets the browser that comes hold this attempt's cookie.
func (o *Outside) Holds(id flow.AttemptID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.held == nil {
		o.held = map[flow.AttemptID]bool{}
	}
	o.held[id] = true
}

// Returned returns what was handed to attempts.
func (o *Outside) Returned() []Returned {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]Returned(nil), o.returned...)
}

// Shown returns the pages that were shown.
func (o *Outside) Shown() []Shown {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]Shown(nil), o.shown...)
}

func (o *Outside) giveBack(w http.ResponseWriter, r *http.Request, id flow.AttemptID) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.held[id] || r.ParseForm() != nil {
		return false
	}
	o.returned = append(o.returned, Returned{id, r.Form})
	w.Header().Set("Location", "/schleuse/attempts/"+id.Tag())
	w.WriteHeader(http.StatusSeeOther)
	return true
}

func (o *Outside) render(w http.ResponseWriter, _ *http.Request, status int, v flow.View) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.shown = append(o.shown, Shown{status, v})
	w.WriteHeader(status)
}
