package wire_test

import (
	"encoding/base64"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
)

// jwt writes a token with this payload and a signature that nobody checks.
func jwt(payload string) string {
	return enc(`{"alg":"HS512"}`) + "." + enc(payload) + "." + enc("signature")
}

func enc(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func identity(sub, sid string) string {
	return jwt(`{"exp":1,"iss":"https://login.example/realms/kasse","sub":"` + sub + `","typ":"Serialized-ID","sid":"` + sid + `"}`)
}

// Two people, in the words of the observations: a is cleared, b is not.
var (
	cookieA = identity("a", "sid-a")
	cookieB = identity("b", "sid-b")
)

// TestCookiesAgainstKeycloaksReading has every combination for which it was
// seen whom Keycloak 26.7 takes (it takes the last one). What goes upstream
// must be a, or nobody, and never b, in the one plain form.
func TestCookiesAgainstKeycloaksReading(t *testing.T) {
	const ki = "KEYCLOAK_IDENTITY="
	a, b := ki+cookieA, ki+cookieB
	cases := []struct {
		name  string
		lines []string
		a     bool // a is left; else nobody
	}{
		{"alone", []string{a}, true},
		{"with others", []string{"x=1; " + a + "; y=2"}, true},
		{"no blank after the semicolon", []string{"x=1;" + a}, true},
		{"last wins", []string{a + "; " + b}, false},
		{"first wins", []string{b + "; " + a}, false},
		{"two headers", []string{a, b}, false},
		{"the same twice", []string{a + "; " + a}, false},
		{"quoted", []string{a + `; KEYCLOAK_IDENTITY="` + cookieB + `"`}, false},
		{"comma", []string{a + "; foo=1," + b}, false},
		{"comma, first", []string{"foo=1," + b + "; " + a}, false},
		{"comma after it", []string{a + "," + b}, false},
		{"blank before the sign", []string{a + "; KEYCLOAK_IDENTITY =" + cookieB}, false},
		{"blank after the sign", []string{a + "; KEYCLOAK_IDENTITY= " + cookieB}, false},
		{"tab after the semicolon", []string{a + ";\t" + b}, false},
		{"quotes do not protect", []string{a + `; foo="x; ` + b + `; y"`}, false},
		{"quotes do not protect, comma", []string{a + `; foo="x, ` + b + `, y"`}, false},
		{"$Version", []string{"$Version=1; " + a + "; " + b + "; $Path=/"}, false},
		{"obs-fold", []string{a + ";\r\n " + b}, false},
		{"trailing dot", []string{a + "; " + b + "."}, false},
		{"empty one beside it", []string{a + "; " + ki}, false},
		{"another case is another name", []string{a + "; keycloak_identity=" + cookieB}, true},
		{"percent in the name is another name", []string{a + "; KEYCLOAK%5FIDENTITY=" + cookieB}, true},
		{"old name", []string{a + "; KEYCLOAK_IDENTITY_LEGACY=" + cookieB}, true},
		{"quoted name", []string{a + `; "KEYCLOAK_IDENTITY"=` + cookieB}, false},
	}
	for _, c := range cases {
		got := wire.ReadCookies(http.Header{"Cookie": c.lines})
		want := ""
		if c.a {
			want = a
		}
		if header := got.Header(); header != want {
			t.Errorf("%s: upstream %q, want %q", c.name, header, want)
		}
		id, present, err := got.Identity()
		if present != c.a || err != nil || (present && id.Subject != "a") {
			t.Errorf("%s: identity %+v, present %t, %v", c.name, id, present, err)
		}
	}
}

func TestCookiesThatAreNotPlainAreDropped(t *testing.T) {
	for _, value := range []string{
		"", "x", "x.y", "x.y.z.", "x..z", ".y.z", "x.y.z.w", "x.y=.z", `"x.y.z"`, "x.y.z ", " x.y.z", "x.y.z\t", `x.y\.z`, "x.y.z\x00", "x.y.z\x7f", "x.y.ä",
	} {
		c := wire.ReadCookies(http.Header{"Cookie": {"KEYCLOAK_IDENTITY=" + value}})
		if header := c.Header(); header != "" {
			t.Errorf("%q goes upstream as %q", value, header)
		}
	}
	big := http.Header{"Cookie": {"AUTH_SESSION_ID=x; y=" + strings.Repeat("y", 64<<10)}}
	if c := wire.ReadCookies(big); c.Header() != "" {
		t.Error("an oversized header was read")
	}
}

func TestCookiesUpstreamAreKeycloaksOwn(t *testing.T) {
	c := wire.ReadCookies(http.Header{"Cookie": {
		"KC_RESTART=r; KEYCLOAK_REMEMBER_ME=username:A123456780; __Host-schleuse-number=n; AUTH_SESSION_ID=s.node; other=1",
		"KEYCLOAK_LOCALE=de; KEYCLOAK_SESSION=h/+=; KC_AUTH_SESSION_HASH=q; KC_STATE_CHECKER=c; WELCOME_STATE_CHECKER=w; KEYCLOAK_IDENTITY=" + cookieA,
	}})
	want := "KEYCLOAK_IDENTITY=" + cookieA + "; KEYCLOAK_SESSION=h/+=; AUTH_SESSION_ID=s.node; KC_AUTH_SESSION_HASH=q; KC_RESTART=r; KC_STATE_CHECKER=c; KEYCLOAK_LOCALE=de"
	if diff := cmp.Diff(want, c.Header()); diff != "" {
		t.Error(diff)
	}
	c.WithholdIdentity()
	if got := c.Header(); got != "AUTH_SESSION_ID=s.node; KC_AUTH_SESSION_HASH=q; KC_RESTART=r; KC_STATE_CHECKER=c; KEYCLOAK_LOCALE=de" {
		t.Errorf("withheld: %s", got)
	}
	if _, present, _ := c.Identity(); present {
		t.Error("the withheld identity is still there")
	}
}

func TestOwnCookies(t *testing.T) {
	c := wire.ReadCookies(http.Header{"Cookie": {
		`__Host-schleuse-number=abc; __Host-schleuse-aa=1; __Host-schleuse-bb=1; __Host-schleuse-bb=2; __Host-schleuse-cc="q"; x=1,__Host-schleuse-aa=3`,
	}})
	if diff := cmp.Diff([]wire.Own{{Name: "number", Value: "abc"}}, c.Own()); diff != "" {
		t.Error(diff)
	}
	if c.OwnNamed("number") != "abc" || c.OwnNamed("bb") != "" {
		t.Error("by name")
	}
}

func TestIdentityIsReadByExactNames(t *testing.T) {
	good := `{"sub":"a","sid":"s","typ":"Serialized-ID","iss":"i"}`
	if id, err := wire.ReadIdentity(jwt(good)); err != nil || (id != wire.Identity{Subject: "a", Session: "s", Issuer: "i"}) {
		t.Fatalf("%+v %v", id, err)
	}
	for _, payload := range []string{
		``, `{}`, `null`, `[]`, good + `x`, good + good,
		`{"Sub":"a","sid":"s","typ":"Serialized-ID","iss":"i"}`,
		`{"sub":"a","sub":"b","sid":"s","typ":"Serialized-ID","iss":"i"}`,
		`{"sub":["a"],"sid":"s","typ":"Serialized-ID","iss":"i"}`,
		`{"sub":"a","sid":"","typ":"Serialized-ID","iss":"i"}`,
		`{"sub":"a","sid":"s","typ":"Bearer","iss":"i"}`,
		`{"sub":"a","sid":"s","typ":"Serialized-ID"}`,
	} {
		if id, err := wire.ReadIdentity(jwt(payload)); err == nil {
			t.Errorf("%s read as %+v", payload, id)
		}
	}
	for _, token := range []string{"", "a.b", enc("{}") + "." + enc(good), jwt(good) + ".x", enc("{}") + "." + enc(good) + "=.x"} {
		if _, err := wire.ReadIdentity(token); err == nil {
			t.Errorf("%s was read", token)
		}
	}
}

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func TestAnswerFindsLogins(t *testing.T) {
	const attrs = ";Version=1;Path=/realms/kasse/;Secure;HttpOnly;SameSite=None"
	live := func(v string) string { return "KEYCLOAK_IDENTITY=" + v + attrs }
	a := wire.Identity{Subject: "a", Session: "sid-a", Issuer: "https://login.example/realms/kasse"}
	liveA := wire.Answer{Live: true, Identity: a, Sessions: []account.SID{"sid-a"}}
	cases := []struct {
		name  string
		lines []string
		want  wire.Answer
		bad   bool
	}{
		{"none", []string{"AUTH_SESSION_ID=x" + attrs, "KEYCLOAK_SESSION=x"}, wire.Answer{}, false},
		{"one", []string{"KC_RESTART=;Max-Age=0", live(cookieA)}, liveA, false},
		{"quoted", []string{`KEYCLOAK_IDENTITY="` + cookieA + `"`}, liveA, false},
		{"lasting", []string{live(cookieA) + ";Max-Age=36000"}, liveA, false},
		{"negative age is not trusted", []string{live(cookieA) + ";Max-Age=-1"}, liveA, false},
		{"contradicting ages", []string{live(cookieA) + ";Max-Age=0;Max-Age=10"}, liveA, false},
		{"age goes before date", []string{live(cookieA) + ";Max-Age=10;Expires=Thu, 01 Jan 1970 00:00:00 GMT"}, liveA, false},
		{"unreadable date", []string{live(cookieA) + ";Expires=yesterday"}, liveA, false},
		{"future date", []string{live(cookieA) + ";Expires=Wed, 25 Nov 2026 12:00:00 GMT"}, liveA, false},
		{"removal by age", []string{live(cookieA) + ";Max-Age=0"}, wire.Answer{Removed: true}, false},
		{"removal by age, other case", []string{live(cookieA) + "; max-age = 0"}, wire.Answer{Removed: true}, false},
		{"removal by date", []string{live(cookieA) + ";Expires=Thu, 01 Jan 1970 00:00:00 GMT"}, wire.Answer{Removed: true}, false},
		{"removal by dashed date", []string{live(cookieA) + ";Expires=Thu, 01-Jan-1970 00:00:10 GMT"}, wire.Answer{Removed: true}, false},
		{"removal by emptiness", []string{live("")}, wire.Answer{Removed: true}, false},
		{"removed, then set", []string{live("") + ";Max-Age=0", live(cookieA)}, liveA, false},
		{"suffix", []string{"KEYCLOAK_IDENTITY_X=" + cookieA}, liveA, false},
		{"other case", []string{"Keycloak_Identity=" + cookieA}, liveA, false},
		{"name prefix", []string{"__Host-KEYCLOAK_IDENTITY=" + cookieA}, liveA, false},
		{"the same twice", []string{live(cookieA), live(cookieA)}, wire.Answer{Live: true, Identity: a, Sessions: []account.SID{"sid-a", "sid-a"}}, false},
		{"two people", []string{live(cookieA), live(cookieB)}, wire.Answer{Live: true, Identity: a, Sessions: []account.SID{"sid-a", "sid-b"}}, true},
		{"two sessions", []string{live(cookieA), live(identity("a", "sid-b"))}, wire.Answer{Live: true, Identity: a, Sessions: []account.SID{"sid-a", "sid-b"}}, true},
		{"unreadable", []string{live("junk")}, wire.Answer{Live: true}, true},
		{"unreadable first", []string{live("junk"), live(cookieA)}, wire.Answer{Live: true, Sessions: []account.SID{"sid-a"}}, true},
	}
	for _, c := range cases {
		got, err := wire.ReadAnswer(http.Header{"Set-Cookie": c.lines}, noon)
		if (err != nil) != c.bad {
			t.Errorf("%s: %v", c.name, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func TestSetCookiesThatNeverReachABrowser(t *testing.T) {
	h := http.Header{"Set-Cookie": {
		"KEYCLOAK_REMEMBER_ME=username:A123456780;Path=/realms/kasse/;Max-Age=31536000", "__Host-schleuse-number=x", "KC_RESTART=r;Path=/",
		"KEYCLOAK_REMEMBER_ME=;Max-Age=0",
	}}
	wire.DropSetCookies(h, noon)
	if diff := cmp.Diff([]string{"KC_RESTART=r;Path=/", "KEYCLOAK_REMEMBER_ME=;Max-Age=0"}, h["Set-Cookie"]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"KC_RESTART=r;Path=/"}, wire.KeycloakCookies(h)); diff != "" {
		t.Error(diff)
	}
}

func FuzzCookies(f *testing.F) {
	for _, s := range []string{"KEYCLOAK_IDENTITY=a.b.c", `x="; KEYCLOAK_IDENTITY=a.b.c"`, "a=b,KC_RESTART=c", "$Version=1; AUTH_SESSION_ID=x", "__Host-schleuse-a=b"} {
		f.Add(s, "KEYCLOAK_IDENTITY=d.e.f")
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		c := wire.ReadCookies(http.Header{"Cookie": {one, two}})
		header := c.Header()
		again := wire.ReadCookies(http.Header{"Cookie": {header}})
		if again.Header() != header {
			t.Errorf("not stable: %q then %q", header, again.Header())
		}
		if strings.ContainsAny(header, "\"\\,\r\n\t\x00") || strings.Contains(header, "__Host-") {
			t.Errorf("upstream: %q", header)
		}
		for pair := range strings.SplitSeq(header, "; ") {
			name, _, _ := strings.Cut(pair, "=")
			if name != "" && len(regexp.MustCompile(`(^|[;,\s"])`+name+"=").FindAllString(one+";"+two, -1)) > 1 {
				t.Errorf("%s stood twice in %q and %q", name, one, two)
			}
		}
	})
}

func FuzzSetCookie(f *testing.F) {
	f.Add("KEYCLOAK_IDENTITY=a.b.c;Max-Age=0", "KEYCLOAK_IDENTITY=x")
	f.Add("KEYCLOAK_IDENTITY="+cookieA+";Expires=Thu, 01 Jan 1970 00:00:00 GMT", "")
	f.Fuzz(func(t *testing.T, one, two string) {
		got, err := wire.ReadAnswer(http.Header{"Set-Cookie": {one, two}}, noon)
		if got.Live && err == nil && (got.Identity.Subject == "" || got.Identity.Session == "") {
			t.Errorf("a login of nobody: %+v", got)
		}
		if got.Live && got.Removed {
			t.Errorf("both: %+v", got)
		}
	})
}

func BenchmarkCookies(b *testing.B) {
	h := http.Header{"Cookie": {"AUTH_SESSION_ID=x; KC_AUTH_SESSION_HASH=y; KC_RESTART=z; KEYCLOAK_SESSION=h; KEYCLOAK_IDENTITY=" + cookieA + "; other=1"}}
	b.ReportAllocs()
	for b.Loop() {
		c := wire.ReadCookies(h)
		if c.Header() == "" {
			b.Fatal("nothing left")
		}
	}
}

func BenchmarkIdentity(b *testing.B) {
	c := wire.ReadCookies(http.Header{"Cookie": {"KEYCLOAK_IDENTITY=" + cookieA}})
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := c.Identity(); err != nil {
			b.Fatal(err)
		}
	}
}
