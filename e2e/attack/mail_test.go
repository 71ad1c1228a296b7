package attack_test

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/e2e/visitor"
)

// What Keycloak does by mail: here it really sends, and the person reads.

// withMail lets Keycloak send for the rest of this test. Other tests see a
// realm without a mail server, in which some pages are others.
func (s *scene) withMail() {
	s.Helper()
	set := func(ctx context.Context, server map[string]string) {
		err := here.admin.EditRealm(ctx, func(realm map[string]any) { realm["smtpServer"] = server })
		if err != nil {
			s.Error(err)
		}
	}
	set(s.Context(), map[string]string{"host": "127.0.0.1", "port": strconv.Itoa(here.doors.Mail()), "from": "kasse@kasse.example"})
	s.Cleanup(func() { set(context.Background(), map[string]string{}) })
}

// unproven makes Keycloak demand that the person prove their mail address.
func unproven(s *scene) {
	s.withMail()
	s.admin(http.MethodPut, "users/"+s.person.ID, map[string]any{"emailVerified": false, "requiredActions": []string{"VERIFY_EMAIL"}}, nil)
}

func (s *scene) address() string { return strings.ToLower(s.person.Number) + "@kasse.example" }

// mailed is the link of the next mail to the person.
func (s *scene) mailed() string {
	s.Helper()
	message, err := here.mail.Await(s.Context(), s.address(), "/login-actions/action-token")
	if err != nil {
		s.Fatal(err)
	}
	for _, link := range message.Links() {
		if strings.HasPrefix(link, realm()+"/login-actions/action-token?") {
			return link
		}
	}
	s.Fatalf("no link to the gate in %q", message.Text)
	return ""
}

// byProvenMail opens the mailed link in the browser that signs in.
func byProvenMail(s *scene) (*visitor.Page, *verifier) {
	_, v := byPassword(nil)(s)
	return s.onward(s.get(s.mailed())), v
}

// link goes from the number to where Keycloak says that it has sent a mail.
func (s *scene) link(page *visitor.Page) {
	s.Helper()
	if form, err := page.Form("number"); err == nil {
		page = s.wish(s.submit(form, url.Values{"number": {s.person.Number}}))
	}
	page = s.submit(s.form(page, "name"), url.Values{"name": {strings.ToLower(s.person.Number)}})
	if form, err := page.Form("email"); err == nil { // the profile as the issuer tells it
		page = s.submit(form, url.Values{"email": {s.address()}})
	}
	s.submit(page.Forms()[0], url.Values{"submitAction": {"linkAccount"}})
}

// onward follows the one link of a page by which Keycloak asks to go on.
func (s *scene) onward(page *visitor.Page) *visitor.Page {
	s.Helper()
	for range 2 {
		next, err := page.Link("Klicken Sie hier")
		if held(page) || err != nil {
			break
		}
		page = s.get(next)
	}
	return page
}

// TestAMailedProofInAnotherBrowserOpensNothing: the link proves the address and
// signs nobody in, neither there nor, without the card, in the first browser.
func TestAMailedProofInAnotherBrowserOpensNothing(t *testing.T) {
	s := newScene(t, "attack-web")
	unproven(s)
	target, _ := s.begin(nil)
	s.login(target)
	other := *s
	other.at(here.doors.Gate(), "attack-web")
	other.onward(other.get(s.mailed()))
	other.ownsNothing()
	var account struct{ EmailVerified bool }
	s.admin(http.MethodGet, "users/"+s.person.ID, nil, &account)
	if !account.EmailVerified {
		t.Error("the link proved nothing")
	}
	s.get(target)
	s.ownsNothing()
}

// TestAMailThatSetsOrEnrolsStaysClosed: what Keycloak mails to change a
// password or enrol something runs before anything is held, so it is not there,
// and nothing has changed.
func TestAMailThatSetsOrEnrolsStaysClosed(t *testing.T) {
	s := newScene(t, "attack-web")
	s.withMail()
	for _, action := range []string{"UPDATE_PASSWORD", "CONFIGURE_TOTP", "webauthn-register-passwordless", "VERIFY_EMAIL"} {
		s.admin(http.MethodPut, "users/"+s.person.ID+"/execute-actions-email", []string{action}, nil)
		page := s.get(s.mailed())
		if page.Status != http.StatusNotFound {
			t.Errorf("%s: %d %s", action, page.Status, page.Text())
		}
	}
	s.ownsNothing()
	if got := s.enrolled(); len(got) > 0 {
		t.Errorf("enrolled %v", got)
	}
}

// TestAMailThatLinksStaysClosed: a foreign issuer knows somebody of that name,
// and whoever reads the owner's mail says that they are one. The link would be
// made before any login is held.
func TestAMailThatLinksStaysClosed(t *testing.T) {
	s := newScene(t, "attack-web")
	s.withMail()
	target, _ := s.begin(url.Values{"kc_idp_hint": {"fremd"}})
	s.link(s.get(target))
	link := s.mailed()
	other := *s
	other.at(here.doors.Gate(), "attack-web")
	for name, b := range map[string]*scene{"in the browser that asked": s, "in another": &other} {
		if page := b.get(link); page.Status != http.StatusNotFound {
			t.Errorf("%s: %d %s", name, page.Status, page.Text())
		}
		b.ownsNothing()
	}
	if got := s.enrolled(); len(got) > 0 {
		t.Errorf("linked %v", got)
	}
}

// TestAResetMailStaysClosed: a realm that lets people reset their password by
// mail, and a link that was asked for past the gate.
func TestAResetMailStaysClosed(t *testing.T) {
	s := newScene(t, "attack-web")
	s.withMail()
	set := func(ctx context.Context, allowed bool) {
		if err := here.admin.EditRealm(ctx, func(realm map[string]any) { realm["resetPasswordAllowed"] = allowed }); err != nil {
			t.Error(err)
		}
	}
	set(t.Context(), true)
	defer set(context.Background(), false)
	before := s.past()
	target, _ := before.begin(nil)
	forgotten, err := before.get(target).Link("Passwort vergessen")
	if err != nil {
		t.Fatal(err)
	}
	if page := s.get(forgotten); page.Status != http.StatusNotFound {
		t.Errorf("the way to a new password: %d %s", page.Status, page.Text())
	}
	before.submit(before.form(before.get(forgotten), "username"), url.Values{"username": {s.person.Number}})
	link := s.mailed()
	if page := s.get(link); page.Status != http.StatusNotFound {
		t.Errorf("the mailed link: %d %s", page.Status, page.Text())
	}
	s.bring(before, "AUTH_SESSION_ID", "KC_AUTH_SESSION_HASH")
	if page := s.get(link); page.Status != http.StatusNotFound {
		t.Errorf("the mailed link in the browser that asked: %d %s", page.Status, page.Text())
	}
	s.ownsNothing()
}
