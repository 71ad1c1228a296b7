package gate_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/internal/gate"
)

func tokenOf(t *testing.T, r response, name string) string {
	t.Helper()
	var body map[string]string
	if err := json.Unmarshal(r.Body.Bytes(), &body); err != nil || body[name] == "" {
		t.Fatalf("no %s in %s: %v", name, r.Body, err)
	}
	return body[name]
}

func TestGrantsThatPass(t *testing.T) {
	device := "urn:ietf:params:oauth:grant-type:device_code"
	open := func(g *gate.Gate) {
		g.Settings.Open, g.Settings.Grants = []string{"device"}, map[string][]string{"tv": {"device"}}
	}
	for _, tc := range []struct {
		name, grant, client string
		change              func(*gate.Gate)
		code                string
	}{
		{"client credentials", "client_credentials", "backend", nil, ""},
		{"password", "password", "app", nil, "unsupported_grant_type"},
		{"password, everything open", "password", "tv", open, "unsupported_grant_type"},
		{"the command-line client", "client_credentials", "admin-cli", nil, "unsupported_grant_type"},
		{"device, closed", device, "tv", nil, "unsupported_grant_type"},
		{"device, of a client that has it not", device, "app", open, "unsupported_grant_type"},
		{"device, given and not open", device, "tv", func(g *gate.Gate) { open(g); g.Settings.Open = nil }, "unsupported_grant_type"},
		{"device, open", device, "tv", open, "invalid_grant"}, // the fake knows no such grant
		{"unknown", "urn:ietf:params:oauth:grant-type:jwt-bearer", "app", nil, "unsupported_grant_type"},
		{"none", "", "app", nil, "unsupported_grant_type"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			change := tc.change
			if change == nil {
				change = func(*gate.Gate) {}
			}
			w := newWorld(t, change)
			got := w.token(url.Values{"grant_type": {tc.grant}, "client_id": {tc.client}, "username": {"a123456780"}})
			if tc.code == "" {
				got.want(http.StatusOK)
				return
			}
			got.want(http.StatusBadRequest).shows(tc.code)
			if n := w.keycloak.count("/token"); (n > 0) != (tc.code == "invalid_grant") {
				t.Errorf("%d requests went upstream", n)
			}
		})
	}
}

func TestGrantTypeTwiceIsRefused(t *testing.T) {
	w := newWorld(t)
	w.token(url.Values{"grant_type": {"client_credentials", "password"}}).want(http.StatusBadRequest)
	if w.keycloak.count("/token") != 0 {
		t.Error("went upstream")
	}
}

func TestCodeIsGoodForAMinuteOnce(t *testing.T) {
	t.Run("in time", func(t *testing.T) {
		w := newWorld(t)
		code := codeOf(w.browser().signIn("app", "h202601057"))
		w.clock.Pass(60 * time.Second)
		w.redeem(code).want(http.StatusOK)
	})
	t.Run("too late", func(t *testing.T) {
		w := newWorld(t)
		code := codeOf(w.browser().signIn("app", "h202601057"))
		w.clock.Pass(61 * time.Second)
		w.redeem(code).want(http.StatusBadRequest).shows("invalid_grant")
		if w.keycloak.count("/token") != 0 {
			t.Error("went upstream")
		}
	})
	t.Run("never left the gate", func(t *testing.T) {
		w := newWorld(t)
		w.browser().signIn("app", "a123456780").want(http.StatusSeeOther)
		for code := range w.keycloak.codes { // the attacker guessed it
			w.redeem(code).want(http.StatusBadRequest).shows("invalid_grant")
		}
		w.keycloak.sessions["sid-past"] = w.keycloak.people["h202601057"]
		w.keycloak.codes["x.sid-past.c"] = "sid-past" // had past the gate
		w.redeem("x.sid-past.c").want(http.StatusBadRequest).shows("invalid_grant")
		if w.keycloak.count("/token") != 0 {
			t.Error("went upstream")
		}
	})
	t.Run("the record cannot be written", func(t *testing.T) {
		w := newWorld(t)
		b := w.browser()
		page := b.typeNumber(authURL("app"), "H202601057")
		w.records.break_(errDown)
		nothingLeft(t, b.password(page, "", "pw-h202601057").want(http.StatusServiceUnavailable))
	})
}

// TestClearanceWithdrawnBeforeRedemption: the tokens are dropped and the
// session is ended, although the code left rightly.
func TestClearanceWithdrawnBeforeRedemption(t *testing.T) {
	w := newWorld(t)
	code := codeOf(w.browser().signIn("app", "h202601057"))
	w.keycloak.set("h202601057", account.NotCleared)
	got := w.redeem(code).want(http.StatusBadRequest).shows("invalid_grant")
	if got.Header().Get("Access-Control-Allow-Origin") == "" || got.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", got.Header())
	}
	if w.keycloak.live("h202601057") != 0 {
		t.Error("the session lives on")
	}
}

