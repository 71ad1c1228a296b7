package gate_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/gate"
)

// permits keeps what is given, in memory.
type permits struct {
	mu    sync.Mutex
	given []device.Permit
	used  bool
	fail  error
}

func (p *permits) Give(_ context.Context, permit device.Permit) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail == nil {
		p.fail = permit.Validate()
	}
	if p.fail == nil {
		p.given = append(p.given, permit)
	}
	return p.fail
}

func (p *permits) Look(_ context.Context, sid account.SID, client string) (device.Permit, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, g := range slices.Backward(p.given) {
		if g.Session == sid && g.Client == client && !p.used && p.fail == nil {
			return g, nil
		}
	}
	if p.fail != nil {
		return device.Permit{}, p.fail
	}
	return device.Permit{}, device.ErrNoPermit
}

const phoneACR = "urn:schleuse:enrol"

// Thumbprints of the keys of two phones.
const (
	phoneKey = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
	otherKey = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
)

// enrolling is a gate in which app and other register phones after the digits.
func enrolling(t *testing.T) (*world, *permits) {
	t.Helper()
	p := &permits{}
	w := newWorld(t, func(g *gate.Gate) {
		g.Engine.Plans[flow.Enrolment] = flow.Plan{Back: []flow.Entry{{"egk", "letter"}}}
		g.Permits, g.Settings.Enrolling = p, []string{"app", "other"}
	})
	return w, p
}

// pushable is an authorization request of the app as a form.
func pushable(extra ...string) url.Values {
	u, err := url.Parse(authURL("app", extra...))
	if err != nil {
		panic(err)
	}
	return u.Query()
}

// customer is a browser in which the cleared customer has signed in.
func customer(t *testing.T, w *world) *browser {
	t.Helper()
	b := w.browser()
	if codeOf(b.signIn("site", "h202601057")) == "" {
		t.Fatal("the customer cannot sign in")
	}
	return b
}

// TestAnEnrolmentIsHeldUntilItIsProved is the main way, by single sign-on and
// by a new login.
func TestAnEnrolmentIsHeldUntilItIsProved(t *testing.T) {
	for name, start := range map[string]func(*world, *testing.T) (*browser, response){
		"single sign-on": func(w *world, t *testing.T) (*browser, response) {
			b := customer(t, w)
			return b, b.get(authURL("app", "acr_values", "other "+phoneACR, "dpop_jkt", phoneKey))
		},
		"new login": func(w *world, _ *testing.T) (*browser, response) {
			b := w.browser()
			return b, b.password(b.typeNumber(authURL("app", "acr_values", phoneACR, "dpop_jkt", phoneKey), "H202601057"), "", "pw-h202601057")
		},
		"form": func(w *world, t *testing.T) (*browser, response) {
			b := customer(t, w)
			return b, b.post(oidcPath+"/auth", pushable("acr_values", phoneACR, "dpop_jkt", phoneKey))
		},
		"pushed": func(w *world, t *testing.T) (*browser, response) {
			b := customer(t, w)
			return b, b.get(oidcPath + "/auth?client_id=app&request_uri=" + url.QueryEscape(w.push(pushable("acr_values", phoneACR, "dpop_jkt", phoneKey))))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, p := enrolling(t)
			b, first := start(w, t)
			at := first.want(http.StatusSeeOther).location()
			if strings.Contains(at, "code=") || !strings.HasPrefix(at, "/schleuse/attempts/") || len(p.given) > 0 {
				t.Fatalf("leads to %q, permits %v", at, p.given)
			}
			r, form := w.keycloak.last("/auth")
			if got := r.URL.RawQuery + form.Encode(); strings.Contains(got, "enrol") || name != "pushed" && !strings.Contains(got, "dpop_jkt="+phoneKey) {
				t.Errorf("Keycloak got %s", got)
			}
			b.answer(b.get(at).shows("ask for digits"), "digits", "1111").shows("wrong")
			done := b.answer(b.get(at), "digits", "0042").location()
			out := b.get(strings.TrimSuffix(done, "done") + "release")
			w.redeem(codeOf(out)).want(http.StatusOK)
			if len(p.given) != 1 {
				t.Fatalf("permits %v", p.given)
			}
			g := p.given[0]
			if g.Client != "app" || g.Account != "id-h202601057" || g.Number != "H202601057" || g.Thumbprint != phoneKey || w.keycloak.sessions[string(g.Session)] == nil ||
				!slices.Equal(g.Kinds, []string{"kind_egk"}) || g.Expires.Sub(w.clock.Now()) != device.PermitLife {
				t.Errorf("permit %+v", g)
			}
			if codeOf(b.get(authURL("app", "acr_values", phoneACR, "dpop_jkt", phoneKey))) == "" {
				t.Error("who has a permit is asked again")
			}
		})
	}
}

