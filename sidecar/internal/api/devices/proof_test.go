package devices_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	phones "github.com/schleuse/schleuse/e2e/device"
	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/internal/api/devices"
)

// forged makes every later proof of the phone another one.
func forged(p *phones.Phone, change func(*phones.Proof)) { p.Forge = change }

func TestProofsOfOtherCalls(t *testing.T) {
	other, err := phones.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	claim := func(name string, value any) func(*phones.Proof) {
		return func(p *phones.Proof) { p.Claims[name] = value }
	}
	without := func(name string) func(*phones.Proof) {
		return func(p *phones.Proof) { delete(p.Claims, name) }
	}
	header := func(name string, value any) func(*phones.Proof) {
		return func(p *phones.Proof) { p.Header[name] = value }
	}
	key := func(name string, value any) func(*phones.Proof) {
		return func(p *phones.Proof) {
			raw, _ := json.Marshal(p.Key.Public())
			var k map[string]any
			_ = json.Unmarshal(raw, &k)
			if k[name] = value; value == nil {
				delete(k, name)
			}
			p.Header["jwk"] = k
		}
	}
	replaceURI := func(old, next string) func(*phones.Proof) {
		return func(p *phones.Proof) { p.Claims["htu"] = strings.Replace(p.Claims["htu"].(string), old, next, 1) }
	}
	tests := []struct {
		name   string
		change func(*phones.Proof)
	}{
		{"another method", claim("htm", "GET")},
		{"a method in other case", claim("htm", "put")},
		{"no method", without("htm")},
		{"another path", replaceURI("/self/push", "/self/key")},
		{"another host", replaceURI("127.0.0.1", "evil.example")},
		{"another scheme", replaceURI("http://", "https://")},
		{"another port", replaceURI("/schleuse", "0/schleuse")},
		{"a user in the address", replaceURI("://", "://a@")},
		{"a query", replaceURI("/push", "/push?x=1")},
		{"an empty query", replaceURI("/push", "/push?")},
		{"a fragment", replaceURI("/push", "/push#x")},
		{"no address", without("htu")},
		{"an address of another type", claim("htu", 1)},
		{"no jti", without("jti")},
		{"a short jti", claim("jti", "short")},
		{"a jti with blanks", claim("jti", "0123456789 0123456789")},
		{"no iat", without("iat")},
		{"iat is a text", claim("iat", "now")},
		{"no hash of the body", without("body_sha256")},
		{"the hash of another body", claim("body_sha256", phones.Digest("{}"))},
		{"no typ", header("typ", nil)},
		{"typ JWT", header("typ", "JWT")},
		{"typ of an answer", header("typ", "schleuse-answer+jwt")},
		{"alg none", header("alg", "none")},
		{"alg ES384", header("alg", "ES384")},
		{"alg RS256", header("alg", "RS256")},
		{"alg HS256", header("alg", "HS256")},
		{"alg in other case", header("alg", "es256")},
		{"one header more", header("kid", "x")},
		{"critical headers", header("crit", []string{"b64"})},
		{"no key", header("jwk", nil)},
		{"another key in it", header("jwk", other.Public())},
		{"signed by another key", func(p *phones.Proof) { p.Key = other }},
		{"the private key in it", func(p *phones.Proof) { p.Header["jwk"] = p.Key.Private() }},
		{"a key of another curve", key("crv", "P-384")},
		{"a key of another kind", key("kty", "OKP")},
		{"a key off the curve", key("x", phones.B64u(make([]byte, 32)))},
		{"a key without y", key("y", nil)},
		{"one member more in the key", key("use", "sig")},
	}
	w := newWorld(t)
	p := w.enrolled()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			forged(p, tt.change)
			w.refused(p.RegisterPush(t.Context(), "fcm", "token"), "invalid_dpop_proof")
		})
	}
	forged(p, nil)
	if self, err := p.Self(t.Context()); err != nil || self.PushChannel != "" {
		t.Errorf("a refused call did something: %+v, %v", self, err)
	}
}

