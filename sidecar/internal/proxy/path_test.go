package proxy_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/sidecar/internal/proxy"
	"github.com/schleuse/schleuse/sidecar/internal/relying/relyingtest"
)

func TestReservedPrefix(t *testing.T) {
	tests := map[string]string{
		"/":                                "theirs",
		"/postfach/":                       "theirs",
		"/schleuse-info":                   "theirs",
		"/schleusen/":                      "theirs",
		"/docs/schleuse/":                  "theirs",
		"/a%2Fb":                           "theirs",
		"/100%25":                          "theirs",
		"/%C3%BC":                          "theirs",
		"/schleuse/callback":               "ours",
		"/schleuse/":                       "ours",
		"/schleuse/unknown":                "ours",
		"/schleuse":                        "nobody's",
		"/Schleuse/callback":               "nobody's",
		"/SCHLEUSE/":                       "nobody's",
		"//schleuse/callback":              "nobody's",
		"/./schleuse/":                     "nobody's",
		"/x/../schleuse/logout":            "nobody's",
		"/schleuse//callback":              "nobody's",
		"/schleuse/../schleuse/":           "nobody's",
		"/schleuse;a=b/callback":           "nobody's",
		"/;x/schleuse/":                    "nobody's",
		"/schleuse/callback;x":             "nobody's",
		"/%73chleuse/callback":             "nobody's",
		"/schleuse%2Fcallback":             "nobody's",
		"/%2Fschleuse/":                    "nobody's",
		"/%2573chleuse/":                   "nobody's",
		"/%2573chleuse/%25zz":              "nobody's",
		"/%252573chleuse/":                 "nobody's",
		"/%25252525252573chleuse/":         "nobody's",
		"/x%2F..%2Fschleuse%2F":            "nobody's",
		`/schleuse\callback`:               "nobody's",
		"/%5Cschleuse/":                    "nobody's",
		"/%20schleuse/":                    "nobody's",
		"/schleuse%20/":                    "nobody's",
		"/schleuse%09/":                    "nobody's",
		"/schleuse%00/":                    "nobody's",
		"/%C5%BFchleuse/":                  "nobody's", // ſ, whose capital is S
		"/%63hleuse/../%73chleuse/":        "nobody's",
		"/schleuse/backchannel-logout%2F.": "nobody's",
	}
	for path, want := range tests {
		t.Run(path, func(t *testing.T) {
			u, err := url.ParseRequestURI(path)
			if err != nil {
				t.Fatal(err)
			}
			if got := proxy.OwnerOf(&http.Request{Method: http.MethodGet, URL: u}); got != want {
				t.Errorf("%s's, want %s", got, want)
			}
		})
	}
}

func TestNoSpellingOfThePrefixIsTheApplications(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		path := spell(random, "/schleuse/x")
		u, err := url.ParseRequestURI(path)
		if err != nil {
			continue
		}
		r := &http.Request{Method: http.MethodGet, URL: u}
		if got := proxy.OwnerOf(r); got == "theirs" {
			t.Fatalf("%s is the application's", path)
		}
	}
}

