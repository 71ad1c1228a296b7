package relying_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/internal/relying"
)

func TestStoreFailureIsNoLogout(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	w.clock.Advance(time.Second)
	w.sessions.Fail(errors.New("no connection"))
	for _, p := range []int{w.fetch(b, "/").Status, b.Navigate(w.url + "/").Status} {
		if p != http.StatusServiceUnavailable {
			t.Errorf("answered %d", p)
		}
	}
	if p := w.fetch(b, "/"); p.Header.Get("Retry-After") == "" || b.Cookie(w.url, sessionCookie) == "" {
		t.Errorf("Retry-After %q, cookie %q", p.Header.Get("Retry-After"), b.Cookie(w.url, sessionCookie))
	}
	w.sessions.Fail(nil)
	if p := w.fetch(b, "/"); p.Status != http.StatusOK {
		t.Errorf("answered %d when the store was back", p.Status)
	}
}

func TestSessionsEndByTime(t *testing.T) {
	t.Run("idle", func(t *testing.T) {
		w := newWorld(t)
		b := w.signedIn()
		for range 5 {
			w.clock.Advance(20 * time.Minute)
			if p := w.fetch(b, "/"); p.Status != http.StatusOK {
				t.Fatalf("answered %d though in use", p.Status)
			}
		}
		w.clock.Advance(30 * time.Minute)
		if p := w.fetch(b, "/"); p.Status != http.StatusUnauthorized {
			t.Errorf("answered %d after 30 idle minutes", p.Status)
		}
	})
	t.Run("absolute", func(t *testing.T) {
		w := newWorld(t, func(s *relying.Party) { s.Settings.Absolute = time.Hour })
		b := w.signedIn()
		for range 3 {
			w.clock.Advance(19 * time.Minute)
			if p := w.fetch(b, "/"); p.Status != http.StatusOK {
				t.Fatalf("answered %d within the hour", p.Status)
			}
		}
		w.clock.Advance(3 * time.Minute)
		if p := w.fetch(b, "/"); p.Status != http.StatusUnauthorized {
			t.Errorf("answered %d after an hour", p.Status)
		}
	})
}

func TestSessionEndsOnTimeInTheCacheToo(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	w.clock.Advance(30*time.Minute - 300*time.Millisecond)
	if p := w.fetch(b, "/"); p.Status != http.StatusOK {
		t.Fatalf("answered %d before the end", p.Status)
	}
	x := w.sessions.All()[0]
	w.clock.Advance(time.Second)
	soon := w.clock.Now().Add(300 * time.Millisecond)
	if _, err := w.sessions.Update(t.Context(), x.ID, func(x *relying.Session) error { x.Expires = soon; return nil }); err != nil {
		t.Fatal(err)
	}
	if p := w.fetch(b, "/"); p.Status != http.StatusOK {
		t.Fatalf("answered %d before the end", p.Status)
	}
	w.clock.Advance(300 * time.Millisecond)
	if p := w.fetch(b, "/"); p.Status != http.StatusUnauthorized {
		t.Errorf("answered %d after the end", p.Status)
	}
}

func TestSessionWithoutRefreshTokenEndsWithItsToken(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	x := w.sessions.All()[0]
	if _, err := w.sessions.Update(t.Context(), x.ID, func(x *relying.Session) error { x.RefreshToken = ""; return nil }); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(4*time.Minute + 50*time.Second)
	if p := w.fetch(b, "/"); p.Status != http.StatusOK {
		t.Errorf("answered %d while the token is good", p.Status)
	}
	w.clock.Advance(11 * time.Second)
	if p := w.fetch(b, "/"); p.Status != http.StatusUnauthorized {
		t.Errorf("answered %d when the token had ended", p.Status)
	}
}

func TestUseIsWrittenOnceAMinute(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	begun := w.clock.Now()
	for range 50 {
		w.clock.Advance(time.Second)
		w.fetch(b, "/")
	}
	if x := w.sessions.All()[0]; !x.Used.Equal(begun) {
		t.Errorf("the use was written after %v", x.Used.Sub(begun))
	}
	w.clock.Advance(11 * time.Second)
	w.fetch(b, "/")
	if x := w.sessions.All()[0]; !x.Used.Equal(begun.Add(61*time.Second)) || !x.Expires.Equal(x.Used.Add(30*time.Minute)) {
		t.Errorf("used %v after the beginning, expires %v after that", x.Used.Sub(begun), x.Expires.Sub(x.Used))
	}
}

func TestHotPathReadsTheStoreOncePerSecond(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	w.clock.Advance(time.Second)
	before := w.sessions.Gets()
	b.Burst(64, w.url+"/", w.url)
	b.Burst(64, w.url+"/", w.url)
	if n := w.sessions.Gets() - before; n != 1 {
		t.Errorf("%d reads for 128 requests, want 1", n)
	}
}

func TestAnotherSitesSessionIsNone(t *testing.T) {
	w := newWorld(t)
	_, other := w.replica(func(s *relying.Party) { s.Settings.Name = "other" })
	b := w.signedIn()
	if statuses := b.Burst(1, w.url+"/", other); statuses[http.StatusUnauthorized] != 1 {
		t.Errorf("statuses %v", statuses)
	}
}

func TestDoubledCookieIsNone(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	good := b.Cookie(w.url, sessionCookie)
	for name, header := range map[string]string{
		"twice in one line": sessionCookie + "=" + good + "; " + sessionCookie + "=" + good,
		"quoted":            sessionCookie + `="` + good + `"`,
		"other case":        "__host-schleuse-session=" + good,
		"cut":               sessionCookie + "=" + good[:42],
		"longer":            sessionCookie + "=" + good + "A",
	} {
		req := b.Request(http.MethodGet, w.url+"/", nil)
		req.Header.Set("Cookie", header)
		if p := b.Do(req); p.Status != http.StatusUnauthorized {
			t.Errorf("%s: answered %d", name, p.Status)
		}
	}
}
