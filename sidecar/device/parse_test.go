package device_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/device/devicetest"
)

func TestIDs(t *testing.T) {
	seen := map[device.ID]bool{}
	for range 100 {
		id := device.NewID()
		if got, err := device.ParseID(string(id)); err != nil || got != id || len(id) != 26 || seen[id] {
			t.Errorf("%q: %q, %v", id, got, err)
		}
		seen[id] = true
	}
	zero := strings.Repeat("a", 26)
	if _, err := device.ParseID(zero); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "a", zero[1:], zero + "a", strings.ToUpper(zero), zero[:25] + "b", zero[:25] + "1", zero + "======", zero[:20] + "\n" + zero[21:], zero + "\n"} {
		if id, err := device.ParseID(bad); err == nil {
			t.Errorf("%q is %q", bad, id)
		}
	}
}

func TestStates(t *testing.T) {
	const a, l, b = device.Active, device.Locked, device.Blocked
	follows := map[[2]device.State]bool{{0, a}: true, {a, a}: true, {a, l}: true, {a, b}: true, {l, l}: true, {l, a}: true, {l, b}: true, {b, b}: true}
	for before := range device.State(5) {
		for after := range device.State(5) {
			if got := after.Follows(before); got != follows[[2]device.State{before, after}] {
				t.Errorf("from %s to %s: %v", before, after, got)
			}
		}
	}
}

func TestKeysAreReadStrictly(t *testing.T) {
	private := devicetest.NewKey()
	want := devicetest.Public(private)
	good := string(want.JWK())
	if got, err := device.ParseJWK([]byte(good)); err != nil || got != want || !got.Public().Equal(&private.PublicKey) {
		t.Fatalf("%q, %v", got, err)
	}
	x := good[strings.Index(good, `"x":"`)+5:][:43]
	for name, bad := range map[string]string{
		"nothing":        ``,
		"null":           `null`,
		"list":           `[` + good + `]`,
		"private":        good[:len(good)-1] + `,"d":"AA"}`,
		"another member": good[:len(good)-1] + `,"kid":"1"}`,
		"twice":          good[:len(good)-1] + `,"x":"` + x + `"}`,
		"other case":     strings.Replace(good, `"x"`, `"X"`, 1),
		"padded":         strings.Replace(good, x, x+"=", 1),
		"short":          strings.Replace(good, x, x[:42], 1),
		"off the curve":  strings.Replace(good, x, flipped(x), 1),
		"curve":          strings.Replace(good, "P-256", "P-384", 1),
		"type":           strings.Replace(good, "EC", "RSA", 1),
		"two":            good + good,
		"long":           good + strings.Repeat(" ", 512),
		"infinity":       `{"crv":"P-256","kty":"EC","x":"` + strings.Repeat("A", 43) + `","y":"` + strings.Repeat("A", 43) + `"}`,
		"broken line":    strings.Replace(good, x, x[:20]+"\\n"+x[20:], 1),
	} {
		if k, err := device.ParseJWK([]byte(bad)); err == nil {
			t.Errorf("%s: %q", name, k)
		}
	}
	other, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	must(t, err)
	if k, err := device.KeyOf(&other.PublicKey); err == nil {
		t.Errorf("P-384 is %q", k)
	}
	if device.Key("").Public() != nil || device.Key("").Thumbprint() != "" || device.Key("AAAA").Public() != nil {
		t.Error("no key is a key")
	}
}

// flipped changes what is written without its length.
func flipped(s string) string {
	if s[0] == 'A' {
		return "B" + s[1:]
	}
	return "A" + s[1:]
}

