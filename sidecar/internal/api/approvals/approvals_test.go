package approvals_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/approval/approvaltest"
	"github.com/schleuse/schleuse/sidecar/internal/api"
	"github.com/schleuse/schleuse/sidecar/internal/api/apitest"
	"github.com/schleuse/schleuse/sidecar/internal/api/approvals"
	"github.com/schleuse/schleuse/sidecar/internal/api/approvals/approvalstest"
	"github.com/schleuse/schleuse/sidecar/internal/relying/relyingtest"
)

// world is a running API of which each answer is held against the document.
type world struct {
	*approvalstest.World
	t        *testing.T
	document *apitest.Document
}

func newWorld(t *testing.T, change ...func(*approvals.Face)) *world {
	w := &world{approvalstest.New(t, change...), t, apitest.Open(t, approvals.Prefix, approvals.Document)}
	return w
}

// in is the same world for a part of the test.
func (w *world) in(t *testing.T) *world { return &world{w.World, t, w.document} }

// request is one of the backend, unless the headers say otherwise.
func (w *world) request(method, path, body string, headers ...string) *http.Request {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.URL+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.Token(nil))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Del(headers[i])
		if headers[i+1] != "" {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	return r
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) problem() string {
	var p struct{ Type string }
	if json.Unmarshal([]byte(a.body), &p) != nil {
		return ""
	}
	return strings.TrimPrefix(p.Type, api.Namespace)
}

func (a answer) pointers() (out []string) {
	var p struct{ Errors []api.Detail }
	if json.Unmarshal([]byte(a.body), &p) != nil {
		return nil
	}
	for _, e := range p.Errors {
		out = append(out, e.Pointer)
	}
	return out
}

type shown struct {
	ID, State, Reason string
	MatchCode         string    `json:"match_code"`
	Expires           time.Time `json:"expires_at"`
	Receipt           string
}

func (a answer) approval(t *testing.T) (s shown) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), &s); err != nil || a.status/100 != 2 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	return s
}

func (w *world) do(r *http.Request) answer {
	w.t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	w.document.Answer(w.t, r, resp, body)
	return answer{resp.StatusCode, resp.Header, string(body)}
}

func (w *world) get(path string) answer { return w.do(w.request("GET", path, "")) }

func (w *world) post(path, body string, headers ...string) answer {
	return w.do(w.request("POST", path, body, headers...))
}

// content is what the backend will execute.
const content = "the new address"

func hash(of string) string { return approval.HashOf([]byte(of)).String() }

// question is a good body with some places changed by replacing texts.
func question(changes ...string) string {
	q := `{"subject":{"kvnr":"A123456780"},"action":"adresse","fields":{"alt":"Am Siel 2","neu":"Am Deich 1"},"content_sha256":"` + hash(content) + `"}`
	return strings.NewReplacer(changes...).Replace(q)
}

func (w *world) ask(key string, changes ...string) answer {
	w.t.Helper()
	return w.post("/approvals", question(changes...), "Idempotency-Key", key)
}

func (w *world) origin() string {
	w.t.Helper()
	text, _, err := w.Origin(w.t.Context(), w.Phone.ID, approval.OriginLife)
	if err != nil {
		w.t.Fatal(err)
	}
	return text
}

