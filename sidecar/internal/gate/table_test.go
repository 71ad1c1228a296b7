package gate_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/internal/gate"
)

// TestTableOfVerdicts enumerates the table: no cell may differ, and what is
// no answer at all opens nothing.
func TestTableOfVerdicts(t *testing.T) {
	want := map[account.Clearance]map[string]string{
		account.Cleared:    {"request": "forward", "response": "forward", "token": "forward", "logout": "forward"},
		account.NotCleared: {"request": "withhold", "response": "hold", "token": "discard", "logout": "forward"},
		account.Unknown:    {"request": "later", "response": "keep", "token": "later", "logout": "forward"},
		account.Exempt:     {"request": "forward", "response": "forward", "token": "forward", "logout": "forward"},
		99:                 {"request": "refuse", "response": "refuse", "token": "refuse", "logout": "refuse"},
	}
	for c, row := range want {
		for moment, verdict := range row {
			if got := gate.Verdict(moment, c); got != verdict {
				t.Errorf("%v at %s: %s, want %s", c, moment, got, verdict)
			}
		}
	}
}

// signedIn is a world with a browser in which somebody who was cleared is
// signed in, and whose clearance is now this.
func signedIn(t *testing.T, c account.Clearance) (*world, *browser) {
	t.Helper()
	w := newWorld(t)
	b := w.browser()
	if codeOf(b.signIn("app", "h202601057")) == "" {
		t.Fatal("a cleared person did not get in")
	}
	w.turn("h202601057", c)
	return w, b
}

// turn changes what the Admin API says of somebody, and lets what is
// remembered grow old.
func (w *world) turn(username string, c account.Clearance) {
	w.keycloak.break_(c == account.Unknown)
	if c != account.Unknown {
		w.keycloak.set(username, c)
	}
	w.clock.Pass(6 * time.Second)
}

func TestRequestRule(t *testing.T) {
	for _, tc := range []struct {
		clearance account.Clearance
		sent      bool
		status    int
	}{
		{account.Cleared, true, http.StatusFound},
		{account.Exempt, true, http.StatusFound},
		{account.NotCleared, false, http.StatusFound}, // login_required
		{account.Unknown, false, http.StatusServiceUnavailable},
	} {
		t.Run(tc.clearance.String(), func(t *testing.T) {
			w, b := signedIn(t, tc.clearance)
			before := w.keycloak.count("/auth")
			got := b.get(authURL("app", "prompt", "none")).want(tc.status)
			if tc.clearance == account.Unknown {
				if w.keycloak.count("/auth") != before {
					t.Error("a request went upstream although nothing is known")
				}
				return
			}
			r, _ := w.keycloak.last("/auth")
			if sent := strings.Contains(r.Header.Get("Cookie"), "KEYCLOAK_IDENTITY"); sent != tc.sent {
				t.Errorf("identity cookie sent: %v, want %v", sent, tc.sent)
			}
			if n := w.keycloak.count("/auth") - before; n != 1 {
				t.Errorf("%d requests went upstream", n)
			}
			if (codeOf(got) != "") != tc.sent {
				t.Errorf("answer %s", got.location())
			}
			if !tc.sent && !strings.Contains(got.location(), "error=login_required") {
				t.Errorf("answer %s", got.location())
			}
		})
	}
}

func TestLogoutAlwaysGetsTheIdentity(t *testing.T) {
	for _, c := range []account.Clearance{account.Cleared, account.NotCleared, account.Unknown, account.Exempt} {
		t.Run(c.String(), func(t *testing.T) {
			w, b := signedIn(t, c)
			b.get(oidcPath + "/logout").want(http.StatusFound)
			if n := w.keycloak.live("h202601057"); n != 0 {
				t.Errorf("%d sessions survive the log-out", n)
			}
		})
	}
}

