package webcenter

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"sort"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/websocket"
)

//go:embed pages/*.html pages/*.js
var pages embed.FS

// Settings are what an operator would set in the app's own configuration.
type Settings struct {
	NumberHeader string // carries the insurance number; empty: X-Auth-Kvnr
	SignOut      string // where the log-out link leads
	Devices      string // where people see and block their own phones; "" = nowhere
	Register     string // where a person learns how to register a phone; may be empty
	Now          func() time.Time

	// Approvals asks people on their phones; nil: no sensitive change is possible.
	Approvals Approvals
	// Journal is the file that each executed change is appended to; "": none is kept.
	Journal string
}

// app is the running web app.
type app struct {
	Settings
	templates *template.Template

	mu      sync.Mutex
	errands map[string]*errand
	records map[string]*record // by insurance number
}

// New returns the web app.
func New(settings Settings) http.Handler {
	if settings.NumberHeader == "" {
		settings.NumberHeader = "X-Auth-Kvnr"
	}
	if settings.Now == nil {
		settings.Now = time.Now
	}
	a := &app{
		Settings: settings, templates: template.Must(template.ParseFS(pages, "pages/*.html")),
		errands: map[string]*errand{}, records: map[string]*record{},
	}
	mux := http.NewServeMux()
	for path, page := range map[string]string{
		"/{$}": "home", "/postfach/": "postfach", "/profil": "profil",
		"/antraege/": "antraege", "/adresse": "adresse", "/bank": "bank",
	} {
		mux.HandleFunc("GET "+path, a.page(page))
	}
	mux.HandleFunc("POST /antraege/", a.begin("antraege", readApplication))
	mux.HandleFunc("POST /adresse", a.begin("adresse", readAddress))
	mux.HandleFunc("POST /bank", a.begin("bank", readBank))
	mux.HandleFunc("GET /vorgang/{id}", a.withErrand(a.showErrand))
	mux.HandleFunc("GET /vorgang/{id}/stand", a.withErrand(a.tellState))
	mux.HandleFunc("POST /vorgang/{id}/nochmal", a.withErrand(a.askAgain))
	mux.HandleFunc("POST /vorgang/{id}/abbrechen", a.withErrand(a.takeBack))
	mux.HandleFunc("GET /warten.js", a.script)
	mux.HandleFunc("GET /uhr", a.clock)
	mux.Handle("GET /echo", websocket.Server{Handler: a.echo})
	mux.HandleFunc("/", a.missing)
	return http.NewCrossOriginProtection().Handler(mux)
}

// view is what the pages show.
type view struct {
	Title, Number, SignOut, Devices, Path string
	Headers                               []string
	Record                                record
	Kinds                                 []string
	Mistakes                              []mistake
	Values                                url.Values
	Errand                                *errandView
}

// Mistake is what is wrong with a field; "": nothing.
func (v view) Mistake(field string) string {
	for _, m := range v.Mistakes {
		if m.Field == field {
			return m.Text
		}
	}
	return ""
}

// IBAN is the account on file, as on paper.
func (v view) IBAN() string { return grouped(v.Record.Bank.IBAN) }

// errandView is what the page of an errand shows.
type errandView struct {
	ID                   string
	State                state
	Action, Form         string
	Lines                []line
	Code, Expires, Until string
	Register             string
	Again, Moving        bool // may be asked again; changes by itself
}

func (a *app) page(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { a.render(w, r, name, http.StatusOK, nil) }
}

func (a *app) missing(w http.ResponseWriter, r *http.Request) {
	a.render(w, r, "missing", http.StatusNotFound, nil)
}

// script is what the waiting page runs where it may.
func (a *app) script(w http.ResponseWriter, r *http.Request) {
	http.ServeFileFS(w, r, pages, "pages/warten.js")
}

// recordOf returns a copy of what the insurer has of a person.
func (a *app) recordOf(number string) record {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r := a.records[number]; r != nil {
		return *r
	}
	return *newRecord()
}

func (a *app) render(w http.ResponseWriter, r *http.Request, name string, status int, more func(*view)) {
	v := view{Number: r.Header.Get(a.NumberHeader), SignOut: a.SignOut, Devices: a.Devices, Path: r.URL.Path, Headers: identityHeaders(r.Header), Kinds: kinds()}
	v.Record = a.recordOf(v.Number)
	if more != nil {
		more(&v)
	}
	var out bytes.Buffer
	if err := a.templates.ExecuteTemplate(&out, name+".html", v); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(out.Bytes())
}

// identityHeaders lists what the request says about the person and the way it came.
func identityHeaders(header http.Header) []string {
	var lines []string
	for name, values := range header {
		if strings.HasPrefix(name, "X-") || name == "Cookie" || name == "Authorization" {
			lines = append(lines, name+": "+strings.Join(values, ", "))
		}
	}
	sort.Strings(lines)
	return lines
}

// clock sends the time each second as server-sent events.
func (a *app) clock(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		fmt.Fprintf(w, "data: %s\n\n", a.Now().Format(time.TimeOnly))
		if err := http.NewResponseController(w).Flush(); err != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
	}
}

// echo sends back what comes over a WebSocket, with the number it came for.
func (a *app) echo(connection *websocket.Conn) {
	defer connection.Close()
	number := connection.Request().Header.Get(a.NumberHeader)
	buffer := make([]byte, 4<<10)
	for {
		n, err := connection.Read(buffer)
		if err != nil {
			return
		}
		if _, err := io.WriteString(connection, number+": "+string(buffer[:n])); err != nil {
			return
		}
	}
}
