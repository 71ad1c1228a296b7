package gate_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/audit/audittest"
	"github.com/schleuse/schleuse/sidecar/extension/extensiontest"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/flow/flowtest"
	"github.com/schleuse/schleuse/sidecar/internal/gate"
	"github.com/schleuse/schleuse/sidecar/internal/web"
	"github.com/schleuse/schleuse/sidecar/member"
)

// world is a gate before a fake Keycloak, with steps of the test's own: the
// number before the login, the digits 0042 after it.
type world struct {
	t        *testing.T
	clock    *flowtest.Clock
	keycloak *keycloak
	attempts *flowtest.Attempts
	records  *records
	changes  *extensiontest.Records
	deeds    *extensiontest.Outbox
	notices  *extensiontest.Notices
	audit    *audittest.Log
	gate     *gate.Gate
	handler  http.Handler
}

// newWorld builds it; change edits the gate before it starts.
func newWorld(t *testing.T, change ...func(*gate.Gate)) *world {
	t.Helper()
	clock := flowtest.NewClock(day(time.December, 10))
	k := newKeycloak(t)
	k.now = clock.Now
	server := httptest.NewServer(k)
	t.Cleanup(server.Close)
	w := &world{
		t: t, clock: clock, keycloak: k, attempts: flowtest.NewAttempts(clock.Now),
		records: newRecords(), changes: extensiontest.NewRecords(clock.Now), deeds: extensiontest.NewOutbox(clock.Now), notices: &extensiontest.Notices{}, audit: &audittest.Log{Now: clock.Now},
	}
	w.gate = &gate.Gate{
		Settings: gate.Settings{
			PublicURL: mustURL(t, "https://login.test"), Realm: "kasse", Upstream: mustURL(t, server.URL),
			PlainClients: []string{"partner", "partner-consent"}, Start: map[string]string{"app": "https://app.test/"},
			Since: day(time.December, 1),
		},
		Engine: w.engine(), Accounts: k, Codes: w.records, Logins: w.records, Actions: w.records,
		Changes: w.changes, Deeds: w.deeds, Notify: w.notices,
		Pages: newPages(t), Seals: newSeals(t), Audit: w.audit, Log: slog.New(slog.DiscardHandler),
		Now: clock.Now, Metrics: gate.NewMetrics(prometheus.NewRegistry()),
	}
	for _, f := range change {
		f(w.gate)
	}
	handler, err := w.gate.Handler()
	if err != nil {
		t.Fatal(err)
	}
	w.handler = handler
	return w
}

func (w *world) engine() *flow.Engine {
	plans := map[flow.Name]flow.Plan{
		flow.Login: {
			Keycloak: true, Front: []flow.StepName{"kvnr"}, Back: []flow.Entry{{"egk", "letter"}}, After: []flow.StepName{flow.Authenticators},
		},
	}
	chambers := flowtest.Chambers(map[flow.StepName]flow.Step{
		"kvnr": numberStep(), "egk": digitsStep(), "letter": flowtest.Step{},
		flow.Authenticators: &gate.Review{Accounts: w.keycloak, Audit: w.audit, Since: day(time.December, 1)},
	})
	return &flow.Engine{Plans: plans, Chambers: chambers, Attempts: w.attempts, Now: w.clock.Now, Log: slog.New(slog.DiscardHandler)}
}

func numberStep() flow.Step {
	return flowtest.Step{OnResume: func(_ context.Context, a *flow.Attempt, in flow.Input) (flow.Outcome, error) {
		number, err := member.ParseKVNR(in.Form.Get("number"), true)
		if err != nil {
			return flow.Show(flow.View{Page: "ask", Problems: []flow.Problem{{Field: "number", Key: "wrong"}}}), nil
		}
		a.Number = number
		return flow.Done(flow.Proof{}), nil
	}}
}

func digitsStep() flow.Step {
	return flowtest.Step{OnResume: func(_ context.Context, a *flow.Attempt, in flow.Input) (flow.Outcome, error) {
		if in.Form.Get("digits") == "0042" {
			return flow.Done(flow.Proof{}), nil
		}
		tries := string(a.State) + "1"
		if len(tries) == 3 {
			return flow.Deny("locked"), nil
		}
		a.State = []byte(tries)
		return flow.Show(flow.View{Page: "ask", Problems: []flow.Problem{{Field: "digits", Key: "wrong"}}}), nil
	}}
}

