package attack_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/e2e/visitor"
)

// mode is one shape of an authorization response.
type mode struct {
	kind, mode string   // response_type, response_mode
	gives      []string // what the client gets
	inJARM     bool
}

func modes() []mode {
	code, both := []string{"code"}, []string{"code", "id_token"}
	return []mode{
		{kind: "code", gives: code},
		{kind: "code", mode: "query", gives: code},
		{kind: "code", mode: "fragment", gives: code},
		{kind: "code", mode: "form_post", gives: code},
		{kind: "code", mode: "jwt", gives: code, inJARM: true},
		{kind: "code", mode: "query.jwt", gives: code, inJARM: true},
		{kind: "code", mode: "fragment.jwt", gives: code, inJARM: true},
		{kind: "code", mode: "form_post.jwt", gives: code, inJARM: true},
		{kind: "none", gives: nil},
		{kind: "token", gives: []string{"access_token"}},
		{kind: "id_token", gives: []string{"id_token"}},
		{kind: "id_token token", gives: []string{"id_token", "access_token"}},
		{kind: "code token", gives: []string{"code", "access_token"}},
		{kind: "code id_token", gives: both},
		{kind: "code id_token", mode: "form_post", gives: both},
		{kind: "code id_token token", mode: "fragment", gives: []string{"code", "id_token", "access_token"}},
		{kind: "code id_token token", mode: "form_post", gives: []string{"code", "id_token", "access_token"}},
	}
}

func (m mode) name() string { return m.kind + " by " + m.mode }

func (m mode) ask(more url.Values) url.Values {
	out := url.Values{"response_type": {m.kind}}
	if m.mode != "" {
		out.Set("response_mode", m.mode)
	}
	for name, values := range more {
		out[name] = values
	}
	return out
}

// response reads what came to the client, whatever the shape.
func (s *scene) response(page *visitor.Page) url.Values {
	s.Helper()
	out := url.Values{}
	if page.Next != nil {
		for name, values := range page.Next.Query() {
			out[name] = values
		}
		if fragment, err := url.ParseQuery(page.Next.Fragment); err == nil {
			for name, values := range fragment {
				out[name] = values
			}
		}
	}
	for _, form := range page.Forms() {
		if strings.HasPrefix(form.Action, redirectURI) {
			for name, values := range form.Fields {
				out[name] = values
			}
		}
	}
	if jarm := out.Get("response"); jarm != "" {
		claims, err := visitor.Claims(jarm)
		if err != nil {
			s.Fatal(err)
		}
		for name, value := range claims {
			if text, ok := value.(string); ok {
				out.Set(name, text)
			}
		}
	}
	return out
}

func (s *scene) gets(m mode, page *visitor.Page) url.Values {
	s.Helper()
	got := s.response(page)
	for _, name := range m.gives {
		if got.Get(name) == "" {
			s.Errorf("no %s; rests at %s (%d)%s", name, page.URL.Path, page.Status, s.recorder.trail())
		}
	}
	if m.inJARM && got.Get("response") == "" {
		s.Error("no JARM")
	}
	return got
}

func TestEveryResponseModeIsHeldAndThenUntouched(t *testing.T) {
	for _, m := range modes() {
		t.Run(m.name(), func(t *testing.T) {
			s := newScene(t, "attack-web")
			target, v := s.begin(m.ask(nil))
			page := s.login(target)
			s.ownsNothing()
			if !held(page) {
				t.Fatalf("rests at %s (%d)%s", page.URL.Path, page.Status, s.recorder.trail())
			}
			got := s.gets(m, s.digits(page))
			if code := got.Get("code"); code != "" {
				if tokens, err := s.app.Redeem(t.Context(), code, v.secret); err != nil || tokens.AccessToken == "" {
					t.Errorf("the code is not good: %+v %v", tokens, err)
				}
			}
		})
	}
}

// TestEveryResponseModeBySSO renews a login in every shape: by somebody who
// is cleared, and by somebody whose cookie comes from before.
func TestEveryResponseModeBySSO(t *testing.T) {
	cleared := newScene(t, "attack-web", "identified")
	target, _ := cleared.begin(nil)
	cleared.login(target)
	thief := newScene(t, "attack-web")
	before := thief.past()
	target, _ = before.begin(nil)
	before.login(target)
	if _, ok := before.v.Cookie(realm()+"/", "KEYCLOAK_IDENTITY"); !ok {
		t.Fatal("no login past the gate")
	}
	thief.bring(before, "KEYCLOAK_IDENTITY", "KEYCLOAK_SESSION")
	for _, m := range modes() {
		for _, prompt := range []string{"", "none"} {
			t.Run(m.name()+" "+prompt, func(t *testing.T) {
				cleared.T, thief.T = t, t
				target, v := cleared.begin(m.ask(url.Values{"prompt": {prompt}}))
				got := cleared.gets(m, cleared.get(target))
				if code := got.Get("code"); code != "" {
					if tokens, err := cleared.app.Redeem(t.Context(), code, v.secret); err != nil || tokens.AccessToken == "" {
						t.Errorf("the code is not good: %+v %v", tokens, err)
					}
				}
				target, _ = thief.begin(m.ask(url.Values{"prompt": {prompt}}))
				page := thief.get(target)
				for _, leak := range thief.recorder.leaks() {
					t.Errorf("%s%s", leak, thief.recorder.trail())
				}
				answer := thief.response(page)
				if prompt == "none" && answer.Get("error") != "login_required" {
					t.Errorf("error %q, want login_required; rests at %s (%d)", answer.Get("error"), page.URL.Path, page.Status)
				}
				if answer.Get("code")+answer.Get("access_token")+answer.Get("id_token") != "" {
					t.Error("a response to who is not cleared")
				}
			})
		}
	}
}
