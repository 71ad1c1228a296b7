package wire

import (
	"encoding/json"
	"strings"
	"time"
)

// PushedAnswer is Keycloak's answer to a pushed authorization request
// (RFC 9126 section 2.2).
type PushedAnswer struct {
	RequestURI string
	Lifetime   time.Duration

	fields claims // all of it
}

// With returns the body with another request_uri.
func (a PushedAnswer) With(uri string) []byte {
	out := make(map[string]any, len(a.fields))
	for name, value := range a.fields {
		out[name] = value
	}
	out[paramRequestURI] = uri
	body, err := json.Marshal(out)
	if err != nil {
		return nil // cannot happen: every value was parsed from JSON
	}
	return body
}

// PushedReference returns the part of a request_uri that names a pushed
// request; false for any other address.
func PushedReference(uri string) (string, bool) {
	return strings.CutPrefix(uri, pushedPrefix)
}

// PushedURI is the request_uri with this reference.
func PushedURI(reference string) string { return pushedPrefix + reference }

// maxPushedLifetime bounds what is believed of expires_in.
const maxPushedLifetime = 24 * time.Hour

// ReadPushedAnswer reads the body of a 201.
func ReadPushedAnswer(body []byte) (PushedAnswer, error) {
	c, err := parseObject(body)
	if err != nil {
		return PushedAnswer{}, err
	}
	seconds := c.seconds("expires_in")
	uri := c.text(paramRequestURI)
	if uri == "" || seconds <= 0 {
		return PushedAnswer{}, ErrUnreadable
	}
	lifetime := min(time.Duration(min(seconds, 1<<20))*time.Second, maxPushedLifetime)
	return PushedAnswer{RequestURI: uri, Lifetime: lifetime, fields: c}, nil
}
