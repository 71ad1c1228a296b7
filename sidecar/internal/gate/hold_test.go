package gate_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/gate"
)

// held is a browser whose login is held, and the page of its step.
func held(t *testing.T, w *world) (*browser, string) {
	t.Helper()
	b := w.browser()
	return b, b.signIn("app", "a123456780").want(http.StatusSeeOther).location()
}

// ready is one whose steps are passed.
func ready(t *testing.T, w *world) (*browser, string) {
	t.Helper()
	b, at := held(t, w)
	b.answer(b.get(at), "digits", "0042").want(http.StatusSeeOther)
	return b, at + "/release"
}

func TestReleasedByteForByte(t *testing.T) {
	w := newWorld(t)
	body := "<HTML>\x00\xff form_post \r\n"
	b := w.browser()
	page := b.typeNumber(authURL("app"), "A123456780")
	w.keycloak.respond = func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost {
			return false
		}
		w.keycloak.sessions["sid-x"] = w.keycloak.people["a123456780"]
		w.keycloak.setIdentity(rw, "sid-x")
		rw.Header().Set("Content-Type", "text/html;charset=UTF-8")
		rw.Header().Set("X-Robots-Tag", "none")
		rw.WriteHeader(http.StatusAccepted)
		rw.Write([]byte(body))
		return true
	}
	out := b.pass(b.password(page, "", "pw-a123456780")).want(http.StatusAccepted)
	if out.Body.String() != body || out.Header().Get("X-Robots-Tag") != "none" || b.cookies["KEYCLOAK_SESSION"] != "hash" {
		t.Errorf("released %q with %v", out.Body, out.Header())
	}
}

// TestCodeLeavesOnce: whoever comes again gets the cookies and goes on by the
// original request, and nobody is asked twice.
func TestCodeLeavesOnce(t *testing.T) {
	w := newWorld(t)
	b, release := ready(t, w)
	thief := w.browser()
	for name, v := range b.cookies {
		thief.keep([]*http.Cookie{{Name: name, Value: v}})
	}
	if codeOf(b.get(release)) == "" {
		t.Fatal("no code at first")
	}
	again := thief.get(release).want(http.StatusSeeOther)
	if strings.Contains(again.location(), "code=") || thief.cookies["KEYCLOAK_IDENTITY"] == "" {
		t.Fatalf("again: %v", again.Header())
	}
	if !strings.HasPrefix(again.location(), oidcPath+"/auth?") {
		t.Errorf("goes on at %s", again.location())
	}
	if codeOf(thief.get(again.location())) == "" {
		t.Error("the original request gave no code")
	}
	thief.get(release).want(http.StatusGone)
}

func TestComesAgainTooLate(t *testing.T) {
	w := newWorld(t)
	b, release := ready(t, w)
	b.get(release).want(http.StatusFound)
	w.clock.Pass(11 * time.Minute)
	if got := b.get(release).want(http.StatusGone); got.Header().Get("Set-Cookie") != "" {
		t.Errorf("cookies left: %v", got.Header())
	}
}

func TestParallelReleasesGiveOneCode(t *testing.T) {
	w := newWorld(t)
	b, release := ready(t, w)
	var mu sync.Mutex
	var wg sync.WaitGroup
	codes := 0
	for range 8 {
		twin := &browser{world: w, cookies: map[string]string{}, order: slices.Clone(b.order)}
		for n, v := range b.cookies {
			twin.cookies[n] = v
		}
		wg.Go(func() {
			out := twin.get(release)
			mu.Lock()
			defer mu.Unlock()
			if out.Code == http.StatusFound && codeOf(out) != "" {
				codes++
			}
		})
	}
	wg.Wait()
	if codes != 1 {
		t.Errorf("%d codes left, want 1", codes)
	}
}

func TestReleaseLooksAgain(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(w *world)
		status int
		live   int
	}{
		"clearance withdrawn": {func(w *world) { w.keycloak.set("a123456780", account.NotCleared) }, http.StatusGone, 0},
		"nothing known":       {func(w *world) { w.keycloak.break_(true) }, http.StatusServiceUnavailable, 1},
		"session ended":       {func(w *world) { clear(w.keycloak.sessions) }, http.StatusGone, 0},
		"audit down":          {func(w *world) { w.audit.FailWith(errDown) }, http.StatusServiceUnavailable, 1},
		"codes not recorded":  {func(w *world) { w.records.break_(errDown) }, http.StatusServiceUnavailable, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b, release := ready(t, w)
			tc.change(w)
			nothingLeft(t, b.get(release).want(tc.status))
			if n := w.keycloak.live("a123456780"); n != tc.live {
				t.Errorf("%d sessions, want %d", n, tc.live)
			}
		})
	}
}

func TestReleaseByNavigationAlone(t *testing.T) {
	w := newWorld(t)
	b, release := ready(t, w)
	b.do(http.MethodHead, release, nil).want(http.StatusBadRequest)
	b.do(http.MethodGet, release, nil, func(r *http.Request) { r.Header.Set("Sec-Purpose", "prefetch") }).want(http.StatusBadRequest)
	b.do(http.MethodPost, release, nil).want(http.StatusNotFound)
	if codeOf(b.get(release)) == "" {
		t.Error("the code was used up")
	}
}