// pages are the same for all tests: they take a while to parse.
var pages = sync.OnceValues(func() (*web.Pages, error) {
	set := func(field string) web.Set {
		return web.Set{
			Pages:    fstest.MapFS{"ask.html": {Data: []byte(`{{define "title"}}{{t "title"}}{{end}}{{define "main"}}{{form .}}{{input . "` + field + `" "label" "title"}}</form>{{end}}`)}},
			Messages: fstest.MapFS{"de.json": texts(field), "en.json": texts(field)},
		}
	}
	p, err := web.New(web.Brand{Name: "Muster"}, map[string]web.Set{"kvnr": set("number"), "egk": set("digits"), "letter": set("answer"), "password": set("answer")})
	if err == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	return p, err
})

func newPages(t *testing.T) *web.Pages {
	t.Helper()
	p, err := pages()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func texts(field string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte(`{"title": "ask for ` + field + `", "wrong": "wrong", "locked": "locked", "never": "never"}`)}
}

// seals seals with a key of the test's own.
type seals struct{ aead cipher.AEAD }

func newSeals(t *testing.T) seals {
	t.Helper()
	block, err := aes.NewCipher([]byte("0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	return seals{aead}
}

func (s seals) Seal(plain, aad []byte) []byte           { return s.aead.Seal(nil, nil, plain, aad) }
func (s seals) Open(sealed, aad []byte) ([]byte, error) { return s.aead.Open(nil, nil, sealed, aad) }

// records keeps what the gate records, in memory.
type records struct {
	mu     sync.Mutex
	codes  map[gate.Hash]gate.Code
	logins map[account.SID]gate.Login
	acting map[gate.Hash]time.Time
	taken  int // logins, by the sweep
	fail   error
}

func newRecords() *records {
	return &records{codes: map[gate.Hash]gate.Code{}, logins: map[account.SID]gate.Login{}, acting: map[gate.Hash]time.Time{}}
}

// rows is how much is stored.
func (r *records) rows() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.codes) + len(r.logins) + len(r.acting)
}

func (r *records) break_(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = err
}

func (r *records) RecordCode(_ context.Context, h gate.Hash, c gate.Code) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail == nil {
		r.codes[h] = c
	}
	return r.fail
}

func (r *records) Code(_ context.Context, h gate.Hash) (gate.Code, error) {
	return recorded(r, func() (gate.Code, bool) { c, ok := r.codes[h]; return c, ok })
}

func (r *records) RecordLogin(_ context.Context, l gate.Login) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if old, ok := r.logins[l.Session]; ok && old.Account != l.Account {
		return errors.New("another person for a recorded session")
	}
	old := r.logins[l.Session]
	if !old.Stepup.IsZero() {
		l.Stepup = old.Stepup
	}
	if l.First = old.First; l.First.IsZero() {
		l.First = l.Seen
	}
	if r.fail == nil {
		r.logins[l.Session] = l
	}
	return r.fail
}

func (r *records) Login(_ context.Context, sid account.SID) (gate.Login, error) {
	return recorded(r, func() (gate.Login, bool) { l, ok := r.logins[sid]; return l, ok })
}

func (r *records) TakeLogins(_ context.Context, seenBefore, now time.Time, limit int) ([]gate.Login, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []gate.Login
	for sid, l := range r.logins {
		if l.Seen.Before(seenBefore) && len(out) < limit && r.fail == nil {
			out = append(out, l)
			l.Seen = now
			r.logins[sid] = l
		}
	}
	r.taken += len(out)
	return out, r.fail
}

func (r *records) ForgetLogin(_ context.Context, sid account.SID) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.logins, sid)
	return r.fail
}

func (r *records) RecordAction(_ context.Context, h gate.Hash, until time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.acting[h] = until
	return r.fail
}

func (r *records) ActionWaits(_ context.Context, h gate.Hash) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, waits := r.acting[h]
	return waits, r.fail
}

func recorded[T any](r *records, find func() (T, bool)) (T, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, ok := find()
	if r.fail != nil {
		return v, r.fail
	}
	if !ok {
		return v, gate.ErrNoRecord
	}
	return v, nil
}

// browser keeps cookies and follows nothing by itself.
type browser struct {
	*world
	cookies map[string]string
	order   []string
}

func (w *world) browser() *browser { return &browser{world: w, cookies: map[string]string{}} }

// response is what the browser got.
type response struct {
	*httptest.ResponseRecorder
	t *testing.T
}

func (b *browser) get(target string) response { return b.do(http.MethodGet, target, nil) }

func (b *browser) post(target string, form url.Values) response {
	return b.do(http.MethodPost, target, form)
}

