package nect_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/schleuse/schleuse/sidecar/flow"
)

func TestACallbackIsAHint(t *testing.T) {
	w := in(t, "pending")
	a := w.attempt(1, flow.Registration)
	w.presses(a, "start")
	w.returns(a.ID)
	c := w.nect.last()
	_, before := w.nect.counts()
	tell := func(body string) {
		t.Helper()
		w.Clock.Pass(3 * time.Second)
		if status := calls(t, http.MethodPut, c.callback+"/"+c.id, body); status != http.StatusNoContent {
			t.Errorf("status %d", status)
		}
	}
	tell(`{"state":"finished","success":true}`) // early, or forged
	if _, asked := w.nect.counts(); asked != before {
		t.Error("the callback itself asked Nect")
	}
	if err := w.delivers(); err != nil {
		t.Error(err)
	}
	w.expect(w.looks(a), "waiting")
	w.nect.turn("pending", "match")
	tell("")
	tell("")
	if len(w.Outbox.Queued()) == 0 {
		t.Error("nothing is queued")
	}
	if err := w.delivers(); err != nil {
		t.Error(err)
	}
	_, before = w.nect.counts()
	w.nect.turn("pending", "failed") // late, out of order: what is final stays
	tell(`{"state":"aborted"}`)
	w.expect(w.looks(a), "done")
	if _, asked := w.nect.counts(); asked != before || len(w.Outbox.Queued()) > 0 {
		t.Error("a case that is final was asked for")
	}
}

// An absent callback costs nothing: the page asks, and not too often.
func TestWithoutACallbackThePageAsks(t *testing.T) {
	w := in(t, "pending")
	a := w.attempt(1, flow.Registration)
	w.presses(a, "start")
	w.returns(a.ID)
	for range 10 {
		w.expect(w.looks(a), "waiting")
	}
	if _, asked := w.nect.counts(); asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	w.nect.turn("pending", "match")
	w.Clock.Pass(2 * time.Second)
	w.expect(w.looks(a), "done")
}

func TestKnownAndUnknownCasesAreAnsweredAlike(t *testing.T) {
	w := in(t, "pending")
	a := w.attempt(1, flow.Registration)
	w.presses(a, "start")
	c := w.nect.last()
	type answer struct{ put, post, get, huge int }
	ask := func(id string) answer {
		at := c.callback + "/" + id
		return answer{
			calls(t, http.MethodPut, at, "x"), calls(t, http.MethodPost, at, ""),
			calls(t, http.MethodGet, at, ""), calls(t, http.MethodPut, at, strings.Repeat("x", 64<<10+1)),
		}
	}
	want := answer{204, 204, 405, 413}
	for _, id := range []string{c.id, strings.ToUpper(c.id), "00000000-0000-4000-8000-999999999999", "x", "%2e%2e", strings.Repeat("a", 5000)} {
		if got := ask(id); got != want {
			t.Errorf("%.40s: %+v", id, got)
		}
	}
	if n := len(w.Outbox.Queued()); n != 1 {
		t.Errorf("%d messages", n)
	}
}

func TestCallbacksOfOneCaseAreBounded(t *testing.T) {
	w := in(t, "pending")
	a := w.attempt(1, flow.Registration)
	w.presses(a, "start")
	c := w.nect.last()
	for range 150 {
		calls(t, http.MethodPost, c.callback+"/"+c.id, "")
		w.Clock.Pass(2 * time.Second)
	}
	if n := len(w.Outbox.Queued()); n != 100 {
		t.Errorf("%d messages", n)
	}
}

// Two hundred callbacks and returns at once, in the browser that began and
// elsewhere, with people at the page: one outcome.
func TestOneOutcomeOfManyAtOnce(t *testing.T) {
	w := in(t, "match")
	a := w.attempt(1, flow.Registration)
	w.presses(a, "start")
	c := w.nect.last()
	var mu sync.Mutex
	codes, done := map[string]bool{}, 0
	var wg sync.WaitGroup
	for n := range 200 {
		wg.Go(func() {
			switch n % 4 {
			case 0:
				calls(t, http.MethodPut, c.callback+"/"+c.id, "")
			case 1:
				browse(t, c.back+"?nectCaseId="+c.id, a.ID)
			case 2:
				_, page := browse(t, c.back+"?nectCaseId="+c.id, "")
				if m := shownCode.FindStringSubmatch(page); m != nil {
					mu.Lock()
					codes[m[1]] = true
					mu.Unlock()
				}
			case 3:
				own := *a
				w.parts.Step.Begin(t.Context(), &own)
			}
		})
	}
	wg.Wait()
	if err := w.delivers(); err != nil {
		t.Error(err)
	}
	w.Clock.Pass(5 * time.Second)
	switch got := w.looks(a); {
	case got == "done" && len(codes) == 0:
	case got == "code" && len(codes) == 1:
		for code := range codes {
			w.expect(w.types(a, code), "done")
		}
	default:
		t.Errorf("%q, and %d codes", got, len(codes))
	}
	for _, e := range w.Audit.Entries() {
		if e.Action == "identification.match" {
			done++
		}
	}
	if opened, _ := w.nect.counts(); done != 1 || opened != 1 {
		t.Errorf("%d matches in the audit, %d cases", done, opened)
	}
	passed := 0
	for n := range byte(20) { // and one attempt passes with it
		b := w.attempt(n+20, flow.Registration)
		b.Parked = []flow.AttemptID{a.ID}
		if w.looks(b) == "done" {
			passed++
		}
	}
	if passed != 0 {
		t.Errorf("%d others passed", passed)
	}
}

