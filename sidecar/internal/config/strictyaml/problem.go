package strictyaml

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Problem is one mistake in a document.
type Problem struct {
	File    string
	Line    int    // from 1; 0 when the document has no such place
	Path    string // such as gate.flows.login[2]; empty for the document as a whole
	Excerpt string // the key and, unless it may be a secret, its value
	Message string // what is wrong
	Hint    string // what to do; may be empty
}

// Error returns the mistake on up to three lines.
func (p Problem) Error() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d", p.Line)
		}
		b.WriteString(": ")
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Message)
	if p.Excerpt != "" {
		fmt.Fprintf(&b, "\n    %d | %s", p.Line, p.Excerpt)
	}
	if p.Hint != "" {
		b.WriteString("\n    hint: " + p.Hint)
	}
	return b.String()
}

// Problems are all mistakes of a document, in its order.
type Problems []Problem

// Error returns all mistakes, one after the other.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Err returns the problems as an error: nil when there are none.
func (ps Problems) Err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}

// Sort puts the problems into the order of the document.
func (ps Problems) Sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int { return a.Line - b.Line })
}

// maxExcerpt is the longest value that is repeated in a message, in runes.
const maxExcerpt = 80

// secretKey matches keys whose value may be a secret itself. A key that ends
// in _file holds the name of a file.
var secretKey = regexp.MustCompile(`(?i)(secret|passw|passphrase|token|credential|api_?key|private|pepper|pin$|(^|_)key$|dsn|^store$|authorization|cookie)`)

// userinfo matches what a URL says before its host.
var userinfo = regexp.MustCompile(`://[^/\s]*@`)

// SecretKey reports whether the value of this key may be a secret itself.
func SecretKey(key string) bool {
	return secretKey.MatchString(key) && !isReference(key)
}

func isReference(key string) bool { return strings.HasSuffix(strings.ToLower(key), "_file") }
