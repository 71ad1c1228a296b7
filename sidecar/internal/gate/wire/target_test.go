package wire_test

import (
	"bufio"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
)

const oidc = "/realms/kasse/protocol/openid-connect/"

func TestTargetForms(t *testing.T) {
	good := []string{
		"/", oidc + "auth", oidc + "auth/", oidc + "auth?client_id=a&x=%20", "/a-b_c.d/...x",
		oidc + "3p-cookies/step1.html", "/x?q='(){}|", "/x?a=b?c",
	}
	for _, target := range good {
		got, err := wire.ParseTarget(target)
		if err != nil {
			t.Errorf("%q refused: %v", target, err)
			continue
		}
		if path, query, _ := strings.Cut(target, "?"); got.Path != path || got.Query != query || got.String() != target {
			t.Errorf("%q read as %+v", target, got)
		}
	}
	bad := []string{
		"", "*", "realms", "http://login.example/realms/kasse", "//realms/kasse", "/realms//kasse", "/realms/kasse//",
		"/./realms", "/realms/.", "/realms/..", "/realms/../admin", "/realms/kasse/..;/admin", "/realms;x=1/kasse",
		"/%72ealms/kasse", "/realms/kasse%2fauth", "/realms/k\\asse", "/realms/kässe", "/realms/kasse auth", "/realms/kasse\x00",
		"/realms/kasse#x", "/x?a#b", "/x?a;b=c", "/x?a b", "/x?%", "/x?%1", "/x?%zz", "/x?\x7f", "/x?ä", "/x?" + strings.Repeat("a", wire.MaxQuery+1),
		"/realms/kasse/@", "/realms/kasse:80", "/a~b", "/a+b",
	}
	for _, target := range bad {
		if got, err := wire.ParseTarget(target); err == nil {
			t.Errorf("%q accepted as %+v", target, got)
		}
	}
}

func TestTargetOfRequestIsTheRequestLine(t *testing.T) {
	for line, ok := range map[string]bool{
		oidc + "auth?a=b":                      true,
		"http://other.example" + oidc + "auth": false,
		oidc + "%61uth":                        false,
		oidc + "auth?a;b":                      false,
		"/realms/kasse/login-actions/../x?a=b": false,
	} {
		raw := "GET " + line + " HTTP/1.1\r\nHost: login.example\r\n\r\n"
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if _, err := wire.ReadTarget(r); (err == nil) != ok {
			t.Errorf("%s: error %v, want accepted %t", line, err, ok)
		}
	}
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET /realms/kasse HTTP/1.1\r\nHost: a\r\n\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	r.URL.Path = "/admin"
	if _, err := wire.ReadTarget(r); err == nil {
		t.Error("a path that differs from the request line was accepted")
	}
	r.URL.Path, r.URL.RawQuery = "/realms/kasse", "a=b"
	if _, err := wire.ReadTarget(r); err == nil {
		t.Error("a query that differs from the request line was accepted")
	}
}

func FuzzTarget(f *testing.F) {
	for _, s := range []string{"/", oidc + "auth?x=%20", "/a/../b", "//", "/x?a;b", "http://a/b", "/realms/%2e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := wire.ParseTarget(s)
		if err != nil {
			return
		}
		if strings.Contains(got.Path, "//") || strings.ContainsAny(got.Path, "%;\\ ?#") || got.Path[0] != '/' {
			t.Errorf("%q gives the path %q", s, got.Path)
		}
		for segment := range strings.SplitSeq(got.Path, "/") {
			if segment == "." || segment == ".." {
				t.Errorf("%q gives the path %q", s, got.Path)
			}
		}
		if again, err := wire.ParseTarget(got.String()); err != nil || again != got {
			t.Errorf("%q is not stable: %+v %v", s, again, err)
		}
		if _, err := wire.ParseParams(got.Query); err != nil && !errors.Is(err, wire.ErrTooLong) {
			t.Errorf("%q passes with a query that cannot be decoded: %v", s, err)
		}
	})
}
