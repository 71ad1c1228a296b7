package gate_test

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
)

// person is an account of the fake realm.
type person struct {
	id, username, password string
	clearance              account.Clearance
	authenticators         []account.Authenticator
	demanded               bool // an action, at each login
	otp                    bool // a second page, after the password
}

// authSession is an authentication under way: a tab.
type authSession struct {
	params url.Values
	user   *person // once known
	half   bool    // the password was right, the second page is open
	waits  string  // at a demanded action, or at the page that asks for consent
}

// keycloak behaves as Keycloak 26.7.5 was seen to behave, as far as the gate
// can tell the difference. It is the Admin API too (account.Accounts).
type keycloak struct {
	t *testing.T

	mu       sync.Mutex
	people   map[string]*person   // by user name
	sessions map[string]*person   // by sid
	began    map[string]time.Time // by sid; of others it is long ago
	now      func() time.Time
	tabs     map[string]*authSession // by tab_id
	codes    map[string]string       // code → sid
	refresh  map[string]string       // refresh token → sid
	pushed   map[string]url.Values
	down     bool // the Admin API
	lookedUp int
	seen     []*http.Request
	forms    []url.Values
	ended    []string
	acting   func() // while a demanded action is on its way
	another  bool   // a second action is demanded behind the first
	root     string // the id of the next session, if it is not to be drawn: that of a root that outlived one
	// respond, when set, answers before anything else; true = answered.
	respond func(w http.ResponseWriter, r *http.Request) bool
}

const (
	realmPath = "/realms/kasse"
	oidcPath  = realmPath + "/protocol/openid-connect"
)

func newKeycloak(t *testing.T) *keycloak {
	t.Helper()
	k := &keycloak{
		t: t, people: map[string]*person{}, sessions: map[string]*person{}, began: map[string]time.Time{}, now: time.Now, tabs: map[string]*authSession{},
		codes: map[string]string{}, refresh: map[string]string{}, pushed: map[string]url.Values{},
	}
	k.add("a123456780", account.NotCleared)
	k.add("b123456782", account.NotCleared)
	k.add("h202601057", account.Cleared)
	k.add("s.schmidt", account.Exempt)
	return k
}

func (k *keycloak) add(username string, c account.Clearance) *person {
	p := &person{id: "id-" + username, username: username, password: "pw-" + username, clearance: c}
	k.people[username] = p
	return p
}

func (k *keycloak) live(username string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := 0
	for _, p := range k.sessions {
		if p.username == username {
			n++
		}
	}
	return n
}

// last returns the last request to a path that ends so, and its form.
func (k *keycloak) last(suffix string) (*http.Request, url.Values) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := len(k.seen) - 1; i >= 0; i-- {
		if strings.HasSuffix(k.seen[i].URL.Path, suffix) {
			return k.seen[i], k.forms[i]
		}
	}
	return nil, nil
}

func (k *keycloak) count(suffix string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := 0
	for _, r := range k.seen {
		if strings.HasSuffix(r.URL.Path, suffix) {
			n++
		}
	}
	return n
}

