package wire_test

import (
	"testing"

	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
)

func surface(t testing.TB, prefix string, open ...wire.Word) *wire.Surface {
	t.Helper()
	s, err := wire.NewSurface(prefix, "kasse", open)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func target(t testing.TB, raw string) wire.Target {
	t.Helper()
	got, err := wire.ParseTarget(raw)
	if err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	return got
}

func TestSurface(t *testing.T) {
	const r = "/realms/kasse"
	cases := []struct {
		method, path string
		want         wire.Match
	}{
		{"GET", oidc + "auth", wire.Match{Route: wire.Auth}},
		{"HEAD", oidc + "auth", wire.Match{Route: wire.Auth}},
		{"POST", oidc + "auth", wire.Match{Route: wire.Auth}},
		{"GET", oidc + "auth/", wire.Match{Route: wire.Auth}},
		{"PUT", oidc + "auth", wire.Match{}},
		{"OPTIONS", oidc + "auth", wire.Match{}},
		{"get", oidc + "auth", wire.Match{}},
		{"GET", oidc + "AUTH", wire.Match{}},
		{"POST", oidc + "token", wire.Match{Route: wire.Token}},
		{"GET", oidc + "token", wire.Match{}},
		{"OPTIONS", oidc + "token", wire.Match{Route: wire.Preflight}},
		{"POST", oidc + "token/introspect", wire.Match{Route: wire.Introspect}},
		{"POST", oidc + "ext/par/request", wire.Match{Route: wire.PAR}},
		{"GET", oidc + "userinfo", wire.Match{Route: wire.Userinfo}},
		{"POST", oidc + "userinfo", wire.Match{Route: wire.Userinfo}},
		{"OPTIONS", oidc + "userinfo", wire.Match{Route: wire.Preflight}},
		{"POST", oidc + "revoke", wire.Match{Route: wire.Revoke}},
		{"GET", oidc + "logout", wire.Match{Route: wire.Logout}},
		{"POST", oidc + "logout", wire.Match{Route: wire.Logout}},
		{"POST", oidc + "logout/logout-confirm", wire.Match{Route: wire.LogoutConfirm}},
		{"POST", oidc + "logout/backchannel-logout", wire.Match{Route: wire.LogoutBackchannel}},
		{"GET", oidc + "certs", wire.Match{Route: wire.Certs}},
		{"GET", r + "/.well-known/openid-configuration", wire.Match{Route: wire.Discovery}},
		{"GET", r + "/.well-known/oauth-authorization-server", wire.Match{Route: wire.Discovery}},
		{"GET", r + "/.well-known/uma2-configuration", wire.Match{}},
		{"GET", "/.well-known/oauth-authorization-server/realms/kasse", wire.Match{Route: wire.Discovery}},
		{"GET", "/.well-known/oauth-authorization-server/realms/master", wire.Match{}},
		{"GET", oidc + "login-status-iframe.html", wire.Match{Route: wire.LoginStatusIframe}},
		{"GET", oidc + "login-status-iframe.html/init", wire.Match{Route: wire.LoginStatusIframe}},
		{"GET", oidc + "3p-cookies/step1.html", wire.Match{Route: wire.ThirdPartyCookies}},
		{"GET", oidc + "3p-cookies/step3.html", wire.Match{}},
		{"GET", r, wire.Match{Route: wire.RealmInfo}},
		{"GET", r + "/", wire.Match{Route: wire.RealmInfo}},
		{"POST", r, wire.Match{}},
		{"GET", "/resources/abcde/login/schleuse/css/styles.css", wire.Match{Route: wire.Resources}},
		{"GET", "/resources/kasse/login/de", wire.Match{Route: wire.Resources}},
		{"GET", "/resources/", wire.Match{}},
		{"POST", "/resources/abcde/login/schleuse/css/styles.css", wire.Match{}},
		{"GET", r + "/login-actions/authenticate", wire.Match{Route: wire.Authenticate}},
		{"POST", r + "/login-actions/authenticate", wire.Match{Route: wire.Authenticate}},
		{"POST", r + "/login-actions/required-action", wire.Match{Route: wire.RequiredAction}},
		{"POST", r + "/login-actions/consent", wire.Match{Route: wire.Consent}},
		{"GET", r + "/login-actions/consent", wire.Match{}},
		{"GET", r + "/login-actions/restart", wire.Match{Route: wire.Restart}},
		{"GET", r + "/login-actions/detached-info", wire.Match{Route: wire.DetachedInfo}},
		{"POST", r + "/login-actions/first-broker-login", wire.Match{Route: wire.FirstBrokerLogin}},
		{"GET", r + "/login-actions/post-broker-login", wire.Match{Route: wire.PostBrokerLogin}},
		{"GET", r + "/broker/bund/login", wire.Match{Route: wire.BrokerLogin}},
		{"GET", r + "/broker/bund/endpoint", wire.Match{Route: wire.BrokerEndpoint}},
		{"POST", r + "/broker/bund/endpoint", wire.Match{Route: wire.BrokerEndpoint}},
		{"GET", r + "/broker/bund/endpoint/logout_response", wire.Match{Route: wire.BrokerLogoutAnswer}},
		{"GET", r + "/broker/after-first-broker-login", wire.Match{Route: wire.AfterFirstBroker}},
		{"GET", r + "/broker/after-post-broker-login", wire.Match{Route: wire.AfterPostBroker}},
		{"GET", r + "/broker/bund/endpoint/clients/x", wire.Match{}},
		{"GET", r + "/broker/bund/link", wire.Match{Route: wire.BrokerLink, Closed: wire.OpenBrokerLink}},
		{"GET", r + "/broker/bund/token", wire.Match{Route: wire.BrokerToken, Closed: wire.OpenBrokerToken}},
		{"GET", r + "/account", wire.Match{Route: wire.Account, Closed: wire.OpenAccount}},
		{"DELETE", r + "/account/credentials/x", wire.Match{Route: wire.Account, Closed: wire.OpenAccount}},
		{"GET", r + "/accountant", wire.Match{}},
		{"POST", oidc + "auth/device", wire.Match{Route: wire.DeviceRequest, Closed: wire.OpenDevice}},
		{"GET", r + "/device", wire.Match{Route: wire.DevicePage, Closed: wire.OpenDevice}},
		{"GET", r + "/device/status", wire.Match{Route: wire.DevicePage, Closed: wire.OpenDevice}},
		{"POST", oidc + "ext/ciba/auth", wire.Match{Route: wire.CIBA, Closed: wire.OpenCIBA}},
		{"POST", oidc + "ext/ciba/auth/callback", wire.Match{}},
		{"GET", oidc + "registrations", wire.Match{Route: wire.Registration, Closed: wire.OpenRegistration}},
		{"POST", r + "/login-actions/registration", wire.Match{Route: wire.Registration, Closed: wire.OpenRegistration}},
		{"GET", r + "/login-actions/reset-credentials", wire.Match{Route: wire.ResetCredentials, Closed: wire.OpenReset}},
		{"GET", oidc + "forgot-credentials", wire.Match{Route: wire.ResetCredentials, Closed: wire.OpenReset}},
		{"GET", r + "/login-actions/action-token", wire.Match{Route: wire.ActionToken, Closed: wire.OpenActionTokens}},
		{"POST", r + "/protocol/saml", wire.Match{Route: wire.SAML, Closed: wire.OpenSAML}},
		{"GET", r + "/protocol/saml/clients/x", wire.Match{Route: wire.SAML, Closed: wire.OpenSAML}},
		{"GET", r + "/protocol/docker-v2/auth", wire.Match{}},
		{"POST", r + "/clients-registrations/openid-connect", wire.Match{Route: wire.ClientRegistration, Closed: wire.OpenClientRegistration}},
		{"POST", r + "/authz/protection/permission", wire.Match{Route: wire.UMA, Closed: wire.OpenUMA}},
		{"GET", oidc + "oauth/oob", wire.Match{}},
		{"GET", r + "/clients/x/redirect", wire.Match{}},
		{"GET", r + "x/protocol/openid-connect/auth", wire.Match{}},
		{"GET", r + "Xprotocol/openid-connect/auth", wire.Match{}},
		{"GET", "/realms/master/protocol/openid-connect/auth", wire.Match{}},
		{"GET", "/realms/Kasse/protocol/openid-connect/auth", wire.Match{}},
		{"GET", "/admin", wire.Match{}},
		{"GET", "/admin/realms/kasse/users", wire.Match{}},
		{"GET", "/", wire.Match{}},
		{"GET", "/metrics", wire.Match{}},
		{"GET", "/health/ready", wire.Match{}},
		{"GET", "/auth/realms/kasse", wire.Match{}},
	}
	s := surface(t, "")
	for _, c := range cases {
		if got := s.Match(c.method, target(t, c.path)); got != c.want {
			t.Errorf("%s %s: %v closed %q, want %v closed %q", c.method, c.path, got.Route, got.Closed, c.want.Route, c.want.Closed)
		}
	}
}

func TestSurfaceBelowARelativePath(t *testing.T) {
	for _, prefix := range []string{"/auth", "/auth/"} {
		s := surface(t, prefix)
		for path, want := range map[string]wire.Route{
			"/auth" + oidc + "auth":                     wire.Auth,
			"/auth/resources/x/login/kc/a.css":          wire.Resources,
			"/auth/realms/kasse":                        wire.RealmInfo,
			oidc + "auth":                               wire.None,
			"/resources/x/login/kc/a.css":               wire.None,
			"/auth/auth" + oidc + "auth":                wire.None,
			"/authx/realms/kasse":                       wire.None,
			"/auth/admin/realms/kasse":                  wire.None,
			"/auth/realms/kasse/login-actions/restart/": wire.Restart,
		} {
			if got := s.Match("GET", target(t, path)); got.Route != want {
				t.Errorf("%s: %v, want %v", path, got.Route, want)
			}
		}
	}
}

func TestSurfaceOpensByWordOnly(t *testing.T) {
	const device = "/realms/kasse/device"
	s := surface(t, "", wire.OpenDevice)
	if m := s.Match("GET", target(t, device)); !m.Open() {
		t.Errorf("opened: %+v", m)
	}
	if m := s.Match("GET", target(t, "/realms/kasse/account")); m.Open() {
		t.Errorf("another word opened it: %+v", m)
	}
	if m := surface(t, "").Match("GET", target(t, device)); m.Open() {
		t.Errorf("open without the word: %+v", m)
	}
	if (wire.Match{}).Open() {
		t.Error("the zero match is open")
	}
}

func TestSurfaceActionTokensByKind(t *testing.T) {
	s := surface(t, "", wire.OpenReset)
	const path = "/realms/kasse/login-actions/action-token?client_id=x&key="
	for typ, open := range map[string]bool{
		"verify-email": true, "idp-verify-account-via-email": false, "reset-credentials": true, "execute-actions": false, "update-email": false, "": false,
	} {
		key := jwt(`{"typ":"` + typ + `"}`)
		if m := s.Match("GET", target(t, path+key)); m.Open() != open {
			t.Errorf("%s: %+v, want open %t", typ, m, open)
		}
		if m := s.Match("GET", target(t, path+key+"&key="+jwt(`{"typ":"verify-email"}`))); m.Open() {
			t.Errorf("%s: two keys are open", typ)
		}
	}
	if m := s.Match("GET", target(t, path+"x.y.z")); m.Open() {
		t.Error("a broken key is open")
	}
	if m := surface(t, "").Match("GET", target(t, path+jwt(`{"typ":"reset-credentials"}`))); m.Closed != wire.OpenReset {
		t.Errorf("reset without the word: %+v", m)
	}
}

func TestSurfaceRefusesWhatItCannotCompare(t *testing.T) {
	for _, c := range []struct {
		prefix, realm string
		open          []wire.Word
	}{
		{"", "", nil}, {"", "a b", nil}, {"", "a/b", nil}, {"", "..", nil}, {"auth", "kasse", nil}, {"/a//b", "kasse", nil}, {"", "kasse", []wire.Word{"everything"}},
	} {
		if _, err := wire.NewSurface(c.prefix, c.realm, c.open); err == nil {
			t.Errorf("%+v accepted", c)
		}
	}
}

func FuzzSurface(f *testing.F) {
	for _, s := range []string{oidc + "auth", "/realms/kasse/broker/x/endpoint", "/admin", "/resources/a/b/c", "/realms/kasse/account/x"} {
		f.Add("GET", s)
	}
	s := surface(f, "")
	f.Fuzz(func(t *testing.T, method, raw string) {
		tg, err := wire.ParseTarget(raw)
		if err != nil {
			return
		}
		m := s.Match(method, tg)
		inside := len(tg.Path) >= 13 && tg.Path[:13] == "/realms/kasse" && (len(tg.Path) == 13 || tg.Path[13] == '/')
		outside := len(tg.Path) > 11 && (tg.Path[:11] == "/resources/" || tg.Path[:11] == "/.well-know")
		if m.Route != wire.None && !inside && !outside {
			t.Errorf("%s %q is %v", method, raw, m.Route)
		}
	})
}

func BenchmarkTargetAndRoute(b *testing.B) {
	s := surface(b, "")
	b.ReportAllocs()
	for b.Loop() {
		tg, err := wire.ParseTarget(oidc + "auth?client_id=webcenter&response_type=code&scope=openid%20profile")
		if err != nil || s.Match("GET", tg).Route != wire.Auth {
			b.Fatal(err)
		}
	}
}
