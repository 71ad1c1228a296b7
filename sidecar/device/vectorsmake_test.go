package device_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/device/devicetest"
)

const (
	vectorAud    = "https://login.kasse.example/schleuse/device/v1"
	vectorDevice = "mzxw6ytboi3dgnbvgy3tqojqge"
	vectorIAT    = 1796119200
	onlyHere     = " The private keys are for these vectors only."
)

func makeVectors(t *testing.T) map[string]vector {
	t.Helper()
	request, requestHash := makeRequest(t)
	return map[string]vector{
		"thumbprint.json": makeThumbprints(t), "dpop.json": makeDPoP(t), "registration.json": makeRegistration(t), "order.json": makeOrders(t),
		"rotation.json": makeRotation(t), "request.json": request, "answer.json": makeAnswers(t, requestHash), "seal.json": makeSeal(t),
	}
}

func private(k *ecdsa.PrivateKey) jose.JSONWebKey { return jose.JSONWebKey{Key: k} }

func sum(text string) string {
	h := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(h[:])
}

// signed is a message with its payload and hash, under the name.
func signed(k *ecdsa.PrivateKey, name string, typ device.Type, payload string) vector {
	jws := devicetest.SignBy(k, vectorDevice, typ, []byte(payload))
	return vector{"payload": payload, name: jws, name + "_sha256": sum(jws)}
}

func makeThumbprints(t *testing.T) vector {
	t.Helper()
	var keys []vector
	add := func(k device.Key) {
		keys = append(keys, vector{"jwk": json.RawMessage(k.JWK()), "hashed": string(k.JWK()), "thumbprint": k.Thumbprint()})
	}
	add(devicetest.Public(fixedKey(t, "device")))
	for _, at := range []int{0, 32} { // the first keys of which x, and y, begin with a zero byte
		for i := 0; ; i++ {
			k := devicetest.Public(fixedKey(t, fmt.Sprint("leading zeros ", i)))
			raw, err := base64.RawURLEncoding.DecodeString(string(k))
			must(t, err)
			if raw[at] == 0 {
				add(k)
				break
			}
		}
	}
	return vector{"description": "Thumbprints of keys (RFC 7638); hashed are the UTF-8 bytes of `hashed`.", "keys": keys}
}

func makeDPoP(t *testing.T) vector {
	t.Helper()
	k := fixedKey(t, "device")
	const token, body = "eyJhbGciOiJSUzI1NiJ9.e30.c2ln", `{"registration":"…"}`
	v := vector{
		"description": "A DPoP proof of POST /devices with an access token and a body. `body` is hashed as UTF-8." + onlyHere,
		"device_key":  private(k), "method": "POST", "url": vectorAud + "/devices", "access_token": token, "body": body,
		"nonce": "AX8yq0dmV1Jm9k2w", "thumbprint": devicetest.Public(k).Thumbprint(),
	}
	header := `{"typ":"dpop+jwt","alg":"ES256","jwk":` + string(devicetest.Public(k).JWK()) + `}`
	payload := fmt.Sprintf(`{"jti":"Zm9vYmFyYmF6cXV4MTIzNA","htm":"POST","htu":"%s/devices","iat":%d,"nonce":"AX8yq0dmV1Jm9k2w","ath":"%s","body_sha256":"%s"}`,
		vectorAud, vectorIAT, sum(token), sum(body))
	input := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	v["header"], v["payload"], v["signing_input"] = header, payload, input
	v["signature"] = rawSignature(t, k, input)
	v["proof"] = input + "." + v["signature"].(string)
	return v
}

