package attack_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/e2e/visitor"
)

// An action by kc_action runs inside Keycloak before the last response of a
// login: whoever has only a password must not come to it.

// carries puts kc_action where Keycloak would read it, after the request is
// made.
func carriers() map[string]func(s *scene, action string) string {
	begin := func(s *scene, extra url.Values) string {
		target, _ := s.begin(extra)
		return target
	}
	return map[string]func(s *scene, action string) string{
		"query": func(s *scene, action string) string { return begin(s, url.Values{"kc_action": {action}}) },
		"name encoded": func(s *scene, action string) string {
			return begin(s, nil) + "&kc%5faction=" + action
		},
		"pushed": func(s *scene, action string) string { return s.push(begin(s, url.Values{"kc_action": {action}})) },
		"beside a pushed request": func(s *scene, action string) string {
			return s.push(begin(s, nil)) + "&kc_action=" + action
		},
		"beside a request object": func(s *scene, action string) string {
			return s.sign(begin(s, nil)) + "&kc_action=" + action
		},
		"in a request object": func(s *scene, action string) string { return s.sign(begin(s, url.Values{"kc_action": {action}})) },
		"in a pushed request object": func(s *scene, action string) string {
			return s.push(s.sign(begin(s, url.Values{"kc_action": {action}})))
		},
	}
}

func TestRule09NoActionBeforeClearance(t *testing.T) {
	for name, carry := range carriers() {
		for _, action := range []string{"CONFIGURE_TOTP", "UPDATE_PASSWORD"} {
			t.Run(name+" "+action, func(t *testing.T) {
				s := newScene(t, "attack-web")
				page := s.get(carry(s, action))
				if strings.HasPrefix(name, "in a") && strings.HasSuffix(name, "object") {
					got := s.response(page).Get("error")
					// Of a pushed object Keycloak hears no prompt=none beside it: there is no
					// error to the client to be had, and the gate says so itself.
					pushed := strings.Contains(name, "pushed") && page.Status == http.StatusBadRequest
					if got != "interaction_required" && !pushed {
						t.Errorf("a signed object that carries it: error %q; rests at %s (%d)", got, page.URL.Path, page.Status)
					}
					s.ownsNothing()
					return
				}
				page = s.tryAction(s.password(page))
				s.ownsNothing()
				if !held(page) {
					t.Errorf("rests at %s (%d): %s%s", page.URL.Path, page.Status, page.Title(), s.recorder.trail())
				}
				if got := s.enrolled(); len(got) > 0 {
					t.Errorf("enrolled %v", got)
				}
			})
		}
	}
}

// tryAction does the action when Keycloak's page for it is there.
func (s *scene) tryAction(page *visitor.Page) *visitor.Page {
	s.Helper()
	if form, err := page.Form("totpSecret"); err == nil {
		s.Error("the page to enrol an authenticator is there")
		return s.submit(form, url.Values{"totp": {totp([]byte(form.Fields.Get("totpSecret")), time.Now())}, "userLabel": {"Dieb"}})
	}
	if form, err := page.Form("password-new"); err == nil {
		s.Error("the page for a new password is there")
		return s.submit(form, url.Values{"password-new": {s.person.Password + "neu"}, "password-confirm": {s.person.Password + "neu"}})
	}
	return page
}

// TestActionFollowsClearance: who is cleared comes to the action, signed in
// or not, wherever it stands.
func TestActionFollowsClearance(t *testing.T) {
	for name, carry := range carriers() {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, "attack-web", "identified")
			target, _ := s.begin(nil)
			if page := s.login(target); page.Query("code") == "" {
				t.Fatalf("no login: %s", page.Text())
			}
			page := s.get(carry(s, "CONFIGURE_TOTP"))
			form := s.form(page, "totpSecret")
			page = s.submit(form, url.Values{"totp": {totp([]byte(form.Fields.Get("totpSecret")), time.Now())}, "userLabel": {"Handy"}})
			if page.Query("code") == "" || page.Query("kc_action_status") != "success" {
				t.Errorf("rests at %s (%d) with %q%s", page.URL.Path, page.Status, page.Query("kc_action_status"), s.recorder.trail())
			}
			if got := s.enrolled(); !slices.Equal(got, []string{"otp"}) {
				t.Errorf("enrolled %v", got)
			}
		})
	}
}

