package extensiontest

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// headings are those of every extension's README.md, in this order.
func headings() []string {
	return []string{"Name", "Description", "Configuration", "Pages", "Errors", "Example"}
}

var (
	heading = regexp.MustCompile(`(?m)^## (.+)$`)
	example = regexp.MustCompile("(?s)```yaml\n(.*?)```")
)

// readme holds the README.md to its headings, and lets its example be part of a
// whole configuration.
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
