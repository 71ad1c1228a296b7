package device_test

import (
	"crypto/ecdh"
	"crypto/hpke"
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"

	"github.com/schleuse/schleuse/e2e/device"
)

// The seal is made by hand, as PROTOCOL.md says it; the library opens it.
func TestSealedSecretsOpenByALibrary(t *testing.T) {
	private, err := ecdh.P256().NewPrivateKey([]byte("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x20"))
	if err != nil {
		t.Fatal(err)
	}
	point := private.PublicKey().Bytes()
	to := device.JWK{KID: "k", KTY: "EC", CRV: "P-256", X: device.B64u(point[1:33]), Y: device.B64u(point[33:])}
	aad := device.AAD("dev", "pin", "a.b.c")
	sealed, err := device.Seal(to, "Gru\u0308ße", aad) // decomposed: sealed as NFC
	if err != nil {
		t.Fatal(err)
	}
	key, err := hpke.NewDHKEMPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	enc, _ := base64.RawURLEncoding.DecodeString(sealed.Enc)
	ct, _ := base64.RawURLEncoding.DecodeString(sealed.CT)
	for _, tt := range []struct {
		name string
		info string
		aad  []byte
		want string
	}{
		{"as it was sealed", "schleuse/device/v1", aad, "Grüße"},
		{"beside another message", "schleuse/device/v1", device.AAD("dev", "pin", "a.b.d"), ""},
		{"for another purpose", "schleuse/device/v1", device.AAD("dev", "device-password", "a.b.c"), ""},
		{"of another version", "schleuse/device/v2", aad, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			recipient, err := hpke.NewRecipient(enc, key, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(tt.info))
			if err != nil {
				t.Fatal(err)
			}
			plain, err := recipient.Open(tt.aad, ct)
			if string(plain) != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("opened %q, %v, want %q", plain, err, tt.want)
			}
		})
	}
}

func TestThumbprint(t *testing.T) {
	// RFC 9449 figure 3 has the key, RFC 7800's successor figure 12 (`jkt`) its thumbprint.
	k := device.JWK{
		KTY: "EC", CRV: "P-256",
		X: "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs", Y: "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
	}
	if got, want := k.Thumbprint(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"; got != want {
		t.Errorf("thumbprint %s, want %s", got, want)
	}
}

func TestAPhoneIsKeptForItsOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "phone.json")
	p, err := device.LoadOrNew(path, "https://login.example/schleuse/device/v1")
	if err != nil {
		t.Fatal(err)
	}
	p.ID = "abc"
	if err := p.Save(path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	again, err := device.LoadOrNew(path, "")
	if err != nil || again.Key.Public() != p.Key.Public() || again.ID != p.ID || again.Base != p.Base {
		t.Fatalf("read %+v, %v", again, err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := device.Load(path); err == nil {
		t.Error("a file that others may read was taken")
	}
}
