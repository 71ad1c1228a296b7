package relyingtest

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Named returns a loopback URL under another host name.
func Named(raw, host string) string {
	u, err := url.Parse(raw)
	if err != nil {
		panic(err)
	}
	u.Host = net.JoinHostPort(host, u.Port())
	return u.String()
}

// Transport dials every host name on loopback, as browsers do with *.localhost.
func Transport() *http.Transport {
	return &http.Transport{
		MaxIdleConnsPerHost: 128,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
		},
	}
}

// Browser keeps cookies by host, Secure ones included, and follows redirects.
type Browser struct {
	t       testing.TB
	client  *http.Client
	cookies map[string]map[string]string // host → name → value
}

// NewBrowser returns a browser without cookies.
func NewBrowser(t testing.TB) *Browser {
	transport := Transport()
	t.Cleanup(transport.CloseIdleConnections)
	return &Browser{t: t, cookies: map[string]map[string]string{}, client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Page is an answer, read to its end.
type Page struct {
	URL    string
	Status int
	Header http.Header
	Body   string
}

// Location is where a redirect leads.
func (p Page) Location() string { return p.Header.Get("Location") }

// Cookie returns what the browser has, or "".
func (b *Browser) Cookie(site, name string) string { return b.cookies[hostOf(site)][name] }

// Cookies returns all that it has for a site.
func (b *Browser) Cookies(site string) map[string]string { return b.cookies[hostOf(site)] }

// SetCookie plants a cookie; an empty value removes it.
func (b *Browser) SetCookie(site, name, value string) {
	host := hostOf(site)
	if b.cookies[host] == nil {
		b.cookies[host] = map[string]string{}
	}
	b.cookies[host][name] = value
	if value == "" {
		delete(b.cookies[host], name)
	}
}

func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		panic(err)
	}
	return u.Host
}

// Request makes a request of the browser with its cookies; headers are pairs
// of name and value.
func (b *Browser) Request(method, target string, body io.Reader, headers ...string) *http.Request {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, target, body)
	if err != nil {
		b.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	var pairs []string
	for name, value := range b.cookies[req.URL.Host] {
		pairs = append(pairs, name+"="+value)
	}
	if len(pairs) > 0 {
		req.Header.Set("Cookie", strings.Join(pairs, "; "))
	}
	return req
}

// Do sends a request and takes the cookies of its answer.
func (b *Browser) Do(req *http.Request) Page {
	b.t.Helper()
	resp, err := b.client.Do(req)
	if err != nil {
		b.t.Fatalf("%s %s: %v", req.Method, req.URL, err)
	}
	defer resp.Body.Close()
	for _, c := range resp.Cookies() {
		value := c.Value
		if c.MaxAge < 0 {
			value = ""
		}
		b.SetCookie(req.URL.String(), c.Name, value)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatalf("%s %s: %v", req.Method, req.URL, err)
	}
	return Page{URL: req.URL.String(), Status: resp.StatusCode, Header: resp.Header, Body: string(body)}
}

// Navigate opens a page as a person does, without following redirects.
func (b *Browser) Navigate(target string) Page {
	b.t.Helper()
	return b.Do(b.Request(http.MethodGet, target, nil,
		"Accept", "text/html", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"))
}

// Open opens a page and follows redirects to where they come to rest.
func (b *Browser) Open(target string) Page {
	b.t.Helper()
	return b.Follow(b.Navigate(target))
}

// Follow follows redirects to where they come to rest.
func (b *Browser) Follow(p Page) Page {
	b.t.Helper()
	for range 10 {
		if p.Location() == "" {
			return p
		}
		to, err := url.Parse(p.URL)
		if err == nil {
			to, err = to.Parse(p.Location())
		}
		if err != nil {
			b.t.Fatal(err)
		}
		p = b.Navigate(to.String())
	}
	b.t.Fatalf("redirects without an end, last at %s", p.URL)
	return p
}

// Post sends a form of a page of the same site.
func (b *Browser) Post(target string, form url.Values) Page {
	b.t.Helper()
	return b.Do(b.Request(http.MethodPost, target, strings.NewReader(form.Encode()),
		"Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html",
		"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", "same-origin"))
}
