package proxy

import (
	"cmp"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Limits of logins under way.
const (
	loginLife = time.Hour // as long as a provider may keep its page open
	loginMax  = 4         // per browser; one cookie each, so that tabs do not disturb one another
	stateTag  = 12        // characters of the state that stand in the cookie's name
)

// pending is a login under way. The browser keeps it, sealed.
type pending struct {
	State    string    `json:"s"`
	Nonce    string    `json:"n"`
	Verifier string    `json:"v"` // PKCE, RFC 7636
	Back     string    `json:"b"` // where to go then: see backTo
	Begun    time.Time `json:"t"`
}

// login sends the browser to the provider and remembers where it came from.
func (s *Site) login(w http.ResponseWriter, r *http.Request, back string) error {
	issuer, err := s.issuer(r.Context())
	if err != nil {
		return later("signing in", err)
	}
	config, err := s.oauth(issuer)
	if err != nil {
		return later("signing in", err)
	}
	p := pending{State: newSecret(), Nonce: newSecret(), Verifier: oauth2.GenerateVerifier(), Back: back, Begun: s.Now()}
	s.makeRoom(w, r)
	if err := s.keepPending(w, p); err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	to := config.AuthCodeURL(p.State, oidc.Nonce(p.Nonce), oauth2.S256ChallengeOption(p.Verifier))
	http.Redirect(w, r, to, http.StatusFound)
	return nil
}

func loginCookieOf(state string) string { return loginCookie + state[:stateTag] }

func (s *Site) keepPending(w http.ResponseWriter, p pending) error {
	plain, err := json.Marshal(p)
	if err != nil {
		return err
	}
	name := loginCookieOf(p.State)
	sealed := s.Ring.Seal(plain, s.aad(name))
	setCookie(w, name, base64.RawURLEncoding.EncodeToString(sealed), int(loginLife.Seconds()))
	return nil
}

// aad ties a sealed cookie to the site and its own name.
func (s *Site) aad(name string) []byte {
	return []byte("proxy login\x00" + s.Settings.Name + "\x00" + name)
}

// pendings returns the logins under way in this browser, oldest first, and
// the names of cookies that are none.
func (s *Site) pendings(r *http.Request) (good []pending, junk []string) {
	for _, c := range r.Cookies() {
		if !strings.HasPrefix(c.Name, loginCookie) {
			continue
		}
		if p, ok := s.openPending(c.Name, c.Value); ok {
			good = append(good, p)
		} else {
			junk = append(junk, c.Name)
		}
	}
	slices.SortFunc(good, func(a, b pending) int { return cmp.Compare(a.Begun.UnixNano(), b.Begun.UnixNano()) })
	return good, junk
}

func (s *Site) openPending(name, value string) (pending, bool) {
	sealed, err := strict.DecodeString(value)
	if err != nil {
		return pending{}, false
	}
	plain, err := s.Ring.Open(sealed, s.aad(name))
	if err != nil {
		return pending{}, false
	}
	var p pending
	if err := json.Unmarshal(plain, &p); err != nil || s.Now().Sub(p.Begun) >= loginLife {
		return pending{}, false
	}
	return p, true
}

// makeRoom drops the oldest logins, so that with a new one there are loginMax.
func (s *Site) makeRoom(w http.ResponseWriter, r *http.Request) {
	good, junk := s.pendings(r)
	for len(good) >= loginMax {
		junk = append(junk, loginCookieOf(good[0].State))
		good = good[1:]
	}
	for _, name := range junk {
		setCookie(w, name, "", -1)
	}
}

// claim returns the login that this answer of the provider belongs to, and
// removes its cookie: an answer counts once.
func (s *Site) claim(w http.ResponseWriter, r *http.Request, q url.Values) (pending, bool) {
	state := q.Get("state")
	if len(state) < stateTag {
		return pending{}, false
	}
	good, _ := s.pendings(r)
	for _, p := range good {
		if subtle.ConstantTimeCompare([]byte(p.State), []byte(state)) == 1 {
			setCookie(w, loginCookieOf(p.State), "", -1)
			return p, true
		}
	}
	return pending{}, false
}
