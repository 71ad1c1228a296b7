package flow

import "net/netip"

// networkBits is how much of an IPv6 address tells one customer of a provider
// from another: who has a /48 has 65,536 addresses as they are counted.
const networkBits = 48

// Network is what one customer of a provider has of addresses: the IPv6 /48
// around this one, or the IPv4 address itself.
func Network(address netip.Prefix) netip.Prefix {
	if ip := address.Addr(); !ip.Is6() || ip.Is4In6() || address.Bits() <= networkBits {
		return address
	}
	return netip.PrefixFrom(address.Addr(), networkBits).Masked()
}
