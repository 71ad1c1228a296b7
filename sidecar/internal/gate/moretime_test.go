package gate_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/gate"
)

// timed gives the pages the gate's clock.
func timed(g *gate.Gate) {
	if err := g.Pages.Check(); err != nil {
		panic(err)
	}
	pages := *g.Pages
	pages.Now = g.Now
	g.Pages = &pages
}

// askForTime presses "Mehr Zeit" on the page of a held login.
func askForTime(b *browser, at string) response {
	page := b.get(at)
	return b.do(http.MethodPost, at, url.Values{
		"schleuse_step": {page.hidden("schleuse_step")}, "schleuse_turn": {page.hidden("schleuse_turn")},
		"digits": {"0042"}, "schleuse_more": {"1"},
	})
}

// More time is no answer, keeps Keycloak's session alive, and ends in a login
// though the code that was held is long dead.
func TestMoreTimeForAHeldLogin(t *testing.T) {
	w := newWorld(t, timed)
	b, at := held(t, w)
	var asked []string
	w.keycloak.respond = func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/account/") {
			asked = append(asked, r.Header.Get("Cookie"))
		}
		return false
	}
	begun := w.clock.Now()
	for range 3 {
		w.clock.Pass(flow.DefaultLifetime - time.Minute)
		body := askForTime(b, at).want(http.StatusOK).Body.String()
		if !strings.Contains(body, `value="0042"`) {
			t.Fatalf("what was typed is lost:\n%s", body)
		}
		if !strings.Contains(body, "schleuse_more") || !strings.Contains(body, `data-left="2700"`) {
			t.Fatalf("the page offers no more time, or does not say the new end:\n%s", body)
		}
	}
	if len(asked) != 3 || !strings.Contains(asked[0], "KEYCLOAK_IDENTITY=") {
		t.Errorf("Keycloak was asked as %q", asked)
	}
	if b.cookies["KEYCLOAK_IDENTITY"] != "" || w.record(b, at).Status != flow.Open {
		t.Error("asking for time has answered, or let a cookie out")
	}
	if past := w.clock.Now().Sub(begun); past < 2*time.Hour {
		t.Fatalf("only %v have passed", past)
	}
	b.answer(b.get(at), "digits", "0042").want(http.StatusSeeOther)
	out := b.get(at + "/release").want(http.StatusSeeOther)
	if strings.Contains(out.location(), "code=") {
		t.Fatal("a dead code left")
	}
	w.redeem(codeOf(b.get(out.location()))).want(http.StatusOK)
}

func TestMoreTimeOnThePageOfWays(t *testing.T) {
	w := newWorld(t, timed)
	b, at := held(t, w)
	w.clock.Pass(30 * time.Minute)
	body := b.do(http.MethodPost, at+"/ways", url.Values{"schleuse_more": {"1"}}).want(http.StatusOK).Body.String()
	if !strings.Contains(body, `data-left="2700"`) || !strings.Contains(body, `name="way"`) {
		t.Errorf("no ways with a new end:\n%s", body)
	}
}

// Where the session is not known to live, no time is promised.
func TestNoMoreTimeThanTheSessionHas(t *testing.T) {
	for name, spoil := range map[string]func(*world){
		"Keycloak is silent": func(w *world) {
			w.keycloak.respond = func(rw http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, "/account/") {
					return false
				}
				http.Error(rw, "", http.StatusServiceUnavailable)
				return true
			}
		},
		"another session answers": func(w *world) {
			w.keycloak.respond = func(rw http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, "/account/") {
					return false
				}
				w.keycloak.sessions["sid-x"] = w.keycloak.people["a123456780"]
				w.keycloak.setIdentity(rw, "sid-x")
				return true
			}
		},
	} {
		w := newWorld(t, timed)
		b, at := held(t, w)
		w.clock.Pass(30 * time.Minute)
		spoil(w)
		if body := askForTime(b, at).want(http.StatusOK).Body.String(); !strings.Contains(body, `data-left="900"`) {
			t.Errorf("%s: the end moved:\n%s", name, body)
		}
	}
}

