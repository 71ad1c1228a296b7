package gate_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/sidecar/account"
)

// loginAs makes Keycloak end the next POST with the login of somebody, as a
// passkey or a foreign issuer would.
func (w *world) loginAs(username, sid string) {
	w.keycloak.respond = func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost && !strings.Contains(r.URL.Path, "/broker/") {
			return false
		}
		w.keycloak.sessions[sid] = w.keycloak.people[username]
		params := map[string][]string{"redirect_uri": {"https://app.test/cb"}}
		w.keycloak.complete(rw, params, sid)
		return true
	}
}

// TestOtherAccountThanTheNumbers: whoever it is, cleared or not, exempt too.
func TestOtherAccountThanTheNumbers(t *testing.T) {
	for _, other := range []string{"b123456782", "h202601057", "s.schmidt"} {
		t.Run(other, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			page := b.typeNumber(authURL("app"), "A123456780")
			w.loginAs(other, "sid-x")
			got := b.password(page, "", "").want(http.StatusForbidden).shows("anderes Konto")
			nothingLeft(t, got)
			if strings.Contains(strings.ToLower(got.Body.String()), other) {
				t.Error("the page says whose it was")
			}
			if w.keycloak.live(other) != 0 {
				t.Error("the session lives")
			}
		})
	}
}

// TestSomebodyElseIsSignedIn: a tab with one's own number, in a browser in
// which another's login lives, must not end that one.
func TestSomebodyElseIsSignedIn(t *testing.T) {
	w := newWorld(t)
	w.keycloak.add("b123456782", account.Cleared)
	b := w.browser()
	page := b.typeNumber(authURL("app"), "B123456782")
	b.signIn("app", "h202601057").want(http.StatusFound)
	sid := claim(b.cookies["KEYCLOAK_IDENTITY"], "sid")
	w.loginAs("h202601057", sid)
	nothingLeft(t, b.password(page, "", "").want(http.StatusConflict).shows("protocol/openid-connect/logout"))
	if w.keycloak.live("h202601057") != 1 {
		t.Error("the other's session was ended")
	}
}

// TestOtherAccountFoundLater: the Admin API was silent when the login came.
func TestOtherAccountFoundLater(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	page := b.typeNumber(authURL("app"), "A123456780")
	w.loginAs("h202601057", "sid-x")
	w.keycloak.break_(true)
	at := b.password(page, "", "").want(http.StatusSeeOther).location()
	w.keycloak.break_(false)
	b.get(at).want(http.StatusForbidden)
	b.get(at + "/release").want(http.StatusForbidden)
	if w.keycloak.live("h202601057") != 0 || b.cookies["KEYCLOAK_IDENTITY"] != "" {
		t.Error("the login lives")
	}
}

// TestNewLoginWithoutNumber: by a way on which no number was typed.
func TestNewLoginWithoutNumber(t *testing.T) {
	broker := realmPath + "/broker/idp/endpoint?client_id=partner&state=s.UNKNOWNTAB1.Y2xpZW50"
	for username, status := range map[string]int{
		"h202601057": http.StatusGone, "a123456780": http.StatusGone, "s.schmidt": http.StatusFound,
	} {
		t.Run(username, func(t *testing.T) {
			w := newWorld(t)
			w.loginAs(username, "sid-x")
			got := w.browser().get(broker).want(status)
			if status == http.StatusFound {
				return
			}
			nothingLeft(t, got)
			if w.keycloak.live(username) != 0 {
				t.Error("the session lives")
			}
		})
	}
}

// TestNoNumberFoundLater: the Admin API was silent when the login came, for
// its person or only for whose account it is.
func TestNoNumberFoundLater(t *testing.T) {
	broker := realmPath + "/broker/idp/endpoint?client_id=partner&state=s.UNKNOWNTAB1.Y2xpZW50"
	for _, username := range []string{"h202601057", "a123456780", "s.schmidt"} {
		t.Run(username, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			w.loginAs(username, "sid-x")
			w.keycloak.break_(true)
			held := b.get(broker).want(http.StatusSeeOther)
			nothingLeft(t, held)
			b.get(held.location()).want(http.StatusServiceUnavailable)
			if w.keycloak.live(username) != 1 {
				t.Fatal("the session was ended because nothing was known")
			}
			w.keycloak.break_(false)
			if username == "s.schmidt" {
				done := b.get(held.location()).want(http.StatusSeeOther).location()
				if codeOf(b.get(strings.Replace(done, "done", "release", 1))) == "" {
					t.Error("staff did not get in")
				}
				return
			}
			nothingLeft(t, b.get(held.location()).want(http.StatusGone))
			nothingLeft(t, b.get(held.location()+"/release").want(http.StatusGone))
			if w.keycloak.live(username) != 0 {
				t.Error("the session lives")
			}
		})
	}
	t.Run("cleared is remembered", func(t *testing.T) {
		w := newWorld(t)
		w.browser().signIn("app", "h202601057").want(http.StatusFound)
		w.loginAs("h202601057", "sid-x")
		w.keycloak.break_(true)
		b := w.browser()
		held := b.get(broker).want(http.StatusSeeOther)
		nothingLeft(t, held)
		w.keycloak.break_(false)
		nothingLeft(t, b.get(held.location()).want(http.StatusGone))
		if w.keycloak.sessions["sid-x"] != nil {
			t.Error("the session lives")
		}
	})
	t.Run("the clearance alone is unknown", func(t *testing.T) {
		w := newWorld(t)
		w.keycloak.set("s.schmidt", account.Unknown)
		w.loginAs("s.schmidt", "sid-x")
		w.browser().get(broker).want(http.StatusSeeOther)
		if w.keycloak.live("s.schmidt") != 1 {
			t.Error("the session was ended because nothing was known")
		}
	})
}

