package attack_test

import (
	"net/url"
	"testing"
)

// TestASessionThatWasSignedOutComesBack: a thief with number and password parks
// a page of consent, signs out beside another root, and agrees when the owner
// has recovered the account. Keycloak makes a session of the same id of it.
func TestASessionThatWasSignedOutComesBack(t *testing.T) {
	r, err := openedRecovery()
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		out, recovered bool
	}{
		"nothing has happened":         {},
		"it was signed out":            {out: true},
		"and the account is recovered": {out: true, recovered: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, "attack-web", "identified")
			s.at(r.port, "attack-web")
			to, verifier := s.begin(nil)
			in := s.login(to)
			if in.Query("code") == "" {
				t.Fatalf("no code: %s", in.Text())
			}
			parked := *s
			parked.app.ID = "attack-consent"
			to, _ = parked.begin(nil)
			consent := parked.get(to)
			if form, err := consent.Form("number"); err == nil {
				consent = s.wish(s.submit(form, url.Values{"number": {s.person.Number}}))
			}
			back := s.keeps("AUTH_SESSION_ID", "KC_AUTH_SESSION_HASH", "KEYCLOAK_IDENTITY", "__Host-schleuse-number")
			if tc.out {
				s.signsOutElsewhere(r, s.redeem(in, verifier.secret).IDToken)
			}
			if tc.recovered {
				s.recovers(r)
			}
			back()
			page := s.agree(consent)
			if got := page.Query("code") != ""; got == tc.recovered {
				t.Errorf("a code: %v; at %s: %d %s", got, page.URL.Path, page.Status, page.Text())
			}
		})
	}
}

// keeps remembers cookies; what it returns puts them back, each once: the gate
// believes none of a name that comes twice.
func (s *scene) keeps(names ...string) (back func()) {
	kept := map[string]string{}
	for _, name := range names {
		if value, ok := s.v.Cookie(realm()+"/", name); ok {
			kept[name] = value
		}
	}
	return func() {
		for name, value := range kept {
			s.v.DropCookies(name)
			if err := s.v.SetCookie(realm()+"/", name, value); err != nil {
				s.Fatal(err)
			}
		}
	}
}

// signsOutElsewhere ends the session and another root than its own.
func (s *scene) signsOutElsewhere(r *recovering, idToken string) {
	s.Helper()
	other := *s
	other.at(r.port, "attack-web")
	to, _ := other.begin(nil)
	other.wish(other.answers(other.get(to), "number", s.person.Number))
	s.v.DropCookies("AUTH_SESSION_ID")
	s.v.DropCookies("KC_AUTH_SESSION_HASH")
	s.bring(&other, "AUTH_SESSION_ID", "KC_AUTH_SESSION_HASH")
	s.get(realm() + "/protocol/openid-connect/logout?client_id=attack-web&id_token_hint=" + idToken)
	if n := s.sessions(); n != 0 {
		s.Fatalf("%d sessions after the log-out", n)
	}
}
