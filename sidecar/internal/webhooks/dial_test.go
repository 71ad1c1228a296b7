package webhooks_test

import (
	"net/netip"
	"testing"

	"github.com/schleuse/schleuse/sidecar/internal/webhooks"
)

func TestPublicAddresses(t *testing.T) {
	for address, want := range map[string]bool{
		"192.0.1.1": true, "8.8.8.8": true, "2606:4700::1111": true, "::ffff:8.8.8.8": true, "100.128.0.1": true,
		"127.0.0.1": false, "10.1.2.3": false, "172.31.0.1": false, "192.168.1.1": false, "169.254.169.254": false,
		"100.64.0.1": false, "100.127.255.255": false, "224.0.0.1": false, "255.255.255.255": false, "0.0.0.0": false,
		"198.18.0.1": false, "192.0.0.170": false, "::1": false, "::": false, "fe80::1": false, "fc00::1": false,
		"fd00:ec2::254": false, "ff02::1": false, "::ffff:10.0.0.1": false, "64:ff9b::a00:1": false, "64:ff9b:1::1": false,
		"2002:a00:1::1": false, "2001::1": false, "2001:db8::1": false, "::127.0.0.1": false,
	} {
		if got := webhooks.Public(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
	if webhooks.Public(netip.Addr{}) {
		t.Error("no address is public")
	}
}

// Through a proxy the dialer would judge the proxy's address.
func TestNoProxyIsAsked(t *testing.T) {
	for _, private := range []bool{false, true} {
		if webhooks.Transport(private).Proxy != nil {
			t.Error("the environment's proxy is asked")
		}
	}
}
