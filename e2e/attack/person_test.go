package attack_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/e2e/visitor"
)

// toKeycloak goes from an authorization request to Keycloak's own page.
func (s *scene) toKeycloak(extra url.Values) *visitor.Page {
	s.Helper()
	target, _ := s.begin(extra)
	page := s.get(target)
	return s.wish(s.submit(s.form(page, "number"), url.Values{"number": {s.person.Number}}))
}

// TestRule14TheNumberIsTheUserName: the name in the form is the number that
// was typed, whatever the browser sends.
func TestRule14TheNumberIsTheUserName(t *testing.T) {
	s := newScene(t, "attack-web")
	other := newPerson(t, "identified")
	page := s.toKeycloak(url.Values{"login_hint": {other.Number}})
	form := s.form(page, "password")
	page = s.submit(form, url.Values{"username": {other.Number}, "password": {other.Password}})
	s.ownsNothing()
	if _, err := page.Form("password"); err != nil {
		t.Errorf("rests at %s (%d): %s", page.URL.Path, page.Status, page.Text())
	}
	var hinted, posted string
	for _, u := range here.tap.of(s.agent()) {
		target, err := url.Parse(u.Target)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(target.Path, "/auth") {
			hinted = target.Query().Get("login_hint")
		}
		if values, err := url.ParseQuery(u.Body); err == nil && values.Get("password") != "" {
			posted = strings.Join(values["username"], " ")
		}
	}
	if !strings.EqualFold(hinted, s.person.Number) || !strings.EqualFold(posted, s.person.Number) {
		t.Errorf("Keycloak was sent the hint %q and the name %q, want %s", hinted, posted, s.person.Number)
	}
}

// TestRule14TheNumberIsInNoAddress, no readable cookie, and is not remembered.
func TestRule14TheNumberIsInNoAddress(t *testing.T) {
	s := newScene(t, "attack-web", "identified")
	page := s.toKeycloak(nil)
	page = s.submit(s.form(page, "password"), url.Values{"password": {s.person.Password}, "rememberMe": {"on"}})
	if page.Query("code") == "" {
		t.Fatalf("rests at %s (%d)", page.URL.Path, page.Status)
	}
	for _, a := range s.recorder.seen {
		if readable(a.location, s.person) || readable(a.request, s.person) {
			t.Errorf("in an address: %s → %s", a.request, a.location)
		}
		for _, c := range a.cookies {
			if readable(c, s.person) || strings.HasPrefix(c, "KEYCLOAK_REMEMBER_ME=u") {
				t.Errorf("in a cookie of %s: %.60s", a.request, c)
			}
		}
	}
}

func readable(text string, p person) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(p.Number))
}

// TestRule14AnotherAccountThanTheNumbers: whoever signs in as somebody else,
// by whatever means, is signed out, and is not told whose number it was.
func TestRule14AnotherAccountThanTheNumbers(t *testing.T) {
	for name, roles := range map[string][]string{"cleared": {"identified"}, "not cleared": nil} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, "attack-web")
			other := s.person
			typed := newPerson(t, roles...)
			s.person = other
			withBroker(s)
			s.person = typed
			page := s.toKeycloak(url.Values{"kc_idp_hint": {"fremd"}})
			page = s.submit(s.form(page, "name"), url.Values{"name": {strings.ToLower(other.Number)}})
			s.ownsNothing()
			s.person = other
			if n := s.sessions(); n != 0 || page.Status != http.StatusForbidden {
				t.Errorf("%d, %d sessions live", page.Status, n)
			}
			if readable(page.Text(), typed) || readable(page.Text(), other) {
				t.Errorf("the page tells the number: %s", page.Text())
			}
		})
	}
}

// TestRule14NoNumberNoPassword: a password for which no number is known does
// not go to Keycloak.
func TestRule14NoNumberNoPassword(t *testing.T) {
	s := newScene(t, "attack-web", "identified")
	form := s.form(s.toKeycloak(nil), "password")
	s.v.DropCookies("__Host-schleuse-number")
	page := s.submit(form, url.Values{"username": {s.person.Number}, "password": {s.person.Password}})
	if _, err := page.Form("number"); err != nil {
		t.Error(err)
	}
	for _, u := range here.tap.of(s.agent()) {
		if strings.Contains(u.Body, s.person.Password) {
			t.Errorf("went to Keycloak with %s %s", u.Method, u.Target)
		}
	}
	s.ownsNothing()
}

