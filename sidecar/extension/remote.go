package extension

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// Remote is a service of somebody else that an extension posts to. After a
// failure it is left alone for a while, so that callers need not wait for what
// will not come. Every call has a deadline, no redirect is followed, and no
// error of it holds an address, for there may be a secret in one. It is safe
// for concurrent use.
type Remote struct {
	client  *http.Client
	timeout time.Duration
	now     func() time.Time

	mu    sync.Mutex
	until time.Time // when it is called again
}

// RemoteSettings say how a Remote is called.
type RemoteSettings struct {
	CAFile  string        // certificates (PEM) that may have signed its own; empty: those of the system
	HTTP2   bool          // nothing but HTTP/2 is spoken
	Timeout time.Duration // of one call, the connection included
	Now     func() time.Time
}

// How long a Remote rests.
const (
	restAfterFailure = 2 * time.Second
	longestRest      = 10 * time.Minute // whatever the service asks for
)

// maxReply is how much of an answer is read, in bytes.
const maxReply = 64 << 10

// ErrResting says that a Remote was not called, because it failed a moment ago
// or asked to be left alone.
var ErrResting = errors.New("the service rests after a failure")

// Reply is what a Remote answered.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte // at most 64 KiB; what is longer is cut
}

// OpenRemote returns the service. It reads the certificates, and calls nobody.
func OpenRemote(s RemoteSettings) (*Remote, error) {
	roots, err := authorities(s.CAFile)
	if err != nil {
		return nil, err
	}
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		ForceAttemptHTTP2: true, DisableCompression: true, TLSHandshakeTimeout: s.Timeout,
		MaxConnsPerHost: 64, MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10,
	}
	if s.HTTP2 {
		t.Protocols = new(http.Protocols)
		t.Protocols.SetHTTP2(true)
	}
	return &Remote{timeout: s.Timeout, now: s.Now, client: &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

func authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading ca_file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s has no certificate (PEM)", file)
	}
	return pool, nil
}

// Post makes one call, which is not repeated by itself. An answer of any status
// is no error. A service that cannot be reached rests.
func (r *Remote) Post(ctx context.Context, address string, header http.Header, body []byte) (Reply, error) {
	if r.resting() {
		return Reply{}, ErrResting
	}
	timed, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	reply, err := r.post(timed, address, header, body)
	if err != nil && !errors.Is(ctx.Err(), context.Canceled) {
		r.rest(restAfterFailure)
	}
	return reply, err
}

func (r *Remote) post(ctx context.Context, address string, header http.Header, body []byte) (Reply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return Reply{}, errors.New("the address is none")
	}
	req.Header = header
	req.Header.Set("User-Agent", "schleuse")
	res, err := r.client.Do(req)
	if err != nil {
		return Reply{}, fmt.Errorf("calling the service: %w", unaddressed(err))
	}
	defer res.Body.Close()
	got, err := io.ReadAll(io.LimitReader(res.Body, maxReply))
	if err != nil {
		return Reply{}, fmt.Errorf("reading the answer: %w", err)
	}
	return Reply{Status: res.StatusCode, Header: res.Header, Body: got}, nil
}

// unaddressed takes away the address that net/http puts before an error.
func unaddressed(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// Rest leaves the service alone for as long as its answer asks for (Retry-After,
// RFC 9110 section 10.2.3), at least so long, at most ten minutes.
func (r *Remote) Rest(reply Reply, least time.Duration) {
	r.rest(min(max(r.asked(reply.Header.Get("Retry-After")), least), longestRest))
}

func (r *Remote) asked(retryAfter string) time.Duration {
	if n, err := strconv.Atoi(retryAfter); err == nil {
		return time.Duration(min(n, int(longestRest/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(retryAfter); err == nil {
		return at.Sub(r.now())
	}
	return 0
}

func (r *Remote) rest(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if until := r.now().Add(d); until.After(r.until) {
		r.until = until
	}
}

func (r *Remote) resting() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now().Before(r.until)
}

// Close lets go of idle connections.
func (r *Remote) Close() error {
	r.client.CloseIdleConnections()
	return nil
}
