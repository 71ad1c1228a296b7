package extension_test

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension"
)

func TestBetween(t *testing.T) {
	for n, good := range map[int]bool{0: false, 1: true, 5: true, 10: true, 11: false} {
		if err := extension.Between("tries", n, 1, 10); (err == nil) != good {
			t.Errorf("%d: %v", n, err)
		}
	}
	err := extension.Between("lock", time.Second, time.Minute, time.Hour)
	if err == nil || err.Error() != "lock: 1s is not from 1m0s to 1h0m0s" {
		t.Errorf("%v", err)
	}
}

func TestPrivate(t *testing.T) {
	for address, want := range map[string]bool{
		"https://nect.example/cases":     true,
		"http://localhost:8080":          true,
		"http://nect.localhost":          true,
		"http://127.0.0.2":               true,
		"http://[::1]:80/x":              true,
		"http://nect.example":            false,
		"http://localhost.example":       false,
		"http://notlocalhost":            false,
		"http://127.0.0.1.example":       false,
		"https://":                       false,
		"https:///path":                  false,
		"ftp://localhost":                false,
		"//nect.example":                 false,
		"":                               false,
		"http://localhost@nect.example/": false,
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if got := extension.Private(u); got != want {
			t.Errorf("%q: %t", address, got)
		}
	}
}

func TestReadSecret(t *testing.T) {
	dir := t.TempDir()
	for content, want := range map[string]string{
		"a word": "a word", " padded\r\n": "padded", "": "", " \n": "",
		strings.Repeat("x", extension.MaxFile+1): "",
	} {
		path := filepath.Join(dir, "secret")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := extension.ReadSecret(path)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%.20q: %.20q, %v", content, got, err)
		}
	}
	if _, err := extension.ReadSecret(filepath.Join(dir, "none")); err == nil {
		t.Error("a file that is not there")
	}
}
