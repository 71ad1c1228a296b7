package nect_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/schleuse/schleuse/extensions/nect"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/extension/extensiontest"
	"github.com/schleuse/schleuse/sidecar/flow"
)

const key = "key-of-the-operator"

// service is Nect as far as its interface is known second-hand: an HTTP server
// with cases. The first part of a request's path is the scene: what comes of
// the cases made there.
type service struct {
	*httptest.Server
	t testing.TB

	mu     sync.Mutex
	cases  map[string]*identification
	scenes map[string]string // scene → answer to GET, with %s for the case; see answers
	before func(*identification)
	status int    // of every answer, when it is not 0
	body   string // of every answer, when it is not ""
	opened int
	asked  int
}

// identification is a case.
type identification struct {
	id, scene, back, callback, level string
}

// person is the Person of the stage, as a document shows her.
const person = `{"surname":"Beispielmann","givenNames":"Anna Maria","birthName":"Mädchenname","birthDate":"1950-03-04","postcode":"10115","country":"DE"}`

func succeeded(procedure, level, person string) string {
	return `{"caseId":"%s","state":"finished","success":true,"reason":"","procedure":"` + procedure + `","level":"` + level +
		`","finishedAt":"2026-11-24T12:00:00Z","person":` + person + `}`
}

func ended(state string, success string) string {
	return `{"caseId":"%s","state":"` + state + `","reason":"because","success":` + success + `}`
}

// answers are the scenes' answers.
func answers() map[string]string {
	other := strings.NewReplacer("1950-03-04", "1950-03-05").Replace(person)
	return map[string]string{
		"match":      succeeded("eid", "substantial", person),
		"high":       succeeded("eid", "high", person),
		"mismatch":   succeeded("eid", "substantial", other),
		"review":     succeeded("eid", "substantial", strings.Replace(person, "Anna Maria", "Maria", 1)),
		"low":        succeeded("eid", "low", person),
		"no level":   succeeded("eid", "", person),
		"procedure":  succeeded("video", "substantial", person),
		"pending":    ended("started", "false"),
		"away":       ended("started", "false"),
		"created":    ended("created", "null"),
		"in review":  ended("in_review", "false"),
		"aborted":    ended("aborted", "false"),
		"failed":     ended("finished", "false"),
		"expired":    ended("expired", "false"),
		"no flag":    `{"caseId":"%s","state":"finished","procedure":"eid","level":"high","person":` + person + `}`,
		"both":       `{"caseId":"%s","state":"started","success":true,"procedure":"eid","level":"high","person":` + person + `}`,
		"new word":   ended("approved", "true"),
		"yes and no": ended("aborted", "true"),
		"twice":      `{"caseId":"%s","state":"started","State":"finished","success":true,"procedure":"eid","level":"high","person":` + person + `}`,
		"two values": succeeded("eid", "substantial", person) + `{}`,
		"foreign":    strings.Replace(succeeded("eid", "substantial", person), "%s", "00000000-0000-0000-0000-000000000000", 1),
		"garbage":    `<html>%s</html>`,
		"huge":       succeeded("eid", "substantial", person) + strings.Repeat(" ", 64<<10),
		"long name":  succeeded("eid", "substantial", strings.Replace(person, "Anna Maria", strings.Repeat("Anna ", 50), 1)),
		"unknown":    "",
	}
}

