package keycloak_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/internal/keycloak"
	"github.com/schleuse/schleuse/sidecar/member"
)

const (
	anna   = account.ID("941441bf-4350-48e9-a87b-b6e97ee9420d")
	own    = "7ce65beb-4894-4fd7-a72f-3311d3a16b53"
	number = member.KVNR("A123456780")
	users  = "/auth/admin/realms/kasse/users/"
)

// script is a Keycloak that says what it is told. Of several answers for one
// request the last stays.
type script struct {
	t       *testing.T
	mu      sync.Mutex
	answers map[string][]answer
	asked   []string
	now     time.Time
	tokens  int
	life    int
}

type answer struct {
	code     int
	body     string
	kind     string // content type, default JSON
	location string
	after    chan struct{}
}

func play(t *testing.T, answers map[string][]answer) (*script, *keycloak.Client) {
	t.Helper()
	s := &script{t: t, answers: answers, now: time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC), life: 300}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	base, err := url.Parse(server.URL + "/auth")
	if err != nil {
		t.Fatal(err)
	}
	transport, err := keycloak.Transport(keycloak.TLS{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return s, &keycloak.Client{
		URL: base, Realm: "kasse", ClientID: "schleuse", Secret: func() (string, error) { return "geheim", nil },
		Role: "identified", Exempt: []string{"mitarbeiter"}, HTTP: transport, Now: s.Now,
	}
}

func (s *script) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *script) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := s.take(r)
	if a.after != nil {
		select {
		case <-a.after:
		case <-r.Context().Done():
		}
	}
	if a.kind == "" {
		a.kind = "application/json"
	}
	w.Header().Set("Content-Type", a.kind)
	if a.code >= 300 && a.code < 400 {
		w.Header().Set("Location", "/elsewhere")
	}
	if a.location != "" {
		w.Header().Set("Location", a.location)
	}
	w.WriteHeader(a.code)
	fmt.Fprint(w, a.body)
}

func (s *script) take(r *http.Request) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	request := r.Method + " " + r.URL.RequestURI()
	s.asked = append(s.asked, request)
	if left := s.answers[request]; len(left) > 0 {
		if len(left) > 1 {
			s.answers[request] = left[1:]
		}
		return left[0]
	}
	if strings.HasSuffix(r.URL.Path, "/token") {
		s.tokens++
		claims := base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"` + own + `"}`))
		return answer{code: 200, body: fmt.Sprintf(`{"access_token":"h.%s.s%d","expires_in":%d}`, claims, s.tokens, s.life)}
	}
	if want := fmt.Sprintf(".s%d", s.tokens); !strings.HasSuffix(r.Header.Get("Authorization"), want) {
		return answer{code: 401, body: `{"error":"HTTP 401 Unauthorized"}`}
	}
	s.t.Errorf("unexpected request %s", request)
	return answer{code: 404, body: `{"error":"Unable to find matching target resource method"}`}
}

func (s *script) count(request string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, a := range s.asked {
		if a == request {
			n++
		}
	}
	return n
}

func ok(body string) []answer { return []answer{{code: 200, body: body}} }

func refused(code int, body string) []answer { return []answer{{code: code, body: body}} }

const (
	rolesOf    = "GET " + users + string(anna) + "/role-mappings/realm"
	noUser     = `{"error":"User not found"}`
	plainRoles = `[{"id":"r0","name":"default-roles-kasse"}]`
)

func TestClearanceSaysWhatKeycloakSays(t *testing.T) {
	tests := []struct {
		name    string
		answers []answer
		want    account.Clearance
	}{
		{"role", ok(`[{"id":"r0","name":"default-roles-kasse"},{"id":"r1","name":"identified"}]`), account.Cleared},
		{"no role", ok(plainRoles), account.NotCleared},
		{"no roles at all", ok(`[]`), account.NotCleared},
		{"exempt", ok(`[{"id":"r2","name":"mitarbeiter"}]`), account.Exempt},
		{"exempt and identified", ok(`[{"id":"r1","name":"identified"},{"id":"r2","name":"mitarbeiter"}]`), account.Exempt},
		{"similar name", ok(`[{"id":"r1","name":"Identified"},{"id":"r1","name":"identified "}]`), account.NotCleared},
		{"no such account", refused(404, noUser), account.NotCleared},
		{"other 404", refused(404, `{"error":"Realm not found."}`), account.Unknown},
		{"404 of a proxy", []answer{{code: 404, body: "User not found", kind: "text/html"}}, account.Unknown},
		{"403", refused(403, `{"error":"HTTP 403 Forbidden"}`), account.Unknown},
		{"500", refused(500, `{"error":"unknown_error"}`), account.Unknown},
		{"500, then well", []answer{{code: 500}, {code: 200, body: plainRoles}}, account.NotCleared},
		{"503 twice, then well", []answer{{code: 503}, {code: 503}, {code: 200, body: plainRoles}}, account.NotCleared},
		{"page with status 200", []answer{{code: 200, body: "<html>", kind: "text/html"}}, account.Unknown},
		{"null", ok(`null`), account.Unknown},
		{"null in the list", ok(`[null]`), account.Unknown},
		{"object for a list", ok(`{"realmMappings":[]}`), account.Unknown},
		{"cut off", ok(`[{"id":"r1","name":"identi`), account.Unknown},
		{"nothing", ok(``), account.Unknown},
		{"no content", refused(204, ""), account.Unknown},
		{"redirect", refused(302, ""), account.Unknown},
		{"too long", ok(`[{"id":"` + strings.Repeat("x", 5<<20) + `"}]`), account.Unknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, c := play(t, map[string][]answer{rolesOf: tt.answers})
			got, err := c.Clearance(t.Context(), anna)
			if got != tt.want || (err != nil) != (tt.want == account.Unknown) {
				t.Errorf("got %v and error %v, want %v", got, err, tt.want)
			}
		})
	}
}

