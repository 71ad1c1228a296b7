package wire

import (
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// Bounds of parameters, in query and body.
const (
	// MaxForm is the longest body that is read as parameters, in bytes.
	MaxForm   = 64 << 10
	maxParams = 256
)

// FormType is the Content-Type that goes upstream with every body that was
// read as parameters. Keycloak reads the body in the charset that a client
// names; the gate names it.
const FormType = "application/x-www-form-urlencoded"

// Errors of reading parameters. Their answer is 400, or 413 for ErrTooLong.
var (
	ErrParams    = errors.New("parameters not well-formed")
	ErrDuplicate = errors.New("parameter given twice")
	ErrTooLong   = errors.New("parameters too long")
	ErrFormType  = errors.New("body is not application/x-www-form-urlencoded")
)

// Param is one parameter, decoded.
type Param struct{ Name, Value string }

// Params are parameters in the order in which they were sent. What the gate
// reads it also sends on in this form, so that Keycloak cannot read it
// otherwise.
type Params []Param

// ParseParams decodes a query or a body (WHATWG URL, application/
// x-www-form-urlencoded): & alone separates, + is a blank, and a broken
// percent-encoding is an error.
func ParseParams(raw string) (Params, error) {
	if len(raw) > MaxForm {
		return nil, ErrTooLong
	}
	if raw == "" {
		return nil, nil
	}
	out := make(Params, 0, min(strings.Count(raw, "&")+1, maxParams))
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		if pair == "" {
			continue
		}
		if len(out) == maxParams {
			return nil, ErrTooLong
		}
		p, err := parseParam(pair)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func parseParam(pair string) (Param, error) {
	name, value, _ := strings.Cut(pair, "=")
	name, err := url.QueryUnescape(name)
	if err != nil {
		return Param{}, ErrParams
	}
	if value, err = url.QueryUnescape(value); err != nil {
		return Param{}, ErrParams
	}
	return Param{Name: name, Value: value}, nil
}

// ParseForm reads a request's body as parameters, whatever charset the client
// named. Anything but one Content-Type application/x-www-form-urlencoded is
// ErrFormType; an encoded body likewise.
func ParseForm(h http.Header, body []byte) (Params, error) {
	if len(h["Content-Type"]) != 1 || len(h["Content-Encoding"]) != 0 {
		return nil, ErrFormType
	}
	if kind, _, err := mime.ParseMediaType(h.Get("Content-Type")); err != nil || kind != FormType {
		return nil, ErrFormType
	}
	return ParseParams(string(body))
}

// Get returns the first value of the name, "" if there is none.
func (p Params) Get(name string) string {
	for _, x := range p {
		if x.Name == name {
			return x.Value
		}
	}
	return ""
}

// Has reports whether the name stands there, with an empty value too.
func (p Params) Has(name string) bool { return p.count(name) > 0 }

func (p Params) count(name string) int {
	n := 0
	for _, x := range p {
		if x.Name == name {
			n++
		}
	}
	return n
}

// Without returns the parameters without all that have one of the names.
func (p Params) Without(names ...string) Params {
	out := make(Params, 0, len(p)+1)
	for _, x := range p {
		if !contains(names, x.Name) {
			out = append(out, x)
		}
	}
	return out
}

// With returns the parameters with this name once, at the end; a value ""
// only removes.
func (p Params) With(name, value string) Params {
	out := p.Without(name)
	if value != "" {
		out = append(out, Param{Name: name, Value: value})
	}
	return out
}

// Encode returns the canonical form.
func (p Params) Encode() string {
	var b strings.Builder
	for i, x := range p {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(x.Name))
		b.WriteByte('=')
		b.WriteString(url.QueryEscape(x.Value))
	}
	return b.String()
}

// requireOnce refuses a name that occurs twice, the named exceptions aside.
func (p Params) requireOnce(except ...string) error {
	for i, x := range p {
		for _, y := range p[:i] {
			if x.Name == y.Name && !contains(except, x.Name) {
				return ErrDuplicate
			}
		}
	}
	return nil
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}