// TestFirstLoginThenEnrolment: who is not cleared is cleared first, by a proof
// of its own, and then proves once more for the phone.
func TestFirstLoginThenEnrolment(t *testing.T) {
	w, p := enrolling(t)
	b := w.browser()
	at := b.password(b.typeNumber(authURL("app", "acr_values", phoneACR, "dpop_jkt", phoneKey), "A123456780"), "", "pw-a123456780").location()
	done := b.answer(b.get(at), "digits", "0042").location()
	again := b.get(strings.TrimSuffix(done, "done") + "release").location()
	if len(p.given) > 0 || strings.Contains(again, "code=") {
		t.Fatalf("the first proof served for the phone too: %v, %s", p.given, again)
	}
	next := b.get(again).location()
	if !strings.HasPrefix(next, "/schleuse/attempts/") || next == at {
		t.Fatalf("the enrolment is at %q", next)
	}
	done = b.answer(b.get(next), "digits", "0042").location()
	w.redeem(codeOf(b.get(strings.TrimSuffix(done, "done") + "release"))).want(http.StatusOK)
	if len(p.given) != 1 {
		t.Errorf("permits %v", p.given)
	}
}

// TestNoPermitForWhoeverAsksOtherwise: what must go on as if nothing were asked.
func TestNoPermitForWhoeverAsksOtherwise(t *testing.T) {
	for name, ask := range map[string]func(*world, *browser) response{
		"without the value": func(_ *world, b *browser) response {
			return b.get(authURL("app", "acr_values", "1 urn:schleuse:enrolled", "dpop_jkt", phoneKey))
		},
		"no key": func(_ *world, b *browser) response { return b.get(authURL("app", "acr_values", phoneACR)) },
		"a short key": func(_ *world, b *browser) response {
			return b.get(authURL("app", "acr_values", phoneACR, "dpop_jkt", phoneKey[:42]))
		},
		"a broken short key": func(_ *world, b *browser) response {
			return b.get(authURL("app", "acr_values", phoneACR, "dpop_jkt", phoneKey[:41]+"A\n"))
		},
		"a broken key": func(_ *world, b *browser) response {
			return b.get(authURL("app", "acr_values", phoneACR, "dpop_jkt", phoneKey+"\n"))
		},
		"a key beside a pushed request": func(w *world, b *browser) response {
			return b.get(oidcPath + "/auth?client_id=app&dpop_jkt=" + phoneKey + "&request_uri=" + url.QueryEscape(w.push(pushable("acr_values", phoneACR))))
		},
		"another client": func(_ *world, b *browser) response {
			return b.get(authURL("site", "acr_values", phoneACR, "dpop_jkt", phoneKey))
		},
		"silent": func(_ *world, b *browser) response {
			return b.get(authURL("app", "acr_values", phoneACR, "dpop_jkt", phoneKey, "prompt", "none"))
		},
		"beside a pushed request": func(w *world, b *browser) response {
			return b.get(oidcPath + "/auth?client_id=app&acr_values=" + phoneACR + "&dpop_jkt=" + phoneKey + "&request_uri=" + url.QueryEscape(w.push(pushable())))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, p := enrolling(t)
			if codeOf(ask(w, customer(t, w))) == "" || len(p.given) > 0 {
				t.Errorf("no code, or permits %v", p.given)
			}
		})
	}
	t.Run("staff", func(t *testing.T) {
		w, p := enrolling(t)
		b := w.browser()
		if codeOf(b.password(b.get(authURL("partner")), "s.schmidt", "pw-s.schmidt")) == "" || codeOf(b.get(authURL("app", "acr_values", phoneACR, "dpop_jkt", phoneKey))) == "" || len(p.given) > 0 {
			t.Errorf("staff are held, or have permits %v", p.given)
		}
	})
}

