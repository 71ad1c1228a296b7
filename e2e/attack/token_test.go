package attack_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/e2e/visitor"
)

const (
	grantDevice   = "urn:ietf:params:oauth:grant-type:device_code"
	grantCIBA     = "urn:openid:params:grant-type:ciba"
	grantExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
)

func (s *scene) token(form url.Values) visitor.Tokens {
	s.Helper()
	tokens, err := s.app.Token(s.Context(), form)
	if err != nil {
		s.Fatal(err)
	}
	return tokens
}

// signedIn is the tokens of somebody who is cleared, by the way in front.
func (s *scene) signedIn(extra url.Values) visitor.Tokens {
	s.Helper()
	page, v := byPassword(extra)(s)
	if page.Query("code") == "" {
		page = s.agree(page)
	}
	tokens := s.redeem(page, v.secret)
	if tokens.RefreshToken == "" {
		s.Fatalf("no tokens: %+v; %s (%d): %s%s", tokens, page.URL.Path, page.Status, page.Text(), s.recorder.trail())
	}
	return tokens
}

// TestRule12GrantsThatAreClosed: neither cleared nor uncleared people get tokens by
// a grant that nobody opened, though Keycloak would give them.
func TestRule12GrantsThatAreClosed(t *testing.T) {
	s := newScene(t, "attack-web", "identified")
	tokens := s.signedIn(nil)
	name := strings.ToLower(s.person.Number)
	for label, form := range map[string]url.Values{
		"password":           {"grant_type": {"password"}, "username": {name}, "password": {s.person.Password}, "scope": {"openid"}},
		"device":             {"grant_type": {grantDevice}, "device_code": {"x"}},
		"ciba":               {"grant_type": {grantCIBA}, "auth_req_id": {"x"}},
		"exchange":           {"grant_type": {grantExchange}, "subject_token": {tokens.AccessToken}, "subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"}},
		"jwt bearer":         {"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {tokens.AccessToken}},
		"uma":                {"grant_type": {"urn:ietf:params:oauth:grant-type:uma-ticket"}, "audience": {"attack-web"}},
		"unknown":            {"grant_type": {"magic"}},
		"none":               {},
		"blank behind":       {"grant_type": {"password "}, "username": {name}, "password": {s.person.Password}},
		"code, other letter": {"grant_type": {"Authorization_code"}, "code": {"x"}},
	} {
		if got := s.token(form); got.Status != http.StatusBadRequest || got.AccessToken != "" || got.Error != "unsupported_grant_type" {
			t.Errorf("%s: %d %s", label, got.Status, got.Error)
		}
	}
	cli := s.app
	cli.ID, cli.Secret = "admin-cli", ""
	form := url.Values{"grant_type": {"password"}, "username": {name}, "password": {s.person.Password}}
	if got, err := cli.Token(t.Context(), form); err != nil || got.AccessToken != "" || got.Status != http.StatusBadRequest {
		t.Errorf("admin-cli: %+v %v", got, err)
	}
	if got := s.token(url.Values{"grant_type": {"client_credentials"}}); got.AccessToken == "" {
		t.Errorf("client_credentials: %+v", got)
	}
}

// TestRule12TokensAfterClearanceIsWithdrawn: refresh and offline tokens of before
// buy nothing, and the session is gone, offline too.
func TestRule12TokensAfterClearanceIsWithdrawn(t *testing.T) {
	for name, extra := range map[string]url.Values{"online": nil, "offline": {"scope": {"openid offline_access"}}} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, "attack-web", "identified")
			tokens := s.signedIn(extra)
			again := s.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.RefreshToken}})
			if again.AccessToken == "" {
				t.Fatalf("refresh: %+v", again)
			}
			s.withdraw("identified")
			within(t, "withdrawn, and still tokens", func() bool { // what was looked up lately may be used for 5 s
				got := s.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {again.RefreshToken}})
				if got.RefreshToken != "" {
					again = got
				}
				return got.AccessToken == "" && got.Error == "invalid_grant" && got.Status == http.StatusBadRequest
			})
			if n := s.sessions(); n != 0 {
				t.Errorf("%d sessions live", n)
			}
			s.grant("identified")
			got := s.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {again.RefreshToken}})
			if got.AccessToken != "" {
				t.Error("the old token lives again")
			}
		})
	}
}

// TestRule10ACodeIsOfTheGate: a code that never left through the gate, one used
// twice, one of somebody who was cleared when it left.
func TestRule10ACodeIsOfTheGate(t *testing.T) {
	s := newScene(t, "attack-web", "identified")
	before := s.past()
	target, v := before.begin(nil)
	page := before.login(target)
	if got := s.redeem(page, v.secret); got.AccessToken != "" || got.Error != "invalid_grant" {
		t.Errorf("a code from past the gate: %+v", got)
	}
	target, v = s.begin(nil)
	page = s.login(target)
	s.withdraw("identified")
	if got := s.redeem(page, v.secret); got.AccessToken != "" || got.Error != "invalid_grant" {
		t.Errorf("a code of somebody no longer cleared: %+v", got)
	}
	if n := s.sessions(); n > 1 { // the one past the gate is not known here
		t.Errorf("%d sessions live", n)
	}
}

// device asks for a device code and opens the page for it as a browser does.
func (s *scene) device() (code string, page *visitor.Page) {
	s.Helper()
	var answer struct {
		DeviceCode string `json:"device_code"`
		Complete   string `json:"verification_uri_complete"`
	}
	if status, err := s.app.PostJSON(s.Context(), "auth/device", url.Values{"scope": {"openid"}}, &answer); err != nil || status != http.StatusOK {
		s.Fatalf("device: %d %v", status, err)
	}
	page = s.get(answer.Complete)
	return answer.DeviceCode, s.agree(s.password(page))
}