func TestNoMoreTimeIsOfferedForALoginThatCannotBeRepeated(t *testing.T) {
	w := newWorld(t, timed, func(g *gate.Gate) { g.Settings.Start = nil })
	b, at := held(t, w)
	b.get(at).shows("schleuse_more")
	pushed := w.browser()
	login := pushed.typeNumber(pushedURL(w.push(url.Values{"state": {"s"}})), "A123456780")
	at = pushed.password(login, "", "pw-a123456780").want(http.StatusSeeOther).location()
	body := pushed.get(at).want(http.StatusOK).Body.String()
	if !strings.Contains(body, "data-left") || strings.Contains(body, "schleuse_more") {
		t.Errorf("the end is not said, or more time is offered with nowhere to go on:\n%s", body)
	}
}

// Keycloak is asked about an attempt twice a minute at the most, and not at all
// where there is nothing to gain.
func TestMoreTimeIsBounded(t *testing.T) {
	w := newWorld(t, timed)
	b, at := held(t, w)
	asked, alive := 0, false
	w.keycloak.respond = func(rw http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/account/") {
			return false
		}
		asked++
		if !alive {
			rw.WriteHeader(http.StatusUnauthorized)
		}
		return !alive
	}
	for range 10 {
		askForTime(b, at).want(http.StatusOK)
	}
	if asked != 0 {
		t.Errorf("asked %d times for less than a minute", asked)
	}
	w.clock.Pass(2 * time.Minute)
	for range 10 {
		askForTime(b, at).want(http.StatusOK)
	}
	if asked != 2 {
		t.Errorf("asked %d times in a minute, want 2", asked)
	}
	alive = true
	w.clock.Pass(time.Minute)
	if body := askForTime(b, at).want(http.StatusOK).Body.String(); asked != 3 || !strings.Contains(body, `data-left="2700"`) {
		t.Errorf("asked %d times; a minute later there is no more time", asked)
	}
}

// What costs a look into the database is bounded by address; a page that waits
// is not hurt, nor are pictures, nor are others.
func TestTheGatesOwnPathsAreBounded(t *testing.T) {
	w := newWorld(t, func(g *gate.Gate) {
		g.Public = map[string]http.Handler{"nect": http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	})
	b, at := held(t, w)
	from := func(address string) func(*http.Request) {
		return func(r *http.Request) { r.RemoteAddr = address + ":1234" }
	}
	for range 60 { // a quarter of an hour of 20 people who wait at one address
		for range 20 {
			b.do(http.MethodGet, at, nil, from("203.0.113.9")).want(http.StatusOK)
		}
		w.clock.Pass(5 * time.Second)
	}
	refused := 0
	for range 1200 {
		r := b.do(http.MethodGet, "/schleuse/attempts/0123456789abcdef", nil, from("203.0.113.9"))
		if r.Code == http.StatusTooManyRequests && r.Header().Get("Retry-After") != "" {
			refused++
		}
	}
	if refused != 200 {
		t.Errorf("%d of 1200 were refused, want 200", refused)
	}
	b.do(http.MethodPost, at, url.Values{"schleuse_more": {"1"}}, from("203.0.113.9")).want(http.StatusTooManyRequests)
	b.do(http.MethodGet, at, nil, from("203.0.113.10")).want(http.StatusOK)
	b.do(http.MethodPost, "/schleuse/x/nect/callback", nil, from("203.0.113.9")).want(http.StatusOK)
	for range 4000 {
		b.do(http.MethodPost, "/schleuse/x/nect/callback", nil, from("203.0.113.11"))
	}
	b.do(http.MethodPost, "/schleuse/x/nect/callback", nil, from("203.0.113.11")).want(http.StatusTooManyRequests)
}
