package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/internal/proxy"
	"github.com/schleuse/schleuse/sidecar/internal/relying/relyingtest"
)

func TestForgedIdentityNeverArrives(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	cookie := sessionCookie + "=" + b.Cookie(w.url, sessionCookie)
	host := parse(t, w.url).Host
	const forged = "Z999999999"
	tests := map[string]string{
		"as it is":              "X-Auth-Kvnr: " + forged,
		"lower case":            "x-auth-kvnr: " + forged,
		"odd case":              "X-aUtH-kVnR: " + forged,
		"underscores":           "X_Auth_Kvnr: " + forged,
		"one underscore":        "X-Auth_Kvnr: " + forged,
		"dots":                  "X.Auth.Kvnr: " + forged,
		"other token marks":     "X~Auth!Kvnr: " + forged,
		"twice":                 "X-Auth-Kvnr: " + forged + "\r\nX-Auth-Kvnr: " + forged,
		"empty one configured":  "X-Auth-Name: " + forged,
		"empty one, alias":      "x_auth_name: " + forged,
		"authorization":         "Authorization: Bearer " + forged,
		"authorization, alias":  "AUTHORIZATION: Bearer " + forged,
		"real ip":               "X-Real-Ip: " + forged,
		"remote user":           "Remote_User: " + forged,
		"forwarded":             "Forwarded: for=" + forged,
		"forwarded for, alias":  "X_Forwarded_For: " + forged,
		"forwarded host, alias": "X.Forwarded.Host: " + forged,
		"forwarded user":        "X-Forwarded-User: " + forged,
		"original url":          "X-Original-Url: /" + forged,
		"made hop-by-hop":       "X-Auth-Kvnr: " + forged + "\r\nConnection: X-Auth-Kvnr",
		"hop-by-hop, alias":     "X_Auth_Kvnr: " + forged + "\r\nConnection: close, X_Auth_Kvnr",
		"all named hop-by-hop":  "Connection: X-Auth-Kvnr, X-Forwarded-For, Cookie, X-Forwarded-Proto",
	}
	for name, header := range tests {
		t.Run(name, func(t *testing.T) {
			resp := raw(t, w.url, "GET /spoof HTTP/1.1\r\nHost: "+host+"\r\nCookie: "+cookie+"\r\n"+header+"\r\n\r\n")
			if resp.StatusCode != http.StatusOK {
				t.Fatalf("answered %d", resp.StatusCode)
			}
			got := w.app.last(t)
			if all := fmt.Sprint(got.Header); strings.Contains(all, forged) {
				t.Errorf("the application saw the forged value: %s", all)
			}
			if got.Header.Get("X-Auth-Kvnr") != "A123456780" || got.Header.Get("X-Forwarded-For") != "127.0.0.1" {
				t.Errorf("the application was told %q from %q", got.Header.Get("X-Auth-Kvnr"), got.Header.Get("X-Forwarded-For"))
			}
		})
	}
}

func TestForgedTrailerNeverArrives(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	host := parse(t, w.url).Host
	resp := raw(t, w.url, "POST /trailer HTTP/1.1\r\nHost: "+host+"\r\nCookie: "+sessionCookie+"="+b.Cookie(w.url, sessionCookie)+
		"\r\nTrailer: X-Auth-Kvnr\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-Auth-Kvnr: Z999999999\r\nX_Auth_Kvnr: Z999999999\r\n\r\n")
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("answered %d", resp.StatusCode)
	}
	got := w.app.last(t)
	if got.Body != "body" || len(got.Trailer) != 0 || strings.Contains(fmt.Sprint(got.Header), "Z999999999") {
		t.Errorf("the application saw %q, headers %v, trailers %v", got.Body, got.Header, got.Trailer)
	}
}

func TestOwnCookiesStayHere(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	cookie := sessionCookie + "=" + b.Cookie(w.url, sessionCookie)
	for sent, want := range map[string]string{
		cookie:                     "",
		"a=1; " + cookie + "; b=2": "a=1; b=2",
		cookie + "; __Host-schleuse-login-abc=x; __HOST-SCHLEUSE-x=y; schleuse-lang=de; theirs=\"q; r\"": `theirs="q; r"`,
		cookie + ";a=1;b": "a=1; b",
	} {
		req := b.Request(http.MethodGet, w.url+"/", nil)
		req.Header.Set("Cookie", sent)
		if p := b.Do(req); p.Status != http.StatusOK {
			t.Fatalf("answered %d", p.Status)
		}
		if got := strings.Join(w.app.last(t).Header["Cookie"], "|"); got != want {
			t.Errorf("the application got the cookies %q, want %q", got, want)
		}
	}
	p := b.Navigate(w.url + "/planted")
	if got := p.Header.Values("Set-Cookie"); len(got) != 1 || !strings.HasPrefix(got[0], "own=1") {
		t.Errorf("the application set %q", got)
	}
}

