package proxy

import (
	"net/http"
	"strings"
)

// The site's cookies. The prefix `__Host-` (RFC 6265bis) binds them to this
// very host: no sibling domain can plant one.
const (
	cookiePrefix  = "__Host-schleuse-"
	sessionCookie = cookiePrefix + "session"
	loginCookie   = cookiePrefix + "login-" // and a part of the login's state
	langCookie    = "schleuse-lang"         // package web's
)

// eachCookie calls f with each name=value of a Cookie header line.
func eachCookie(line string, f func(pair string)) {
	for len(line) > 0 {
		var pair string
		pair, line, _ = strings.Cut(line, ";")
		if pair = strings.TrimSpace(pair); pair != "" {
			f(pair)
		}
	}
}

// isOwn reports whether a cookie is the proxy's, in whatever case.
func isOwn(pair string) bool {
	name, _, _ := strings.Cut(pair, "=")
	name = strings.TrimSpace(name)
	return len(name) >= len(cookiePrefix) && strings.EqualFold(name[:len(cookiePrefix)], cookiePrefix) ||
		strings.EqualFold(name, langCookie)
}

// containsFold reports whether s contains an ASCII word in any case.
func containsFold(s, word string) bool {
	for i := 0; i+len(word) <= len(s); i++ {
		if s[i]|0x20 == word[0] && strings.EqualFold(s[i:i+len(word)], word) {
			return true
		}
	}
	return false
}

// dropOwnCookies removes the proxy's cookies from what goes to the
// application; the others stay as they are.
func dropOwnCookies(h http.Header) {
	lines := h["Cookie"]
	if len(lines) == 0 {
		return
	}
	kept := lines[:0:0]
	for _, line := range lines {
		if !containsFold(line, "schleuse") {
			kept = append(kept, line)
			continue
		}
		var pairs []string
		eachCookie(line, func(pair string) {
			if !isOwn(pair) {
				pairs = append(pairs, pair)
			}
		})
		if len(pairs) > 0 {
			kept = append(kept, strings.Join(pairs, "; "))
		}
	}
	if len(kept) == 0 {
		delete(h, "Cookie")
		return
	}
	h["Cookie"] = kept
}

// dropOwnSetCookies keeps the application from setting the proxy's cookies.
func dropOwnSetCookies(h http.Header) {
	lines := h["Set-Cookie"]
	kept := lines[:0]
	for _, line := range lines {
		if !isOwn(line) {
			kept = append(kept, line)
		}
	}
	if len(kept) == 0 {
		delete(h, "Set-Cookie")
		return
	}
	h["Set-Cookie"] = kept
}
