package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/api"
)

type order struct {
	Name  string            `json:"name"`
	Parts map[string]string `json:"parts,omitempty"`
}

// serve starts an API with these routes.
func serve(t *testing.T, routes ...api.Route) (*httptest.Server, chan struct{}) {
	t.Helper()
	stopping := make(chan struct{})
	server := httptest.NewUnstartedServer(nil)
	a := &api.API{
		Prefix: "/v1", Routes: routes, Problems: append(api.Shared(), api.Problem{Name: "worn", Status: 422, Title: "Worn out"}),
		Host: server.Listener.Addr().String(), Stopping: stopping, Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}
	server.Config.Handler = a.Handler()
	server.Start()
	t.Cleanup(server.Close)
	return server, stopping
}

func echo() api.Route {
	return api.Route{Method: "POST", Path: "/orders/{id}", Do: api.Take(api.Nobody, func(r *http.Request, _ struct{}, in order) (api.Reply, error) {
		return api.Reply{Status: 201, Body: map[string]any{"id": r.PathValue("id"), "order": in}}, nil
	})}
}

func failing(err error) api.Route {
	return api.Route{Method: "GET", Path: "/fails", Do: api.Give(api.Nobody, func(*http.Request, struct{}) (api.Reply, error) {
		return api.Reply{}, err
	})}
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) problem(t *testing.T) (p struct {
	Type, Title, Instance string
	Status                int
	State                 string
	Errors                []api.Detail
},
) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), &p); err != nil || a.header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("no problem: %d %q %v", a.status, a.body, err)
	}
	return p
}

func do(t *testing.T, method, target, body string, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(text)}
}

func TestRequestsAreTakenStrictly(t *testing.T) {
	s, _ := serve(t, echo())
	deep := strings.Repeat("[", 9) + strings.Repeat("]", 9)
	tests := map[string]struct {
		method, path, body string
		headers            []string
		status             int
		problem, pointer   string
	}{
		"good":                  {body: `{"name":"n"}`, status: 201},
		"unknown member":        {body: `{"name":"n","more":1}`, status: 400, problem: "malformed", pointer: "/more"},
		"other case":            {body: `{"Name":"n"}`, status: 400, problem: "malformed", pointer: "/Name"},
		"double member":         {body: `{"parts":{"a":"1","a":"2"}}`, status: 400, problem: "malformed", pointer: "/parts/a"},
		"other type":            {body: `{"parts":{"a":1}}`, status: 400, problem: "malformed", pointer: "/parts/a"},
		"something after it":    {body: `{"name":"n"} {}`, status: 400, problem: "malformed"},
		"no UTF-8":              {body: "{\"name\":\"\xff\"}", status: 400, problem: "malformed", pointer: "/name"},
		"cut off":               {body: `{"name":`, status: 400, problem: "malformed", pointer: "/name"},
		"too deep":              {body: `{"name":` + deep + `}`, status: 400, problem: "malformed", pointer: "/name/0/0/0/0/0/0/0"},
		"empty":                 {body: ``, status: 400, problem: "malformed"},
		"too large":             {body: `{"name":"` + strings.Repeat("n", api.MaxBody) + `"}`, status: 413, problem: "too_large"},
		"form":                  {body: `name=n`, headers: []string{"Content-Type", "application/x-www-form-urlencoded"}, status: 415, problem: "unsupported_media_type"},
		"JSON with a parameter": {body: `{}`, headers: []string{"Content-Type", "application/json; charset=latin1"}, status: 415, problem: "unsupported_media_type"},
		"two types":             {body: `{}`, headers: []string{"Content-Type", "application/json", "Content-Type", "text/plain"}, status: 415, problem: "unsupported_media_type"},
		"compressed":            {body: `{}`, headers: []string{"Content-Type", "application/json", "Content-Encoding", "gzip"}, status: 415, problem: "unsupported_media_type"},
		"other method":          {method: "PUT", body: `{}`, status: 405, problem: "method_not_allowed"},
		"HEAD":                  {method: "HEAD", status: 405},
		"preflight":             {method: "OPTIONS", headers: []string{"Origin", "https://evil.example", "Access-Control-Request-Method", "POST"}, status: 403, problem: "cross_site"},
		"unknown path":          {path: "/v1/nothing", body: `{}`, status: 404, problem: "not_found"},
		"path not canonical":    {path: "/v1//orders/1", body: `{}`, status: 404, problem: "not_found"},
		"dots in the path":      {path: "/v1/x/%2e%2e/orders/1", body: `{}`, status: 404, problem: "not_found"},
		"page of another site":  {body: `{"name":"n"}`, headers: []string{"Content-Type", "application/json", "Sec-Fetch-Site", "cross-site"}, status: 403, problem: "cross_site"},
		"page of a sibling":     {body: `{"name":"n"}`, headers: []string{"Content-Type", "application/json", "Sec-Fetch-Site", "same-site"}, status: 403, problem: "cross_site"},
		"origin of nobody":      {body: `{"name":"n"}`, headers: []string{"Content-Type", "application/json", "Origin", "null"}, status: 403, problem: "cross_site"},
		"own origin":            {body: `{"name":"n"}`, headers: []string{"Content-Type", "application/json", "Origin", s.URL, "Sec-Fetch-Site", "same-origin"}, status: 201},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if tt.headers == nil {
				tt.headers = []string{"Content-Type", "application/json"}
			}
			if tt.path == "" {
				tt.path = "/v1/orders/1"
			}
			if tt.method == "" {
				tt.method = "POST"
			}
			a := do(t, tt.method, s.URL+tt.path, tt.body, tt.headers...)
			if a.status != tt.status || a.header.Get("Cache-Control") != "no-store" {
				t.Fatalf("%d %v %s", a.status, a.header, a.body)
			}
			for name := range a.header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s is sent", name)
				}
			}
			if tt.problem == "" {
				return
			}
			p := a.problem(t)
			if p.Type != "urn:schleuse:problem:"+tt.problem || p.Status != tt.status || p.Title == "" || p.Instance == "" {
				t.Errorf("%+v", p)
			}
			if tt.problem == "malformed" && (len(p.Errors) != 1 || p.Errors[0].Pointer != tt.pointer) {
				t.Errorf("errors %+v, want pointer %q", p.Errors, tt.pointer)
			}
			if tt.status == 405 && a.header.Get("Allow") != "POST" {
				t.Errorf("Allow %q", a.header.Get("Allow"))
			}
		})
	}
}

