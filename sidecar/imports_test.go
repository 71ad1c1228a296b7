package sidecar_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/schleuse/schleuse/"

// layer is one floor of the house: who stands on it and on what it may lean.
type layer struct {
	name string
	dirs []string // path prefixes below the module, longest match wins
	may  []string // layers that it may import; its own is always among them unless alone
	// alone: packages of this layer never import each other.
	alone bool
}

// layers is DESIGN's one-way street, lowest floor first.
func layers() []layer {
	return []layer{
		{name: "fault", dirs: []string{"sidecar/fault"}},
		{name: "domain", dirs: []string{"sidecar/account", "sidecar/approval", "sidecar/audit", "sidecar/device", "sidecar/flow", "sidecar/ident", "sidecar/member", "sidecar/notify"}, may: []string{"fault"}},
		// Backends take it into their own programs, with nothing of the house.
		{name: "client", dirs: []string{"sidecar/client"}},
		{name: "extension", dirs: []string{"sidecar/extension"}, may: []string{"fault", "domain"}},
		// The suite of the extensions renders their pages and reads their configuration as the program does.
		{name: "extensiontest", dirs: []string{"sidecar/extension/extensiontest"}, may: []string{"fault", "domain", "extension", "internal"}},
		{name: "internal", dirs: []string{"sidecar/internal"}, may: []string{"fault", "domain", "extension"}},
		{name: "server", dirs: []string{"sidecar/internal/server"}, may: []string{"fault", "domain", "extension", "internal"}},
		{name: "command", dirs: []string{"sidecar/command"}, may: []string{"fault", "domain", "extension", "internal", "server"}},
		{name: "cmd", dirs: []string{"sidecar/cmd"}, may: []string{"command", "extensions"}},
		{name: "extensions", dirs: []string{"extensions"}, may: []string{"fault", "domain", "extension"}, alone: true},
	}
}

func layerOf(dir string) (layer, bool) {
	var best layer
	longest := -1
	for _, l := range layers() {
		for _, d := range l.dirs {
			if (dir == d || strings.HasPrefix(dir, d+"/")) && len(d) > longest {
				best, longest = l, len(d)
			}
		}
	}
	return best, longest >= 0
}

// root returns the folder below its layer's folder: extensions/egk/x → extensions/egk.
func root(dir string) string {
	parts := strings.SplitN(dir, "/", 3)
	return path.Join(parts[:min(len(parts), 2)]...)
}

// verdict says why from may not import to; "" when it may.
func verdict(from, to string) string {
	a, known := layerOf(from)
	if !known {
		return "" // e2e may use everything
	}
	b, known := layerOf(to)
	switch {
	case !known && strings.HasSuffix(from, "test"):
		return "" // suites that only tests import may use the stage
	case !known:
		return "nothing of the product may lean on " + to
	case a.name == b.name && a.alone && root(from) != root(to):
		return a.name + " never import each other"
	case a.name == b.name:
		return ""
	}
	for _, m := range a.may {
		if m == b.name {
			return ""
		}
	}
	return a.name + " may not import " + b.name
}

// transport are the standard packages that the domain must not know.
func transport(imported string) bool {
	return imported == "net/http" || imported == "database/sql" || strings.HasPrefix(imported, "net/http/")
}

func TestImportsPointOneWay(t *testing.T) {
	files := 0
	err := filepath.WalkDir("..", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && d.Name() != ".." {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		files++
		checkFile(t, file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 20 {
		t.Errorf("read %d files: the walk did not see the house", files)
	}
}

func checkFile(t *testing.T, file string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Error(err)
		return
	}
	dir := filepath.ToSlash(strings.TrimPrefix(filepath.Dir(file), ".."+string(filepath.Separator)))
	l, _ := layerOf(dir)
	for _, spec := range parsed.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		if l.name == "domain" && transport(imported) {
			t.Errorf("%s imports %s: the domain has no transport and no database", file, imported)
		}
		to, ours := strings.CutPrefix(imported, module)
		if !ours {
			continue
		}
		if why := verdict(dir, to); why != "" {
			t.Errorf("%s imports %s: %s", file, to, why)
		}
	}
}

func TestVerdict(t *testing.T) {
	tests := []struct {
		from, to string
		ok       bool
	}{
		{"sidecar/flow", "sidecar/fault", true},
		{"sidecar/flow", "sidecar/member", true},
		{"sidecar/fault", "sidecar/flow", false},
		{"sidecar/flow", "sidecar/extension", false},
		{"sidecar/internal/gate", "sidecar/internal/gate/wire", true},
		{"sidecar/internal/gate", "sidecar/internal/server", false},
		{"sidecar/internal/server", "sidecar/internal/gate", true},
		{"sidecar/internal/server", "extensions/egk", false},
		{"extensions/egk", "extensions/kvnr", false},
		{"extensions/egk", "extensions/egk/sub", true},
		{"extensions/egk", "sidecar/internal/web", false},
		{"extensions/egk", "sidecar/flow", true},
		{"sidecar/cmd/schleuse", "extensions/egk", true},
		{"sidecar/command", "e2e/stage", false},
		{"sidecar/client", "sidecar/approval", false},
		{"e2e/webcenter", "sidecar/client", true},
		{"sidecar/internal/store/storetest", "e2e/stage", true},
		{"e2e/stage", "sidecar/internal/gate", true},
	}
	for _, tt := range tests {
		if got := verdict(tt.from, tt.to); (got == "") != tt.ok {
			t.Errorf("verdict(%s, %s) = %q, want allowed: %v", tt.from, tt.to, got, tt.ok)
		}
	}
}
