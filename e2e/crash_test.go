package e2e_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/schleuse/schleuse/e2e/play"
	"github.com/schleuse/schleuse/e2e/stage"
	"github.com/schleuse/schleuse/e2e/visitor"
)

// wire stands between one Schleuse and Keycloak, where a test may cut it.
type wire struct {
	*httptest.Server
	before atomic.Pointer[func(*http.Request) bool] // true: the request does not go on
	after  atomic.Pointer[func(*http.Request)]
}

func newWire(t *testing.T) *wire {
	t.Helper()
	target, err := url.Parse(theatre.Keycloak.URL)
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
		for name, values := range r.In.Header {
			if strings.HasPrefix(name, "X-Forwarded-") {
				r.Out.Header[name] = values
			}
		}
	}}
	w.Server = httptest.NewServer(theatre.Noting(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if before := w.before.Load(); before != nil && (*before)(r) {
			http.Error(out, "cut", http.StatusBadGateway)
			return
		}
		proxy.ServeHTTP(out, r)
		if after := w.after.Load(); after != nil {
			(*after)(r)
		}
	})))
	t.Cleanup(w.Close)
	return w
}

func grantsRole(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/role-mappings/realm")
}

// mortal is a Schleuse of the test's own, behind a wire, that may die and come
// back with the same files.
type mortal struct {
	*play.Schleuse
	t    *testing.T
	on   *play.Play
	wire *wire
	spec play.Spec
}

func newMortal(t *testing.T) *mortal { return newReplica(t, play.Spec{}, nil) }

// newReplica is one of several at a database (of its own where the spec names
// none), with the keys of another, if there is one.
func newReplica(t *testing.T, spec play.Spec, like *mortal) *mortal {
	t.Helper()
	dir := t.TempDir()
	m := &mortal{t: t, on: theatre, wire: newWire(t), spec: spec}
	m.spec.Dir, m.spec.KeycloakURL = dir, m.wire.URL
	m.spec.Port, m.spec.Internal = freePorts(t)
	if like != nil {
		keys, err := os.ReadFile(filepath.Join(like.spec.Dir, "keys.json"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "keys.json"), keys, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m.rise()
	t.Cleanup(func() { m.Stop() })
	return m
}

func freePorts(t *testing.T) (port, internal int) {
	t.Helper()
	ports, err := stage.FreePorts()
	if err != nil {
		t.Fatal(err)
	}
	return ports.Gate(), ports.Internal()
}

// rise starts it, with the same files as before.
func (m *mortal) rise() {
	m.t.Helper()
	schleuse, err := m.on.Schleuse(context.WithoutCancel(m.t.Context()), m.spec)
	if err != nil {
		m.t.Fatal(err)
	}
	m.Schleuse = schleuse
}

// visitor returns a browser that finds gate and site at this Schleuse.
func (m *mortal) visitor() *visitor.Visitor {
	v := visitor.New()
	m.serve(v)
	return v
}

// serve leads a browser to this Schleuse from now on, as a load balancer would.
func (m *mortal) serve(v *visitor.Visitor) {
	v.Leave()
	address := strings.TrimPrefix(stage.Loopback(m.spec.Port), "http://")
	v.Dial[strings.TrimPrefix(theatre.Ports.GateURL(), "http://")] = address
	v.Dial[strings.TrimPrefix(theatre.Ports.SiteURL(), "http://")] = address
}

// known adds the person to this Schleuse's master data.
func (m *mortal) known(person stage.Person) { inFile(m.t, m.Members, insured(person)) }

// toTheCard goes as far as the card page.
func (m *mortal) toTheCard(v *visitor.Visitor, person stage.Person) *visitor.Page {
	m.t.Helper()
	m.known(person)
	page := signIn(m.t, v, walkToPassword(m.t, v, person), person)
	if page.Title() != askDigits {
		m.t.Fatalf("not at the card page, but at %q: %s", page.Title(), page.Text())
	}
	return page
}

// answer sends the digits and may lose the connection.
func (m *mortal) answer(v *visitor.Visitor, page *visitor.Page, person stage.Person) (*visitor.Page, error) {
	m.t.Helper()
	form, err := page.Form("digits")
	if err != nil {
		m.t.Fatal(err)
	}
	return v.Submit(m.t.Context(), form, url.Values{"digits": {person.Digits}})
}

func (m *mortal) open(v *visitor.Visitor, address string) *visitor.Page {
	m.t.Helper()
	page, err := v.Open(m.t.Context(), address)
	if err != nil {
		m.t.Fatal(err)
	}
	return page
}

// letIn demands that the page is the WebCenter's and the person identified.
func (m *mortal) letIn(page *visitor.Page, person stage.Person) {
	m.t.Helper()
	if page.Title() != sayInbox {
		m.t.Errorf("not in the WebCenter but at %q (%d): %s", page.Title(), page.Status, page.Text())
	}
	if !identified(m.t, person) {
		m.t.Error("the person is not identified at Keycloak")
	}
}

// tryAgain follows the way on that an error page offers, as often as it takes
// until Keycloak is asked again, and ends at the card page.
func (m *mortal) tryAgain(v *visitor.Visitor, page *visitor.Page) *visitor.Page {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), 30*time.Second)
	defer cancel()
	for page.Title() != askDigits {
		again, err := page.Link("Noch einmal versuchen")
		if err != nil {
			m.t.Fatal(err)
		}
		page = m.open(v, again)
		select {
		case <-ctx.Done():
			m.t.Fatalf("the way on leads to %q (%d): %s", page.Title(), page.Status, page.Text())
		case <-time.After(200 * time.Millisecond):
		}
	}
	return page
}

