package wire

import (
	"net/http"
	"net/url"
	"strings"
)

// Leak says where a response carries a code or a token to somebody else. The
// zero Leak is none.
type Leak uint8

// The places.
const (
	NoLeak Leak = iota
	LeakLocation
	LeakForm
	LeakRefresh
	LeakTooLong // the page is longer than what is read
)

// String returns the place's name for logs and metrics.
func (l Leak) String() string {
	return [...]string{"none", "location", "form", "refresh", "too_long"}[min(l, LeakTooLong)]
}

// FindLeak looks for a code or a token on its way to a foreign origin, in a
// response that sets no identity cookie. body is the page of a response with
// Content-Type text/html or application/xhtml+xml, else empty.
func FindLeak(own Origin, h http.Header, body []byte) Leak {
	for _, name := range []string{"Location", "Content-Location", "Refresh"} {
		for _, address := range h[name] {
			if name == "Refresh" {
				address = refreshTarget(address)
			}
			if !own.Owns(address) && addressCarries(address) {
				return LeakLocation
			}
		}
	}
	if len(body) == 0 {
		return NoLeak
	}
	page, err := ReadPage(body)
	if err != nil {
		return LeakTooLong
	}
	return page.leak(own)
}

func (p Page) leak(own Origin) Leak {
	for _, address := range p.Refresh {
		if !p.owned(own, address) && addressCarries(address) {
			return LeakRefresh
		}
	}
	for _, f := range p.Forms {
		if p.isForeign(own, f) && f.carries() {
			return LeakForm
		}
	}
	return NoLeak
}

// owned resolves against the base element by refusing every foreign base.
func (p Page) owned(own Origin, address string) bool {
	if !own.Owns(p.Base) {
		return false
	}
	return own.Owns(address)
}

func (p Page) isForeign(own Origin, f Form) bool {
	for _, action := range f.Actions {
		if !p.owned(own, action) {
			return true
		}
	}
	return false
}

func (f Form) carries() bool {
	for _, field := range f.Fields {
		if carries(field) {
			return true
		}
	}
	for _, action := range f.Actions {
		if addressCarries(action) {
			return true
		}
	}
	return false
}

// carries knows the parameters by which a login reaches a client: OAuth 2.0
// and OpenID Connect, JARM, SAML. A JARM response that can be read and has
// nothing of it inside, as an error has not, carries none.
func carries(p Param) bool {
	switch strings.ToLower(p.Name) {
	case "code", "access_token", "id_token", "refresh_token", "samlresponse":
		return true
	case "response":
		c, err := readClaims(p.Value)
		return err != nil || c.has("code") || c.has("access_token") || c.has("id_token") || !c.has("error")
	default:
		return false
	}
}

// addressCarries looks at query and fragment of an address of any scheme,
// without resolving it: whatever stands behind a separator may be a name.
func addressCarries(address string) bool {
	for _, p := range addressParams(address) {
		if carries(p) {
			return true
		}
	}
	return false
}

// addressParams splits query and fragment leniently. What cannot be decoded
// keeps its raw form.
func addressParams(address string) Params {
	i := strings.IndexAny(address, "?#")
	if i < 0 {
		return nil
	}
	var out Params
	for _, pair := range strings.FieldsFunc(address[i:], func(r rune) bool {
		return r == '?' || r == '#' || r == '&' || r == ';'
	}) {
		name, value, _ := strings.Cut(pair, "=")
		out = append(out, Param{Name: lenient(name), Value: lenient(value)})
	}
	return out
}

func lenient(s string) string {
	if decoded, err := url.QueryUnescape(s); err == nil {
		return decoded
	}
	return s
}