func newService(t testing.TB) *service {
	t.Helper()
	s := &service{t: t, cases: map[string]*identification{}, scenes: answers()}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// ServeHTTP is Nect's interface.
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	status, body := s.status, s.body
	s.mu.Unlock()
	switch scene, path, _ := strings.Cut(strings.Trim(r.URL.Path, "/"), "/"); {
	case status != 0:
		http.Error(w, body, status)
	case body != "":
		io.WriteString(w, body)
	case r.Header.Get("X-Api-Key") != key:
		w.WriteHeader(http.StatusUnauthorized)
	case r.Method == http.MethodPost && path == "cases":
		s.open(w, r, scene)
	case r.Method == http.MethodGet && strings.HasPrefix(path, "cases/"):
		s.result(w, strings.TrimPrefix(path, "cases/"))
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (s *service) open(w http.ResponseWriter, r *http.Request, scene string) {
	var asked struct{ Level, RedirectURL, CallbackURL, Language string }
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || asked.Level == "" || asked.CallbackURL == "" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened++
	c := &identification{
		id: fmt.Sprintf("00000000-0000-4000-8000-%012d", s.opened), scene: scene, back: asked.RedirectURL,
		callback: asked.CallbackURL, level: asked.Level,
	}
	s.cases[c.id] = c
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, `{"caseId":%q,"url":"https://jump.nect.example/%s","more":[1,{"a":null}]}`, strings.ToUpper(c.id), c.id)
}

func (s *service) result(w http.ResponseWriter, id string) {
	s.mu.Lock()
	c, before := s.cases[id], s.before
	s.asked++
	s.mu.Unlock()
	if c == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if before != nil {
		before(c)
	}
	s.mu.Lock()
	text := s.scenes[c.scene]
	s.mu.Unlock()
	if text == "" {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	io.WriteString(w, strings.Replace(text, "%s", id, 1))
}

// turn lets the cases of a scene come to something else.
func (s *service) turn(scene, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scenes[scene] = answers()[to]
}

// breaks answers everything with a status, or a body; 0 and "" mend it.
func (s *service) breaks(status int, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.body = status, body
}

// counts returns how many cases were made, and how often a result was asked for.
func (s *service) counts() (opened, asked int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened, s.asked
}

// last is the case that was made last.
func (s *service) last() identification {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.cases[fmt.Sprintf("00000000-0000-4000-8000-%012d", s.opened)]
	if c == nil {
		s.t.Fatal("no case was made")
	}
	return *c
}

// config is the `config:` block for a scene.
func (s *service) config(scene string) string {
	return fmt.Sprintf("base_url: %s/%s\napi_key_file: %s\n", s.URL, url.PathEscape(scene), s.file(key))
}

// file writes a text into a file of its own and returns its path.
func (s *service) file(text string) string {
	path := filepath.Join(s.t.TempDir(), "key")
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// doors is our public port: each stage's extension below a path of its own.
type doors struct {
	*httptest.Server
	mu   sync.Mutex
	open map[string]http.Handler
	n    int
}

func newDoors(t testing.TB) *doors {
	t.Helper()
	d := &doors{open: map[string]http.Handler{}}
	d.Server = httptest.NewServer(d)
	t.Cleanup(d.Close)
	return d
}

func (d *doors) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	prefix, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	d.mu.Lock()
	handler := d.open["/"+prefix]
	d.mu.Unlock()
	if handler == nil {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	http.StripPrefix("/"+prefix, handler).ServeHTTP(w, r)
}

// arrange gives a stage its own door. A browser holds an attempt when it has
// its id in the cookie "attempt".
func (d *doors) arrange(s *extensiontest.Stage) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.n++
	base, err := url.Parse(fmt.Sprintf("%s/x%d", d.URL, d.n))
	if err != nil {
		panic(err)
	}
	s.Host.Base = base
	s.Host.Return = func(w http.ResponseWriter, r *http.Request, id flow.AttemptID) bool {
		if c, err := r.Cookie("attempt"); err != nil || c.Value != string(id) {
			return false
		}
		w.Header().Set("Location", "/own-page")
		w.WriteHeader(http.StatusSeeOther)
		return true
	}
	s.Host.Render = func(w http.ResponseWriter, _ *http.Request, status int, v flow.View) {
		w.WriteHeader(status)
		fmt.Fprintf(w, "%s %+v", v.Page, v.Data)
	}
}

// factory opens the extension's door when the extension is opened.
func (d *doors) factory() extension.Factory {
	f := nect.Factory()
	open := f.Open
	f.Open = func(ctx context.Context, host extension.Host, decode func(any) error) (extension.Parts, error) {
		parts, err := open(ctx, host, decode)
		if err == nil && host.Base != nil {
			d.mu.Lock()
			d.open[host.Base.Path] = parts.Public
			d.mu.Unlock()
		}
		return parts, err
	}
	return f
}

// browse asks for a page as the browser that holds an attempt; "" = none. It
// returns the status and the page.
func browse(t testing.TB, address string, holds flow.AttemptID) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	if holds != "" {
		req.AddCookie(&http.Cookie{Name: "attempt", Value: string(holds)})
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.StatusCode, string(body)
}
