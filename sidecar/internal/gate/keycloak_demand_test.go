package gate_test

import (
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

// named is whom a form of the login page means: by name, or by a passkey.
func (k *keycloak) named(form url.Values) *person {
	if id, err := base64.RawURLEncoding.DecodeString(form.Get("userHandle")); err == nil && len(id) > 0 {
		return k.byID(account.ID(id))
	}
	return k.people[strings.ToLower(form.Get("username"))]
}

// shows reports whether the form has a secret of theirs: the password, or a
// passkey of which the browser knows the account.
func shows(p *person, form url.Values) bool {
	return p.password == form.Get("password") || form.Has("userHandle")
}

// demandAction leads to the action. Whoever comes there is not asked for a
// password again, and nobody looks whether the action is still demanded.
func (k *keycloak) demandAction(w http.ResponseWriter, session *authSession, tab string) {
	session.waits = true
	w.Header().Set("Location", realmPath+"/login-actions/required-action?execution=UPDATE_PASSWORD&tab_id="+tab+"&client_id="+session.params.Get("client_id"))
	w.WriteHeader(http.StatusFound)
}

// requiredAction takes the new password of whoever waits, and signs them in.
func (k *keycloak) requiredAction(w http.ResponseWriter, r *http.Request) {
	tab := r.URL.Query().Get("tab_id")
	session, password := k.tabs[tab], r.PostForm.Get("password-new")
	if session == nil || !session.waits || password == "" {
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
	sid := "sid-" + tab
	k.sessions[sid] = session.user
	k.complete(w, session.params, sid)
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
	sid := "sid-" + tab
	k.sessions[sid] = session.user
	k.complete(w, session.params, sid)
}
