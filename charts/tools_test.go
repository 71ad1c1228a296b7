package charts_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/schleuse/schleuse/e2e/stage"
)

// helms are the versions that the chart promises.
func helms() []string { return []string{"helm-v4.3.1", "helm-v3.22.0"} }

// tool returns the path of a program that e2e/install.sh has put into the cache.
func tool(t *testing.T, name string) string {
	t.Helper()
	cache, err := stage.OpenCache(stage.Progress{})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(cache.Dir, "tools", name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s is missing, run: sh e2e/install.sh", name)
	}
	return path
}

var building struct {
	sync.Once
	path string
	err  error
}

// program builds Schleuse once, as the image does, and returns its path.
func program(t *testing.T) string {
	t.Helper()
	building.Do(func() {
		dir, err := os.MkdirTemp("", "schleuse-charts-") //nolint:usetesting // it outlives the test that asks first
		if err != nil {
			building.err = err
			return
		}
		building.path = filepath.Join(dir, "schleuse")
		build := exec.CommandContext(context.Background(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", building.path, "../sidecar/cmd/schleuse")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			building.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	if building.err != nil {
		t.Fatal(building.err)
	}
	return building.path
}

// TestMain removes what was built.
func TestMain(m *testing.M) {
	code := m.Run()
	if building.path != "" {
		os.RemoveAll(filepath.Dir(building.path))
	}
	os.Exit(code)
}

// run runs a program with Helm's folders elsewhere than the person's own.
func run(t *testing.T, stdin, program string, args ...string) (out string, err error) {
	t.Helper()
	home := t.TempDir()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(os.Environ(), "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home, "KUBECONFIG=/nonexistent")
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s %s: %w: %s", filepath.Base(program), args[0], err, stderr.String())
	}
	return stdout.String(), nil
}

// render renders the chart with values files (YAML texts), later ones over earlier ones.
func render(t *testing.T, helm, chart string, values ...string) (string, error) {
	t.Helper()
	args := []string{"template", "kasse", chart, "--namespace", "login", "--kube-version", "1.30.0"}
	dir := t.TempDir()
	for i, v := range values {
		file := filepath.Join(dir, fmt.Sprintf("values-%d.yaml", i))
		if err := os.WriteFile(file, []byte(v), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "-f", file)
	}
	return run(t, "", tool(t, helm), args...)
}

// object is a rendered object, read loosely.
type object map[string]any

func objects(t *testing.T, rendered string) map[string]object {
	t.Helper()
	out := map[string]object{}
	for doc := range strings.SplitSeq(rendered, "\n---\n") {
		var o object
		if err := yaml.Unmarshal([]byte(doc+"\n"), &o); err != nil {
			t.Fatalf("%v in\n%s", err, doc)
		}
		if kind, ok := o["kind"].(string); ok {
			out[kind] = o
		}
	}
	return out
}

// at follows keys and indices; what is not there is nil.
func at(v any, path ...any) any {
	for _, step := range path {
		switch key := step.(type) {
		case string:
			switch m := v.(type) {
			case object:
				v = m[key]
			case map[string]any:
				v = m[key]
			default:
				return nil
			}
		case int:
			list, ok := v.([]any)
			if !ok || key >= len(list) {
				return nil
			}
			v = list[key]
		}
	}
	return v
}

func text(v any, path ...any) string {
	v = at(v, path...)
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func list(v any, path ...any) []any {
	l, _ := at(v, path...).([]any)
	return l
}