func TestFailuresAreTold(t *testing.T) {
	secret := errors.New("of A123456780")
	stated := api.Refuse(fault.Gone, "gone", secret)
	stated.Members = map[string]any{"state": "denied"}
	tests := map[string]struct {
		err            error
		status         int
		problem, retry string
	}{
		"any error":        {secret, 500, "internal", ""},
		"declared":         {fault.New(fault.Invalid, "worn", secret), 422, "worn", ""},
		"not declared":     {fault.New(fault.Conflict, "nowhere", secret), 409, "conflict", ""},
		"with a pause":     {&fault.Error{Kind: fault.TooMany, Key: "too_many", Retry: 1500 * time.Millisecond}, 429, "too_many", "2"},
		"without a pause":  {fault.New(fault.Unavailable, "later", secret), 503, "unavailable", "5"},
		"with more to say": {stated, 410, "gone", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s, _ := serve(t, failing(tt.err))
			a := do(t, "GET", s.URL+"/v1/fails", "")
			p := a.problem(t)
			if a.status != tt.status || p.Type != api.Namespace+tt.problem || a.header.Get("Retry-After") != tt.retry {
				t.Errorf("%d %q %s", a.status, a.header.Get("Retry-After"), a.body)
			}
			if strings.Contains(a.body, "A123456780") {
				t.Error("the cause is told")
			}
			if name == "with more to say" && p.State != "denied" {
				t.Errorf("state is not told: %s", a.body)
			}
		})
	}
}

