package web_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/internal/web"
)

var assetURL = regexp.MustCompile(`/schleuse/assets/[a-z0-9.-]+`)

func fetch(p *web.Pages, target, encoding string) *http.Response {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Header.Set("Accept-Encoding", encoding)
	w := httptest.NewRecorder()
	p.Assets().ServeHTTP(w, r)
	return w.Result()
}

func branded(t *testing.T) *web.Pages {
	t.Helper()
	b := brand()
	b.Logo = []byte(`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>`)
	b.CSS = []byte(`:root { --kern-color-action-default: #060; }`)
	p, err := web.New(b, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAssetsOfAPageAreServedForever(t *testing.T) {
	p := branded(t)
	urls := assetURL.FindAllString(get(p, "/", web.Done("/")).Body.String(), -1)
	css, err := io.ReadAll(fetch(p, urls[1], "").Body)
	if err != nil {
		t.Fatal(err)
	}
	urls = append(urls, assetURL.FindAllString(string(css), -1)...)
	kinds := map[string]int{}
	for _, u := range urls {
		res := fetch(p, u, "")
		if res.StatusCode != http.StatusOK || res.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" ||
			res.Header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(res.Header.Get("Content-Security-Policy"), "sandbox") {
			t.Errorf("%s: %d %v", u, res.StatusCode, res.Header)
		}
		kinds[res.Header.Get("Content-Type")]++
	}
	want := map[string]int{"text/css; charset=utf-8": 3, "image/svg+xml": 2, "font/woff2": 2}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("assets (-want +got):\n%s", diff)
	}
	if strings.Contains(string(css), "asset:") {
		t.Error("a name in the style sheet was not filled in")
	}
}

func TestAssetsAreCompressedForWhoTakesIt(t *testing.T) {
	p := open(t)
	kern := assetURL.FindString(get(p, "/", web.Done("/")).Body.String())
	for encoding, want := range map[string]string{"gzip, deflate, br": "gzip", "": "", "br": "", "gzip;q=0": "", "gzip;q=0.5": "gzip"} {
		res := fetch(p, kern, encoding)
		if got := res.Header.Get("Content-Encoding"); got != want || res.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: encoding %q, want %q", encoding, got, want)
		}
	}
	z, err := gzip.NewReader(fetch(p, kern, "gzip").Body)
	if err != nil {
		t.Fatal(err)
	}
	small, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	plain, _ := io.ReadAll(fetch(p, kern, "").Body)
	if string(small) != string(plain) || len(plain) < 100<<10 {
		t.Errorf("%d bytes compressed, %d plain", len(small), len(plain))
	}
}

func TestNothingElseIsServed(t *testing.T) {
	p := open(t)
	for _, target := range []string{"/schleuse/assets/", "/schleuse/assets/kern.min.css", "/schleuse/assets/../web.go", "/schleuse/assets/README.md"} {
		if res := fetch(p, target, ""); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", target, res.StatusCode)
		}
	}
	w := httptest.NewRecorder()
	kern := assetURL.FindString(get(p, "/", web.Done("/")).Body.String())
	p.Assets().ServeHTTP(w, httptest.NewRequest(http.MethodPost, kern, nil))
	if w.Code != http.StatusNotFound {
		t.Errorf("POST: %d", w.Code)
	}
}

func TestABrandIsSeen(t *testing.T) {
	body := get(branded(t), "/", web.Done("/")).Body.String()
	if !regexp.MustCompile(`<img class="logo" src="/schleuse/assets/logo\.[0-9a-f]{16}\.svg" alt="Muster-Krankenkasse">`).MatchString(body) {
		t.Errorf("no logo in\n%s", body)
	}
	order := regexp.MustCompile(`kern\.min\.[\s\S]*schleuse\.[\s\S]*brand\.`)
	if !order.MatchString(body) {
		t.Errorf("the brand's style sheet is not the last in\n%s", body)
	}
}
