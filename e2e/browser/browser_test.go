package browser_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/e2e/browser"
	"github.com/schleuse/schleuse/e2e/stage"
)

const form = `<!doctype html><html lang=de><head><title>Form</title><meta name=viewport content="width=device-width">
<style>@media (prefers-color-scheme: dark) { .dark::after { content: "dunkel"; } } .wide { width: 500px; }</style></head>
<body><main><h1>Wie heißen Sie?</h1>
<form method=post action="/hello"><label for=n>Ihr Name</label><input id=n name=n value=alt><button>Weiter</button></form>
<p class=dark id=scheme></p><p class=wide>breit</p><p id=js>ohne Skript</p>
<script>document.getElementById('js').innerText = 'mit Skript'; document.getElementById('scheme').innerText = matchMedia('(prefers-color-scheme: dark)').matches ? 'dunkel' : 'hell';</script>
</main></body></html>`

// server serves the form, and greets who sent it.
func server(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; form-action 'self'")
		fmt.Fprint(w, form)
	})
	mux.HandleFunc("POST /hello", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "__Host-who", Value: "x", Path: "/", Secure: true})
		fmt.Fprintf(w, "<h1>Guten Tag, %s</h1><p>%s</p>", r.FormValue("n"), r.Header.Get("Accept-Language"))
	})
	mux.HandleFunc("GET /app", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<!doctype html><form method=post action=/away><label for=c>Code</label><input id=c name=c></form>`)
	})
	mux.HandleFunc("POST /away", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "kundenapp://callback?code="+r.FormValue("c"))
		w.WriteHeader(http.StatusSeeOther)
	})
	mux.HandleFunc("GET /bad", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<html><body><img src="data:image/gif;base64,R0lGODlhAQABAAAAACw="><input></body></html>`)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	_, port, _ := strings.Cut(s.Listener.Addr().String(), ":")
	return "http://site.localhost:" + port
}

func launch(t *testing.T) *browser.Browser {
	t.Helper()
	b, err := browser.Launch(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func open(t *testing.T, b *browser.Browser, profile browser.Profile, address string) *browser.Tab {
	t.Helper()
	tab, err := b.Open(profile)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tab.Close)
	must(t, tab.Go(address))
	return tab
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAPersonFillsAForm(t *testing.T) {
	b := launch(t)
	address := server(t)
	for name, profile := range map[string]browser.Profile{"with": {}, "without": {NoScript: true}} {
		t.Run(name+" JavaScript", func(t *testing.T) {
			tab := open(t, b, profile, address)
			words := "mit Skript"
			if profile.NoScript {
				words = "ohne Skript"
			}
			must(t, tab.See(words))
			must(t, tab.Type("Ihr Name", "Anna"))
			must(t, tab.Press("Weiter"))
			must(t, tab.See("Guten Tag, Anna"))
			must(t, tab.See("de"))
			must(t, tab.Picture("greeting"))
			if _, err := os.Stat(filepath.Join(b.Pictures, "greeting.png")); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestKeyboardAlone(t *testing.T) {
	tab := open(t, launch(t), browser.Profile{}, server(t))
	must(t, tab.Keys("\t"))
	must(t, tab.Keys("Otto\r"))
	must(t, tab.See("Guten Tag, Otto"))
}

func TestAddressesAreRemembered(t *testing.T) {
	b := launch(t)
	address := server(t)
	tab := open(t, b, browser.Profile{}, address+"/?nummer=1")
	must(t, tab.Press("Weiter"))
	must(t, tab.See("Guten Tag"))
	for _, want := range []string{address + "/?nummer=1", address + "/hello"} {
		if !slices.Contains(b.Addresses(), want) {
			t.Errorf("%v, want %s", b.Addresses(), want)
		}
	}
}

func TestPeopleShareNoCookiesAndTabsDo(t *testing.T) {
	b := launch(t)
	address := server(t)
	anna, otto := open(t, b, browser.Profile{}, address), open(t, b, browser.Profile{}, address)
	must(t, anna.Press("Weiter"))
	must(t, anna.See("Guten Tag"))
	second, err := anna.Second()
	must(t, err)
	defer second.Close()
	must(t, second.Go(address))
	for who, want := range map[*browser.Tab]bool{anna: true, second: true, otto: false} {
		names, err := who.Cookies()
		must(t, err)
		if got := slices.Contains(names, "site.localhost __Host-who"); got != want {
			t.Errorf("cookies %v, want the cookie: %t", names, want)
		}
	}
}

func TestProfileIsApplied(t *testing.T) {
	b := launch(t)
	tab := open(t, b, browser.Profile{Dark: true, Width: 320, Height: 600}, server(t))
	must(t, tab.See("dunkel"))
	overflows, err := tab.Overflows()
	must(t, err)
	if !overflows {
		t.Error("a paragraph of 500 px does not overflow 320 px")
	}
}

func TestAxeFindsWhatIsWrong(t *testing.T) {
	b := launch(t)
	address := server(t)
	cache, err := stage.OpenCache(stage.Progress{})
	must(t, err)
	good, err := open(t, b, browser.Profile{}, address).Axe(cache.Dir)
	must(t, err)
	if len(good) != 0 {
		t.Errorf("found on a good page: %v", good)
	}
	bad, err := open(t, b, browser.Profile{}, address+"/bad").Axe(cache.Dir)
	must(t, err)
	var ids []string
	for _, finding := range bad {
		ids = append(ids, finding.ID)
	}
	for _, want := range []string{"image-alt", "label", "html-has-lang"} {
		if !slices.Contains(ids, want) {
			t.Errorf("axe found %v, want %s too", ids, want)
		}
	}
}

func TestAnAppIsGivenItsAddress(t *testing.T) {
	b, at := launch(t), server(t)
	for name, profile := range map[string]browser.Profile{"with script": {}, "without": {NoScript: true}} {
		t.Run(name, func(t *testing.T) {
			tab := open(t, b, profile, at+"/app")
			must(t, tab.Type("Code", "4711\r"))
			got, err := tab.Handed()
			must(t, err)
			if want := "kundenapp://callback?code=4711"; got != want {
				t.Errorf("the app is given %q, want %q", got, want)
			}
			must(t, tab.At(at+"/app"))
		})
	}
}