func TestKeysOfCallbacks(t *testing.T) {
	at := newService(t)
	w := at.world(t, "pending", fmt.Sprintf("callback: {verify: api_key, key_files: [%s, %s]}", at.file("old-key"), at.file("new-key")))
	a := w.attempt(1, flow.Registration)
	w.presses(a, "start")
	c := at.last()
	for _, to := range []string{c.id, "00000000-0000-4000-8000-999999999999"} {
		for sent, want := range map[string]int{"old-key": 204, "new-key": 204, "other": 401, "": 401, "new-key ": 204, key: 401} {
			w.Clock.Pass(3 * time.Second)
			if got := calls(t, http.MethodPut, c.callback+"/"+to, "", "X-Api-Key", sent); got != want {
				t.Errorf("%q: %d", sent, got)
			}
		}
	}
	if got := calls(t, http.MethodPut, c.callback+"/"+c.id, ""); got != 401 {
		t.Errorf("without a key: %d", got)
	}
	if n := len(w.Outbox.Queued()); n != 3 {
		t.Errorf("%d messages", n)
	}
}

const (
	oldSecret = "whsec_b2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xk"
	newSecret = "whsec_bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3"
)

func TestSignaturesOfCallbacks(t *testing.T) {
	at := newService(t)
	w := at.world(t, "pending", fmt.Sprintf("callback: {verify: hmac, key_files: [%s, %s]}", at.file(oldSecret), at.file(newSecret)))
	a := w.attempt(1, flow.Registration)
	w.presses(a, "start")
	c := at.last()
	type message struct {
		secret, id, body, sent string
		age                    time.Duration
	}
	tell := func(m message) int {
		t.Helper()
		hook, err := standardwebhooks.NewWebhook(m.secret)
		if err != nil {
			t.Fatal(err)
		}
		stamp := w.Clock.Now().Add(-m.age)
		signature, err := hook.Sign(m.id, stamp, []byte(m.body))
		if err != nil {
			t.Fatal(err)
		}
		return calls(t, http.MethodPost, c.callback+"/"+c.id, m.sent, "Webhook-Id", m.id,
			"Webhook-Timestamp", strconv.FormatInt(stamp.Unix(), 10), "Webhook-Signature", "v1,bm8= "+signature)
	}
	for name, m := range map[string]struct {
		message
		status, queued int
	}{
		"old secret":     {message{oldSecret, "1", "x", "x", 0}, 204, 1},
		"new secret":     {message{newSecret, "2", "x", "x", 4 * time.Minute}, 204, 1},
		"clock ahead":    {message{newSecret, "3", "x", "x", -5 * time.Minute}, 204, 1},
		"other secret":   {message{"whsec_b3RoZXI=", "4", "x", "x", 0}, 401, 0},
		"other body":     {message{newSecret, "5", "x", "y", 0}, 401, 0},
		"too old":        {message{newSecret, "6", "x", "x", 5*time.Minute + time.Second}, 401, 0},
		"too new":        {message{newSecret, "7", "x", "x", -5*time.Minute - time.Second}, 401, 0},
		"a long id":      {message{newSecret, strings.Repeat("8", 201), "x", "x", 0}, 401, 0},
		"without an id":  {message{newSecret, "", "x", "x", 0}, 401, 0},
		"in the future":  {message{newSecret, "9", "x", "x", -1e9 * time.Second}, 401, 0},
		"nothing in it":  {message{newSecret, "10", "", "", 0}, 204, 1},
		"the same again": {message{oldSecret, "11", "x", "x", 0}, 204, 1},
	} {
		w.Clock.Pass(time.Minute)
		before := len(w.Outbox.Queued())
		if got := tell(m.message); got != m.status {
			t.Errorf("%s: status %d", name, got)
		}
		w.Clock.Pass(10 * time.Second)
		if got := tell(m.message); got != m.status { // replayed, freshly signed
			t.Errorf("%s, again: status %d", name, got)
		}
		if got := len(w.Outbox.Queued()) - before; got != m.queued {
			t.Errorf("%s: %d messages", name, got)
		}
	}
}

