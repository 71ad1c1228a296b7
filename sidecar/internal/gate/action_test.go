package gate_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/internal/gate"
)

// object is a signed request object; the signature is nobody's.
func object(t *testing.T, claims map[string]string) string {
	t.Helper()
	raw, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return "eyJhbGciOiJSUzI1NiJ9." + base64.RawURLEncoding.EncodeToString(raw) + ".c2ln"
}

// ran reports whether an action ever went upstream.
func (k *keycloak) ran() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i, r := range k.seen {
		if strings.HasSuffix(r.URL.Path, "/auth") && (r.URL.Query().Has("kc_action") || k.forms[i].Has("kc_action")) {
			return true
		}
	}
	return false
}

// TestActionOfACleared: with a genuine cookie it runs at once, and what
// restarts it stays here.
func TestActionOfACleared(t *testing.T) {
	w, b := signedIn(t, account.Cleared)
	delete(b.cookies, "KC_RESTART")
	got := b.get(authURL("app", "kc_action", "CONFIGURE_TOTP")).want(http.StatusFound)
	if !strings.Contains(got.location(), "required-action?execution=CONFIGURE_TOTP") || !w.keycloak.ran() {
		t.Errorf("leads to %s", got.location())
	}
	if b.cookies["KC_RESTART"] != "" {
		t.Error("KC_RESTART left with an action")
	}
}

// TestActionIsNotLeftToAnother: A begins an action through a pushed request,
// which Keycloak answers with a page of its own, throws the cookies away, and
// wants the password of B to end it.
func TestActionIsNotLeftToAnother(t *testing.T) {
	w, b := signedIn(t, account.Cleared)
	w.keycloak.respond = func(rw http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/auth") {
			return false
		}
		w.keycloak.tabs["ACTINGTAB11"] = &authSession{params: r.URL.Query()}
		rw.Header().Set("Location", realmPath+"/login-actions/authenticate?client_id=app&tab_id=ACTINGTAB11")
		rw.WriteHeader(http.StatusFound)
		return true
	}
	to := b.get(authURL("app", "kc_action", "CONFIGURE_TOTP")).location()
	thief := w.browser()
	page := thief.get(to).want(http.StatusOK)
	if got := thief.password(page, "b123456782", "pw-b123456782").location(); got != "https://app.test/" {
		t.Errorf("leads to %s", got)
	}
	if w.keycloak.live("b123456782") != 0 {
		t.Error("signed in where an action waits")
	}
}

// TestActionWithAForgedCookie: the claims are a cleared person's, the
// signature is not Keycloak's. What Keycloak answered never leaves.
func TestActionWithAForgedCookie(t *testing.T) {
	w, b := signedIn(t, account.Cleared)
	b.cookies["KEYCLOAK_IDENTITY"] = strings.TrimSuffix(b.cookies["KEYCLOAK_IDENTITY"], ".good") + ".bad"
	page := b.get(authURL("app", "kc_action", "CONFIGURE_TOTP")).want(http.StatusOK).shows("ask for number")
	login := b.get(b.post(page.action(), url.Values{"schleuse_request": {page.hidden("schleuse_request")}, "number": {"A123456780"}}).location())
	r, _ := w.keycloak.last("/auth")
	if r.URL.Query().Has("kc_action") {
		t.Error("the action went upstream without a cookie")
	}
	b.password(login, "", "pw-a123456780").want(http.StatusSeeOther)
}

// TestActionFollowsTheClearance: the login runs without it, its code never
// leaves, the original request follows.
func TestActionFollowsTheClearance(t *testing.T) {
	for _, username := range []string{"a123456780", "h202601057"} {
		t.Run(username, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			login := b.typeNumber(authURL("app", "kc_action", "UPDATE_PASSWORD"), strings.ToUpper(username))
			if w.keycloak.ran() {
				t.Fatal("the action went upstream")
			}
			out := b.password(login, "", "pw-"+username).want(http.StatusSeeOther)
			if username == "a123456780" {
				out = b.pass(out).want(http.StatusSeeOther)
			}
			if codeOf(out) != "" || b.cookies["KEYCLOAK_IDENTITY"] == "" {
				t.Fatalf("%v", out.Header())
			}
			if to := b.get(out.location()).location(); !strings.Contains(to, "required-action?execution=UPDATE_PASSWORD") {
				t.Errorf("then %s", to)
			}
		})
	}
}

