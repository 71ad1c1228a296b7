package attack_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// junkIdentity is an identity cookie that Keycloak never made.
func junkIdentity(sub string) string {
	part := base64.RawURLEncoding.EncodeToString
	claims := fmt.Sprintf(`{"sub":%q,"sid":"11111111-2222-3333-4444-555555555555","typ":"Serialized-ID","iss":%q}`, sub, realm())
	return part([]byte(`{"alg":"HS512"}`)) + "." + part([]byte(claims)) + "." + part([]byte("no signature"))
}

// TestAnAccountsIDTellsNoNumber: every client knows the id of an account. A
// request whose prompts differ, inside the pushed one and beside it, and a
// cookie that claims to be that account, must not make Keycloak's page show
// whose it is.
func TestAnAccountsIDTellsNoNumber(t *testing.T) {
	for _, roles := range [][]string{nil, {"identified"}} {
		s := newScene(t, "attack-web", roles...)
		target, _ := s.begin(url.Values{"prompt": {"login"}})
		pushed, err := url.Parse(s.push(target))
		if err != nil {
			t.Fatal(err)
		}
		query := pushed.Query()
		query.Set("prompt", "none")
		pushed.RawQuery = query.Encode()
		if err := s.v.SetCookie(realm()+"/", "KEYCLOAK_IDENTITY", junkIdentity(s.person.ID)); err != nil {
			t.Fatal(err)
		}
		page := s.get(pushed.String())
		if strings.Contains(strings.ToUpper(string(page.Body)), s.person.Number) {
			t.Errorf("with the roles %v: the page shows the number: %s", roles, page.Text())
		}
		if _, err := page.Form("number"); err != nil {
			t.Errorf("with the roles %v: the number was not asked for: %s", roles, page.Text())
		}
	}
}
