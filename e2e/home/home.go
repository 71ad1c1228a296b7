package home

import (
	"bytes"
	"context"
	"embed"
	"html/template"
	"net/http"
	"sync"
	"time"

	"github.com/schleuse/schleuse/e2e/stage"
)

//go:embed pages/*.html pages/*.js
var pages embed.FS

// Role is somebody whom the visitor may be.
type Role struct {
	Title  string   `json:"title"`
	What   string   `json:"what"`  // what will be seen
	Start  string   `json:"start"` // where it begins
	Phone  bool     `json:"phone"` // begins on a phone and not in a browser
	Typed  []Typed  `json:"typed"` // what to type, in order
	Expect []string `json:"expect"`
}

// Typed is one thing to type.
type Typed struct {
	Question string `json:"question"`
	Answer   string `json:"answer"`
}

// Link leads to a part of the demo.
type Link struct {
	Text string `json:"text"`
	URL  string `json:"url"`
}

// Entry is one line of the audit as the home page shows it.
type Entry struct {
	Time                        time.Time
	Phase, Action, Step, Client string
	Result, Reference           string
}

// Content is everything that the home page tells; demo.json holds the same.
type Content struct {
	Roles  []Role         `json:"roles"`
	Links  []Link         `json:"links"`
	People []stage.Person `json:"people"`
}

// Home is the home page.
type Home struct {
	Content
	Tail func(context.Context) ([]Entry, error) // the audit's latest entries, newest first
	// Letters and Mail show what would come by post, at /letters and /mail; may
	// be nil.
	Letters, Mail http.Handler

	mu      sync.Mutex
	entries []Entry
	err     error
	asked   time.Time
}

// tailLife is how long an answer of Tail serves: many viewers ask as one.
const tailLife = 700 * time.Millisecond

// Handler serves the page at / and its live part at /live.
func (h *Home) Handler() http.Handler {
	templates := template.Must(template.ParseFS(pages, "pages/*.html"))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		render(w, templates, "home.html", h.Content)
	})
	mux.HandleFunc("GET /live", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Refresh", "1")
		entries, err := h.tail(r.Context())
		render(w, templates, "live.html", liveView{Chambers: Chambers(entries), Entries: entries, Problem: err})
	})
	mux.HandleFunc("GET /phone.js", func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, pages, "pages/phone.js") })
	for path, shown := range map[string]http.Handler{"GET /letters": h.Letters, "GET /mail": h.Mail} {
		if shown != nil {
			mux.Handle(path, shown)
		}
	}
	return mux
}

type liveView struct {
	Chambers []Chamber
	Entries  []Entry
	Problem  error
}

func (h *Home) tail(ctx context.Context) ([]Entry, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.asked) > tailLife {
		h.entries, h.err = h.Tail(ctx)
		h.asked = time.Now()
	}
	return h.entries, h.err
}

func render(w http.ResponseWriter, templates *template.Template, name string, data any) {
	var out bytes.Buffer
	if err := templates.ExecuteTemplate(&out, name, data); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Write(out.Bytes())
}
