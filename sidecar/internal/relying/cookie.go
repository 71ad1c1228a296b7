package relying

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
)

// secretLen is what a session cookie holds, in bytes; its text is 43 characters.
const secretLen = 32

// newSecret draws a secret for a cookie or a protocol parameter.
func newSecret() string {
	var b [secretLen]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// strict refuses a second spelling of the same bytes.
var strict = base64.RawURLEncoding.Strict() //nolint:gochecknoglobals // a constant that costs a kilobyte to make

// idOf returns the name under which a session with this secret is stored.
func idOf(secret string) (SessionID, bool) {
	var raw [secretLen]byte
	if len(secret) != strict.EncodedLen(secretLen) {
		return SessionID{}, false
	}
	if n, err := strict.Decode(raw[:], []byte(secret)); err != nil || n != secretLen {
		return SessionID{}, false
	}
	return sha256.Sum256(raw[:]), true
}

// Presented returns the session that a browser claims to have. A name that
// occurs twice is no claim at all.
func (rp *Party) Presented(r *http.Request) (SessionID, bool) {
	value, n := "", 0
	for _, line := range r.Header["Cookie"] {
		if !strings.Contains(line, rp.Settings.SessionCookie) {
			continue
		}
		for pair := range strings.SplitSeq(line, ";") {
			if name, v, ok := strings.Cut(strings.TrimSpace(pair), "="); ok && name == rp.Settings.SessionCookie {
				value = v
				n++
			}
		}
	}
	if n != 1 {
		return SessionID{}, false
	}
	return idOf(value)
}

// setCookie sets a cookie; maxAge in seconds, 0 = until the browser closes,
// negative = remove it. Lax, because the way back from the provider is a
// navigation from another site.
func setCookie(w http.ResponseWriter, name, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: maxAge,
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}
