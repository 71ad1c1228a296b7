package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/sidecar/internal/web"
)

func TestLanguage(t *testing.T) {
	for name, tt := range map[string]struct {
		languages []string
		target    string
		accept    string
		cookie    string
		want      string
	}{
		"nothing said":                 {want: "de"},
		"the operator's default":       {languages: []string{"en", "de"}, want: "en"},
		"the browser's":                {accept: "en-GB,en;q=0.9,de;q=0.5", want: "en"},
		"the browser's, not there":     {accept: "fr,it", want: "de"},
		"the browser's second":         {accept: "tr,en;q=0.7,de;q=0.3", want: "en"},
		"Austrian":                     {languages: []string{"en", "de"}, accept: "de-AT", want: "de"},
		"what the client asks for":     {target: "/?ui_locales=fr+en", accept: "de", want: "en"},
		"what the person chose":        {target: "/?ui_locales=de", accept: "de", cookie: "en", want: "en"},
		"chosen, but not offered":      {languages: []string{"de"}, cookie: "en", want: "de"},
		"a forged choice":              {cookie: "../../etc", accept: "en", want: "en"},
		"only German":                  {languages: []string{"de"}, accept: "en", want: "de"},
		"garbage":                      {accept: strings.Repeat("en-,;q=", 10000), want: "de"},
		"garbage from the client":      {target: "/?ui_locales=%00%ff+" + strings.Repeat("x", 5000), want: "de"},
		"a query that cannot be read":  {target: "/?ui_locales=%zz", want: "de"},
		"preferred, but weighted zero": {accept: "en;q=0, de", want: "de"},
	} {
		t.Run(name, func(t *testing.T) {
			b := brand()
			b.Languages = tt.languages
			p, err := web.New(b, nil)
			if err != nil {
				t.Fatal(err)
			}
			r := &http.Request{Header: http.Header{}, URL: &url.URL{}}
			if _, query, ok := strings.Cut(tt.target, "?"); ok {
				r.URL.RawQuery = query
			}
			if tt.accept != "" {
				r.Header.Set("Accept-Language", tt.accept)
			}
			if tt.cookie != "" {
				r.AddCookie(&http.Cookie{Name: "schleuse-lang", Value: tt.cookie})
			}
			if got := p.Language(r); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func switchTo(p *web.Pages, form url.Values, header ...string) *http.Response {
	r := httptest.NewRequest(http.MethodPost, web.LanguagePath, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	p.SwitchLanguage().ServeHTTP(w, r)
	return w.Result()
}

func TestSwitchReturnsToThisHostOnly(t *testing.T) {
	p := open(t)
	for back, want := range map[string]string{
		"/realms/kasse/auth?state=a%26b": "/realms/kasse/auth?state=a%26b",
		"":                               "/",
		"realms":                         "/",
		"https://evil.example/":          "/",
		"//evil.example/":                "/",
		"///evil.example/":               "/",
		`/\evil.example/`:                "/",
		"/\t/evil.example/":              "/",
		"/%2fevil.example/":              "/",
		"/a\r\nSet-Cookie: x=y":          "/",
		"/%zz":                           "/",
		"/a b":                           "/",
		"/" + strings.Repeat("a", 20000): "/",
	} {
		res := switchTo(p, url.Values{"l": {"en"}, "back": {back}})
		if got := res.Header.Get("Location"); res.StatusCode != http.StatusSeeOther || got != want {
			t.Errorf("%.40q: %d to %q, want %q", back, res.StatusCode, got, want)
		}
	}
}

func TestSwitchKeepsTheChoice(t *testing.T) {
	p := open(t)
	cookies := switchTo(p, url.Values{"l": {"en"}, "back": {"/"}}).Cookies()
	if len(cookies) != 1 || cookies[0].Name != "schleuse-lang" || cookies[0].Value != "en" ||
		!cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteLaxMode || cookies[0].Path != "/" {
		t.Errorf("cookies: %v", cookies)
	}
	if cookies := switchTo(p, url.Values{"l": {"xx"}, "back": {"/"}}).Cookies(); len(cookies) != 0 {
		t.Errorf("a language that is not there is kept: %v", cookies)
	}
}

func TestSwitchIsNotForOthers(t *testing.T) {
	p := open(t)
	res := switchTo(p, url.Values{"l": {"en"}, "back": {"/"}}, "Sec-Fetch-Site", "cross-site")
	if res.StatusCode != http.StatusForbidden || len(res.Cookies()) != 0 {
		t.Errorf("from another site: %d, cookies %v", res.StatusCode, res.Cookies())
	}
	w := httptest.NewRecorder()
	p.SwitchLanguage().ServeHTTP(w, httptest.NewRequest(http.MethodGet, web.LanguagePath+"?l=en", nil))
	if w.Code != http.StatusMethodNotAllowed || len(w.Result().Cookies()) != 0 {
		t.Errorf("by GET: %d, cookies %v", w.Code, w.Result().Cookies())
	}
}

func FuzzBackStaysOnThisHost(f *testing.F) {
	p, err := web.New(brand(), nil)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"/", "/a?b=c#d", "//evil.example", `/\evil`, "/%2f%2fevil", "http://x", "/\x00", "/..//evil", "/a:b@c"} {
		f.Add(seed)
	}
	base, _ := url.Parse("https://login.kasse.example/realms/x")
	f.Fuzz(func(t *testing.T, back string) {
		location := switchTo(p, url.Values{"l": {"de"}, "back": {back}}).Header.Get("Location")
		if location == "" || location[0] != '/' || strings.ContainsAny(location, "\\\r\n\t ") || strings.HasPrefix(location, "//") {
			t.Fatalf("%q leads to %q", back, location)
		}
		u, err := base.Parse(location)
		if err != nil || u.Host != base.Host || u.Scheme != "https" {
			t.Fatalf("%q leads to %v (%v)", back, u, err)
		}
	})
}

func FuzzLanguageIsOneOfOurs(f *testing.F) {
	p, err := web.New(brand(), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("de-DE,de;q=0.9", "ui_locales=en", "de")
	f.Add("*;q=0.5", "ui_locales=%2e%2e", "x")
	f.Fuzz(func(t *testing.T, accept, query, cookie string) {
		r := &http.Request{Header: http.Header{"Accept-Language": {accept}, "Cookie": {"schleuse-lang=" + cookie}}, URL: &url.URL{RawQuery: query}}
		if l := p.Language(r); l != "de" && l != "en" {
			t.Fatalf("language %q", l)
		}
	})
}

// A page that carries its place changes the language by the same form, and what
// answers it speaks it at once.
func TestACarriedPageKeepsItsPlace(t *testing.T) {
	p := open(t)
	page := web.Page{Name: "done", Next: "/x", Action: "/here", Carried: true, Hidden: []web.Field{{Name: "place", Value: "sealed"}}}
	body := get(p, "/", page).Body.String()
	for _, part := range []string{`<form class="switch" method="post" action="/here">`, `name="place" value="sealed"`, `name="schleuse_lang" value="en"`} {
		if !strings.Contains(body, part) {
			t.Errorf("no %s", part)
		}
	}
	if strings.Contains(body, web.LanguagePath) || strings.Contains(body, `name="back"`) {
		t.Error("the page's address is asked for again")
	}
	r := httptest.NewRequest(http.MethodPost, "/here", nil)
	r.Header.Set("Cookie", "schleuse-lang=de; other=1")
	w := httptest.NewRecorder()
	if got := p.Speak(w, r, "en"); p.Language(got) != "en" || !strings.Contains(w.Header().Get("Set-Cookie"), "schleuse-lang=en") {
		t.Errorf("speaks %s, %q", p.Language(got), w.Header())
	}
	w = httptest.NewRecorder()
	if got := p.Speak(w, r, "fr"); p.Language(got) != "de" || w.Header().Get("Set-Cookie") != "" {
		t.Errorf("speaks %s, %q", p.Language(got), w.Header())
	}
}
