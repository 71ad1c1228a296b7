package device_test

import (
	"crypto/ecdh"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/e2e/device"
)

// vector reads a file of PROTOCOL §13.
func vector(t *testing.T, name string, into any) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "sidecar", "device", "testdata", "protocol", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

func TestVectorsOfThumbprints(t *testing.T) {
	var v struct {
		Keys []struct {
			JWK        device.JWK
			Thumbprint string
		}
	}
	vector(t, "thumbprint.json", &v)
	for _, k := range v.Keys {
		if got := k.JWK.Thumbprint(); got != k.Thumbprint {
			t.Errorf("thumbprint %s, want %s", got, k.Thumbprint)
		}
	}
	if len(v.Keys) == 0 {
		t.Error("no keys")
	}
}

func TestVectorsOfSeals(t *testing.T) {
	var v struct {
		SealKey      device.JWK `json:"seal_key"`
		Ephemeral    device.JWK `json:"ephemeral_key"`
		AAD          string     `json:"aad"`
		Plain        string     `json:"plaintext"`
		DH           string     `json:"dh"`
		SharedSecret string     `json:"shared_secret"`
		Key          string     `json:"key"`
		Nonce        string     `json:"base_nonce"`
		Enc          string     `json:"enc"`
		CT           string     `json:"ct"`
	}
	vector(t, "seal.json", &v)
	d, err := base64.RawURLEncoding.DecodeString(v.Ephemeral.D)
	if err != nil {
		t.Fatal(err)
	}
	ephemeral, err := ecdh.P256().NewPrivateKey(d)
	if err != nil {
		t.Fatal(err)
	}
	got, err := device.SealWith(v.SealKey, ephemeral, v.Plain, []byte(v.AAD))
	if err != nil {
		t.Fatal(err)
	}
	hexes := func(parts ...[]byte) (out []string) {
		for _, p := range parts {
			out = append(out, hex.EncodeToString(p))
		}
		return out
	}
	want := []string{v.Enc, v.DH, v.SharedSecret, v.Key, v.Nonce, v.CT}
	if diff := cmp.Diff(want, hexes(got.Enc, got.DH, got.Shared, got.Key, got.Nonce, got.CT)); diff != "" {
		t.Errorf("enc, dh, shared_secret, key, base_nonce, ct (-want +got):\n%s", diff)
	}
}

func TestVectorsOfMessages(t *testing.T) {
	var answers struct {
		Key     device.JWK `json:"device_key"`
		Answers []struct{ Answer, Payload string }
	}
	vector(t, "answer.json", &answers)
	for _, a := range answers.Answers {
		if _, payload, err := device.Verify(a.Answer, answers.Key); err != nil || string(payload) != a.Payload {
			t.Errorf("answer %s, %v, want %s", payload, err, a.Payload)
		}
	}
	var rotation struct {
		Old   device.JWK `json:"old_key"`
		New   device.JWK `json:"new_key"`
		ByOld string     `json:"order"`
		ByNew string     `json:"order_by_new_key"`
	}
	vector(t, "rotation.json", &rotation)
	_, byOld, errOld := device.Verify(rotation.ByOld, rotation.Old)
	_, byNew, errNew := device.Verify(rotation.ByNew, rotation.New)
	if errOld != nil || errNew != nil || string(byOld) != string(byNew) {
		t.Errorf("a rotation of %s and %s, %v, %v", byOld, byNew, errOld, errNew)
	}
	if len(answers.Answers) < 2 {
		t.Error("no answers")
	}
}

func TestVectorsOfRequests(t *testing.T) {
	var v struct {
		Key     device.JWK `json:"server_key"`
		KID     string     `json:"kid"`
		Request string
		Hash    string `json:"request_sha256"`
	}
	vector(t, "request.json", &v)
	v.Key.KID = v.KID
	p := &device.Phone{Base: "https://login.kasse.example/schleuse/device/v1", ID: "mzxw6ytboi3dgnbvgy3tqojqge"}
	r, err := p.Check(v.Request, "ge3dqnzzgyydcmrtgq2tmnzyhe", []device.JWK{v.Key})
	if err != nil || r.Fields[0].Value != "Am Deich 1, 26721 Emden" || device.Digest(r.Raw) != v.Hash {
		t.Errorf("read %+v, %v", r, err)
	}
	if _, err := p.Check(v.Request, "another", []device.JWK{v.Key}); err == nil {
		t.Error("the request of another id was taken")
	}
	p.ID = "another"
	if _, err := p.Check(v.Request, "ge3dqnzzgyydcmrtgq2tmnzyhe", []device.JWK{v.Key}); err == nil {
		t.Error("the request for another phone was taken")
	}
}
