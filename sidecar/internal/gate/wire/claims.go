package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
)

// maxToken is the longest token whose claims are read, in bytes.
const maxToken = 64 << 10

// ErrUnreadable says that a token, an object or an answer is not what it
// should be, or hides its content (JWE).
var ErrUnreadable = errors.New("not readable")

// claims is the top level of a JSON object, by exact name.
type claims map[string]json.RawMessage

// readClaims reads the payload of a compact JWS (RFC 7515 section 7.1) without
// verifying it.
func readClaims(token string) (claims, error) {
	if len(token) > maxToken || strings.Count(token, ".") != 2 {
		return nil, ErrUnreadable
	}
	_, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	raw, err := base64.RawURLEncoding.Strict().DecodeString(payload)
	if err != nil {
		return nil, ErrUnreadable
	}
	return parseObject(raw)
}

// parseObject reads one JSON object. encoding/json would match names without
// regard to case and take the last of two: here names compare exactly, and two
// values that differ are refused, because whoever reads after us may choose
// otherwise. (Keycloak writes `iss` twice into a JARM response.)
func parseObject(raw []byte) (claims, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, ErrUnreadable
	}
	out := claims{}
	for d.More() {
		t, err := d.Token()
		name, isName := t.(string)
		if err != nil || !isName {
			return nil, ErrUnreadable
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, ErrUnreadable
		}
		if first, twice := out[name]; twice && !bytes.Equal(first, value) {
			return nil, ErrUnreadable
		}
		out[name] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, ErrUnreadable
	}
	if d.More() {
		return nil, ErrUnreadable
	}
	return out, nil
}

// has reports whether the name stands there at all, null included.
func (c claims) has(name string) bool {
	_, ok := c[name]
	return ok
}

// text returns a string value, "" when it is absent or no string.
func (c claims) text(name string) string {
	raw, ok := c[name]
	if !ok {
		return ""
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// seconds returns a whole number, 0 when it is absent or none.
func (c claims) seconds(name string) int64 {
	var n int64
	if json.Unmarshal(c[name], &n) != nil {
		return 0
	}
	return n
}
