package webhooks

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// errPrivate says that an address is none of the public internet.
var errPrivate = errors.New("the address is not a public one")

// reserved are the networks that no public host is in: what an address of a
// client's must not reach through us (IANA special-purpose registries). Of
// IPv6 only 2000::/3 is public at all.
func reserved() []netip.Prefix {
	names := []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
		"192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
		"198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
		"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
	}
	out := make([]netip.Prefix, 0, len(names))
	for _, n := range names {
		out = append(out, netip.MustParsePrefix(n))
	}
	return out
}

// public reports whether an address is one of the public internet.
func public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if a.Is6() && !netip.MustParsePrefix("2000::/3").Contains(a) {
		return false
	}
	return a.IsValid() && !slices.ContainsFunc(reserved(), func(p netip.Prefix) bool { return p.Contains(a) })
}

// guard refuses a connection after the name was resolved, right before it is
// made: a name that changes its address in between gains nothing.
func guard(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !public(to.Addr()) {
		return fmt.Errorf("dialing a webhook: %w", errPrivate)
	}
	return nil
}

// transport dials directly, whatever proxies the environment names: through a
// proxy the guard would see the proxy's address.
func transport(allowPrivate bool) *http.Transport {
	d := &net.Dialer{Timeout: 3 * time.Second, Control: guard}
	if allowPrivate {
		d.Control = nil
	}
	return &http.Transport{
		Proxy: nil, DialContext: d.DialContext, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: 3 * time.Second, MaxIdleConnsPerHost: 1, IdleConnTimeout: 30 * time.Second,
		MaxResponseHeaderBytes: 16 << 10,
	}
}
