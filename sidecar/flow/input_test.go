package flow_test

import (
	"net/netip"
	"net/url"
	"testing"

	"github.com/schleuse/schleuse/sidecar/flow"
)

func TestOnly(t *testing.T) {
	in := flow.Input{Kind: flow.Posted, Form: url.Values{"once": {"a"}, "twice": {"a", "b"}, "empty": {}}}
	for name, want := range map[string]string{"once": "a", "twice": "", "empty": "", "absent": ""} {
		if got := in.Only(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := (flow.Input{}).Only("a"); got != "" {
		t.Errorf("no form: %q", got)
	}
}

func TestNetwork(t *testing.T) {
	for address, want := range map[string]string{
		"203.0.113.9/32":          "203.0.113.9/32",
		"2001:db8:1:2::/64":       "2001:db8:1::/48",
		"2001:db8:1::/48":         "2001:db8:1::/48",
		"2001:db8::/32":           "2001:db8::/32",
		"::ffff:203.0.113.9/128":  "::ffff:203.0.113.9/128",
		"2001:db8:1:2:3:4:5:6/64": "2001:db8:1::/48",
	} {
		if got := flow.Network(netip.MustParsePrefix(address)).String(); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
	if got := flow.Network(netip.Prefix{}); got.IsValid() {
		t.Errorf("no address: %s", got)
	}
}