func TestForwardingFactsComeFromTrustedProxiesOnly(t *testing.T) {
	tests := []struct {
		trusted []netip.Prefix
		claimed []string
		want    string
	}{
		{nil, []string{"203.0.113.9"}, "127.0.0.1"},
		{[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, nil, "127.0.0.1"},
		{[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []string{"203.0.113.9"}, "203.0.113.9"},
		{[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []string{"198.51.100.1, 203.0.113.9"}, "203.0.113.9"},
		{[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}, []string{"203.0.113.9, 10.1.1.1", "10.2.2.2"}, "203.0.113.9"},
		{[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}, []string{"nonsense, 10.1.1.1"}, "10.1.1.1"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.trusted, tt.claimed), func(t *testing.T) {
			w := newWorld(t, func(s *proxy.Site) { s.Settings.TrustedProxies = tt.trusted })
			b := w.signedIn()
			req := b.Request(http.MethodGet, w.url+"/", nil, "X-Forwarded-Proto", "gopher", "X-Forwarded-Host", "evil.example")
			req.Header["X-Forwarded-For"] = tt.claimed
			b.Do(req)
			h := w.app.last(t).Header
			got := [3]string{h.Get("X-Forwarded-For"), h.Get("X-Forwarded-Proto"), h.Get("X-Forwarded-Host")}
			if want := [3]string{tt.want, "http", parse(t, w.url).Host}; got != want {
				t.Errorf("the application was told %q, want %q", got, want)
			}
		})
	}
}

func TestHeaderValues(t *testing.T) {
	headers, err := proxy.ParseHeaders(map[string]string{
		"Authorization": "Bearer {{.AccessToken}}", "X-Name": `{{.Claim "name"}}`, "X-Roles": `{{.Claim "realm_access.roles"}}`,
		"X-Kvnr": "{{.KVNR}}", "X-User": "{{.Username}}", "X-Level": `{{.Claim "level"}}/{{.Claim "vip"}}`, "X-Missing": `{{.Claim "a.b.c"}}`,
		"X-Share": `{{.Claim "share"}}`,
	})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(s *proxy.Site) { s.Settings.Headers = headers })
	w.issuer.Set(func(s *relyingtest.Switches) {
		s.Person.Username = "s.schmidt"
		s.Person.Claims = map[string]any{
			"name": "Jürgen 100%\r\nX-Kvnr: Z999999999 ", "level": 3, "vip": true, "a": "no object", "share": "50%",
			"realm_access": map[string]any{"roles": []string{"mitarbeiter", "a,admin", "identified"}},
		}
	})
	w.signedIn()
	h := w.app.last(t).Header
	got := map[string]string{}
	for _, name := range []string{"X-Name", "X-Roles", "X-Kvnr", "X-User", "X-Level", "X-Missing", "X-Share"} {
		if v, ok := h[name]; ok {
			got[name] = strings.Join(v, "|")
		}
	}
	want := map[string]string{
		"X-Name": "J%C3%BCrgen 100%25%0D%0AX-Kvnr: Z999999999", "X-Roles": "mitarbeiter,identified",
		"X-User": "s.schmidt", "X-Level": "3/true", "X-Share": "50%25",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	if got, want := h.Get("Authorization"), "Bearer "+w.sessions.All()[0].AccessToken; got != want {
		t.Error("Authorization is not the access token, though it is configured")
	}
}

func TestOnlyNumbersAreGivenAsNumbers(t *testing.T) {
	for username, want := range map[string]string{
		"a123456780": "A123456780", "A123456780": "A123456780", "a12345678": "", "a1234567800": "", "aa23456780": "",
		"1123456780": "", "s.schmidt": "", "a12345678o": "", "a12345678 ": "", "": "", "[123456780": "", "@123456780": "",
	} {
		t.Run(username, func(t *testing.T) {
			w := newWorld(t)
			w.issuer.Set(func(s *relyingtest.Switches) { s.Person.Username = username })
			w.signedIn()
			if got := w.app.last(t).Header.Get("X-Auth-Kvnr"); got != want {
				t.Errorf("the application was told %q, want %q", got, want)
			}
		})
	}
}

func TestParseHeadersReportsAllErrors(t *testing.T) {
	_, err := proxy.ParseHeaders(map[string]string{
		"X-Good": "{{.KVNR}}", "X_Good": "again", "Host": "x", "X-Forwarded-For": "x", "Bad Name": "x", "X-Open": "{{.KVNR", "X-Unknown": "{{.Password}}",
		"cookie": "x",
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, name := range []string{"X_Good", "Host", "X-Forwarded-For", "Bad Name", "X-Open", "X-Unknown", "cookie"} {
		if !strings.Contains(err.Error(), fmt.Sprintf("%q", name)) {
			t.Errorf("the error does not name %s: %v", name, err)
		}
	}
	if strings.Contains(err.Error(), `"X-Good"`) {
		t.Errorf("the error names a good header: %v", err)
	}
}

func TestBodiesPassAsTheyAre(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	body := strings.Repeat("Antrag ", 100_000)
	p := b.Do(b.Request(http.MethodPut, w.url+"/a%2Fb//c/../d?x=1;y=%zz&&z", io.NopCloser(strings.NewReader(body)), "Content-Type", "text/plain"))
	got := w.app.last(t)
	if p.Status != http.StatusOK || got.Body != body || got.Method != http.MethodPut {
		t.Errorf("answered %d, the application got %s with %d bytes", p.Status, got.Method, len(got.Body))
	}
	if got.URI != "/a%2Fb//c/../d?x=1;y=%zz&&z" {
		t.Errorf("the application was asked for %q", got.URI)
	}
}
