package visitor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Limits of one answer and of one chain of redirects.
const (
	bodyLimit     = 8 << 20
	redirectLimit = 25
)

// Visitor is one browser profile: its cookies and how it reaches hosts. It is
// not safe for concurrent use; two tabs at once are two Clones.
type Visitor struct {
	Dial   map[string]string // "login.localhost:18000" → "127.0.0.1:45123"; all other hosts below localhost go to 127.0.0.1
	Header http.Header       // sent with each request, for example Accept-Language
	Now    func() time.Time
	Trace  io.Writer // one line for each request: method, URL without query, status

	jar    jar
	client *http.Client
}

// New returns a visitor without cookies who prefers German.
func New() *Visitor {
	v := &Visitor{
		Dial:   map[string]string{},
		Header: http.Header{"Accept-Language": {"de"}, "Accept": {"text/html,application/xhtml+xml,*/*;q=0.8"}},
		Now:    time.Now,
	}
	v.client = &http.Client{
		Timeout:       30 * time.Second,
		Transport:     &http.Transport{DialContext: v.dial, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return v
}

// Clone is the same browser at this moment: the cookies are copied, so that
// two tabs, or the thief of the cookies, go on independently.
func (v *Visitor) Clone() *Visitor {
	clone := New()
	clone.Dial, clone.Header, clone.Now, clone.Trace = v.Dial, v.Header.Clone(), v.Now, v.Trace
	clone.jar.cookies = append([]stored(nil), v.jar.cookies...)
	return clone
}

func (v *Visitor) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if to, ok := v.Dial[address]; ok {
		address = to
	} else if host, port, err := net.SplitHostPort(address); err == nil && within(host, "localhost") {
		address = net.JoinHostPort("127.0.0.1", port)
	}
	dialer := net.Dialer{Timeout: 5 * time.Second}
	return dialer.DialContext(ctx, network, address)
}

// Leave closes the connections that are kept open, so that a changed Dial
// counts from the next request.
func (v *Visitor) Leave() { v.client.CloseIdleConnections() }

// HTTPClient is a plain client with this visitor's way to the hosts, but
// without cookies and redirects: what a backend would use.
func (v *Visitor) HTTPClient() *http.Client { return v.client }

// Cookie returns the value of the first cookie of that name that would go to the URL.
func (v *Visitor) Cookie(to, name string) (string, bool) {
	target, err := url.Parse(to)
	if err != nil {
		return "", false
	}
	for _, cookie := range v.jar.matching(target, v.Now()) {
		if cookie.Name == name {
			return cookie.Value, true
		}
	}
	return "", false
}

// CookieNames lists the cookies that would go to the URL.
func (v *Visitor) CookieNames(to string) []string {
	target, err := url.Parse(to)
	if err != nil {
		return nil
	}
	var names []string
	for _, cookie := range v.jar.matching(target, v.Now()) {
		names = append(names, cookie.Name)
	}
	return names
}

// SetCookie plants a cookie as the host of the URL would, for path "/".
func (v *Visitor) SetCookie(at, name, value string) error {
	from, err := url.Parse(at)
	if err != nil {
		return err
	}
	v.jar.keep(from, []*http.Cookie{{Name: name, Value: value, Path: "/", Secure: true}}, v.Now())
	return nil
}

// DropCookies forgets all cookies of that name, or all when the name is empty.
func (v *Visitor) DropCookies(name string) {
	kept := v.jar.cookies[:0]
	for _, cookie := range v.jar.cookies {
		if name != "" && cookie.Name != name {
			kept = append(kept, cookie)
		}
	}
	v.jar.cookies = kept
}

// Get asks for one page and follows nothing.
func (v *Visitor) Get(ctx context.Context, target string) (*Page, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, err
	}
	return v.Do(request)
}

// Post sends a form as its own page would (same origin) and follows nothing.
func (v *Visitor) Post(ctx context.Context, target string, form url.Values) (*Page, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Origin", request.URL.Scheme+"://"+request.URL.Host)
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	return v.Do(request)
}

// Do sends any request with this visitor's cookies and headers; headers that
// the request has already stay.
func (v *Visitor) Do(request *http.Request) (*Page, error) {
	for name, values := range v.Header {
		if request.Header.Get(name) == "" {
			request.Header[name] = values
		}
	}
	for _, cookie := range v.jar.matching(request.URL, v.Now()) {
		request.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
	}
	response, err := v.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, bodyLimit))
	if err != nil {
		return nil, err
	}
	v.jar.keep(request.URL, response.Cookies(), v.Now())
	if v.Trace != nil {
		fmt.Fprintf(v.Trace, "%s %s://%s%s %d\n", request.Method, request.URL.Scheme, request.URL.Host, request.URL.Path, response.StatusCode)
	}
	return &Page{URL: request.URL, Status: response.StatusCode, Header: response.Header, Body: body}, nil
}

// ErrTooManyRedirects says that a chain did not come to rest.
var ErrTooManyRedirects = errors.New("too many redirects")

// Open asks for a page and follows to where it comes to rest, see Follow.
func (v *Visitor) Open(ctx context.Context, target string, stops ...string) (*Page, error) {
	page, err := v.Get(ctx, target)
	if err != nil {
		return nil, err
	}
	return v.Follow(ctx, page, stops...)
}

// Follow goes after redirects (Location and Refresh) until a page comes to
// rest. It stops before a URL that begins with one of stops or is not http,
// and leaves that URL in Page.Next.
func (v *Visitor) Follow(ctx context.Context, page *Page, stops ...string) (*Page, error) {
	for range redirectLimit {
		next, err := page.next()
		if err != nil {
			return nil, err
		}
		if next == nil {
			return page, nil
		}
		if leads(next, stops) {
			page.Next = next
			return page, nil
		}
		if page, err = v.Get(ctx, next.String()); err != nil {
			return nil, err
		}
	}
	return nil, ErrTooManyRedirects
}

func leads(next *url.URL, stops []string) bool {
	if next.Scheme != "http" && next.Scheme != "https" {
		return true
	}
	for _, stop := range stops {
		if strings.HasPrefix(next.String(), stop) {
			return true
		}
	}
	return false
}

// Submit sends a form of a page with some of its fields filled in, and follows.
func (v *Visitor) Submit(ctx context.Context, form Form, fill url.Values, stops ...string) (*Page, error) {
	fields := url.Values{}
	for name, values := range form.Fields {
		fields[name] = values
	}
	for name, values := range fill {
		fields[name] = values
	}
	var page *Page
	var err error
	if form.Method == http.MethodPost {
		page, err = v.Post(ctx, form.Action, fields)
	} else {
		page, err = v.Get(ctx, withQuery(form.Action, fields))
	}
	if err != nil {
		return nil, err
	}
	return v.Follow(ctx, page, stops...)
}

func withQuery(target string, fields url.Values) string {
	base, _, _ := strings.Cut(target, "?")
	var out bytes.Buffer
	out.WriteString(base)
	out.WriteString("?")
	out.WriteString(fields.Encode())
	return out.String()
}