// What differs only in writing is the same address (RFC 9449 section 4.3).
func TestTheAddressIsThePublicOne(t *testing.T) {
	w := newWorld(t, func(a *devices.API) {
		a.Base = &url.URL{Scheme: "https", Host: "login.kasse.example", Path: devices.Path}
	})
	w.service.Audience = "https://login.kasse.example" + devices.Path
	p := w.blank()
	for _, tt := range []struct{ name, base, want string }{
		{"as it is known", "https://login.kasse.example" + devices.Path, "device_unknown"},
		{"with the port that https has", "https://login.kasse.example:443" + devices.Path, "device_unknown"},
		{"in other case", "HTTPS://Login.Kasse.Example" + devices.Path, "device_unknown"},
		{"the path in other case", "https://login.kasse.example" + strings.ToUpper(devices.Path), "invalid_dpop_proof"},
		{"where the server listens", w.base, "invalid_dpop_proof"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			forged(p, func(f *phones.Proof) { f.Claims["htu"] = tt.base + "/self" })
			_, err := p.Self(t.Context())
			w.refused(err, tt.want)
		})
	}
}

func TestSeveralProofsAreNone(t *testing.T) {
	w := newWorld(t)
	p := w.enrolled()
	proof := capture(p, func() { w.ok(p.ForgetPush(t.Context())) })
	for _, headers := range [][]string{nil, {proof, proof}, {""}, {"a.b"}, {strings.Repeat("x", 5000)}} {
		if got := w.raw(http.MethodGet, "/self", nil, headers); got != "invalid_dpop_proof" {
			t.Errorf("%d proofs: %s", len(headers), got)
		}
	}
}

func TestAProofIsTakenOnce(t *testing.T) {
	w := newWorld(t)
	p := w.enrolled()
	proof := capture(p, func() { w.ok(p.ForgetPush(t.Context())) })
	if got := w.raw(http.MethodDelete, "/self/push", nil, []string{proof}); got != "invalid_dpop_proof" {
		t.Errorf("a replayed proof: %q", got)
	}
	proof = capture(p, func() { _, err := p.Self(t.Context()); w.ok(err) })
	if got := w.raw(http.MethodGet, "/self", nil, []string{proof}); got != "" {
		t.Errorf("reading again with the same proof: %q", got)
	}
}

func TestNoncesEnd(t *testing.T) {
	w := newWorld(t)
	p := w.enrolled()
	proof := capture(p, func() { _, err := p.Self(t.Context()); w.ok(err) })
	w.Pass(5*time.Minute - time.Second)
	if got := w.raw(http.MethodGet, "/self", nil, []string{proof}); got != "" {
		t.Errorf("in its time: %q", got)
	}
	w.Pass(time.Second)
	if got := w.raw(http.MethodGet, "/self", nil, []string{proof}); got != "use_dpop_nonce" {
		t.Errorf("after its time: %q", got)
	}
	opened := phones.B64u(w.keys.Seal([]byte("12345678"), []byte("schleuse/device/opened")))
	for name, nonce := range map[string]any{"none": nil, "invented": "abc", "sealed for something else": opened, "a number": 1} {
		t.Run(name, func(t *testing.T) {
			forged(p, func(f *phones.Proof) { f.Claims["nonce"] = nonce })
			want := "use_dpop_nonce"
			if name == "a number" {
				want = "invalid_dpop_proof"
			}
			_, err := p.Self(t.Context())
			w.refused(err, want)
		})
	}
}

// A key that is nobody's, and that of a blocked phone, are answered alike.
func TestWhichKeysThereAreIsNotTold(t *testing.T) {
	w := newWorld(t)
	p, blocked := w.enrolled(), w.enrolled()
	w.ok(p.Block(t.Context(), blocked.ID))
	answers := map[string]string{}
	for name, asks := range map[string]*phones.Phone{"unknown": w.blank(), "blocked": blocked} {
		var told *phones.Problem
		_, err := asks.Self(t.Context())
		w.refused(err, "device_unknown")
		if asProblem(err, &told) {
			answers[name] = told.Title + told.Type
		}
	}
	if answers["unknown"] != answers["blocked"] || answers["blocked"] == "" {
		t.Errorf("told apart: %v", answers)
	}
}

