package e2e_test

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/e2e/play"
	"github.com/schleuse/schleuse/e2e/stage"
	"github.com/schleuse/schleuse/e2e/visitor"
	"github.com/schleuse/schleuse/e2e/webcenter"
)

// below is Keycloak's relative path in these tests, as installations have it
// that are older than Keycloak 17.
const below = "/auth"

// annex is a stage of its own with a Keycloak below a relative path.
type annex struct {
	*testing.T
	play.Play
	*play.Schleuse
	realm string // URL of the realm as browsers see it
}

func newAnnex(t *testing.T) *annex {
	t.Helper()
	ports, err := stage.FreePorts()
	if err != nil {
		t.Fatal(err)
	}
	cache, err := stage.OpenCache(stage.Progress{Out: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.WithoutCancel(t.Context())
	a := &annex{T: t, Play: *theatre, realm: ports.GateURL() + below + "/realms/" + stage.Realm}
	a.Ports = ports
	if a.Keycloak, err = cache.StartKeycloak(ctx, stage.KeycloakSpec{Ports: ports, Path: below}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Keycloak.Stop)
	app := a.Noting(webcenter.New(webcenter.Settings{SignOut: "/schleuse/logout"}))
	if err := play.Serve(t.Context(), ports.Upstream(), app); err != nil {
		t.Fatal(err)
	}
	if a.Schleuse, err = a.Play.Schleuse(ctx, play.Spec{Dir: t.TempDir(), Path: below}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Stop)
	return a
}

// inbox asks for the WebCenter's page and follows to where it comes to rest.
func (a *annex) inbox(v *visitor.Visitor) *visitor.Page {
	a.Helper()
	page, err := v.Open(a.Context(), a.Ports.SiteURL()+"/postfach/")
	if err != nil {
		a.Fatal(err)
	}
	return page
}

// toTheCard goes as far as the card page.
func (a *annex) toTheCard(v *visitor.Visitor, person stage.Person) *visitor.Page {
	a.Helper()
	page := submit(a.T, v, a.inbox(v), "number", url.Values{"number": {person.Number}})
	page = submit(a.T, v, page, "schleuse_request", url.Values{"wish": {"sign_in"}})
	if !strings.HasPrefix(page.URL.String(), a.realm+"/") {
		a.Errorf("the password is asked at %s, want below %s", page.URL.Path, a.realm)
	}
	page = signIn(a.T, v, page, person)
	if page.Title() != askDigits {
		a.Fatalf("not at the card page, but at %q (%d): %s", page.Title(), page.Status, page.Text())
	}
	return page
}

func (a *annex) sessions(person stage.Person) int {
	a.Helper()
	n, err := a.Keycloak.Admin.Sessions(a.Context(), person.Number)
	if err != nil {
		a.Fatal(err)
	}
	return n
}

// TestTheIssuerBelowARelativePath walks the whole way at an issuer below /auth:
// in, on by single sign-on, out from either side; and nothing is open there
// that is closed elsewhere.
func TestTheIssuerBelowARelativePath(t *testing.T) {
	a := newAnnex(t)
	v := visitor.New()
	page := a.toTheCard(v, stage.Anna)
	t.Run("held before the card", func(t *testing.T) {
		if _, has := v.Cookie(a.realm+"/", "KEYCLOAK_IDENTITY"); has {
			t.Error("there is an identity cookie before the card was answered for")
		}
	})
	page = submit(t, v, page, "digits", url.Values{"digits": {stage.Anna.Digits}})
	if page.Title() != sayInbox {
		t.Fatalf("after the card at %q (%d): %s", page.Title(), page.Status, page.Text())
	}
	t.Run("cookies", func(t *testing.T) {
		if _, has := v.Cookie(a.realm+"/", "KEYCLOAK_IDENTITY"); !has {
			t.Error("no identity cookie for the realm")
		}
		for _, elsewhere := range []string{"/", "/realms/kasse/", below + "/", below + "/realms/master/"} {
			for _, name := range v.CookieNames(a.Ports.GateURL() + elsewhere) {
				if strings.HasPrefix(name, "KEYCLOAK_") || strings.HasPrefix(name, "AUTH_SESSION") {
					t.Errorf("cookie %s goes to %s too", name, elsewhere)
				}
			}
		}
	})
	t.Run("single sign-on", func(t *testing.T) { a.anotherClient(t, v) })
	t.Run("closed", func(t *testing.T) { a.closed(t, v) })
	t.Run("log-out at Keycloak", func(t *testing.T) {
		id, err := a.Keycloak.Admin.UserID(t.Context(), stage.Anna.Number)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Keycloak.Admin.Do(t.Context(), http.MethodPost, "users/"+id+"/logout", nil, nil); err != nil {
			t.Fatal(err)
		}
		if page := a.inbox(v); page.Title() != askNumber {
			t.Errorf("the site did not hear of it: %q", page.Title())
		}
		if _, has := v.Cookie(a.realm+"/", "KEYCLOAK_IDENTITY"); has {
			t.Error("the dead session's cookie is still there")
		}
	})
	t.Run("second login and log-out at the site", func(t *testing.T) { a.inAndOut(t) })
}

// anotherClient signs in with the login that is there and checks who issues.
func (a *annex) anotherClient(t *testing.T, v *visitor.Visitor) {
	app := visitor.App{Issuer: a.realm, ID: "kundenapp", RedirectURI: "kundenapp://callback", HTTP: v.HTTPClient()}
	request := app.Begin(nil)
	page, err := v.Open(t.Context(), request.URL, app.RedirectURI)
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := app.Redeem(t.Context(), page.Query("code"), request.Verifier)
	if err != nil || tokens.AccessToken == "" {
		t.Fatalf("no tokens: %v %+v; at %q (%d)", err, tokens, page.Title(), page.Status)
	}
	claims, err := visitor.Claims(tokens.AccessToken)
	if err != nil || claims["iss"] != a.realm {
		t.Errorf("issued by %v, want %s, %v", claims["iss"], a.realm, err)
	}
	if tokens, err = app.Refresh(t.Context(), tokens.RefreshToken); err != nil || tokens.AccessToken == "" {
		t.Errorf("no refresh: %v %+v", err, tokens)
	}
}

// closed asks, signed in, for what the gate closes, and for the realm without
// the relative path.
func (a *annex) closed(t *testing.T, v *visitor.Visitor) {
	for _, path := range []string{
		"/realms/kasse", "/realms/kasse/protocol/openid-connect/certs", "/realms/kasse/.well-known/openid-configuration",
		below, below + "/", below + "/admin", below + "/admin/", below + "/admin/master/console/", below + "/admin/realms/kasse/users",
		"/admin/", below + below + "/realms/kasse", below + "/realms/master/protocol/openid-connect/certs",
		below + "/metrics", below + "/health/ready", below + "/realms/kasse/account/", below + "/realms/kasse/device",
		below + "/realms/kasse/protocol/openid-connect/registrations?client_id=kundenapp",
		below + "/realms/kasse/login-actions/reset-credentials", below + "/realms/kasse/clients-registrations/default/kundenapp",
	} {
		page, err := v.Get(t.Context(), a.Ports.GateURL()+path)
		if err != nil {
			t.Fatal(err)
		}
		if page.Status != http.StatusNotFound && page.Status != http.StatusBadRequest {
			t.Errorf("%s answers %d", path, page.Status)
		}
	}
	app := visitor.App{Issuer: a.realm, ID: "kundenapp", HTTP: v.HTTPClient()}
	if status, err := app.PostJSON(t.Context(), "auth/device", url.Values{}, nil); err == nil && status != http.StatusNotFound {
		t.Errorf("the device grant answers %d", status)
	}
	page, err := v.Get(t.Context(), a.realm+"/.well-known/openid-configuration")
	if err != nil || page.Status != http.StatusOK || !strings.Contains(string(page.Body), `"issuer":"`+a.realm+`"`) {
		t.Errorf("discovery: %d %v", page.Status, err)
	}
}

// inAndOut is somebody who was asked for the card before, and who goes by the
// site's own door.
func (a *annex) inAndOut(t *testing.T) {
	v := visitor.New()
	page := submit(t, v, a.inbox(v), "number", url.Values{"number": {stage.Anna.Number}})
	page = submit(t, v, page, "schleuse_request", url.Values{"wish": {"sign_in"}})
	if page = signIn(t, v, page, stage.Anna); page.Title() != sayInbox {
		t.Fatalf("the second login rests at %q (%d): %s", page.Title(), page.Status, page.Text())
	}
	page, err := v.Open(t.Context(), a.Ports.SiteURL()+"/schleuse/logout")
	if err != nil {
		t.Fatal(err)
	}
	if page, err = v.Submit(t.Context(), page.Forms()[0], nil); err != nil {
		t.Fatal(err)
	}
	if page.Title() != "Sie sind abgemeldet" {
		t.Errorf("the log-out rests at %q (%d): %s", page.Title(), page.Status, page.Text())
	}
	if n := a.sessions(stage.Anna); n != 0 {
		t.Errorf("%d sessions are left at Keycloak", n)
	}
	if page := a.inbox(v); page.Title() != askNumber {
		t.Errorf("after the log-out at %q", page.Title())
	}
}