func TestActionOfAnUnclearedWithCookie(t *testing.T) {
	w, b := signedIn(t, account.NotCleared)
	b.get(authURL("app", "kc_action", "CONFIGURE_TOTP")).shows("ask for number")
	w.turn("h202601057", account.Unknown)
	b.get(authURL("app", "kc_action", "CONFIGURE_TOTP")).want(http.StatusServiceUnavailable)
	if w.keycloak.ran() {
		t.Error("the action went upstream")
	}
}

// TestActionJustWithdrawn: what is remembered for seconds is not enough here.
func TestActionJustWithdrawn(t *testing.T) {
	w, b := signedIn(t, account.Cleared)
	b.get(authURL("app"))
	w.keycloak.set("h202601057", account.NotCleared)
	b.get(authURL("app", "kc_action", "CONFIGURE_TOTP")).shows("ask for number")
	if w.keycloak.ran() {
		t.Error("the action went upstream")
	}
}

func TestForgedCookieThroughAPlainClient(t *testing.T) {
	w, b := signedIn(t, account.Cleared)
	b.cookies["KEYCLOAK_IDENTITY"] = strings.TrimSuffix(b.cookies["KEYCLOAK_IDENTITY"], ".good") + ".bad"
	b.get(authURL("partner", "kc_action", "CONFIGURE_TOTP")).want(http.StatusOK)
	r, _ := w.keycloak.last("/auth")
	if r.URL.Query().Has("kc_action") || strings.Contains(r.Header.Get("Cookie"), "KEYCLOAK_IDENTITY") {
		t.Errorf("upstream %v with %s", r.URL, r.Header.Get("Cookie"))
	}
}

func TestActionThroughAPlainClient(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.get(authURL("partner", "kc_action", "CONFIGURE_TOTP")).want(http.StatusOK)
	b.do(http.MethodPost, oidcPath+"/auth", url.Values{"client_id": {"partner"}, "redirect_uri": {"x"}, "kc_action": {"CONFIGURE_TOTP"}}).want(http.StatusOK)
	if w.keycloak.ran() {
		t.Error("the action went upstream")
	}
}

func TestActionInsideASignedObject(t *testing.T) {
	claims := map[string]string{"kc_action": "CONFIGURE_TOTP", "redirect_uri": "https://app.test/cb"}
	t.Run("not cleared", func(t *testing.T) {
		w := newWorld(t)
		got := w.browser().get(authURL("app", "request", object(t, claims)))
		if !strings.Contains(got.location(), "error=interaction_required") {
			t.Errorf("answer %s", got.location())
		}
	})
	t.Run("cleared", func(t *testing.T) {
		w, b := signedIn(t, account.Cleared)
		b.get(authURL("app", "request", object(t, claims))).want(http.StatusFound)
		if r, _ := w.keycloak.last("/auth"); !r.URL.Query().Has("request") || r.URL.Query().Get("prompt") == "none" {
			t.Errorf("upstream %v", r.URL)
		}
	})
	t.Run("keycloak shows a page all the same", func(t *testing.T) {
		w := newWorld(t)
		w.keycloak.respond = func(rw http.ResponseWriter, _ *http.Request) bool {
			rw.Header().Set("Content-Type", "text/html")
			rw.Write([]byte("<form action='/realms/kasse/login-actions/authenticate?tab_id=x'>"))
			return true
		}
		w.browser().get(authURL("app", "request", object(t, claims))).want(http.StatusBadRequest)
	})
	t.Run("pushed, not cleared", func(t *testing.T) {
		w := newWorld(t)
		uri := w.push(url.Values{"request": {object(t, claims)}})
		w.keycloak.respond = func(rw http.ResponseWriter, r *http.Request) bool {
			switch {
			case strings.HasSuffix(r.URL.Path, "/auth"):
				rw.Header().Add("Set-Cookie", "AUTH_SESSION_ID=new;Path=/realms/kasse/")
				rw.Header().Set("Location", "https://login.test"+realmPath+"/login-actions/authenticate?tab_id=x&client_id=app")
			case r.Header.Get("Cookie") == "AUTH_SESSION_ID=new":
				rw.Header().Set("Location", "https://app.test/cb?error=login_required")
			}
			rw.WriteHeader(http.StatusFound)
			return true
		}
		got := w.browser().get(pushedURL(uri))
		if got.location() != "https://app.test/cb?error=interaction_required" || got.Header().Get("Set-Cookie") != "" {
			t.Errorf("answer %v", got.Header())
		}
	})
	t.Run("encrypted", func(t *testing.T) {
		w := newWorld(t)
		w.browser().get(authURL("app", "request", "a.b.c.d.e")).want(http.StatusBadRequest)
	})
	t.Run("at an address", func(t *testing.T) {
		w := newWorld(t)
		w.browser().get(authURL("app", "request_uri", "https://app.test/object")).want(http.StatusBadRequest)
	})
}

