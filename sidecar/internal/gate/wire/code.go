package wire

import (
	"errors"
	"net/http"
	"strings"

	"github.com/schleuse/schleuse/sidecar/account"
)

// ErrEncrypted says that an answer is a JWE: its code cannot be recorded.
var ErrEncrypted = errors.New("encrypted authorization response")

// Code is an authorization code on its way to a client.
type Code struct {
	Value   string
	Session account.SID // its second segment; "" if it has none
}

// ReadCodes finds the codes that a response carries to a client: in its
// Location (query or fragment, the own origin included: the account console is
// a client too), in a form of its page that leads away, or inside a signed
// JARM response in either place. An encrypted one is ErrEncrypted. body is
// the page, or empty.
func ReadCodes(own Origin, h http.Header, body []byte) ([]Code, error) {
	var params Params
	for _, address := range h["Location"] {
		params = append(params, addressParams(address)...)
	}
	if len(body) > 0 {
		page, err := ReadPage(body)
		if err != nil {
			return nil, err
		}
		for _, f := range page.Forms {
			if page.isForeign(own, f) {
				params = append(params, f.Fields...)
			}
		}
	}
	return codesOf(params)
}

func codesOf(params Params) ([]Code, error) {
	var out []Code
	for _, p := range params {
		value := p.Value
		switch {
		case strings.EqualFold(p.Name, "response"):
			inner, err := jarmCode(value)
			if err != nil {
				return nil, err
			}
			value = inner
		case !strings.EqualFold(p.Name, "code"):
			continue
		}
		if value != "" {
			out = append(out, ParseCode(value))
		}
	}
	return out, nil
}

// jarmCode reads the code of a signed authorization response; "" when it
// carries none, as an error response does.
func jarmCode(response string) (string, error) {
	if strings.Count(response, ".") == 4 {
		return "", ErrEncrypted
	}
	c, err := readClaims(response)
	if err != nil {
		return "", err
	}
	return c.text("code"), nil
}

// ParseCode reads the session out of a code as Keycloak writes it:
// random.session.client.
func ParseCode(value string) Code {
	parts := strings.Split(value, ".")
	if len(parts) != 3 {
		return Code{Value: value}
	}
	return Code{Value: value, Session: account.SID(parts[1])}
}
