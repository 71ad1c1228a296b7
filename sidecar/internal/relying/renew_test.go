package relying_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/internal/relying"
	"github.com/schleuse/schleuse/sidecar/internal/relying/relyingtest"
)

func TestManyRequestsRefreshOnce(t *testing.T) {
	w := newWorld(t)
	w.issuer.Set(func(s *relyingtest.Switches) { s.Rotate = true })
	_, second := w.replica()
	_, third := w.replica()
	b := w.signedIn()
	for round, past := range []time.Duration{5*time.Minute + time.Second, 5 * time.Minute, 4*time.Minute + 50*time.Second} {
		before := w.issuer.Grants("refresh_token")
		w.clock.Advance(past)
		statuses := b.Burst(64, w.url+"/", w.url, second, third)
		if statuses[http.StatusOK] != 64 {
			t.Errorf("round %d: statuses %v", round, statuses)
		}
		relyingtest.Eventually(t, func() bool { return w.issuer.Grants("refresh_token") > before })
		w.clock.Advance(time.Second) // caches are stale: what was refreshed is read
		if statuses := b.Burst(6, w.url+"/", w.url, second, third); statuses[http.StatusOK] != 6 {
			t.Errorf("round %d, afterwards: statuses %v", round, statuses)
		}
		if n := w.issuer.Grants("refresh_token") - before; n != 1 {
			t.Errorf("round %d: %d refreshes, want 1", round, n)
		}
	}
}

func TestRefreshedTokensAreStored(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	w.issuer.Set(func(s *relyingtest.Switches) { s.Life = time.Minute })
	w.clock.Advance(6 * time.Minute)
	if p := w.fetch(b, "/"); p.Status != http.StatusOK {
		t.Fatalf("answered %d", p.Status)
	}
	x := w.sessions.All()[0]
	if want := w.clock.Now().Add(time.Minute); !x.TokenExpires.Equal(want) || !x.Lease.IsZero() {
		t.Errorf("tokens end %v, want %v; lease %v", x.TokenExpires, want, x.Lease)
	}
}

func TestRefusedRefreshEndsTheSession(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	w.issuer.Set(func(s *relyingtest.Switches) { s.RefreshError = "invalid_grant" })
	w.clock.Advance(6 * time.Minute)
	if p := w.fetch(b, "/"); p.Status != http.StatusUnauthorized {
		t.Errorf("answered %d", p.Status)
	}
	if n := len(w.sessions.All()); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

func TestFailedRefreshEndsNothing(t *testing.T) {
	tests := map[string]func(*relyingtest.Switches){
		"down":           func(s *relyingtest.Switches) { s.Down = true },
		"client refused": func(s *relyingtest.Switches) { s.RefreshError = "invalid_client" },
		"server error":   func(s *relyingtest.Switches) { s.RefreshError = "server_error" },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := w.signedIn()
			w.issuer.Set(spoil)

			w.clock.Advance(4*time.Minute + 45*time.Second) // still good for 15 s
			if p := w.fetch(b, "/"); p.Status != http.StatusOK {
				t.Errorf("answered %d while the tokens are good", p.Status)
			}
			w.clock.Advance(time.Minute)
			p := w.fetch(b, "/")
			if p.Status != http.StatusServiceUnavailable || p.Header.Get("Retry-After") == "" {
				t.Errorf("answered %d, Retry-After %q", p.Status, p.Header.Get("Retry-After"))
			}
			w.issuer.Set(func(s *relyingtest.Switches) { s.Down, s.RefreshError = false, "" })
			w.clock.Advance(3 * time.Second)
			if p := w.fetch(b, "/"); p.Status != http.StatusOK {
				t.Errorf("answered %d when the issuer was back", p.Status)
			}
		})
	}
}

