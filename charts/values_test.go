package charts_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the README's table anew")

const (
	tableBegin = "<!-- values: begin -->\n"
	tableEnd   = "<!-- values: end -->\n"
)

// TestTheReadmeListsEveryValue compares the README's table with the comments
// in values.yaml.
func TestTheReadmeListsEveryValue(t *testing.T) {
	readme, err := os.ReadFile("schleuse/README.md")
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(string(readme), tableBegin)
	got, tail, ok := strings.Cut(rest, tableEnd)
	if !ok {
		t.Fatal("the README has no place for the table")
	}
	want := table(t)
	if *update {
		if err := os.WriteFile("schleuse/README.md", []byte(head+tableBegin+want+tableEnd+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		got = want
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("go test ./charts -run Readme -update writes it anew (-want +got):\n%s", diff)
	}
}

// table makes the README's table of values.yaml: each key has its words above it.
func table(t *testing.T) string {
	t.Helper()
	values, err := os.ReadFile("schleuse/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := yaml.Unmarshal(values, &all); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("| value | default | what it is |\n|---|---|---|\n")
	var path []string
	words, skip := "", -1
	for line := range strings.Lines(string(values)) {
		body := strings.TrimLeft(line, " ")
		depth := (len(line) - len(body)) / 2
		if after, ok := strings.CutPrefix(body, "# -- "); ok {
			words, skip = strings.TrimSpace(after), -1
			continue
		}
		key, _, ok := strings.Cut(body, ":")
		if !ok || strings.HasPrefix(body, "#") || (skip >= 0 && depth > skip) {
			continue
		}
		path = append(path[:min(depth, len(path))], key)
		switch {
		case words != "":
			fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", strings.Join(path, "."), compact(t, all, path), words)
			words, skip = "", depth // what is below is its default
		case at(all, anys(path)...) == nil || !isMap(at(all, anys(path)...)):
			t.Errorf("%s has no words in values.yaml", strings.Join(path, "."))
		default:
			skip = -1
		}
	}
	return b.String()
}

func anys(path []string) []any {
	out := make([]any, len(path))
	for i, p := range path {
		out[i] = p
	}
	return out
}

func isMap(v any) bool { _, ok := v.(map[string]any); return ok }

func compact(t *testing.T, all map[string]any, path []string) string {
	t.Helper()
	raw, err := json.Marshal(at(all, anys(path)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestTheSchemaKnowsEveryValue makes sure that a key which values.yaml has can
// be set at all, since everything else is refused.
func TestTheSchemaKnowsEveryValue(t *testing.T) {
	var schema, values map[string]any
	raw, err := os.ReadFile("schleuse/values.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &schema); err != nil {
		t.Fatal(err)
	}
	if raw, err = os.ReadFile("schleuse/values.yaml"); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(raw, &values); err != nil {
		t.Fatal(err)
	}
	known(t, "", schema, values)
}

func known(t *testing.T, path string, schema, values map[string]any) {
	t.Helper()
	properties, _ := schema["properties"].(map[string]any)
	if schema["additionalProperties"] == false {
		for key := range properties {
			if _, ok := values[key]; !ok && key != "global" && path != ".config.listen" && path != ".resources" && path != ".keycloak.resources" {
				t.Errorf("%s.%s stands in the schema only", path, key)
			}
		}
	}
	for key, v := range values {
		below, ok := properties[key].(map[string]any)
		if !ok {
			if schema["additionalProperties"] == false {
				t.Errorf("%s.%s is missing in the schema", path, key)
			}
			continue
		}
		if m, isMap := v.(map[string]any); isMap {
			known(t, path+"."+key, below, m)
		}
	}
}
