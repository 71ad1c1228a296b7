package attack_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/schleuse/schleuse/e2e/stage"
	"github.com/schleuse/schleuse/e2e/visitor"
)

const (
	realmName    = "angriff"
	clientSecret = "attack-demo-secret-of-at-least-32-bytes"
	redirectURI  = "http://app.localhost:9/cb"
	digits       = "4711"
	people       = 400         // so many have a card in the master data
	patience     = time.Minute // for a program beside the test
)

// number is the i-th insurance number, with its check digit.
func number(i int) string {
	text := fmt.Sprintf("T9%07d", i)
	sum := 0
	for place, d := range "20" + text[1:] {
		n := int(d-'0') * (1 + place%2)
		sum += n/10 + n%10
	}
	return text + strconv.Itoa(sum%10)
}

var nextPerson, nextAddress atomic.Int32

// person is an account of the realm.
type person struct {
	Number, ID, Password string
}

// met remembers whom attacks were played with.
var met acquaintances

type acquaintances struct {
	mu     sync.Mutex
	people []stage.Person
}

func (a *acquaintances) add(p stage.Person) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.people = append(a.people, p)
}

func (a *acquaintances) all() []stage.Person {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.people)
}

// scene is one attack: a browser, its person and a client.
type scene struct {
	*testing.T
	v        *visitor.Visitor
	recorder *recorder
	person   person
	app      visitor.App
}

func gateHost() string { return strings.TrimPrefix(here.Ports.GateURL(), "http://") }

func realm() string { return here.Ports.GateURL() + "/realms/" + realmName }

func local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// browser is a new one, at an address of its own, that reaches login.localhost
// at a port of ours.
func browser(port int) (*visitor.Visitor, *recorder) {
	v := visitor.New()
	v.Dial = map[string]string{gateHost(): local(port)}
	n := nextAddress.Add(1)
	v.Header.Set("X-Forwarded-For", fmt.Sprintf("10.18.%d.%d", n/250, n%250+1))
	v.Header.Set("User-Agent", fmt.Sprintf("browser-%d", n))
	client := v.HTTPClient()
	r := &recorder{next: client.Transport}
	client.Transport = r
	return v, r
}

// newScene makes a person with these realm roles and gives them a browser in
// front of the closed gate.
func newScene(t *testing.T, client string, roles ...string) *scene {
	t.Helper()
	s := &scene{T: t, person: newPerson(t, roles...)}
	s.at(here.doors.Gate(), client)
	return s
}