// rawSignature is r and s of 32 bytes each, in base64url.
func rawSignature(t *testing.T, k *ecdsa.PrivateKey, input string) string {
	t.Helper()
	h := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, k, h[:])
	must(t, err)
	return base64.RawURLEncoding.EncodeToString(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

func makeRegistration(t *testing.T) vector {
	t.Helper()
	k := fixedKey(t, "device")
	v := signed(k, "registration", device.Registration, fmt.Sprintf(
		`{"v":1,"aud":"%s","sub":"%s","ticket":"dGlja2V0","jwk":%s,"name":"Telefon von Erika","platform":"android","iat":%d}`,
		vectorAud, vectorDevice, devicetest.Public(k).JWK(), vectorIAT))
	v["description"], v["device_key"] = "A registration. The ticket is not a real one."+onlyHere, private(k)
	return v
}

func orderText(aim device.Aim, with *ecdsa.PrivateKey) string {
	jwk := ""
	if with != nil {
		jwk = `"jwk":` + string(devicetest.Public(with).JWK()) + `,`
	}
	return fmt.Sprintf(`{"v":1,"aud":"%s","sub":"%s","purpose":"%s",%s"nonce":"AX8yq0dmV1Jm9k2w","iat":%d}`, vectorAud, vectorDevice, aim, jwk, vectorIAT)
}

func makeOrders(t *testing.T) vector {
	t.Helper()
	keys := map[string]*ecdsa.PrivateKey{"device_key": fixedKey(t, "device"), "biometric_key": fixedKey(t, "biometric")}
	var orders []vector
	for _, o := range []struct {
		aim  device.Aim
		by   string
		with *ecdsa.PrivateKey
	}{
		{device.ToUnlock, "device_key", nil},
		{device.ToRotateKey, "device_key", fixedKey(t, "new device")},
		{device.ToSetPassword, "device_key", nil},
		{device.ToSetPIN, "device_key", nil},
		{device.ToSetBiometric, "device_key", keys["biometric_key"]},
		{device.ToOpen, "device_key", nil},
		{device.ToOpen, "biometric_key", nil},
		{device.ToSetLoginPassword, "device_key", nil},
	} {
		v := signed(keys[o.by], "order", device.Order, orderText(o.aim, o.with))
		v["signed_by"] = o.by
		orders = append(orders, v)
	}
	return vector{
		"description": "An order of each purpose." + onlyHere, "orders": orders,
		"device_key": private(keys["device_key"]), "biometric_key": private(keys["biometric_key"]),
	}
}

func makeRotation(t *testing.T) vector {
	t.Helper()
	old, next := fixedKey(t, "device"), fixedKey(t, "new device")
	payload := orderText(device.ToRotateKey, next)
	v := signed(old, "order", device.Order, payload)
	second := signed(next, "order_by_new_key", device.Order, payload)
	v["order_by_new_key"], v["order_by_new_key_sha256"] = second["order_by_new_key"], second["order_by_new_key_sha256"]
	v["description"], v["old_key"], v["new_key"] = "A rotation: the same header and payload, signed by the old key and by the new one."+onlyHere, private(old), private(next)
	return v
}

func makeRequest(t *testing.T) (vector, string) {
	t.Helper()
	k := fixedKey(t, "server")
	payload := fmt.Sprintf(`{"v":1,"iss":"%s","aud":"%s","jti":"ge3dqnzzgyydcmrtgq2tmnzyhe","iat":%d,"exp":%d,"action":"adresse","client":"backend",`+
		`"title":{"de":"Adresse ändern","en":"Change address"},`+
		`"fields":[{"name":"neu","label":{"de":"Neue Adresse","en":"New address"},"value":"Am Deich 1, 26721 Emden"}],`+
		`"content_sha256":"%s","risk":"high","match_code":3,"refused":0}`, vectorAud, vectorDevice, vectorIAT, vectorIAT+300, sum("content"))
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: k},
		(&jose.SignerOptions{}).WithType("schleuse-request+jwt").WithHeader("kid", "77aa0b12"))
	must(t, err)
	s, err := signer.Sign([]byte(payload))
	must(t, err)
	jws, err := s.CompactSerialize()
	must(t, err)
	return vector{
		"description": "A request object, signed by the server. `request_sha256` is over its ASCII bytes." + onlyHere,
		"server_key":  private(k), "kid": "77aa0b12", "payload": payload, "request": jws, "request_sha256": sum(jws),
	}, sum(jws)
}

func makeAnswers(t *testing.T, about string) vector {
	t.Helper()
	k := fixedKey(t, "device")
	text := func(members string) string {
		return fmt.Sprintf(`{"v":1,"request_sha256":"%s",%s"iat":%d}`, about, members, vectorIAT)
	}
	var answers, denials []vector
	for _, members := range []string{`"decision":"approve","match_code":"472",`, `"decision":"deny","reason":"by_person",`, `"decision":"deny","reason":"not_me",`} {
		answers = append(answers, signed(k, "answer", device.Answer, text(members)))
	}
	for _, d := range [][2]string{
		{"no decision", text(``)},
		{"an unknown decision", text(`"decision":"Approve","match_code":"472",`)},
		{"an unknown member", text(`"decision":"approve","match_code":"472","note":"x",`)},
		{"a member twice", text(`"decision":"approve","decision":"approve","match_code":"472",`)},
		{"another type", text(`"decision":"approve","match_code":472,`)},
		{"another version", strings.Replace(text(`"decision":"approve","match_code":"472",`), `"v":1`, `"v":2`, 1)},
		{"no JSON", "approve"},
	} {
		v := signed(k, "answer", device.Answer, d[1])
		v["why"] = d[0]
		denials = append(denials, v)
	}
	return vector{
		"description": "Answers to the request of request.json, and validly signed messages that are denials." + onlyHere,
		"device_key":  private(k), "request_sha256": about, "answers": answers, "denials": denials,
	}
}