// TestActionWithAForgedCookie: a cookie that claims to be somebody cleared
// brings no action to who signs in next.
func TestActionWithAForgedCookie(t *testing.T) {
	cleared := newScene(t, "attack-web", "identified")
	target, _ := cleared.begin(nil)
	cleared.login(target)
	genuine, _ := cleared.v.Cookie(realm()+"/", "KEYCLOAK_IDENTITY")
	for name, cookie := range map[string]string{
		"signature changed": genuine[:len(genuine)-8] + "AAAAAAAA",
		"signature missing": genuine[:strings.LastIndex(genuine, ".")+1] + "AA",
	} {
		for _, client := range []string{"attack-web", "attack-plain"} {
			t.Run(name+" "+client, func(t *testing.T) {
				s := newScene(t, client)
				s.plant("KEYCLOAK_IDENTITY", cookie)
				target, _ := s.begin(url.Values{"kc_action": {"CONFIGURE_TOTP"}})
				page := s.get(target)
				s.v.DropCookies("KEYCLOAK_IDENTITY")
				s.tryAction(s.password(page))
				s.ownsNothing()
				if got := s.enrolled(); len(got) > 0 {
					t.Errorf("enrolled %v", got)
				}
			})
		}
	}
}

// TestActionBegunByOneAndFinishedByAnother: somebody cleared begins an
// action, and somebody else signs in before it is done.
func TestActionBegunByOneAndFinishedByAnother(t *testing.T) {
	begin := func(t *testing.T, extra url.Values) (*scene, *visitor.Page) {
		s := newScene(t, "attack-web", "identified")
		target, _ := s.begin(nil)
		s.login(target)
		values := url.Values{"kc_action": {"CONFIGURE_TOTP"}}
		for name, v := range extra {
			values[name] = v
		}
		target, _ = s.begin(values)
		page := s.get(target)
		s.person = newPerson(t) // from here on somebody else sits there
		return s, page
	}
	end := func(t *testing.T, s *scene) {
		if got := s.enrolled(); len(got) > 0 {
			t.Errorf("enrolled %v%s", got, s.recorder.trail())
		}
		if n := s.sessions(); n > 0 {
			target, _ := s.begin(url.Values{"prompt": {"none"}})
			if page := s.get(target); page.Query("code") != "" {
				t.Error("and has a code")
			}
		}
	}
	t.Run("restart", func(t *testing.T) {
		s, page := begin(t, nil)
		query := s.form(page, "totpSecret").Action
		query = query[strings.Index(query, "?"):]
		page = s.get(realm() + "/login-actions/restart" + query)
		if form, err := page.Form("number"); err == nil {
			page = s.wish(s.submit(form, url.Values{"number": {s.person.Number}}))
		}
		if form, err := page.Form("password"); err == nil {
			s.tryAction(s.submit(form, url.Values{"username": {s.person.Number}, "password": {s.person.Password}}))
		}
		end(t, s)
	})
	t.Run("cookie dropped, page asked again", func(t *testing.T) {
		s, page := begin(t, nil)
		action := s.form(page, "totpSecret").Action
		s.v.DropCookies("KEYCLOAK_IDENTITY")
		s.v.DropCookies("KEYCLOAK_SESSION")
		for _, path := range []string{"authenticate", "required-action"} {
			page = s.get(realm() + "/login-actions/" + path + action[strings.Index(action, "?"):])
			if form, err := page.Form("password"); err == nil {
				s.tryAction(s.submit(form, url.Values{"username": {s.person.Number}, "password": {s.person.Password}}))
			}
		}
		end(t, s)
	})
	for _, extra := range []url.Values{{"prompt": {"login"}}, {"max_age": {"0"}}, {"prompt": {"select_account"}}} {
		t.Run("asked to sign in again "+extra.Encode(), func(t *testing.T) {
			s, page := begin(t, extra)
			if form, err := page.Form("password"); err == nil {
				s.tryAction(s.submit(form, url.Values{"username": {s.person.Number}, "password": {s.person.Password}}))
			}
			end(t, s)
		})
	}
}

