package device_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/device/devicetest"
)

// update writes the test vectors anew: go test ./sidecar/device -run Vectors -update.
// The signatures in them change each time, nothing else does.
var update = flag.Bool("update", false, "write testdata/protocol anew")

const vectorDir = "testdata/protocol"

// vector is a file of testdata/protocol: description and the rest.
type vector map[string]any

func TestVectors(t *testing.T) {
	if *update {
		for name, v := range makeVectors(t) {
			raw, err := json.MarshalIndent(v, "", "  ")
			must(t, err)
			must(t, os.WriteFile(filepath.Join(vectorDir, name), append(raw, '\n'), 0o644))
		}
	}
	for name, check := range map[string]func(*testing.T, file){
		"thumbprint.json": checkThumbprints, "dpop.json": checkDPoP, "registration.json": checkRegistration, "order.json": checkOrders,
		"rotation.json": checkRotation, "request.json": checkRequest, "answer.json": checkAnswers, "seal.json": checkSeal,
	} {
		t.Run(name, func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join(vectorDir, name))
			must(t, err)
			var f file
			must(t, json.Unmarshal(raw, &f))
			if f.text("description") == "" {
				t.Error("no description")
			}
			check(t, f)
		})
	}
	files, err := filepath.Glob(filepath.Join(vectorDir, "*"))
	must(t, err)
	if len(files) != 8 {
		t.Errorf("%d files, of which some are not checked", len(files))
	}
}

// file is a vector as it is read.
type file map[string]json.RawMessage

func (f file) text(name string) (out string) {
	if json.Unmarshal(f[name], &out) != nil {
		return ""
	}
	return out
}

func (f file) hex(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(f.text(name))
	must(t, err)
	return raw
}

// list is a member that holds objects.
func (f file) list(t *testing.T, name string) (out []file) {
	t.Helper()
	must(t, json.Unmarshal(f[name], &out))
	if len(out) == 0 {
		t.Fatalf("%s is empty", name)
	}
	return out
}

// key is the public half of a member that holds a private key.
func (f file) key(t *testing.T, name string) device.Key {
	t.Helper()
	var private jose.JSONWebKey
	must(t, json.Unmarshal(f[name], &private))
	key, err := device.KeyOf(&private.Key.(*ecdsa.PrivateKey).PublicKey)
	must(t, err)
	return key
}

// message is a member that holds a message by this key; it checks what stands
// beside it.
func (f file) message(t *testing.T, name string, typ device.Type, by device.Key) device.Message {
	t.Helper()
	m, err := device.ParseMessage(f.text(name), typ)
	must(t, err)
	if !m.SignedBy(by) {
		t.Errorf("%s is not signed by the key that stands beside it", name)
	}
	if payload := f.text("payload"); payload != "" && payload != string(m.Payload) {
		t.Errorf("payload %s, in the message %s", payload, m.Payload)
	}
	if sum := f.text(name + "_sha256"); sum != m.HashText() {
		t.Errorf("%s_sha256 is %s, not %s", name, m.HashText(), sum)
	}
	return m
}

func members(t *testing.T, raw []byte) (out map[string]json.RawMessage) {
	t.Helper()
	must(t, json.Unmarshal(raw, &out))
	return out
}

func wantMembers(t *testing.T, raw []byte, want ...string) {
	t.Helper()
	have := map[string]bool{}
	for name := range members(t, raw) {
		have[name] = true
	}
	expected := map[string]bool{}
	for _, name := range want {
		expected[name] = true
	}
	if diff := cmp.Diff(expected, have); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
}

func checkThumbprints(t *testing.T, f file) {
	zeros := 0
	for _, k := range f.list(t, "keys") {
		key, err := device.ParseJWK(k["jwk"])
		must(t, err)
		if string(key.JWK()) != k.text("hashed") || key.Thumbprint() != k.text("thumbprint") {
			t.Errorf("%s has the thumbprint %s", key.JWK(), key.Thumbprint())
		}
		raw, err := base64.RawURLEncoding.DecodeString(string(key))
		must(t, err)
		if raw[0] == 0 || raw[32] == 0 {
			zeros++
		}
	}
	if zeros < 2 {
		t.Error("no coordinates with leading zero bytes")
	}
}

