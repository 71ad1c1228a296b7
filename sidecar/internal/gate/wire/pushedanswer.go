package wire

import "time"

// PushedAnswer is Keycloak's answer to a pushed authorization request
// (RFC 9126 section 2.2).
type PushedAnswer struct {
	RequestURI string
	Lifetime   time.Duration
}

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
	return PushedAnswer{RequestURI: uri, Lifetime: lifetime}, nil
}
