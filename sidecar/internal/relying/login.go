package relying

import (
	"cmp"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
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

// Login sends the browser to the provider and remembers where it came from:
// back is a path of this host, which the caller has looked at.
func (rp *Party) Login(w http.ResponseWriter, r *http.Request, back string) error {
	issuer, err := rp.issuer(r.Context())
	if err != nil {
		return later("signing in", err)
	}
	config, err := rp.oauth(issuer)
	if err != nil {
		return later("signing in", err)
	}
	p := pending{State: newSecret(), Nonce: newSecret(), Verifier: oauth2.GenerateVerifier(), Back: back, Begun: rp.Now()}
	rp.makeRoom(w, r)
	if err := rp.keepPending(w, p); err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	options := []oauth2.AuthCodeOption{oidc.Nonce(p.Nonce), oauth2.S256ChallengeOption(p.Verifier)}
	if age := rp.Settings.MaxAge; age > 0 {
		options = append(options, oauth2.SetAuthURLParam("max_age", strconv.Itoa(int(age.Seconds()))))
	}
	http.Redirect(w, r, config.AuthCodeURL(p.State, options...), http.StatusFound)
	return nil
}

func (rp *Party) loginCookieOf(state string) string {
	return rp.Settings.LoginCookie + state[:stateTag]
}

func (rp *Party) keepPending(w http.ResponseWriter, p pending) error {
	plain, err := json.Marshal(p)
	if err != nil {
		return err
	}
	name := rp.loginCookieOf(p.State)
	sealed := rp.Ring.Seal(plain, rp.aad(name))
	setCookie(w, name, base64.RawURLEncoding.EncodeToString(sealed), int(loginLife.Seconds()))
	return nil
}

// aad ties a sealed cookie to this client and its own name.
func (rp *Party) aad(name string) []byte {
	return []byte("proxy login\x00" + rp.Settings.Name + "\x00" + name)
}

// pendings returns the logins under way in this browser, oldest first, and
// the names of cookies that are none.
func (rp *Party) pendings(r *http.Request) (good []pending, junk []string) {
	for _, c := range r.Cookies() {
		if !strings.HasPrefix(c.Name, rp.Settings.LoginCookie) {
			continue
		}
		if p, ok := rp.openPending(c.Name, c.Value); ok {
			good = append(good, p)
		} else {
			junk = append(junk, c.Name)
		}
	}
	slices.SortFunc(good, func(a, b pending) int { return cmp.Compare(a.Begun.UnixNano(), b.Begun.UnixNano()) })
	return good, junk
}

func (rp *Party) openPending(name, value string) (pending, bool) {
	sealed, err := strict.DecodeString(value)
	if err != nil {
		return pending{}, false
	}
	plain, err := rp.Ring.Open(sealed, rp.aad(name))
	if err != nil {
		return pending{}, false
	}
	var p pending
	if err := json.Unmarshal(plain, &p); err != nil || rp.Now().Sub(p.Begun) >= loginLife {
		return pending{}, false
	}
	return p, true
}

// makeRoom drops the oldest logins, so that with a new one there are loginMax.
func (rp *Party) makeRoom(w http.ResponseWriter, r *http.Request) {
	good, junk := rp.pendings(r)
	for len(good) >= loginMax {
		junk = append(junk, rp.loginCookieOf(good[0].State))
		good = good[1:]
	}
	for _, name := range junk {
		setCookie(w, name, "", -1)
	}
}

// claim returns the login that this answer of the provider belongs to, and
// removes its cookie: an answer counts once.
func (rp *Party) claim(w http.ResponseWriter, r *http.Request, q url.Values) (pending, bool) {
	state := q.Get("state")
	if len(state) < stateTag {
		return pending{}, false
	}
	good, _ := rp.pendings(r)
	for _, p := range good {
		if subtle.ConstantTimeCompare([]byte(p.State), []byte(state)) == 1 {
			setCookie(w, rp.loginCookieOf(p.State), "", -1)
			return p, true
		}
	}
	return pending{}, false
}
