package web_test

import (
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/web"
)

var update = flag.Bool("update", false, "write the golden files anew")

var hashed = regexp.MustCompile(`\.[0-9a-f]{16}\.`)

func get(p *web.Pages, target string, pg web.Page) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	p.Render(w, httptest.NewRequest(http.MethodGet, target, nil), pg)
	return w
}

func TestPagesAreAsWritten(t *testing.T) {
	p := open(t)
	for name, page := range samples() {
		t.Run(name, func(t *testing.T) {
			w := get(p, "/"+name+"?a=1&b=2", page)
			if w.Code != http.StatusOK {
				t.Fatalf("status %d: %s", w.Code, w.Body)
			}
			golden(t, name+".html", hashed.ReplaceAllString(w.Body.String(), ".HASH."))
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestHeadersOfEveryPage(t *testing.T) {
	want := map[string]string{
		"Content-Security-Policy":      "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
		"Referrer-Policy":              "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Permissions-Policy":           "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
		"X-Robots-Tag":                 "noindex, nofollow",
		"Cache-Control":                "no-store",
		"Content-Language":             "de",
		"Content-Type":                 "text/html; charset=utf-8",
	}
	p := open(t)
	for name, page := range samples() {
		if page.Name == "show" || !page.Until.IsZero() {
			continue // brings a script
		}
		w := get(p, "/", page)
		got := map[string]string{}
		for k := range want {
			got[k] = w.Header().Get(k)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if cookies := w.Result().Cookies(); len(cookies) > 0 {
			t.Errorf("%s sets cookies: %v", name, cookies)
		}
	}
}

func TestNoPageNeedsWhatThePolicyForbids(t *testing.T) {
	forbidden := regexp.MustCompile(`(?i)<script[^>]*>[^<]|<script>|<style|\sstyle=|\son[a-z]+=|javascript:|<iframe|<base|<(img|link)[^>]+(src|href)="https?:`)
	p := open(t)
	for name, page := range samples() {
		if found := forbidden.FindString(get(p, "/", page).Body.String()); found != "" {
			t.Errorf("%s contains %q", name, found)
		}
	}
}

func TestRefreshLeadsOn(t *testing.T) {
	p := open(t)
	for _, tt := range []struct {
		page web.Page
		want string
	}{
		{web.Done("/schleuse/attempts/x/release"), "1; url=/schleuse/attempts/x/release"},
		{web.Page{Name: "done", Next: "/", Refresh: 20 * time.Second}, "20; url=/"},
		{web.Page{Name: "done", Refresh: 5 * time.Second}, "5"},
		{web.Page{Name: "done", Next: "https://ident.example/case?id=1", Refresh: time.Second}, "1; url=https://ident.example/case?id=1"},
		{web.Page{Name: "done", Next: "javascript:alert(1)", Refresh: time.Second}, "1; url=/"},
		{web.Page{Name: "done", Next: "//ident.example/", Refresh: time.Second}, "1; url=/"},
		{web.Page{Name: "done", Next: "/"}, ""},
	} {
		if got := get(p, "/", tt.page).Header().Get("Refresh"); got != tt.want {
			t.Errorf("%+v: Refresh %q, want %q", tt.page, got, tt.want)
		}
	}
}

func TestAFormToAnotherHostIsAllowedForThere(t *testing.T) {
	p := open(t)
	const self = "form-action 'self'"
	for action, want := range map[string]string{
		"": self, "/logout": self, "javascript:alert(1)": self, "https://a;b.example/": self,
		"https://login.kasse.example/realms/x/logout?a=b": self + " https://login.kasse.example",
		"http://login.localhost:18000/x":                  self + " http://login.localhost:18000",
	} {
		page := samples()["site-signing-out"]
		page.Action = action
		if csp := get(p, "/", page).Header().Get("Content-Security-Policy"); !strings.HasSuffix(csp, "; "+want) {
			t.Errorf("%q: policy %q, want it to end with %q", action, csp, want)
		}
	}
}

func TestFormCarriesHiddenFieldsAndAction(t *testing.T) {
	page := samples()["ask"]
	page.Action, page.Hidden = "/realms/x/auth?a=1", []web.Field{{Name: "schleuse_request", Value: `s"ealed`}}
	body := get(open(t), "/", page).Body.String()
	for _, want := range []string{
		`<form class="form" id="form" method="post" action="/realms/x/auth?a=1" novalidate>`,
		`<input type="hidden" name="schleuse_request" value="s&#34;ealed">`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
}

func TestNoChangeOfLanguageWhereThePageCannotBeHadAgain(t *testing.T) {
	p := open(t)
	page := samples()["ask"]
	if body := get(p, "/", page).Body.String(); !strings.Contains(body, web.LanguagePath) {
		t.Error("an ordinary page offers no change of language")
	}
	page.Fixed = true
	if body := get(p, "/", page).Body.String(); strings.Contains(body, web.LanguagePath) {
		t.Error("a fixed page offers a change of language")
	}
}

func TestHostileDataStaysText(t *testing.T) {
	const evil = `"'><script>alert(1)</script><a href=javascript:alert(2) onclick=x>{{.Brand}}&amp;`
	p := open(t)
	page := web.Page{
		Set: "demo", Name: "ask", Data: typed{evil, evil},
		Problems: []flow.Problem{{Field: "digits", Key: "locked", Args: map[string]any{"For": evil}}},
		Hidden:   []web.Field{{Name: evil, Value: evil}}, Action: "javascript:alert(3)", Back: evil,
		Ways: []web.Link{{Href: "javascript:alert(4)", Text: evil}},
	}
	target := "/?" + strings.ReplaceAll(evil, " ", "%20")
	for _, pg := range []web.Page{page, {Name: "authenticators", Data: []web.Reviewed{{ID: evil, Type: evil, Label: evil}}}} {
		body := get(p, target, pg).Body.String()
		for _, bad := range []string{"<script", "<a href=java", `="javascript:`, ` onclick=x>{`, `value="">`} {
			if strings.Contains(body, bad) && bad != `value="">` {
				t.Errorf("the page contains %q:\n%s", bad, body)
			}
		}
		if strings.Count(body, "<form") != strings.Count(body, "</form>") {
			t.Errorf("a form was closed or opened by data:\n%s", body)
		}
	}
}

func TestAProblemWithoutWordsIsStillSaid(t *testing.T) {
	page := samples()["ask"]
	page.Problems = []flow.Problem{{Field: "digits", Key: "nobody.wrote.this"}, {Field: "kind", Key: "tries"}}
	body := get(open(t), "/", page).Body.String()
	if got := strings.Count(body, "Bitte prüfen Sie diese Angabe."); got != 4 { // twice in the summary, once at each field
		t.Errorf("said %d times, want 4:\n%s", got, body)
	}
}

func TestADeniedPageWithoutWordsStillAnswers(t *testing.T) {
	w := get(open(t), "/", web.Page{Set: "demo", Name: "denied", Data: web.Denied{Key: "nobody.wrote.this"}})
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Bitte rufen Sie uns an.") {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}

func TestADeniedPageSaysHowLong(t *testing.T) {
	set := demo()
	set.Messages = fstest.MapFS{
		"de.json": {Data: []byte(`{"locked":"In {{.Wait}} wieder."}`)}, "en.json": {Data: []byte(`{"locked":"In {{.Wait}} again."}`)},
	}
	set.Pages = nil
	p, err := web.New(brand(), map[string]web.Set{"demo": set})
	if err != nil {
		t.Fatal(err)
	}
	body := get(p, "/", web.Page{Set: "demo", Name: "denied", Data: web.Denied{Key: "locked", Wait: 23*time.Hour + time.Second}}).Body.String()
	if !strings.Contains(body, "In 24 Stunden wieder.") {
		t.Error(body)
	}
}

func TestDurationsAreSaidRoundedUp(t *testing.T) {
	p := open(t)
	for d, want := range map[time.Duration]string{
		time.Millisecond: "einer Sekunde", 59 * time.Second: "59 Sekunden", time.Minute: "einer Minute",
		61 * time.Second: "2 Minuten", 119 * time.Minute: "119 Minuten", 2*time.Hour + 1: "3 Stunden",
		24 * time.Hour: "24 Stunden", 47*time.Hour + time.Minute: "48 Stunden", 48 * time.Hour: "2 Tagen",
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		got := p.Text(r, "demo", "locked", map[string]any{"For": d})
		if want := "Bitte warten Sie " + want + "."; got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestAPageThatIsNotThereIsAFailureOfOurs(t *testing.T) {
	w := get(open(t), "/", web.Page{Set: "demo", Name: "nothing"})
	if w.Code != http.StatusInternalServerError {
		t.Errorf("status %d, want 500", w.Code)
	}
}

func TestCheckFindsWhatAPersonWouldSeeFirst(t *testing.T) {
	page := func(main string) web.Set {
		s := demo()
		s.Pages = fstest.MapFS{"p.html": {Data: []byte(`{{define "title"}}x{{end}}{{define "main"}}` + main + `{{end}}`)}}
		return s
	}
	text := func(lang, from, to string) web.Set {
		s := demo()
		m := fstest.MapFS{}
		maps.Copy(m, s.Messages.(fstest.MapFS))
		m[lang] = &fstest.MapFile{Data: []byte(strings.Replace(string(m[lang].Data), from, to, 1))}
		s.Messages = m
		return s
	}
	for name, tt := range map[string]struct {
		set  web.Set
		want string
	}{
		"missing key":               {page(`{{t "nope"}}`), `there is no text "nope"`},
		"missing key in a branch":   {page(`{{if .Data}}{{else}}{{range .Data}}{{with .X}}{{t "nope"}}{{end}}{{end}}{{end}}`), `there is no text "nope"`},
		"missing key in a call":     {page(`{{notice "info" (t "nope")}}`), `there is no text "nope"`},
		"missing label":             {page(`{{input . "nope"}}`), `there is no text "nope.label"`},
		"missing button":            {page(`{{button "nope"}}`), `there is no text "nope"`},
		"missing choice":            {page(`{{choice . "a" "b" "nope"}}`), `there is no text "nope"`},
		"missing placeholder":       {page(`{{t "ask.why" "Nom" 1}}`), "without its placeholder Name"},
		"missing count":             {page(`{{t "tries"}}`), "without its placeholder Count"},
		"missing text of a jump":    {page(`{{jump "https://a.example" "nope"}}`), `there is no text "nope"`},
		"missing text of a picture": {page(`{{qr "x" "nope"}}`), `there is no text "nope"`},
		"missing text of a code":    {page(`{{code "x" "nope"}}`), `there is no text "nope"`},
		"missing script":            {page(`{{script . "nope.js"}}`), `there is no script "nope.js"`},
		"a large script":            {web.Set{Messages: demo().Messages, Pages: fstest.MapFS{"x.js": {Data: make([]byte, 32<<10+1)}}}, "script x.js of x: it has more than 32768 bytes"},
		"no main":                   {web.Set{Pages: fstest.MapFS{"p.html": {Data: []byte(`{{define "title"}}x{{end}}`)}}}, `"main" is not defined`},
		"no title":                  {web.Set{Pages: fstest.MapFS{"p.html": {Data: []byte(`{{define "main"}}x{{end}}`)}}}, `"title" is not defined`},
		"no template":               {page(`{{if}}`), "missing value for if"},
		"ambiguous HTML":            {page(`<a href={{if .Data}}"{{end}}x>`), "{{if}} branches end in different contexts"},
		"key in one language only":  {text("en.json", `"ask.go"`, `"ask.gone"`), `"ask.go" is missing in en.json`},
		"another placeholder":       {text("en.json", `{{.Name}}`, `{{.Nam}}`), `"ask.why" has placeholders [Nam] in en.json, [Name] elsewhere`},
		"empty text":                {text("de.json", `"Ziffern prüfen"`, `""`), `"ask.go" has no text`},
		"no JSON":                   {text("de.json", `{`, ``), "de.json"},
		"a catalogue is missing":    {web.Set{Messages: fstest.MapFS{"de.json": {Data: []byte(`{}`)}}}, "en.json"},
		"unknown function or field": {page(`{{nope}}`), "nope"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := web.New(brand(), map[string]web.Set{"x": tt.set})
			if err != nil {
				t.Fatal(err)
			}
			if err = p.Check(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestNewFindsWhatIsWrongWithABrand(t *testing.T) {
	for want, change := range map[string]func(*web.Brand){
		"name is missing":              func(b *web.Brand) { b.Name = " " },
		`"fr" is not one of`:           func(b *web.Brand) { b.Languages = []string{"fr"} },
		`"de" is not one of`:           func(b *web.Brand) { b.Languages = []string{"de", "de"} },
		"imprint is not an http":       func(b *web.Brand) { b.Imprint = "javascript:alert(1)" },
		"home is not an http":          func(b *web.Brand) { b.Home = "ftp://kasse.example/" },
		"privacy is not an http":       func(b *web.Brand) { b.Privacy = "/privacy" },
		"the logo is neither SVG":      func(b *web.Brand) { b.Logo = []byte("GIF89a") },
		"the logo has more than":       func(b *web.Brand) { b.Logo = make([]byte, 256<<10+1) },
		"the style sheet has more":     func(b *web.Brand) { b.CSS = make([]byte, 64<<10+1) },
		"accessibility is not an http": func(b *web.Brand) { b.Accessibility = "https://user:pw@kasse.example/" },
	} {
		b := brand()
		change(&b)
		if _, err := web.New(b, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

func TestPartsAreSharedByThePagesOfASet(t *testing.T) {
	set := web.Set{Pages: fstest.MapFS{
		"_card.html": {Data: []byte(`{{define "card"}}<svg role="img" aria-label="{{.}}"></svg>{{end}}`)},
		"p.html":     {Data: []byte(`{{define "title"}}x{{end}}{{define "main"}}{{template "card" .Data}}{{end}}`)},
	}}
	p, err := web.New(brand(), map[string]web.Set{"x": set})
	if err != nil {
		t.Fatal(err)
	}
	body := get(p, "/", web.Page{Set: "x", Name: "p", Data: "Ihre Karte"}).Body.String()
	if !strings.Contains(body, `<svg role="img" aria-label="Ihre Karte">`) {
		t.Error(body)
	}
}

func TestPhoneNumberIsALink(t *testing.T) {
	for printed, want := range map[string]string{
		"0800 000000": `href="tel:0800000000"`, "+49 (0) 30 / 1234": `href="tel:&#43;49301234"`,
		"javascript:1": "", "": "",
	} {
		b := brand()
		b.HelpPhone = printed
		p, err := web.New(b, nil)
		if err != nil {
			t.Fatal(err)
		}
		body := get(p, "/", web.Done("/")).Body.String()
		if strings.Contains(body, "tel:") != (want != "") || !strings.Contains(body, want) {
			t.Errorf("%q: want %s in %s", printed, want, body)
		}
	}
}

func TestConcurrentRenderingsDoNotMix(t *testing.T) {
	p := open(t)
	done := make(chan error)
	for i := range 16 {
		go func() {
			name := fmt.Sprintf("Person %d", i)
			body := get(p, "/", web.Page{Set: "demo", Name: "ask", Data: typed{name, ""}}).Body.String()
			if !strings.Contains(body, "Für "+name+".") {
				done <- fmt.Errorf("%s is not on their page", name)
				return
			}
			done <- nil
		}()
	}
	for range 16 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
