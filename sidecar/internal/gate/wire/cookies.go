package wire

import (
	"net/http"
	"strings"

	"github.com/schleuse/schleuse/sidecar/account"
)

// OwnPrefix begins the names of the gate's own cookies, which never go to
// Keycloak.
const OwnPrefix = "__Host-schleuse-"

// Bounds of what is read from Cookie headers.
const (
	maxCookieBytes = 64 << 10
	maxOwnCookies  = 16
)

// The names of Keycloak's own cookies that may go upstream, by place. The
// remembered user name is not among them: it is an insurance number.
const (
	ckIdentity = iota
	ckSession
	ckAuthSession
	ckAuthSessionHash
	ckRestart
	ckStateChecker
	ckLocale
	ckCount
)

//nolint:gochecknoglobals // a constant table
var keycloakNames = [ckCount]string{
	ckIdentity: "KEYCLOAK_IDENTITY", ckSession: "KEYCLOAK_SESSION", ckAuthSession: "AUTH_SESSION_ID",
	ckAuthSessionHash: "KC_AUTH_SESSION_HASH", ckRestart: "KC_RESTART", ckStateChecker: "KC_STATE_CHECKER",
	ckLocale: "KEYCLOAK_LOCALE",
}

// Own is one of the gate's cookies. Its name stands without OwnPrefix.
type Own struct{ Name, Value string }

// Cookies is what a browser sent, read strictly.
type Cookies struct {
	keycloak [ckCount]string
	own      []Own
}

// ReadCookies reads all Cookie headers. Keycloak takes the last of several
// cookies, splits at commas, and accepts quotes, blanks and $Version; others
// take the first. So a name that occurs twice in any of these forms is
// dropped, and so is a value that does not stand in the one plain form
// (RFC 6265 section 4.2.1, without quotes). An identity cookie must look
// like a signed token. Keycloak itself writes quotes around
// KC_AUTH_SESSION_HASH and KEYCLOAK_SESSION when they have a slash: these are
// read by scripts alone, and it does not miss them.
func ReadCookies(h http.Header) Cookies {
	var c Cookies
	var seen [ckCount]uint8
	size := 0
	for _, line := range h["Cookie"] {
		if size += len(line); size > maxCookieBytes {
			return Cookies{}
		}
		for line != "" {
			var part string
			part, line, _ = strings.Cut(line, ";")
			c.read(part, &seen)
		}
	}
	for i := range c.keycloak {
		if seen[i] != 1 {
			c.keycloak[i] = ""
		}
	}
	if !looksSigned(c.keycloak[ckIdentity]) {
		c.keycloak[ckIdentity] = ""
	}
	c.own = onlySingles(c.own)
	return c
}

// read takes one part between semicolons. A comma inside it starts further
// cookies for Keycloak: those count as occurrences, and their value is bad.
func (c *Cookies) read(part string, seen *[ckCount]uint8) {
	plain := strings.TrimPrefix(part, " ")
	first, rest, split := strings.Cut(part, ",")
	c.note(first, plain, seen)
	for split {
		first, rest, split = strings.Cut(rest, ",")
		c.note(first, "", seen)
	}
}

// note counts an occurrence. plain is the text of the whole part, "" when
// this piece does not stand for itself.
func (c *Cookies) note(piece, plain string, seen *[ckCount]uint8) {
	name, _, ok := strings.Cut(piece, "=")
	if !ok {
		return
	}
	loose := strings.Trim(name, " \t\r\n\"")
	if strings.HasPrefix(loose, OwnPrefix) {
		c.noteOwn(loose, plain)
		return
	}
	i := keycloakIndex(loose)
	if i < 0 {
		return
	}
	seen[i] = min(seen[i]+1, 2)
	strict, value, _ := strings.Cut(plain, "=")
	if strict != loose || !plainValue(value) {
		seen[i] = 2
		return
	}
	c.keycloak[i] = value
}

