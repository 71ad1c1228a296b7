package wire_test

import (
	"net/http"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
)

func TestHeadersUpstreamComeFromTheList(t *testing.T) {
	in := http.Header{}
	for _, name := range []string{
		"Connection", "Upgrade", "HTTP2-Settings", "TE", "Trailer", "Transfer-Encoding", "Keep-Alive", "Proxy-Authorization", "Forwarded", "X-Forwarded-For",
		"X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Real-IP", "X-Original-URL", "X-HTTP-Method-Override",
		"Ssl-Client-Cert", "X-Forwarded-Client-Cert", "Cookie", "Cookie2", "Host", "Referer", "X_Forwarded_For", "Content-Length", "Expect", "Via",
		"Accept", "Accept-Encoding", "Accept-Language", "Authorization", "Content-Type", "DPoP", "Origin", "User-Agent", "Access-Control-Request-Method",
	} {
		in.Set(name, "sent")
	}
	f := wire.Forwarding{Client: netip.MustParseAddr("::ffff:192.0.2.7"), Scheme: "https", Host: "login.example", Port: "443"}
	want := http.Header{
		"Accept": {"sent"}, "Accept-Encoding": {"sent"}, "Accept-Language": {"sent"}, "Authorization": {"sent"}, "Content-Type": {"sent"}, "Dpop": {"sent"},
		"Origin": {"sent"}, "User-Agent": {"sent"}, "Access-Control-Request-Method": {"sent"}, "Cookie": {"KC_RESTART=x"},
		"X-Forwarded-For": {"192.0.2.7"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"login.example"}, "X-Forwarded-Port": {"443"},
	}
	if diff := cmp.Diff(want, wire.UpstreamHeaders(in, wire.Certs, "KC_RESTART=x", f)); diff != "" {
		t.Error(diff)
	}
	for _, r := range []wire.Route{wire.Token, wire.Auth, wire.PAR, wire.Authenticate} {
		if got := wire.UpstreamHeaders(in, r, "", f); got.Get("Accept-Encoding") != "identity" || got["Cookie"] != nil {
			t.Errorf("%v: %v", r, got)
		}
	}
	if got := wire.UpstreamHeaders(nil, wire.Certs, "", wire.Forwarding{}); got["X-Forwarded-For"] != nil {
		t.Errorf("an unknown client is told: %v", got)
	}
}

func TestHopByHopEndsHere(t *testing.T) {
	h := http.Header{
		"Connection": {"close, X-Secret", "x-more"}, "X-Secret": {"a"}, "X-More": {"b"}, "Upgrade": {"h2c"}, "Keep-Alive": {"x"},
		"Transfer-Encoding": {"chunked"}, "Trailer": {"x"}, "Alt-Svc": {"x"}, "Content-Type": {"text/html"},
	}
	wire.DropHopByHop(h)
	if diff := cmp.Diff(http.Header{"Content-Type": {"text/html"}}, h); diff != "" {
		t.Error(diff)
	}
}

func TestClientAddress(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	cases := []struct {
		name, remote string
		forwarded    []string
		want         string
	}{
		{"no proxy", "192.0.2.1:5", nil, "192.0.2.1"},
		{"a browser forges", "192.0.2.1:5", []string{"198.51.100.9"}, "192.0.2.1"},
		{"one proxy", "10.0.0.1:5", []string{"192.0.2.1"}, "192.0.2.1"},
		{"forged before the proxy", "10.0.0.1:5", []string{"198.51.100.9, 192.0.2.1"}, "192.0.2.1"},
		{"two proxies", "10.0.0.1:5", []string{"198.51.100.9, 192.0.2.1, 10.0.0.2"}, "192.0.2.1"},
		{"several headers", "10.0.0.1:5", []string{"198.51.100.9", "192.0.2.1", "10.0.0.2"}, "192.0.2.1"},
		{"junk ends the walk", "10.0.0.1:5", []string{"192.0.2.1, unknown, 10.0.0.2"}, "10.0.0.2"},
		{"all are proxies", "10.0.0.1:5", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"nothing said", "10.0.0.1:5", nil, "10.0.0.1"},
		{"with port", "10.0.0.1:5", []string{"192.0.2.1:444"}, "192.0.2.1"},
		{"v6", "[fd00::1]:5", []string{"2001:db8::5"}, "2001:db8::5"},
		{"v6 in brackets", "[fd00::1]:5", []string{"[2001:db8::5]:80"}, "2001:db8::5"},
		{"v6 in brackets, no port", "[fd00::1]:5", []string{"[2001:db8::5]"}, "2001:db8::5"},
		{"mapped", "[::ffff:10.0.0.1]:5", []string{"::ffff:192.0.2.1"}, "192.0.2.1"},
		{"zone", "[fe80::1%eth0]:5", nil, "fe80::1"},
		{"no peer", "@", []string{"192.0.2.1"}, ""},
	}
	for _, c := range cases {
		got := wire.ClientAddress(c.remote, http.Header{"X-Forwarded-For": c.forwarded}, trusted)
		if (c.want == "" && got.IsValid()) || (c.want != "" && got.String() != c.want) {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
	}
	for address, want := range map[string]string{"192.0.2.1": "192.0.2.1/32", "2001:db8:1:2:3::4": "2001:db8:1:2::/64", "::ffff:192.0.2.1": "192.0.2.1/32", "fe80::1%eth0": "fe80::/64"} {
		if got := wire.CountedBy(netip.MustParseAddr(address)); got.String() != want {
			t.Errorf("%s counted by %v", address, got)
		}
	}
	if wire.CountedBy(netip.Addr{}).IsValid() {
		t.Error("nobody is counted")
	}
}

func FuzzClientAddress(f *testing.F) {
	f.Add("10.0.0.1:5", "192.0.2.1, 10.0.0.2")
	f.Add("[::1]:2", "[::1]")
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, remote, forwarded string) {
		got := wire.ClientAddress(remote, http.Header{"X-Forwarded-For": {forwarded}}, trusted)
		if p := wire.CountedBy(got); got.IsValid() != p.IsValid() {
			t.Errorf("%v counted by %v", got, p)
		}
	})
}
