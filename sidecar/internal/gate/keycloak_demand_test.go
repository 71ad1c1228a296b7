package gate_test

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"github.com/schleuse/schleuse/sidecar/account"
)

// demand lets Keycloak demand an action of everybody who signs in by this name
// from now on, as it does with a posted initial password.
func (k *keycloak) demand(username string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.people[username].demanded = true
}

func (k *keycloak) undemand(username string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.people[username].demanded = false
}

// alias is another name by which an account signs in, such as its mail address.
func (k *keycloak) alias(name, username string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.people[name] = k.people[username]
}

// named is whom a form of the login page means: by name, or by a passkey that
// answers. A handle alone is not read.
func (k *keycloak) named(form url.Values) *person {
	if byPasskey(form) {
		id, err := base64.RawURLEncoding.DecodeString(form.Get("userHandle"))
		if err != nil {
			return nil
		}
		return k.byID(account.ID(id))
	}
	return k.people[strings.ToLower(form.Get("username"))]
}

// shows reports whether the form has a secret of theirs: the password, or a
// passkey of which the browser knows the account.
func shows(p *person, form url.Values) bool {
	return byPasskey(form) || p.password == form.Get("password")
}

func byPasskey(form url.Values) bool { return form.Get("authenticatorData") != "" }

// demandAction leads to an action. Whoever comes there is not asked for a
// password again, and nobody looks whether the action is still demanded.
func (k *keycloak) demandAction(w http.ResponseWriter, session *authSession, tab, action string) {
	session.waits = action
	w.Header().Set("Location", realmPath+"/login-actions/required-action?execution="+action+"&tab_id="+tab+"&client_id="+session.params.Get("client_id"))
	w.WriteHeader(http.StatusFound)
}

// ends is the end of an authentication, by the page that asks for consent where
// its client has one.
func (k *keycloak) ends(w http.ResponseWriter, session *authSession, tab string) {
	if strings.HasSuffix(session.params.Get("client_id"), "-consent") && session.waits != "OAUTH_GRANT" {
		k.demandAction(w, session, tab, "OAUTH_GRANT")
		return
	}
	sid := cmp.Or(k.root, "sid-"+rand.Text()[:12])
	if k.sessions[sid] == nil {
		k.sessions[sid], k.began[sid] = session.user, k.now()
	}
	k.complete(w, session.params, sid)
}

func (k *keycloak) consent(w http.ResponseWriter, r *http.Request) {
	tab := r.URL.Query().Get("tab_id")
	if session := k.tabs[tab]; session != nil && session.waits == "OAUTH_GRANT" {
		k.ends(w, session, tab)
		return
	}
	http.Error(w, "no consent is asked for", http.StatusBadRequest)
}

// requiredAction takes the new password of whoever waits, and signs them in.
func (k *keycloak) requiredAction(w http.ResponseWriter, r *http.Request) {
	tab := r.URL.Query().Get("tab_id")
	session, password := k.tabs[tab], r.PostForm.Get("password-new")
	if session == nil || session.waits == "" || session.waits == "OAUTH_GRANT" || password == "" {
		k.page(w, "required", tab, "")
		return
	}
	if meanwhile := k.acting; meanwhile != nil {
		k.acting = nil
		k.mu.Unlock()
		defer k.mu.Lock() // whoever fails in between holds no lock
		meanwhile()
		k.mu.Lock()
		defer k.mu.Unlock()
	}
	session.user.password, session.user.demanded = password, false
	if k.another && session.waits != "VERIFY_PROFILE" {
		k.demandAction(w, session, tab, "VERIFY_PROFILE")
		return
	}
	k.ends(w, session, tab)
}

// link is the way by which an account of a foreign issuer is linked: the form
// shows the account's password, the link is made by the next address.
func (k *keycloak) link(w http.ResponseWriter, r *http.Request) {
	tab := r.URL.Query().Get("tab_id")
	session := k.tabs[tab]
	if r.Method == http.MethodPost {
		session.user = k.named(r.PostForm)
		w.Header().Set("Location", realmPath+"/broker/after-first-broker-login?tab_id="+tab+"&client_id="+session.params.Get("client_id"))
		w.WriteHeader(http.StatusFound)
		return
	}
	session.user.authenticators = append(session.user.authenticators, account.Authenticator{ID: "link", Type: "identity-provider"})
	k.ends(w, session, tab)
}
