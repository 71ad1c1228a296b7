package config_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/sidecar/internal/config"
	"github.com/schleuse/schleuse/sidecar/internal/config/strictyaml"
)

// FuzzParse looks for documents that crash the reader or are refused without a
// place.
func FuzzParse(f *testing.F) {
	f.Add(good)
	for _, seed := range []string{
		"", "a", "- a", "a: b: c", "? a", "a: !!int b", "a: &x b\nc: *x", "<<: {a: b}", "\"", "{", "[", "---\n---\n", "a:\n\t- b",
		"gate: {flows: {login: [{any: {a: b}}]}}", "sites: {a: null}", "%YAML 1.1\n---\na: b", "store: |\n  x\n  y\n", "listen: {}\nlisten: {}\n",
		"gate: {start: {a: 'http://[::1'}}", strings.Repeat("[", 200), "a: " + strings.Repeat("{a: ", 100),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := config.Parse("c.yaml", []byte(text))
		var problems strictyaml.Problems
		switch {
		case err == nil && c == nil:
			t.Error("neither a configuration nor an error")
		case err != nil && !errors.As(err, &problems):
			t.Errorf("an error without a place: %v", err)
		}
		for _, p := range problems {
			if p.Line < 1 || p.Message == "" {
				t.Errorf("%#v has no line or no message", p)
			}
		}
	})
}

// FuzzUnknownKeyTellsNoValue misspells the key of a secret in every way.
func FuzzUnknownKeyTellsNoValue(f *testing.F) {
	for _, key := range []string{"secret", "secret_fil", "pw", "Secret_File", "x y", "password", "client-secret", "\"a\"", "a.b", "<<"} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		for _, known := range []string{"url", "realm", "client", "secret_file", "tls"} {
			if strings.Trim(key, " \t\"'") == known {
				return
			}
		}
		if strings.Contains(key, "hunter2") || strings.ContainsAny(key, ":{}[],#&*!|>%@`?\\\r\n") {
			return
		}
		_, err := config.Parse("c.yaml", []byte("gate:\n  keycloak:\n    "+key+": hunter2\n"))
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("key %q: %v", key, err)
		}
	})
}
