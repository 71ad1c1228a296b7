package wire_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
)

const own = wire.Origin("https://login.example")

func TestOriginOwns(t *testing.T) {
	for address, want := range map[string]bool{
		"": true, "/": true, "/realms/kasse": true, "?a=b": true, "#x": true,
		"https://login.example": true, "https://login.example/x": true, "https://login.example?x": true, "https://login.example#x": true,
		"//login.example/x": false, "//other": false, `/\evil`: false, `\\evil`: false, "/\t/evil": false, " https://login.example/": false,
		"https://login.example.other/": false, "https://login.example@other/": false, "https://login.example:444/": false,
		"http://login.example/": false, "HTTPS://login.example/": false, "kundenapp://callback": false, "javascript:x": false, "realms/x": false, "urn:ietf:wg": false,
	} {
		if got := own.Owns(address); got != want {
			t.Errorf("%q: %t, want %t", address, got, want)
		}
	}
	if wire.Origin("").Owns("https://other/") {
		t.Error("no origin owns everything")
	}
	if o, err := wire.ParseOrigin("https://Login.Example/x"); o != own || err != nil {
		t.Errorf("%q %v", o, err)
	}
	for _, bad := range []string{"", "login.example", "ftp://a", "https://", "https://u@a"} {
		if o, err := wire.ParseOrigin(bad); err == nil {
			t.Errorf("%q accepted as %q", bad, o)
		}
	}
}

func TestBeltLocations(t *testing.T) {
	for location, want := range map[string]wire.Leak{
		"https://client.example/cb?code=x&state=y":                                     wire.LeakLocation,
		"https://client.example/cb?state=y#code=x":                                     wire.LeakLocation,
		"https://client.example/cb#state=y&access_token=x":                             wire.LeakLocation,
		"https://client.example/cb#id_token=x":                                         wire.LeakLocation,
		"https://client.example/cb?response=x":                                         wire.LeakLocation,
		"https://client.example/cb?a=b?code=x":                                         wire.LeakLocation,
		"https://client.example/cb?a;code=x":                                           wire.LeakLocation,
		"https://client.example/cb?%63ode=x":                                           wire.LeakLocation,
		"https://client.example/cb?CODE=x":                                             wire.LeakLocation,
		"https://client.example/cb?SAMLResponse=x":                                     wire.LeakLocation,
		"https://client.example/cb?x=%zz&code=x":                                       wire.LeakLocation,
		"https://client.example?code":                                                  wire.LeakLocation,
		"//client.example/cb?code=x":                                                   wire.LeakLocation,
		`/\client.example/cb?code=x`:                                                   wire.LeakLocation,
		"kundenapp://callback?code=x":                                                  wire.LeakLocation,
		"kundenapp:/callback?code=x":                                                   wire.LeakLocation,
		"kundenapp:?code=x":                                                            wire.LeakLocation,
		"https://login.example.evil/cb?code=x":                                         wire.LeakLocation,
		"https://client.example/cb?error=login_required&x=code":                        wire.NoLeak,
		"https://client.example/cb?session_code=x":                                     wire.NoLeak,
		"https://idp.example/auth?response_type=code&code_challenge=x&id_token_hint=y": wire.NoLeak,
		"https://client.example/code":                                                  wire.NoLeak,
		"/realms/kasse/login-actions/x?code=x":                                         wire.NoLeak,
		"https://login.example/realms/kasse/account?code=x":                            wire.NoLeak,
		"": wire.NoLeak,
	} {
		if got := wire.FindLeak(own, http.Header{"Location": {location}}, nil); got != want {
			t.Errorf("%s: %v, want %v", location, got, want)
		}
	}
	if wire.FindLeak(own, http.Header{"Refresh": {"0; URL=https://client.example/?code=x"}}, nil) != wire.LeakLocation {
		t.Error("a Refresh header passes")
	}
	if wire.FindLeak(own, http.Header{"Location": {"/x", "https://client.example/?code=x"}}, nil) != wire.LeakLocation {
		t.Error("a second Location passes")
	}
}