// push pushes a request and returns its address.
func (w *world) push(form url.Values) string {
	w.t.Helper()
	form.Set("client_id", "app")
	form.Set("redirect_uri", "https://app.test/cb")
	r := w.browser().do(http.MethodPost, oidcPath+"/ext/par/request", form).want(http.StatusCreated)
	var body map[string]any
	if err := json.Unmarshal(r.Body.Bytes(), &body); err != nil {
		w.t.Fatal(err)
	}
	return body["request_uri"].(string)
}

func pushedURL(uri string, extra ...string) string {
	q := url.Values{"client_id": {"app"}, "request_uri": {uri}}
	for i := 0; i+1 < len(extra); i += 2 {
		q.Set(extra[i], extra[i+1])
	}
	return oidcPath + "/auth?" + q.Encode()
}

func TestPushedRequest(t *testing.T) {
	t.Run("what wins over the number is taken out", func(t *testing.T) {
		w := newWorld(t)
		uri := w.push(url.Values{"login_hint": {"B123456782"}, "prompt": {"create"}, "kc_action": {"CONFIGURE_TOTP"}, "state": {"s"}})
		_, form := w.keycloak.last("/request")
		if form.Has("login_hint") || form.Has("prompt") || form.Has("kc_action") || form.Get("state") != "s" {
			t.Errorf("upstream %v", form)
		}
		b := w.browser()
		login := b.typeNumber(pushedURL(uri), "A123456780").shows(`value="A123456780"`)
		if w.keycloak.ran() {
			t.Error("the action went upstream")
		}
		out := b.pass(b.password(login, "", "pw-a123456780"))
		if codeOf(out) == "" {
			t.Error("no code")
		}
	})
	t.Run("action of a cleared person", func(t *testing.T) {
		w, b := signedIn(t, account.Cleared)
		uri := w.push(url.Values{"kc_action": {"CONFIGURE_TOTP"}})
		if to := b.get(pushedURL(uri)).location(); !strings.Contains(to, "execution=CONFIGURE_TOTP") {
			t.Errorf("leads to %s", to)
		}
	})
	t.Run("action beside it", func(t *testing.T) {
		w := newWorld(t)
		w.browser().get(pushedURL(w.push(url.Values{}), "kc_action", "CONFIGURE_TOTP")).shows("ask for number")
		if w.keycloak.ran() {
			t.Error("the action went upstream")
		}
	})
	t.Run("prompt none", func(t *testing.T) {
		w := newWorld(t)
		if to := w.browser().get(pushedURL(w.push(url.Values{"prompt": {"none"}}))).location(); !strings.Contains(to, "login_required") {
			t.Errorf("leads to %s", to)
		}
	})
	t.Run("encrypted object", func(t *testing.T) {
		w := newWorld(t)
		w.browser().do(http.MethodPost, oidcPath+"/ext/par/request", url.Values{"client_id": {"app"}, "request": {"a.b.c.d.e"}}).
			want(http.StatusBadRequest).shows("invalid_request_object")
	})
	t.Run("released twice goes to the client's start", func(t *testing.T) {
		w := newWorld(t)
		b := w.browser()
		login := b.typeNumber(pushedURL(w.push(url.Values{})), "A123456780")
		at := b.password(login, "", "pw-a123456780").location()
		b.answer(b.get(at), "digits", "0042")
		b.get(at + "/release").want(http.StatusFound)
		if to := b.get(at + "/release").location(); to != "https://app.test/" {
			t.Errorf("again: %s", to)
		}
	})
}

