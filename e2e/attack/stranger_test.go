package attack_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/e2e/visitor"
)

// TestAForgedCookieDoesNotTellWhoIsCleared: every client knows the id of an
// account. Whoever claims it with a cookie of their own making is answered in
// the same way, redirects included, whether its person is cleared or not.
func TestAForgedCookieDoesNotTellWhoIsCleared(t *testing.T) {
	plain := func(extra url.Values) func(*scene) string {
		return func(s *scene) string { target, _ := s.begin(extra); return target }
	}
	for name, request := range map[string]func(*scene) string{
		"plain": plain(nil), "silent": plain(url.Values{"prompt": {"none"}}), "again": plain(url.Values{"prompt": {"login"}}),
		"action": plain(url.Values{"kc_action": {"UPDATE_PASSWORD"}}), "wrong": plain(url.Values{"scope": {"none such"}}),
		"pushed":         func(s *scene) string { return s.push(plain(nil)(s)) },
		"pushed, silent": func(s *scene) string { return s.push(plain(url.Values{"prompt": {"none"}})(s)) },
		"signed":         func(s *scene) string { return s.sign(plain(nil)(s)) },
		"a page of none": func(*scene) string {
			return realm() + "/login-actions/authenticate?client_id=attack-web&tab_id=abcdefghijk"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var answers [2][]string
			for i, roles := range [][]string{nil, {"identified"}} {
				s := newScene(t, "attack-web", roles...)
				target := request(s)
				if err := s.v.SetCookie(realm()+"/", "KEYCLOAK_IDENTITY", junkIdentity(s.person.ID)); err != nil {
					t.Fatal(err)
				}
				answers[i] = s.chain(target)
			}
			if diff := cmp.Diff(answers[0], answers[1]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// chain asks, follows what leads to the gate itself, and tells what a stranger
// can see of each answer.
func (s *scene) chain(target string) (out []string) {
	s.Helper()
	for range 5 {
		page, err := s.v.Get(s.Context(), target)
		if err != nil {
			s.Fatal(err)
		}
		out = append(out, looks(page))
		to, err := url.Parse(page.Header.Get("Location"))
		if err != nil || page.Status/100 != http.StatusFound/100 {
			return out
		}
		if to = page.URL.ResolveReference(to); !strings.HasPrefix(to.String(), realm()) {
			return out
		}
		target = to.String()
	}
	return out
}

// looks is the answer without what differs between any two.
func looks(page *visitor.Page) string {
	var cookies []string
	for _, line := range page.Header["Set-Cookie"] {
		pair, attributes, _ := strings.Cut(line, ";")
		name, value, _ := strings.Cut(pair, "=")
		cookies = append(cookies, fmt.Sprintf("%s=%v;%s", name, value != "", attributes))
	}
	slices.Sort(cookies)
	where, _, _ := strings.Cut(page.Header.Get("Location"), "?")
	asked := ""
	for _, name := range []string{"number", "password"} {
		if _, err := page.Form(name); err == nil {
			asked = name
		}
	}
	return fmt.Sprintf("%d to %q asks %q sets\n%s", page.Status, where, asked, strings.Join(cookies, "\n"))
}
