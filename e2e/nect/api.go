package nect

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// maxRequest bounds what callers send, in bytes.
const maxRequest = 64 << 10

// answer is what GET /cases/{id} says.
type answer struct {
	Case      string     `json:"caseId"`
	State     string     `json:"state"`
	Reason    string     `json:"reason"`
	Success   bool       `json:"success"`
	Procedure string     `json:"procedure,omitempty"`
	Level     string     `json:"level,omitempty"`
	Finished  *time.Time `json:"finishedAt,omitempty"`
	Person    *Person    `json:"person,omitempty"`
}

// state says what has come of a case by now.
func (c Case) state(now time.Time) (state, reason string, success bool) {
	reviewed := !now.Before(c.Decided.Add(c.Outcome.Delay))
	switch {
	case c.Decided.IsZero() && now.Sub(c.Opened) >= caseLife:
		return "expired", "not finished within 48 hours", false
	case c.Decided.IsZero() && c.Started:
		return "started", "", false
	case c.Decided.IsZero():
		return "created", "", false
	case c.Outcome.Kind == Aborted:
		return "aborted", "the person stopped", false
	case c.Outcome.review() && !reviewed:
		return "in_review", "somebody looks at it", false
	case c.Outcome.Kind == Succeeded || c.Outcome.Kind == ReviewSucceeded:
		return "finished", "", true
	}
	return "finished", "the document was refused", false
}

// open makes a case.
func (s *Simulator) open(w http.ResponseWriter, r *http.Request) {
	var c Case
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest)).Decode(&c); err != nil || c.CallbackURL == "" {
		http.Error(w, "no case", http.StatusBadRequest)
		return
	}
	id := s.keep(Case{Level: c.Level, Language: c.Language, RedirectURL: c.RedirectURL, CallbackURL: c.CallbackURL})
	writeJSON(w, http.StatusCreated, map[string]string{"caseId": id, "url": s.settings.URL + "/app/" + id})
}

func (s *Simulator) result(w http.ResponseWriter, r *http.Request) {
	c, ok := s.change(r.PathValue("id"), func(c *Case) { c.Asked++ })
	if !ok {
		http.Error(w, "no such case", http.StatusNotFound)
		return
	}
	writeJSON(w, http.StatusOK, s.answerFor(c))
}

func (s *Simulator) answerFor(c Case) answer {
	a := answer{Case: c.ID}
	a.State, a.Reason, a.Success = c.state(s.settings.Now())
	if !a.Success {
		return a
	}
	at, person := c.Decided.Add(c.Outcome.Delay), c.Outcome.Person
	if s.Switches().WrongPerson {
		person = Person{Surname: "Fremd", Given: "Frida", BirthDate: "1955-05-05", Postcode: "99999", Country: "DE"}
	}
	a.Procedure, a.Level, a.Finished, a.Person = c.Outcome.Procedure, c.Outcome.Level, &at, &person
	return a
}

// failing lets an endpoint fail as the switches say, and asks for the key.
func (s *Simulator) failing(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		how := s.Switches()
		if how.Delay > 0 {
			select {
			case <-r.Context().Done():
			case <-time.After(how.Delay):
			}
		}
		switch {
		case how.Down:
			panic(http.ErrAbortHandler) // the connection just ends
		case how.Status != 0:
			http.Error(w, "as the switch says", how.Status)
		case how.Answer == Garbage:
			fmt.Fprint(w, "<html>\x00{\"caseId\":")
		case how.Answer == Huge:
			_, _ = io.Copy(w, io.LimitReader(endless{}, 10<<20)) // who stops reading has seen enough
		case subtle.ConstantTimeCompare([]byte(r.Header.Get("X-Api-Key")), []byte(s.settings.APIKey)) != 1:
			http.Error(w, "no or another key", http.StatusUnauthorized)
		default:
			next(w, r)
		}
	}
}

// endless is blanks without end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, bytes.Repeat([]byte(" "), len(p))), nil }

// notify tells the operator that a case has moved, as the switches say.
func (s *Simulator) notify(c Case) {
	body, err := json.Marshal(map[string]any{"caseId": c.ID, "state": s.answerFor(c).State})
	if err != nil {
		return
	}
	forged := []byte(`{"caseId":"` + c.ID + `","state":"finished","success":true}`)
	started := []byte(`{"caseId":"` + c.ID + `","state":"started"}`)
	switch s.Switches().Callbacks {
	case CallbacksNone:
	case CallbacksTwice:
		s.call(c, c.ID, body)
		s.call(c, c.ID, body)
	case CallbacksLate:
		s.after(30*time.Second, func() { s.call(c, c.ID, body) })
	case CallbacksUnordered:
		s.call(c, c.ID, body)
		s.call(c, c.ID, started)
	case CallbacksForged:
		s.call(c, c.ID, forged)
		s.call(c, "00000000-0000-4000-8000-000000000000", forged)
	default:
		s.call(c, c.ID, body)
	}
}

// after does something later, unless all has ended by then.
func (s *Simulator) after(d time.Duration, do func()) {
	go func() {
		select {
		case <-s.ctx.Done():
		case <-time.After(d):
			do()
		}
	}()
}

func (s *Simulator) call(c Case, id string, body []byte) {
	address := strings.TrimSuffix(c.CallbackURL, "/") + "/" + id
	req, err := http.NewRequestWithContext(s.ctx, http.MethodPut, address, bytes.NewReader(body))
	if err != nil {
		return
	}
	req.Header.Set("Content-Type", "application/json")
	if s.settings.CallbackKey != "" {
		req.Header.Set("X-Api-Key", s.settings.CallbackKey)
	}
	resp, err := s.client.Do(req)
	if err == nil {
		resp.Body.Close()
	}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // who left does not read it
}
