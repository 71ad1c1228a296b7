package handset

import (
	"bytes"
	"crypto/rand"
	"embed"
	"html/template"
	"net/http"
	"sync"

	"github.com/schleuse/schleuse/e2e/device"
	"github.com/schleuse/schleuse/e2e/visitor"
)

//go:embed pages/*.html
var pages embed.FS

// Path is where the phone is, below the demo's home page; Callback is where its
// logins come back to, the Kunden-App's redirect URI.
const (
	Path     = "/phone"
	Callback = "/callback"
)

// Settings of the phones of a demo.
type Settings struct {
	Issuer string       // of the realm, as browsers see it
	Base   string       // of the Device API
	URL    string       // of the page, on 127.0.0.1: the Kunden-App's redirect URI is there
	HTTP   *http.Client // finds both
}

// Limits and what every phone of the demo has.
const (
	phoneLimit = 20 // browsers at once
	phoneName  = "Telefon der Demo"
	pin        = "462913" // of the app lock: the page is as open as its browser
	enrolment  = "urn:schleuse:enrol"
	cookieName = "handset"
)

// phone is one browser's phone.
type phone struct {
	mu      sync.Mutex // one call at a time
	request visitor.Request
	token   string // of the login, until the phone is registered
	device  *device.Phone
}

// rack holds the phones of all browsers, the latest.
type rack struct {
	Settings
	templates *template.Template

	mu     sync.Mutex
	phones map[string]*phone
	order  []string
}

// New serves the page at Path and below it, and Callback.
func New(settings Settings) http.Handler {
	k := &rack{Settings: settings, templates: template.Must(template.ParseFS(pages, "pages/*.html")), phones: map[string]*phone{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+Path, k.show)
	mux.HandleFunc("GET "+Callback, k.back)
	mux.HandleFunc("POST "+Path+"/login", k.login)
	mux.HandleFunc("POST "+Path+"/register", k.register)
	mux.HandleFunc("POST "+Path+"/answer", k.answer)
	mux.HandleFunc("POST "+Path+"/away", k.away)
	return http.NewCrossOriginProtection().Handler(mux)
}

// mine returns this browser's phone, and a new one where it has none.
func (k *rack) mine(w http.ResponseWriter, r *http.Request) *phone {
	k.mu.Lock()
	defer k.mu.Unlock()
	if cookie, err := r.Cookie(cookieName); err == nil && k.phones[cookie.Value] != nil {
		return k.phones[cookie.Value]
	}
	id := rand.Text()
	// Lax: the way back from the login comes from elsewhere.
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	k.phones[id], k.order = &phone{}, append(k.order, id)
	if len(k.order) > phoneLimit {
		delete(k.phones, k.order[0])
		k.order = k.order[1:]
	}
	return k.phones[id]
}

// app is the Kunden-App's client.
func (k *rack) app() visitor.App {
	return visitor.App{Issuer: k.Issuer, ID: "kundenapp", RedirectURI: k.URL + Callback, HTTP: k.HTTP}
}

// view is what the page shows.
type view struct {
	Problem, Base, Token string
	Registered           bool
	Waiting              []device.Request
	Refresh              bool
}

func (k *rack) render(w http.ResponseWriter, status int, v view) {
	var out bytes.Buffer
	v.Base = k.Base
	if err := k.templates.ExecuteTemplate(&out, "phone.html", v); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "same-origin")
	if v.Refresh {
		h.Set("Refresh", "3")
	}
	w.WriteHeader(status)
	w.Write(out.Bytes())
}
