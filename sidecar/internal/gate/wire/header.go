package wire

import (
	"net/http"
	"net/netip"
	"net/textproto"
	"strings"
)

// Forwarding is what Keycloak is told of the request's outer side. It comes
// from the configuration and the connection, never from the browser.
type Forwarding struct {
	Client netip.Addr
	Scheme string // http or https
	Host   string // with the port unless it is the scheme's own
	Port   string
}

// UpstreamHeaders writes the headers for Keycloak. Only what stands in the
// allow-list is taken over; Cookie is not among it and is set by cookies, ""
// for none. Upgrade, Connection, TE and the browser's own forwarding headers
// are gone by construction.
func UpstreamHeaders(in http.Header, r Route, cookies string, f Forwarding) http.Header {
	out := make(http.Header, len(in)+5)
	for name, values := range in {
		if passesUpstream(name) {
			out[name] = values
		}
	}
	if r.IsRead() {
		out.Set("Accept-Encoding", "identity")
	}
	if cookies != "" {
		out.Set("Cookie", cookies)
	}
	if f.Client.IsValid() {
		out.Set("X-Forwarded-For", f.Client.Unmap().WithZone("").String())
	}
	out.Set("X-Forwarded-Proto", f.Scheme)
	out.Set("X-Forwarded-Host", f.Host)
	out.Set("X-Forwarded-Port", f.Port)
	return out
}

// passesUpstream is the allow-list of request headers, in canonical spelling.
func passesUpstream(name string) bool {
	switch name {
	case "Accept", "Accept-Encoding", "Accept-Language", "Access-Control-Request-Headers",
		"Access-Control-Request-Method", "Authorization", "Cache-Control", "Content-Type", "Dpop",
		"If-Modified-Since", "If-None-Match", "Origin", "Pragma", "User-Agent", "X-Requested-With":
		return true
	default:
		return false
	}
}

// DropHopByHop removes from a response what concerns one connection only (RFC
// 9110 section 7.6.1), the names listed in Connection included.
func DropHopByHop(h http.Header) {
	for _, line := range h["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			if name = textproto.TrimString(name); name != "" {
				h.Del(name)
			}
		}
	}
	for _, name := range []string{
		"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
		"Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Alt-Svc",
	} {
		h.Del(name)
	}
}