// What is signed with an algorithm of another family than ES256 is nothing,
// whatever its header says.
func TestHMACByThePublicKeyIsNoProof(t *testing.T) {
	w := newWorld(t)
	p := w.enrolled()
	proof := capture(p, func() { _, err := p.Self(t.Context()); w.ok(err) })
	parts := strings.Split(proof, ".")
	head := base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(decode(t, parts[0]), "ES256", "HS256", 1)))
	point, err := p.Key.Public().Point()
	w.ok(err)
	mac := hmac.New(sha256.New, point)
	mac.Write([]byte(head + "." + parts[1]))
	if got := w.raw(http.MethodGet, "/self", nil, []string{head + "." + parts[1] + "." + phones.B64u(mac.Sum(nil))}); got != "invalid_dpop_proof" {
		t.Errorf("answered %q", got)
	}
}

func decode(t *testing.T, text string) string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// capture returns the last proof that the phone makes while do runs.
func capture(p *phones.Phone, do func()) (proof string) {
	before := p.HTTP
	p.HTTP = &http.Client{Transport: taking{before.Transport, func(r *http.Request) { proof = r.Header.Get("DPoP") }}}
	do()
	p.HTTP = before
	return proof
}

type taking struct {
	next http.RoundTripper
	take func(*http.Request)
}

func (c taking) RoundTrip(r *http.Request) (*http.Response, error) {
	c.take(r)
	return c.next.RoundTrip(r)
}

// raw makes a call with exactly these proofs and returns the problem's word, or
// nothing.
func (w *world) raw(method, path string, body []byte, proofs []string, headers ...string) string {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.base+path, bytes.NewReader(body))
	w.ok(err)
	r.Header["Dpop"] = proofs
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := w.client.Do(r)
	w.ok(err)
	defer resp.Body.Close()
	if path != "/keys" && resp.Header.Get("DPoP-Nonce") == "" {
		w.t.Error("an answer without a nonce")
	}
	if resp.StatusCode < 400 {
		return ""
	}
	var told phones.Problem
	w.ok(json.NewDecoder(resp.Body).Decode(&told))
	return told.Word()
}

func FuzzProof(f *testing.F) {
	base := &url.URL{Scheme: "https", Host: "login.example", Path: devices.Path}
	key, err := phones.NewKey()
	if err != nil {
		f.Fatal(err)
	}
	good, err := key.Sign(map[string]any{"typ": "dpop+jwt", "alg": "ES256", "jwk": key.Public()},
		map[string]any{"jti": "0123456789abcdef", "htm": "GET", "htu": base.String() + "/self", "iat": 1, "nonce": "n"})
	if err != nil {
		f.Fatal(err)
	}
	if !devices.Proven(good, "GET", base, "/self", nil) {
		f.Fatal("the good proof is not one")
	}
	for _, text := range []string{good, "", "a.b.c", good + ".", strings.ToUpper(good), good[:len(good)-1]} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !devices.Proven(text, "GET", base, "/self", nil) {
			return
		}
		// Whatever is taken verifies by the key that it carries.
		parsed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.ES256})
		if err != nil {
			t.Fatalf("taken: %q", text)
		}
		public, ok := parsed.Signatures[0].Header.JSONWebKey.Key.(*ecdsa.PublicKey)
		if !ok {
			t.Fatalf("taken without a public key: %q", text)
		}
		if _, err := parsed.Verify(public); err != nil {
			t.Fatalf("taken, and not signed by its key: %q", text)
		}
	})
}

// A proof that fails leaves what waits as it was.
func TestAFailedProofDecidesNothing(t *testing.T) {
	w := newWorld(t)
	p := w.enrolled()
	a, r := w.shown(p)
	forged(p, func(f *phones.Proof) { f.Claims["htu"] = f.Claims["htu"].(string) + "/" })
	_, err := p.Approve(t.Context(), r, a.MatchCode, password)
	w.refused(err, "invalid_dpop_proof")
	if w.state(a.ID) != approval.Pending {
		t.Errorf("the request is %s", w.state(a.ID))
	}
}

func TestVectorsOfProofs(t *testing.T) {
	raw, err := os.ReadFile("../../../device/testdata/protocol/dpop.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct{ Proof, Method, Body string }
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	base := &url.URL{Scheme: "https", Host: "login.kasse.example", Path: devices.Path}
	if !devices.Proven(v.Proof, v.Method, base, "/devices", []byte(v.Body)) {
		t.Error("the proof is not one of its call")
	}
	if devices.Proven(v.Proof, v.Method, base, "/devices", []byte(v.Body+" ")) || devices.Proven(v.Proof, v.Method, base, "/enrolments", []byte(v.Body)) {
		t.Error("the proof is one of another call too")
	}
}