func (b *browser) do(method, target string, form url.Values, edit ...func(*http.Request)) response {
	b.t.Helper()
	target = strings.TrimPrefix(target, "https://login.test")
	r := httptest.NewRequestWithContext(b.t.Context(), method, target, strings.NewReader(form.Encode()))
	r.Host = "login.test"
	r.Header.Set("Accept", "text/html")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	var line []string
	for _, name := range b.order {
		if v, ok := b.cookies[name]; ok {
			line = append(line, name+"="+v)
		}
	}
	if line != nil {
		r.Header.Set("Cookie", strings.Join(line, "; "))
	}
	for _, f := range edit {
		f(r)
	}
	rec := httptest.NewRecorder()
	b.handler.ServeHTTP(rec, r)
	b.keep(rec.Result().Cookies())
	return response{rec, b.t}
}

func (b *browser) keep(cookies []*http.Cookie) {
	for _, c := range cookies {
		if c.MaxAge < 0 || c.Value == "" {
			delete(b.cookies, c.Name)
			continue
		}
		if !slices.Contains(b.order, c.Name) {
			b.order = append(b.order, c.Name)
		}
		b.cookies[c.Name] = c.Value
	}
}

// want checks the status.
func (r response) want(status int) response {
	r.t.Helper()
	if r.Code != status {
		r.t.Fatalf("status %d, want %d; body: %.300s", r.Code, status, r.Body)
	}
	return r
}

// location is where a redirect leads.
func (r response) location() string {
	r.t.Helper()
	if r.Code/100 != 3 {
		r.t.Fatalf("status %d, want a redirect; body: %.300s", r.Code, r.Body)
	}
	return r.Header().Get("Location")
}

// shows checks for a text in the page.
func (r response) shows(text string) response {
	r.t.Helper()
	if !strings.Contains(r.Body.String(), text) {
		r.t.Fatalf("the page lacks %q: %.600s", text, r.Body)
	}
	return r
}

// hidden returns the value of a hidden input.
func (r response) hidden(name string) string {
	r.t.Helper()
	m := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(r.Body.String())
	if m == nil {
		r.t.Fatalf("no hidden input %s in %.600s", name, r.Body)
	}
	return m[1]
}

// action returns where the page's form goes.
func (r response) action() string {
	r.t.Helper()
	m := regexp.MustCompile(`<form[^>]* action="([^"]*)"`).FindStringSubmatch(r.Body.String())
	if m == nil {
		r.t.Fatalf("no form in %.600s", r.Body)
	}
	return html.UnescapeString(m[1])
}

func mustURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// authURL is an authorization request; extra are further parameters.
func authURL(client string, extra ...string) string {
	q := url.Values{
		"client_id": {client}, "redirect_uri": {"https://app.test/cb"}, "response_type": {"code"},
		"scope": {"openid"}, "state": {rand.Text()},
	}
	for i := 0; i+1 < len(extra); i += 2 {
		q.Set(extra[i], extra[i+1])
	}
	return oidcPath + "/auth?" + q.Encode()
}

// typeNumber goes through the number page to Keycloak's.
func (b *browser) typeNumber(target, number string) response {
	b.t.Helper()
	page := b.get(target).want(http.StatusOK).shows("ask for number")
	next := b.post(page.action(), url.Values{"schleuse_request": {page.hidden("schleuse_request")}, "number": {number}})
	return b.get(next.location())
}

// password signs in at Keycloak's page.
func (b *browser) password(page response, username, password string) response {
	b.t.Helper()
	return b.post(page.action(), url.Values{"username": {username}, "password": {password}})
}

// answer sends the form of a step.
func (b *browser) answer(page response, field, value string) response {
	b.t.Helper()
	return b.post(page.action(), url.Values{"schleuse_step": {page.hidden("schleuse_step")}, field: {value}})
}

// token asks the token endpoint.
func (w *world) token(form url.Values) response {
	w.t.Helper()
	if !form.Has("client_id") {
		form.Set("client_id", "app")
	}
	return w.browser().do(http.MethodPost, oidcPath+"/token", form, func(r *http.Request) { r.Header.Set("Accept", "*/*") })
}

func (w *world) redeem(code string) response {
	w.t.Helper()
	return w.token(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {"https://app.test/cb"}})
}

// codeOf returns the code of a redirect to the client, "" for none.
func codeOf(r response) string {
	u, err := url.Parse(r.Header().Get("Location"))
	if err != nil {
		r.t.Fatal(err)
	}
	return u.Query().Get("code")
}

// signIn goes the whole way of somebody who is cleared, or exempt.
func (b *browser) signIn(client, username string) response {
	b.t.Helper()
	page := b.typeNumber(authURL(client), strings.ToUpper(username))
	return b.password(page, username, "pw-"+username)
}