func TestForgedIDsReachNoOtherPlace(t *testing.T) {
	for _, id := range []account.ID{"", ".", "..", "../x", "a/b", "a%2fb", "a?b", "a#b", "a b", "ä", account.ID(strings.Repeat("a", 200))} {
		s, c := play(t, nil)
		if got, err := c.Clearance(t.Context(), id); got != account.NotCleared || err != nil {
			t.Errorf("%q: got %v, %v, want not cleared", id, got, err)
		}
		if alive, err := c.Alive(t.Context(), anna, account.SID(id)); alive || err != nil {
			t.Errorf("session %q: got %v, %v, want none", id, alive, err)
		}
		if err := c.End(t.Context(), account.SID(id)); err != nil {
			t.Errorf("session %q: %v", id, err)
		}
		if err := c.Grant(t.Context(), id); !errors.Is(err, account.ErrNotFound) {
			t.Errorf("%q: granting: %v, want ErrNotFound", id, err)
		}
		if len(s.asked) != 0 {
			t.Errorf("%q: asked %v", id, s.asked)
		}
	}
}

func TestTokenIsKeptAndRenewed(t *testing.T) {
	const login = "POST /auth/realms/kasse/protocol/openid-connect/token"
	s, c := play(t, map[string][]answer{rolesOf: ok(plainRoles)})
	look := func(want int) {
		t.Helper()
		if _, err := c.Clearance(t.Context(), anna); err != nil {
			t.Fatal(err)
		}
		if got := s.count(login); got != want {
			t.Errorf("signed in %d times, want %d", got, want)
		}
	}
	look(1)
	look(1)
	s.pass(289 * time.Second)
	look(1)
	s.pass(2 * time.Second) // 9 s before the end: less than a call with its renewal may take
	look(2)
	s.mu.Lock()
	s.answers[rolesOf] = []answer{{code: 401, body: `{}`}, {code: 200, body: plainRoles}}
	s.mu.Unlock()
	look(3)
}

func TestRefusedForGoodIsAskedOnlyTwice(t *testing.T) {
	s, c := play(t, map[string][]answer{rolesOf: refused(401, `{}`)})
	var status *keycloak.Status
	if _, err := c.Clearance(t.Context(), anna); !errors.As(err, &status) || status.Code != 401 {
		t.Errorf("got %v, want a Status 401", err)
	}
	if got := s.count(rolesOf); got != 2 {
		t.Errorf("asked %d times, want 2: a refusal is no accident", got)
	}
}

func TestManyCallersShareOneLogin(t *testing.T) {
	s, c := play(t, map[string][]answer{rolesOf: ok(plainRoles)})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := c.Clearance(t.Context(), anna); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if s.tokens != 1 {
		t.Errorf("signed in %d times, want once", s.tokens)
	}
}

func TestUnansweredCallEndsAtTheDeadlineOfItsCaller(t *testing.T) {
	_, c := play(t, map[string][]answer{rolesOf: {{code: 200, body: plainRoles, after: make(chan struct{})}}})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	got, err := c.Clearance(ctx, anna)
	if got != account.Unknown || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, %v, want unknown for the deadline", got, err)
	}
}

