package nect

import (
	"embed"
	"encoding/csv"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"time"
)

// Person is somebody as their document shows them.
type Person struct {
	Number    string `json:"-"` // of the master data, "" = typed
	Surname   string `json:"surname"`
	Given     string `json:"givenNames"`
	BirthName string `json:"birthName,omitempty"`
	BirthDate string `json:"birthDate"`
	Postcode  string `json:"postcode,omitempty"`
	Country   string `json:"country,omitempty"`
}

// Outcome is what the person in the app chose to come of it.
type Outcome struct {
	Kind      Kind          `json:"kind"`
	Person    Person        `json:"-"`
	Procedure string        `json:"procedure"`
	Level     string        `json:"level"`
	Delay     time.Duration `json:"delay"` // of a review
	NoReturn  bool          `json:"noReturn"`
}

// Kind is the kind of an outcome.
type Kind string

// The kinds.
const (
	Succeeded       Kind = "succeeded"
	Failed          Kind = "failed"
	Aborted         Kind = "aborted"
	ReviewSucceeded Kind = "review_succeeded"
	ReviewFailed    Kind = "review_failed"
)

func kinds() []Kind { return []Kind{Succeeded, Failed, Aborted, ReviewSucceeded, ReviewFailed} }

func (o Outcome) review() bool { return o.Kind == ReviewSucceeded || o.Kind == ReviewFailed }

//go:embed pages/*.html
var pages embed.FS

// render shows a page.
func render(w http.ResponseWriter, name string, data any) {
	t, err := template.ParseFS(pages, "pages/"+name+".html", "pages/style.html")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Referrer-Policy", "no-referrer")
	if err := t.ExecuteTemplate(w, name+".html", data); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// appPage is what the app's page shows.
type appPage struct {
	Case   Case
	State  string
	People []Person
	Again  bool // the case is decided already
}

// app shows the page that plays the app.
func (s *Simulator) app(w http.ResponseWriter, r *http.Request) {
	c, ok := s.change(r.PathValue("id"), func(c *Case) { c.Started = true })
	if !ok {
		http.Error(w, "Diesen Vorgang gibt es nicht.", http.StatusNotFound)
		return
	}
	if c.Decided.IsZero() && s.Switches().Callbacks == CallbacksEarly {
		s.after(0, func() { s.call(c, c.ID, []byte(`{"state":"finished","success":true}`)) })
	}
	state, _, _ := c.state(s.settings.Now())
	render(w, "app", appPage{Case: c, State: state, People: s.people, Again: !c.Decided.IsZero()})
}

// decide takes what the person chose, tells the operator, and sends the browser
// back.
func (s *Simulator) decide(w http.ResponseWriter, r *http.Request) {
	outcome, err := s.chosen(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	now := s.settings.Now()
	c, ok := s.change(r.PathValue("id"), func(c *Case) {
		if c.Decided.IsZero() && now.Sub(c.Opened) < caseLife { // what was decided stays
			c.Outcome, c.Decided = outcome, now
			if c.Outcome.Level == "" {
				c.Outcome.Level = c.Level
			}
		}
	})
	if !ok {
		http.Error(w, "Diesen Vorgang gibt es nicht.", http.StatusNotFound)
		return
	}
	s.notify(c)
	if c.Outcome.review() {
		s.after(c.Outcome.Delay, func() { s.notify(c) })
	}
	if c.Outcome.NoReturn || c.RedirectURL == "" {
		render(w, "end", nil)
		return
	}
	back, err := url.Parse(c.RedirectURL)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	query := back.Query()
	query.Set("nectCaseId", c.ID)
	back.RawQuery = query.Encode()
	http.Redirect(w, r, back.String(), http.StatusSeeOther)
}

// chosen reads the app's form.
func (s *Simulator) chosen(r *http.Request) (Outcome, error) {
	o := Outcome{
		Kind: Kind(r.PostFormValue("outcome")), Procedure: r.PostFormValue("procedure"), Level: r.PostFormValue("level"),
		NoReturn: r.PostFormValue("return") == "never",
		Person: Person{
			Surname: r.PostFormValue("surname"), Given: r.PostFormValue("given"), BirthName: r.PostFormValue("birth_name"),
			BirthDate: r.PostFormValue("birth_date"), Postcode: r.PostFormValue("postcode"), Country: "DE",
		},
	}
	if !slices.Contains(kinds(), o.Kind) {
		return o, fmt.Errorf("unknown outcome %q", o.Kind)
	}
	seconds, err := strconv.Atoi(r.PostFormValue("delay"))
	if err != nil || seconds < 0 || seconds > 7*24*3600 {
		return o, fmt.Errorf("delay %q: want seconds, up to a week", r.PostFormValue("delay"))
	}
	o.Delay = time.Duration(seconds) * time.Second
	if !o.review() {
		o.Delay = 0
	}
	if number := r.PostFormValue("person"); number != "" {
		i := slices.IndexFunc(s.people, func(p Person) bool { return p.Number == number })
		if i < 0 {
			return o, fmt.Errorf("nobody has the number %q", number)
		}
		o.Person = s.people[i]
	}
	return o, nil
}

// readPeople reads the people of the master data.
func readPeople(file string) ([]Person, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	reader := csv.NewReader(f)
	reader.Comma = ';'
	rows, err := reader.ReadAll()
	if err != nil || len(rows) == 0 {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	at := func(row []string, column string) string {
		if i := slices.Index(rows[0], column); i >= 0 && i < len(row) {
			return row[i]
		}
		return ""
	}
	var people []Person
	for _, row := range rows[1:] {
		people = append(people, Person{
			Number: at(row, "kvnr"), Surname: at(row, "surname"), Given: at(row, "given"), BirthName: at(row, "birth_name"),
			BirthDate: at(row, "birth_date"), Postcode: at(row, "postcode"), Country: "DE",
		})
	}
	return people, nil
}
