package attack_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/e2e/visitor"
)

// passkey is an authenticator without a device (WebAuthn level 2, ES256).
type passkey struct {
	key *ecdsa.PrivateKey
	id  []byte
}

// withPasskey registers one with the account, past every page.
func withPasskey(s *scene) passkey {
	s.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.Fatal(err)
	}
	p := passkey{key: key, id: make([]byte, 16)}
	rand.Read(p.id)
	data, err := json.Marshal(map[string]any{
		"aaguid": "00000000-0000-0000-0000-000000000000", "credentialId": base64.StdEncoding.EncodeToString(p.id), "counter": 0,
		"credentialPublicKey": base64.RawURLEncoding.EncodeToString(p.cose()), "attestationStatementFormat": "none", "transports": []string{},
	})
	if err != nil {
		s.Fatal(err)
	}
	s.admin(http.MethodPut, "users/"+s.person.ID, map[string]any{"credentials": []any{map[string]any{
		"type": "webauthn-passwordless", "userLabel": "Passkey", "secretData": "{}", "credentialData": string(data),
	}}}, nil)
	return p
}

// cose is the public key as RFC 9053 section 7.1.1 has it.
func (p passkey) cose() []byte {
	raw, err := p.key.PublicKey.Bytes() // 0x04, x, y
	if err != nil {
		return nil
	}
	out := []byte{0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20}
	out = append(out, raw[1:33]...)
	out = append(out, 0x22, 0x58, 0x20)
	return append(out, raw[33:]...)
}

var challenge = regexp.MustCompile(`challenge\s*:\s*['"]([A-Za-z0-9_-]+)['"]`)

// answer signs the challenge of Keycloak's page and fills its form.
func (p passkey) answer(s *scene, page *visitor.Page) url.Values {
	s.Helper()
	found := challenge.FindSubmatch(page.Body)
	if found == nil {
		s.Fatalf("no challenge on the page %q", page.Title())
	}
	client, err := json.Marshal(map[string]any{"type": "webauthn.get", "challenge": string(found[1]), "origin": here.Ports.GateURL(), "crossOrigin": false})
	if err != nil {
		s.Fatal(err)
	}
	host, _, _ := strings.Cut(gateHost(), ":")
	party := sha256.Sum256([]byte(host))
	data := append(party[:], 0x05, 0, 0, 0, 0) // present and verified, no counter
	hash := sha256.Sum256(client)
	sum := sha256.Sum256(append(data[:len(data):len(data)], hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, p.key, sum[:])
	if err != nil {
		s.Fatal(err)
	}
	enc := base64.RawURLEncoding.EncodeToString
	return url.Values{
		"clientDataJSON": {enc(client)}, "authenticatorData": {enc(data)}, "signature": {enc(signature)},
		"credentialId": {enc(p.id)}, "userHandle": {enc([]byte(s.person.ID))}, "error": {""},
	}
}

// TestAPasskeyIsHeldLikeAPassword: signing in without a password is a login
// too, and the account must be the number's.
func TestAPasskeyIsHeldLikeAPassword(t *testing.T) {
	const on = "webAuthnPolicyPasswordlessPasskeysEnabled"
	set := func(value bool) {
		if err := here.admin.EditRealm(t.Context(), func(realm map[string]any) { realm[on] = value }); err != nil {
			t.Fatal(err)
		}
	}
	set(true)
	defer set(false)
	sign := func(s *scene, owner person) *visitor.Page {
		typed := s.person
		s.person = owner
		p := withPasskey(s)
		s.person = typed
		page := s.toKeycloak(nil)
		s.person = owner
		return s.submit(s.form(page, "clientDataJSON"), p.answer(s, page))
	}
	t.Run("not cleared", func(t *testing.T) {
		s := newScene(t, "attack-web")
		page := sign(s, s.person)
		s.ownsNothing()
		if !held(page) {
			t.Errorf("rests at %s (%d): %s", page.URL.Path, page.Status, page.Text())
		}
	})
	t.Run("cleared", func(t *testing.T) {
		s := newScene(t, "attack-web", "identified")
		if page := sign(s, s.person); page.Query("code") == "" {
			t.Errorf("rests at %s (%d): %s", page.URL.Path, page.Status, page.Text())
		}
	})
	t.Run("another account than the number's", func(t *testing.T) {
		s := newScene(t, "attack-web", "identified")
		page := sign(s, newPerson(t, "identified"))
		s.ownsNothing()
		if page.Status != http.StatusForbidden || s.sessions() != 0 {
			t.Errorf("rests at %s (%d), %d sessions live: %s", page.URL.Path, page.Status, s.sessions(), page.Text())
		}
	})
}

// TestANewAccountOfAForeignIssuer: a first login by a foreign issuer makes an
// account that nobody has identified.
func TestANewAccountOfAForeignIssuer(t *testing.T) {
	for _, client := range []string{"attack-plain", "attack-web"} {
		t.Run(client, func(t *testing.T) {
			s := newScene(t, client)
			name := "t9-" + random()
			target, _ := s.begin(url.Values{"kc_idp_hint": {"fremd"}})
			page := s.get(target)
			if form, err := page.Form("number"); err == nil {
				page = s.wish(s.submit(form, url.Values{"number": {s.person.Number}}))
			}
			page = s.submit(s.form(page, "name"), url.Values{"name": {name}})
			s.ownsNothing()
			if page.Query("code") != "" || page.Query("error") != "" {
				t.Errorf("the client was answered: %s", page.Next)
			}
			if client == "attack-web" {
				if n, err := here.admin.Sessions(t.Context(), name); err != nil || n != 0 {
					t.Errorf("%d sessions live, %v", n, err)
				}
			}
		})
	}
}