func (c *Cookies) noteOwn(loose, plain string) {
	strict, value, _ := strings.Cut(plain, "=")
	if strict != loose || !plainValue(value) {
		value = ""
	}
	if len(c.own) < maxOwnCookies {
		c.own = append(c.own, Own{Name: strings.TrimPrefix(loose, OwnPrefix), Value: value})
	}
}

func keycloakIndex(name string) int {
	for i, known := range keycloakNames {
		if name == known {
			return i
		}
	}
	return -1
}

// plainValue accepts cookie-octets: visible ASCII without quote, comma,
// semicolon and backslash; not empty.
func plainValue(v string) bool {
	for i := 0; i < len(v); i++ {
		if c := v[i]; c <= ' ' || c >= 0x7f || c == '"' || c == ',' || c == ';' || c == '\\' {
			return false
		}
	}
	return v != ""
}

// looksSigned reports whether v is three non-empty base64url segments.
func looksSigned(v string) bool {
	segments, length := 1, 0
	for i := 0; i < len(v); i++ {
		c := v[i]
		switch {
		case c == '.':
			if length == 0 {
				return false
			}
			segments, length = segments+1, 0
		case isAlphanumeric(c) || c == '-' || c == '_':
			length++
		default:
			return false
		}
	}
	return segments == 3 && length > 0
}

// onlySingles drops every name that occurs twice, and the values that were
// not plain.
func onlySingles(in []Own) []Own {
	var out []Own
	for i, o := range in {
		single := o.Value != ""
		for j, other := range in {
			single = single && (i == j || other.Name != o.Name)
		}
		if single {
			out = append(out, o)
		}
	}
	return out
}

// Own returns the gate's own cookies, at most 16, in the order they were sent.
func (c *Cookies) Own() []Own { return c.own }

// OwnNamed returns the value of one of the gate's cookies, "" if there is none.
func (c *Cookies) OwnNamed(name string) string {
	for _, o := range c.own {
		if o.Name == name {
			return o.Value
		}
	}
	return ""
}

// Identity reads whose login the browser claims to have. It is a hint for
// withholding only: nothing was verified. false means that there is no
// identity cookie; a cookie that cannot be read gives an error.
func (c *Cookies) Identity() (Identity, bool, error) {
	if c.keycloak[ckIdentity] == "" {
		return Identity{}, false, nil
	}
	id, err := ReadIdentity(c.keycloak[ckIdentity])
	return id, true, err
}

// WithholdIdentity removes the cookies that make Keycloak know the person.
func (c *Cookies) WithholdIdentity() {
	c.keycloak[ckIdentity], c.keycloak[ckSession] = "", ""
}

// Header returns the one Cookie header for Keycloak, "" for none. It holds
// Keycloak's own names only, each at most once.
func (c *Cookies) Header() string {
	size := 0
	for i, v := range c.keycloak {
		if v != "" {
			size += len(keycloakNames[i]) + len(v) + 3
		}
	}
	if size == 0 {
		return ""
	}
	var b strings.Builder
	b.Grow(size)
	for i, v := range c.keycloak {
		if v == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		b.WriteString(keycloakNames[i])
		b.WriteByte('=')
		b.WriteString(v)
	}
	return b.String()
}

// Identity is what an identity cookie says.
type Identity struct {
	Subject account.ID
	Session account.SID
	Issuer  string
}

// identityType is the `typ` claim of Keycloak's identity cookie.
const identityType = "Serialized-ID"

// ReadIdentity reads an identity cookie's value without verifying it.
func ReadIdentity(token string) (Identity, error) {
	if !looksSigned(token) {
		return Identity{}, ErrUnreadable
	}
	c, err := readClaims(token)
	if err != nil {
		return Identity{}, err
	}
	id := Identity{Subject: account.ID(c.text("sub")), Session: account.SID(c.text("sid")), Issuer: c.text("iss")}
	if id.Subject == "" || id.Session == "" || id.Issuer == "" || c.text("typ") != identityType {
		return Identity{}, ErrUnreadable
	}
	return id, nil
}