func TestBeltForms(t *testing.T) {
	const client = "https://client.example/cb"
	cases := []struct {
		name, page string
		want       wire.Leak
	}{
		{"keycloak's form_post", `<HTML><BODY Onload="document.forms[0].submit()"><FORM METHOD="POST" ACTION="` + client + `"><INPUT TYPE="HIDDEN" NAME="code" VALUE="x" /><NOSCRIPT><INPUT TYPE=SUBMIT></NOSCRIPT></FORM>`, wire.LeakForm},
		{"unquoted", `<form action=https://client.example/cb><input name=code value=x>`, wire.LeakForm},
		{"entities", `<form action="https:&#47;&#47;client.example"><input name="c&#111;de">`, wire.LeakForm},
		{"single quotes, newline", "<form\naction='" + client + "'\n><input\nname='id_token'>", wire.LeakForm},
		{"saml", `<form action="` + client + `"><input name="SAMLResponse">`, wire.LeakForm},
		{"jarm", `<form action="` + client + `"><input name="response">`, wire.LeakForm},
		{"scheme-relative", `<form action="//client.example"><input name=code>`, wire.LeakForm},
		{"custom scheme", `<form action="kundenapp://x"><input name=code>`, wire.LeakForm},
		{"first attribute counts", `<form action="` + client + `" action="/x"><input name=code>`, wire.LeakForm},
		{"formaction", `<form action="/x"><input name=code><button formaction="` + client + `">x</button>`, wire.LeakForm},
		{"form attribute", `<form id=f action="` + client + `"></form><div><input form=f name=code></div>`, wire.LeakForm},
		{"form attribute before the form", `<input form=f name=code><form id=f action="` + client + `"></form>`, wire.LeakForm},
		{"form attribute, formaction", `<form id=f action="/x"><input name=code></form><button form=f formaction="` + client + `">`, wire.LeakForm},
		{"nested", `<form action="/x"><form action="` + client + `"><input name=code>`, wire.LeakForm},
		{"nested, outer counts", `<form action="` + client + `"><form action="/x"><input name=code>`, wire.LeakForm},
		{"textarea", `<form action="` + client + `"><textarea name=access_token>x</textarea>`, wire.LeakForm},
		{"base", `<base href="https://client.example/"><form action="cb"><input name=code>`, wire.LeakForm},
		{"foreign base, root path", `<base href="https://client.example/"><form action="/cb"><input name=code>`, wire.LeakForm},
		{"in the action", `<form action="` + client + `?code=x"><input name=state>`, wire.LeakForm},
		{"second form", `<form action="/a"><input name=q></form><form action="` + client + `"><input name=code></form>`, wire.LeakForm},
		{"self-closing form", `<form action="` + client + `"/><input name=code>`, wire.LeakForm},
		{"meta refresh", `<META HTTP-EQUIV=Refresh CONTENT="0;URL='` + client + `?code=x'">`, wire.LeakRefresh},
		{"meta refresh, comma", `<meta http-equiv="refresh" content="0, ` + client + `#code=x">`, wire.LeakRefresh},

		{"consent page", `<form action="https://login.example/realms/kasse/login-actions/consent"><input type=hidden name=code value=x><button name=accept>`, wire.NoLeak},
		{"own by path", `<form action="/realms/kasse/login-actions/consent"><input name=code>`, wire.NoLeak},
		{"no action", `<form><input name=code>`, wire.NoLeak},
		{"foreign without a code", `<form action="` + client + `"><input name=q></form><form action="/x"><input name=code></form>`, wire.NoLeak},
		{"after the form", `<form action="` + client + `"></form><input name=code>`, wire.NoLeak},
		{"broker's request", `<form action="https://idp.example/saml"><input name=SAMLRequest><input name=RelayState></form>`, wire.NoLeak},
		{"comment", `<!-- <form action="` + client + `"><input name=code> -->`, wire.NoLeak},
		{"script", `<script>"<form action='` + client + `'><input name=code>"</script>`, wire.NoLeak},
		{"meta refresh to ourselves", `<meta http-equiv=refresh content="5; url=/realms/kasse?code=x">`, wire.NoLeak},
		{"too long", strings.Repeat(" ", wire.MaxPage+1), wire.LeakTooLong},
	}
	for _, c := range cases {
		if got := wire.FindLeak(own, nil, []byte(c.page)); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

const code = "0f6e.sid-a.1234"

func TestCodes(t *testing.T) {
	signed := jwt(`{"iss":"i","aud":"c","iss":"i","code":"` + code + `","state":"s"}`)
	refused := jwt(`{"iss":"i","error":"login_required"}`)
	want := []wire.Code{{Value: code, Session: "sid-a"}}
	cases := []struct {
		name, location, page string
		want                 []wire.Code
		err                  error
	}{
		{"query", "https://client.example/cb?state=x&code=" + code, "", want, nil},
		{"fragment", "https://client.example/cb#code=" + code + "&id_token=x", "", want, nil},
		{"custom scheme", "kundenapp://callback?code=" + code, "", want, nil},
		{"own origin: the account console", "https://login.example/realms/kasse/account?code=" + code, "", want, nil},
		{"both", "https://c.example/?code=" + code + "#code=z", "", append(want[:1:1], wire.Code{Value: "z"}), nil},
		{"jarm query", "https://client.example/cb?response=" + signed, "", want, nil},
		{"jarm fragment", "https://client.example/cb#response=" + signed, "", want, nil},
		{"jarm error", "https://client.example/cb?response=" + refused, "", nil, nil},
		{"jarm encrypted", "https://client.example/cb?response=a.b.c.d.e", "", nil, wire.ErrEncrypted},
		{"jarm junk", "https://client.example/cb?response=junk", "", nil, wire.ErrUnreadable},
		{"form_post", "", `<FORM METHOD="POST" ACTION="https://client.example/cb"><INPUT NAME="code" VALUE="` + code + `">`, want, nil},
		{"form_post.jwt", "", `<FORM ACTION="https://client.example/cb"><INPUT NAME="response" VALUE="` + signed + `">`, want, nil},
		{"form_post.jwt encrypted", "", `<FORM ACTION="https://client.example/cb"><INPUT NAME="response" VALUE="a.b.c.d.e">`, nil, wire.ErrEncrypted},
		{"our own form", "", `<form action="/realms/kasse/login-actions/consent"><input name=code value=x>`, nil, nil},
		{"implicit", "https://client.example/cb#access_token=x", "", nil, nil},
		{"response_type none", "https://client.example/cb?state=x&session_state=y", "", nil, nil},
	}
	for _, c := range cases {
		h := http.Header{}
		if c.location != "" {
			h.Set("Location", c.location)
		}
		got, err := wire.ReadCodes(own, h, []byte(c.page))
		if !errors.Is(err, c.err) {
			t.Errorf("%s: error %v, want %v", c.name, err, c.err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func TestTabs(t *testing.T) {
	for _, c := range []struct {
		route       wire.Route
		query, form string
		want        wire.Tab
	}{
		{wire.Authenticate, "client_id=x&tab_id=Ab-_1", "username=x", "Ab-_1"},
		{wire.Authenticate, "tab_id=a&tab_id=a", "", "a"},
		{wire.Authenticate, "tab_id=a&tab_id=b", "", ""},
		{wire.Authenticate, "tab_id=a", "tab_id=b", ""},
		{wire.Authenticate, "tab_id=a%20b", "", ""},
		{wire.Authenticate, "", "", ""},
		{wire.Authenticate, "state=s.tab.c", "", ""},
		{wire.BrokerEndpoint, "state=s.tab.client&code=x", "", "tab"},
		{wire.BrokerEndpoint, "state=s.tab.client.data.more", "", "tab"},
		{wire.BrokerEndpoint, "", "state=s.tab.client", "tab"},
		{wire.BrokerEndpoint, "", "RelayState=s.tab.client", "tab"},
		{wire.BrokerEndpoint, "state=s.tab", "", ""},
		{wire.BrokerEndpoint, "tab_id=a", "", ""},
		{wire.BrokerEndpoint, "state=s.a.c", "state=s.b.c", ""},
	} {
		query, err1 := wire.ParseParams(c.query)
		form, err2 := wire.ParseParams(c.form)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if got := wire.TabOfRequest(c.route, query, form); got != c.want {
			t.Errorf("%v %s %s: %q, want %q", c.route, c.query, c.form, got, c.want)
		}
	}
	const action = "https://login.example/realms/kasse/login-actions/authenticate?session_code=x&amp;tab_id="
	for _, c := range []struct {
		location, page string
		want           wire.Tab
	}{
		{"/realms/kasse/login-actions/authenticate?client_id=x&tab_id=abc", "", "abc"},
		{"https://other.example/?tab_id=abc", "", ""},
		{"", `<form action="` + action + `abc"></form><form action="/other"></form>`, "abc"},
		{"", `<form action="` + action + `abc"></form><form action="` + action + `def"></form>`, ""},
		{"", `<p>none`, ""},
	} {
		h := http.Header{}
		if c.location != "" {
			h.Set("Location", c.location)
		}
		if got := wire.TabOfAnswer(own, h, []byte(c.page)); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

func FuzzPage(f *testing.F) {
	f.Add([]byte(`<FORM ACTION="https://client.example/cb"><INPUT NAME="code" VALUE="x">`))
	f.Add([]byte(`<base href=//x><form id=f action=/a></form><button form=f formaction=b name=code>`))
	f.Add([]byte(`<meta http-equiv=refresh content="0;url='x'"><form><form></form><input name=response value=a.b.c>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		leak := wire.FindLeak(own, nil, body)
		codes, err := wire.ReadCodes(own, nil, body)
		if len(codes) > 0 && err == nil && leak == wire.NoLeak {
			t.Errorf("codes %v without a leak", codes)
		}
		wire.TabOfAnswer(own, nil, body)
	})
}

func FuzzLocation(f *testing.F) {
	for _, s := range []string{"https://c/?code=x", "//c#response=a.b.c", "/x?code=1", "x:?a;code=%zz"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h := http.Header{"Location": {s}}
		codes, err := wire.ReadCodes(own, h, nil)
		if len(codes) > 0 && err == nil && wire.FindLeak(own, h, nil) == wire.NoLeak && !own.Owns(s) {
			t.Errorf("codes %v without a leak in %q", codes, s)
		}
	})
}

func BenchmarkPage(b *testing.B) {
	page := []byte(`<html><body>` + strings.Repeat(`<div class="x"><p>text</p></div>`, 300) + `<form action="/realms/kasse/x"><input name=username></form>`)
	b.ReportAllocs()
	b.SetBytes(int64(len(page)))
	for b.Loop() {
		if wire.FindLeak(own, nil, page) != wire.NoLeak {
			b.Fatal("leak")
		}
	}
}