// TestPushedRequestHasTheGatesAddress: what the gate must know of a pushed
// request travels in the address that the client gets. Nothing is stored, and
// only the client that pushed gets anywhere with it, as long as Keycloak said.
func TestPushedRequestHasTheGatesAddress(t *testing.T) {
	w, b := signedIn(t, account.Cleared)
	rows := w.records.rows()
	uri := w.push(url.Values{"state": {"s"}})
	if w.keycloak.pushed[uri] != nil || !strings.HasPrefix(uri, "urn:ietf:params:oauth:request_uri:") || len(uri) > 512 {
		t.Fatalf("the client got %s", uri)
	}
	if got := w.records.rows(); got != rows {
		t.Errorf("%d rows, and %d before", got, rows)
	}
	for range 2 { // whether it may be used again is Keycloak's to say
		if codeOf(b.get(pushedURL(uri)).want(http.StatusFound)) == "" {
			t.Fatal("no code")
		}
	}
	r, _ := w.keycloak.last("/auth")
	if own := r.URL.Query().Get("request_uri"); w.keycloak.pushed[own] == nil {
		t.Errorf("Keycloak was asked for %s", own)
	}
	for name, target := range map[string]string{
		"keycloak's own":   pushedURL(r.URL.Query().Get("request_uri")),
		"another":          pushedURL("urn:ietf:params:oauth:request_uri:x"),
		"changed":          pushedURL(uri[:len(uri)-8] + "AAAAAAAA"),
		"another client":   strings.Replace(pushedURL(uri), "client_id=app", "client_id=other", 1),
		"the number's":     pushedURL("urn:ietf:params:oauth:request_uri:" + b.cookies["__Host-schleuse-number"]),
		"without a client": strings.Replace(pushedURL(uri), "client_id=app", "client_id=", 1),
	} {
		before := w.keycloak.count("/auth")
		if b.get(target).want(http.StatusBadRequest); w.keycloak.count("/auth") != before {
			t.Errorf("%s: went upstream", name)
		}
	}
	w.clock.Pass(1800*time.Second + time.Minute)
	b.get(pushedURL(uri)).want(http.StatusBadRequest)
}

// TestPushedAnswerIsTheClients: all of it is as Keycloak gave it, the address
// apart; one that Keycloak should not give is not passed on.
func TestPushedAnswerIsTheClients(t *testing.T) {
	w := newWorld(t)
	answer := `{"request_uri":"urn:ietf:params:oauth:request_uri:abc","expires_in":77,"more":{"a":[1]}}`
	w.keycloak.respond = func(rw http.ResponseWriter, _ *http.Request) bool {
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(http.StatusCreated)
		rw.Write([]byte(answer))
		return true
	}
	push := func() response {
		return w.browser().do(http.MethodPost, oidcPath+"/ext/par/request", url.Values{"client_id": {"app"}})
	}
	got := push().want(http.StatusCreated).shows(`"expires_in":77`).shows(`"more":{"a":[1]}`)
	if n, err := strconv.Atoi(got.Header().Get("Content-Length")); err != nil || n != got.Body.Len() {
		t.Errorf("Content-Length %d of %d bytes", n, got.Body.Len())
	}
	for _, bad := range []string{"https://login.test/x", "urn:ietf:params:oauth:request_uri:" + strings.Repeat("x", 129)} {
		answer = `{"request_uri":"` + bad + `","expires_in":60}`
		push().want(http.StatusBadGateway)
	}
}

