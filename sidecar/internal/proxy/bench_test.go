package proxy_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"testing"
)

// kibibyte answers as an application would, without a network.
type kibibyte struct{ body []byte }

func (k kibibyte) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header:        http.Header{"Content-Type": {"text/css"}, "Date": {"Tue, 24 Nov 2026 06:00:00 GMT"}},
		ContentLength: int64(len(k.body)), Body: io.NopCloser(bytes.NewReader(k.body)),
	}, nil
}

// BenchmarkProxy is the cost of a request of a session without the network,
// beside a bare ReverseProxy twice (the second is the control). With the
// network, in processes of their own: `make bench`.
func BenchmarkProxy(b *testing.B) {
	upstream := kibibyte{bytes.Repeat([]byte("schleuse"), 128)}
	w := newWorld(b)
	browser := w.signedIn()
	w.site.Upstream = upstream
	site := w.site.Handler()
	bare := &httputil.ReverseProxy{
		Rewrite:   func(p *httputil.ProxyRequest) { p.SetURL(w.site.Settings.Upstream) },
		Transport: upstream, BufferPool: pool{make(chan []byte, 64)},
	}
	request := browser.Request(http.MethodGet, w.url+"/postfach/x.css", nil,
		"Accept", "text/css,*/*;q=0.1", "Accept-Language", "de", "Accept-Encoding", "gzip, br", "Referer", w.url+"/",
		"Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Dest", "style", "User-Agent", "Mozilla/5.0")
	request.RemoteAddr = "127.0.0.1:1234"
	for _, subject := range []struct {
		name    string
		handler http.Handler
	}{{"bare", bare}, {"bare again", bare}, {"site", site}} {
		b.Run(subject.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				rec := httptest.NewRecorder()
				subject.handler.ServeHTTP(rec, request)
				if rec.Code != http.StatusOK {
					b.Fatalf("answered %d", rec.Code)
				}
			}
		})
	}
}

// pool lends buffers.
type pool struct{ free chan []byte }

func (p pool) Get() []byte {
	select {
	case buffer := <-p.free:
		return buffer
	default:
		return make([]byte, 32<<10)
	}
}

func (p pool) Put(buffer []byte) {
	select {
	case p.free <- buffer:
	default:
	}
}