func TestACrashBetweenHoldAndAnswer(t *testing.T) {
	person, m := newCustomer(t), newMortal(t)
	v := m.visitor()
	page := m.toTheCard(v, person)
	m.Kill()
	m.rise()
	page = m.open(v, page.URL.String())
	if page.Title() != askDigits {
		t.Fatalf("after the crash: %q", page.Title())
	}
	page, err := m.answer(v, page, person)
	if err != nil {
		t.Fatal(err)
	}
	m.letIn(page, person)
}

func TestACrashBetweenProofAndRole(t *testing.T) {
	person, m := newCustomer(t), newMortal(t)
	v := m.visitor()
	page := m.toTheCard(v, person)
	die := func(r *http.Request) bool {
		if grantsRole(r) {
			m.Kill()
		}
		return grantsRole(r)
	}
	m.wire.before.Store(&die)
	if _, err := m.answer(v, page, person); err == nil {
		t.Fatal("it did not die")
	}
	m.wire.before.Store(nil)
	if identified(t, person) {
		t.Fatal("the role is there before it was given")
	}
	m.rise()
	m.letIn(m.open(v, page.URL.String()), person)
}

func TestACrashBetweenRoleAndRelease(t *testing.T) {
	person, m := newCustomer(t), newMortal(t)
	v := m.visitor()
	page := m.toTheCard(v, person)
	die := func(r *http.Request) {
		if grantsRole(r) {
			m.Kill()
		}
	}
	m.wire.after.Store(&die)
	if _, err := m.answer(v, page, person); err == nil {
		t.Fatal("it did not die")
	}
	m.wire.after.Store(nil)
	m.rise()
	m.letIn(m.open(v, page.URL.String()), person)
}

func TestACrashBeforeTheReleaseIsFetched(t *testing.T) {
	person, m := newCustomer(t), newMortal(t)
	v := m.visitor()
	page := m.toTheCard(v, person)
	form, err := page.Form("digits")
	if err != nil {
		t.Fatal(err)
	}
	done, err := v.Submit(t.Context(), form, url.Values{"digits": {person.Digits}}, theatre.Ports.GateURL()+"/schleuse/attempts/")
	if err != nil || done.Next == nil {
		t.Fatalf("no way on after the answer: %v", err)
	}
	m.Kill()
	m.rise()
	m.letIn(m.open(v, done.Next.String()), person)
}

func TestAReleaseThatGotLostAsksNobodyTwice(t *testing.T) {
	person, m := newCustomer(t), newMortal(t)
	v := m.visitor()
	page := m.toTheCard(v, person)
	attempt := page.URL.String()
	form, err := page.Form("digits")
	if err != nil {
		t.Fatal(err)
	}
	site := theatre.Ports.SiteURL()
	released, err := v.Submit(t.Context(), form, url.Values{"digits": {person.Digits}}, site)
	if err != nil || released.Next == nil {
		t.Fatalf("nothing was released: %v", err)
	}
	m.Kill() // the code is on its way, and nobody redeems it
	m.rise()
	m.letIn(m.open(v, attempt), person)
}

func TestWithoutTheAdminAPINobodyIsLetThroughOrLoggedOut(t *testing.T) {
	person, other, m := newCustomer(t), newCustomer(t), newMortal(t)
	v := m.visitor()
	page, err := m.answer(v, m.toTheCard(v, person), person)
	if err != nil {
		t.Fatal(err)
	}
	m.letIn(page, person)

	m.known(other)
	w := m.visitor()
	atPassword := walkToPassword(t, w, other)
	down := func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/admin/") }
	m.wire.before.Store(&down)
	page = signIn(t, w, atPassword, other)
	if page.Status != http.StatusServiceUnavailable {
		t.Errorf("the other is at %q with %d, want 503", page.Title(), page.Status)
	}
	if _, has := w.Cookie(theatre.Ports.GateURL()+"/realms/kasse/", "KEYCLOAK_IDENTITY"); has {
		t.Error("the other owns an identity cookie")
	}
	if page := m.open(v, theatre.Ports.SiteURL()+"/postfach/"); page.Title() != sayInbox {
		t.Errorf("the person who was in is at %q with %d", page.Title(), page.Status)
	}
	m.wire.before.Store(nil)
	if n := sessions(t, person); n != 1 {
		t.Errorf("the person who was in has %d sessions, want one", n)
	}
	page = m.tryAgain(w, page)
	if page, err = m.answer(w, page, other); err != nil {
		t.Fatal(err)
	}
	m.letIn(page, other)
}