func TestAnOriginServesOneQuestion(t *testing.T) {
	w := newWorld(t)
	from := func(origin string) []string { return []string{`"action"`, `"origin":"` + origin + `","action"`} }
	text := w.origin()
	first := w.ask("k", from(text)...)
	if a, err := w.Memory.Get(t.Context(), approval.ID(first.approval(t).ID)); err != nil || a.SameDevice != w.Phone.ID {
		t.Errorf("%q, %v", a.SameDevice, err)
	}
	if again := w.ask("k", from(text)...); again.status != http.StatusOK || again.approval(t).ID != first.approval(t).ID {
		t.Errorf("again: %d %s", again.status, again.body)
	}
	late := w.origin()
	w.Pass(approval.OriginLife)
	for name, origin := range map[string]string{"used": text, "over": late, "bad": "abc"} {
		if got := w.ask(name, from(origin)...); got.status != http.StatusUnprocessableEntity || got.problem() != "origin" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	if all, err := w.Memory.List(t.Context(), approval.Query{}); err != nil || len(all) != 1 {
		t.Errorf("%d approvals, %v", len(all), err)
	}
}

// asked is a pending approval.
func (w *world) asked(key string) shown {
	w.t.Helper()
	return w.ask(key).approval(w.t)
}

// approved is one that the person has approved.
func (w *world) approved(key string) shown {
	w.t.Helper()
	s := w.asked(key)
	w.confirm(s.ID)
	return s
}

func (w *world) confirm(id string) {
	w.t.Helper()
	a, err := w.Store.Get(w.t.Context(), approval.ID(id))
	if err == nil {
		a, err = w.Confirm(w.t.Context(), a)
	}
	if err != nil || a.State != approval.Approved {
		w.t.Fatalf("confirming: %s %v", a.State, err)
	}
}

func (w *world) redeem(id, of string) answer {
	w.t.Helper()
	return w.post("/approvals/"+id+"/redeem", `{"content_sha256":"`+hash(of)+`"}`)
}

func TestFromAskingToTheReceipt(t *testing.T) {
	w := newWorld(t)
	a := w.ask("key-1")
	s := a.approval(t)
	if a.status != http.StatusCreated || s.State != "pending" || len(s.MatchCode) != 3 || a.header.Get("Location") != approvals.Prefix+"/approvals/"+s.ID {
		t.Fatalf("%d %v %s", a.status, a.header, a.body)
	}
	if again := w.ask("key-1"); again.status != http.StatusOK || again.approval(t).ID != s.ID {
		t.Errorf("the same key again: %d %s", again.status, again.body)
	}
	if early := w.redeem(s.ID, content); early.problem() != "not_approved" {
		t.Errorf("redeemed early: %d %s", early.status, early.body)
	}
	w.confirm(s.ID)
	if now := w.get("/approvals/" + s.ID).approval(t); now.State != "approved" || now.MatchCode != "" {
		t.Errorf("%+v", now)
	}
	if other := w.redeem(s.ID, "something else"); other.problem() != "content" {
		t.Errorf("another content: %d %s", other.status, other.body)
	}
	receipt := w.redeem(s.ID, content).approval(t).Receipt
	claims := w.verified(receipt)
	if claims.Audience != "backend" || claims.Subject != "erika-1" || string(claims.ID) != s.ID || claims.Content != hash(content) || claims.Action != "adresse" {
		t.Errorf("%+v", claims)
	}
	if again := w.redeem(s.ID, content); again.status != http.StatusGone || again.problem() != "redeemed" {
		t.Errorf("redeemed twice: %d %s", again.status, again.body)
	}
}

// verified checks a receipt with the published keys.
func (w *world) verified(receipt string) (claims approval.ReceiptClaims) {
	w.t.Helper()
	published := w.do(w.request("GET", "/keys", "", "Authorization", ""))
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(published.body), &set); err != nil || published.header.Get("Cache-Control") != "public, max-age=300" {
		w.t.Fatal(published, err)
	}
	jws, err := jose.ParseSignedCompact(receipt, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		w.t.Fatal(err)
	}
	payload, err := jws.Verify(set)
	if err == nil {
		err = json.Unmarshal(payload, &claims)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return claims
}

func TestQuestionThatDoesNotFitIsRefusedWithItsPlace(t *testing.T) {
	w := newWorld(t)
	tests := map[string]struct {
		change   []string
		problem  string
		pointers []string
	}{
		"other field":         {[]string{`"alt"`, `"iban"`}, "invalid", []string{"/fields/alt", "/fields/iban"}},
		"hidden direction":    {[]string{"Am Siel 2", "Am \u202eSiel"}, "invalid", []string{"/fields/alt"}},
		"no number":           {[]string{"A123456780", "A12"}, "invalid", []string{"/subject/kvnr"}},
		"no account":          {[]string{`"kvnr":"A123456780"`, `"sub":"../x"`}, "invalid", []string{"/subject/sub"}},
		"two subjects":        {[]string{`"kvnr":"A123456780"`, `"kvnr":"A123456780","sub":"erika-1"`}, "invalid", []string{"/subject"}},
		"nobody named":        {[]string{`"kvnr":"A123456780"`, ``}, "invalid", []string{"/subject"}},
		"short hash":          {[]string{hash(content), "YQ"}, "invalid", []string{"/content_sha256"}},
		"hash with padding":   {[]string{hash(content), hash(content) + "="}, "invalid", []string{"/content_sha256"}},
		"lifetime too short":  {[]string{`"action"`, `"lifetime":5,"action"`}, "invalid", []string{"/lifetime"}},
		"lifetime of a year":  {[]string{`"action"`, `"lifetime":31536000,"action"`}, "invalid", []string{"/lifetime"}},
		"lifetime that wraps": {[]string{`"action"`, `"lifetime":36028797018964028,"action"`}, "invalid", []string{"/lifetime"}},
		"lifetime in text":    {[]string{`"action"`, `"lifetime":"5m","action"`}, "malformed", []string{"/lifetime"}},
		"unknown member":      {[]string{`"action"`, `"risk":"low","action"`}, "malformed", []string{"/risk"}},
		"double member":       {[]string{`"alt"`, `"neu":"x","alt"`}, "malformed", []string{"/fields/neu"}},
		"field with a number": {[]string{`"Am Siel 2"`, `2`}, "malformed", []string{"/fields/alt"}},
		"unknown action":      {[]string{"adresse", "bank"}, "forbidden", nil},
		"our own action":      {[]string{"adresse", "schleuse.enrol"}, "forbidden", nil},
		"unknown person":      {[]string{"A123456780", "B123456782"}, "nobody", nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			a := w.ask(strings.ReplaceAll(name, " ", "-"), tt.change...)
			if a.problem() != tt.problem {
				t.Errorf("%d %s", a.status, a.body)
			}
			if diff := cmp.Diff(tt.pointers, a.pointers()); diff != "" {
				t.Errorf("pointers (-want +got):\n%s", diff)
			}
			if strings.Contains(a.body, "A12") || strings.Contains(a.body, "Siel") {
				t.Errorf("the answer repeats what was sent: %s", a.body)
			}
		})
	}
	if all := w.get("/approvals"); all.body != `{"approvals":[]}` {
		t.Errorf("something was asked: %s", all.body)
	}
}