// TestResponseRule signs in people of each kind; the password is right.
func TestResponseRule(t *testing.T) {
	t.Run("cleared", func(t *testing.T) {
		w := newWorld(t)
		out := w.browser().signIn("app", "h202601057").want(http.StatusFound)
		w.redeem(codeOf(out)).want(http.StatusOK)
	})
	t.Run("not cleared", func(t *testing.T) {
		w := newWorld(t)
		out := w.browser().signIn("app", "a123456780").want(http.StatusSeeOther)
		nothingLeft(t, out)
	})
	t.Run("unknown is kept and asked again", func(t *testing.T) {
		w := newWorld(t)
		b := w.browser()
		page := b.typeNumber(authURL("app"), "H202601057")
		w.keycloak.break_(true)
		out := b.password(page, "h202601057", "pw-h202601057").want(http.StatusSeeOther)
		nothingLeft(t, out)
		b.get(out.location()).want(http.StatusServiceUnavailable)
		if w.keycloak.live("h202601057") != 1 {
			t.Fatal("the session was ended because nothing was known")
		}
		w.keycloak.break_(false)
		done := b.get(out.location()).want(http.StatusSeeOther).location()
		if code := codeOf(b.get(strings.Replace(done, "done", "release", 1))); code == "" {
			t.Error("what was kept did not leave")
		}
	})
	t.Run("exempt through a plain client", func(t *testing.T) {
		w := newWorld(t)
		b := w.browser()
		page := b.get(authURL("partner")).want(http.StatusOK)
		if codeOf(b.password(page, "s.schmidt", "pw-s.schmidt")) == "" {
			t.Error("staff did not get in")
		}
	})
	t.Run("not cleared through a plain client is asked all the same", func(t *testing.T) {
		w := newWorld(t)
		b := w.browser()
		page := b.get(authURL("partner")).want(http.StatusOK)
		out := b.password(page, "a123456780", "pw-a123456780").want(http.StatusSeeOther)
		nothingLeft(t, out)
		b.answer(b.get(out.location()).shows("digits"), "digits", "0042").want(http.StatusSeeOther)
	})
}

// nothingLeft checks that an answer carries nothing of a login.
func nothingLeft(t *testing.T, r response) {
	t.Helper()
	all := r.Body.String()
	for name, values := range r.Header() {
		all += name + strings.Join(values, "\n")
	}
	for _, sign := range []string{"KEYCLOAK_IDENTITY=ey", "KEYCLOAK_SESSION=h", "code=", "session_state", "app.test/cb", `NAME="code"`} {
		if strings.Contains(all, sign) {
			t.Errorf("%s left in %s", sign, all)
		}
	}
}

func TestEveryResponseModeIsHeld(t *testing.T) {
	for _, mode := range []string{"query", "fragment", "form_post"} {
		t.Run(mode, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			page := b.typeNumber(authURL("app", "response_mode", mode), "A123456780")
			out := b.password(page, "", "pw-a123456780").want(http.StatusSeeOther)
			nothingLeft(t, out)
			released := b.pass(out)
			if !strings.Contains(released.Header().Get("Location")+released.Body.String(), "code") {
				t.Error("released without a code")
			}
		})
	}
}

// pass answers the step of a held login rightly and releases it.
func (b *browser) pass(heldAnswer response) response {
	b.t.Helper()
	page := b.get(heldAnswer.location()).want(http.StatusOK)
	done := b.answer(page, "digits", "0042").location()
	b.get(done).want(http.StatusOK)
	return b.get(strings.TrimSuffix(done, "done") + "release")
}

func TestTokenRule(t *testing.T) {
	for _, tc := range []struct {
		clearance account.Clearance
		status    int
		live      int
		upstream  bool
	}{
		{account.Cleared, http.StatusOK, 1, true},
		{account.Exempt, http.StatusOK, 1, true},
		{account.NotCleared, http.StatusBadRequest, 0, true},
		{account.Unknown, http.StatusServiceUnavailable, 1, false},
	} {
		t.Run(tc.clearance.String(), func(t *testing.T) {
			w := newWorld(t)
			code := codeOf(w.browser().signIn("app", "h202601057"))
			refresh := tokenOf(t, w.redeem(code).want(http.StatusOK), "refresh_token")
			w.turn("h202601057", tc.clearance)
			before := w.keycloak.count("/token")
			got := w.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}).want(tc.status)
			if strings.Contains(got.Body.String(), "access_token") != (tc.status == http.StatusOK) {
				t.Errorf("body %s", got.Body)
			}
			if n := w.keycloak.live("h202601057"); n != tc.live {
				t.Errorf("%d sessions live, want %d", n, tc.live)
			}
			if asked := w.keycloak.count("/token") > before; asked != tc.upstream {
				t.Errorf("went upstream: %v", asked)
			}
		})
	}
}
