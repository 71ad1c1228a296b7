package nect

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Switches say how the service fails. The zero Switches are a service that is well.
type Switches struct {
	Delay       time.Duration `json:"delay"`  // before each answer of the interface
	Down        bool          `json:"down"`   // connections end without an answer
	Status      int           `json:"status"` // each answer has this status; 0 = the right one
	Answer      Answer        `json:"answer"`
	Callbacks   Callbacks     `json:"callbacks"`
	WrongPerson bool          `json:"wrongPerson"` // results name somebody else
}

// Answer is what answers are like.
type Answer string

// The kinds of answers; "" is the right one.
const (
	Garbage Answer = "garbage"
	Huge    Answer = "huge"
)

// Callbacks says what callbacks are like.
type Callbacks string

// The kinds of callbacks; "" is one when a case has moved.
const (
	CallbacksNone      Callbacks = "none"
	CallbacksTwice     Callbacks = "twice"
	CallbacksLate      Callbacks = "late" // after 30 s
	CallbacksEarly     Callbacks = "early"
	CallbacksUnordered Callbacks = "unordered"
	CallbacksForged    Callbacks = "forged"
)

// Set turns the switches.
func (s *Simulator) Set(switches Switches) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.switches = switches
}

// Switches returns how the switches stand.
func (s *Simulator) Switches() Switches {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.switches
}

func (s *Simulator) showSwitches(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, s.Switches())
}

func (s *Simulator) putSwitches(w http.ResponseWriter, r *http.Request) {
	var to Switches
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&to); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.Set(to)
	writeJSON(w, http.StatusOK, to)
}

func (s *Simulator) showCases(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, s.Cases())
}

// adminPage is what the page with the switches shows.
type adminPage struct {
	Switches Switches
	Seconds  float64
	Cases    []shownCase
	Kinds    map[Callbacks]string
}

type shownCase struct {
	Case
	State string
}

func (s *Simulator) admin(w http.ResponseWriter, _ *http.Request) {
	p := adminPage{Switches: s.Switches(), Kinds: map[Callbacks]string{
		"": "einer, wenn sich etwas ändert", CallbacksNone: "keine", CallbacksTwice: "doppelt", CallbacksLate: "30 Sekunden zu spät",
		CallbacksEarly: "auch zu früh", CallbacksUnordered: "in falscher Reihenfolge", CallbacksForged: "gefälscht",
	}}
	p.Seconds = p.Switches.Delay.Seconds()
	for _, c := range s.Cases() {
		state, _, _ := c.state(s.settings.Now())
		p.Cases = append(p.Cases, shownCase{c, state})
	}
	render(w, "admin", p)
}

func (s *Simulator) switchByForm(w http.ResponseWriter, r *http.Request) {
	to, err := readSwitches(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.Set(to)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func readSwitches(r *http.Request) (Switches, error) {
	seconds, err := strconv.ParseFloat(r.PostFormValue("delay"), 64)
	if err != nil || seconds < 0 || seconds > 600 {
		return Switches{}, fmt.Errorf("delay %q: want seconds, up to 600", r.PostFormValue("delay"))
	}
	to := Switches{
		Delay: time.Duration(seconds * float64(time.Second)), Answer: Answer(r.PostFormValue("answer")),
		Callbacks: Callbacks(r.PostFormValue("callbacks")), WrongPerson: r.PostFormValue("person") == "wrong",
	}
	switch to.Answer {
	case "down":
		to.Down, to.Answer = true, ""
	case "500":
		to.Status, to.Answer = http.StatusInternalServerError, ""
	}
	return to, nil
}

// endReview ends a review now.
func (s *Simulator) endReview(w http.ResponseWriter, r *http.Request) {
	now := s.settings.Now()
	c, ok := s.change(r.PathValue("id"), func(c *Case) {
		if !c.Decided.IsZero() && now.Before(c.Decided.Add(c.Outcome.Delay)) {
			c.Outcome.Delay = now.Sub(c.Decided)
		}
	})
	if !ok {
		http.Error(w, "no such case", http.StatusNotFound)
		return
	}
	s.notify(c)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
