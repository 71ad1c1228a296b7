package attack_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/e2e/visitor"
)

// raw sends bytes to the closed gate as they are and reads one answer. A
// connection that ends without an answer gives status 0.
func raw(t *testing.T, request string) (status int, header http.Header, body string) {
	t.Helper()
	conn, err := net.Dial("tcp", local(here.doors.Gate()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, request); err != nil {
		return 0, nil, ""
	}
	method, _, _ := strings.Cut(request, " ")
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return 0, nil, ""
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(text)
}

// ask sends a request line and headers.
func ask(t *testing.T, line string, headers ...string) (status int, header http.Header, body string) {
	t.Helper()
	return raw(t, fmt.Sprintf("%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s\r\n", line, gateHost(), strings.Join(append(headers, ""), "\r\n")))
}

const endpoints = "/realms/angriff/protocol/openid-connect/"

// request is an authorization request with everything that a code needs.
func plainRequest(s *scene) string {
	target, _ := s.begin(nil)
	return strings.TrimPrefix(target, here.Ports.GateURL())
}

// TestRule01Path: with the cookie of somebody cleared, any spelling of a path
// that is not the one form gets nothing, and nothing of it reaches Keycloak.
func TestRule01Path(t *testing.T) {
	s := newScene(t, "attack-web", "identified")
	target, _ := s.begin(nil)
	s.login(target)
	identity, _ := s.v.Cookie(realm()+"/", "KEYCLOAK_IDENTITY")
	cookie := "Cookie: KEYCLOAK_IDENTITY=" + identity
	_, query, _ := strings.Cut(plainRequest(s), "?")
	try := func(path string) (int, string) {
		status, header, _ := ask(t, "GET "+path+"?"+query, cookie, "User-Agent: path-walker", "X-Forwarded-For: 10.19.0.1")
		return status, header.Get("Location")
	}
	for _, path := range []string{endpoints + "auth", endpoints + "auth/"} {
		if status, to := try(path); status != http.StatusFound || !toClient.MatchString(to) {
			t.Errorf("%s: %d %s, want a code", path, status, to)
		}
	}
	seen := len(here.tap.of("path-walker"))
	for _, path := range []string{
		"//realms/angriff/protocol/openid-connect/auth", "/realms//angriff/protocol/openid-connect/auth",
		"/./realms/angriff/protocol/openid-connect/auth", "/x/../realms/angriff/protocol/openid-connect/auth",
		"/realms/angriff/protocol/openid-connect/%61uth", "/realms/angriff/protocol/openid%2dconnect/auth",
		"/realms/angriff/protocol/openid-connect%2fauth", "/realms/angriff;x=1/protocol/openid-connect/auth",
		"/realms/angriff/protocol/openid-connect/auth;jsessionid=1", "/realms/angriff/protocol/openid-connect\\auth",
		"/realms/angriff/protocol/openid-connect/auth%00", "/realms/angriff/protocol/openid-connect/auth%20",
		"/schleuse/../realms/angriff/protocol/openid-connect/auth", "/resources/../realms/angriff/account",
		"http://" + gateHost() + endpoints + "auth", "http://127.0.0.1" + endpoints + "auth", "*", "realms/angriff",
	} {
		switch status, to := try(path); status {
		case http.StatusBadRequest, http.StatusNotFound, http.StatusMisdirectedRequest:
		case http.StatusTemporaryRedirect: // below /schleuse/: to the one form
			if !strings.HasPrefix(to, endpoints) {
				t.Errorf("%s: leads to %s", path, to)
			}
		default:
			t.Errorf("%s: %d", path, status)
		}
	}
	for _, line := range []string{
		"get " + endpoints + "auth", "PUT " + endpoints + "auth", "TRACE " + endpoints + "auth", "CONNECT " + gateHost(), "PRI *",
		"GET " + endpoints + "token", "DELETE " + endpoints + "userinfo", "PROPFIND /realms/angriff",
	} {
		status, _, _ := ask(t, line, cookie, "User-Agent: path-walker")
		if status != 0 && (status < 400 || status >= 500) {
			t.Errorf("%s: %d", line, status)
		}
	}
	if got := here.tap.of("path-walker")[seen:]; len(got) > 0 {
		t.Errorf("Keycloak was asked: %v", got)
	}
	status, header, body := ask(t, "HEAD "+endpoints+"auth?"+query, cookie)
	if status != http.StatusFound || !toClient.MatchString(header.Get("Location")) || body != "" {
		t.Errorf("HEAD: %d %s", status, header.Get("Location"))
	}
}

// TestRule01QuerySemicolon: Keycloak takes a bare semicolon as a separator, so
// a parameter could stand behind one unseen.
func TestRule01QuerySemicolon(t *testing.T) {
	s := newScene(t, "attack-web")
	for _, more := range []string{";prompt=none", ";kc_action=CONFIGURE_TOTP", "&x=%", "&x=%zz"} {
		if status, _, _ := ask(t, "GET "+plainRequest(s)+more); status != http.StatusBadRequest {
			t.Errorf("%s: %d", more, status)
		}
	}
}

// TestRule02ClosedByDefault: what is closed, other realms and the
// administration are not there, whoever asks.
func TestRule02ClosedByDefault(t *testing.T) {
	s := newScene(t, "attack-web", "identified")
	target, _ := s.begin(nil)
	s.login(target)
	identity, _ := s.v.Cookie(realm()+"/", "KEYCLOAK_IDENTITY")
	for _, line := range []string{
		"GET /", "GET /admin", "GET /admin/", "GET /admin/master/console/", "GET /admin/realms/angriff/users", "GET /admin/serverinfo",
		"GET /realms/master", "GET /realms/master/protocol/openid-connect/auth", "POST /realms/master/protocol/openid-connect/token",
		"GET /realms/Angriff", "GET /realms/angriff2", "GET /realms/", "GET /metrics", "GET /health", "GET /health/ready", "GET /js/keycloak.js",
		"GET /realms/angriff/account", "GET /realms/angriff/account/", "POST /realms/angriff/account/credentials/password", "GET /realms/angriff/account/applications",
		"POST " + endpoints + "auth/device", "GET /realms/angriff/device", "POST /realms/angriff/device", "GET /realms/angriff/device/status",
		"POST " + endpoints + "ext/ciba/auth", "POST " + endpoints + "ext/ciba/auth/callback",
		"GET " + endpoints + "registrations?client_id=attack-web&response_type=code", "POST /realms/angriff/login-actions/registration",
		"GET /realms/angriff/login-actions/registration", "GET " + endpoints + "forgot-credentials?client_id=attack-web",
		"GET /realms/angriff/login-actions/reset-credentials", "POST /realms/angriff/login-actions/reset-credentials",
		"GET /realms/angriff/login-actions/action-token?key=a.eyJ0eXAiOiJleGVjdXRlLWFjdGlvbnMifQ.c",
		"GET /realms/angriff/login-actions/action-token?key=a.eyJ0eXAiOiJyZXNldC1jcmVkZW50aWFscyJ9.c",
		"GET /realms/angriff/login-actions/action-token?key=junk", "GET /realms/angriff/protocol/saml", "POST /realms/angriff/protocol/saml",
		"GET /realms/angriff/protocol/saml/clients/x", "GET /realms/angriff/protocol/docker-v2/auth", "POST /realms/angriff/clients-registrations/openid-connect",
		"GET /realms/angriff/clients-registrations/default/attack-web", "POST /realms/angriff/clients-managements/register-node",
		"GET /realms/angriff/authz/protection/resource_set", "GET /realms/angriff/broker/fremd/link", "GET /realms/angriff/broker/fremd/token",
		"GET " + endpoints + "oauth/oob?code=x", "GET /realms/angriff/clients/attack-web/redirect", "GET /realms/angriff/.well-known/uma2-configuration",
	} {
		status, header, body := ask(t, line, "Cookie: KEYCLOAK_IDENTITY="+identity, "User-Agent: closed-walker", "X-Forwarded-For: 10.19.0.2", "Content-Length: 0")
		if status != http.StatusNotFound || len(header["Set-Cookie"]) > 0 || strings.Contains(body, "keycloak") {
			t.Errorf("%s: %d, cookies %d", line, status, len(header["Set-Cookie"]))
		}
	}
	if got := here.tap.of("closed-walker"); len(got) > 0 {
		t.Errorf("Keycloak was asked: %v", got)
	}
	if status, _, _ := raw(t, "GET /realms/angriff HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n"); status != http.StatusMisdirectedRequest {
		t.Errorf("another host: %d", status)
	}
}

// TestRule03HeadersUpstream: nothing that the browser says about how it came
// reaches Keycloak, and no tunnel opens.
func TestRule03HeadersUpstream(t *testing.T) {
	forged := []string{
		"X-Forwarded-Host: evil.example", "X-Forwarded-Proto: gopher", "X-Forwarded-Port: 1", "X-Forwarded-Prefix: /evil", "Forwarded: for=1.2.3.4;host=evil.example",
		"X-Forwarded-For: 203.0.113.9, 10.19.0.3", "X-Real-IP: 203.0.113.9", "Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
		"TE: trailers", "Via: evil", "Referer: http://evil.example/?kvnr=x", "Ssl-Client-Cert: x", "X-Client-Cert: x", "X-HTTP-Method-Override: DELETE", "User-Agent: header-walker",
	}
	status, _, body := raw(t, "GET /realms/angriff/.well-known/openid-configuration HTTP/1.1\r\nHost: "+gateHost()+"\r\n"+strings.Join(forged, "\r\n")+"\r\n\r\n")
	if status != http.StatusOK || !strings.Contains(body, `"issuer":"`+realm()+`"`) || strings.Contains(body, "evil") {
		t.Errorf("%d %.200s", status, body)
	}
	seen := here.tap.of("header-walker")
	if len(seen) != 1 {
		t.Fatalf("Keycloak was asked %d times", len(seen))
	}
	got := seen[0].Header
	_, port, _ := net.SplitHostPort(gateHost())
	for name, want := range map[string]string{
		"X-Forwarded-For": "10.19.0.3", "X-Forwarded-Host": gateHost(), "X-Forwarded-Proto": "http", "X-Forwarded-Port": port,
	} {
		if values := got[name]; len(values) != 1 || values[0] != want {
			t.Errorf("%s: %v, want %s", name, values, want)
		}
		delete(got, name)
	}
	for name := range got {
		switch name {
		case "User-Agent", "Accept-Encoding", "Accept", "Accept-Language":
		default:
			t.Errorf("Keycloak was told %s", name)
		}
	}
}

// TestRule04Cookies: of every combination for which Keycloak would take b,
// who is not cleared, it is given a or nobody, in one plain header.
func TestRule04Cookies(t *testing.T) {
	cleared := newScene(t, "attack-web", "identified")
	target, _ := cleared.begin(nil)
	cleared.login(target)
	a, _ := cleared.v.Cookie(realm()+"/", "KEYCLOAK_IDENTITY")
	b, personA := newScene(t, "attack-web").pastIdentity(), cleared.person.ID
	asker := newScene(t, "attack-web")
	const ki = "KEYCLOAK_IDENTITY="
	for i, lines := range [][]string{
		{ki + a + "; " + ki + b},
		{ki + b + "; " + ki + a},
		{ki + a, ki + b},
		{ki + b, ki + a},
		{ki + a + `; KEYCLOAK_IDENTITY="` + b + `"`},
		{ki + a + "; foo=1," + ki + b},
		{"foo=1," + ki + b},
		{ki + a + "," + ki + b},
		{ki + a + "; KEYCLOAK_IDENTITY =" + b},
		{ki + a + "; KEYCLOAK_IDENTITY= " + b},
		{ki + a + ";" + ki + b},
		{ki + a + ";\t" + ki + b},
		{ki + a + `; foo="x; ` + ki + b + `; y"`},
		{`foo="x, ` + ki + b + `, y"`},
		{"$Version=1; " + ki + a + "; $Path=/; " + ki + b},
		{ki + a + ";\r\n " + ki + b},
		{ki + a + "; " + ki + b + "."},
		{ki + b + "."},
		{ki + `"` + b + `"`},
		{ki + " " + b},
		{"$Version=1; " + ki + b + "; $Path=/"},
		{ki + b},
		{ki + b + "; " + ki},
		{ki + "; " + ki + b},
		{"keycloak_identity=" + a + "; " + ki + b},
		{ki + b + "\r\nCookie2: $Version=1"},
	} {
		agent := fmt.Sprintf("cookie-walker-%d", i)
		headers := []string{"User-Agent: " + agent, fmt.Sprintf("X-Forwarded-For: 10.20.0.%d", i+1)}
		for _, line := range lines {
			headers = append(headers, "Cookie: "+line)
		}
		status, header, body := ask(t, "GET "+plainRequest(asker), headers...)
		whose := signedInAs(header)
		if whose != "" && whose != personA {
			t.Errorf("%d: %d signs somebody else in", i, status)
		}
		if (toClient.MatchString(header.Get("Location")) || formToClient.MatchString(body)) && whose != personA {
			t.Errorf("%d: a code", i)
		}
		for _, u := range here.tap.of(agent) {
			sent := u.Header["Cookie"]
			if len(sent) > 1 || (len(sent) == 1 && sent[0] != ki+a) {
				t.Errorf("%d: Keycloak was sent %q", i, sent)
			}
		}
	}
	if status, header, _ := ask(t, "GET "+plainRequest(asker), "Cookie: x=1; "+ki+a); status != http.StatusFound || !toClient.MatchString(header.Get("Location")) {
		t.Errorf("a alone: %d", status)
	}
}

// signedInAs reads whose identity cookie a response sets, "" for nobody's.
func signedInAs(header http.Header) string {
	for _, line := range header["Set-Cookie"] {
		value, ok := strings.CutPrefix(line, "KEYCLOAK_IDENTITY=")
		if !ok || removal.MatchString(line) {
			continue
		}
		value, _, _ = strings.Cut(value, ";")
		claims, err := visitor.Claims(value)
		if err != nil {
			return "somebody"
		}
		subject, _ := claims["sub"].(string)
		return subject
	}
	return ""
}