func TestIdempotencyKey(t *testing.T) {
	w := newWorld(t)
	for name, key := range map[string]string{"none": "", "with a blank": "a b", "too long": strings.Repeat("k", 256)} {
		if a := w.ask(key); a.problem() != "malformed" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	two := w.request("POST", "/approvals", question(), "Idempotency-Key", "a")
	two.Header.Add("Idempotency-Key", "b")
	if a := w.do(two); a.problem() != "malformed" {
		t.Errorf("two keys: %d %s", a.status, a.body)
	}
	w.asked("key")
	if a := w.ask("key", "Am Deich 1", "Am Deich 2"); a.status != http.StatusUnprocessableEntity || a.problem() != "key_reused" {
		t.Errorf("another request: %d %s", a.status, a.body)
	}
}

func TestWhoMayAsk(t *testing.T) {
	w := newWorld(t)
	w.Clients["other"] = []string{approvaltest.Address}
	with := func(name string, value any) []string {
		return []string{"Authorization", "Bearer " + w.Token(map[string]any{name: value})}
	}
	tests := map[string]struct {
		headers []string
		problem string
	}{
		"nobody":           {[]string{"Authorization", ""}, "unauthenticated"},
		"another audience": {with("aud", "webcenter"), "unauthenticated"},
		"expired":          {with("exp", w.Clock().Add(-time.Minute).Unix()), "unauthenticated"},
		"another role":     {with("realm_access", map[string]any{"roles": []string{"identified"}}), "forbidden"},
		"unknown client":   {with("azp", "webcenter"), "forbidden"},
		"ourselves":        {with("azp", approval.Self), "forbidden"},
		"a person's token": {with("sid", "a-session"), "forbidden"},
		"bound to a key":   {with("cnf", map[string]any{"jkt": "x"}), "unauthenticated"},
		"an ID token":      {with("typ", "ID"), "unauthenticated"},
		"a web page":       {[]string{"Sec-Fetch-Site", "cross-site"}, "cross_site"},
		"another client":   {with("azp", "other"), "not_found"},
	}
	w.Clients[approval.Self] = nil
	id := w.approved("key").ID
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			for _, r := range []*http.Request{
				w.request("GET", "/approvals/"+id, "", tt.headers...),
				w.request("GET", "/approvals/"+id+"/events", "", tt.headers...),
				w.request("POST", "/approvals/"+id+"/cancel", "", tt.headers...),
				w.request("POST", "/approvals/"+id+"/redeem", `{"content_sha256":"`+hash(content)+`"}`, tt.headers...),
			} {
				if a := w.do(r); a.problem() != tt.problem {
					t.Errorf("%s %s: %d %s", r.Method, r.URL.Path, a.status, a.body)
				}
			}
		})
	}
	if a := w.do(w.request("GET", "/approvals", "", with("azp", "other")...)); a.body != `{"approvals":[]}` {
		t.Errorf("another client's list: %s", a.body)
	}
	if a := w.get("/approvals/" + id).approval(t); a.State != "approved" {
		t.Errorf("a stranger changed it: %+v", a)
	}
}

