package nect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/retrypolicy"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/ident"
)

const (
	// keyHeader carries the operator's key at Nect, and Nect's at us.
	keyHeader = "X-Api-Key"
	// maxAnswer bounds what is read, in bytes.
	maxAnswer = 64 << 10
	// breakAfter is how many failures in a row open the circuit breaker, and
	// breakFor how long nothing is asked then.
	breakAfter = 5
	breakFor   = 30 * time.Second
	// How often and when the result of a case is asked for again.
	retries    = 2
	retryFrom  = 200 * time.Millisecond
	retryUntil = time.Second
)

var (
	// caseForm is a UUID (RFC 9562).
	caseForm = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	wordForm = regexp.MustCompile(`^[a-z0-9_-]{1,40}$`)
)

// errNotOpened says that certainly no case was made; it stands beside
// ident.ErrUnavailable.
var errNotOpened = errors.New("no case was made")

// client is Nect's interface for one level. It implements ident.Provider.
type client struct {
	base    *url.URL
	keyFile string
	timeout time.Duration
	http    *http.Client
	breaker circuitbreaker.CircuitBreaker[any]
}

func clients(c Config) (map[Level]*client, error) {
	out := map[Level]*client{}
	for level, s := range c.services() {
		one, err := newClient(s, c.Timeout, &http.Transport{
			Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 8, MaxConnsPerHost: 64, IdleConnTimeout: time.Minute,
			TLSHandshakeTimeout: c.Timeout, ForceAttemptHTTP2: true, DialContext: dial,
		})
		if err != nil {
			return nil, err
		}
		out[level] = one
	}
	return out, nil
}

// dial reaches this machine for every name below localhost (RFC 6761 section
// 6.3), whatever a resolver says of it: plain http is allowed there.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	if host, port, err := net.SplitHostPort(address); err == nil && strings.HasSuffix(host, ".localhost") {
		address = net.JoinHostPort("127.0.0.1", port)
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

func newClient(s Service, timeout time.Duration, transport http.RoundTripper) (*client, error) {
	base, err := url.Parse(s.BaseURL)
	if err != nil {
		return nil, errors.New("base_url is no URL")
	}
	c := &client{base: base, keyFile: s.APIKeyFile, timeout: timeout}
	c.http = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	c.breaker = circuitbreaker.NewBuilder[any]().HandleIf(func(_ any, err error) bool { return errors.Is(err, ident.ErrUnavailable) }).
		WithFailureThreshold(breakAfter).WithDelay(breakFor).Build()
	_, err = c.key()
	return c, err
}

// resting reports whether nothing is asked now, because nothing was answered.
func (c *client) resting() bool { return c.breaker.IsOpen() && c.breaker.RemainingDelay() > 0 }

// Open implements ident.Provider. It is not repeated by itself: that might cost
// twice.
func (c *client) Open(ctx context.Context, r ident.Request) (ident.Opened, error) {
	body := newCase{Level: r.Level, Language: r.Language}
	if r.Return != nil {
		body.Return = r.Return.String()
	}
	if r.Callback != nil {
		body.Callback = r.Callback.String()
	}
	var opened ident.Opened
	err := c.send(ctx, call{http.MethodPost, []string{"cases"}, body.encode()}, func(raw []byte) (err error) {
		opened, err = readOpened(raw)
		return err
	})
	return opened, err
}

// Result implements ident.Provider.
func (c *client) Result(ctx context.Context, id ident.CaseID) (ident.Result, error) {
	if _, ok := readCase(string(id)); !ok {
		return ident.Result{}, ident.ErrNoCase
	}
	var got ident.Result
	err := c.send(ctx, call{http.MethodGet, []string{"cases", string(id)}, nil}, func(raw []byte) (err error) {
		got, err = readResult(raw, id)
		return err
	})
	return got, err
}

// call is one call of Nect's interface.
type call struct {
	method string
	path   []string
	body   []byte
}

// send calls Nect and reads its answer: within the time that one call has, a
// GET again where none came, and nothing at all while the circuit breaker is open.
func (c *client) send(ctx context.Context, out call, read func([]byte) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	policies := []failsafe.Policy[any]{c.breaker}
	if out.method == http.MethodGet {
		policies = append([]failsafe.Policy[any]{again()}, policies...)
	}
	err := failsafe.With(policies...).WithContext(ctx).RunWithExecution(func(e failsafe.Execution[any]) error {
		raw, err := c.once(e.Context(), out)
		if err != nil {
			return err
		}
		return read(raw)
	})
	switch {
	case errors.Is(err, circuitbreaker.ErrOpen):
		return fmt.Errorf("%w: %w: it did not answer a moment ago", ident.ErrUnavailable, errNotOpened)
	case err != nil && !errors.Is(err, ident.ErrNoCase) && !errors.Is(err, ident.ErrUnavailable):
		return fmt.Errorf("%w: %w", ident.ErrUnavailable, err)
	}
	return err
}

// again asks once more where no answer came. One that cannot be understood
// would not be another the next time.
func again() failsafe.Policy[any] {
	return retrypolicy.NewBuilder[any]().HandleIf(func(_ any, err error) bool {
		return errors.Is(err, ident.ErrUnavailable) && !errors.Is(err, errUnclear)
	}).WithMaxRetries(retries).WithBackoff(retryFrom, retryUntil).ReturnLastFailure().Build()
}

func (c *client) once(ctx context.Context, out call) ([]byte, error) {
	key, err := c.key()
	if err != nil {
		return nil, fmt.Errorf("%w: %w: %w", ident.ErrUnavailable, errNotOpened, err)
	}
	req, err := http.NewRequestWithContext(ctx, out.method, c.base.JoinPath(out.path...).String(), bytes.NewReader(out.body))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ident.ErrUnavailable, errNotOpened)
	}
	req.Header.Set(keyHeader, key)
	req.Header.Set("Accept", "application/json")
	if out.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, unreachable(err)
	}
	defer resp.Body.Close()
	return answer(resp)
}

// unreachable keeps addresses out of what is logged: that of a case is in it.
func unreachable(err error) error {
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		return fmt.Errorf("%w: %w: cannot be reached", ident.ErrUnavailable, errNotOpened)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: no answer in time", ident.ErrUnavailable)
	}
	return fmt.Errorf("%w: the connection broke", ident.ErrUnavailable)
}

func answer(resp *http.Response) ([]byte, error) {
	switch {
	case resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone:
		return nil, fmt.Errorf("%w: %w", ident.ErrNoCase, errNotOpened)
	case resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated:
		return nil, fmt.Errorf("%w: %w: status %d", ident.ErrUnavailable, errNotOpened, resp.StatusCode)
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: half an answer", ident.ErrUnavailable)
	case len(raw) > maxAnswer:
		return nil, fmt.Errorf("%w: over %d bytes", errUnclear, maxAnswer)
	}
	return raw, nil
}

// key is read each time, so that a changed one needs no restart.
func (c *client) key() (string, error) { return extension.ReadSecret(c.keyFile) }
