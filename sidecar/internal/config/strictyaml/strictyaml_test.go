package strictyaml_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/internal/config/strictyaml"
)

func TestParseDuration(t *testing.T) {
	tests := []struct {
		text string
		want time.Duration // negative: refused
	}{
		{"60d", 60 * 24 * time.Hour},
		{"24h", 24 * time.Hour},
		{"1d12h", 36 * time.Hour},
		{"30m", 30 * time.Minute},
		{"1h30m", 90 * time.Minute},
		{"90s", 90 * time.Second},
		{"0s", 0},
		{"", -1},
		{"d", -1},
		{"10", -1},
		{"-1h", -1},
		{"1d-1h", -1},
		{"+1h", -1},
		{"1d+1h", -1},
		{"1.5d", -1},
		{"12h1d", -1},
		{"70000d", -1},
		{"1 h", -1},
		{"2mo", -1},
	}
	for _, tt := range tests {
		got, err := strictyaml.ParseDuration(tt.text)
		if tt.want < 0 {
			if err == nil {
				t.Errorf("%q: got %v, want an error", tt.text, got)
			}
			continue
		}
		if err != nil || got != tt.want {
			t.Errorf("%q: got %v, %v, want %v", tt.text, got, err, tt.want)
		}
	}
}

func TestNearestFindsWhatWasMeant(t *testing.T) {
	known := []string{"public_url", "realm", "tls", "trusted_proxies"}
	for word, want := range map[string]string{
		"publicurl": "public_url", "public-url": "public_url", "Public_URL": "public_url", "reaml": "realm", "trusted_proxy": "",
		"tsl": "tls", "x": "", "sl": "tls", "": "", "trusted_proxie": "trusted_proxies", strings.Repeat("a", 100): "",
	} {
		if got := strictyaml.Nearest(word, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestSecretKey(t *testing.T) {
	for key, want := range map[string]bool{
		"secret": true, "client_secret": true, "password": true, "api_key": true, "apikey": true, "token": true, "store": true, "dsn": true,
		"private_pem": true, "key": true, "secret_file": false, "key_file": false, "keys_file": false, "keycloak": false, "name": false,
	} {
		if got := strictyaml.SecretKey(key); got != want {
			t.Errorf("SecretKey(%q) = %v, want %v", key, got, want)
		}
	}
}

// TestExcerptsTellNoSecret decodes into something that knows none of it.
func TestExcerptsTellNoSecret(t *testing.T) {
	var into struct {
		Number  int `yaml:"number"`
		Section struct {
			Token   int `yaml:"token"`
			Secrets struct {
				A int   `yaml:"a"`
				B []int `yaml:"b"`
			} `yaml:"secrets"`
			URL int `yaml:"url"`
		} `yaml:"section"`
	}
	text := `number: twelve
section:
  token: hunter2
  secrets: {a: hunter2, b: [hunter2]}
  url: https://u:hunter2@host/
`
	root, err := strictyaml.Parse("x.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	err = root.Decode(&into)
	want := `x.yaml:1: number: want a whole number
    1 | number: twelve
x.yaml:3: section.token: want a whole number
    3 | token: (not shown)
x.yaml:4: section.secrets.a: want a whole number
    4 | a: (not shown)
x.yaml:4: section.secrets.b[0]: want a whole number
    4 | - (not shown)
x.yaml:5: section.url: want a whole number
    5 | url: https://(not shown)@host/`
	if err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
}

func TestSyntaxErrorShowsTheKeyAtMost(t *testing.T) {
	for name, text := range map[string]string{
		"bracket": "name: x\nclient_secret: [hunter2\n", "quote": "client_secret: \"hunter2\n", "tab": "a:\n\thunter2: hunter2\n",
		"colon": "a: hunter2: hunter2\n", "block": "key: |\nhunter2\n  hunter2: [\n",
	} {
		_, err := strictyaml.Parse("x.yaml", []byte(text))
		if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.HasPrefix(err.Error(), "x.yaml:") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestDocumentIsBounded(t *testing.T) {
	for name, text := range map[string]string{
		"size": "a: " + strings.Repeat("x", strictyaml.MaxSize), "depth": strings.Repeat("[", 60) + strings.Repeat("]", 60), "documents": "a: b\n---\na: c\n",
	} {
		if _, err := strictyaml.Parse("x.yaml", []byte(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	file := filepath.Join(t.TempDir(), "big.yaml")
	if err := os.WriteFile(file, make([]byte, strictyaml.MaxSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := strictyaml.Load(file); err == nil {
		t.Error("a big file is read")
	}
}
