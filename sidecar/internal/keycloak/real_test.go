//go:build realkeycloak

package keycloak_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/e2e/stage"
	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/internal/keycloak"
	"github.com/schleuse/schleuse/sidecar/member"
)

// This test runs against the Keycloak that SCHLEUSE_KEYCLOAK names, in a realm
// of its own; the tests in e2e start it.

const (
	adapterRealm = "adapter"
	realPassword = "anfangs-passwort"
)

// people of that realm: one to be identified, one exempt, one with the role by
// a group only.
func adapterPeople() map[string]any {
	otp := map[string]any{
		"type": "otp", "userLabel": "Telefon", "secretData": `{"value":"geheim"}`,
		"credentialData": `{"subType":"totp","digits":6,"period":30,"algorithm":"HmacSHA1"}`,
	}
	password := map[string]any{"type": "password", "value": realPassword}
	person := func(name string, more map[string]any) map[string]any {
		out := map[string]any{
			"username": name, "enabled": true, "email": name + "@kasse.example", "firstName": "A", "lastName": "B", "emailVerified": true,
			"realmRoles": []string{"offline_access"}, "credentials": []any{password},
		}
		for k, v := range more {
			out[k] = v
		}
		return out
	}
	return map[string]any{
		"realm": adapterRealm, "enabled": true, "sslRequired": "none", "passwordPolicy": "length(10)",
		"roles":  map[string]any{"realm": []any{map[string]any{"name": "identified"}, map[string]any{"name": "mitarbeiter"}}},
		"groups": []any{map[string]any{"name": "alle", "realmRoles": []string{"identified", "mitarbeiter"}}},
		"clients": []any{
			map[string]any{"clientId": "schleuse", "secret": "geheim", "serviceAccountsEnabled": true, "standardFlowEnabled": false},
			map[string]any{"clientId": "app", "publicClient": true, "directAccessGrantsEnabled": true},
		},
		"users": []any{
			person("a123456780", map[string]any{"credentials": []any{password, otp}}),
			person("b123456782", map[string]any{"realmRoles": []string{"mitarbeiter"}, "credentials": []any{password, otp}}),
			person("d202601019", map[string]any{"groups": []string{"alle"}}),
			map[string]any{
				"username": "service-account-schleuse", "enabled": true, "serviceAccountClientId": "schleuse",
				"clientRoles": map[string]any{"realm-management": []string{"manage-users"}},
			},
		},
	}
}

func realClient(t *testing.T) (*keycloak.Client, *stage.Admin) {
	t.Helper()
	server, err := url.Parse(os.Getenv("SCHLEUSE_KEYCLOAK"))
	if err != nil || server.Host == "" {
		t.Fatalf("SCHLEUSE_KEYCLOAK names no server: %v", err)
	}
	admin := &stage.Admin{URL: server.String(), Realm: adapterRealm}
	if _, err := admin.In("").Do(t.Context(), http.MethodPost, "", adapterPeople(), nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.Do(context.WithoutCancel(t.Context()), http.MethodDelete, "", nil, nil); err != nil {
			t.Error(err)
		}
	})
	transport, err := keycloak.Transport(keycloak.TLS{})
	if err != nil {
		t.Fatal(err)
	}
	return &keycloak.Client{
		URL: server, Realm: adapterRealm, ClientID: "schleuse", Secret: func() (string, error) { return "geheim", nil },
		Role: "identified", Exempt: []string{"mitarbeiter"}, HTTP: transport, Now: time.Now,
	}, admin
}

func TestRealKeycloak(t *testing.T) {
	c, admin := realClient(t)
	person := func(number member.KVNR) account.ID {
		t.Helper()
		a, err := c.Find(t.Context(), number)
		if err != nil || !a.Is(number) || !a.Enabled {
			t.Fatalf("finding: %+v, %v", a, err)
		}
		return a.ID
	}
	anna, bernd, dora := person("A123456780"), person("B123456782"), person("D202601019")
	t.Run("accounts", func(t *testing.T) {
		if _, err := c.Find(t.Context(), "Z000000005"); !errors.Is(err, account.ErrNotFound) {
			t.Errorf("nobody: %v", err)
		}
		if _, err := c.Get(t.Context(), "nobody"); !errors.Is(err, account.ErrNotFound) {
			t.Errorf("nobody: %v", err)
		}
		if a, err := c.Get(t.Context(), anna); err != nil || a.Username != "a123456780" {
			t.Errorf("Anna: %+v, %v", a, err)
		}
		if err := c.Ping(t.Context()); err != nil || c.LastSuccess().IsZero() {
			t.Errorf("ping: %v, last success %v", err, c.LastSuccess())
		}
	})
	t.Run("clearance", func(t *testing.T) {
		clearances(t, c, map[account.ID]account.Clearance{
			anna: account.NotCleared, bernd: account.Exempt, dora: account.NotCleared, "nobody": account.NotCleared,
		})
		for range 2 {
			if err := c.Grant(t.Context(), anna); err != nil {
				t.Error(err)
			}
		}
		if err := c.Grant(t.Context(), bernd); !errors.Is(err, account.ErrExempt) {
			t.Errorf("granting to an exempt account: %v", err)
		}
		clearances(t, c, map[account.ID]account.Clearance{anna: account.Cleared, bernd: account.Exempt})
		if err := admin.Withdraw(t.Context(), "a123456780", "identified"); err != nil {
			t.Error(err)
		}
		clearances(t, c, map[account.ID]account.Clearance{anna: account.NotCleared})
	})
	t.Run("authenticators", func(t *testing.T) { authenticators(t, c, anna, bernd) })
	t.Run("sessions", func(t *testing.T) { sessions(t, c, anna, dora) })
	t.Run("passwords", func(t *testing.T) { passwords(t, c, anna, bernd) })
}

