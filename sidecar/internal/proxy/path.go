package proxy

import (
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// place says who answers a path.
type place uint8

const (
	nobodys place = iota // 404: a variant of our prefix, which must not reach the application
	ours
	theirs
)

// reserved is the prefix that the site answers itself.
const reserved = "/schleuse"

// maxDecodings is how often a path is percent-decoded in search of the
// reserved prefix. Paths that are still encoded then are nobody's.
const maxDecodings = 4

// placeOf tells the reserved prefix from the application's paths. Whatever an
// application might still take for the prefix – other case, dots, double or
// encoded slashes, path parameters – is nobody's.
func placeOf(r *http.Request) place {
	raw := r.URL.EscapedPath()
	if !strings.HasPrefix(raw, "/") || r.Method == http.MethodConnect || r.Method == http.MethodTrace {
		return nobodys
	}
	if strings.HasPrefix(raw, reserved+"/") && exact(raw) {
		return ours
	}
	if plain(raw) {
		return theirs
	}
	for range maxDecodings {
		if p := canonical(raw); p == reserved || strings.HasPrefix(p, reserved+"/") {
			return nobodys
		}
		decoded := decode(raw)
		if decoded == raw {
			return theirs
		}
		raw = decoded
	}
	return nobodys
}

// exact reports whether a path has but one reading.
func exact(raw string) bool {
	return !strings.ContainsAny(raw, `%;\`) && path.Clean(raw) == strings.TrimSuffix(raw, "/")
}

// decode undoes one layer of percent-encoding as the most lenient reader
// would: what is no triplet stays.
func decode(raw string) string {
	var b strings.Builder
	for i := 0; i < len(raw); i++ {
		if raw[i] == '%' && i+2 < len(raw) {
			if c, err := strconv.ParseUint(raw[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(raw[i])
	}
	return b.String()
}

// plain reports whether a path can be no spelling of the prefix, which is so
// for nearly all.
func plain(raw string) bool {
	for i := range len(raw) {
		if c := raw[i]; c == '%' || c >= 0x80 {
			return false
		}
	}
	return !strings.Contains(strings.ToLower(raw), "schleuse")
}

// canonical is the most generous reading of a path: any case, backslashes as
// slashes, path parameters cut, dots and double slashes resolved.
func canonical(raw string) string {
	// Upper case first: it is there that ſ (U+017F) becomes an S.
	p := strings.ToLower(strings.ToUpper(raw))
	p = strings.ReplaceAll(p, `\`, "/")
	segments := strings.Split(p, "/")
	for i, segment := range segments {
		segment, _, _ = strings.Cut(segment, ";")
		segments[i] = strings.TrimFunc(segment, func(c rune) bool { return c <= ' ' || c == 0x7f })
	}
	clean := path.Clean("/" + strings.Join(segments, "/"))
	if strings.HasSuffix(p, "/") && clean != "/" {
		clean += "/"
	}
	return clean
}

// maxBack is the length of a way back that is kept, in bytes.
const maxBack = 1024

// backTo returns the path and query to come back to after a login: what was
// asked for, when that is a path of this host that a browser shows, else "/".
// The result is only ever used behind the site's own origin.
func backTo(requestURI string) string {
	if len(requestURI) > maxBack || !strings.HasPrefix(requestURI, "/") || strings.HasPrefix(requestURI, "//") {
		return "/"
	}
	if strings.ContainsFunc(requestURI, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '#' || c == '\\' }) {
		return "/"
	}
	u, err := url.ParseRequestURI(requestURI)
	if err != nil || u.Host != "" || u.Path == reserved || strings.HasPrefix(u.Path, reserved+"/") {
		return "/"
	}
	return requestURI
}
