package app_test

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/e2e/app"
)

func (w *world) get(path string) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	w.handler.ServeHTTP(answer, httptest.NewRequestWithContext(w.t.Context(), http.MethodGet, origin+path, nil))
	return answer
}

// TestTheShellIsWhole: what the service worker keeps is every file of the app,
// and each is served.
func TestTheShellIsWhole(t *testing.T) {
	w := newWorld(t)
	var kept struct {
		Version string
		Files   []string
	}
	script := strings.TrimSuffix(strings.TrimPrefix(w.get("/shell.js").Body.String(), "self.shell = "), ";\n")
	if err := json.Unmarshal([]byte(script), &kept); err != nil || kept.Version == "" {
		t.Fatalf("%q: %v", script, err)
	}
	for _, file := range kept.Files {
		if got := w.get(file); got.Code != http.StatusOK {
			t.Errorf("%s: %d", file, got.Code)
		}
	}
	err := fs.WalkDir(os.DirFS("www"), ".", func(path string, entry fs.DirEntry, err error) error {
		apart := path == "worker.js" || path == "index.html" || strings.HasSuffix(path, ".md")
		if err == nil && !entry.IsDir() && !apart && !slices.Contains(kept.Files, "/"+path) {
			t.Errorf("%s is not kept", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestNothingRunsButTheAppsOwnModules(t *testing.T) {
	w := newWorld(t)
	policy := w.get("/").Header().Get("Content-Security-Policy")
	for _, want := range []string{
		"default-src 'none'", "script-src 'self'", "connect-src 'self' https://login.kasse.example;", "frame-ancestors 'none'", "require-trusted-types-for 'script'",
	} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy %q lacks %q", policy, want)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("the policy is %q", policy)
	}
	inline := regexp.MustCompile(`(?i)innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|\son\w+=|style="`)
	err := filepath.WalkDir("www", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(path, ".png") || strings.HasSuffix(path, ".md") {
			return err
		}
		text, err := os.ReadFile(path)
		if found := inline.Find(text); found != nil {
			t.Errorf("%s has %q", path, found)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// words are the keys of a language's catalogue, with the placeholders of each.
func words(t *testing.T, language string) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("www", "app", "words", language+".js"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for _, line := range regexp.MustCompile(`(?m)^  '([\w.]+)': '(.*)',$`).FindAllStringSubmatch(string(text), -1) {
		places := regexp.MustCompile(`\{\w+\}`).FindAllString(line[2], -1)
		slices.Sort(places)
		found[line[1]] = places
	}
	if count := strings.Count(string(text), "\n  '"); count != len(found) {
		t.Fatalf("%s: read %d of %d lines", language, len(found), count)
	}
	return found
}

func TestBothLanguagesSayTheSame(t *testing.T) {
	de, en := words(t, "de"), words(t, "en")
	for key, places := range de {
		if got, ok := en[key]; !ok || !slices.Equal(got, places) {
			t.Errorf("%s: English has %v (%t), German %v", key, got, ok, places)
		}
	}
	for key := range en {
		if _, ok := de[key]; !ok {
			t.Errorf("%s: German lacks it", key)
		}
	}
}

// TestEachProblemHasWords: each word of PROTOCOL §8 and of the endpoints.
func TestEachProblemHasWords(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "sidecar", "device", "PROTOCOL.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, chapter, found := strings.Cut(string(text), "\n## 8. Problems")
	if !found {
		t.Fatal("no chapter of problems")
	}
	chapter, _, _ = strings.Cut(chapter, "\n## 9.")
	de, problems := words(t, "de"), 0
	for line := range strings.Lines(chapter) {
		cell, _, _ := strings.Cut(strings.TrimPrefix(line, "| `"), " | ")
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		for _, word := range regexp.MustCompile(`[a-z_]{4,}`).FindAllString(strings.Split(cell, "`, any")[0], -1) {
			problems++
			if _, ok := de["problem."+word]; !ok {
				t.Errorf("the app has no words for %s", word)
			}
		}
	}
	if problems < 25 {
		t.Errorf("only %d problems were found", problems)
	}
}

// TestNoTextIsMissing: every text that a screen asks for by its whole key.
func TestNoTextIsMissing(t *testing.T) {
	de, asked := words(t, "de"), 0
	err := filepath.WalkDir(filepath.Join("www", "app"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		for _, key := range regexp.MustCompile(`\bt\('([\w.]+)'`).FindAllStringSubmatch(string(text), -1) {
			asked++
			if _, ok := de[key[1]]; !ok {
				t.Errorf("%s: no text %s", path, key[1])
			}
		}
		return err
	})
	if err != nil || asked < 100 {
		t.Errorf("%d texts, %v", asked, err)
	}
}

// TestAnotherConfigurationIsAnotherVersion: else installed apps would keep the
// old addresses for ever.
func TestAnotherConfigurationIsAnotherVersion(t *testing.T) {
	shell := func(devices string) string {
		t.Helper()
		served, err := app.New(app.Settings{URL: origin, Issuer: "https://login.kasse.example/realms/kasse", Base: "https://login.kasse.example/schleuse/device/v1", Devices: devices})
		if err != nil {
			t.Fatal(err)
		}
		return (&world{t: t, handler: served}).get("/shell.js").Body.String()
	}
	first := shell("https://login.kasse.example/schleuse/my/devices")
	if again := shell("https://login.kasse.example/schleuse/my/devices"); again != first {
		t.Error("the same configuration has two versions")
	}
	if other := shell("https://konto.kasse.example/schleuse/my/devices"); other == first {
		t.Error("another configuration has the same version")
	}
}