// A repetition, whose id is the same, counts after our own 503.
func TestASignedCallbackThatCannotBeStoredIsToBeRepeated(t *testing.T) {
	at := newService(t)
	w := at.world(t, "pending", fmt.Sprintf("callback: {verify: hmac, key_files: [%s]}", at.file(newSecret)))
	w.presses(w.attempt(1, flow.Registration), "start")
	c := at.last()
	stamp := w.Clock.Now()
	tell := func(want, queued int) {
		t.Helper()
		hook, err := standardwebhooks.NewWebhook(newSecret)
		if err != nil {
			t.Fatal(err)
		}
		signature, err := hook.Sign("1", stamp, []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		got := calls(t, http.MethodPost, c.callback+"/"+c.id, "x", "Webhook-Id", "1",
			"Webhook-Timestamp", strconv.FormatInt(stamp.Unix(), 10), "Webhook-Signature", signature)
		if n := len(w.Outbox.Queued()); got != want || n != queued {
			t.Errorf("status %d, %d messages; want %d, %d", got, n, want, queued)
		}
		w.Clock.Pass(3 * time.Second)
	}
	w.Outbox.Break(fmt.Errorf("down"))
	tell(503, 0)
	w.Outbox.Break(nil)
	w.Counters.Break(fmt.Errorf("down"))
	tell(503, 0)
	w.Counters.Break(nil)
	tell(204, 1)
	tell(204, 1)
}

func TestACallbackThatCannotBeStoredIsToBeRepeated(t *testing.T) {
	w := in(t, "pending")
	a := w.attempt(1, flow.Registration)
	w.presses(a, "start")
	c := w.nect.last()
	w.Outbox.Break(fmt.Errorf("down"))
	if got := calls(t, http.MethodPut, c.callback+"/"+c.id, ""); got != 503 {
		t.Errorf("status %d", got)
	}
	w.Outbox.Break(nil)
	w.Records.Break(fmt.Errorf("down"))
	if got := calls(t, http.MethodPut, c.callback+"/"+c.id, ""); got != 503 {
		t.Errorf("status %d", got)
	}
	if status, page := browse(t, c.back, a.ID); status != 503 || !strings.HasPrefix(page, "later") {
		t.Errorf("%d %s", status, page)
	}
	w.Records.Break(nil)
	w.returns(a.ID)
	w.nect.turn("pending", "match")
	w.Clock.Pass(5 * time.Second)
	w.expect(w.looks(a), "done")
}

// What the directory cannot say yet is asked for later, and nothing is kept.
func TestAResultWaitsForTheDirectory(t *testing.T) {
	w := in(t, "match")
	a := w.attempt(1, flow.Registration)
	w.Members.Break(fmt.Errorf("down"))
	w.expect(w.presses(a, "start"), "later")
	w.returns(a.ID)
	c := w.nect.last()
	calls(t, http.MethodPut, c.callback+"/"+c.id, "")
	if err := w.delivers(); err == nil || len(w.Outbox.Queued()) != 1 {
		t.Errorf("%v, %d messages", err, len(w.Outbox.Queued()))
	}
	w.Members.Break(nil)
	if err := w.delivers(); err != nil {
		t.Error(err)
	}
	w.expect(w.looks(a), "done")
	if w.Counters.Tries("mismatch") != 0 {
		t.Error("a mismatch is counted")
	}
}

func TestWhatIsNoHintIsGivenUp(t *testing.T) {
	w := in(t, "match")
	if err := w.Outbox.Put(t.Context(), "k", []byte("no hint"), time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := w.Outbox.Put(t.Context(), "l", []byte(`{"Attempt":"a","Case":"b"}`), time.Hour); err != nil {
		t.Fatal(err)
	}
	_ = w.delivers()
	if len(w.Outbox.Queued()) != 0 {
		t.Error("it waits on")
	}
}

// Who is in review was done; what Nect says later cannot take that back.
func TestAStateOnlyGoesForward(t *testing.T) {
	w := in(t, "in review")
	a := w.attempt(1, flow.Login)
	w.presses(a, "start")
	w.returns(a.ID)
	w.expect(w.looks(a), "parked: review")
	w.nect.turn("in review", "pending")
	w.Clock.Pass(time.Minute)
	w.expect(w.looks(a), "parked: review")
}

// While one asks for a result, nobody else does, however long it takes.
func TestAResultIsAskedForByOne(t *testing.T) {
	w := in(t, "match")
	a := w.attempt(1, flow.Registration)
	inside := ""
	w.nect.before = func(*identification) {
		w.nect.mu.Lock()
		w.nect.before = nil
		w.nect.mu.Unlock()
		w.Clock.Pass(10 * time.Second)
		own := *a
		inside = w.looks(&own)
	}
	w.presses(a, "start")
	if _, asked := w.nect.counts(); asked != 1 || inside != "jump" {
		t.Errorf("asked %d times; in the meantime %q", asked, inside)
	}
	w.returns(a.ID)
	w.expect(w.looks(a), "done")
}
