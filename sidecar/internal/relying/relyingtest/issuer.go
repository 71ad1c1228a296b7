package relyingtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Person is who signs in at the issuer, without being asked anything.
type Person struct {
	Subject, Username, SID string
	Claims                 map[string]any // more claims of the access token
}

// Issuer is an OpenID provider. It keeps codes, sessions and refresh tokens
// as a real one does. Its exported fields are changed through With.
type Issuer struct {
	URL          string
	ClientID     string
	ClientSecret string
	Now          func() time.Time

	Switches
	mu       sync.Mutex
	key      *ecdsa.PrivateKey
	codes    map[string]grant
	refresh  map[string]Person // live refresh tokens
	requests map[string]int    // by path
	grants   map[string]int    // token requests by grant_type
	posts    []url.Values      // forms that the log-out got
}

// Switches say how the issuer behaves.
type Switches struct {
	Person       Person
	Down         bool          // everything answers 503
	NoKeys       bool          // its keys alone answer 503
	RefreshError string        // error code of the answer to a refresh; "" = none
	RefreshGate  chan struct{} // a refresh waits until it is closed; nil = does not wait
	Rotate       bool          // a refresh token is good once
	Life         time.Duration // of access tokens; 0 = 5 min
	Opaque       bool          // access tokens are no JWT
	LoginError   string        // the authorization endpoint answers this error
	Age          time.Duration // how long ago the person has proven themselves
	NoAuthTime   bool          // ID tokens do not say when that was
	BadNonce     bool          // ID tokens carry another nonce
	NoLogout     bool          // the end_session_endpoint shows a question
}

type grant struct {
	Person
	nonce, challenge, redirect string
}

// Key ids of the issuer.
const keyID = "k1"

// NewIssuer starts an issuer, at a host name of its own on loopback.
func NewIssuer(t testing.TB, now func() time.Time) *Issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := &Issuer{
		ClientID: "webcenter", ClientSecret: "of the webcenter", Now: now, key: key,
		codes: map[string]grant{}, refresh: map[string]Person{}, requests: map[string]int{}, grants: map[string]int{},
	}
	i.Person = Person{Subject: "s-1", Username: "a123456780", SID: "sid-1"}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", i.discovery)
	mux.HandleFunc("GET /certs", i.certs)
	mux.HandleFunc("GET /auth", i.auth)
	mux.HandleFunc("POST /token", i.token)
	mux.HandleFunc("POST /logout", i.logout)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		i.requests[r.URL.Path]++
		down := i.Down
		i.mu.Unlock()
		if down {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	i.URL = Named(server.URL, "login.localhost")
	return i
}

// Set changes how the issuer behaves.
func (i *Issuer) Set(change func(*Switches)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change(&i.Switches)
}

// Requests returns how often a path was asked for.
func (i *Issuer) Requests(path string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.requests[path]
}

// Grants returns how many token requests of this grant type there were.
func (i *Issuer) Grants(grantType string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.grants[grantType]
}

// Logouts returns the forms that the end_session_endpoint got.
func (i *Issuer) Logouts() []url.Values {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]url.Values(nil), i.posts...)
}

func (i *Issuer) discovery(w http.ResponseWriter, _ *http.Request) {
	write(w, http.StatusOK, map[string]any{
		"issuer": i.URL, "authorization_endpoint": i.URL + "/auth", "token_endpoint": i.URL + "/token",
		"jwks_uri": i.URL + "/certs", "end_session_endpoint": i.URL + "/logout",
		"id_token_signing_alg_values_supported":          []string{"ES256"},
		"authorization_response_iss_parameter_supported": true,
	})
}

func (i *Issuer) certs(w http.ResponseWriter, _ *http.Request) {
	i.mu.Lock()
	away := i.NoKeys
	i.mu.Unlock()
	if away {
		http.Error(w, "later", http.StatusServiceUnavailable)
		return
	}
	key := jose.JSONWebKey{Key: i.key.Public(), KeyID: keyID, Algorithm: string(jose.ES256), Use: "sig"}
	write(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key}})
}

func (i *Issuer) auth(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	q := r.URL.Query()
	if q.Get("client_id") != i.ClientID || q.Get("code_challenge_method") != "S256" || q.Get("response_type") != "code" {
		http.Error(w, "not a code flow with PKCE", http.StatusBadRequest)
		return
	}
	answer := url.Values{"state": q["state"], "iss": {i.URL}}
	if i.LoginError != "" {
		answer.Set("error", i.LoginError)
	} else {
		code := random()
		i.codes[code] = grant{i.Person, q.Get("nonce"), q.Get("code_challenge"), q.Get("redirect_uri")}
		answer.Set("code", code)
	}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+answer.Encode(), http.StatusFound)
}

func (i *Issuer) logout(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := r.ParseForm(); err != nil || r.URL.RawQuery != "" {
		http.Error(w, "unreadable, or something in the URL", http.StatusBadRequest)
		return
	}
	i.posts = append(i.posts, r.PostForm)
	if i.NoLogout {
		http.Error(w, "do you want to sign out?", http.StatusOK)
		return
	}
	http.Redirect(w, r, r.PostForm.Get("post_logout_redirect_uri"), http.StatusFound)
}

// Sign returns a JWT of the issuer with the given type.
func (i *Issuer) Sign(typ string, claims map[string]any) string {
	return i.SignWith(i.key, keyID, typ, claims)
}

// SignWith returns a JWT signed with another key.
func (i *Issuer) SignWith(key *ecdsa.PrivateKey, kid, typ string, claims map[string]any) string {
	options := (&jose.SignerOptions{}).WithHeader("kid", kid)
	if typ != "" {
		options = options.WithType(jose.ContentType(typ))
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options)
	if err != nil {
		panic(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		panic(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return text
}

func random() string {
	var b [24]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}
