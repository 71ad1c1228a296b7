package wire_test

import (
	"encoding/base64"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
)

func basic(user, secret string) http.Header {
	h := formHeader(wire.FormType)
	h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user+":"+secret)))
	return h
}

func TestTokenRequests(t *testing.T) {
	form := formHeader(wire.FormType)
	refresh := jwt(`{"sid":"s1","typ":"Refresh"}`)
	cases := []struct {
		name string
		h    http.Header
		body string
		want wire.TokenRequest
	}{
		{"code", form, "grant_type=authorization_code&client_id=app&code=" + code, wire.TokenRequest{Grant: wire.GrantCode, Client: "app", Code: code, Session: "sid-a"}},
		{"encoded names", form, "grant%5ftype=password&client_id=app", wire.TokenRequest{Grant: "password", Client: "app"}},
		{"utf-16 is not believed", formHeader(wire.FormType + "; charset=utf-16"), "grant_type=password", wire.TokenRequest{Grant: "password"}},
		{"refresh, basic", basic("app", "x:y"), "grant_type=refresh_token&refresh_token=" + refresh, wire.TokenRequest{Grant: wire.GrantRefresh, Client: "app", Session: "s1"}},
		{"refresh, opaque", form, "grant_type=refresh_token&refresh_token=opaque", wire.TokenRequest{Grant: wire.GrantRefresh}},
		{"basic, encoded", basic("a%3Ab", "x"), "grant_type=client_credentials&client_id=a%3Ab", wire.TokenRequest{Grant: wire.GrantClient, Client: "a:b"}},
		{"assertion", form, "grant_type=client_credentials&client_assertion=" + jwt(`{"sub":"app"}`), wire.TokenRequest{Grant: wire.GrantClient, Client: "app"}},
		{"exchange", form, "grant_type=" + string(wire.GrantTrade) + "&subject_token=" + refresh + "&audience=a&audience=b&client_id=x", wire.TokenRequest{Grant: wire.GrantTrade, Client: "x", Session: "s1"}},
		{"no grant", form, "client_id=app", wire.TokenRequest{Client: "app"}},
		{"bearer names no client", http.Header{"Content-Type": {wire.FormType}, "Authorization": {"DPoP x"}}, "grant_type=x", wire.TokenRequest{Grant: "x"}},
	}
	for _, c := range cases {
		got, err := wire.ReadTokenRequest(c.h, []byte(c.body))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		got.Params = nil
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	two := basic("app", "x")
	two.Add("Authorization", "Basic x")
	for name, c := range map[string]struct {
		h    http.Header
		body string
	}{
		"grant twice":        {form, "grant_type=authorization_code&grant_type=password"},
		"grant twice, empty": {form, "grant_type=authorization_code&grant_type="},
		"code twice":         {form, "grant_type=authorization_code&code=a&code=b"},
		"text/plain":         {formHeader("text/plain"), "grant_type=password"},
		"multipart":          {formHeader("multipart/form-data; boundary=x"), "grant_type=password"},
		"broken":             {form, "grant_type=%zz"},
		"two clients":        {basic("app", "x"), "grant_type=x&client_id=other"},
		"two clients, empty": {basic("app", "x"), "grant_type=x&client_id="},
		"assertion differs":  {form, "client_id=app&client_assertion=" + jwt(`{"sub":"other"}`)},
		"assertion junk":     {form, "client_id=app&client_assertion=junk"},
		"two authorizations": {two, "grant_type=x"},
		"broken basic":       {http.Header{"Content-Type": {wire.FormType}, "Authorization": {"Basic ???"}}, "grant_type=x"},
		"too long":           {form, "a=" + string(make([]byte, wire.MaxForm))},
	} {
		if got, err := wire.ReadTokenRequest(c.h, []byte(c.body)); err == nil {
			t.Errorf("%s: read as %+v", name, got)
		}
	}
}

func TestGrants(t *testing.T) {
	for grant, want := range map[wire.Grant]struct {
		word  wire.Word
		known bool
	}{
		wire.GrantCode: {"", true}, wire.GrantRefresh: {"", true}, wire.GrantClient: {"", true},
		wire.GrantDevice: {wire.OpenDevice, true}, wire.GrantCIBA: {wire.OpenCIBA, true}, wire.GrantTrade: {wire.OpenExchange, true},
		"password": {}, "": {}, "urn:ietf:params:oauth:grant-type:jwt-bearer": {}, "urn:ietf:params:oauth:grant-type:uma-ticket": {}, "Authorization_code": {}, "authorization_code ": {},
	} {
		if word, known := grant.Opens(); word != want.word || known != want.known {
			t.Errorf("%s: %q %t", grant, word, known)
		}
	}
}

func TestTokenAnswers(t *testing.T) {
	answer := func(access, id, refresh string) string {
		return `{"access_token":"` + access + `","id_token":"` + id + `","refresh_token":"` + refresh + `","token_type":"Bearer"}`
	}
	full, light := jwt(`{"sub":"a","sid":"s"}`), jwt(`{"sid":"s"}`)
	cases := []struct {
		name, body string
		sub        account.ID
		sid        account.SID
		bad        bool
	}{
		{"access", answer(full, "", ""), "a", "s", false},
		{"all agree", answer(full, full, light), "a", "s", false},
		{"light access, id", answer(light, full, light), "a", "s", false},
		{"light access alone", answer(light, "", light), "", "s", false},
		{"service account", answer(jwt(`{"sub":"svc"}`), "", ""), "svc", "", false},
		{"encrypted id", answer(light, "a.b.c.d.e", light), "", "s", false},
		{"session of the refresh token", answer(jwt(`{"sub":"a"}`), "", light), "a", "s", false},
		{"two people", answer(full, jwt(`{"sub":"b","sid":"s"}`), ""), "", "", true},
		{"two sessions", answer(full, "", jwt(`{"sid":"t"}`)), "", "", true},
		{"opaque access", answer("opaque", full, ""), "", "", true},
		{"no token", `{"token_type":"Bearer"}`, "", "", true},
		{"no object", `[]`, "", "", true},
		{"name twice", `{"access_token":"` + full + `","access_token":"x"}`, "", "", true},
		{"other case is another name", `{"Access_Token":"` + full + `"}`, "", "", true},
		{"two answers", answer(full, "", "") + answer(full, "", ""), "", "", true},
		{"sub of another type", answer(jwt(`{"sub":{"a":1},"sid":"s"}`), "", ""), "", "s", false},
	}
	for _, c := range cases {
		got, err := wire.ReadTokenAnswer([]byte(c.body))
		if (err != nil) != c.bad {
			t.Errorf("%s: error %v", c.name, err)
		}
		if diff := cmp.Diff(wire.TokenAnswer{Subject: c.sub, Session: c.sid}, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func FuzzTokenRequest(f *testing.F) {
	f.Add(wire.FormType, "grant_type=refresh_token&refresh_token="+jwt(`{"sid":"x"}`))
	f.Add("application/x-www-form-urlencoded; charset=utf-16", "grant%5ftype=password&client_id=admin-cli")
	f.Fuzz(func(t *testing.T, kind, body string) {
		got, err := wire.ReadTokenRequest(formHeader(kind), []byte(body))
		if err != nil {
			return
		}
		sent := []byte(got.Params.Encode())
		if len(sent) > wire.MaxForm {
			return
		}
		again, err := wire.ReadTokenRequest(formHeader(wire.FormType), sent)
		if err != nil || again.Grant != got.Grant || again.Client != got.Client || again.Code != got.Code {
			t.Errorf("%q is sent on as %q: %v", body, sent, err)
		}
	})
}

func FuzzTokenAnswer(f *testing.F) {
	f.Add([]byte(`{"access_token":"` + jwt(`{"sub":"a"}`) + `"}`))
	f.Add([]byte(`{"access_token":1}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if got, err := wire.ReadTokenAnswer(body); err != nil && got != (wire.TokenAnswer{}) {
			t.Errorf("an error with %+v", got)
		}
	})
}