// TestActionOfAnotherByBroker: asked to sign in again, another person comes
// by the foreign issuer. Keycloak shows the action's page to them; it must
// not be stored, even when the first person's session has ended meanwhile.
func TestActionOfAnotherByBroker(t *testing.T) {
	for name, endFirst := range map[string]bool{"first session lives": false, "first session ended": true} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, "attack-web", "identified")
			target, v := s.begin(nil)
			tokens := s.redeem(s.login(target), v.secret)
			target, _ = s.begin(url.Values{"kc_action": {"CONFIGURE_TOTP"}, "prompt": {"login"}, "kc_idp_hint": {"fremd"}})
			page := s.get(target)
			s.person = newPerson(t)
			withBroker(s)
			page = s.submit(s.form(page, "name"), url.Values{"name": {strings.ToLower(s.person.Number)}})
			if endFirst {
				status, err := s.app.PostJSON(t.Context(), "logout", url.Values{"refresh_token": {tokens.RefreshToken}}, nil)
				if err != nil || status != http.StatusNoContent {
					t.Fatal(status, err)
				}
			}
			if form, err := page.Form("totpSecret"); err == nil {
				page = s.submit(form, url.Values{"totp": {totp([]byte(form.Fields.Get("totpSecret")), time.Now())}, "userLabel": {"Dieb"}})
			}
			if got := s.enrolled(); !slices.Equal(got, []string{"identity provider fremd"}) {
				t.Errorf("enrolled %v; rests at %s (%d): %s%s", got, page.URL.Path, page.Status, page.Text(), s.recorder.trail())
			}
		})
	}
}

// TestOtherExecutionOfADemandedAction: Keycloak demands a new password, and
// the person asks for another action instead.
func TestOtherExecutionOfADemandedAction(t *testing.T) {
	s := newScene(t, "attack-web")
	requires("UPDATE_PASSWORD")(s)
	target, _ := s.begin(nil)
	page := s.login(target)
	action := strings.Replace(s.form(page, "password-new").Action, "UPDATE_PASSWORD", "CONFIGURE_TOTP", 1)
	page = s.get(action)
	if _, err := page.Form("totpSecret"); err == nil {
		t.Error("the page to enrol an authenticator is there")
	}
	secret := "abcdefghijklmnopqrst"
	page, err := s.v.Post(t.Context(), action, url.Values{"totpSecret": {secret}, "totp": {totp([]byte(secret), time.Now())}, "userLabel": {"x"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.enrolled(); len(got) > 0 || page.Status >= http.StatusInternalServerError {
		t.Errorf("%d, enrolled %v", page.Status, got)
	}
	s.ownsNothing()
}

// TestRule09WhatAThiefEnrolledIsReviewed: an authenticator that came before the
// clearance is shown to the person and taken away unless they keep it.
func TestRule09WhatAThiefEnrolledIsReviewed(t *testing.T) {
	s := newScene(t, "attack-web")
	requires("CONFIGURE_TOTP")(s)
	page, _ := byDemandedOTP(s)
	if !slices.Equal(s.enrolled(), []string{"otp"}) {
		t.Fatal("nothing to review")
	}
	page = s.review(s.digits(page))
	if page.Query("code") == "" {
		t.Errorf("rests at %s (%d): %s", page.URL.Path, page.Status, page.Text())
	}
	if got := s.enrolled(); len(got) > 0 {
		t.Errorf("still enrolled: %v", got)
	}
}

// TestRule09AForeignAccountLinkedByAThiefIsReviewed: with the password alone an
// account of a foreign issuer can be linked before anything is held.
func TestRule09AForeignAccountLinkedByAThiefIsReviewed(t *testing.T) {
	s := newScene(t, "attack-web")
	s.admin(http.MethodPut, "users/"+s.person.ID, map[string]any{"email": strings.ToLower(s.person.Number) + "@foreign.example"}, nil)
	target, _ := s.begin(url.Values{"kc_idp_hint": {"fremd"}})
	page := s.get(target)
	page = s.wish(s.submit(s.form(page, "number"), url.Values{"number": {s.person.Number}}))
	page = s.submit(s.form(page, "name"), url.Values{"name": {strings.ToLower(s.person.Number)}})
	for range 4 { // profile, "add to existing account", password: as far as it goes
		if held(page) || page.Status != http.StatusOK {
			break
		}
		if form, err := page.Form("password"); err == nil {
			page = s.submit(form, url.Values{"username": {s.person.Number}, "password": {s.person.Password}})
		} else if forms := page.Forms(); len(forms) > 0 {
			page = s.submit(forms[0], url.Values{"submitAction": {"linkAccount"}})
		}
	}
	s.ownsNothing()
	if held(page) {
		page = s.review(s.digits(page))
	}
	t.Logf("rests at %s (%d): %s%s", page.URL.Path, page.Status, page.Title(), s.recorder.trail())
	if got := s.enrolled(); len(got) > 0 {
		t.Errorf("still a way in for the thief: %v", got)
	}
}