// ServeHTTP is Keycloak's public face.
func (k *keycloak) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		k.t.Errorf("keycloak got a form that it cannot read: %v", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.seen, k.forms = append(k.seen, r), append(k.forms, r.PostForm)
	if k.respond != nil && k.respond(w, r) {
		return
	}
	switch path := strings.TrimPrefix(r.URL.Path, realmPath); path {
	case "/protocol/openid-connect/auth":
		k.auth(w, r)
	case "/protocol/openid-connect/token":
		k.token(w, r)
	case "/protocol/openid-connect/ext/par/request":
		k.par(w, r)
	case "/protocol/openid-connect/logout":
		k.logout(w, r)
	case "/login-actions/authenticate":
		k.authenticate(w, r)
	case "/login-actions/required-action":
		k.requiredAction(w, r)
	case "/login-actions/consent":
		k.consent(w, r)
	case "/login-actions/first-broker-login", "/broker/after-first-broker-login":
		k.link(w, r)
	case "/account/":
		if sid := k.signedIn(r); sid != "" {
			k.setIdentity(w, sid)
		}
		w.WriteHeader(http.StatusUnauthorized)
	case "/protocol/openid-connect/certs":
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"keys":[]}`)
	default:
		http.NotFound(w, r)
	}
}

func (k *keycloak) signedIn(r *http.Request) string {
	sid := ""
	for _, c := range r.Cookies() { // the last one wins
		if c.Name == "KEYCLOAK_IDENTITY" && strings.HasSuffix(c.Value, ".good") {
			sid = claim(c.Value, "sid")
		}
	}
	if k.sessions[sid] == nil {
		return ""
	}
	return sid
}

func (k *keycloak) auth(w http.ResponseWriter, r *http.Request) {
	params := r.URL.Query()
	if r.Method == http.MethodPost {
		params = r.PostForm
	}
	if uri := params.Get("request_uri"); uri != "" {
		merged := url.Values{}
		for name, v := range params {
			merged[name] = v
		}
		for name, v := range k.pushed[uri] {
			merged[name] = v
		}
		params = merged
	}
	sid := k.signedIn(r)
	if sid == "" && hasCookie(r, "KEYCLOAK_IDENTITY") {
		w.Header().Add("Set-Cookie", "KEYCLOAK_IDENTITY=;Version=1;Path=/realms/kasse/;Max-Age=0")
	}
	tab := rand.Text()[:11]
	switch {
	case sid == "" && params.Get("prompt") == "none":
		k.redirect(w, params, url.Values{"error": {"login_required"}})
	case sid == "":
		k.tabs[tab] = &authSession{params: params}
		k.page(w, "login", tab, params.Get("login_hint"))
	case params.Get("kc_action") != "":
		k.tabs[tab] = &authSession{params: params, user: k.sessions[sid], waits: params.Get("kc_action")}
		w.Header().Add("Set-Cookie", "KC_RESTART=x;Path=/realms/kasse/")
		w.Header().Set("Location", realmPath+"/login-actions/required-action?execution="+params.Get("kc_action")+"&tab_id="+tab+"&client_id="+params.Get("client_id"))
		w.WriteHeader(http.StatusFound)
	case params.Get("prompt") == "login":
		k.tabs[tab] = &authSession{params: params, user: k.sessions[sid]}
		k.page(w, "again", tab, "")
	default:
		k.complete(w, params, sid)
	}
}

func hasCookie(r *http.Request, name string) bool {
	_, err := r.Cookie(name)
	return err == nil
}

func (k *keycloak) page(w http.ResponseWriter, kind, tab, hint string) {
	w.Header().Set("Content-Type", "text/html;charset=UTF-8")
	w.Header().Add("Set-Cookie", "AUTH_SESSION_ID=root;Path=/realms/kasse/;Secure;HttpOnly")
	w.Header().Add("Set-Cookie", "KC_RESTART=x;Path=/realms/kasse/;Secure;HttpOnly")
	execution := map[string]string{"otp": "e2"}[kind]
	action := fmt.Sprintf("%s/login-actions/authenticate?session_code=c&execution=%s&client_id=%s&tab_id=%s&client_data=d",
		realmPath, cmp.Or(execution, "e"), k.tabs[tab].params.Get("client_id"), tab)
	fmt.Fprintf(w, `<html><body class="%s"><form action="%s" method="post"><input name="username" value="%s"><input name="password"></form></body></html>`,
		kind, html.EscapeString(action), html.EscapeString(hint))
}

func (k *keycloak) authenticate(w http.ResponseWriter, r *http.Request) {
	tab := r.URL.Query().Get("tab_id")
	session := k.tabs[tab]
	if session == nil {
		http.Error(w, "no such tab", http.StatusBadRequest)
		return
	}
	if r.Method == http.MethodGet {
		k.page(w, "login", tab, session.params.Get("login_hint"))
		return
	}
	p := session.user
	if p == nil {
		p = k.named(r.PostForm)
	}
	switch {
	case session.waits != "" && r.URL.Query().Get("execution") == session.waits: // whatever is sent
		k.demandAction(w, session, tab, session.waits)
		return
	case session.waits != "":
		k.page(w, "expired", tab, "")
		return
	case p == nil || !session.half && !shows(p, r.PostForm):
		k.page(w, "wrong", tab, "")
		return
	case p.otp && !session.half:
		session.user, session.half = p, true
		k.page(w, "otp", tab, "")
		return
	}
	if session.user = p; p.demanded {
		k.demandAction(w, session, tab, "UPDATE_PASSWORD")
		return
	}
	k.ends(w, session, tab)
}

func (k *keycloak) setIdentity(w http.ResponseWriter, sid string) {
	w.Header().Add("Set-Cookie", "KEYCLOAK_IDENTITY="+identity(k.sessions[sid].id, sid)+";Version=1;Path=/realms/kasse/;Secure;HttpOnly;SameSite=None")
	w.Header().Add("Set-Cookie", "KEYCLOAK_SESSION=hash;Version=1;Path=/realms/kasse/;Max-Age=36000;Secure;SameSite=None")
}

// complete ends an authentication: identity cookie and code in one response.
func (k *keycloak) complete(w http.ResponseWriter, params url.Values, sid string) {
	k.setIdentity(w, sid)
	w.Header().Add("Set-Cookie", "KC_RESTART=;Version=1;Path=/realms/kasse/;Max-Age=0")
	code := rand.Text() + "." + sid + ".client"
	k.codes[code] = sid
	k.redirect(w, params, url.Values{"code": {code}, "session_state": {sid}})
}

func (k *keycloak) redirect(w http.ResponseWriter, params, out url.Values) {
	out.Set("state", params.Get("state"))
	if params.Get("response_mode") == "form_post" && out.Has("code") {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<HTML><BODY Onload="document.forms[0].submit()"><FORM METHOD="POST" ACTION="%s"><INPUT TYPE="HIDDEN" NAME="code" VALUE="%s"/></FORM></BODY></HTML>`,
			params.Get("redirect_uri"), out.Get("code"))
		return
	}
	separator := "?"
	if params.Get("response_mode") == "fragment" {
		separator = "#"
	}
	w.Header().Set("Location", params.Get("redirect_uri")+separator+out.Encode())
	w.WriteHeader(http.StatusFound)
}

