package mine_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/approval/approvaltest"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/device/devicetest"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
	"github.com/schleuse/schleuse/sidecar/internal/mine"
	"github.com/schleuse/schleuse/sidecar/internal/relying"
	"github.com/schleuse/schleuse/sidecar/internal/relying/relyingtest"
	"github.com/schleuse/schleuse/sidecar/internal/web"
)

const sessionCookie = "__Host-schleuse-my-session"

// world is the pages over an issuer, phones and approvals in memory. Erika is
// who signs in.
type world struct {
	*approvaltest.World
	t        testing.TB
	issuer   *relyingtest.Issuer
	sessions *relyingtest.Sessions
	devices  *device.Service
	tasks    *devicetest.Tasks
	told     *devicetest.Notices
	logs     *lines
	face     *mine.Face
	url      string
}

func newWorld(t testing.TB, change ...func(*mine.Face)) *world {
	t.Helper()
	w := &world{World: approvaltest.NewWorld(), t: t, tasks: &devicetest.Tasks{}, told: &devicetest.Notices{}, logs: &lines{}}
	w.issuer = relyingtest.NewIssuer(t, w.Clock)
	w.issuer.Set(func(s *relyingtest.Switches) { s.Person = erika() })
	w.sessions = relyingtest.NewSessions(w.Clock)
	w.devices = &device.Service{
		Store: w.Phones, Accounts: w.Realm, Audit: w.Audited, Notify: w.told, Tasks: w.tasks, Now: w.Clock, Settings: device.Defaults(),
		Log: w.logs.logger(),
	}
	pages, err := web.New(web.Brand{Name: "Muster-Krankenkasse", Languages: []string{"en", "de"}}, map[string]web.Set{mine.Set: mine.PageSet()})
	if err != nil {
		t.Fatal(err)
	}
	if err := pages.Check(); err != nil {
		t.Fatal(err)
	}
	pages.Log = w.logs.logger()
	w.serve(pages, change...)
	return w
}

// serve starts the pages.
func (w *world) serve(pages *web.Pages, change ...func(*mine.Face)) {
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { handler.ServeHTTP(rw, r) }))
	w.t.Cleanup(server.Close)
	w.url = relyingtest.Named(server.URL, "login.localhost")
	public, err := url.Parse(w.url)
	if err != nil {
		w.t.Fatal(err)
	}
	seals := ring{keyring.Generate(time.Now())}
	settings := mine.Client()
	settings.PublicURL, settings.Issuer, settings.ClientID = public, w.issuer.URL, w.issuer.ClientID
	settings.ClientSecret = func() (string, error) { return w.issuer.ClientSecret, nil }
	if err := settings.Validate(); err != nil {
		w.t.Fatal(err)
	}
	w.face = &mine.Face{
		Party: &relying.Party{
			Settings: settings, Sessions: w.sessions, Pages: pages, Ring: seals, Issuer: relyingtest.Transport(), Log: w.logs.logger(), Now: w.Clock,
		},
		Devices: w.devices, Approvals: &w.Service, Accounts: w.Realm, Pages: pages, Ring: seals, Recovery: true, Log: w.logs.logger(), Now: w.Clock,
	}
	for _, f := range change {
		f(w.face)
	}
	handler = w.face.Handler()
}

func erika() relyingtest.Person {
	return relyingtest.Person{Subject: string(approvaltest.Erika), Username: "a123456780", SID: "sid-1"}
}

// open signs a browser in and opens a page.
func (w *world) open(place string) (*relyingtest.Browser, relyingtest.Page) {
	w.t.Helper()
	b := relyingtest.NewBrowser(w.t)
	p := b.Open(w.url + mine.Prefix + place)
	if b.Cookie(w.url, sessionCookie) == "" {
		w.t.Fatalf("signing in came to rest at %s with %d: %s", p.URL, p.Status, p.Body)
	}
	return b, p
}

// phone adds one of Erika's.
func (w *world) phone(change ...func(*device.Device)) device.Device {
	w.t.Helper()
	d := devicetest.NewPhone().Device(approvaltest.Erika, approvaltest.Number, w.Clock().Add(-50*time.Hour))
	for _, f := range change {
		f(&d)
	}
	w.Phones.Put(d)
	return d
}

// someoneElses adds a phone and an approval of another person.
func (w *world) someoneElses() (device.Device, approval.Approval) {
	w.t.Helper()
	const otto = account.ID("otto-1")
	w.Realm.Put(account.Account{ID: otto, Username: "b123456782", Enabled: true})
	if err := w.Realm.Grant(w.t.Context(), otto); err != nil {
		w.t.Fatal(err)
	}
	d := devicetest.NewPhone().Device(otto, "B123456782", w.Clock().Add(-48*time.Hour))
	w.Phones.Put(d)
	r := approvaltest.Ask("otto")
	r.Number = "B123456782"
	a, _, err := w.Request(w.t.Context(), r)
	if err != nil {
		w.t.Fatal(err)
	}
	return d, a
}

// ask has Erika asked something.
func (w *world) ask(key string) approval.Approval {
	w.t.Helper()
	a, _, err := w.Request(w.t.Context(), approvaltest.Ask(key))
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

var token = regexp.MustCompile(`name="schleuse_form" value="([^"]+)"`)

// post sends the form of a page, as it stands there, with more inputs.
func (w *world) post(b *relyingtest.Browser, p relyingtest.Page, more ...string) relyingtest.Page {
	w.t.Helper()
	form := url.Values{}
	if m := token.FindStringSubmatch(p.Body); m != nil {
		form.Set("schleuse_form", m[1])
	}
	for i := 0; i+1 < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return b.Post(p.URL, form)
}

// reports are the tasks of "das war ich nicht".
func (w *world) reports() (out []device.Task) {
	for _, task := range w.tasks.All() {
		if strings.HasPrefix(task.Key, "not_me/") {
			out = append(out, task)
		}
	}
	return out
}

func (w *world) state(id device.ID) device.Device {
	w.t.Helper()
	d, err := w.Phones.Get(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// ring seals with a real key ring.
type ring struct{ *keyring.Ring }

func (r ring) Seal(plain, aad []byte) []byte { return r.Ring.Seal(keyring.Cookie, plain, aad) }

func (r ring) Open(sealed, aad []byte) ([]byte, error) {
	return r.Ring.Open(keyring.Cookie, sealed, aad)
}

// lines collects a log.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }
