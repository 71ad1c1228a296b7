package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/e2e/stage"
)

// These tests prepare realms of their own with the command line.

// newRealm makes a realm and a configuration for it.
func newRealm(t *testing.T, name string, extra map[string]any) (admin *stage.Admin, config string) {
	t.Helper()
	realm := map[string]any{"realm": name, "enabled": true, "sslRequired": "none"}
	for k, v := range extra {
		realm[k] = v
	}
	admin = theatre.Keycloak.Admin.In(name)
	everywhere := theatre.Keycloak.Admin.In("")
	if _, err := everywhere.Do(t.Context(), http.MethodPost, "", realm, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.Do(context.WithoutCancel(t.Context()), http.MethodDelete, "", nil, nil); err != nil {
			t.Error(err)
		}
	})
	dir := t.TempDir()
	text := fmt.Sprintf(`
listen: {address: "127.0.0.1:1"}
store: sqlite:%[1]s/state.db
keys_file: %[1]s/keys.json
brand: {name: Kasse}
gate:
  public_url: %[2]s
  keycloak: {url: "%[3]s", realm: %[4]s, client: schleuse, secret_file: %[1]s/schleuse.secret}
  since: 2026-12-01
  exempt_roles: [mitarbeiter]
  start: {kundenapp: "kundenapp://start"}
  flows: {login: [kvnr, keycloak, egk]}
extensions: {kvnr: {kind: kvnr}, egk: {kind: egk}}
sites:
  webcenter:
    public_url: %[5]s
    upstream: %[6]s
    client: {id: webcenter, secret_file: %[1]s/webcenter.secret}
`, dir, theatre.Ports.GateURL(), theatre.Keycloak.URL, name, theatre.Ports.SiteURL(), theatre.Ports.UpstreamURL())
	config = filepath.Join(dir, "schleuse.yaml")
	for file, content := range map[string]string{config: text, filepath.Join(dir, "admin"): stage.AdminPassword} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return admin, config
}

// realmCommand runs schleuse realm and returns its lines, warnings apart.
func realmCommand(t *testing.T, what, config string) (lines, warnings []string) {
	t.Helper()
	out, err := theatre.Run(t.Context(), "realm", what, "--config", config,
		"--admin-user", stage.AdminName, "--admin-password-file", filepath.Join(filepath.Dir(config), "admin"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if w, ok := strings.CutPrefix(line, "warning: "); ok {
			warnings = append(warnings, w)
		} else {
			lines = append(lines, line)
		}
	}
	return lines, warnings
}

// exported returns the whole realm as Keycloak exports it, one value a path.
func exported(t *testing.T, admin *stage.Admin) map[string]string {
	t.Helper()
	var realm any
	_, err := admin.Do(t.Context(), http.MethodPost, "partial-export?exportClients=true&exportGroupsAndRoles=true", nil, &realm)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	flatten("", realm, out)
	return out
}

func flatten(path string, v any, out map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			flatten(path+"/"+k, inner, out)
		}
	case []any:
		for i, inner := range v {
			flatten(path+"/"+named(inner, i), inner, out)
		}
	default:
		text, _ := json.Marshal(v) //nolint:errchkjson // it came from JSON
		out[path] = string(text)
	}
}

// named tells the elements of a list apart by what they are called.
func named(v any, i int) string {
	o, _ := v.(map[string]any)
	for _, key := range []string{"clientId", "alias", "name", "clientScope", "client", "authenticator", "flowAlias"} {
		if s, ok := o[key].(string); ok {
			return s
		}
	}
	if s, ok := v.(string); ok {
		return s
	}
	return strconv.Itoa(i)
}

