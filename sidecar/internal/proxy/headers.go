package proxy

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"golang.org/x/net/http/httpguts"

	"github.com/schleuse/schleuse/sidecar/internal/relying"
)

// maxField is how long an identity header's value may be, in bytes.
const maxField = 8 << 10

// Headers is what tells the application who it is. It comes from ParseHeaders;
// the zero value tells nothing.
type Headers struct {
	list    []templated
	aliases map[string]bool // see alias
	lengths [256]bool       // of the aliases
}

type templated struct {
	name  string
	value *template.Template
}

// Person is what a header's template may use, as {{.KVNR}} or {{.Claim "email"}}.
type Person struct {
	KVNR        string // the insurance number in capital letters; empty for who has none (staff)
	Username    string // `preferred_username`, as the provider has it
	Subject     string // `sub`
	SID         string // `sid`
	AccessToken string
	claims      map[string]any
}

// Claim returns a claim of the access token: a text as it is, a number or
// truth value as JSON writes it, a list of texts joined by commas, without
// those that hold a comma. A dot leads into an object: "realm_access.roles".
// What is not there is empty.
func (p Person) Claim(name string) string {
	if v, ok := p.claims[name]; ok {
		return claimText(v)
	}
	at := p.claims
	parts := strings.Split(name, ".")
	for _, part := range parts[:len(parts)-1] {
		at, _ = at[part].(map[string]any)
	}
	return claimText(at[parts[len(parts)-1]])
}

func claimText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []any:
		var texts []string
		for _, item := range v {
			if text, ok := item.(string); ok && !strings.Contains(text, ",") {
				texts = append(texts, text)
			}
		}
		return strings.Join(texts, ",")
	}
	return ""
}

// ParseHeaders reads header names with their templates and reports all errors.
func ParseHeaders(templates map[string]string) (Headers, error) {
	h := Headers{aliases: make(map[string]bool)}
	var errs []error
	for _, name := range sortedKeys(templates) {
		t, err := parseHeader(name, templates[name])
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("header %q: %w", name, err))
		case h.aliases[alias(name)]:
			errs = append(errs, fmt.Errorf("header %q: another spelling of it is configured too", name))
		default:
			h.list = append(h.list, templated{http.CanonicalHeaderKey(name), t})
			h.aliases[alias(name)] = true
		}
	}
	for _, name := range neverTrusted {
		h.aliases[name] = true
	}
	for name := range h.aliases {
		h.lengths[len(name)] = true
	}
	return h, errors.Join(errs...)
}

// neverTrusted are headers by which a client could pass as somebody else or
// as coming from elsewhere; the proxy writes what it knows itself.
var neverTrusted = []string{ //nolint:gochecknoglobals // a constant list
	"authorization", "forwarded", "x-real-ip", "x-client-ip", "x-original-url", "x-rewrite-url",
	"x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port", "x-forwarded-server",
	"x-forwarded-prefix", "x-forwarded-scheme", "x-forwarded-ssl", "x-forwarded-user", "x-forwarded-email",
	"x-forwarded-groups", "x-forwarded-preferred-username", "x-forwarded-access-token", "x-forwarded-uri",
	"x-forwarded-method", "x-forwarded-path", "x-forwarded-by", "x-remote-user", "remote-user",
}

func parseHeader(name, text string) (*template.Template, error) {
	a := alias(name)
	switch {
	case !httpguts.ValidHeaderFieldName(name) || len(name) > 100:
		return nil, errors.New("not a header name")
	case slices.Contains([]string{
		"host", "cookie", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "expect", "keep-alive",
		"content-encoding", "content-type",
	}, a), a != "authorization" && a != "x-remote-user" && a != "remote-user" && slices.Contains(neverTrusted, a):
		return nil, errors.New("this header is not for identities")
	}
	t, err := template.New(name).Option("missingkey=error").Parse(text)
	if err != nil {
		return nil, err
	}
	if err := t.Execute(io.Discard, Person{}); err != nil {
		return nil, err
	}
	return t, nil
}

// alias is the form in which all spellings of a header name are one: servers
// pass names on as variables in which every other character is an underscore
// (RFC 3875 section 4.1.18, and what is done beyond it).
func alias(name string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			return c
		case c >= 'A' && c <= 'Z':
			return c + 'a' - 'A'
		}
		return '-'
	}, name)
}

// strip removes every spelling of the configured headers from a request.
func (h Headers) strip(header http.Header) {
	for name := range header {
		if len(name) < len(h.lengths) && h.lengths[len(name)] && h.aliases[alias(name)] {
			delete(header, name)
		}
	}
}

// field is one header to set, for all requests of the session: its value is
// not to be changed.
type field struct {
	name  string
	value []string
}

// render returns the identity headers of a session. A header whose value is
// empty is not set.
func (h Headers) render(x *relying.Session) ([]field, error) {
	p := Person{
		KVNR: kvnr(x.Username), Username: x.Username, Subject: x.Subject, SID: x.SID,
		AccessToken: x.AccessToken, claims: x.Claims,
	}
	var out []field
	var b strings.Builder
	for _, t := range h.list {
		b.Reset()
		if err := t.value.Execute(&b, p); err != nil {
			return nil, fmt.Errorf("header %s: its template does not fit this session", t.name)
		}
		value := fieldValue(b.String())
		if len(value) > maxField {
			return nil, fmt.Errorf("header %s: longer than %d bytes", t.name, maxField)
		}
		if value != "" {
			out = append(out, field{t.name, []string{value}})
		}
	}
	return out, nil
}

// kvnr returns the number of an insured person in capital letters, and
// nothing for other people's user names. Keycloak has it in lower case; its
// check digit is not the proxy's business.
func kvnr(username string) string {
	if len(username) != 10 || username[0]|0x20 < 'a' || username[0]|0x20 > 'z' {
		return ""
	}
	for i := 1; i < len(username); i++ {
		if username[i] < '0' || username[i] > '9' {
			return ""
		}
	}
	return strings.ToUpper(username)
}

// fieldValue makes a text a header's value: blanks around it go, and every
// byte that is not printable ASCII, and the percent sign, is percent-encoded
// (RFC 3986 section 2.1). So no value can begin another header, and the
// application can decode each of them without a doubt.
func fieldValue(text string) string {
	text = strings.Trim(text, " ")
	if strings.IndexFunc(text, func(c rune) bool { return c < ' ' || c >= 0x7f || c == '%' }) < 0 {
		return text
	}
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; c >= ' ' && c < 0x7f && c != '%' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
