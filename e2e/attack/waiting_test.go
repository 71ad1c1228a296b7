package attack_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestAThiefWhoWaitsInKeycloakIsOvertaken: somebody with a posted password
// waits at the action that Keycloak demands. Meanwhile the owner gets a
// password of their own and shows the card. What the thief then sends changes
// nothing and opens nothing, whatever becomes of their cookies.
func TestAThiefWhoWaitsInKeycloakIsOvertaken(t *testing.T) {
	const owners, thiefs = "Der-Eigentuemerin-Wort-1", "Dieb-war-hier-99"
	fill := url.Values{"password-new": {thiefs}, "password-confirm": {thiefs}}
	cases := map[string]struct {
		client string
		drop   bool // the cookie in which the gate keeps the number
	}{
		"as it is":                    {client: "attack-web"},
		"without the number's cookie": {client: "attack-web", drop: true},
		"through a plain client":      {client: "attack-plain"},
		"there, without the cookie":   {client: "attack-plain", drop: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, c.client)
			requires("UPDATE_PASSWORD")(s)
			target, _ := s.begin(nil)
			waiting := s.form(s.login(target), "password-new")

			s.admin(http.MethodPut, "users/"+s.person.ID+"/reset-password", map[string]any{"type": "password", "value": owners, "temporary": false}, nil)
			owner := *s
			owner.at(here.doors.Gate(), "attack-web")
			owner.person.Password = owners
			to, _ := owner.begin(nil)
			if page := owner.digits(owner.login(to)); page.Query("code") == "" {
				t.Fatalf("the owner does not get in: %s", page.Text())
			}

			if c.drop {
				for _, cookie := range s.v.CookieNames(realm() + "/") {
					if strings.HasSuffix(cookie, "number") {
						s.v.DropCookies(cookie)
					}
				}
			}
			page := s.submit(waiting, fill)
			if page.Query("code") != "" {
				t.Error("the thief got a code")
			}
			if leaks := s.recorder.leaks(); len(leaks) > 0 {
				t.Errorf("the thief got %v", leaks)
			}
			again := *s
			again.at(here.doors.Gate(), "attack-web")
			again.person.Password = owners
			to, _ = again.begin(nil)
			if page := again.login(to); page.Query("code") == "" {
				t.Errorf("the owner's password is gone: %s", page.Text())
			}
		})
	}
}
