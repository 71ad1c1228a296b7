package api_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/api"
	"github.com/schleuse/schleuse/sidecar/internal/relying/relyingtest"
)

// realm is an issuer with who verifies its tokens.
type realm struct {
	*relyingtest.Issuer
	clock  *relyingtest.Clock
	bearer *api.Bearer
}

func newRealm(t testing.TB) realm {
	t.Helper()
	clock := relyingtest.NewClock()
	issuer := relyingtest.NewIssuer(t, clock.Now)
	transport := relyingtest.Transport()
	t.Cleanup(transport.CloseIdleConnections)
	return realm{issuer, clock, &api.Bearer{
		Issuer: issuer.URL, Audience: "schleuse", Role: "approvals:request", Now: clock.Now,
		Keys: api.RemoteKeys(issuer.URL+"/certs", transport, clock.Now),
	}}
}

func (r realm) claims(change map[string]any) map[string]any {
	c := map[string]any{
		"iss": r.URL, "aud": []string{"account", "schleuse"}, "azp": "backend", "sub": "s-9", "sid": "sid-9", "typ": "Bearer",
		"iat": r.clock.Now().Unix(), "exp": r.clock.Now().Add(time.Minute).Unix(),
		"realm_access": map[string]any{"roles": []string{"approvals:request"}},
	}
	maps.Copy(c, change)
	return c
}

