package web_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/web"
)

func fail(p *web.Pages, accept string, err error) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/realms/x/A123456780", nil)
	r.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	p.Error(w, r, err)
	return w
}

const browserAccept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

func TestEveryKindHasItsStatusAndWords(t *testing.T) {
	p := open(t)
	for kind, want := range map[fault.Kind]int{
		fault.Internal: 500, fault.Invalid: 400, fault.Unauthenticated: 401, fault.Forbidden: 403, fault.NotFound: 404,
		fault.Conflict: 409, fault.Gone: 410, fault.TooLarge: 413, fault.TooMany: 429, fault.BadUpstream: 502,
		fault.Unavailable: 503, fault.Timeout: 504, fault.Kind(200): 500,
	} {
		for _, lang := range []string{"de", "en"} {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header.Set("Accept", browserAccept)
			r.Header.Set("Accept-Language", lang)
			w := httptest.NewRecorder()
			p.Error(w, r, fault.New(kind, "nobody.wrote.this", nil))
			if w.Code != want {
				t.Errorf("kind %d: status %d, want %d", kind, w.Code, want)
			}
			if words := regexp.MustCompile(`<h1[^>]*>[^<]{10,}</h1>\s*<p class="kern-body">[^<]{20,}</p>`); !words.Match(w.Body.Bytes()) {
				t.Errorf("kind %d, %s: nothing is explained:\n%s", kind, lang, w.Body)
			}
			if csp := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") {
				t.Errorf("kind %d: policy %q", kind, csp)
			}
		}
	}
}

func TestAFailureIsFoundByItsReference(t *testing.T) {
	var log bytes.Buffer
	p := open(t)
	p.Log = slog.New(slog.NewJSONHandler(&log, nil))
	cause := errors.New("dial tcp: refused")
	body := fail(p, browserAccept, fmt.Errorf("asking: %w", fault.New(fault.Unavailable, "later", cause))).Body.String()
	reference := regexp.MustCompile(`<strong>([0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4})</strong>`).FindStringSubmatch(body)
	if reference == nil {
		t.Fatalf("no reference in\n%s", body)
	}
	var line map[string]any
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	delete(line, "time")
	want := map[string]any{
		"level": "ERROR", "msg": "answered with a failure", "reference": reference[1],
		"status": 503.0, "key": "later", "error": "asking: later: dial tcp: refused",
	}
	if diff := cmp.Diff(want, line); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	if strings.Contains(body, "dial tcp") {
		t.Error("the person sees the cause")
	}
	if strings.Contains(log.String(), "A123456780") {
		t.Error("the log holds the path")
	}
}

func TestAnUnknownErrorTellsNothing(t *testing.T) {
	p := open(t)
	for _, accept := range []string{browserAccept, "application/json"} {
		w := fail(p, accept, errors.New("secret detail"))
		if w.Code != 500 || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: %d %s", accept, w.Code, w.Body)
		}
	}
}

func TestProgramsGetAProblem(t *testing.T) {
	p := open(t)
	for _, accept := range []string{"application/json", "*/*", ""} {
		w := fail(p, accept, &fault.Error{Kind: fault.TooMany, Key: "too_many_attempts", Retry: 1500 * time.Millisecond})
		var got map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		instance, _ := got["instance"].(string)
		if !regexp.MustCompile(`^urn:schleuse:reference:[0-9A-Z]{4}-[0-9A-Z]{4}$`).MatchString(instance) {
			t.Errorf("instance %q", instance)
		}
		delete(got, "instance")
		want := map[string]any{
			"type": "urn:schleuse:problem:too_many_attempts", "title": "Bitte warten Sie einen Moment", "status": 429.0,
			"detail": "Von Ihrem Anschluss sind zu viele Anmeldungen offen. Bitte warten Sie etwas und versuchen Sie es dann noch einmal.",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", accept, diff)
		}
		header := w.Header()
		if header.Get("Content-Type") != "application/problem+json" || header.Get("Retry-After") != "2" || header.Get("Cache-Control") != "no-store" {
			t.Errorf("headers %v", header)
		}
	}
}

func TestTheWayOnFromAFailure(t *testing.T) {
	p := open(t)
	for name, tt := range map[string]struct {
		method string
		err    error
		want   string
	}{
		"again":                 {http.MethodGet, fault.New(fault.Unavailable, "later", nil), `href="/x?a=1">`},
		"again after a while":   {http.MethodGet, &fault.Error{Kind: fault.Unavailable, Key: "later", Retry: 90 * time.Second}, "in 2 Minuten noch einmal"},
		"in a few minutes":      {http.MethodPost, fault.New(fault.Unavailable, "later", nil), "in wenigen Minuten"},
		"a form is not resent":  {http.MethodPost, fault.New(fault.Unavailable, "later", nil), `href="https://kasse.example/"`},
		"nothing to try again":  {http.MethodGet, fault.New(fault.Gone, "gone", nil), `href="https://kasse.example/"`},
		"help":                  {http.MethodGet, fault.New(fault.Forbidden, "", nil), `href="tel:0800000000"`},
		"the caller's own ways": {http.MethodGet, fault.New(fault.Gone, "attempt_gone", nil), `href="/start">Neu beginnen</a>`},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, "/x?a=1", nil)
			r.Header.Set("Accept", "text/html")
			w := httptest.NewRecorder()
			p.Error(w, r, tt.err, web.Link{Href: "/start", Key: "way.start"})
			if !strings.Contains(w.Body.String(), tt.want) {
				t.Errorf("no %q in\n%s", tt.want, w.Body)
			}
		})
	}
}

func TestHeadHasNoBody(t *testing.T) {
	p := open(t)
	r := httptest.NewRequest(http.MethodHead, "/", nil)
	for name, do := range map[string]func(http.ResponseWriter){
		"page":    func(w http.ResponseWriter) { p.Render(w, r, web.Done("/")) },
		"failure": func(w http.ResponseWriter) { p.Error(w, r, io.EOF) },
	} {
		w := httptest.NewRecorder()
		do(w)
		if w.Body.Len() != 0 || w.Header().Get("Content-Length") == "0" {
			t.Errorf("%s: %d bytes, Content-Length %s", name, w.Body.Len(), w.Header().Get("Content-Length"))
		}
	}
}

// What Check finds is found at the first request too: no page is shown then.
func TestBrokenPagesAreAFailureOfOurs(t *testing.T) {
	set := demo()
	set.Pages = fstest.MapFS{"p.html": {Data: []byte("{{if}}")}}
	p, err := web.New(brand(), map[string]web.Set{"x": set})
	if err != nil {
		t.Fatal(err)
	}
	p.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	if w := get(p, "/", web.Done("/")); w.Code != http.StatusInternalServerError || w.Body.String() != "Internal Server Error\n" {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
	if text := p.Text(httptest.NewRequest(http.MethodGet, "/", nil), "x", "ask.title", nil); text != "" {
		t.Errorf("a text: %q", text)
	}
	w := httptest.NewRecorder()
	p.Assets().ServeHTTP(w, httptest.NewRequest(http.MethodGet, web.AssetsPath+"schleuse.css", nil))
	if w.Code != http.StatusNotFound {
		t.Errorf("an asset: status %d", w.Code)
	}
}