// TestPromptThatWasPushedCounts: Keycloak hears the one beside it only where
// none was pushed.
func TestPromptThatWasPushedCounts(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	for _, pushed := range []url.Values{{"prompt": {"login"}}, {"request": {object(t, map[string]string{"state": "s"})}}} {
		b.get(pushedURL(w.push(pushed), "prompt", "none")).want(http.StatusOK).shows("ask for number")
	}
	for _, pushed := range []url.Values{{}, {"prompt": {"create"}}} {
		if to := b.get(pushedURL(w.push(pushed), "prompt", "none")).location(); !strings.Contains(to, "login_required") {
			t.Errorf("%v leads to %s", pushed, to)
		}
	}
	if to := b.get(pushedURL(w.push(url.Values{"prompt": {"none"}}), "prompt", "login")).location(); !strings.Contains(to, "login_required") {
		t.Errorf("leads to %s", to)
	}
}

// TestPushedByAClientThatShowsItsNameElsewhere: its address is bound to it all
// the same.
func TestPushedByAClientThatShowsItsNameElsewhere(t *testing.T) {
	w, b := signedIn(t, account.Cleared)
	form := url.Values{"redirect_uri": {"https://app.test/cb"}}
	basic := func(r *http.Request) { r.SetBasicAuth("app", "secret") }
	var body map[string]any
	pushed := w.browser().do(http.MethodPost, oidcPath+"/ext/par/request", form, basic).want(http.StatusCreated)
	if err := json.Unmarshal(pushed.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	if codeOf(b.get(pushedURL(body["request_uri"].(string))).want(http.StatusFound)) == "" {
		t.Error("no code")
	}
}

// TestPushedWhileObserving: an action that the gate let be pushed stands in
// what Keycloak has, and is refused to somebody uncleared once the gate does
// more than observe.
func TestPushedWhileObserving(t *testing.T) {
	w := newWorld(t, func(g *gate.Gate) { g.Settings.Observe = true })
	uri := w.push(url.Values{"kc_action": {"CONFIGURE_TOTP"}})
	w.gate.Settings.Observe = false
	if to := w.browser().get(pushedURL(uri)).location(); !strings.Contains(to, "error=interaction_required") {
		t.Errorf("leads to %s", to)
	}
}

// TestObserve: nothing is asked or refused, all is reported; the
// administration stays closed and headers are written all the same.
func TestObserve(t *testing.T) {
	w := newWorld(t, func(g *gate.Gate) { g.Settings.Observe = true })
	b := w.browser()
	page := b.get(authURL("app", "login_hint", "a123456780")).want(http.StatusOK).shows(`class="login"`)
	code := codeOf(b.password(page, "a123456780", "pw-a123456780"))
	if code == "" {
		t.Fatal("an uncleared person did not get in")
	}
	w.clock.Pass(2 * time.Minute)
	refresh := tokenOf(t, w.redeem(code).want(http.StatusOK), "refresh_token")
	w.keycloak.break_(true)
	w.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}).want(http.StatusOK)
	if codeOf(b.get(authURL("app"))) == "" {
		t.Error("not signed in")
	}
	b.get("/admin/realms/kasse/users").want(http.StatusNotFound)
	b.get("/admin").want(http.StatusNotFound)
	before := w.keycloak.count("")
	for _, path := range []string{
		"/", "/realms/master", "/realms/master/protocol/openid-connect/auth", "/realms/kasse2/account", "/realms/kasse2",
		"/realms", "/health", "/metrics", "/js/keycloak.js", "/resources", "/.well-known/openid-configuration/realms/master",
	} {
		b.get(path).want(http.StatusNotFound)
	}
	b.post("/realms/master/protocol/openid-connect/token", url.Values{"client_id": {"admin-cli"}}).want(http.StatusNotFound)
	if n := w.keycloak.count(""); n != before {
		t.Errorf("%d requests went to another realm", n-before)
	}
	b.get(realmPath + "/account/").want(http.StatusUnauthorized) // keycloak's own answer
	b.get("/realms/kasse//account").want(http.StatusBadRequest)
	if n := w.keycloak.live("a123456780"); n != 1 {
		t.Errorf("%d sessions", n)
	}
}