func TestRealmAwayIsNoRefusal(t *testing.T) {
	w := newWorld(t)
	w.Issuer.Set(func(s *relyingtest.Switches) { s.NoKeys = true })
	if a := w.get("/approvals"); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestStoreAwayIsNotTold(t *testing.T) {
	w := newWorld(t)
	id := w.asked("key").ID
	w.Memory.Break(fmt.Errorf("disk of %s", approvaltest.Number))
	for _, a := range []answer{w.get("/approvals/" + id), w.get("/approvals/" + id + "/events"), w.redeem(id, content), w.ask("other")} {
		if a.status != http.StatusInternalServerError || strings.Contains(a.body, "disk") {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
}

func TestSixtyFourRedemptionsGiveOneReceipt(t *testing.T) {
	w := newWorld(t)
	id := w.approved("key").ID
	answers := make(chan answer, 64)
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() { answers <- w.redeem(id, content) })
	}
	all.Wait()
	close(answers)
	receipts := 0
	for a := range answers {
		switch {
		case a.status == http.StatusOK:
			receipts++
		case a.problem() != "redeemed":
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	if receipts != 1 {
		t.Errorf("%d receipts", receipts)
	}
}

func TestEndedIsToldWithItsReason(t *testing.T) {
	w := newWorld(t)
	id := w.asked("key").ID
	for range 2 {
		if a := w.post("/approvals/"+id+"/cancel", "").approval(t); a.State != "cancelled" || a.Reason != "client" {
			t.Errorf("%+v", a)
		}
	}
	over := w.redeem(id, content)
	if over.problem() != "request_over" || !strings.Contains(over.body, `"reason":"client"`) || !strings.Contains(over.body, `"state":"cancelled"`) {
		t.Errorf("%d %s", over.status, over.body)
	}
	late := w.approved("late").ID
	w.Pass(6 * time.Minute)
	for _, a := range []answer{w.redeem(late, content), w.post("/approvals/"+late+"/cancel", "")} {
		if a.problem() != "request_over" || !strings.Contains(a.body, `"state":"expired"`) {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
}

func TestPersonIsNotWornDown(t *testing.T) {
	w := newWorld(t)
	w.asked("first")
	if a := w.ask("second"); a.problem() != "pending" {
		t.Errorf("%d %s", a.status, a.body)
	}
	for i := range 12 {
		a := w.ask(fmt.Sprint(i), `"action"`, `"session":"s","action"`)
		if a.problem() == "too_many" && a.header.Get("Retry-After") != "" {
			return
		}
		if a.status == http.StatusCreated {
			w.post("/approvals/"+a.approval(t).ID+"/cancel", "")
		}
		w.Pass(5 * time.Minute)
	}
	t.Error("twelve in an hour are let through")
}

func TestLongPollAnswersWhenItIsDecided(t *testing.T) {
	w := newWorld(t)
	go w.Watch.Run(t.Context())
	id := w.asked("key").ID
	got := make(chan answer, 1)
	go func() { got <- w.get("/approvals/" + id + "?wait=60") }()
	for w.Watch.Waiting() == 0 {
		runtime.Gosched()
	}
	w.confirm(id)
	if a := (<-got).approval(t); a.State != "approved" {
		t.Errorf("%+v", a)
	}
	if a := w.get("/approvals/" + id + "?wait=60").approval(t); a.State != "approved" {
		t.Errorf("%+v", a)
	}
	pending := w.ask("next", "adresse", "post", `"alt":"Am Siel 2","neu":"Am Deich 1"`, `"weg":"Brief"`).approval(t).ID
	if a := w.get("/approvals/" + pending + "?wait=1").approval(t); a.State != "pending" {
		t.Errorf("%+v", a)
	}
	go func() { got <- w.get("/approvals/" + pending + "?wait=60") }()
	for w.Watch.Waiting() == 0 {
		runtime.Gosched()
	}
	w.Stop()
	if a := (<-got).approval(t); a.State != "pending" {
		t.Errorf("at the stop: %+v", a)
	}
}

func TestStreamTellsEveryStateToTheEnd(t *testing.T) {
	w := newWorld(t)
	go w.Watch.Run(t.Context())
	id := w.asked("key").ID
	resp, err := http.DefaultClient.Do(w.request("GET", "/approvals/"+id+"/events", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	next := func() string {
		for lines.Scan() {
			if state, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
				return state
			}
		}
		return "end"
	}
	var got []string
	got = append(got, next())
	w.confirm(id)
	got = append(got, next())
	w.redeem(id, content)
	got = append(got, next(), next())
	if diff := cmp.Diff([]string{"pending", "approved", "redeemed", "end"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	again := w.do(w.request("GET", "/approvals/"+id+"/events", "", "Last-Event-ID", "approved"))
	if !strings.HasPrefix(again.body, "id: redeemed\nevent: state\ndata: {") || strings.Count(again.body, "id: ") != 1 {
		t.Errorf("come again: %q", again.body)
	}
}

func TestListIsNarrowedAndBounded(t *testing.T) {
	w := newWorld(t)
	var ids []string
	for i := range 3 {
		s := w.asked(fmt.Sprint(i))
		ids = append([]string{s.ID}, ids...)
		w.post("/approvals/"+s.ID+"/cancel", "")
		w.Pass(time.Minute)
	}
	open := w.asked("open").ID
	for query, want := range map[string][]string{
		"":                           append([]string{open}, ids...),
		"?state=cancelled":           ids,
		"?state=pending,approved":    {open},
		"?limit=2":                   {open, ids[0]},
		"?limit=2&before=" + ids[0]:  ids[1:],
		"?state=cancelled&limit=1":   ids[:1],
		"?state=redeemed,denied":     nil,
		"?before=" + ids[len(ids)-1]: nil,
	} {
		var page struct{ Approvals []shown }
		a := w.get("/approvals" + query)
		if err := json.Unmarshal([]byte(a.body), &page); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range page.Approvals {
			got = append(got, s.ID)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
	for _, query := range []string{"state=open", "state=denied,denied", "state=", "limit=0", "limit=101", "limit=x", "before=x", "kvnr=A123456780", "limit=1&limit=2"} {
		if a := w.get("/approvals?" + query); a.problem() != "malformed" && query != "state=" {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
}

func TestOneClientCannotFlood(t *testing.T) {
	w := newWorld(t)
	for range 1500 {
		if a := w.get("/approvals?limit=1"); a.problem() == "too_many" {
			return
		}
	}
	t.Error("1500 requests at once are let in")
}

func TestOtherPathsAreNotThere(t *testing.T) {
	w := newWorld(t)
	for path, problem := range map[string]string{
		"/approvals/x": "not_found", "/approvals/" + string(approval.NewID()): "not_found", "/approvals/": "not_found", "": "not_found", "/keys/x": "not_found",
	} {
		if a := w.get(path); a.problem() != problem {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if a := w.do(w.request("DELETE", "/approvals", "")); a.problem() != "method_not_allowed" || a.header.Get("Allow") != "GET, POST" {
		t.Errorf("%d %v", a.status, a.header)
	}
}
