package e2e_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/e2e/play"
	"github.com/schleuse/schleuse/e2e/visitor"
)

const (
	askSignIn  = "Möchten Sie sich gerade anmelden?"
	askNoPhone = "Ist Ihr Smartphone schon registriert?"
)

// twoFactors is a Schleuse that runs config/second-factor.yaml, with the
// addresses of the stage. It may die and come back.
type twoFactors struct {
	*annexe
	t    *testing.T
	spec play.Spec
}

// secondFactor starts one; edit replaces a part of the shipped text.
func secondFactor(t *testing.T, edit ...string) *twoFactors {
	t.Helper()
	shipped, err := os.ReadFile(filepath.Join("..", "config", "second-factor.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	port, internal := freePorts(t)
	text := string(shipped)
	for _, r := range [][2]string{
		{`listen: {address: "127.0.0.1:8080"}`, fmt.Sprintf("listen: {address: '127.0.0.1:%d'}\ninternal: 127.0.0.1:%d", port, internal)},
		{"postgres://schleuse@db/schleuse?sslmode=verify-full", "sqlite:" + dir + "/schleuse.db"},
		{"/run/secrets/schleuse/keys.json", dir + "/keys.json"},
		{"https://login.kasse.example", theatre.Ports.GateURL()},
		{"http://127.0.0.1:8081", theatre.Keycloak.URL},
		{"/run/secrets/schleuse/keycloak", dir + "/schleuse.secret"},
		{"/var/lib/schleuse/members.csv", dir + "/members.csv"},
		{"/var/spool/schleuse", filepath.Join(dir, play.LettersFolder)},
		{"{host: mail.kasse.example}", fmt.Sprintf("{host: 127.0.0.1, port: %d, tls: none}", theatre.Ports.Mail())},
		{"https://webcenter.kasse.example", theatre.Ports.SiteURL()},
		{"http://127.0.0.1:8082", theatre.Ports.UpstreamURL()},
		{"/run/secrets/schleuse/webcenter", dir + "/webcenter.secret"},
	} {
		if strings.Count(text, r[0]) != 1 {
			t.Fatalf("%q does not stand once in the shipped configuration", r[0])
		}
		text = strings.Replace(text, r[0], r[1], 1)
	}
	for i := 0; i+1 < len(edit); i += 2 {
		text = strings.Replace(text, edit[i], edit[i+1], 1)
	}
	f := &twoFactors{&annexe{letters: filepath.Join(dir, play.LettersFolder), doors: fmt.Sprintf("127.0.0.1:%d", port)}, t, play.Spec{
		Dir: dir, Port: port, Internal: internal, Edit: func([]byte) []byte { return []byte(text) },
	}}
	f.rise()
	t.Cleanup(func() { f.Stop() })
	return f
}

func (f *twoFactors) rise() {
	f.t.Helper()
	s, err := theatre.Schleuse(context.WithoutCancel(f.t.Context()), f.spec)
	if err != nil {
		f.t.Fatal(err)
	}
	f.Schleuse = s
}

// signingIn is somebody at a client, from the number to the answer.
type signingIn struct {
	*appUser
	at      visitor.App
	request visitor.Request
	page    *visitor.Page
}

// comes sends a person, signed in or not, to a client with this request.
func (u *appUser) comes(at visitor.App, extra url.Values) *signingIn {
	u.t.Helper()
	s := &signingIn{appUser: u, at: at, request: at.Begin(extra)}
	var err error
	s.page, err = u.browser.Open(u.t.Context(), s.request.URL, at.RedirectURI)
	for err == nil && (s.page.Title() == askNumber || s.page.Title() == askChoice || s.page.Title() == askPassword) {
		s.page, err = s.answered()
	}
	if err != nil {
		u.t.Fatal(err)
	}
	return s
}

// answered answers a page that leads to the second factor.
func (s *signingIn) answered() (*visitor.Page, error) {
	was := s.app
	s.app = s.at
	defer func() { s.app = was }()
	return s.answers(s.page)
}

// presses presses a button of the step.
func (s *signingIn) presses(wish string) {
	s.t.Helper()
	form, err := ownForm(s.page)
	if err == nil {
		s.page, err = s.browser.Submit(s.t.Context(), form, url.Values{"wish": {wish}}, s.at.RedirectURI)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *signingIn) stands(title string) *signingIn {
	s.t.Helper()
	if s.page.Next != nil || s.page.Title() != title {
		s.t.Fatalf("at %q (%d), goes to %v, want %q: %s", s.page.Title(), s.page.Status, s.page.Next, title, s.page.Text())
	}
	return s
}

// tokens are what the client gets.
func (s *signingIn) tokens() visitor.Tokens {
	s.t.Helper()
	if s.page.Next == nil || s.page.Query("code") == "" {
		s.t.Fatalf("no code: at %q, goes to %v: %s", s.page.Title(), s.page.Next, s.page.Text())
	}
	tokens, err := s.at.Redeem(s.t.Context(), s.page.Query("code"), s.request.Verifier)
	if err != nil || tokens.AccessToken == "" {
		s.t.Fatalf("no tokens: %+v, %v", tokens, err)
	}
	return tokens
}

// approves sends the request and confirms it on the phone.
func (s *signingIn) approves() {
	s.t.Helper()
	s.stands(askSignIn).presses("ask")
	s.stands(sayConfirm)
	if err := s.vouches(s.page); err != nil {
		s.t.Fatal(err)
	}
	s.presses("check")
}

func (u *appUser) refreshes(at visitor.App, token string) visitor.Tokens {
	u.t.Helper()
	tokens, err := at.Refresh(u.t.Context(), token)
	if err != nil {
		u.t.Fatal(err)
	}
	return tokens
}

// elsewhere is the same person at another browser.
func (u *appUser) elsewhere() *appUser {
	other := u.appUser(u.t, u.person)
	other.old = u.old
	return other
}

// TestTheSecondFactorAtEveryLogin walks the shipped profile: the phone is
// registered without one, and from then on each session is confirmed once.
func TestTheSecondFactorAtEveryLogin(t *testing.T) {
	f := secondFactor(t)
	u := f.identifiedCustomer(t)
	u.old = u.phone() // let in by the letter of its enrolment
	web := u.elsewhere()
	site := webCenter(web.browser)
	s := web.comes(site, nil)
	s.approves()
	tokens := s.tokens()
	if again := web.refreshes(site, tokens.RefreshToken); again.AccessToken == "" {
		t.Errorf("no refresh: %+v", again)
	}
	web.comes(site, nil).tokens()
	web.comes(web.app, nil).tokens()
	if got := web.comes(site, url.Values{"prompt": {"none"}}).page.Query("code"); got == "" {
		t.Error("a session that has passed is asked for silently, and there is no code")
	}

	denied := u.elsewhere().comes(webCenter(u.browser), nil)
	denied.stands(askSignIn).presses("ask")
	inbox, err := u.old.Inbox(t.Context(), 0, "")
	if err != nil || inbox.Count != 1 {
		t.Fatalf("inbox %+v, %v", inbox, err)
	}
	shown := u.waiting(u.old, inbox.Requests[0].ID)
	if shown.Title["de"] != "Anmeldung bestätigen" || shown.Fields[0].Value != "webcenter" {
		t.Errorf("the phone shows %+v", shown)
	}
	if _, err := u.old.Deny(t.Context(), shown, ""); err != nil {
		t.Fatal(err)
	}
	denied.presses("check")
	denied.stands(askLetter)
}

// TestWithoutAPhoneALetterIsTheSecondFactor.
func TestWithoutAPhoneALetterIsTheSecondFactor(t *testing.T) {
	f := secondFactor(t)
	u := f.identifiedCustomer(t)
	s := u.comes(webCenter(u.browser), nil)
	s.stands(askNoPhone).presses("check")
	s.stands(askNoPhone).presses("other")
	s.stands(askLetter)
	for range 5 {
		if s.page.Next != nil {
			break
		}
		var err error
		if s.page, err = s.answered(); err != nil {
			t.Fatal(err)
		}
	}
	s.tokens()
}

// TestTheSecondFactorForOneClient: what another gets without it opens nothing
// of that one's, and is not touched.
func TestTheSecondFactorForOneClient(t *testing.T) {
	f := secondFactor(t, "stepup: {always: true}", "stepup: {clients: [webcenter]}")
	u := f.identifiedCustomer(t)
	site := webCenter(u.browser)
	app := u.comes(u.app, nil).tokens()
	if got := u.comes(site, url.Values{"prompt": {"none"}}).page; got.Query("error") != "login_required" {
		t.Errorf("silent: %v", got.Next)
	}
	u.comes(site, nil).stands(askNoPhone)

	// A session that Keycloak gave to the WebCenter beside the gate.
	beside := past(t)
	direct := webCenter(beside)
	request := direct.Begin(url.Values{"login_hint": {u.person.Number}})
	page, err := beside.Open(t.Context(), request.URL, direct.RedirectURI)
	if err != nil {
		t.Fatal(err)
	}
	page = signIn(t, beside, page, u.person, direct.RedirectURI)
	raw, err := direct.Redeem(t.Context(), page.Query("code"), request.Verifier)
	if err != nil || raw.RefreshToken == "" {
		t.Fatalf("%+v, %v", raw, err)
	}
	if got := u.refreshes(site, raw.RefreshToken); got.Error != "invalid_grant" {
		t.Errorf("a refresh of a session that has not passed: %+v", got)
	}
	if got := u.refreshes(direct, raw.RefreshToken); got.AccessToken == "" {
		t.Errorf("its session was ended: %+v", got)
	}
	if got := u.refreshes(u.app, app.RefreshToken); got.AccessToken == "" {
		t.Errorf("the other client gets no refresh: %+v", got)
	}
	u.comes(u.app, nil).tokens()
}

// TestKilledWhileThePhoneIsAsked: nothing is lost, and nobody is asked twice.
func TestKilledWhileThePhoneIsAsked(t *testing.T) {
	f := secondFactor(t)
	u := f.identifiedCustomer(t)
	u.old = u.phone()
	web := u.elsewhere()
	s := web.comes(webCenter(web.browser), nil)
	s.stands(askSignIn).presses("ask")
	s.stands(sayConfirm)
	f.Kill()
	<-f.Done()
	f.rise()
	if err := s.vouches(s.page); err != nil {
		t.Fatal(err)
	}
	f.Kill()
	<-f.Done()
	f.rise()
	s.presses("check")
	s.tokens()
	if got := u.elsewhere().comes(webCenter(u.browser), nil); got.page.Title() != askSignIn {
		t.Errorf("another session is at %q", got.page.Title())
	}
}