func (k *keycloak) token(w http.ResponseWriter, r *http.Request) {
	sid := ""
	switch r.PostForm.Get("grant_type") {
	case "authorization_code":
		code := r.PostForm.Get("code")
		sid = k.codes[code]
		delete(k.codes, code)
	case "refresh_token":
		sid = k.refresh[r.PostForm.Get("refresh_token")]
	case "client_credentials":
		writeJSON(w, http.StatusOK, map[string]string{"access_token": jwt(map[string]string{"sub": "service-account"})})
		return
	case "password":
		sid = "sid-direct"
		k.sessions[sid] = k.people[r.PostForm.Get("username")]
	}
	w.Header().Set("Access-Control-Allow-Origin", "https://app.test")
	p := k.sessions[sid]
	if p == nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant", "error_description": "Code not valid"})
		return
	}
	renewed := jwt(map[string]string{"sid": sid, "jti": rand.Text()})
	k.refresh[renewed] = sid
	writeJSON(w, http.StatusOK, map[string]string{
		"access_token": jwt(map[string]string{"sub": p.id, "sid": sid}), "refresh_token": renewed, "session_state": sid,
	})
}

func (k *keycloak) par(w http.ResponseWriter, r *http.Request) {
	uri := "urn:ietf:params:oauth:request_uri:" + rand.Text()
	k.pushed[uri] = r.PostForm
	writeJSON(w, http.StatusCreated, map[string]any{"request_uri": uri, "expires_in": 1800})
}

func (k *keycloak) logout(w http.ResponseWriter, r *http.Request) {
	delete(k.sessions, k.signedIn(r))
	w.Header().Add("Set-Cookie", "KEYCLOAK_IDENTITY=;Version=1;Path=/realms/kasse/;Max-Age=0")
	w.Header().Set("Location", "https://app.test/bye")
	w.WriteHeader(http.StatusFound)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

func jwt(claims map[string]string) string {
	raw, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"HS512"}`)) + "." + part(raw) + ".good"
}

func identity(sub, sid string) string {
	return jwt(map[string]string{"sub": sub, "sid": sid, "typ": "Serialized-ID", "iss": "https://login.test/realms/kasse"})
}

func claim(token, name string) string {
	parts := strings.Split(token, ".")
	raw, _ := base64.RawURLEncoding.DecodeString(parts[1])
	var claims map[string]string
	json.Unmarshal(raw, &claims)
	return claims[name]
}

// day is a day of 2026.
func day(month time.Month, d int) time.Time { return time.Date(2026, month, d, 12, 0, 0, 0, time.UTC) }