// TestTokensOfNobody: without a subject and without a record nothing passes.
func TestTokensOfNobody(t *testing.T) {
	w := newWorld(t)
	w.keycloak.respond = func(rw http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != oidcPath+"/token" {
			return false
		}
		writeJSON(rw, http.StatusOK, map[string]string{"access_token": jwt(map[string]string{"sid": "sid-foreign"})})
		return true
	}
	w.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}}).want(http.StatusBadRequest).shows("invalid_grant")
	if len(w.keycloak.ended) != 1 || w.keycloak.ended[0] != "sid-foreign" {
		t.Errorf("ended %v", w.keycloak.ended)
	}
}

// TestPersonByRecord: a token without subject is its session's, and a subject
// that contradicts the record is nobody's.
func TestPersonByRecord(t *testing.T) {
	for name, tc := range map[string]struct {
		claims map[string]string
		status int
	}{
		"no subject":     {map[string]string{}, http.StatusOK},
		"same subject":   {map[string]string{"sub": "id-h202601057"}, http.StatusOK},
		"other subject":  {map[string]string{"sub": "id-s.schmidt"}, http.StatusBadRequest},
		"unknown person": {map[string]string{"sub": "id-nobody"}, http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			code := codeOf(w.browser().signIn("app", "h202601057"))
			refresh := tokenOf(t, w.redeem(code), "refresh_token")
			w.keycloak.respond = func(rw http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != oidcPath+"/token" {
					return false
				}
				tc.claims["sid"] = claim(refresh, "sid")
				writeJSON(rw, http.StatusOK, map[string]string{"access_token": jwt(tc.claims)})
				return true
			}
			w.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}).want(tc.status)
		})
	}
}

// TestTokensOfAnotherThanTheCodes: what comes for a code is its person's and
// its session's, or nobody's.
func TestTokensOfAnotherThanTheCodes(t *testing.T) {
	for name, claims := range map[string]map[string]string{
		"another person":  {"sub": "id-s.schmidt"},
		"another session": {"sub": "id-h202601057", "sid": "sid-other"},
		"nobody":          {"aud": "x"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			code := codeOf(w.browser().signIn("app", "h202601057"))
			w.keycloak.respond = func(rw http.ResponseWriter, _ *http.Request) bool {
				writeJSON(rw, http.StatusOK, map[string]string{"access_token": jwt(claims)})
				return true
			}
			got := w.redeem(code)
			if name == "nobody" { // then it is the code's
				got.want(http.StatusOK)
				return
			}
			got.want(http.StatusBadRequest).shows("invalid_grant")
		})
	}
}

// TestUnknownPersonNeedsAnAdminAPIThatAnswers: before tokens are made for
// somebody whom only the answer names.
func TestUnknownPersonNeedsAnAdminAPIThatAnswers(t *testing.T) {
	w := newWorld(t)
	w.keycloak.break_(true)
	w.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"opaque"}}).want(http.StatusServiceUnavailable)
	if w.keycloak.count("/token") != 0 {
		t.Error("went upstream")
	}
	w.keycloak.break_(false)
	w.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"opaque"}}).want(http.StatusBadRequest)
	if w.keycloak.count("/token") != 1 {
		t.Error("did not go upstream")
	}
}

// TestNoCookieLeavesWithTokens: neither a token nor a pushed request needs
// one, and nobody looks there at whose it is.
func TestNoCookieLeavesWithTokens(t *testing.T) {
	w := newWorld(t)
	code := codeOf(w.browser().signIn("app", "h202601057"))
	w.keycloak.respond = func(rw http.ResponseWriter, _ *http.Request) bool {
		rw.Header().Add("Set-Cookie", "KEYCLOAK_IDENTITY="+identity("id-a123456780", "sid-x")+";Path=/realms/kasse/")
		rw.Header().Add("Set-Cookie", "AUTH_SESSION_ID=x;Path=/realms/kasse/")
		return false
	}
	for name, got := range map[string]response{
		"code":               w.redeem(code).want(http.StatusOK),
		"code again":         w.redeem(code).want(http.StatusBadRequest),
		"client credentials": w.token(url.Values{"grant_type": {"client_credentials"}}).want(http.StatusOK),
		"pushed":             w.browser().post(oidcPath+"/ext/par/request", url.Values{"client_id": {"app"}}).want(http.StatusCreated),
	} {
		if set := got.Header()["Set-Cookie"]; len(set) != 0 {
			t.Errorf("%s: sets %v", name, set)
		}
	}
}
