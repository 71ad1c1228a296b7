package server

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// inProcess lets our own OIDC client reach the gate without leaving the
// process: same handler, same rules, no hairpin through the load balancer.
type inProcess struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newInProcess() *inProcess {
	return &inProcess{conns: make(chan net.Conn), closed: make(chan struct{})}
}

// Accept returns the server's end of the next connection.
func (p *inProcess) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept and all further dialling.
func (p *inProcess) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// Addr is a name only.
func (p *inProcess) Addr() net.Addr { return inProcessAddr{} }

func (p *inProcess) dial(ctx context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- localConn{server}:
		return client, nil
	case <-p.closed:
		return nil, errors.New("the gate has stopped")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// transport sends requests for host (name and port as in the gate's public
// URL) into the process, whatever their scheme, and all others to next.
func (p *inProcess) transport(host string, next http.RoundTripper) http.RoundTripper {
	inner := &http.Transport{
		DialContext:           func(ctx context.Context, _, _ string) (net.Conn, error) { return p.dial(ctx) },
		DialTLSContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return p.dial(ctx) },
		MaxConnsPerHost:       64,
		MaxIdleConnsPerHost:   16,
		IdleConnTimeout:       time.Minute,
		ResponseHeaderTimeout: 30 * time.Second,
	}
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.URL.Host == host {
			return inner.RoundTrip(r)
		}
		return next.RoundTrip(r)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip calls the function.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// localConn says that the client is this machine; net.Pipe would say "pipe".
type localConn struct{ net.Conn }

// RemoteAddr is a loopback address.
func (localConn) RemoteAddr() net.Addr { return inProcessAddr{} }

type inProcessAddr struct{}

// Network names the kind of connection.
func (inProcessAddr) Network() string { return "inprocess" }

// String is a loopback address, so that address limits see one client: us.
func (inProcessAddr) String() string { return "127.0.0.1:0" }
