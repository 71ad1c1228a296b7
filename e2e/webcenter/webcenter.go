package webcenter

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"sort"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/websocket"
)

//go:embed pages/*.html
var pages embed.FS

// Settings are what an operator would set in the app's own configuration.
type Settings struct {
	NumberHeader string // carries the insurance number; empty: X-Auth-Kvnr
	SignOut      string // where the log-out link leads
	Now          func() time.Time
}

// formLimit bounds an application sent by form, its document included.
const formLimit = 4 << 20

// app is the running web app. What people send is kept for the latest 100.
type app struct {
	Settings
	templates *template.Template

	mu   sync.Mutex
	sent []application
}

// application is what a person applied for.
type application struct {
	Number, Kind, Document string
	Bytes                  int64
	At                     string
}

const sentLimit = 100

// New returns the web app.
func New(settings Settings) http.Handler {
	if settings.NumberHeader == "" {
		settings.NumberHeader = "X-Auth-Kvnr"
	}
	if settings.Now == nil {
		settings.Now = time.Now
	}
	a := &app{Settings: settings, templates: template.Must(template.ParseFS(pages, "pages/*.html"))}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.page("home"))
	mux.HandleFunc("GET /postfach/", a.page("postfach"))
	mux.HandleFunc("GET /antraege/", a.page("antraege"))
	mux.HandleFunc("POST /antraege/", a.apply)
	mux.HandleFunc("GET /profil", a.page("profil"))
	mux.HandleFunc("GET /uhr", a.clock)
	mux.Handle("GET /echo", websocket.Server{Handler: a.echo})
	mux.HandleFunc("/", a.missing)
	return mux
}

// view is what the pages show.
type view struct {
	Title, Number, SignOut, Path string
	Headers                      []string
	Sent                         []application
}

func (a *app) page(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { a.render(w, r, name, http.StatusOK) }
}

func (a *app) missing(w http.ResponseWriter, r *http.Request) {
	a.render(w, r, "missing", http.StatusNotFound)
}

func (a *app) render(w http.ResponseWriter, r *http.Request, name string, status int) {
	v := view{Number: r.Header.Get(a.NumberHeader), SignOut: a.SignOut, Path: r.URL.Path, Headers: identityHeaders(r.Header)}
	v.Sent = a.sentBy(v.Number)
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

// apply takes an application: a kind and, if it likes, a document.
func (a *app) apply(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, formLimit)
	if err := r.ParseMultipartForm(formLimit); err != nil && r.PostForm == nil {
		http.Error(w, "Der Antrag konnte nicht gelesen werden.", http.StatusBadRequest)
		return
	}
	entry := application{Number: r.Header.Get(a.NumberHeader), Kind: r.PostFormValue("art"), At: a.Now().Format("02.01.2006 15:04:05")}
	if file, header, err := r.FormFile("nachweis"); err == nil {
		entry.Document, entry.Bytes = header.Filename, header.Size
		file.Close()
	}
	a.mu.Lock()
	a.sent = append(a.sent, entry)
	a.sent = a.sent[max(0, len(a.sent)-sentLimit):]
	a.mu.Unlock()
	http.Redirect(w, r, "/antraege/", http.StatusSeeOther)
}

func (a *app) sentBy(number string) []application {
	a.mu.Lock()
	defer a.mu.Unlock()
	var mine []application
	for _, entry := range a.sent {
		if entry.Number == number {
			mine = append(mine, entry)
		}
	}
	return mine
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
