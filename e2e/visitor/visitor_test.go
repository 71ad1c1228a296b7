package visitor_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/e2e/visitor"
)

// site serves pages and returns a visitor who finds it as site.localhost.
func site(t *testing.T, pages map[string]http.HandlerFunc) (*visitor.Visitor, string) {
	t.Helper()
	mux := http.NewServeMux()
	for pattern, page := range pages {
		mux.HandleFunc(pattern, page)
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	v := visitor.New()
	v.Dial["site.localhost:80"] = server.Listener.Addr().String()
	return v, "http://site.localhost"
}

func setCookie(value string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.Header().Add("Set-Cookie", value) }
}

func TestCookiesAreKeptAsABrowserWould(t *testing.T) {
	v, url := site(t, map[string]http.HandlerFunc{
		"/secure":      setCookie("secure=1; Secure; Path=/"),
		"/host":        setCookie("__Host-a=1; Secure; Path=/"),
		"/host-domain": setCookie("__Host-b=1; Secure; Path=/; Domain=site.localhost"),
		"/host-open":   setCookie("__Host-c=1; Path=/"),
		"/deep":        setCookie("deep=1; Path=/realms/kasse/"),
		"/foreign":     setCookie("foreign=1; Path=/; Domain=other.localhost"),
	})
	for _, path := range []string{"/secure", "/host", "/host-domain", "/host-open", "/deep", "/foreign"} {
		if _, err := v.Get(t.Context(), url+path); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"secure", "__Host-a"}, v.CookieNames(url+"/")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"deep", "secure", "__Host-a"}, v.CookieNames(url+"/realms/kasse/x")); diff != "" {
		t.Error(diff)
	}
	if got := v.CookieNames("http://other.localhost/"); len(got) != 0 {
		t.Errorf("another host gets %v", got)
	}
}

func TestACookieOfNoAgeIsRemoved(t *testing.T) {
	v, url := site(t, map[string]http.HandlerFunc{
		"/in":  setCookie("KEYCLOAK_IDENTITY=x; Path=/; Secure"),
		"/out": setCookie("KEYCLOAK_IDENTITY=; Path=/; Max-Age=0; Secure"),
	})
	for _, path := range []string{"/in", "/out"} {
		if _, err := v.Get(t.Context(), url+path); err != nil {
			t.Fatal(err)
		}
	}
	if value, has := v.Cookie(url+"/", "KEYCLOAK_IDENTITY"); has {
		t.Errorf("the cookie is still there: %q", value)
	}
}

func TestFollowStopsAtTheClient(t *testing.T) {
	v, url := site(t, map[string]http.HandlerFunc{
		"/start": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/done", http.StatusSeeOther) },
		"/done": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Refresh", "1; url=/release")
		},
		"/release": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://client.localhost/callback?code=abc", http.StatusFound)
		},
	})
	page, err := v.Open(t.Context(), url+"/start", "http://client.localhost/")
	if err != nil {
		t.Fatal(err)
	}
	if got := page.Query("code"); got != "abc" {
		t.Errorf("code %q, want abc", got)
	}
}

func TestAFormIsSentWithItsHiddenFields(t *testing.T) {
	v, base := site(t, map[string]http.HandlerFunc{
		"GET /form": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, `<h1>Wie  heißen Sie?</h1><form method=post action="to?x=1"><input type=hidden name=h value=1><input name=n></form>`)
		},
		"POST /to": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprintf(w, "<h1>%s %s %s %s</h1>", r.URL.RawQuery, r.FormValue("h"), r.FormValue("n"), r.Header.Get("Origin"))
		},
	})
	page, err := v.Get(t.Context(), base+"/form")
	if err != nil {
		t.Fatal(err)
	}
	if page.Title() != "Wie heißen Sie?" {
		t.Errorf("title %q", page.Title())
	}
	form, err := page.Form("n")
	if err != nil {
		t.Fatal(err)
	}
	answer, err := v.Submit(t.Context(), form, url.Values{"n": {"Anna"}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := answer.Title(), "x=1 1 Anna http://site.localhost"; got != want {
		t.Errorf("sent %q, want %q", got, want)
	}
	if _, err := page.Form("missing"); err == nil || !strings.Contains(err.Error(), "Wie heißen Sie?") {
		t.Errorf("a missing form is reported as %v", err)
	}
}
