package server

import (
	"net"
	"net/http"
	"strings"
)

// hosts tells the public faces apart by the request's host name. A host that
// is none of ours gets 421 (RFC 9110 section 15.5.20): what a client claims as
// Host never reaches a handler.
type hosts map[string]http.Handler

// ServeHTTP hands the request to the face of its host.
func (h hosts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if face, ok := h[hostName(r.Host)]; ok {
		face.ServeHTTP(w, r)
		return
	}
	http.Error(w, "misdirected request", http.StatusMisdirectedRequest)
}

// hostName returns the name without port, in lower case, without a trailing
// dot.
func hostName(hostport string) string {
	name := hostport
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		name = host
	}
	return strings.TrimSuffix(strings.ToLower(name), ".")
}
