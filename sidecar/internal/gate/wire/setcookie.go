package wire

import (
	"net/http"
	"strings"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
)

// Answer is what the Set-Cookie headers of a response say about a login.
type Answer struct {
	Live     bool          // a login is created or renewed
	Removed  bool          // an identity cookie is taken away, and none is set
	Identity Identity      // whose login it is; valid when Live and the error is nil
	Sessions []account.SID // every session named, to end them when the answer is refused
}

// ReadAnswer finds the logins that a response sets: each cookie whose name
// begins with KEYCLOAK_IDENTITY, in any case, and that is not a removal.
// ErrUnreadable says that a login is set whose person cannot be told: there
// are two, or none that can be read.
func ReadAnswer(h http.Header, now time.Time) (Answer, error) {
	var a Answer
	removed, bad := false, false
	for _, line := range h["Set-Cookie"] {
		name, value, attributes := cutSetCookie(line)
		if !isIdentityName(name) {
			continue
		}
		if value == "" || isRemoval(attributes, now) {
			removed = true
			continue
		}
		bad = a.add(value) || bad
	}
	a.Removed = removed && !a.Live
	if bad {
		return a, ErrUnreadable
	}
	return a, nil
}

// add takes one live cookie and reports whether the answer is bad.
func (a *Answer) add(value string) (bad bool) {
	id, err := ReadIdentity(value)
	first := !a.Live
	a.Live = true
	if err != nil {
		return true
	}
	a.Sessions = append(a.Sessions, id.Session)
	if first {
		a.Identity = id
	}
	return id != a.Identity
}

// isIdentityName compares the prefix without regard to case, and also a name
// behind a cookie name prefix: a variant that Keycloak may add must hold too.
func isIdentityName(name string) bool {
	name = strings.ToUpper(name)
	name = strings.TrimPrefix(strings.TrimPrefix(name, "__HOST-"), "__SECURE-")
	return strings.HasPrefix(name, keycloakNames[ckIdentity])
}

// RememberedName is Keycloak's cookie with the user name in clear text.
const RememberedName = "KEYCLOAK_REMEMBER_ME"

// DropSetCookies removes from a response what must never reach a browser: the
// remembered user name, and any cookie of the gate's own that somebody else
// sets.
func DropSetCookies(h http.Header, now time.Time) {
	lines := h["Set-Cookie"]
	kept := lines[:0:0]
	for _, line := range lines {
		name, value, attributes := cutSetCookie(line)
		remembered := strings.EqualFold(name, RememberedName) && value != "" && !isRemoval(attributes, now)
		if !remembered && !strings.HasPrefix(name, OwnPrefix) {
			kept = append(kept, line)
		}
	}
	if len(kept) != len(lines) {
		h["Set-Cookie"] = kept
	}
}

// KeycloakCookies returns the Set-Cookie lines of a held response that may be
// written again: Keycloak's own.
func KeycloakCookies(h http.Header) []string {
	var out []string
	for _, line := range h["Set-Cookie"] {
		if name, _, _ := cutSetCookie(line); keycloakIndex(name) >= 0 {
			out = append(out, line)
		}
	}
	return out
}

func cutSetCookie(line string) (name, value, attributes string) {
	pair, attributes, _ := strings.Cut(line, ";")
	name, value, ok := strings.Cut(pair, "=")
	if !ok {
		name, value = "", pair
	}
	return strings.TrimSpace(name), strings.Trim(strings.TrimSpace(value), `"`), attributes
}

// isRemoval reports whether the attributes take the cookie away: Max-Age is
// zero, or there is none and Expires has passed (RFC 6265 section 5.3). What
// contradicts itself is no removal.
func isRemoval(attributes string, now time.Time) bool {
	var zero, lasting, past, future bool
	for attributes != "" {
		var attribute string
		attribute, attributes, _ = strings.Cut(attributes, ";")
		name, value, _ := strings.Cut(attribute, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch {
		case strings.EqualFold(name, "Max-Age"):
			zero, lasting = zero || value == "0", lasting || value != "0"
		case strings.EqualFold(name, "Expires"):
			over := hasPassed(value, now)
			past, future = past || over, future || !over
		}
	}
	if zero || lasting {
		return !lasting
	}
	return past && !future
}

func hasPassed(value string, now time.Time) bool {
	for _, layout := range [...]string{http.TimeFormat, time.RFC850, time.ANSIC, "Mon, 02-Jan-2006 15:04:05 GMT"} {
		if t, err := time.Parse(layout, value); err == nil {
			return !t.After(now)
		}
	}
	return false
}
