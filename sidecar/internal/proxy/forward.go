package proxy

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/errorlog"
	"github.com/schleuse/schleuse/sidecar/internal/relying"
)

// entryKey is under which a request carries its session to the forwarder.
type entryKey struct{}

// pass forwards a request of a session and cuts it when the session ends.
func (s *Site) pass(w http.ResponseWriter, r *http.Request, e *relying.Entry, forward http.Handler) {
	ctx, cancel := context.WithCancelCause(context.WithValue(r.Context(), entryKey{}, e))
	defer cancel(nil)
	o := &connection{session: e, since: s.Now(), cancel: cancel}
	s.open.add(o)
	defer s.open.drop(o)
	// It may have ended after it was read and before its connection could be cut.
	if err := s.party().Still(ctx, e); errors.Is(err, relying.ErrNoSession) {
		s.challenge(w, r)
		return
	}
	forward.ServeHTTP(w, r.WithContext(ctx))
}

// forwarder is the reverse proxy. Hop-by-hop headers are removed before
// rewrite adds the identity: a client's `Connection: X-Auth-Kvnr` cannot take
// it away again.
func (s *Site) forwarder() http.Handler {
	// Values that are the same for every request are shared: nothing behind
	// here changes them in place.
	proto, host := []string{s.Settings.PublicURL.Scheme}, []string{s.Settings.PublicURL.Host}
	return &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			s.rewrite(p)
			p.Out.Header["X-Forwarded-Proto"], p.Out.Header["X-Forwarded-Host"] = proto, host
		},
		Transport:      s.upstreamTransport(),
		ModifyResponse: s.modify,
		ErrorHandler:   s.upstreamError,
		ErrorLog:       errorlog.New(s.Log),
		BufferPool:     &buffers{},
	}
}

func (s *Site) rewrite(p *httputil.ProxyRequest) {
	out := p.Out
	out.URL.Scheme, out.URL.Host = s.Settings.Upstream.Scheme, s.Settings.Upstream.Host
	out.URL.RawQuery = p.In.URL.RawQuery // as it was: the application decides what it accepts
	out.Host = s.Settings.PublicURL.Host
	if s.Settings.UpstreamHost != "" {
		out.Host = s.Settings.UpstreamHost
	}
	out.Trailer = nil
	h := out.Header
	s.Settings.Headers.strip(h)
	dropOwnCookies(h)
	if from := clientAddress(p.In, s.Settings.TrustedProxies); from.IsValid() {
		h["X-Forwarded-For"] = []string{from.String()}
	}
	if e, ok := p.In.Context().Value(entryKey{}).(*relying.Entry); ok {
		for _, f := range e.Derived.([]field) {
			h[f.name] = f.value
		}
	}
}

func (s *Site) modify(resp *http.Response) error {
	if len(resp.Header["Set-Cookie"]) > 0 {
		dropOwnSetCookies(resp.Header)
	}
	return nil
}

// upstreamError answers for the application when it does not.
func (s *Site) upstreamError(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(context.Cause(r.Context()), errEnded) {
		s.challenge(w, r)
		return
	}
	if r.Context().Err() != nil {
		panic(http.ErrAbortHandler) // the client has gone: there is nobody to answer
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		s.Metrics.request(s.Settings.Name, "upstream_timeout")
		s.Pages.Error(w, r, fault.New(fault.Timeout, "site_slow", err))
		return
	}
	s.Metrics.request(s.Settings.Name, "upstream_error")
	s.Pages.Error(w, r, fault.New(fault.BadUpstream, "site_down", err))
}

// upstreamTransport returns the transport to the application.
func (s *Site) upstreamTransport() http.RoundTripper {
	if s.Upstream != nil {
		return s.Upstream
	}
	wait := s.Settings.UpstreamWait
	if wait <= 0 {
		wait = 60 * time.Second
	}
	return &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: wait,
		ExpectContinueTimeout: time.Second,
		IdleConnTimeout:       90 * time.Second,
		MaxIdleConns:          1024,
		MaxIdleConnsPerHost:   1024,
		ForceAttemptHTTP2:     true,
		DisableCompression:    true, // what the application sends passes as it is
	}
}

// clientAddress returns whose request it is: the peer, or, when that is a
// trusted proxy, the last address before the trusted ones.
func clientAddress(r *http.Request, trusted []netip.Prefix) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	at := peer.Addr().Unmap()
	if !within(at, trusted) {
		return at
	}
	hops := strings.Split(strings.Join(r.Header["X-Forwarded-For"], ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			return at
		}
		if at = hop.Unmap(); !within(at, trusted) {
			return at
		}
	}
	return at
}

func within(a netip.Addr, prefixes []netip.Prefix) bool {
	for _, p := range prefixes {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// buffers lends the copy buffers of bodies.
type buffers struct{ pool sync.Pool }

const bufferSize = 32 << 10

func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[bufferSize]byte); ok {
		return p[:]
	}
	return make([]byte, bufferSize)
}

func (b *buffers) Put(p []byte) {
	if len(p) == bufferSize {
		b.pool.Put((*[bufferSize]byte)(p))
	}
}