func makeSeal(t *testing.T) vector {
	t.Helper()
	k, seal, ephemeral := fixedKey(t, "device"), fixedKey(t, "seal"), fixedKey(t, "ephemeral")
	v := signed(k, "order", device.Order, orderText(device.ToSetPIN, nil))
	m, err := device.ParseMessage(v["order"].(string), device.Order)
	must(t, err)
	aad := device.SealAAD(m, device.ForPassword)
	e, err := ephemeral.ECDH()
	must(t, err)
	const secret = "Deich-Tülpe 7"
	way := sealByHand(t, e, point(t, devicetest.Public(seal)), aad, []byte(secret))
	for name, value := range way {
		v[name] = hex.EncodeToString(value)
	}
	v["description"] = "A device password sealed beside an order, with a fixed ephemeral key and every value on the way (hexadecimal)." + onlyHere
	v["device_key"], v["seal_key"], v["ephemeral_key"] = private(k), private(seal), private(ephemeral)
	v["info"], v["purpose"], v["aad"], v["plaintext"] = device.SealInfo, device.ForPassword, string(aad), secret
	v["sealed"] = json.RawMessage(device.Sealed{Key: "3f9a01c2", Enc: way["enc"], Box: way["ct"]}.JSON())
	return v
}

// sealByHand is section 6.1 of PROTOCOL.md, step by step.
func sealByHand(t *testing.T, ephemeral *ecdh.PrivateKey, to *ecdh.PublicKey, aad, plain []byte) map[string][]byte {
	t.Helper()
	extract := func(salt, ikm []byte) []byte {
		h := hmac.New(sha256.New, salt)
		h.Write(ikm)
		return h.Sum(nil)
	}
	labeledExtract := func(suite, salt []byte, label string, ikm []byte) []byte {
		return extract(salt, bytes.Join([][]byte{[]byte("HPKE-v1"), suite, []byte(label), ikm}, nil))
	}
	labeledExpand := func(suite, prk []byte, label string, info []byte, n int) []byte {
		size := binary.BigEndian.AppendUint16(nil, uint16(n))
		return extract(prk, bytes.Join([][]byte{size, []byte("HPKE-v1"), suite, []byte(label), info, {1}}, nil))[:n]
	}
	kem, suite := []byte("KEM\x00\x10"), []byte("HPKE\x00\x10\x00\x01\x00\x02")
	out := map[string][]byte{"enc": ephemeral.PublicKey().Bytes()}
	dh, err := ephemeral.ECDH(to)
	must(t, err)
	out["dh"] = dh
	out["eae_prk"] = labeledExtract(kem, nil, "eae_prk", dh)
	out["shared_secret"] = labeledExpand(kem, out["eae_prk"], "shared_secret", append(bytes.Clone(out["enc"]), to.Bytes()...), 32)
	out["psk_id_hash"] = labeledExtract(suite, nil, "psk_id_hash", nil)
	out["info_hash"] = labeledExtract(suite, nil, "info_hash", []byte(device.SealInfo))
	out["context"] = bytes.Join([][]byte{{0}, out["psk_id_hash"], out["info_hash"]}, nil)
	out["secret"] = labeledExtract(suite, out["shared_secret"], "secret", nil)
	out["key"] = labeledExpand(suite, out["secret"], "key", out["context"], 32)
	out["base_nonce"] = labeledExpand(suite, out["secret"], "base_nonce", out["context"], 12)
	block, err := aes.NewCipher(out["key"])
	must(t, err)
	aead, err := cipher.NewGCM(block)
	must(t, err)
	out["ct"] = aead.Seal(nil, out["base_nonce"], plain, aad)
	return out
}
