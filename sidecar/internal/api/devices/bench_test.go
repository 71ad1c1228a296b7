package devices_test

import (
	"net/http"
	"net/url"
	"testing"

	phones "github.com/schleuse/schleuse/e2e/device"
	"github.com/schleuse/schleuse/sidecar/internal/api/devices"
)

// BenchmarkProof is what every call of a phone pays before it is looked at: the
// proof read, its signature (ES256), and whether it is of this call and this
// body. The nonce's seal and the memory of proofs are not in it.
func BenchmarkProof(b *testing.B) {
	base := &url.URL{Scheme: "https", Host: "login.example", Path: devices.Path}
	body := []byte(`{"channel":"fcm","token":"0123456789abcdef"}`)
	key, err := phones.NewKey()
	if err != nil {
		b.Fatal(err)
	}
	proof, err := key.Sign(map[string]any{"typ": "dpop+jwt", "alg": "ES256", "jwk": key.Public()}, map[string]any{
		"jti": "0123456789abcdef", "htm": http.MethodPut, "htu": base.String() + "/self/push", "iat": 1, "nonce": "n",
		"body_sha256": phones.Digest(string(body)),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if !devices.Proven(proof, http.MethodPut, base, "/self/push", body) {
			b.Fatal("the proof is none of its call")
		}
	}
}