func TestFreshRealmIsPlannedAppliedAndThenAsItShouldBe(t *testing.T) {
	admin, config := newRealm(t, "frisch", nil)
	before := exported(t, admin)
	planned, _ := realmCommand(t, "plan", config)
	want := []string{
		"+ role identified",
		"~ realm frisch: accessCodeLifespan: 60 → 2700",
		"~ realm frisch: ssoSessionIdleTimeout: 1800 → 3600",
		"~ realm frisch: parRequestUriLifespan: 60 → 1800",
		"+ flow schleuse direct grant denied",
		"~ realm frisch: directGrantFlow: direct grant → schleuse direct grant denied",
		"~ client scope profile: mapper username: preferred_username in ID tokens: true → false",
		"+ client schleuse (service account)",
		"+ client schleuse: service account's role: manage-users",
		"+ client scope schleuse-apis (audience frisch-apis)",
		"+ client scope schleuse-apis: only with role: identified",
		"+ client webcenter (site " + theatre.Ports.SiteURL() + ")",
		"+ client webcenter: default scope: schleuse-apis",
		"Next: schleuse realm apply",
	}
	if diff := cmp.Diff(want, planned); diff != "" {
		t.Errorf("plan: %s", diff)
	}
	if diff := cmp.Diff(before, exported(t, admin)); diff != "" {
		t.Errorf("plan changed the realm: %s", diff)
	}
	applied, _ := realmCommand(t, "apply", config)
	if diff := cmp.Diff(want[:len(want)-1], slices.DeleteFunc(applied, func(s string) bool { return !strings.ContainsAny(s[:1], "+~-") })); diff != "" {
		t.Errorf("apply: %s", diff)
	}
	again, warnings := realmCommand(t, "plan", config)
	if diff := cmp.Diff([]string{"The realm is as it should be: nothing to change."}, again); diff != "" {
		t.Errorf("plan after apply: %s", diff)
	}
	told(t, warnings, `no role "mitarbeiter"`, `no client "kundenapp"`, "jboss-logging", "bruteForceProtected")
	if _, err := theatre.Run(t.Context(), "keys", "init", filepath.Join(filepath.Dir(config), "keys.json")); err != nil {
		t.Fatal(err)
	}
	if out, err := theatre.Run(t.Context(), "check", "--live", "--config", config); err != nil {
		t.Errorf("the account that apply made does not suffice: %v %s", err, out)
	}
}

// told demands warnings, by a part of each.
func told(t *testing.T, warnings []string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !slices.ContainsFunc(warnings, func(w string) bool { return strings.Contains(w, part) }) {
			t.Errorf("no warning has %q: %q", part, warnings)
		}
	}
}

// grown is a realm that has been in use: other people, clients, flows.
func grown() map[string]any {
	return map[string]any{
		"displayName": "Alt", "rememberMe": true, "registrationAllowed": true, "eventsEnabled": true, "editUsernameAllowed": true,
		"ssoSessionIdleTimeout": 7200, "accessCodeLifespan": 90, "passwordPolicy": "length(12)", "bruteForceProtected": true,
		"attributes": map[string]any{"cibaInterval": "9", "eigenes": "bleibt", "parRequestUriLifespan": "3600", "frontendUrl": "https://alt.example"},
		"roles":      map[string]any{"realm": []any{map[string]any{"name": "mitarbeiter", "description": "Alle im Haus"}}},
		"clients": []any{
			map[string]any{
				"clientId": "lohn", "protocol": "openid-connect", "publicClient": true, "directAccessGrantsEnabled": true,
				"redirectUris": []any{"https://lohn.example/*", "*"}, "attributes": map[string]any{"eigenes": "bleibt", "oidc.ciba.grant.enabled": "true"},
				"protocolMappers": []any{map[string]any{
					"name": "name", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-attribute-mapper",
					"config": map[string]any{"user.attribute": "username", "claim.name": "preferred_username", "id.token.claim": "true", "access.token.claim": "true"},
				}},
			},
			map[string]any{"clientId": "altes-saml", "protocol": "saml", "redirectUris": []any{"https://saml.example/"}},
			map[string]any{
				"clientId": "webcenter", "name": "Das WebCenter", "secret": "alt", "publicClient": true, "implicitFlowEnabled": true,
				"redirectUris": []any{"https://webcenter.example/login"}, "attributes": map[string]any{"post.logout.redirect.uris": "https://webcenter.example/", "eigenes": "bleibt"},
			},
			map[string]any{"clientId": "schleuse", "secret": "alt", "serviceAccountsEnabled": true, "standardFlowEnabled": false},
		},
		"users": []any{
			map[string]any{"username": "service-account-schleuse", "enabled": true, "serviceAccountClientId": "schleuse", "clientRoles": map[string]any{"realm-management": []any{"realm-admin"}}},
			map[string]any{"username": "c.chefin", "enabled": true, "clientRoles": map[string]any{"realm-management": []any{"realm-admin"}}},
		},
	}
}