func checkDPoP(t *testing.T, f file) {
	parts := strings.Split(f.text("proof"), ".")
	if strings.Join(parts[:2], ".") != f.text("signing_input") || parts[2] != f.text("signature") {
		t.Error("the parts are not the whole")
	}
	s, err := jose.ParseSignedCompact(f.text("proof"), []jose.SignatureAlgorithm{jose.ES256})
	must(t, err)
	payload, err := s.Verify(f.key(t, "device_key").Public())
	must(t, err)
	wantMembers(t, payload, "jti", "htm", "htu", "iat", "nonce", "ath", "body_sha256")
	claims := file(members(t, payload))
	header, err := base64.RawURLEncoding.DecodeString(parts[0])
	must(t, err)
	wantMembers(t, header, "typ", "alg", "jwk")
	named, err := device.ParseJWK(members(t, header)["jwk"])
	must(t, err)
	hash := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return base64.RawURLEncoding.EncodeToString(sum[:])
	}
	if named != f.key(t, "device_key") || claims.text("ath") != hash(f.text("access_token")) || claims.text("body_sha256") != hash(f.text("body")) ||
		claims.text("htm") != f.text("method") || claims.text("htu") != f.text("url") || claims.text("nonce") != f.text("nonce") {
		t.Errorf("claims %s", payload)
	}
}

func checkRegistration(t *testing.T, f file) {
	key := f.key(t, "device_key")
	m := f.message(t, "registration", device.Registration, key)
	wantMembers(t, m.Payload, "v", "aud", "sub", "ticket", "jwk", "name", "platform", "iat")
	said := file(members(t, m.Payload))
	named, err := device.ParseJWK(said["jwk"])
	if err != nil || named != key || said.text("sub") != string(m.Device) || device.CheckName(said.text("name")) != nil {
		t.Errorf("%s, %v", m.Payload, err)
	}
}

