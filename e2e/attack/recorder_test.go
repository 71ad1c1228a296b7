package attack_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"github.com/schleuse/schleuse/e2e/visitor"
)

// recorder keeps all that a person's browser and client were given.
type recorder struct {
	next http.RoundTripper

	mu   sync.Mutex
	seen []answered
}

type answered struct {
	request, location, body string
	cookies                 []string
}

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := r.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, 4<<20))
	if err != nil {
		return nil, err
	}
	response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(body))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, answered{
		request: request.Method + " " + request.URL.Path, location: response.Header.Get("Location"),
		body: string(body), cookies: response.Header["Set-Cookie"],
	})
	return response, nil
}

var (
	// toClient finds what an authorization response carries, in an address
	// that is the client's.
	toClient = regexp.MustCompile(`^http://app\.localhost[^?#]*[?#](.*[&#])?(code|access_token|id_token|SAMLResponse)=`)
	// formToClient finds the same in a form that is posted to the client.
	formToClient = regexp.MustCompile(`(?is)<form[^>]*action="http://app\.localhost[^"]*".*name="(code|access_token|id_token|SAMLResponse)"`)
	// inJARM finds a JARM response in either place.
	inJARM      = regexp.MustCompile(`(?i)(?:[?&#]response=|name="response"\s+value=")([A-Za-z0-9_.-]+)`)
	tokenInJSON = regexp.MustCompile(`"(access_token|id_token|refresh_token)"\s*:\s*"`)
	removal     = regexp.MustCompile(`(?i);\s*Max-Age=0(;|$)`)
)

// leaks lists all by which somebody would be signed in.
func (r *recorder) leaks() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, a := range r.seen {
		for _, c := range a.cookies {
			name, value, _ := strings.Cut(c, "=")
			if strings.HasPrefix(name, "KEYCLOAK_IDENTITY") && !strings.HasPrefix(value, ";") && value != "" && !removal.MatchString(c) {
				out = append(out, "identity cookie from "+a.request)
			}
		}
		if toClient.MatchString(a.location) {
			out = append(out, "code or token in the location of "+a.request)
		}
		if formToClient.MatchString(a.body) {
			out = append(out, "code or token in a form of "+a.request)
		}
		for _, found := range inJARM.FindAllStringSubmatch(a.location+"\n"+a.body, -1) {
			claims, err := visitor.Claims(found[1])
			if err != nil || claims["error"] == nil || claims["code"] != nil || claims["access_token"] != nil || claims["id_token"] != nil {
				out = append(out, "code or token in the JARM response of "+a.request)
			}
		}
		if tokenInJSON.MatchString(a.body) {
			out = append(out, "tokens from "+a.request)
		}
	}
	return out
}

// trail tells what was asked, for a failed test.
func (r *recorder) trail() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	for _, a := range r.seen {
		location, _, _ := strings.Cut(a.location, "?")
		fmt.Fprintf(&b, "\n  %s → %s %d cookies", a.request, location, len(a.cookies))
	}
	return b.String()
}

// lastWords keeps what a program says at the end.
type lastWords struct {
	mu   sync.Mutex
	text []byte
}

func (w *lastWords) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = append(w.text, p...)
	w.text = w.text[max(0, len(w.text)-4000):]
	return len(p), nil
}

func (w *lastWords) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.text)
}