func TestGoodTokensWaitForNobody(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	gate := make(chan struct{})
	w.issuer.Set(func(s *relyingtest.Switches) { s.RefreshGate = gate })
	w.clock.Advance(4*time.Minute + 45*time.Second)
	if p := w.fetch(b, "/"); p.Status != http.StatusOK {
		t.Errorf("answered %d while a refresh hangs", p.Status)
	}
	relyingtest.Eventually(t, func() bool { return w.issuer.Grants("refresh_token") == 1 })
	close(gate)
	relyingtest.Eventually(t, func() bool {
		x := w.sessions.All()[0]
		return x.TokenExpires.Sub(w.clock.Now()) == 5*time.Minute
	})
}

func TestOtherReplicasRefreshIsWaitedFor(t *testing.T) {
	w := newWorld(t)
	_, second := w.replica()
	b := w.signedIn()
	gate := make(chan struct{})
	w.issuer.Set(func(s *relyingtest.Switches) { s.RefreshGate = gate })
	w.clock.Advance(6 * time.Minute)
	done := make(chan map[int]int, 2)
	go func() { done <- b.Burst(1, w.url+"/", w.url) }()
	relyingtest.Eventually(t, func() bool { return w.issuer.Grants("refresh_token") == 1 })
	go func() { done <- b.Burst(8, w.url+"/", second) }()
	close(gate)
	for range 2 {
		if statuses := <-done; len(statuses) != 1 || statuses[http.StatusOK] == 0 {
			t.Errorf("statuses %v", statuses)
		}
	}
	if n := w.issuer.Grants("refresh_token"); n != 1 {
		t.Errorf("%d refreshes, want 1", n)
	}
}

func TestRefreshedTokensSurviveTheStore(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	gate := make(chan struct{})
	w.issuer.Set(func(s *relyingtest.Switches) { s.Rotate, s.RefreshGate = true, gate })
	w.clock.Advance(6 * time.Minute)
	done := make(chan map[int]int, 1)
	go func() { done <- b.Burst(1, w.url+"/", w.url) }()
	relyingtest.Eventually(t, func() bool { return w.issuer.Grants("refresh_token") == 1 })
	w.sessions.Fail(errors.New("disk full"))
	close(gate)
	if statuses := <-done; statuses[http.StatusServiceUnavailable] != 1 {
		t.Errorf("statuses %v while the store is away", statuses)
	}
	w.sessions.Fail(nil)
	w.clock.Advance(time.Second)
	if p := w.fetch(b, "/"); p.Status != http.StatusOK {
		t.Errorf("answered %d when the store was back", p.Status)
	}
	if n := w.issuer.Grants("refresh_token"); n != 1 {
		t.Errorf("%d refreshes: the rotated token was lost", n)
	}
}

func TestRefreshForAnotherPersonEndsTheSession(t *testing.T) {
	for name, other := range map[string]relyingtest.Person{
		"another person":               {Subject: "s-2", Username: "b123456782", SID: "sid-2"},
		"another person, same session": {Subject: "s-2", Username: "b123456782", SID: "sid-1"},
		"another session":              {Subject: "s-1", Username: "a123456780", SID: "sid-2"},
	} {
		for _, opaque := range []bool{false, true} { // with opaque access tokens only the ID token tells
			t.Run(fmt.Sprintf("%s, opaque %v", name, opaque), func(t *testing.T) {
				w := newWorld(t)
				w.issuer.Set(func(s *relyingtest.Switches) { s.Opaque = opaque })
				b := w.signedIn()
				mine := w.sessions.All()[0]
				w.issuer.Set(func(s *relyingtest.Switches) { s.Person = other })
				w.signedIn()
				for _, x := range w.sessions.All() {
					if x.ID != mine.ID {
						mine.RefreshToken = x.RefreshToken
					}
				}
				_, err := w.sessions.Update(t.Context(), mine.ID, func(x *relying.Session) error { x.RefreshToken = mine.RefreshToken; return nil })
				if err != nil {
					t.Fatal(err)
				}
				w.clock.Advance(6 * time.Minute)
				if p := w.fetch(b, "/"); p.Status != http.StatusUnauthorized {
					t.Errorf("answered %d with foreign tokens", p.Status)
				}
			})
		}
	}
}