func TestKeycloakThatDoesNotAnswerIsLeftAlone(t *testing.T) {
	s, c := play(t, map[string][]answer{rolesOf: refused(503, ``)})
	var err error
	for range 4 {
		_, err = c.Clearance(t.Context(), anna)
	}
	if !errors.Is(err, keycloak.ErrDown) {
		t.Errorf("got %v, want ErrDown", err)
	}
	if got := s.count(rolesOf); got != 5 {
		t.Errorf("asked %d times, want 5", got)
	}
}

func TestRefusalsDoNotOpenTheCircuit(t *testing.T) {
	s, c := play(t, map[string][]answer{rolesOf: refused(404, noUser)})
	for range 20 {
		if got, err := c.Clearance(t.Context(), anna); got != account.NotCleared || err != nil {
			t.Fatalf("got %v, %v", got, err)
		}
	}
	if got := s.count(rolesOf); got != 20 {
		t.Errorf("asked %d times, want 20", got)
	}
}

// An id comes from a cookie that nobody has checked: one at which Keycloak
// stumbles must not close the gate to the others.
func TestStumblingOverOneAccountDoesNotOpenTheCircuit(t *testing.T) {
	const other = "GET " + users + "f:x:y/role-mappings/realm"
	_, c := play(t, map[string][]answer{other: refused(500, `{"error":"unknown_error"}`), rolesOf: ok(plainRoles)})
	for range 5 {
		if got, err := c.Clearance(t.Context(), "f:x:y"); got != account.Unknown || err == nil {
			t.Fatalf("got %v, %v", got, err)
		}
	}
	if got, err := c.Clearance(t.Context(), anna); got != account.NotCleared || err != nil {
		t.Errorf("the next person got %v, %v", got, err)
	}
}

func TestIDsThatKeycloakCannotReadAreNotAsked(t *testing.T) {
	s, c := play(t, nil)
	for _, id := range []account.ID{"f:abc", "f:", "", "..", "a/b", "a%2fb", "a?b"} {
		if _, err := c.Clearance(t.Context(), id); err != nil && errors.Is(err, keycloak.ErrDown) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if len(s.asked) != 0 {
		t.Errorf("asked %q", s.asked)
	}
}

func TestErrorsTellNoNumber(t *testing.T) {
	_, c := play(t, nil)
	c.URL = &url.URL{Scheme: "http", Host: "127.0.0.1:1"}
	_, err := c.Find(t.Context(), number)
	if err == nil || strings.Contains(strings.ToUpper(err.Error()), string(number)) {
		t.Errorf("got %v, want an error without the number", err)
	}
	const find = "GET /auth/admin/realms/kasse/users?briefRepresentation=true&exact=true&max=2&username=a123456780"
	for name, answers := range map[string][]answer{
		"refusal": refused(400, `{"error":"no user a123456780"}`), "page": {{code: 200, body: "a123456780", kind: "text/html"}},
		"no JSON": ok("a123456780"),
	} {
		_, c := play(t, map[string][]answer{find: answers})
		_, err := c.Find(t.Context(), number)
		if err == nil || strings.Contains(strings.ToUpper(err.Error()), string(number)) {
			t.Errorf("%s: got %v, want an error without the number", name, err)
		}
	}
}

func TestLastSuccessIsTheLastAnswerWithSense(t *testing.T) {
	own := "GET " + users + own + "/role-mappings/realm"
	s, c := play(t, map[string][]answer{own: {{code: 200, body: `[]`}, {code: 403, body: `{}`}}, rolesOf: refused(404, noUser)})
	if !c.LastSuccess().IsZero() {
		t.Errorf("before the first call: %v", c.LastSuccess())
	}
	if err := c.Ping(t.Context()); err != nil || !c.LastSuccess().Equal(s.Now()) {
		t.Errorf("after a ping: %v, error %v", c.LastSuccess(), err)
	}
	first := s.Now()
	s.pass(time.Minute)
	if err := c.Ping(t.Context()); err == nil || !c.LastSuccess().Equal(first) {
		t.Errorf("after a refusal: %v, error %v, want the first", c.LastSuccess(), err)
	}
	if _, err := c.Clearance(t.Context(), anna); err != nil || !c.LastSuccess().Equal(s.Now()) {
		t.Errorf("after an answer about an account that is not there: %v, error %v", c.LastSuccess(), err)
	}
}

func TestUnreadableSecretIsSaid(t *testing.T) {
	_, c := play(t, nil)
	c.Secret = func() (string, error) { return "", errors.New("no such file") }
	if err := c.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("got %v", err)
	}
}