func TestReleaseBeforeTheStepIsPassed(t *testing.T) {
	w := newWorld(t)
	b, at := held(t, w)
	if to := b.get(at + "/release").location(); to != at {
		t.Errorf("leads to %s", to)
	}
	if to := b.get(at + "/done").location(); to != at {
		t.Errorf("leads to %s", to)
	}
}

func TestOldCodeIsReplaced(t *testing.T) {
	w := newWorld(t, func(g *gate.Gate) { g.Settings.CodeLifetime = 10 * time.Minute })
	b, release := ready(t, w)
	w.clock.Pass(9*time.Minute + time.Second)
	out := b.get(release).want(http.StatusSeeOther)
	if strings.Contains(out.location(), "code=") || b.cookies["KEYCLOAK_IDENTITY"] == "" {
		t.Fatalf("%v", out.Header())
	}
	w.redeem(codeOf(b.get(out.location()))).want(http.StatusOK)
}

func TestForeignBrowserFindsNoAttempt(t *testing.T) {
	w := newWorld(t)
	_, at := held(t, w)
	stranger := w.browser()
	for _, path := range []string{at, at + "/release", at + "/done", at + "/ways"} {
		stranger.get(path).want(http.StatusGone)
	}
	other, mine := held(t, w)
	other.get(at).want(http.StatusGone)
	tag := func(at string) string { return "__Host-schleuse-" + strings.TrimPrefix(at, "/schleuse/attempts/") }
	other.keep([]*http.Cookie{{Name: tag(at), Value: other.cookies[tag(mine)]}})
	other.get(at).want(http.StatusGone)
}

func TestForeignPageCannotAnswer(t *testing.T) {
	w := newWorld(t)
	b, at := held(t, w)
	page := b.get(at)
	form := url.Values{"schleuse_step": {page.hidden("schleuse_step")}, "digits": {"0042"}}
	b.do(http.MethodPost, at, form, func(r *http.Request) {
		r.Header.Set("Sec-Fetch-Site", "cross-site")
	}).want(http.StatusForbidden)
	if w.keycloak.people["a123456780"].clearance != account.NotCleared {
		t.Error("answered from another site")
	}
}

func TestWrongAnswersEndTheSession(t *testing.T) {
	w := newWorld(t)
	b, at := held(t, w)
	page := b.get(at)
	for range 2 {
		b.answer(page, "digits", "1").want(http.StatusOK)
	}
	b.answer(page, "digits", "1") // egk is exhausted, the letter is next
	letter := b.get(at).shows("ask for answer")
	b.answer(letter, "answer", "never").want(http.StatusOK).shows("never")
	if w.keycloak.live("a123456780") != 0 {
		t.Error("the session lives")
	}
	b.answer(page, "digits", "0042").want(http.StatusOK)
	if w.keycloak.people["a123456780"].clearance != account.NotCleared {
		t.Error("a failed attempt still cleared")
	}
	b.get(at + "/release")
	if b.cookies["KEYCLOAK_IDENTITY"] != "" {
		t.Error("released")
	}
}

// TestSameFormTwiceIsOneTry: a double click, a reload of the answer.
func TestSameFormTwiceIsOneTry(t *testing.T) {
	for name, forget := range map[string]string{"same replica": "__Host-schleuse-turns", "another replica": ""} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b, at := held(t, w)
			page := b.get(at)
			form := url.Values{"schleuse_step": {"egk"}, "schleuse_turn": {page.hidden("schleuse_turn")}, "digits": {"1"}}
			b.post(at, form).want(http.StatusOK).shows("wrong")
			for range 5 {
				delete(b.cookies, forget)
				if forget == "" {
					handler, err := w.gate.Handler()
					if err != nil {
						t.Fatal(err)
					}
					w.handler = handler
				}
				b.post(at, form).want(http.StatusSeeOther)
			}
			page = b.get(at).shows("ask for digits")
			b.answer(page, "digits", "0042").want(http.StatusSeeOther)
		})
	}
}

// TestFailingVoidsEveryAttemptOfTheSession: two tabs, one Keycloak session.
func TestFailingVoidsEveryAttemptOfTheSession(t *testing.T) {
	w := newWorld(t)
	b, first := held(t, w)
	rec := w.record(b, first)
	secret, err := w.gate.Engine.Open(t.Context(), flow.Record{Attempt: rec.Attempt, Held: rec.Held})
	if err != nil {
		t.Fatal(err)
	}
	second := secret.ID().Tag()
	b.keep([]*http.Cookie{{Name: "__Host-schleuse-" + second, Value: secret.Encode()}})
	b.post(first+"/ways", url.Values{"way": {"letter"}})
	b.answer(b.get(first).shows("answer"), "answer", "never")
	b.get(first + "/ways")
	b.answer(b.get(first).shows("digits"), "digits", "1")
	for range 2 {
		b.answer(b.get(first), "digits", "1")
	}
	got, err := w.attempts.Get(t.Context(), secret.ID())
	if err != nil || got.Status != flow.Failed || got.Held != nil {
		t.Errorf("the other attempt: %v %v", got.Status, err)
	}
}

