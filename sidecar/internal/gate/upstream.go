package gate

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"

	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/errorlog"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
)

// copyBuffer is the size of the pooled buffers through which bodies stream.
const copyBuffer = 32 << 10

// upstreamTime bounds one request to Keycloak, its answer's body included.
const upstreamTime = time.Minute

type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return *p
	}
	return make([]byte, copyBuffer)
}

func (b *buffers) Put(p []byte) { b.pool.Put(&p) }

func (h *handler) newProxy() *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite:        h.rewrite,
		ModifyResponse: h.respond,
		ErrorHandler:   h.unanswered,
		Transport:      h.Settings.Transport,
		ErrorLog:       errorlog.New(h.Log),
		BufferPool:     &buffers{},
	}
}

// forward sends the request to Keycloak and its answer through the response rules.
func (h *handler) forward(w http.ResponseWriter, r *http.Request, x *exchange) {
	ctx, cancel := context.WithTimeout(r.Context(), upstreamTime)
	defer cancel()
	r = r.WithContext(context.WithValue(ctx, exchangeKey{}, x))
	if x.body == nil && r.Body != nil {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	}
	h.proxy.ServeHTTP(w, r)
}

// rewrite builds the request for Keycloak. Nothing of the browser's request
// goes along that is not named here or in wire's allow-list.
func (h *handler) rewrite(p *httputil.ProxyRequest) {
	x := exchangeOf(p.In.Context())
	p.Out.URL = &url.URL{
		Scheme: h.Settings.Upstream.Scheme, Host: h.Settings.Upstream.Host,
		Path: x.target.Path, RawQuery: x.query,
	}
	p.Out.Host = h.Settings.PublicURL.Host
	p.Out.Header = h.headers(x, p.In.Header)
	if p.In.Method != http.MethodPost {
		p.Out.Body, p.Out.ContentLength = http.NoBody, 0 // nothing there reads one
		p.Out.Header.Del("Content-Type")
	}
	if x.body != nil {
		p.Out.Body = io.NopCloser(bytes.NewReader(x.body))
		p.Out.ContentLength = int64(len(x.body))
		p.Out.Header.Set("Content-Type", wire.FormType)
	}
}

func (h *handler) headers(x *exchange, in http.Header) http.Header {
	outer := h.outer
	outer.Client = x.address
	return wire.UpstreamHeaders(in, x.route, x.cookies.Header(), outer)
}

// outerSide is what Keycloak is told of the gate's public address.
func outerSide(public *url.URL) wire.Forwarding {
	port := public.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[public.Scheme]
	}
	return wire.Forwarding{Scheme: public.Scheme, Host: public.Host, Port: port}
}

// instead is an answer in the place of Keycloak's, of which nothing leaves.
type instead struct {
	serve func(w http.ResponseWriter, r *http.Request)
}

// Error says that Keycloak's answer was replaced.
func (*instead) Error() string { return "answered by the gate" }

// answer replaces Keycloak's answer by a failure.
func (h *handler) answer(err error) error {
	return &instead{func(w http.ResponseWriter, r *http.Request) { h.Pages.Error(w, r, err) }}
}

// unanswered gives the answer that takes the place of Keycloak's, or says why
// there is none.
func (h *handler) unanswered(w http.ResponseWriter, out *http.Request, err error) {
	x := exchangeOf(out.Context())
	var in *instead
	var late net.Error
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &in):
		in.serve(w, x.in)
		return
	case errors.Is(err, context.Canceled) && out.Context().Err() != nil:
		return // the browser went away
	case errors.As(err, &large):
		err = fault.New(fault.TooLarge, "too_large", err)
	case errors.As(err, &late) && late.Timeout():
		err = fault.New(fault.Timeout, "later", err)
	default:
		err = laterFault(err)
	}
	h.Metrics.refused(x.route, err)
	if x.route == wire.Token || x.route == wire.PAR {
		h.oauthError(w, x.in, nil, err)
		return
	}
	h.Pages.Error(w, x.in, err)
}
