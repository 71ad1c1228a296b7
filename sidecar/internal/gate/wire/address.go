package wire

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// maxHops bounds how far back a chain of proxies is followed.
const maxHops = 32

// ClientAddress returns the address of the browser. remote is the peer of the
// connection (http.Request.RemoteAddr). X-Forwarded-For is walked from the
// right as long as the hop that wrote it is trusted; what cannot be read ends
// the walk at the last hop known. Without a valid peer the address is invalid.
func ClientAddress(remote string, h http.Header, trusted []netip.Prefix) netip.Addr {
	at := parseHop(remote)
	if !at.IsValid() || !isTrusted(at, trusted) {
		return at
	}
	hops := forwardedHops(h)
	for i := len(hops) - 1; i >= 0 && len(hops)-i <= maxHops; i-- {
		next := parseHop(hops[i])
		if !next.IsValid() {
			return at
		}
		at = next
		if !isTrusted(at, trusted) {
			return at
		}
	}
	return at
}

// CountedBy returns the prefix under which an address is counted: itself, or
// the /64 that one household has with IPv6.
func CountedBy(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	if !a.IsValid() {
		return netip.Prefix{}
	}
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

func forwardedHops(h http.Header) []string {
	var hops []string
	for _, line := range h["X-Forwarded-For"] {
		for hop := range strings.SplitSeq(line, ",") {
			hops = append(hops, strings.TrimSpace(hop))
		}
	}
	return hops
}

// parseHop accepts an address alone, and one with a port.
func parseHop(s string) netip.Addr {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone("")
	}
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

func isTrusted(a netip.Addr, trusted []netip.Prefix) bool {
	return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(a) })
}