func (r realm) ask(t *testing.T, values ...string) (api.Token, error) {
	request, err := http.NewRequestWithContext(t.Context(), "GET", "http://api.localhost/", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header["Authorization"] = values
	return r.bearer.Token(request)
}

func TestBearerTokenOfTheRealm(t *testing.T) {
	r := newRealm(t)
	got, err := r.ask(t, "bearer "+r.Sign("JWT", r.claims(nil)))
	want := api.Token{
		Subject: "s-9", Client: "backend", Session: "sid-9", Roles: []string{"approvals:request"},
		Expires: r.clock.Now().Add(time.Minute),
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestOtherTokensAreRefused(t *testing.T) {
	r := newRealm(t)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	at := func(d time.Duration) int64 { return r.clock.Now().Add(d).Unix() }
	with := func(change map[string]any) []string { return []string{"Bearer " + r.Sign("JWT", r.claims(change))} }
	tests := map[string]struct {
		values []string
		kind   fault.Kind
	}{
		"none":                     {nil, fault.Unauthenticated},
		"two":                      {append(with(nil), with(nil)...), fault.Unauthenticated},
		"basic":                    {[]string{"Basic YTpi"}, fault.Unauthenticated},
		"no token":                 {[]string{"Bearer "}, fault.Unauthenticated},
		"very long":                {with(map[string]any{"name": strings.Repeat("a", 9000)}), fault.Unauthenticated},
		"another audience":         {with(map[string]any{"aud": "account"}), fault.Unauthenticated},
		"another issuer":           {with(map[string]any{"iss": "https://elsewhere.example"}), fault.Unauthenticated},
		"expired":                  {with(map[string]any{"exp": at(-10 * time.Second)}), fault.Unauthenticated},
		"without an end":           {with(map[string]any{"exp": nil}), fault.Unauthenticated},
		"not yet":                  {with(map[string]any{"nbf": at(11 * time.Second)}), fault.Unauthenticated},
		"ID token":                 {with(map[string]any{"typ": "ID"}), fault.Unauthenticated},
		"refresh token":            {with(map[string]any{"typ": "Refresh"}), fault.Unauthenticated},
		"nobody's":                 {with(map[string]any{"azp": ""}), fault.Unauthenticated},
		"bound to a key":           {with(map[string]any{"cnf": map[string]any{"jkt": "thumb"}}), fault.Unauthenticated},
		"bound to a certificate":   {with(map[string]any{"cnf": map[string]any{"x5t#S256": "thumb"}}), fault.Unauthenticated},
		"without the role":         {with(map[string]any{"realm_access": map[string]any{"roles": []string{"other"}}}), fault.Forbidden},
		"of another key":           {[]string{"Bearer " + r.SignWith(other, "k1", "JWT", r.claims(nil))}, fault.Unauthenticated},
		"alg none":                 {[]string{"Bearer " + unsigned(t, "none", r.claims(nil))}, fault.Unauthenticated},
		"HS256 with a public text": {[]string{"Bearer " + unsigned(t, "HS256", r.claims(nil))}, fault.Unauthenticated},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := r.ask(t, tt.values...)
			if fault.KindOf(err) != tt.kind {
				t.Errorf("%v, want kind %d", err, tt.kind)
			}
		})
	}
}

func TestSmallSkewIsForgiven(t *testing.T) {
	r := newRealm(t)
	late := r.clock.Now().Add(-9 * time.Second).Unix()
	early := r.clock.Now().Add(9 * time.Second).Unix()
	if _, err := r.ask(t, "Bearer "+r.Sign("JWT", r.claims(map[string]any{"exp": late, "nbf": early}))); err != nil {
		t.Error(err)
	}
}

func TestBoundTokenIsForWhoComparesTheKey(t *testing.T) {
	r := newRealm(t)
	r.bearer.Bound = true
	for _, kind := range []string{"Bearer", "DPoP"} {
		got, err := r.ask(t, "Bearer "+r.Sign("JWT", r.claims(map[string]any{"typ": kind, "cnf": map[string]any{"jkt": "thumb"}})))
		if err != nil || got.Thumbprint != "thumb" {
			t.Errorf("%s: %+v %v", kind, got, err)
		}
	}
	if _, err := r.ask(t, "Bearer "+r.Sign("JWT", r.claims(map[string]any{"typ": "DPoP"}))); err == nil {
		t.Error("a DPoP token without a key is let in")
	}
	if _, err := r.ask(t, "Bearer "+r.Sign("JWT", r.claims(map[string]any{"cnf": map[string]any{"x5t#S256": "t"}}))); err == nil {
		t.Error("a token bound to a certificate is let in")
	}
}

func TestWithoutTheIssuersKeysNothingIsKnown(t *testing.T) {
	r := newRealm(t)
	token := "Bearer " + r.Sign("JWT", r.claims(nil))
	for name, change := range map[string]func(*relyingtest.Switches){
		"keys away": func(s *relyingtest.Switches) { s.NoKeys = true },
		"all down":  func(s *relyingtest.Switches) { s.Down = true },
	} {
		r.Set(change)
		r.clock.Advance(2 * time.Second)
		if _, err := r.ask(t, token); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
	r.Set(func(s *relyingtest.Switches) { s.NoKeys, s.Down = false, false })
	r.clock.Advance(2 * time.Second)
	if _, err := r.ask(t, token); err != nil {
		t.Error(err)
	}
}

func TestForgedTokensDoNotHurryTheIssuer(t *testing.T) {
	r := newRealm(t)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		r.ask(t, "Bearer "+r.SignWith(other, rand.Text(), "JWT", r.claims(nil)))
	}
	if n := r.Requests("/certs"); n != 1 {
		t.Errorf("%d requests for keys, want 1", n)
	}
}

func TestChallengeSaysWhatIsMissing(t *testing.T) {
	r := newRealm(t)
	route := api.Route{Method: "GET", Path: "/me", Do: api.Give(r.bearer.Token, func(_ *http.Request, token api.Token) (api.Reply, error) {
		return api.Reply{Body: token.Client}, nil
	})}
	s, _ := serve(t, route)
	for token, want := range map[string]string{
		"":                                    `Bearer realm="schleuse"`,
		"Bearer x":                            `Bearer realm="schleuse", error="invalid_token"`,
		"Bearer " + roleless(r):               `Bearer realm="schleuse", error="insufficient_scope"`,
		"Bearer " + r.Sign("", r.claims(nil)): "",
	} {
		headers := []string{"Authorization", token}
		if token == "" {
			headers = nil
		}
		if a := do(t, "GET", s.URL+"/v1/me", "", headers...); a.header.Get("Www-Authenticate") != want {
			t.Errorf("%d %q, want %q", a.status, a.header.Get("Www-Authenticate"), want)
		}
	}
}

func roleless(r realm) string {
	return r.Sign("JWT", r.claims(map[string]any{"realm_access": nil}))
}

// unsigned makes a token that no key of the issuer signed.
func unsigned(t *testing.T, alg string, claims map[string]any) string {
	t.Helper()
	encode := func(v any) string {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	text := encode(map[string]string{"alg": alg, "kid": "k1"}) + "." + encode(claims)
	if alg == "none" {
		return text + "."
	}
	mac := hmac.New(sha256.New, []byte("k1"))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
