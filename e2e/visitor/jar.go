package visitor

import (
	"net/http"
	"net/url"
	"sort"
	"strings"
	"time"
)

// jar keeps cookies as a browser on *.localhost does: Secure ones are sent
// over plain http as well, "__Host-" and "__Secure-" are enforced. SameSite is
// not looked at; a real browser shows that.
type jar struct {
	cookies []stored
}

type stored struct {
	http.Cookie
	host     string // the host that set it, or the Domain attribute
	hostOnly bool
	expires  time.Time
}

func (j *jar) keep(from *url.URL, cookies []*http.Cookie, now time.Time) {
	for _, cookie := range cookies {
		entry, ok := accept(from, cookie, now)
		if !ok {
			continue
		}
		j.drop(entry)
		if entry.expires.IsZero() || entry.expires.After(now) {
			j.cookies = append(j.cookies, entry)
		}
	}
}

// accept applies the rules of RFC 6265bis, section 5.7, that matter here.
func accept(from *url.URL, cookie *http.Cookie, now time.Time) (stored, bool) {
	entry := stored{Cookie: *cookie, host: from.Hostname(), hostOnly: true}
	if domain := strings.TrimPrefix(cookie.Domain, "."); domain != "" {
		if !within(from.Hostname(), domain) || domain == "localhost" {
			return stored{}, false
		}
		entry.host, entry.hostOnly = domain, false
	}
	if !strings.HasPrefix(entry.Path, "/") {
		entry.Path = defaultPath(from.Path)
	}
	if !keepsPrefix(cookie) {
		return stored{}, false
	}
	switch {
	case cookie.MaxAge < 0:
		entry.expires = now
	case cookie.MaxAge > 0:
		entry.expires = now.Add(time.Duration(cookie.MaxAge) * time.Second)
	case !cookie.Expires.IsZero():
		entry.expires = cookie.Expires
	}
	return entry, true
}

// keepsPrefix says whether the cookie keeps what its name's prefix promises.
func keepsPrefix(cookie *http.Cookie) bool {
	if strings.HasPrefix(cookie.Name, "__Host-") {
		return cookie.Secure && cookie.Domain == "" && cookie.Path == "/"
	}
	return cookie.Secure || !strings.HasPrefix(cookie.Name, "__Secure-")
}

func (j *jar) drop(gone stored) {
	kept := j.cookies[:0]
	for _, cookie := range j.cookies {
		if cookie.Name != gone.Name || cookie.host != gone.host || cookie.Path != gone.Path {
			kept = append(kept, cookie)
		}
	}
	j.cookies = kept
}

// matching returns what goes to the URL, the longest path first.
func (j *jar) matching(to *url.URL, now time.Time) []stored {
	var found []stored
	for _, cookie := range j.cookies {
		if !cookie.expires.IsZero() && !cookie.expires.After(now) {
			continue
		}
		hostFits := cookie.host == to.Hostname() || !cookie.hostOnly && within(to.Hostname(), cookie.host)
		if hostFits && pathFits(to.Path, cookie.Path) {
			found = append(found, cookie)
		}
	}
	sort.SliceStable(found, func(a, b int) bool { return len(found[a].Path) > len(found[b].Path) })
	return found
}

func within(host, domain string) bool {
	return host == domain || strings.HasSuffix(host, "."+domain)
}

func pathFits(path, cookiePath string) bool {
	if path == "" {
		path = "/"
	}
	if !strings.HasPrefix(path, cookiePath) {
		return false
	}
	return len(path) == len(cookiePath) || strings.HasSuffix(cookiePath, "/") || path[len(cookiePath)] == '/'
}

func defaultPath(path string) string {
	last := strings.LastIndex(path, "/")
	if last <= 0 {
		return "/"
	}
	return path[:last]
}
