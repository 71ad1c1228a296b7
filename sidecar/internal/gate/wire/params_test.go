package wire_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
)

func formHeader(contentType string) http.Header { return http.Header{"Content-Type": {contentType}} }

func TestFormIsReadAsKeycloakDoes(t *testing.T) {
	for raw, want := range map[string]wire.Params{
		"":                      nil,
		"a=b&c=d":               {{Name: "a", Value: "b"}, {Name: "c", Value: "d"}},
		"grant%5ftype=password": {{Name: "grant_type", Value: "password"}},
		"a+b=c+d%2B":            {{Name: "a b", Value: "c d+"}},
		"a=b;c=d":               {{Name: "a", Value: "b;c=d"}},
		"&&a&=x&":               {{Name: "a"}, {Value: "x"}},
		"a==b":                  {{Name: "a", Value: "=b"}},
	} {
		for _, kind := range []string{
			"application/x-www-form-urlencoded", "Application/X-WWW-Form-Urlencoded; charset=utf-16", "application/x-www-form-urlencoded;charset=UTF-8",
		} {
			got, err := wire.ParseForm(formHeader(kind), []byte(raw))
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%q as %s: %v %s", raw, kind, err, diff)
			}
		}
	}
	for name, h := range map[string]http.Header{
		"none": {}, "json": formHeader("application/json"), "text": formHeader("text/plain"),
		"multipart": formHeader("multipart/form-data; boundary=x"), "broken": formHeader("application/x-www-form-urlencoded; ="),
		"two":        {"Content-Type": {wire.FormType, wire.FormType}},
		"compressed": {"Content-Type": {wire.FormType}, "Content-Encoding": {"gzip"}},
	} {
		if _, err := wire.ParseForm(h, []byte("a=b")); !errors.Is(err, wire.ErrFormType) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for raw, want := range map[string]error{
		"a=%zz": wire.ErrParams, "%=a": wire.ErrParams, "a=%1": wire.ErrParams,
		strings.Repeat("a&", 257): wire.ErrTooLong, "a=" + strings.Repeat("b", wire.MaxForm): wire.ErrTooLong,
	} {
		if _, err := wire.ParseParams(raw); !errors.Is(err, want) {
			t.Errorf("%.20q: %v, want %v", raw, err, want)
		}
	}
}

const (
	plainRequest = "client_id=web&redirect_uri=https%3A%2F%2Fclient.example%2Fcb&response_type=code&scope=openid&state=s"
	pushedURI    = "urn:ietf:params:oauth:request_uri:abc"
)

func authorization(t *testing.T, query string) wire.Authorization {
	t.Helper()
	a, err := wire.ReadAuthorization("GET", wire.Target{Path: oidc + "auth", Query: query}, nil, nil)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return a
}