func checkOrders(t *testing.T, f file) {
	var seen []string
	for _, o := range f.list(t, "orders") {
		m := o.message(t, "order", device.Order, f.key(t, o.text("signed_by")))
		said := file(members(t, m.Payload))
		purpose := said.text("purpose")
		seen = append(seen, purpose+" by "+o.text("signed_by"))
		want := []string{"v", "aud", "sub", "purpose", "nonce", "iat"}
		if purpose == string(device.ToRotateKey) || purpose == string(device.ToSetBiometric) {
			want = append(want, "jwk")
		}
		wantMembers(t, m.Payload, want...)
		if purpose != string(device.ToRotateKey) {
			f.understood(t, m, purpose, o.text("signed_by") == "biometric_key")
		}
	}
	want := []string{
		"unlock by device_key", "rotate-key by device_key", "set-password by device_key", "set-pin by device_key",
		"set-biometric by device_key", "open by device_key", "open by biometric_key", "login-password by device_key",
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// bench has the phone of the vectors.
func (f file) bench(t *testing.T, key string) *devicetest.Bench {
	t.Helper()
	b := devicetest.NewBench(start)
	d := devicetest.Phone{ID: vectorDevice, Key: fixedKey(t, "device")}.Device(devicetest.Erika, devicetest.Number, start)
	d.Key = f.key(t, key)
	b.Phones.Put(d)
	return b
}

// understood demands that the server takes an order; without a sealed secret
// that is as far as it gets.
func (f file) understood(t *testing.T, m device.Message, purpose string, byBiometry bool) {
	t.Helper()
	b := f.bench(t, "device_key")
	must(t, b.PermitFor(t.Context(), f.key(t, "device_key"), device.ByNect))
	ctx, id, none, want := t.Context(), m.Device, device.Sealed{}, device.ErrSealed
	var err error
	switch device.Aim(purpose) {
	case device.ToUnlock:
		_, err = b.Unlock(ctx, b.Caller(), id, f.key(t, "device_key"), m, none)
	case device.ToSetPassword:
		err = b.ChangePassword(ctx, id, m, none, none)
	case device.ToSetPIN:
		err = b.SetPIN(ctx, id, m, none, none)
	case device.ToSetBiometric:
		err = b.SetBiometric(ctx, id, m, none)
	case device.ToSetLoginPassword:
		err = b.SetLoginPassword(ctx, id, m, none, none)
	case device.ToOpen:
		pin := &none
		if byBiometry {
			d := state(t, b, id)
			d.Biometric = f.key(t, "biometric_key")
			b.Phones.Put(d)
			pin, want = nil, nil
		}
		_, err = b.OpenApp(ctx, id, m, pin)
	}
	if !errors.Is(err, want) {
		t.Errorf("%s: %v", purpose, err)
	}
}

func checkRotation(t *testing.T, f file) {
	byOld := f.message(t, "order", device.Order, f.key(t, "old_key"))
	byNew := f.message(t, "order_by_new_key", device.Order, f.key(t, "new_key"))
	if !bytes.Equal(byOld.Payload, byNew.Payload) || byOld.Device != byNew.Device || byOld.SignedBy(f.key(t, "new_key")) {
		t.Error("not the same order by two keys")
	}
	wantErr(t, f.bench(t, "old_key").RotateKey(t.Context(), byOld.Device, byOld, byNew, device.Sealed{}), device.ErrSealed)
	if named, err := device.ParseJWK(members(t, byOld.Payload)["jwk"]); err != nil || named != f.key(t, "new_key") {
		t.Errorf("names %s, %v", named, err)
	}
}

func checkRequest(t *testing.T, f file) {
	s, err := jose.ParseSignedCompact(f.text("request"), []jose.SignatureAlgorithm{jose.ES256})
	must(t, err)
	payload, err := s.Verify(f.key(t, "server_key").Public())
	must(t, err)
	sum := sha256.Sum256([]byte(f.text("request")))
	if f.text("request_sha256") != base64.RawURLEncoding.EncodeToString(sum[:]) || f.text("payload") != string(payload) ||
		s.Signatures[0].Header.KeyID != f.text("kid") || s.Signatures[0].Header.ExtraHeaders["typ"] != "schleuse-request+jwt" {
		t.Errorf("%s", payload)
	}
	wantMembers(t, payload, "v", "iss", "aud", "jti", "iat", "exp", "action", "client", "title", "fields", "content_sha256", "risk", "match_code", "refused")
}

func checkAnswers(t *testing.T, f file) {
	key := f.key(t, "device_key")
	for _, a := range f.list(t, "answers") {
		m := a.message(t, "answer", device.Answer, key)
		said := file(members(t, m.Payload))
		if said.text("request_sha256") != f.text("request_sha256") {
			t.Errorf("about another request: %s", m.Payload)
		}
		switch said.text("decision") {
		case "approve":
			wantMembers(t, m.Payload, "v", "request_sha256", "decision", "match_code", "iat")
		case "deny":
			wantMembers(t, m.Payload, "v", "request_sha256", "decision", "reason", "iat")
		default:
			t.Errorf("%s", m.Payload)
		}
	}
	for _, a := range f.list(t, "denials") {
		a.message(t, "answer", device.Answer, key)
		if a.text("why") == "" {
			t.Error("it is not said why")
		}
	}
}

func checkSeal(t *testing.T, f file) {
	var seal jose.JSONWebKey
	must(t, json.Unmarshal(f["seal_key"], &seal))
	private, err := seal.Key.(*ecdsa.PrivateKey).ECDH()
	must(t, err)
	m := f.message(t, "order", device.Order, f.key(t, "device_key"))
	if f.text("aad") != string(device.SealAAD(m, device.Purpose(f.text("purpose")))) || f.text("info") != device.SealInfo {
		t.Errorf("aad %q", f.text("aad"))
	}
	s, err := device.ParseSealed(f["sealed"])
	must(t, err)
	to, err := hpke.NewDHKEMPrivateKey(private)
	must(t, err)
	r, err := hpke.NewRecipient(s.Enc, to, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(device.SealInfo))
	must(t, err)
	plain, err := r.Open([]byte(f.text("aad")), s.Box)
	if err != nil || string(plain) != f.text("plaintext") {
		t.Errorf("opens to %q, %v", plain, err)
	}
	// The values on the way, as section 6.1 of PROTOCOL.md tells to compute them.
	var ephemeral jose.JSONWebKey
	must(t, json.Unmarshal(f["ephemeral_key"], &ephemeral))
	e, err := ephemeral.Key.(*ecdsa.PrivateKey).ECDH()
	must(t, err)
	want := sealByHand(t, e, private.PublicKey(), []byte(f.text("aad")), plain)
	for name, value := range want {
		if !bytes.Equal(f.hex(t, name), value) {
			t.Errorf("%s is %x, not %s", name, value, f.text(name))
		}
	}
	if !bytes.Equal(want["enc"], s.Enc) || !bytes.Equal(want["ct"], s.Box) {
		t.Error("what is sealed is not what was computed")
	}
}

// point is a public key as HPKE writes it.
func point(t *testing.T, k device.Key) *ecdh.PublicKey {
	t.Helper()
	public, err := k.Public().ECDH()
	must(t, err)
	return public
}

// fixedKey is the private key with a scalar of the hash of a name.
func fixedKey(t *testing.T, name string) *ecdsa.PrivateKey {
	t.Helper()
	sum := sha256.Sum256([]byte("schleuse test vector: " + name))
	k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), sum[:])
	must(t, err)
	return k
}