// TestAPermitIsForOnePhone: what was proved for one key serves no other, and
// no longer serves itself when another took its place.
func TestAPermitIsForOnePhone(t *testing.T) {
	w, p := enrolling(t)
	b := customer(t, w)
	prove := func(key string) {
		at := b.get(authURL("app", "acr_values", phoneACR, "dpop_jkt", key)).location()
		if !strings.HasPrefix(at, "/schleuse/attempts/") {
			t.Fatalf("the login for %s goes to %s", key, at)
		}
		done := b.answer(b.get(at), "digits", "0042").location()
		w.redeem(codeOf(b.get(strings.TrimSuffix(done, "done") + "release"))).want(http.StatusOK)
	}
	prove(phoneKey)
	prove(otherKey)
	if len(p.given) != 2 || p.given[0].Thumbprint != phoneKey || p.given[1].Thumbprint != otherKey {
		t.Errorf("permits %+v", p.given)
	}
	if codeOf(b.get(authURL("app", "acr_values", phoneACR, "dpop_jkt", otherKey))) == "" {
		t.Error("who has a permit is asked again")
	}
	prove(phoneKey)
}

// TestAFailedEnrolmentTakesNothing from the session that it is asked of.
func TestAFailedEnrolmentTakesNothing(t *testing.T) {
	w, p := enrolling(t)
	b := customer(t, w)
	at := b.get(authURL("app", "acr_values", phoneACR, "dpop_jkt", phoneKey)).location()
	for range 2 {
		b.answer(b.get(at), "digits", "1111").shows("wrong")
	}
	b.answer(b.get(at), "digits", "1111").want(http.StatusSeeOther) // to the letter, which is left
	b.answer(b.get(at), "answer", "never")
	if w.keycloak.live("h202601057") != 1 || len(p.given) > 0 || len(w.keycloak.ended) > 0 {
		t.Errorf("%d sessions live, ended %v, permits %v", w.keycloak.live("h202601057"), w.keycloak.ended, p.given)
	}
	if codeOf(b.get(authURL("site"))) == "" {
		t.Error("the session gives no code any more")
	}
}

// TestNoPermitWhenItIsProvedTooLate: the person or the session is not what it
// was any more, or it cannot be told.
func TestNoPermitWhenItIsProvedTooLate(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world, *permits)
		status int
	}{
		"withdrawn":     {func(w *world, _ *permits) { w.keycloak.people["h202601057"].clearance = account.NotCleared }, http.StatusGone},
		"session ended": {func(w *world, _ *permits) { clear(w.keycloak.sessions) }, http.StatusGone},
		"unknown":       {func(w *world, _ *permits) { w.keycloak.down = true }, http.StatusServiceUnavailable},
		"not stored":    {func(_ *world, p *permits) { p.fail = errors.New("down") }, http.StatusServiceUnavailable},
		"not written":   {func(w *world, _ *permits) { w.audit.FailWith(errors.New("down")) }, http.StatusServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			w, p := enrolling(t)
			b := customer(t, w)
			page := b.get(b.get(authURL("app", "acr_values", phoneACR, "dpop_jkt", phoneKey)).location())
			w.clock.Pass(10 * time.Second)
			c.change(w, p)
			b.answer(page, "digits", "0042").want(c.status)
			if len(p.given) > 0 {
				t.Errorf("permits %v", p.given)
			}
		})
	}
}

// TestAPermitLivesFromItsProof: what keeps the permit from being given makes
// the proof no younger.
func TestAPermitLivesFromItsProof(t *testing.T) {
	for late, gone := range map[time.Duration]bool{10 * time.Minute: false, device.PermitLife: true} {
		w, p := enrolling(t)
		b := customer(t, w)
		at := b.get(authURL("app", "acr_values", phoneACR, "dpop_jkt", phoneKey)).location()
		page := b.get(at)
		proved := w.clock.Now()
		p.fail = errors.New("down")
		b.answer(page, "digits", "0042").want(http.StatusServiceUnavailable)
		p.fail = nil
		w.clock.Pass(late)
		again := b.get(at)
		if gone {
			again.want(http.StatusGone)
			if len(p.given) != 0 {
				t.Errorf("given after %s: %+v", late, p.given)
			}
			continue
		}
		if len(p.given) != 1 || !p.given[0].Given.Equal(proved) || !p.given[0].Expires.Equal(proved.Add(device.PermitLife)) {
			t.Errorf("given after %s: %+v, proved %s", late, p.given, proved)
		}
	}
}