func TestRealmInUseKeepsWhatIsNotTheGates(t *testing.T) {
	admin, config := newRealm(t, "gewachsen", grown())
	own := map[string]any{"alias": "eigener Browser", "providerId": "basic-flow", "topLevel": true, "builtIn": false}
	if _, err := admin.Do(t.Context(), http.MethodPost, "authentication/flows", own, nil); err != nil {
		t.Fatal(err)
	}
	before := exported(t, admin)
	planned, warnings := realmCommand(t, "plan", config)
	for _, line := range []string{
		"~ realm gewachsen: accessCodeLifespan: 90 → 2700", "~ realm gewachsen: rememberMe: true → false",
		"~ client schleuse: secret: (another) → (as in its file)", "+ client schleuse: service account's role: manage-users",
		"- client schleuse: service account's role: realm-admin", "~ client webcenter: publicClient: true → false",
		"~ client webcenter: implicitFlowEnabled: true → false", "+ client webcenter: redirectUris: " + theatre.Ports.SiteURL() + "/schleuse/callback",
	} {
		if !slices.Contains(planned, line) && !strings.Contains(line, "secret") {
			t.Errorf("the plan lacks %q:\n%s", line, strings.Join(planned, "\n"))
		}
	}
	told(t, warnings, "eventsEnabled", "editUsernameAllowed", "registrationAllowed", "frontendUrl is https://alt.example", "1 accounts of this realm administer it",
		"password grant, which is refused: lohn", "CIBA, which is closed unless gate.open has ciba: lohn", "speak SAML, which is closed: altes-saml",
		"any redirect address (*): lohn", "into ID tokens by a mapper of their own (preferred_username): lohn")
	realmCommand(t, "apply", config)
	if again, _ := realmCommand(t, "plan", config); len(again) != 1 {
		t.Errorf("plan after apply: %q", again)
	}
	if diff := cmp.Diff(others(before), others(exported(t, admin))); diff != "" {
		t.Errorf("apply changed what is not the gate's: %s", diff)
	}
	var roles []struct{ Name string }
	if id, err := admin.UserID(t.Context(), "service-account-schleuse"); err != nil {
		t.Error(err)
	} else if roles, err = managementRoles(t, admin, id); err != nil || len(roles) != 1 || roles[0].Name != "manage-users" {
		t.Errorf("the service account may %v, %v, want manage-users alone", roles, err)
	}
}

func managementRoles(t *testing.T, admin *stage.Admin, user string) (roles []struct{ Name string }, err error) {
	t.Helper()
	var clients []struct{ ID string }
	if _, err := admin.Do(t.Context(), http.MethodGet, "clients?clientId=realm-management", nil, &clients); err != nil {
		return nil, err
	}
	_, err = admin.Do(t.Context(), http.MethodGet, "users/"+user+"/role-mappings/clients/"+clients[0].ID, nil, &roles)
	return roles, err
}

// others leaves out what apply is there to change.
func others(realm map[string]string) map[string]string {
	gates := regexp.MustCompile(`^/(` + strings.Join([]string{
		`accessCodeLifespan`, `rememberMe`, `directGrantFlow`,
		`authenticationFlows/schleuse direct grant denied/.*`,
		`roles/realm/identified/.*`,
		`clientScopes/schleuse-apis/.*`, `scopeMappings/schleuse-apis/.*`,
		`clientScopes/profile/protocolMappers/username/config/id\.token\.claim`,
		`clients/schleuse/(publicClient|directAccessGrantsEnabled|secret|attributes/client\.secret\.creation\.time)`,
		`clients/webcenter/(publicClient|secret|implicitFlowEnabled|directAccessGrantsEnabled|frontchannelLogout|clientAuthenticatorType)`,
		`clients/webcenter/attributes/(pkce|backchannel|post\.logout|client\.secret).*`,
		`clients/webcenter/defaultClientScopes/schleuse-apis`,
		`users/0/clientRoles/realm-management/.*`,
		// Keycloak itself writes these defaults out at any change of a realm or client.
		`attributes/(clientOfflineSession|clientSession)(IdleTimeout|MaxLifespan)`, `attributes/scimApiEnabled`,
		`clients/schleuse/defaultClientScopes/service_account`,
		`clients/webcenter/redirectUris/` + regexp.QuoteMeta(theatre.Ports.SiteURL()) + `.*`,
	}, "|") + `)$`)
	out := map[string]string{}
	for path, value := range realm {
		if !gates.MatchString(path) {
			out[path] = value
		}
	}
	return out
}