func TestAuthorizationIsReadAsKeycloakDoes(t *testing.T) {
	type want struct {
		client, state string
		object        wire.ObjectKind
		none, action  bool
		inside        bool
	}
	object := func(payload string) string { return "client_id=web&request=" + jwt(payload) }
	cases := []struct {
		name, query string
		want        want
	}{
		{"plain", plainRequest, want{client: "web", state: "s"}},
		{"prompt none", plainRequest + "&prompt=none", want{client: "web", state: "s", none: true}},
		{"prompt login none", plainRequest + "&prompt=login+none", want{client: "web", state: "s", none: true}},
		{"a tab does not separate", plainRequest + "&prompt=login%09none", want{client: "web", state: "s"}},
		{"prompt none is one word", plainRequest + "&prompt=nonesuch", want{client: "web", state: "s"}},
		{"action", plainRequest + "&kc_action=UPDATE_PASSWORD", want{client: "web", state: "s", action: true}},
		{"action, encoded", plainRequest + "&kc%5Faction=x", want{client: "web", state: "s", action: true}},
		{"action, empty", plainRequest + "&kc_action=", want{client: "web", state: "s", action: true}},
		{"pushed", "client_id=web&request_uri=" + pushedURI, want{client: "web", object: wire.Pushed}},
		{"beside pushed", "client_id=web&request_uri=" + pushedURI + "&kc_action=x&prompt=none", want{client: "web", object: wire.Pushed, none: true, action: true}},
		{"address to fetch", "client_id=web&request_uri=https%3A%2F%2Fclient.example%2Fr", want{client: "web", object: wire.Hidden}},
		{"object", object(`{"state":"inner","client_id":"web"}`), want{client: "web", state: "inner", object: wire.Signed}},
		{"object wins", object(`{"state":"inner","prompt":"login"}`) + "&state=outer&prompt=none", want{client: "web", state: "inner", object: wire.Signed}},
		{"beside the object", object(`{"prompt":"login"}`) + "&state=outer&kc_action=x", want{client: "web", state: "outer", object: wire.Signed, action: true}},
		{"prompt none in the object", object(`{"prompt":"none"}`), want{client: "web", object: wire.Signed, none: true}},
		{"action in the object", object(`{"kc_action":"x"}`), want{client: "web", object: wire.Signed, action: true, inside: true}},
		{"action in the object, no string", object(`{"kc_action":["x"]}`), want{client: "web", object: wire.Signed, action: true, inside: true}},
		{"encrypted object", "client_id=web&request=a.b.c.d.e", want{client: "web", object: wire.Hidden}},
		{"junk object", "client_id=web&request=junk", want{client: "web", object: wire.Hidden}},
		{"object, names twice", object(`{"kc_action":"x","kc_action":"y"}`), want{client: "web", object: wire.Hidden}},
		{"object in the object", object(`{"request":"x"}`), want{client: "web", object: wire.Hidden}},
	}
	for _, c := range cases {
		a := authorization(t, c.query)
		got := want{a.Client, a.State, a.Object, a.Asks("none"), a.Action, a.Inside}
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(want{})); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	for name, query := range map[string]string{
		"twice": plainRequest + "&state=t", "prompt twice": plainRequest + "&prompt=none&prompt=login",
		"both forms": "request=a.b.c&request_uri=" + pushedURI, "broken": "a=%zz",
	} {
		if _, err := wire.ReadAuthorization("GET", wire.Target{Query: query}, nil, nil); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

// TestAuthorizationByPost: Keycloak takes the body of a POST and ignores its
// query; a kc_action counts in either.
func TestAuthorizationByPost(t *testing.T) {
	read := func(query, body string) wire.Authorization {
		t.Helper()
		a, err := wire.ReadAuthorization("POST", wire.Target{Query: query}, formHeader(wire.FormType), []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	a := read("client_id=other&prompt=none&kc_action=x", plainRequest)
	if a.Client != "web" || a.Asks("none") || !a.Action || a.Params.Has("kc_action") {
		t.Errorf("%+v", a)
	}
	if a = read("", plainRequest+"&prompt=none&kc_action=y"); !a.Asks("none") || !a.Action {
		t.Errorf("%+v", a)
	}
	if _, err := wire.ReadAuthorization("POST", wire.Target{}, formHeader("text/plain"), []byte(plainRequest)); err == nil {
		t.Error("text/plain was read")
	}
}

func TestPushed(t *testing.T) {
	a, err := wire.ReadPushed(formHeader(wire.FormType), []byte(plainRequest+"&prompt=none&kc_action=x&login_hint=y"))
	if err != nil || !a.Action || !a.Asks("none") || a.Client != "web" {
		t.Errorf("%+v %v", a, err)
	}
	basic := formHeader(wire.FormType)
	basic.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("web%20app:x")))
	if a, err := wire.ReadPushed(basic, []byte("state=x")); err != nil || a.Client != "web app" {
		t.Errorf("of %q, %v", a.Client, err)
	}
	if a, err := wire.ReadPushed(basic, []byte("client_id=other")); err == nil {
		t.Errorf("of two clients: %q", a.Client)
	}
	got, err := wire.ReadPushedAnswer([]byte(`{"request_uri":"` + pushedURI + `","expires_in":60}`))
	if err != nil || got.RequestURI != pushedURI || got.Lifetime.Seconds() != 60 {
		t.Errorf("%+v %v", got, err)
	}
	if body := string(got.With("urn:x")); body != `{"expires_in":60,"request_uri":"urn:x"}` {
		t.Errorf("with another address: %s", body)
	}
	for _, bad := range []string{``, `{}`, `{"request_uri":"x"}`, `{"request_uri":"","expires_in":1}`, `{"request_uri":"x","expires_in":-1}`, `{"request_uri":"x","request_uri":"y","expires_in":1}`} {
		if got, err := wire.ReadPushedAnswer([]byte(bad)); err == nil {
			t.Errorf("%s read as %+v", bad, got)
		}
	}
	if got, err := wire.ReadPushedAnswer([]byte(`{"request_uri":"x","expires_in":9223372036854775807}`)); err != nil || got.Lifetime.Hours() != 24 {
		t.Errorf("%+v %v", got, err)
	}
}

func TestAuthorizationUpstream(t *testing.T) {
	a := authorization(t, "client_id=web&login_hint=mine&prompt=create+login&kc_action=x&max_age=0&acr_values=1&state=a%26b")
	for _, c := range []struct {
		name string
		got  wire.Params
		want string
	}{
		{"hint", a.Upstream("a123456780", false), "client_id=web&max_age=0&acr_values=1&state=a%26b&login_hint=a123456780&prompt=login"},
		{"no hint, action", a.Upstream("", true), "client_id=web&kc_action=x&max_age=0&acr_values=1&state=a%26b&prompt=login"},
		{"silent", a.Silent(), "client_id=web&max_age=0&acr_values=1&state=a%26b&prompt=none"},
		{"again", a.Again(false), "client_id=web&state=a%26b"},
		{"again, action", a.Again(true), "client_id=web&kc_action=x&state=a%26b"},
	} {
		if diff := cmp.Diff(c.want, c.got.Encode()); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	b := authorization(t, "client_id=web&prompt=consent+login")
	if got := b.Again(false).Encode(); got != "client_id=web&prompt=consent" {
		t.Errorf("other prompts: %s", got)
	}
}

func FuzzAuthorization(f *testing.F) {
	for _, s := range []string{plainRequest, "request=" + jwt(`{"kc_action":"x"}`), "request_uri=" + pushedURI, "prompt=none+login&login_hint=x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, query string) {
		tg, err := wire.ParseTarget("/x?" + query)
		if err != nil {
			return
		}
		a, err := wire.ReadAuthorization("GET", tg, nil, nil)
		if err != nil {
			return
		}
		p := a.Upstream("", false)
		if p.Has("kc_action") || p.Has("login_hint") {
			t.Errorf("%q goes upstream as %s", query, p.Encode())
		}
		again, err := url.ParseQuery(p.Encode())
		if err != nil || again.Has("kc_action") || again.Has("login_hint") {
			t.Errorf("%q goes upstream as %s: %v", query, p.Encode(), err)
		}
	})
}

func FuzzParams(f *testing.F) {
	for _, s := range []string{"a=b&c=d", "a+b=%20", "&&=", "a=%zz", "a;b=c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		p, err := wire.ParseParams(raw)
		if err != nil {
			return
		}
		again, err := wire.ParseParams(p.Encode())
		if len(p.Encode()) > wire.MaxForm {
			return
		}
		if diff := cmp.Diff(p, again); err != nil || (diff != "" && len(p) > 0) {
			t.Errorf("%q: %v %s", raw, err, diff)
		}
	})
}