func TestBodyWhereNoneBelongsIsRefused(t *testing.T) {
	s, _ := serve(t, failing(nil))
	if a := do(t, "GET", s.URL+"/v1/fails", ""); a.status != 204 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := do(t, "GET", s.URL+"/v1/fails", "{}"); a.status != 400 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestEveryKindHasItsStatus(t *testing.T) {
	for kind, want := range map[fault.Kind]int{
		fault.Internal: 500, fault.Invalid: 400, fault.Unauthenticated: 401, fault.Forbidden: 403, fault.NotFound: 404,
		fault.Conflict: 409, fault.Gone: 410, fault.TooLarge: 413, fault.TooMany: 429, fault.BadUpstream: 502,
		fault.Unavailable: 503, fault.Timeout: 504, fault.Kind(200): 500,
	} {
		s, _ := serve(t, failing(fault.New(kind, "", nil)))
		if a := do(t, "GET", s.URL+"/v1/fails", ""); a.status != want {
			t.Errorf("kind %d: %d, want %d", kind, a.status, want)
		}
	}
}

func TestOneAddressCannotFlood(t *testing.T) {
	s, _ := serve(t, failing(errors.New("x")))
	for range 5000 {
		if a := do(t, "GET", s.URL+"/v1/fails", ""); a.status == 429 {
			if a.header.Get("Retry-After") != "1" {
				t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
			}
			return
		}
	}
	t.Error("5000 requests at once are let in")
}

// waiting waits for a wake, and says how the wait ended.
func waiting(entered chan<- struct{}) api.Route {
	return api.Route{Method: "GET", Path: "/waits", Do: func(w http.ResponseWriter, r *http.Request) error {
		q, err := api.Query(r, "wait")
		if err != nil {
			return err
		}
		patience, done, err := api.Patience(w, r, q.Get("wait"))
		if err != nil {
			return err
		}
		defer done()
		entered <- struct{}{}
		<-patience.Done()
		_, err = io.WriteString(w, patience.Err().Error())
		return err
	}}
}

func TestLongPollEndsAtItsTimeAndAtTheStop(t *testing.T) {
	entered := make(chan struct{}, 10)
	s, stopping := serve(t, waiting(entered))
	for query, want := range map[string]string{
		"wait=1": "context deadline exceeded", "": "context canceled",
		"wait=61": "", "wait=-1": "", "wait=1.5": "", "wait=1&wait=2": "", "other=1": "",
	} {
		a := do(t, "GET", s.URL+"/v1/waits?"+query, "")
		if want == "" && a.status != 400 || want != "" && a.body != want {
			t.Errorf("%q: %d %s", query, a.status, a.body)
		}
	}
	for len(entered) > 0 {
		<-entered
	}
	go func() {
		<-entered
		close(stopping)
	}()
	if a := do(t, "GET", s.URL+"/v1/waits?wait=60", ""); a.body != "context canceled" {
		t.Errorf("at the stop: %d %s", a.status, a.body)
	}
}

func TestStreamGoesOnWhereTheClientWas(t *testing.T) {
	route := api.Route{Method: "GET", Path: "/events", Do: func(w http.ResponseWriter, r *http.Request) error {
		sent := 0
		return api.Stream(w, r, func(patience context.Context, last string) (api.Event, error) {
			if sent++; sent == 2 {
				<-patience.Done()
				return api.Event{}, patience.Err()
			}
			return api.Event{ID: last + "i", Name: "state", Data: order{Name: "n"}, Last: len(last) > 1}, nil
		})
	}}
	s, stopping := serve(t, route)
	a := do(t, "GET", s.URL+"/v1/events", "", "Last-Event-ID", "ii")
	if a.header.Get("Content-Type") != "text/event-stream" || a.body != "id: iii\nevent: state\ndata: {\"name\":\"n\"}\n\n" {
		t.Errorf("%v %q", a.header, a.body)
	}
	r, _ := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/v1/events", nil)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if line, err := bufio.NewReader(resp.Body).ReadString('\n'); line != "id: i\n" {
		t.Fatalf("%q %v", line, err)
	}
	close(stopping)
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Errorf("the stop cuts the stream: %v", err)
	}
}

func TestStreamsFirstErrorIsAProblem(t *testing.T) {
	s, _ := serve(t, api.Route{Method: "GET", Path: "/events", Do: func(w http.ResponseWriter, r *http.Request) error {
		return api.Stream(w, r, func(context.Context, string) (api.Event, error) {
			return api.Event{}, fault.New(fault.NotFound, "not_found", nil)
		})
	}})
	if p := do(t, "GET", s.URL+"/v1/events", "").problem(t); p.Status != 404 {
		t.Errorf("%+v", p)
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{"name":"n"}`, `{"parts":{"a":"b"}}`, `{"name":1}`, `[[[[[[[[[]]]]]]]]]`, "\xff", ``} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var in, again order
		if err := api.Decode(body, &in); err != nil {
			var refusal *api.Refusal
			if !errors.As(err, &refusal) || refusal.Fault.Kind != fault.Invalid || len(refusal.Details) != 1 {
				t.Fatalf("%v", err)
			}
			return
		}
		if !json.Valid(body) {
			t.Fatalf("%q is no JSON", body)
		}
		text, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		if err := api.Decode(text, &again); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if len(in.Parts) == 0 {
			in.Parts, again.Parts = nil, nil
		}
		if diff := cmp.Diff(in, again); diff != "" {
			t.Error(diff)
		}
	})
}
