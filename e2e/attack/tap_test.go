package attack_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// tap stands between the closed gate and Keycloak: it shows what the gate
// sends on, and lets Keycloak answer as it never would.
type tap struct {
	proxy     *httputil.ReverseProxy
	adminDown atomic.Bool // the Admin API answers 503

	mu    sync.Mutex
	seen  []upstream
	bends map[string]func(*http.Response) // by User-Agent
}

// upstream is one request as the gate sent it.
type upstream struct {
	Method, Target, Agent, Body string
	Header                      http.Header
}

func newTap(keycloak string) (*tap, error) {
	to, err := url.Parse(keycloak)
	if err != nil {
		return nil, err
	}
	t := &tap{bends: map[string]func(*http.Response){}}
	t.proxy = &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(to)
			p.Out.Host = p.In.Host
			for name, values := range p.In.Header { // X-Forwarded-For and the like, as they came
				p.Out.Header[name] = values
			}
		},
		ModifyResponse: t.bend,
		Transport:      &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 32, IdleConnTimeout: time.Minute},
	}
	return t, nil
}

func (t *tap) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/admin/") {
		if t.adminDown.Load() {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		t.proxy.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	t.mu.Lock()
	t.seen = append(t.seen, upstream{Method: r.Method, Target: r.RequestURI, Agent: r.UserAgent(), Body: string(body), Header: r.Header.Clone()})
	t.mu.Unlock()
	t.proxy.ServeHTTP(w, r)
}

func (t *tap) bend(response *http.Response) error {
	t.mu.Lock()
	bend := t.bends[response.Request.UserAgent()]
	t.mu.Unlock()
	if bend != nil {
		bend(response)
	}
	return nil
}

// bendFor changes every answer to one browser from now on.
func (t *tap) bendFor(agent string, bend func(*http.Response)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bends[agent] = bend
}

// of returns what the gate sent on for a browser.
func (t *tap) of(agent string) []upstream {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []upstream
	for _, u := range t.seen {
		if u.Agent == agent {
			out = append(out, u)
		}
	}
	return out
}
