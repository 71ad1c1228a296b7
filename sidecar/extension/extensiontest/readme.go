package extensiontest

import (
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/internal/config/strictyaml"
)

// headings are those of every extension's README.md, in this order.
func headings() []string {
	return []string{"Name", "Description", "Configuration", "Pages", "Errors", "Example"}
}

var (
	heading = regexp.MustCompile(`(?m)^## (.+)$`)
	example = regexp.MustCompile("(?s)```yaml\n(.*?)```")
)

// readme holds the README.md to its headings, and takes its example for a
// configuration.
func (s suite) readme(t *testing.T) {
	raw, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range heading.FindAllStringSubmatch(string(raw), -1) {
		got = append(got, m[1])
	}
	if !slices.Equal(got, headings()) {
		t.Errorf("headings %q, want %q", got, headings())
	}
	f := s.factory()
	if !strings.HasPrefix(string(raw), "# "+f.Kind+"\n") {
		t.Errorf("the title is not %q", "# "+f.Kind)
	}
	examples := 0
	for _, m := range example.FindAllStringSubmatch(string(raw), -1) {
		examples += checkExample(t, f, m[1])
	}
	if examples == 0 {
		t.Error("no example in yaml that configures the kind " + f.Kind)
	}
}

// section is a place where an extension is configured.
type section struct {
	Kind   string          `yaml:"kind"`
	Config strictyaml.Node `yaml:"config"`
}

func checkExample(t *testing.T, f extension.Factory, text string) int {
	t.Helper()
	node, err := strictyaml.Parse("README.md", []byte(text))
	if err != nil {
		t.Errorf("the example: %v", err)
		return 0
	}
	var file struct {
		Members    *section           `yaml:"members"`
		Extensions map[string]section `yaml:"extensions"`
		Notifiers  []section          `yaml:"notifiers"`
		Gate       strictyaml.Node    `yaml:"gate"`
	}
	if err := node.Decode(&file); err != nil {
		t.Errorf("the example: %v", err)
	}
	if file.Members != nil {
		file.Extensions = map[string]section{"members": *file.Members}
	}
	if file.Extensions == nil {
		file.Extensions = map[string]section{}
	}
	for i, x := range file.Notifiers {
		file.Extensions[fmt.Sprintf("notifiers[%d]", i)] = x
	}
	n := 0
	for name, x := range file.Extensions {
		if x.Kind != f.Kind {
			continue
		}
		n++
		if err := f.Check(x.Config.Decode); err != nil {
			t.Errorf("the example %q: %v", name, err)
		}
	}
	return n
}

// pages holds messages and pages to what the program asks of them.
func (s suite) pages(t *testing.T) {
	o := s.open(t, s.cases[0])
	if o.parts.Messages == nil {
		if o.parts.Step != nil || o.parts.Pages != nil {
			t.Error("a step or pages without messages")
		}
		return
	}
	for _, lang := range []string{"de", "en"} {
		raw, err := fs.ReadFile(o.parts.Messages, lang+".json")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(raw), "!") {
			t.Errorf("%s.json has an exclamation mark", lang)
		}
		if strings.Contains(strings.ToLower(string(raw)), "leider") {
			t.Errorf("%s.json regrets", lang)
		}
	}
}
