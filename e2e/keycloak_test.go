package e2e_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/e2e/issuer"
	"github.com/schleuse/schleuse/e2e/partner"
	"github.com/schleuse/schleuse/e2e/play"
	"github.com/schleuse/schleuse/e2e/stage"
	"github.com/schleuse/schleuse/e2e/visitor"
)

// These tests look at Keycloak without Schleuse: they show that the stage is
// as real as the piece needs it.

// past returns a visitor who reaches Keycloak past the gate.
func past(t *testing.T) *visitor.Visitor {
	t.Helper()
	v := visitor.New()
	v.Dial[strings.TrimPrefix(theatre.Ports.GateURL(), "http://")] = strings.TrimPrefix(theatre.Keycloak.URL, "http://")
	return v
}

func realmURL() string { return theatre.Ports.GateURL() + "/realms/" + stage.Realm }

// webCenter is the WebCenter as a client, driven by hand.
func webCenter(v *visitor.Visitor) visitor.App {
	return visitor.App{
		Issuer: realmURL(), ID: "webcenter", Secret: stage.WebCenterSecret,
		RedirectURI: theatre.Ports.SiteURL() + "/schleuse/callback", HTTP: v.HTTPClient(),
	}
}

// signIn types a name where there is a field for it, and a password.
func signIn(t *testing.T, v *visitor.Visitor, page *visitor.Page, person stage.Person, stops ...string) *visitor.Page {
	t.Helper()
	form, err := page.Form("password")
	if err != nil {
		t.Fatal(err)
	}
	next, err := v.Submit(t.Context(), form, url.Values{"username": {person.Number}, "password": {person.Password}}, stops...)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func TestKeycloakShowsTheNumberAndDoesNotLetItBeEdited(t *testing.T) {
	v := past(t)
	page, err := v.Open(t.Context(), webCenter(v).Begin(url.Values{"login_hint": {stage.Anna.Number}}).URL)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := page.Title(), "Wie lautet Ihr Passwort?"; got != want {
		t.Errorf("title %q, want %q", got, want)
	}
	body := string(page.Body)
	if !strings.Contains(body, `value="A123456780" type="text" readonly`) {
		t.Error("the number is not shown, or may be edited")
	}
	restart, err := page.Link("Andere Versichertennummer")
	if err != nil || !strings.Contains(restart, "/login-actions/restart?") {
		t.Errorf("link to another number leads to %q, %v", restart, err)
	}
}

func TestStaffTypeTheirNameAtKeycloak(t *testing.T) {
	v := past(t)
	page, err := v.Open(t.Context(), webCenter(v).Begin(nil).URL)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(page.Body), "readonly") {
		t.Error("the name cannot be typed")
	}
	wrong := stage.Sabine
	wrong.Password = "falsch"
	page = signIn(t, v, page, wrong)
	if strings.Contains(string(page.Body), "readonly") || !strings.Contains(page.Text(), "passen nicht zusammen") {
		t.Errorf("after a wrong password: %s", page.Text())
	}
}

func TestIDTokensAndGrantsAreAsTheRealmSays(t *testing.T) {
	v := past(t)
	app := webCenter(v)
	request := app.Begin(url.Values{"scope": {"openid profile"}})
	page, err := v.Open(t.Context(), request.URL)
	if err != nil {
		t.Fatal(err)
	}
	page = signIn(t, v, page, stage.Hanna, app.RedirectURI)
	tokens, err := app.Redeem(t.Context(), page.Query("code"), request.Verifier)
	if err != nil || tokens.Error != "" {
		t.Fatalf("%v %+v", err, tokens)
	}
	id, err := visitor.Claims(tokens.IDToken)
	if err != nil {
		t.Fatal(err)
	}
	if name, has := id["preferred_username"]; has {
		t.Errorf("the ID token names the number: %v", name)
	}
	access, err := visitor.Claims(tokens.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	if !audienceHas(access["aud"], "kasse-apis") {
		t.Errorf("an identified person's token has aud %v, want kasse-apis in it", access["aud"])
	}
}

func TestAnUnidentifiedPersonsTokenLacksTheAudience(t *testing.T) {
	v := past(t)
	app := webCenter(v)
	request := app.Begin(nil)
	page, err := v.Open(t.Context(), request.URL)
	if err != nil {
		t.Fatal(err)
	}
	page = signIn(t, v, page, stage.Bernd, app.RedirectURI)
	tokens, err := app.Redeem(t.Context(), page.Query("code"), request.Verifier)
	if err != nil || tokens.Error != "" {
		t.Fatalf("%v %+v", err, tokens)
	}
	access, err := visitor.Claims(tokens.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	if audienceHas(access["aud"], "kasse-apis") {
		t.Error("an unidentified person's token opens the APIs")
	}
}

func audienceHas(aud any, want string) bool {
	switch aud := aud.(type) {
	case string:
		return aud == want
	case []any:
		for _, one := range aud {
			if one == want {
				return true
			}
		}
	}
	return false
}

func TestThePasswordGrantIsDenied(t *testing.T) {
	v := past(t)
	form := url.Values{
		"grant_type": {"password"}, "client_id": {"admin-cli"},
		"username": {stage.Hanna.Number}, "password": {stage.Hanna.Password},
	}
	page, err := v.Post(t.Context(), realmURL()+"/protocol/openid-connect/token", form)
	if err != nil {
		t.Fatal(err)
	}
	if page.Status != http.StatusUnauthorized || strings.Contains(string(page.Body), "access_token") {
		t.Errorf("status %d, want 401: %s", page.Status, page.Text())
	}
}

func TestTheServiceAccountMayManageUsersAlone(t *testing.T) {
	v := past(t)
	app := visitor.App{Issuer: realmURL(), ID: "schleuse", Secret: stage.SchleuseSecret, HTTP: v.HTTPClient()}
	tokens, err := app.Token(t.Context(), url.Values{"grant_type": {"client_credentials"}})
	if err != nil || tokens.AccessToken == "" {
		t.Fatalf("%v %+v", err, tokens)
	}
	for path, want := range map[string]int{"users?username=a123456780&exact=true": 200, "roles/identified": 403, "clients": 403, "events": 403} {
		request, err := http.NewRequest(http.MethodGet, theatre.Keycloak.URL+"/admin/realms/kasse/"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+tokens.AccessToken)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, response.StatusCode, want)
		}
	}
}