func clearances(t *testing.T, c *keycloak.Client, want map[account.ID]account.Clearance) {
	t.Helper()
	for id, w := range want {
		if got, err := c.Clearance(t.Context(), id); got != w || err != nil {
			t.Errorf("%s: %v, %v, want %v", id, got, err, w)
		}
	}
}

func authenticators(t *testing.T, c *keycloak.Client, anna, bernd account.ID) {
	t.Helper()
	list, err := c.Authenticators(t.Context(), anna)
	if err != nil || len(list) != 1 || list[0].Type != "otp" || list[0].Label != "Telefon" {
		t.Fatalf("got %+v, %v", list, err)
	}
	staff, err := c.Authenticators(t.Context(), bernd)
	if err != nil || len(staff) != 1 {
		t.Fatalf("got %+v, %v", staff, err)
	}
	if err := c.RemoveAuthenticator(t.Context(), bernd, staff[0].ID); !errors.Is(err, account.ErrExempt) {
		t.Errorf("removing from an exempt account: %v", err)
	}
	for range 2 {
		if err := c.RemoveAuthenticator(t.Context(), anna, list[0].ID); err != nil {
			t.Error(err)
		}
	}
	left, err := c.Authenticators(t.Context(), anna)
	if diff := cmp.Diff(0, len(left)); diff != "" || err != nil {
		t.Errorf("%s %v", diff, err)
	}
}

// signIn makes a session by password, as only this realm allows it.
func signIn(t *testing.T, c *keycloak.Client, scope string) (sid account.SID, refresh string) {
	t.Helper()
	var answer struct {
		SID     account.SID `json:"session_state"`
		Refresh string      `json:"refresh_token"`
	}
	status := token(t, c, url.Values{"grant_type": {"password"}, "username": {"a123456780"}, "password": {realPassword}, "scope": {scope}}, &answer)
	if status != http.StatusOK || answer.SID == "" {
		t.Fatalf("signing in: %d", status)
	}
	return answer.SID, answer.Refresh
}

func token(t *testing.T, c *keycloak.Client, form url.Values, out any) int {
	t.Helper()
	form.Set("client_id", "app")
	response, err := http.PostForm(c.URL.JoinPath("realms", c.Realm, "protocol", "openid-connect", "token").String(), form)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(out); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode
}

func sessions(t *testing.T, c *keycloak.Client, anna, other account.ID) {
	t.Helper()
	for _, scope := range []string{"openid", "openid offline_access"} {
		sid, refresh := signIn(t, c, scope)
		if alive, err := c.Alive(t.Context(), anna, sid); !alive || err != nil {
			t.Errorf("%s: alive %v, %v", scope, alive, err)
		}
		if alive, err := c.Alive(t.Context(), other, sid); alive || err != nil {
			t.Errorf("%s: alive as another person's %v, %v", scope, alive, err)
		}
		for range 2 {
			if err := c.End(t.Context(), sid); err != nil {
				t.Errorf("%s: ending: %v", scope, err)
			}
		}
		if alive, err := c.Alive(t.Context(), anna, sid); alive || err != nil {
			t.Errorf("%s: alive after the end %v, %v", scope, alive, err)
		}
		var answer map[string]any
		if status := token(t, c, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}, &answer); status == http.StatusOK {
			t.Errorf("%s: the refresh token lives on", scope)
		}
	}
}

func passwords(t *testing.T, c *keycloak.Client, anna, staff account.ID) {
	t.Helper()
	var short *account.PasswordError
	carla := account.New{Number: "M123456785", Given: "Mia", Surname: "Neu", Mail: "a123456780@kasse.example", Password: "kurz"}
	if _, err := c.Create(t.Context(), carla); !errors.As(err, &short) || short.Key != "invalidPasswordMinLengthMessage" || cmp.Diff([]int{10}, short.Numbers) != "" {
		t.Errorf("a short password: %v", err)
	}
	if _, err := c.Find(t.Context(), carla.Number); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("a refused password left an account: %v", err)
	}
	carla.Password = "lang-genug-fuer-alle"
	id, err := c.Create(t.Context(), carla) // the mail address is Anna's
	if err != nil {
		t.Fatal(err)
	}
	if a, err := c.Find(t.Context(), carla.Number); a.ID != id || !a.Enabled || time.Since(a.Created).Abs() > time.Minute || err != nil {
		t.Errorf("made: %+v, %v", a, err)
	}
	if _, err := c.Create(t.Context(), carla); !errors.Is(err, account.ErrExists) {
		t.Errorf("a second time: %v", err)
	}
	if err := c.SetPassword(t.Context(), anna, "kurz"); !errors.As(err, &short) {
		t.Errorf("a short password: %v", err)
	}
	if err := c.SetPassword(t.Context(), staff, "lang-genug-fuer-alle"); !errors.Is(err, account.ErrExempt) {
		t.Errorf("the password of an exempt account: %v", err)
	}
	online, refresh := signIn(t, c, "openid")
	offline, lasting := signIn(t, c, "openid offline_access")
	if err := c.SetPassword(t.Context(), anna, realPassword); err != nil {
		t.Error(err)
	}
	if err := c.EndAll(t.Context(), anna); err != nil {
		t.Error(err)
	}
	for _, sid := range []account.SID{online, offline} {
		if alive, err := c.Alive(t.Context(), anna, sid); alive || err != nil {
			t.Errorf("after the end of all: alive %v, %v", alive, err)
		}
	}
	for _, tok := range []string{refresh, lasting} {
		var answer map[string]any
		if status := token(t, c, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tok}}, &answer); status == http.StatusOK {
			t.Error("a refresh token lives on")
		}
	}
}