// TestForgedSessionIsNotARenewal: the browser names the session that its
// login will have, in a cookie of its own making.
func TestForgedSessionIsNotARenewal(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.keep([]*http.Cookie{{Name: "KEYCLOAK_IDENTITY", Value: identity("id-h202601057", "sid-x")}})
	w.loginAs("h202601057", "sid-x")
	nothingLeft(t, b.get(realmPath+"/broker/idp/endpoint?state=s.UNKNOWNTAB1.Y2xpZW50").want(http.StatusGone))
}

// TestBrokeredLoginKnowsItsTab by the state of the foreign issuer's answer.
func TestBrokeredLoginKnowsItsTab(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	page := b.typeNumber(authURL("app"), "H202601057")
	tab := mustURL(t, page.action()).Query().Get("tab_id")
	w.loginAs("h202601057", "sid-x")
	if codeOf(b.get(realmPath+"/broker/idp/endpoint?state=s."+tab+".Y2xpZW50")) == "" {
		t.Error("no code")
	}
}

// TestAnswerThatNamesTwoPeople is refused, and both sessions are ended.
func TestAnswerThatNamesTwoPeople(t *testing.T) {
	for name, cookies := range map[string][]string{
		"two":        {identity("id-h202601057", "sid-1"), identity("id-a123456780", "sid-2")},
		"unreadable": {"xx.yy.zz"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			page := b.typeNumber(authURL("app"), "H202601057")
			w.keycloak.respond = func(rw http.ResponseWriter, r *http.Request) bool {
				for _, c := range cookies {
					rw.Header().Add("Set-Cookie", "KEYCLOAK_IDENTITY="+c+";Path=/realms/kasse/")
				}
				return true
			}
			nothingLeft(t, b.password(page, "", "").want(http.StatusBadGateway))
			if name == "two" && len(w.keycloak.ended) != 2 {
				t.Errorf("ended %v", w.keycloak.ended)
			}
		})
	}
}

// TestBelt: a code towards a foreign origin without an identity cookie.
func TestBelt(t *testing.T) {
	for name, answer := range map[string]func(http.ResponseWriter){
		"location": func(rw http.ResponseWriter) {
			rw.Header().Set("Location", "https://app.test/cb?code=abc")
			rw.WriteHeader(http.StatusFound)
		},
		"form": func(rw http.ResponseWriter) {
			rw.Header().Set("Content-Type", "text/html")
			rw.Write([]byte(`<FORM METHOD="POST" ACTION="https://app.test/cb"><INPUT NAME="code" VALUE="abc">`))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.keycloak.respond = func(rw http.ResponseWriter, _ *http.Request) bool {
				answer(rw)
				return true
			}
			nothingLeft(t, w.browser().get(authURL("partner")).want(http.StatusBadGateway))
		})
	}
}

func TestPageThatNamesAnotherAccount(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	page := b.typeNumber(authURL("app"), "A123456780")
	w.keycloak.respond = func(rw http.ResponseWriter, _ *http.Request) bool {
		rw.Header().Set("Content-Type", "text/html")
		rw.WriteHeader(http.StatusBadRequest)
		rw.Write([]byte("You are already authenticated as different user 'h202601057'"))
		return true
	}
	got := b.password(page, "", "").want(http.StatusSeeOther)
	if strings.Contains(got.Body.String(), "h202601057") {
		t.Error("the answer names somebody")
	}
	if b.cookies["AUTH_SESSION_ID"] != "" {
		t.Error("the cookies that tie the browser to the other session stay")
	}
	b.get(got.location()).want(http.StatusOK)
}

// TestForeignIdentityCookies: what the browser claims decides nothing.
func TestForeignIdentityCookies(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	page := b.typeNumber(authURL("app"), "A123456780")
	b.keep([]*http.Cookie{{Name: "KEYCLOAK_IDENTITY", Value: identity("id-h202601057", "sid-forged")}})
	nothingLeft(t, b.password(page, "", "pw-a123456780").want(http.StatusSeeOther))
	if w.keycloak.people["a123456780"].clearance != account.NotCleared {
		t.Error("cleared by a cookie")
	}
}

// TestPersonUnknownWhileClearanceIsRemembered: being cleared is not enough
// when it cannot be found out whose account it is.
func TestPersonUnknownWhileClearanceIsRemembered(t *testing.T) {
	w := newWorld(t)
	w.browser().signIn("app", "h202601057").want(http.StatusFound)
	b := w.browser()
	page := b.typeNumber(authURL("app"), "A123456780")
	w.loginAs("h202601057", "sid-x")
	w.keycloak.break_(true)
	at := b.password(page, "", "").want(http.StatusSeeOther)
	nothingLeft(t, at)
	w.keycloak.break_(false)
	b.get(at.location()).want(http.StatusForbidden)
}

// TestSilentAnswerForAnUncleared is repeated as if nobody were signed in.
func TestSilentAnswerForAnUncleared(t *testing.T) {
	w, b := signedIn(t, account.Cleared)
	w.keycloak.respond = func(rw http.ResponseWriter, r *http.Request) bool {
		params := map[string][]string{"redirect_uri": {"https://app.test/cb"}}
		if !hasCookie(r, "KEYCLOAK_IDENTITY") {
			w.keycloak.redirect(rw, params, map[string][]string{"error": {"login_required"}})
			return true
		}
		w.keycloak.sessions["sid-other"] = w.keycloak.people["a123456780"]
		w.keycloak.complete(rw, params, "sid-other")
		return true
	}
	got := b.get(authURL("partner", "prompt", "none")).want(http.StatusFound)
	if !strings.Contains(got.location(), "login_required") || codeOf(got) != "" {
		t.Errorf("answer %s", got.location())
	}
}
