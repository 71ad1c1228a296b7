package gate_test

import "net/http"

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

// demandAction leads to the action. Whoever comes there is not asked for a
// password again, and nobody looks whether the action is still demanded.
func (k *keycloak) demandAction(w http.ResponseWriter, session *authSession, tab string) {
	w.Header().Set("Location", realmPath+"/login-actions/required-action?execution=UPDATE_PASSWORD&tab_id="+tab+"&client_id="+session.params.Get("client_id"))
	w.WriteHeader(http.StatusFound)
}
