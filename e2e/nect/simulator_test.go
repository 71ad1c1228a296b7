package nect_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/schleuse/schleuse/e2e/nect"
	"github.com/schleuse/schleuse/e2e/stage"
)

// stand is a simulator with an operator who takes its callbacks.
type stand struct {
	*testing.T
	*nect.Simulator
	url      string
	operator string
	mu       sync.Mutex
	told     []string
	now      time.Time
}

func open(t *testing.T) *stand {
	t.Helper()
	s := &stand{T: t, now: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)}
	operator := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.told = append(s.told, r.Method+" "+r.URL.Path+" "+string(body))
	}))
	t.Cleanup(operator.Close)
	s.operator = operator.URL
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	members, err := stage.MembersFile()
	if err != nil {
		t.Fatal(err)
	}
	s.url = "http://" + address
	s.Simulator, err = nect.Start(t.Context(), nect.Settings{Addr: address, URL: s.url, APIKey: "k", Members: members, Now: s.clock})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *stand) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *stand) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func (s *stand) calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.told...)
}

// do asks, follows nothing, and returns the answer.
func (s *stand) do(method, path, contentType, body string) (*http.Response, string, error) {
	s.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	req.Header.Set("X-Api-Key", "k")
	req.Header.Set("Content-Type", contentType)
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return resp, string(raw), err
}

func (s *stand) begin() string {
	s.Helper()
	_, body, err := s.do(http.MethodPost, "/cases", "application/json",
		fmt.Sprintf(`{"level":"substantial","language":"de","redirectUrl":"%s/return/secret","callbackUrl":"%s/callback"}`, s.operator, s.operator))
	var opened struct{ CaseID, URL string }
	if err != nil || json.Unmarshal([]byte(body), &opened) != nil || opened.URL != s.url+"/app/"+opened.CaseID {
		s.Fatalf("%s, %v", body, err)
	}
	return opened.CaseID
}

// ends plays the app, and returns where the browser is sent.
func (s *stand) ends(id string, more ...string) string {
	s.Helper()
	form := url.Values{"person": {"M123456785"}, "procedure": {"eid"}, "outcome": {"succeeded"}, "delay": {"60"}, "return": {"here"}}
	for i := 0; i+1 < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	resp, body, err := s.do(http.MethodPost, "/app/"+id, "application/x-www-form-urlencoded", form.Encode())
	if err != nil || resp.StatusCode >= 400 {
		s.Fatalf("%s, %v", body, err)
	}
	return resp.Header.Get("Location")
}

func (s *stand) says(id string) string {
	s.Helper()
	_, body, err := s.do(http.MethodGet, "/cases/"+id, "", "")
	if err != nil {
		return "nothing"
	}
	var a struct {
		State, Procedure, Level string
		Success                 bool
		Person                  struct{ GivenNames string }
	}
	if json.Unmarshal([]byte(body), &a) != nil {
		return strings.TrimSpace(body)
	}
	return strings.TrimSpace(fmt.Sprint(a.State, " ", a.Success, " ", a.Procedure, a.Level, a.Person.GivenNames))
}

func (s *stand) expect(got, want string) {
	s.Helper()
	if got != want {
		s.Errorf("got %q, want %q", got, want)
	}
}

func TestACase(t *testing.T) {
	s := open(t)
	id := s.begin()
	s.expect(s.says(id), "created false")
	_, page, _ := s.do(http.MethodGet, "/app/"+id, "", "")
	if !strings.Contains(page, "Mia Sophie Neumann") {
		t.Errorf("the app offers nobody of the master data: %s", page)
	}
	s.expect(s.says(id), "started false")
	s.expect(s.ends(id), s.operator+"/return/secret?nectCaseId="+id)
	s.expect(s.says(id), "finished true eidsubstantialMia Sophie")
	s.expect(s.ends(id, "outcome", "failed"), s.operator+"/return/secret?nectCaseId="+id) // what is decided stays
	s.expect(s.says(id), "finished true eidsubstantialMia Sophie")
	if told := s.calls(); len(told) == 0 || told[0] != "PUT /callback/"+id+` {"caseId":"`+id+`","state":"finished"}` {
		t.Errorf("told %q", told)
	}
	s.expect(s.says("00000000-0000-4000-8000-000000000000"), "no such case")
}

func TestOutcomes(t *testing.T) {
	s := open(t)
	for outcome, want := range map[string]string{"failed": "finished false", "aborted": "aborted false", "review_failed": "in_review false"} {
		id := s.begin()
		s.expect(s.ends(id, "outcome", outcome), s.operator+"/return/secret?nectCaseId="+id)
		s.expect(s.says(id), want)
	}
	id := s.begin()
	s.expect(s.ends(id, "outcome", "review_succeeded", "return", "never", "person", "", "given", "Otto", "level", "high"), "")
	s.expect(s.says(id), "in_review false")
	s.pass(time.Minute)
	s.expect(s.says(id), "finished true eidhighOtto")
	old := s.begin()
	s.pass(48 * time.Hour)
	s.expect(s.says(old), "expired false")
	s.ends(old)
	s.expect(s.says(old), "expired false")
	ending := s.begin()
	s.ends(ending, "outcome", "review_succeeded", "delay", "86400")
	s.do(http.MethodPost, "/admin/cases/"+ending, "", "")
	s.expect(s.says(ending), "finished true eidsubstantialMia Sophie")
}

func TestSwitches(t *testing.T) {
	s := open(t)
	id := s.begin()
	s.ends(id)
	for form, want := range map[string]string{
		"answer=":                          "finished true eidsubstantialMia Sophie",
		"answer=500":                       "as the switch says",
		"answer=down":                      "nothing",
		"answer=garbage":                   "<html>\x00{\"caseId\":",
		"answer=&person=wrong&callbacks=x": "finished true eidsubstantialFrida",
	} {
		if _, _, err := s.do(http.MethodPost, "/admin", "application/x-www-form-urlencoded", "delay=0.01&"+form); err != nil {
			t.Fatal(err)
		}
		s.expect(s.says(id), want)
	}
	s.Set(nect.Switches{Answer: nect.Huge})
	if _, body, _ := s.do(http.MethodGet, "/cases/"+id, "", ""); len(body) != 10<<20 {
		t.Errorf("%d bytes", len(body))
	}
	resp, _, err := s.do(http.MethodPut, "/admin/switches", "application/json", `{"callbacks":"none","unknown":1}`)
	if err != nil || resp.StatusCode != http.StatusBadRequest {
		t.Errorf("%v, %v", resp, err)
	}
	_, page, _ := s.do(http.MethodGet, "/", "", "")
	if !strings.Contains(page, id) {
		t.Error("the page with the switches does not show the case")
	}
}

func TestCallbacks(t *testing.T) {
	for how, want := range map[nect.Callbacks]int{"": 1, nect.CallbacksNone: 0, nect.CallbacksTwice: 2, nect.CallbacksUnordered: 2, nect.CallbacksForged: 2} {
		s := open(t)
		s.Set(nect.Switches{Callbacks: how})
		s.ends(s.begin())
		if told := s.calls(); len(told) != want {
			t.Errorf("%q: told %q", how, told)
		}
	}
}