func newPerson(t *testing.T, roles ...string) person {
	t.Helper()
	p := person{Number: number(int(nextPerson.Add(1)) - 1), Password: "Angriff-" + random()}
	name := strings.ToLower(p.Number)
	if err := here.admin.CreateUser(t.Context(), name, p.Password, roles...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { here.admin.DeleteUser(context.Background(), name) })
	id, err := here.admin.UserID(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	p.ID = id
	met.add(stage.Person{Name: "Test Angriff", Number: p.Number, Password: p.Password, Digits: digits})
	return p
}

// at gives the scene a new browser in front of another door.
func (s *scene) at(port int, client string) {
	s.v, s.recorder = browser(port)
	s.app = visitor.App{Issuer: realm(), ID: client, Secret: clientSecret, RedirectURI: redirectURI, HTTP: s.v.HTTPClient()}
}

// past is a browser that reaches Keycloak without the gate, as before its
// introduction. Nothing that it gets is recorded.
func (s *scene) past() *scene {
	other := *s
	other.at(here.Ports.Keycloak(), s.app.ID)
	return &other
}

// bring takes the cookies of another browser along.
func (s *scene) bring(from *scene, names ...string) {
	s.Helper()
	for _, name := range names {
		if value, ok := from.v.Cookie(realm()+"/", name); ok {
			if err := s.v.SetCookie(realm()+"/", name, value); err != nil {
				s.Fatal(err)
			}
		}
	}
}

// agent names this browser in what the tap has seen.
func (s *scene) agent() string { return s.v.Header.Get("User-Agent") }

func (s *scene) get(target string) *visitor.Page {
	s.Helper()
	page, err := s.v.Open(s.Context(), target, redirectURI)
	if err != nil {
		s.Fatalf("%v%s", err, s.recorder.trail())
	}
	return page
}

func (s *scene) submit(form visitor.Form, fill url.Values) *visitor.Page {
	s.Helper()
	page, err := s.v.Submit(s.Context(), form, fill, redirectURI)
	if err != nil {
		s.Fatalf("%v%s", err, s.recorder.trail())
	}
	return page
}

// form returns the form with the field, or fails with what is there instead.
func (s *scene) form(page *visitor.Page, field string) visitor.Form {
	s.Helper()
	form, err := page.Form(field)
	if err != nil {
		s.Fatalf("%v: %s%s", err, page.Text(), s.recorder.trail())
	}
	return form
}

// login goes from an authorization request through number and password to
// whatever comes then.
func (s *scene) login(target string) *visitor.Page {
	s.Helper()
	return s.password(s.get(target))
}

// password answers the number page, where there is one, and Keycloak's form,
// in the order in which they come.
func (s *scene) password(page *visitor.Page) *visitor.Page {
	s.Helper()
	for range 3 {
		if form, err := page.Form("number"); err == nil {
			page = s.wish(s.submit(form, url.Values{"number": {s.person.Number}}))
		}
		form, err := page.Form("password")
		if err != nil {
			break
		}
		page = s.submit(form, url.Values{"username": {s.person.Number}, "password": {s.person.Password}})
		if _, err := page.Form("number"); err != nil {
			return page
		}
	}
	s.Fatalf("no password is asked at %s (%d): %s%s", page.URL.Path, page.Status, page.Text(), s.recorder.trail())
	return nil
}

// wish says, where it is asked, that the person wants to sign in.
func (s *scene) wish(page *visitor.Page) *visitor.Page {
	s.Helper()
	form, err := page.Form("schleuse_request")
	if err != nil {
		return page
	}
	return s.submit(form, url.Values{"wish": {"sign_in"}})
}

// digits answers the card page and goes on to where the login was to lead.
func (s *scene) digits(page *visitor.Page) *visitor.Page {
	s.Helper()
	return s.submit(s.form(page, "digits"), url.Values{"digits": {digits}})
}

// held says that the page is one of the gate's own steps.
func held(page *visitor.Page) bool {
	return strings.HasPrefix(page.URL.Path, "/schleuse/attempts/") && page.Status == http.StatusOK
}

// ownsNothing fails when anything by which the person is signed in came out,
// or when the account has gained a means of signing in.
func (s *scene) ownsNothing() {
	s.Helper()
	for _, leak := range s.recorder.leaks() {
		s.Errorf("%s%s", leak, s.recorder.trail())
	}
	if value, ok := s.v.Cookie(realm()+"/", "KEYCLOAK_IDENTITY"); ok && value != "" {
		s.Error("the browser has an identity cookie")
	}
}

// enrolled lists the account's means of signing in beside the password.
func (s *scene) enrolled() []string {
	s.Helper()
	var out []string
	var credentials []struct{ Type string }
	s.admin(http.MethodGet, "users/"+s.person.ID+"/credentials", nil, &credentials)
	for _, c := range credentials {
		if c.Type != "password" {
			out = append(out, c.Type)
		}
	}
	var links []struct{ IdentityProvider string }
	s.admin(http.MethodGet, "users/"+s.person.ID+"/federated-identity", nil, &links)
	for _, l := range links {
		out = append(out, "identity provider "+l.IdentityProvider)
	}
	return out
}

func (s *scene) admin(method, path string, in, out any) {
	s.Helper()
	if _, err := here.admin.Do(s.Context(), method, path, in, out); err != nil {
		s.Fatal(err)
	}
}

// sessions counts the person's sessions, online ones.
func (s *scene) sessions() int {
	s.Helper()
	n, err := here.admin.Sessions(s.Context(), strings.ToLower(s.person.Number))
	if err != nil {
		s.Fatal(err)
	}
	return n
}

func (s *scene) grant(role string) {
	s.Helper()
	if err := here.admin.Grant(s.Context(), strings.ToLower(s.person.Number), role); err != nil {
		s.Fatal(err)
	}
}

func (s *scene) withdraw(role string) {
	s.Helper()
	if err := here.admin.Withdraw(s.Context(), strings.ToLower(s.person.Number), role); err != nil {
		s.Fatal(err)
	}
}

// redeems says whether the code of the page buys tokens.
func (s *scene) redeem(page *visitor.Page, verifier string) visitor.Tokens {
	s.Helper()
	tokens, err := s.app.Redeem(s.Context(), page.Query("code"), verifier)
	if err != nil {
		s.Fatal(err)
	}
	return tokens
}

func random() string {
	var raw [8]byte
	rand.Read(raw[:])
	return hex.EncodeToString(raw[:])
}