// record is the attempt of a page.
func (w *world) record(b *browser, at string) flow.Record {
	w.t.Helper()
	tag := strings.TrimPrefix(at, "/schleuse/attempts/")
	secret, err := flow.ParseSecret(b.cookies["__Host-schleuse-"+tag])
	if err != nil {
		w.t.Fatal(err)
	}
	rec, err := w.attempts.Get(context.Background(), secret.ID())
	if err != nil {
		w.t.Fatal(err)
	}
	return rec
}

func TestClearedMeanwhileIsNotAsked(t *testing.T) {
	w := newWorld(t)
	b, at := held(t, w)
	w.keycloak.set("a123456780", account.Cleared)
	if to := b.get(at).location(); to != at+"/done" {
		t.Fatalf("leads to %s", to)
	}
	if codeOf(b.get(at+"/release")) == "" {
		t.Error("nothing released")
	}
}

// TestCrashes: whatever was done last, asking again completes it.
func TestCrashes(t *testing.T) {
	for name, status := range map[string]flow.Status{"proof stored, no role": flow.Proven, "role given, not marked": flow.Cleared} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b, at := held(t, w)
			rec := w.record(b, at)
			if status == flow.Cleared {
				w.keycloak.set("a123456780", account.Cleared)
			}
			if _, err := w.attempts.Update(t.Context(), rec.ID, func(r *flow.Record) error {
				r.Status, r.Step = flow.Proven, ""
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if to := b.get(at).location(); to != at+"/done" {
				t.Fatalf("leads to %s", to)
			}
			if codeOf(b.get(at+"/release")) == "" || w.keycloak.people["a123456780"].clearance != account.Cleared {
				t.Error("not completed")
			}
		})
	}
}

func TestNoAuditNoRole(t *testing.T) {
	w := newWorld(t)
	b, at := held(t, w)
	page := b.get(at)
	w.audit.FailWith(errDown)
	b.answer(page, "digits", "0042").want(http.StatusServiceUnavailable)
	if w.keycloak.people["a123456780"].clearance != account.NotCleared {
		t.Error("a role without an entry")
	}
	w.audit.FailWith(nil)
	if to := b.get(at).location(); to != at+"/done" {
		t.Errorf("leads to %s", to)
	}
}

func TestTooLargeToBeHeld(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	page := b.typeNumber(authURL("app"), "A123456780")
	w.keycloak.respond = func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost {
			return false
		}
		w.keycloak.sessions["sid-x"] = w.keycloak.people["a123456780"]
		w.keycloak.setIdentity(rw, "sid-x")
		rw.Write(make([]byte, 65<<10))
		return true
	}
	nothingLeft(t, b.password(page, "", "pw-a123456780").want(http.StatusBadGateway))
	if w.keycloak.live("a123456780") != 0 {
		t.Error("the session lives")
	}
}

func TestFourAttemptsABrowser(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	first := b.signIn("app", "a123456780").location()
	for range 4 {
		b.signIn("app", "a123456780").want(http.StatusSeeOther)
	}
	n := 0
	for name := range b.cookies {
		if tag, ok := strings.CutPrefix(name, "__Host-schleuse-"); ok && tag != "number" && tag != "page" && tag != "turns" {
			n++
		}
	}
	if n != 4 {
		t.Errorf("%d attempt cookies, want 4", n)
	}
	b.get(first).want(http.StatusGone)
}

func TestAttemptsAreBoundedPerAddress(t *testing.T) {
	w := newWorld(t)
	w.attempts.PerAddress = 2
	w.keycloak.add("d202601019", account.NotCleared)
	for _, username := range []string{"a123456780", "b123456782"} {
		w.browser().signIn("app", username).want(http.StatusSeeOther)
	}
	w.browser().signIn("app", "d202601019").want(http.StatusTooManyRequests)
	if w.keycloak.live("d202601019") != 0 {
		t.Error("the session of a login that could not be held lives")
	}
}

// TestTheOldestAttemptOfAnAccountGivesWay to its fifth, which may be of the
// same session: that lives on, and all of the others are where they were.
func TestTheOldestAttemptOfAnAccountGivesWay(t *testing.T) {
	w := newWorld(t)
	var held [5]response
	var browsers [5]*browser
	for i := range held {
		browsers[i] = w.browser()
		held[i] = browsers[i].signIn("app", "a123456780").want(http.StatusSeeOther)
		w.clock.Pass(time.Second)
	}
	browsers[0].get(held[0].location()).want(http.StatusGone).shows("https://app.test/")
	if n := w.keycloak.live("a123456780"); n != 5 {
		t.Errorf("%d sessions live, want all 5", n)
	}
	if out := browsers[1].pass(held[1]); codeOf(out) == "" {
		t.Error("no code for the second")
	}
}

func TestStoreDownLosesNothing(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	page := b.typeNumber(authURL("app"), "A123456780")
	w.attempts.Break(errDown)
	nothingLeft(t, b.password(page, "", "pw-a123456780").want(http.StatusServiceUnavailable))
}
