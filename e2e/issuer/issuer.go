package issuer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Limits: of codes kept at once, of the life of a code and of a token.
const (
	codeLimit = 1000
	codeLife  = time.Minute
	tokenLife = 5 * time.Minute
)

// Issuer is an OpenID provider with one client. Its accounts are the names
// that people type.
type Issuer struct {
	URL              string // iss, without a trailing slash
	ClientID, Secret string
	Now              func() time.Time

	key *ecdsa.PrivateKey

	mu    sync.Mutex
	codes map[string]grant
}

// grant is what a code or an access token stands for.
type grant struct {
	name, nonce, redirectURI string
	expires                  time.Time
}

// New makes an issuer with a fresh key.
func New(issuerURL, clientID, secret string) (*Issuer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return &Issuer{
		URL: issuerURL, ClientID: clientID, Secret: secret, Now: time.Now,
		key: key, codes: map[string]grant{},
	}, nil
}

// Handler serves the provider.
func (i *Issuer) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", i.discovery)
	mux.HandleFunc("GET /jwks", i.keys)
	mux.HandleFunc("GET /authorize", i.ask)
	mux.HandleFunc("POST /authorize", i.authorize)
	mux.HandleFunc("POST /token", i.token)
	mux.HandleFunc("GET /userinfo", i.userinfo)
	return mux
}

func (i *Issuer) discovery(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token",
		"userinfo_endpoint": i.URL + "/userinfo", "jwks_uri": i.URL + "/jwks",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{"ES256"},
	})
}

func (i *Issuer) keys(w http.ResponseWriter, _ *http.Request) {
	key := jose.JSONWebKey{Key: i.key.Public(), KeyID: "1", Algorithm: "ES256", Use: "sig"}
	writeJSON(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key}})
}

var page = template.Must(template.New("").Parse(`<!doctype html><html lang="de"><meta charset="utf-8"><title>Fremde Anmeldung</title>
<h1>Wer sind Sie?</h1>
<form method="post"><label>Name <input name="name" autofocus></label>
{{range $name, $values := .}}{{range $values}}<input type="hidden" name="{{$name}}" value="{{.}}">{{end}}{{end}}<button>Anmelden</button></form>`))

// ask shows the login page; the request travels in hidden fields.
func (i *Issuer) ask(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := page.Execute(w, r.URL.Query()); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (i *Issuer) authorize(w http.ResponseWriter, r *http.Request) {
	target, err := url.Parse(r.PostFormValue("redirect_uri"))
	if err != nil || r.PostFormValue("client_id") != i.ClientID || r.PostFormValue("name") == "" {
		http.Error(w, "unknown client or no name", http.StatusBadRequest)
		return
	}
	code := i.keep(grant{name: r.PostFormValue("name"), nonce: r.PostFormValue("nonce"), redirectURI: target.String(), expires: i.Now().Add(codeLife)})
	query := target.Query()
	query.Set("code", code)
	query.Set("state", r.PostFormValue("state"))
	query.Set("iss", i.URL)
	target.RawQuery = query.Encode()
	http.Redirect(w, r, target.String(), http.StatusSeeOther)
}

func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	if id != i.ClientID || secret != i.Secret {
		writeJSON(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	}
	granted, ok := i.take(r.PostFormValue("code"))
	if !ok || granted.redirectURI != r.PostFormValue("redirect_uri") {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
		return
	}
	idToken, err := i.sign(granted)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	granted.expires = i.Now().Add(tokenLife)
	writeJSON(w, http.StatusOK, map[string]any{
		"token_type": "Bearer", "access_token": i.keep(granted), "id_token": idToken, "expires_in": int(tokenLife.Seconds()),
	})
}

func (i *Issuer) sign(g grant) (string, error) {
	options := (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", "1")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: i.key}, options)
	if err != nil {
		return "", err
	}
	now := i.Now()
	claims := i.claims(g.name)
	claims["iss"], claims["aud"], claims["nonce"] = i.URL, i.ClientID, g.nonce
	claims["iat"], claims["exp"] = now.Unix(), now.Add(tokenLife).Unix()
	return jwt.Signed(signer).Claims(claims).Serialize()
}

func (i *Issuer) claims(name string) map[string]any {
	return map[string]any{
		"sub": "foreign-" + name, "preferred_username": name, "given_name": name, "family_name": "Fremd",
		"email": name + "@foreign.example", "email_verified": true,
	}
}

func (i *Issuer) userinfo(w http.ResponseWriter, r *http.Request) {
	var token string
	if _, err := fmt.Sscanf(r.Header.Get("Authorization"), "Bearer %s", &token); err != nil {
		writeJSON(w, http.StatusUnauthorized, map[string]string{"error": "invalid_token"})
		return
	}
	i.mu.Lock()
	granted, ok := i.codes[token]
	i.mu.Unlock()
	if !ok || i.Now().After(granted.expires) {
		writeJSON(w, http.StatusUnauthorized, map[string]string{"error": "invalid_token"})
		return
	}
	writeJSON(w, http.StatusOK, i.claims(granted.name))
}

// keep stores a grant under a new random name, and forgets all when there are
// too many: a test that needs more than a thousand logins at once is wrong.
func (i *Issuer) keep(g grant) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.codes) >= codeLimit {
		clear(i.codes)
	}
	name := rand.Text()
	i.codes[name] = g
	return name
}

func (i *Issuer) take(code string) (grant, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	g, ok := i.codes[code]
	delete(i.codes, code)
	return g, ok && i.Now().Before(g.expires)
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(value); err != nil {
		return // the client has gone; the status is sent already
	}
}