func TestThePartnerPortalSignsStaffIn(t *testing.T) {
	v := past(t)
	portal := httptest.NewServer(partner.New(partner.Settings{
		Issuer: realmURL(), ClientID: "partnerportal", Secret: stage.PartnerSecret,
		URL: theatre.Ports.PartnerURL(), HTTP: v.HTTPClient(),
	}))
	defer portal.Close()
	v.Dial[strings.TrimPrefix(theatre.Ports.PartnerURL(), "http://")] = portal.Listener.Addr().String()
	page, err := v.Open(t.Context(), theatre.Ports.PartnerURL()+"/login")
	if err != nil {
		t.Fatal(err)
	}
	page = signIn(t, v, page, stage.Sabine)
	if got := page.Text(); !strings.Contains(got, "Angemeldet: Sabine Schmidt") {
		t.Errorf("the portal says %q", got)
	}
}

func TestAForeignIssuerBrokersALogin(t *testing.T) {
	ctx := t.Context()
	brokerage(t, foreignIssuer(t))
	v := past(t)
	app := webCenter(v)
	page, err := v.Open(ctx, app.Begin(url.Values{"kc_idp_hint": {"fremd"}}).URL)
	if err != nil {
		t.Fatal(err)
	}
	form, err := page.Form("name")
	if err != nil {
		t.Fatal(err)
	}
	page, err = v.Submit(ctx, form, url.Values{"name": {"ottilie"}}, app.RedirectURI)
	if err != nil {
		t.Fatal(err)
	}
	if page.Query("code") == "" {
		t.Fatalf("no code, but %d %s", page.Status, page.Text())
	}
	if err := theatre.Keycloak.Admin.DeleteUser(ctx, "ottilie"); err != nil {
		t.Error(err)
	}
}

// foreignIssuer runs another organisation's OpenID provider until the test ends.
func foreignIssuer(t *testing.T) *issuer.Issuer {
	t.Helper()
	foreign, err := issuer.New(theatre.Ports.IssuerURL(), "keycloak", "foreign-secret")
	if err != nil {
		t.Fatal(err)
	}
	if err := play.Serve(t.Context(), theatre.Ports.Issuer(), foreign.Handler()); err != nil {
		t.Fatal(err)
	}
	return foreign
}

// linked gives the person a login at the foreign issuer and returns their name
// there: one of this account alone, because Keycloak remembers whose a link was.
func linked(t *testing.T, person stage.Person) (name string) {
	t.Helper()
	id, err := theatre.Keycloak.Admin.UserID(t.Context(), person.Number)
	if err != nil {
		t.Fatal(err)
	}
	name = "kunde-" + id
	link := map[string]any{"identityProvider": "fremd", "userId": "foreign-" + name, "userName": name}
	if _, err := theatre.Keycloak.Admin.Do(t.Context(), http.MethodPost, "users/"+id+"/federated-identity/fremd", link, nil); err != nil {
		t.Fatal(err)
	}
	return name
}

// brokerage makes the foreign issuer an identity provider of the realm until the test ends.
func brokerage(t *testing.T, foreign *issuer.Issuer) {
	t.Helper()
	_, err := theatre.Keycloak.Admin.Do(t.Context(), http.MethodPost, "identity-provider/instances", map[string]any{
		"alias": "fremd", "providerId": "oidc", "enabled": true, "trustEmail": true,
		"config": map[string]string{
			"issuer": foreign.URL, "clientId": foreign.ClientID, "clientSecret": foreign.Secret,
			"authorizationUrl": foreign.URL + "/authorize", "tokenUrl": foreign.URL + "/token",
			"jwksUrl": foreign.URL + "/jwks", "userInfoUrl": foreign.URL + "/userinfo",
			"useJwksUrl": "true", "validateSignature": "true", "clientAuthMethod": "client_secret_post", "defaultScope": "openid",
		},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.WithoutCancel(t.Context())
	t.Cleanup(func() {
		if _, err := theatre.Keycloak.Admin.Do(ctx, http.MethodDelete, "identity-provider/instances/fremd", nil, nil); err != nil {
			t.Error(err)
		}
	})
}