// spell writes a path as no browser would: any case, slashes doubled or
// turned, dots put in, characters encoded once or twice.
func spell(random *rand.Rand, path string) string {
	var b strings.Builder
	for _, c := range path {
		text := string(c)
		if random.IntN(2) == 0 {
			text = strings.ToUpper(text)
		}
		if c == '/' {
			text = []string{"/", "//", `\`, "/./", "/a/../", ";p/", "/"}[random.IntN(7)]
			if b.Len() == 0 && !strings.HasPrefix(text, "/") {
				text = "/"
			}
		}
		encoded := ""
		for i := range len(text) {
			switch random.IntN(6) {
			case 0:
				encoded += fmt.Sprintf("%%%02X", text[i])
			case 1:
				encoded += fmt.Sprintf("%%25%02x", text[i])
			default:
				encoded += text[i : i+1]
			}
		}
		if b.Len() == 0 {
			encoded = text
		}
		b.WriteString(encoded)
	}
	return b.String()
}

func TestVariantsOfThePrefixDoNotReachTheApplication(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	before := len(w.app.requests())
	host := parse(t, w.url).Host
	cookie := sessionCookie + "=" + b.Cookie(w.url, sessionCookie)
	for _, line := range []string{
		"GET /Schleuse/x", "GET //schleuse/x", "GET /%73chleuse/x", "GET /a/../schleuse/x", "GET /schleuse", "GET /schleuse/x",
		"POST /schleuse/callback", "DELETE /schleuse/logout", "GET /schleuse/backchannel-logout", "TRACE /", "OPTIONS *",
		"GET http://" + host + "/schleuse/x",
	} {
		resp := raw(t, w.url, line+" HTTP/1.1\r\nHost: "+host+"\r\nCookie: "+cookie+"\r\nContent-Length: 0\r\n\r\n")
		if resp.StatusCode < 400 && !strings.HasPrefix(line, "OPTIONS") {
			t.Errorf("%s answered %d", line, resp.StatusCode)
		}
	}
	if n := len(w.app.requests()) - before; n != 0 {
		t.Errorf("%d requests reached the application, the last one for %s", n, w.app.last(t).URI)
	}
}

func TestWayBackNeverLeavesTheSite(t *testing.T) {
	tests := map[string]string{
		"/":                             "/",
		"/postfach?x=1":                 "/postfach?x=1",
		"/a//b":                         "/a//b",
		"/?next=https://evil.example":   "/?next=https://evil.example",
		"":                              "/",
		"//evil.example":                "/",
		"///evil.example":               "/",
		`/\evil.example`:                "/",
		`/a\b`:                          "/",
		"https://evil.example/":         "/",
		"javascript:alert(1)":           "/",
		"evil":                          "/",
		"@evil.example/":                "/",
		".evil.example/":                "/",
		":80@evil.example/":             "/",
		"/a#b":                          "/",
		"/\r\nSet-Cookie: a=b":          "/",
		"/\t/evil.example":              "/",
		"/ü":                            "/",
		"/schleuse/logout":              "/",
		"/schleuse":                     "/",
		"/" + strings.Repeat("a", 1024): "/",
	}
	for in, want := range tests {
		if got := proxy.BackTo(in); got != want {
			t.Errorf("BackTo(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestOpenRedirects(t *testing.T) {
	w := newWorld(t)
	host := parse(t, w.url).Host
	for _, target := range []string{"//evil.example/x", "///evil.example", "/%2F/evil.example", "/%5Cevil.example", "https://evil.example/", "/a/..//evil.example"} {
		t.Run(target, func(t *testing.T) {
			resp := raw(t, w.url, "GET "+target+" HTTP/1.1\r\nHost: "+host+"\r\nAccept: text/html\r\n\r\n")
			if resp.StatusCode != http.StatusFound {
				t.Fatalf("answered %d", resp.StatusCode)
			}
			b := relyingtest.NewBrowser(t)
			for _, c := range resp.Cookies() {
				b.SetCookie(w.url, c.Name, c.Value)
			}
			p := b.Navigate(b.Navigate(resp.Header.Get("Location")).Location())
			if u := parse(t, p.Location()); u.Host != host || u.Scheme != "http" || u.User != nil || strings.HasPrefix(u.EscapedPath(), "//") {
				t.Errorf("the way back leads to %s", p.Location())
			}
		})
	}
}

func FuzzBackTo(f *testing.F) {
	for _, seed := range []string{"/", "/a?b=c", "//evil", `/\evil`, "/%2F/evil", "https://evil", "/a#b", "/schleuse/x", "/\x00", "/?a=%zz"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		const site = "https://webcenter.example"
		back := proxy.BackTo(in)
		u, err := url.Parse(site + back)
		if err != nil {
			t.Fatalf("BackTo(%q) = %q: %v", in, back, err)
		}
		if u.Scheme != "https" || u.Host != "webcenter.example" || u.User != nil || u.Fragment != "" || !strings.HasPrefix(back, "/") {
			t.Errorf("BackTo(%q) = %q leaves the site", in, back)
		}
		if strings.HasPrefix(back, "//") || strings.ContainsAny(back, "\\\r\n\t \x00#") || len(back) > 1024 {
			t.Errorf("BackTo(%q) = %q", in, back)
		}
		if rel, err := url.Parse(back); err != nil || rel.Host != "" || rel.Scheme != "" {
			t.Errorf("BackTo(%q) = %q is not local by itself", in, back)
		}
	})
}