// TestRule13DevicesWhenOpened: the approval of a device happens before any hold, so
// the token endpoint is where it ends.
func TestRule13DevicesWhenOpened(t *testing.T) {
	s := newScene(t, "attack-web")
	s.at(here.openPort(), "attack-web")
	code, page := s.device()
	got := s.token(url.Values{"grant_type": {grantDevice}, "device_code": {code}})
	if got.AccessToken != "" || got.Status != http.StatusBadRequest {
		t.Errorf("uncleared: %+v", got)
	}
	s.ownsNothing()
	if n := s.sessions(); n != 0 || page.Status != http.StatusForbidden {
		t.Errorf("%d sessions live; rests at %s (%d): %s%s", n, page.URL.Path, page.Status, page.Text(), s.recorder.trail())
	}
	s = newScene(t, "attack-web", "identified")
	s.at(here.openPort(), "attack-web")
	code, page = s.device()
	if got = s.token(url.Values{"grant_type": {grantDevice}, "device_code": {code}}); got.AccessToken == "" {
		t.Errorf("cleared: %+v; rests at %s (%d): %s", got, page.URL.Path, page.Status, page.Text())
	}
}

// TestADeviceApprovedPastTheGate buys nothing at the gate.
func TestADeviceApprovedPastTheGate(t *testing.T) {
	s := newScene(t, "attack-web")
	code, _ := s.past().device()
	s.at(here.openPort(), "attack-web")
	got := s.token(url.Values{"grant_type": {grantDevice}, "device_code": {code}})
	if got.AccessToken != "" || got.Error != "invalid_grant" {
		t.Errorf("%+v", got)
	}
	if n := s.sessions(); n != 0 {
		t.Errorf("%d sessions live", n)
	}
}

func (s *scene) ciba() visitor.Tokens {
	s.Helper()
	var answer struct {
		ID string `json:"auth_req_id"`
	}
	status, err := s.app.PostJSON(s.Context(), "ext/ciba/auth", url.Values{
		"login_hint": {strings.ToLower(s.person.Number)}, "scope": {"openid"}, "binding_message": {"AB-12"},
	}, &answer)
	if err != nil || status != http.StatusOK {
		s.Fatalf("ciba: %d %v", status, err)
	}
	if err := here.phone.approve(s.Context()); err != nil {
		s.Fatal(err)
	}
	for { // Keycloak asks for an interval between two questions
		got := s.token(url.Values{"grant_type": {grantCIBA}, "auth_req_id": {answer.ID}})
		if got.Error != "slow_down" && got.Error != "authorization_pending" {
			return got
		}
		select {
		case <-s.Context().Done():
			return got
		case <-time.After(time.Second):
		}
	}
}

func TestRule13CIBAWhenOpened(t *testing.T) {
	s := newScene(t, "attack-web")
	s.at(here.openPort(), "attack-web")
	if got := s.ciba(); got.AccessToken != "" || got.Error != "invalid_grant" {
		t.Errorf("uncleared: %+v", got)
	}
	if n := s.sessions(); n != 0 {
		t.Errorf("%d sessions live", n)
	}
	s = newScene(t, "attack-web", "identified")
	s.at(here.openPort(), "attack-web")
	if got := s.ciba(); got.AccessToken == "" {
		t.Errorf("cleared: %+v", got)
	}
}

func TestExchangeWhenOpened(t *testing.T) {
	s := newScene(t, "attack-web", "identified")
	s.at(here.openPort(), "attack-web")
	tokens := s.signedIn(nil)
	form := func() url.Values {
		return url.Values{
			"grant_type": {grantExchange}, "subject_token": {tokens.AccessToken},
			"subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"}, "scope": {"openid"},
		}
	}
	if got := s.token(form()); got.AccessToken == "" {
		t.Errorf("cleared: %+v", got)
	}
	s.withdraw("identified")
	within(t, "withdrawn, and still tokens", func() bool {
		got := s.token(form())
		return got.AccessToken == "" && got.Error == "invalid_grant"
	})
	if n := s.sessions(); n != 0 {
		t.Errorf("%d sessions live", n)
	}
}

// TestGrantsOpenedForOneClientAreClosedForOthers: opening needs the client's
// name too.
func TestGrantsOpenedForOneClientAreClosedForOthers(t *testing.T) {
	s := newScene(t, "attack-plain")
	s.at(here.openPort(), "attack-plain")
	for _, grant := range []string{grantDevice, grantCIBA, grantExchange} {
		if got := s.token(url.Values{"grant_type": {grant}}); got.Error != "unsupported_grant_type" {
			t.Errorf("%s: %+v", grant, got)
		}
	}
}

// TestTheAccountConsoleWhenOpened: its pages renew the identity cookie, and do
// so for nobody who is not cleared.
func TestTheAccountConsoleWhenOpened(t *testing.T) {
	s := newScene(t, "attack-web")
	before := s.past()
	target, _ := before.begin(nil)
	before.login(target)
	s.at(here.openPort(), "attack-web")
	s.bring(before, "KEYCLOAK_IDENTITY", "KEYCLOAK_SESSION")
	if page := s.get(realm() + "/account/"); page.Status != http.StatusOK {
		t.Errorf("the console: %d", page.Status)
	}
	for _, leak := range s.recorder.leaks() {
		t.Error(leak)
	}
	s = newScene(t, "attack-web", "identified")
	s.at(here.openPort(), "attack-web")
	s.signedIn(nil)
	n := len(s.recorder.leaks())
	s.get(realm() + "/account/")
	if len(s.recorder.leaks()) != n+1 {
		t.Error("a cleared person's cookie is not renewed")
	}
}
