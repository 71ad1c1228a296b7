package web_test

import (
	"crypto/sha512"
	"encoding/base64"
	"html"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"rsc.io/qr"

	"github.com/schleuse/schleuse/e2e/browser"
	"github.com/schleuse/schleuse/sidecar/internal/web"
)

// page is one page with a main part, and a script.
func page(t *testing.T, main string) *web.Pages {
	t.Helper()
	set := demo()
	set.Pages = fstest.MapFS{
		"p.html": {Data: []byte(`{{define "title"}}x{{end}}{{define "main"}}` + main + `{{end}}`)},
		"a.js":   {Data: []byte(`"use strict";`)},
	}
	p, err := web.New(brand(), map[string]web.Set{"demo": set})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAQRCodeShowsItsText(t *testing.T) {
	p := page(t, `{{qr .Data "show.qr"}}`)
	for _, text := range []string{"https://ident.example/case?id=0123456789abcdef", "https://login.kasse.example/schleuse/x/letter/#ABCD-EFGH-IJKL", strings.Repeat("ä", 256)} {
		body := get(p, "/", web.Page{Set: "demo", Name: "p", Data: text}).Body.String()
		if !strings.Contains(body, `role="img" aria-label="QR-Code mit der Adresse von Ident"`) || strings.Contains(body, text) {
			t.Errorf("the picture lacks its alternative, or spells its text:\n%s", body)
		}
		want, err := qr.Encode(text, qr.M)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(modules(want), drawn(t, body, want.Size)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

func modules(c *qr.Code) []string {
	rows := make([]string, c.Size)
	for y := range rows {
		for x := range c.Size {
			rows[y] += map[bool]string{true: "#", false: "."}[c.Black(x, y)]
		}
	}
	return rows
}

// drawn reads the path of the picture back, less its quiet zone of four.
func drawn(t *testing.T, body string, size int) []string {
	t.Helper()
	rows := make([][]byte, size)
	for y := range rows {
		rows[y] = []byte(strings.Repeat(".", size))
	}
	for _, m := range regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-`).FindAllStringSubmatch(body, -1) {
		x, _ := strconv.Atoi(m[1])
		y, _ := strconv.Atoi(m[2])
		run, _ := strconv.Atoi(m[3])
		for i := range run {
			if y-4 < 0 || y-4 >= size || x-4+i < 0 || x-4+i >= size {
				t.Fatalf("%s lies in the quiet zone", m[0])
			}
			rows[y-4][x-4+i] = '#'
		}
	}
	out := make([]string, size)
	for y := range rows {
		out[y] = string(rows[y])
	}
	return out
}

func TestWhatCannotBeShownIsAFailure(t *testing.T) {
	for name, tt := range map[string]struct {
		main string
		data any
	}{
		"QR code of nothing":     {`{{qr .Data "show.qr"}}`, ""},
		"QR code without a text": {`{{qr .Data "show.qr"}}`, nil},
		"QR code over its bound": {`{{qr .Data "show.qr"}}`, strings.Repeat("x", 513)},
		"code of nothing":        {`{{code .Data "show.code"}}`, ""},
		"code over its bound":    {`{{code .Data "show.code"}}`, strings.Repeat("1", 33)},
		"jump to a script":       {`{{jump .Data "show.go"}}`, "javascript:alert(1)"},
		"jump in plain":          {`{{jump .Data "show.go"}}`, "http://ident.example/"},
		"jump to a path":         {`{{jump .Data "show.go"}}`, "/here"},
		"jump with a password":   {`{{jump .Data "show.go"}}`, "https://a:b@ident.example/"},
		"script by data":         {`{{script . .Data}}`, "../b.js"},
		"script of the core":     {`{{script . .Data}}`, "reveal.js"},
	} {
		if w := get(page(t, tt.main), "/", web.Page{Set: "demo", Name: "p", Data: tt.data}); w.Code != http.StatusInternalServerError {
			t.Errorf("%s: status %d", name, w.Code)
		}
	}
}

func TestACodeIsReadInGroups(t *testing.T) {
	p := page(t, `{{code .Data "show.code"}}`)
	for code, want := range map[string]string{
		"471108": "471 108", "ABCDEFGHJKLM": "ABCD EFGH JKLM", "12345": "1234 5", "7": "7", "12345678": "1234 5678",
	} {
		body := get(p, "/", web.Page{Set: "demo", Name: "p", Data: code}).Body.String()
		got := regexp.MustCompile(`<strong class="code-value">(.*)</strong>`).FindStringSubmatch(body)
		if got == nil || regexp.MustCompile(`<[^>]*>`).ReplaceAllString(got[1], "") != want {
			t.Errorf("%s: %q, want %q", code, got, want)
		}
	}
}

func TestAPasswordIsNeverSentBack(t *testing.T) {
	body := get(open(t), "/", samples()["show"]).Body.String()
	if !strings.Contains(body, `type="password" value="" autocomplete="new-password"`) {
		t.Errorf("no empty password field in:\n%s", body)
	}
}

func TestAScriptRunsOnItsOwnPageOnly(t *testing.T) {
	p := page(t, `{{if .Data}}{{script . "a.js"}}{{end}}`)
	with := get(p, "/", web.Page{Set: "demo", Name: "p", Data: true})
	tag := regexp.MustCompile(`<script src="(/schleuse/assets/a\.[0-9a-f]{16}\.js)" integrity="(sha384-[^"]+)" defer></script>`).FindStringSubmatch(with.Body.String())
	if tag == nil {
		t.Fatalf("no script in:\n%s", with.Body)
	}
	hash := html.UnescapeString(tag[2])
	added := "; script-src '" + hash + "'; trusted-types 'none'; require-trusted-types-for 'script'"
	if csp := with.Header().Get("Content-Security-Policy"); !strings.HasSuffix(csp, added) {
		t.Errorf("the policy %q is not for the page's script alone", csp)
	}
	w := httptest.NewRecorder()
	p.Assets().ServeHTTP(w, httptest.NewRequest(http.MethodGet, tag[1], nil))
	if kind := w.Header().Get("Content-Type"); w.Code != http.StatusOK || kind != "text/javascript; charset=utf-8" {
		t.Errorf("the script has status %d, type %q", w.Code, kind)
	}
	if sum := sha512.Sum384(w.Body.Bytes()); hash != "sha384-"+base64.StdEncoding.EncodeToString(sum[:]) {
		t.Error("the script has another hash than the page says")
	}
	for name, other := range map[string]web.Page{"without its script": {Set: "demo", Name: "p"}, "of the core": web.Done("/")} {
		if csp := get(p, "/", other).Header().Get("Content-Security-Policy"); strings.Contains(csp, "script") {
			t.Errorf("the page %s has the policy %q", name, csp)
		}
	}
}

func TestAPasswordIsShownAndHiddenInABrowser(t *testing.T) {
	b, err := browser.Launch(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	address := gallery(t, open(t))
	tab, err := b.Open(browser.Profile{})
	if err != nil {
		t.Fatal(err)
	}
	for _, do := range []func() error{
		func() error { return tab.Go(address + "/show") },
		func() error { return tab.See("Code\n471 108") }, // the page's own script has run
		func() error { return tab.Focus("password") },
		func() error { return tab.Keys("\t ") },
		func() error { return tab.See("Ihr Passwort ist zu lesen.") },
		func() error { return tab.Keys(" ") },
		func() error { return tab.See("Ihr Passwort ist verborgen.") },
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
}