// TestRule14AForgedHintIsNoNumber: a cookie that claims to be somebody
// cleared, of the session that the login to come will have, spares nobody the
// number.
func TestRule14AForgedHintIsNoNumber(t *testing.T) {
	s := newScene(t, "attack-web")
	genuine := newScene(t, "attack-web", "identified").pastIdentity()
	s.plant("KEYCLOAK_IDENTITY", genuine[:len(genuine)-6]+"AAAAAA")
	target, _ := s.begin(nil)
	page := s.get(target)
	if _, err := page.Form("number"); err != nil {
		t.Errorf("%v: %s", err, page.Text())
	}
	s.gotNothing()
}

// TestLoginCSRF: no other site can type a number or an answer for somebody.
func TestLoginCSRF(t *testing.T) {
	s := newScene(t, "attack-web")
	target, _ := s.begin(nil)
	number := s.form(s.get(target), "number")
	number.Fields.Set("number", s.person.Number)
	page := s.login(target)
	digit := s.form(page, "digits")
	digit.Fields.Set("digits", digits)
	for name, form := range map[string]visitor.Form{"number": number, "digits": digit} {
		for _, site := range []string{"cross-site", "same-site"} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, form.Action, strings.NewReader(form.Fields.Encode()))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			request.Header.Set("Origin", "http://evil.localhost")
			request.Header.Set("Sec-Fetch-Site", site)
			answer, err := s.v.Do(request)
			if err != nil || answer.Status < 400 || answer.Status >= 500 {
				t.Errorf("%s from %s: %d %v", name, site, answer.Status, err)
			}
		}
	}
	if has, err := here.admin.HasRole(t.Context(), strings.ToLower(s.person.Number), "identified"); err != nil || has {
		t.Errorf("cleared by another site: %t %v", has, err)
	}
}

// TestFixation: who gave somebody else the cookies of a login under way gains
// nothing by it.
func TestFixation(t *testing.T) {
	thief := newScene(t, "attack-web")
	thief.toKeycloak(nil)
	victim := newScene(t, "attack-web", "identified")
	for _, name := range []string{"AUTH_SESSION_ID", "KC_RESTART", "KC_AUTH_SESSION_HASH"} {
		value, ok := thief.v.Cookie(realm()+"/", name)
		if ok {
			victim.plant(name, value)
		}
	}
	target, _ := victim.begin(nil)
	page := victim.login(target)
	if page.Query("code") == "" {
		t.Logf("the victim rests at %s (%d): %s", page.URL.Path, page.Status, page.Title())
	}
	for _, extra := range []url.Values{nil, {"prompt": {"none"}}} {
		target, _ = thief.begin(extra)
		thief.get(target)
	}
	thief.ownsNothing()
}

// TestAdminAPIDown: nobody is let through, and nobody is logged out. What was
// looked up lately may be used for five seconds.
func TestAdminAPIDown(t *testing.T) {
	cleared := newScene(t, "attack-web", "identified")
	tokens := cleared.signedIn(nil)
	fresh := newScene(t, "attack-web")
	form := fresh.form(fresh.toKeycloak(nil), "password")
	sso, _ := cleared.begin(nil)
	refresh := func() visitor.Tokens {
		got := cleared.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.RefreshToken}})
		if got.RefreshToken != "" {
			tokens = got
		}
		return got
	}

	here.tap.adminDown.Store(true)
	defer here.tap.adminDown.Store(false)
	fresh.submit(form, url.Values{"password": {fresh.person.Password}})
	fresh.ownsNothing()
	within(t, "an SSO is still let through", func() bool { return cleared.get(sso).Status == http.StatusServiceUnavailable })
	within(t, "a refresh is still let through", func() bool {
		got := refresh()
		return got.Status == http.StatusServiceUnavailable && got.AccessToken == ""
	})
	if cleared.sessions() == 0 || fresh.sessions() == 0 {
		t.Error("somebody was logged out")
	}

	here.tap.adminDown.Store(false)
	within(t, "an SSO is still refused", func() bool { return cleared.get(sso).Query("code") != "" })
	within(t, "a refresh is still refused", func() bool { return refresh().AccessToken != "" })
}

// within polls until ok, for at most 20 s.
func within(t *testing.T, still string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); <-time.After(250 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Error(still)
			return
		}
	}
}