func TestMessagesAreReadStrictly(t *testing.T) {
	p := devicetest.NewPhone()
	good := p.Sign(device.Order, map[string]any{"v": 1})
	m, err := device.ParseMessage(good, device.Order)
	must(t, err)
	if m.Device != p.ID || m.Type != device.Order || string(m.Payload) != `{"v":1}` || m.String() != good {
		t.Errorf("%+v", m)
	}
	key := devicetest.Public(p.Key)
	if !m.SignedBy(key) || m.SignedBy("") || m.SignedBy(devicetest.Public(devicetest.NewKey())) || (device.Message{}).SignedBy(key) {
		t.Error("signed by another key than its own")
	}
	if _, err := device.ParseMessage(good, device.Answer); err == nil {
		t.Error("read as another type")
	}
	b64 := base64.RawURLEncoding.EncodeToString
	parts := strings.Split(good, ".")
	with := func(header string) string { return b64([]byte(header)) + "." + parts[1] + "." + parts[2] }
	id := string(p.ID)
	for name, bad := range map[string]string{
		"nothing":         "",
		"two parts":       parts[0] + "." + parts[1],
		"four parts":      good + ".AAAA",
		"detached":        parts[0] + ".." + parts[2],
		"unsigned":        parts[0] + "." + parts[1] + ".",
		"padded":          parts[0] + "." + parts[1] + "=." + parts[2],
		"with a line":     parts[0] + "." + parts[1] + ".\n" + parts[2],
		"none":            with(`{"alg":"none","typ":"schleuse-device+jwt","kid":"` + id + `"}`),
		"HS256":           with(`{"alg":"HS256","typ":"schleuse-device+jwt","kid":"` + id + `"}`),
		"ES384":           with(`{"alg":"ES384","typ":"schleuse-device+jwt","kid":"` + id + `"}`),
		"no typ":          with(`{"alg":"ES256","kid":"` + id + `"}`),
		"no kid":          with(`{"alg":"ES256","typ":"schleuse-device+jwt"}`),
		"kid of no phone": with(`{"alg":"ES256","typ":"schleuse-device+jwt","kid":"../x"}`),
		"jwk":             with(`{"alg":"ES256","typ":"schleuse-device+jwt","kid":"` + id + `","jwk":` + string(key.JWK()) + `}`),
		"crit":            with(`{"alg":"ES256","typ":"schleuse-device+jwt","kid":"` + id + `","crit":["b64"],"b64":false}`),
		"alg twice":       with(`{"alg":"none","alg":"ES256","typ":"schleuse-device+jwt","kid":"` + id + `"}`),
		"JSON form":       `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"long":            parts[0] + "." + b64(bytes.Repeat([]byte("x"), device.MaxMessage)) + "." + parts[2],
		"another form":    good[:len(good)-1] + nextInGroup(good[len(good)-1]),
	} {
		m, err := device.ParseMessage(bad, device.Order)
		if err == nil && m.SignedBy(key) {
			t.Errorf("%s: taken", name)
		}
		if name != "detached" && name != "unsigned" && !errors.Is(err, device.ErrMessage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, payload := range map[string]string{
		"twice": `{"v":1,"v":2}`, "unknown": `{"v":1,"w":2}`, "case": `{"V":1}`, "tail": `{"v":1}{}`, "type": `{"v":"1"}`, "text": `x`, "nested twice": `{"v":1,"m":{"a":1,"a":2}}`,
	} {
		m := p.Message(device.Order, []byte(payload))
		var into struct {
			V int            `json:"v"`
			M map[string]int `json:"m"`
		}
		if err := m.Decode(&into); !errors.Is(err, device.ErrMessage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// nextInGroup is another last character that decodes to the same bytes where
// unused bits are ignored.
func nextInGroup(c byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, c)^1])
}

func TestSealedSecretsAreReadStrictly(t *testing.T) {
	p, keys := devicetest.NewPhone(), devicetest.NewKeys()
	want := keys.Secret(p.Message(device.Order, 1), device.ForPIN, "471902")
	good := string(want.JSON())
	got, err := device.ParseSealed([]byte(good))
	if err != nil || got.Key != want.Key || !bytes.Equal(got.Enc, want.Enc) || !bytes.Equal(got.Box, want.Box) {
		t.Fatalf("%+v, %v", got, err)
	}
	for name, bad := range map[string]string{
		"nothing":   ``,
		"null":      `null`,
		"empty":     `{}`,
		"no kid":    strings.Replace(good, devicetest.KeyID, "", 1),
		"unknown":   good[:len(good)-1] + `,"alg":"x"}`,
		"twice":     good[:len(good)-1] + `,"kid":"x"}`,
		"short enc": `{"kid":"1","enc":"AAAA","ct":"AAAA"}`,
		"padded":    good[:len(good)-2] + `="}`,
		"tail":      good + "1",
		"long":      good + strings.Repeat(" ", 2048),
	} {
		if s, err := device.ParseSealed([]byte(bad)); !errors.Is(err, device.ErrSealed) {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
}

func FuzzParseID(f *testing.F) {
	f.Add(string(device.NewID()))
	f.Add(strings.Repeat("a", 26))
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		if id, err := device.ParseID(text); err == nil && (string(id) != text || len(text) != 26) {
			t.Errorf("%q is %q", text, id)
		}
	})
}

func FuzzParseJWK(f *testing.F) {
	good := devicetest.Public(devicetest.NewKey()).JWK()
	f.Add(good)
	f.Add(good[:40])
	f.Add([]byte(`{"kty":"EC","crv":"P-256","x":"","y":""}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		k, err := device.ParseJWK(raw)
		if err != nil {
			return
		}
		if again, err := device.ParseJWK(k.JWK()); err != nil || again != k || k.Public() == nil || len(k) != 86 {
			t.Errorf("%s: %q, then %q, %v", raw, k, again, err)
		}
	})
}

func FuzzParseMessage(f *testing.F) {
	p := devicetest.NewPhone()
	key := devicetest.Public(p.Key)
	good := p.Sign(device.Order, map[string]any{"v": 1})
	f.Add(good)
	f.Add("..")
	f.Add(strings.Replace(good, ".", "=.", 1))
	f.Fuzz(func(t *testing.T, raw string) {
		m, err := device.ParseMessage(raw, device.Order)
		if err == nil && m.SignedBy(key) && raw != good {
			t.Errorf("taken: %q", raw)
		}
	})
}

func FuzzParseSealed(f *testing.F) {
	s := devicetest.NewKeys().Secret(devicetest.NewPhone().Message(device.Order, 1), device.ForPIN, "1")
	f.Add(s.JSON())
	f.Add([]byte(`{"kid":"1","enc":"","ct":""}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := device.ParseSealed(raw)
		if err != nil {
			return
		}
		if again, err := device.ParseSealed(s.JSON()); err != nil || again.Key != s.Key || !bytes.Equal(again.Box, s.Box) {
			t.Errorf("%s: %+v, %v", raw, again, err)
		}
	})
}
