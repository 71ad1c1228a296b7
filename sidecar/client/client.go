package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Bounds of calls.
const (
	callTime  = 15 * time.Second // for one call that does not wait
	pollTime  = 30 * time.Second // for one turn of waiting
	maxAnswer = 1 << 20          // bytes
	maxTries  = 5                // of a call that may be repeated
	shortPoll = 3                // pause as after so many tries, where the API did not wait
)

// Client calls the Approvals API. It is safe for concurrent use; its fields are
// set before.
type Client struct {
	// URL is the API's, such as
	// https://login.kasse.example/schleuse/approvals/v1.
	URL string
	// ID is the client's id in the realm: `aud` of its receipts.
	ID string
	// HTTP adds the access token to requests, as the clients of
	// golang.org/x/oauth2/clientcredentials do. Its Timeout must be zero or
	// over a minute: calls bring their own deadlines. Redirects are not
	// followed.
	HTTP *http.Client
	// Issuer is `iss` of receipts where it differs from URL, as in a cluster
	// that calls the API by another name.
	Issuer string
	// Now is the clock; nil: time.Now.
	Now func() time.Time

	keys keys
	once sync.Once
	http *http.Client
}

// Ask asks a person. It repeats the call while the answer does not arrive or
// the API is away, with the same key: the person is asked once. Errors are
// *Problem, or ctx's, or that the API was not reached.
func (c *Client) Ask(ctx context.Context, q Question) (Approval, error) {
	if q.Key == "" {
		q.Key = rand.Text()
	}
	body, err := json.Marshal(q.wire())
	if err != nil {
		return Approval{}, fmt.Errorf("asking for an approval: %w", err)
	}
	call := call{method: http.MethodPost, path: "/approvals", body: body, key: q.Key, tries: maxTries}
	return c.approval(ctx, call)
}

// Read returns an approval as it is now.
func (c *Client) Read(ctx context.Context, id string) (Approval, error) {
	return c.approval(ctx, call{method: http.MethodGet, path: at(id), tries: maxTries})
}

// Wait returns the approval as soon as it is not Pending any more. It comes
// again, also when the API is away for a while, until ctx ends.
func (c *Client) Wait(ctx context.Context, id string) (Approval, error) {
	poll := call{
		method: http.MethodGet, path: at(id) + "?wait=" + strconv.Itoa(int(pollTime.Seconds())),
		tries: forEver, time: pollTime + callTime,
	}
	for {
		begun := time.Now()
		if a, err := c.approval(ctx, poll); err != nil || a.State != Pending {
			return a, err
		}
		if time.Since(begun) >= time.Second {
			continue
		}
		if err := pause(ctx, shortPoll, nil); err != nil { // the API stops
			return Approval{}, err
		}
	}
}

// Cancel takes the question back. To do so again is no error.
func (c *Client) Cancel(ctx context.Context, id string) (Approval, error) {
	return c.approval(ctx, call{method: http.MethodPost, path: at(id) + "/cancel", tries: maxTries})
}

// List returns the client's own approvals, newest first.
func (c *Client) List(ctx context.Context, f Filter) ([]Approval, error) {
	var page struct{ Approvals []Approval }
	err := c.do(ctx, call{method: http.MethodGet, path: "/approvals" + f.query(), tries: maxTries}, &page)
	return page.Approvals, err
}

func at(id string) string { return "/approvals/" + url.PathEscape(id) }

// approval makes a call that is answered with an approval.
func (c *Client) approval(ctx context.Context, in call) (a Approval, err error) {
	err = c.do(ctx, in, &a)
	return a, err
}

// forEver is until ctx ends.
const forEver = -1

// call is one request.
type call struct {
	method, path string
	body         []byte
	key          string        // Idempotency-Key
	tries        int           // how often it may be made
	time         time.Duration // for one try; 0: callTime
}

// do makes the call, as often as it may be made, and reads the answer.
func (c *Client) do(ctx context.Context, in call, into any) error {
	for try := 1; ; try++ {
		err := c.try(ctx, in, into)
		if err == nil || try == in.tries || !passing(err) {
			return err
		}
		if stop := pause(ctx, try, err); stop != nil {
			return errors.Join(stop, err)
		}
	}
}

// passing reports whether an error may be gone at the next try.
func passing(err error) bool {
	var p *Problem
	if !errors.As(err, &p) {
		var broken *brokenError
		return errors.As(err, &broken)
	}
	switch p.Status {
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	default:
		return false
	}
}

// brokenError says that no answer was read: whether the call was heard is not
// known.
type brokenError struct{ err error }

// Error says what broke.
func (b *brokenError) Error() string { return "the API was not reached: " + b.err.Error() }

// Unwrap returns the cause.
func (b *brokenError) Unwrap() error { return b.err }

func (c *Client) try(ctx context.Context, in call, into any) error {
	limited, cancel := context.WithTimeout(ctx, max(in.time, callTime))
	defer cancel()
	r, err := c.request(limited, in)
	if err != nil {
		return err
	}
	resp, err := c.client().Do(r)
	if err != nil {
		return ended(ctx, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return ended(ctx, err)
	}
	if resp.StatusCode/100 != 2 {
		return problem(resp, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("reading the answer of the API: %w", err)
	}
	return nil
}

// ended tells the caller's own end from a broken connection.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &brokenError{err}
}

func (c *Client) request(ctx context.Context, in call) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, in.method, strings.TrimSuffix(c.URL, "/")+in.path, bytes.NewReader(in.body))
	if err != nil {
		return nil, fmt.Errorf("calling the API: %w", err)
	}
	if in.body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if in.key != "" {
		r.Header.Set("Idempotency-Key", in.key)
	}
	return r, nil
}

func (c *Client) client() *http.Client {
	c.once.Do(func() {
		own := *c.HTTP
		own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		c.http = &own
	})
	return c.http
}

func (c *Client) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}
