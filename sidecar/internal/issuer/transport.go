package issuer

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// Bounds of what an issuer answers.
const (
	MaxBody = 256 << 10   // bytes of an answer
	Rest    = time.Second // least time between two fetches of one document
)

// Transport bounds the answers of an issuer, and gives a GET that was answered
// less than Rest ago the same answer again: forged tokens with ever new key
// ids would otherwise make us fetch the issuer's keys for each of them.
func Transport(next http.RoundTripper, now func() time.Time) http.RoundTripper {
	return &calm{next: limited{next}, now: now}
}

// limited bounds the bodies of answers, also of compressed ones.
type limited struct{ next http.RoundTripper }

func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &limitedBody{io.LimitedReader{R: resp.Body, N: MaxBody + 1}, resp.Body}
	return resp, nil
}

type limitedBody struct {
	io.LimitedReader
	io.Closer
}

func (b *limitedBody) Read(p []byte) (int, error) {
	n, err := b.LimitedReader.Read(p)
	if b.N <= 0 {
		return n, errors.New("the issuer's answer is too large")
	}
	return n, err
}

// calm remembers the last answer.
type calm struct {
	next http.RoundTripper
	now  func() time.Time

	mu   sync.Mutex
	url  string
	at   time.Time
	resp *http.Response // without a body
	body []byte
}

func (c *calm) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet {
		return c.next.RoundTrip(r)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.resp == nil || c.url != r.URL.String() || c.now().Sub(c.at) >= Rest {
		if err := c.fetch(r); err != nil {
			return nil, err
		}
	}
	resp := *c.resp
	resp.Header, resp.Request = c.resp.Header.Clone(), r
	resp.Body = io.NopCloser(bytes.NewReader(c.body))
	return &resp, nil
}

func (c *calm) fetch(r *http.Request) error {
	resp, err := c.next.RoundTrip(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	c.url, c.at, c.resp, c.body = r.URL.String(), c.now(), resp, body
	return nil
}
