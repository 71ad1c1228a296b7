package reference_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/internal/config"
	"github.com/schleuse/schleuse/sidecar/internal/config/reference"
)

// published is the folder of what operators read.
const published = "../../../../config"

func keys(t *testing.T) []reference.Key {
	t.Helper()
	k, err := reference.Keys("..")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(published, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestPublishedReferenceIsUpToDate(t *testing.T) {
	schema, err := reference.Schema(keys(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"schleuse.schema.json": string(schema),
		"README.md":            reference.Markdown(keys(t)),
	} {
		if diff := cmp.Diff(want, read(t, name)); diff != "" {
			t.Errorf("%s is not what the structs say: run go generate ./sidecar/internal/config\n%s", name, diff)
		}
	}
}

func TestEveryKeyHasAMeaning(t *testing.T) {
	var look func(path string, list []reference.Key)
	look = func(path string, list []reference.Key) {
		for _, k := range list {
			if len(k.Meaning) < 8 || !strings.HasSuffix(k.Meaning, ".") {
				t.Errorf("%s%s: its comment is %q, want a sentence", path, k.Name, k.Meaning)
			}
			look(path+k.Name+".", k.Below)
		}
	}
	look("", keys(t))
}

func TestExamplesAreValid(t *testing.T) {
	for _, name := range []string{"schleuse.yaml", "minimal.yaml", "second-factor.yaml"} {
		if _, err := config.Load(filepath.Join(published, name)); err != nil {
			t.Error(err)
		}
	}
}

func TestExampleShowsEveryKey(t *testing.T) {
	text := read(t, "schleuse.yaml")
	var look func(list []reference.Key)
	look = func(list []reference.Key) {
		for _, k := range list {
			if !regexp.MustCompile(`(^|[^a-z_])` + k.Name + `:`).MatchString(text) {
				t.Errorf("schleuse.yaml does not show %s", k.Name)
			}
			look(k.Below)
		}
	}
	look(keys(t))
}

func TestRequiredKeysAreDemanded(t *testing.T) {
	const nothing = "sites: {a: {}}\ngate: {keycloak: {}, flows: {}}\nextensions: {x: {}}\nnotifiers: [{}]\nlisten: {tls: {}}\nbrand: {}\ndevices: {page: {}}\n" +
		"approvals: {actions: {b: {fields: [{}]}}, clients: {c: {webhook: {}}}}\n"
	_, err := config.Parse("c.yaml", []byte(nothing))
	if err == nil {
		t.Fatal("an empty configuration is valid")
	}
	var look func(path string, list []reference.Key)
	look = func(path string, list []reference.Key) {
		for _, k := range list {
			place := path + k.Name
			if k.Must && len(k.Below) == 0 && !strings.Contains(err.Error(), place+": is missing") && !strings.HasPrefix(place, "members.") {
				t.Errorf("%s may be left out, but is said to be required", place)
			}
			if k.Kind.List && len(k.Below) > 0 {
				place += "[0]"
			}
			if k.Kind.Map {
				place += map[string]string{"sites": ".a", "extensions": ".x", "actions": ".b", "clients": ".c"}[k.Name]
			}
			look(place+".", k.Below)
		}
	}
	look("", keys(t))
}
