package wire

import (
	"errors"
	"net/http"
	"strings"
)

// MaxQuery is the longest query that is read, in bytes.
const MaxQuery = 32 << 10

// ErrTarget says that a request target is not in the one form that passes.
var ErrTarget = errors.New("request target not canonical")

// Target is a request target in its one canonical form. Both parts are as
// they were sent; the path is safe to compare and to send on.
type Target struct {
	Path  string
	Query string // without the question mark
}

// ReadTarget takes the target from the request line, never from r.URL alone:
// net/url decodes, cleans and forgets. The request is refused when both
// disagree.
func ReadTarget(r *http.Request) (Target, error) {
	t, err := ParseTarget(r.RequestURI)
	if err != nil {
		return Target{}, err
	}
	if r.URL == nil || r.URL.Path != t.Path || r.URL.RawPath != "" || r.URL.RawQuery != t.Query {
		return Target{}, ErrTarget
	}
	return t, nil
}

// ParseTarget accepts the origin form (RFC 9112 section 3.2.1) alone. The
// path has letters, digits and . _ - / only: no percent-encoding, no empty or
// dot segment, no path parameter. The query has visible ASCII without # and
// without a bare semicolon, which Keycloak takes as a separator and net/url
// does not, and its percent-encoding is whole.
func ParseTarget(requestURI string) (Target, error) {
	path, query, _ := strings.Cut(requestURI, "?")
	if !canonicalPath(path) || !canonicalQuery(query) {
		return Target{}, ErrTarget
	}
	return Target{Path: path, Query: query}, nil
}

// String returns the origin form.
func (t Target) String() string {
	if t.Query == "" {
		return t.Path
	}
	return t.Path + "?" + t.Query
}

func canonicalPath(path string) bool {
	if path == "" || path[0] != '/' {
		return false
	}
	segment := 0 // where the present segment starts
	for i := 1; i <= len(path); i++ {
		if i < len(path) && path[i] != '/' {
			if !pathByte(path[i]) {
				return false
			}
			continue
		}
		s := path[segment+1 : i]
		last := i == len(path)
		if (s == "" && !last) || s == "." || s == ".." {
			return false
		}
		segment = i
	}
	return true
}

func pathByte(c byte) bool {
	return isAlphanumeric(c) || c == '.' || c == '_' || c == '-'
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func canonicalQuery(query string) bool {
	if len(query) > MaxQuery {
		return false
	}
	for i := 0; i < len(query); i++ {
		switch c := query[i]; {
		case c <= ' ' || c >= 0x7f || c == '#' || c == ';':
			return false
		case c == '%':
			if i+2 >= len(query) || !isHex(query[i+1]) || !isHex(query[i+2]) {
				return false
			}
		}
	}
	return true
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
