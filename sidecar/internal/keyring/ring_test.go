package keyring_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/internal/keyring"
)

var start = time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)

// clock is a time that the test moves.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func ring(t *testing.T) (*keyring.Ring, *clock) {
	t.Helper()
	c := &clock{start}
	r := keyring.Generate(start)
	r.Now = c.Now
	return r, c
}

func TestSealedValueOpensOnlyWhereItBelongs(t *testing.T) {
	r, _ := ring(t)
	sealed := r.Seal(keyring.Seal, []byte("plain"), []byte("table/1"))
	other, _ := ring(t)
	flipped := bytes.Clone(sealed)
	flipped[len(flipped)-1] ^= 1
	tests := map[string]struct {
		ring   *keyring.Ring
		p      keyring.Purpose
		sealed []byte
		aad    string
		ok     bool
	}{
		"where it belongs":    {r, keyring.Seal, sealed, "table/1", true},
		"in another row":      {r, keyring.Seal, sealed, "table/2", false},
		"for another purpose": {r, keyring.Cookie, sealed, "table/1", false},
		"under another ring":  {other, keyring.Seal, sealed, "table/1", false},
		"changed":             {r, keyring.Seal, flipped, "table/1", false},
		"cut":                 {r, keyring.Seal, sealed[:len(sealed)-1], "table/1", false},
		"header only":         {r, keyring.Seal, sealed[:29], "table/1", false},
		"empty":               {r, keyring.Seal, nil, "table/1", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			plain, err := tt.ring.Open(tt.p, tt.sealed, []byte(tt.aad))
			if tt.ok && (err != nil || string(plain) != "plain") {
				t.Fatalf("Open = %q, %v", plain, err)
			}
			if !tt.ok && !errors.Is(err, keyring.ErrOpen) {
				t.Fatalf("Open = %q, %v; want ErrOpen", plain, err)
			}
		})
	}
	if len(sealed) != len("plain")+keyring.Overhead {
		t.Errorf("overhead is %d, want %d", len(sealed)-len("plain"), keyring.Overhead)
	}
	if bytes.Equal(sealed, r.Seal(keyring.Seal, []byte("plain"), []byte("table/1"))) {
		t.Error("two seals of one value are equal")
	}
}

func TestMACSeparatesPurposesDomainsAndParts(t *testing.T) {
	r, _ := ring(t)
	b := func(s string) []byte { return []byte(s) }
	seen := map[string]string{}
	for name, m := range map[string][]byte{
		"index ab c": r.MAC(keyring.Index, "d", b("ab"), b("c")),
		"index a bc": r.MAC(keyring.Index, "d", b("a"), b("bc")),
		"index abc":  r.MAC(keyring.Index, "d", b("abc")),
		"domain":     r.MAC(keyring.Index, "da", b("bc")),
		"letter":     r.MAC(keyring.Letter, "d", b("abc")),
	} {
		if other, ok := seen[string(m)]; ok {
			t.Errorf("%s and %s have the same MAC", name, other)
		}
		if len(m) != keyring.MACSize {
			t.Errorf("%s has %d bytes", name, len(m))
		}
		seen[string(m)] = name
	}
}

func TestRotationIsReadFirstAndPrimaryLater(t *testing.T) {
	r, c := ring(t)
	oldMAC := r.MAC(keyring.Index, "d")
	oldSealed := r.Seal(keyring.Cookie, []byte("x"), nil)
	id, err := r.Rotate(keyring.Index, c.now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Rotate(keyring.Cookie, c.now); err != nil {
		t.Fatal(err)
	}
	macs := r.MACs(keyring.Index, "d")
	if len(macs) != 2 || !bytes.Equal(macs[0], oldMAC) {
		t.Fatalf("before activation: the new key leads the %d MACs", len(macs))
	}
	if _, err := r.Rotate(keyring.Index, c.now); err == nil {
		t.Error("a second rotation before activation is accepted")
	}
	c.now = c.now.Add(keyring.ActivationDelay)
	macs = r.MACs(keyring.Index, "d")
	if bytes.Equal(macs[0], oldMAC) || !bytes.Equal(macs[1], oldMAC) {
		t.Error("after activation: the old key still leads")
	}
	if !bytes.Equal(r.MAC(keyring.Index, "d"), macs[0]) {
		t.Error("MAC is not the first of MACs")
	}
	if _, err := r.Open(keyring.Cookie, oldSealed, nil); err != nil {
		t.Errorf("what was sealed before the rotation: %v", err)
	}
	if got := r.List(keyring.Index); len(got) != 2 || got[0].ID != id || !got[0].Primary || got[1].Primary {
		t.Errorf("List = %+v", got)
	}
}

func TestRetireKeepsWhatIsInUseAndSaysWhatItVoids(t *testing.T) {
	r, c := ring(t)
	old := r.List(keyring.Seal)[0].ID
	sealed := r.Seal(keyring.Seal, []byte("x"), nil)
	if _, err := r.Retire(keyring.Seal, old, c.now); err == nil {
		t.Fatal("the only key is retired")
	}
	if _, err := r.Rotate(keyring.Seal, c.now); err != nil {
		t.Fatal(err)
	}
	c.now = c.now.Add(keyring.ActivationDelay)
	if _, err := r.Retire(keyring.Seal, old, c.now); err == nil {
		t.Fatal("a key is retired that a replica may still use")
	}
	c.now = c.now.Add(keyring.ActivationDelay)
	voids, err := r.Retire(keyring.Seal, old, c.now)
	if err != nil || !strings.Contains(voids, "sessions") {
		t.Fatalf("Retire = %q, %v", voids, err)
	}
	if _, err := r.Open(keyring.Seal, sealed, nil); !errors.Is(err, keyring.ErrOpen) {
		t.Errorf("a retired key still opens: %v", err)
	}
	if _, err := r.Retire(keyring.Seal, old, c.now); !errors.Is(err, keyring.ErrNoKey) {
		t.Errorf("retiring it again: %v", err)
	}
}

func TestSignerIsPublished(t *testing.T) {
	r, c := ring(t)
	for _, p := range []keyring.Purpose{keyring.Request, keyring.Receipt, keyring.Assertion} {
		if _, err := r.Rotate(p, c.now); err != nil {
			t.Fatal(err)
		}
		s := r.Signer(p)
		sum := sha256.Sum256([]byte("x"))
		sig, err := s.Sign(nil, sum[:], crypto.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		public := r.PublicKeys(p)
		if len(public) != 2 || public[0].ID != s.ID || !ecdsa.VerifyASN1(public[0].Key, sum[:], sig) {
			t.Errorf("%s: signature of %s does not verify under the published keys", p, s.ID)
		}
	}
}

func TestDevicePasswordSealedToAnOldKeyStillOpens(t *testing.T) {
	r, c := ring(t)
	id, public := r.SealTo()
	enc, sender, err := hpke.NewSender(public, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte("info"))
	if err != nil {
		t.Fatal(err)
	}
	box, err := sender.Seal([]byte("aad"), []byte("geheim"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Rotate(keyring.DevicePassword, c.now); err != nil {
		t.Fatal(err)
	}
	c.now = c.now.Add(keyring.ActivationDelay)
	if newest, _ := r.SealTo(); newest == id {
		t.Error("phones are still told the old key")
	}
	recipient, err := r.Recipient(id, enc, []byte("info"))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := recipient.Open([]byte("aad"), box)
	if err != nil || string(plain) != "geheim" {
		t.Fatalf("Open = %q, %v", plain, err)
	}
	if _, err := r.Recipient("00000000", enc, nil); !errors.Is(err, keyring.ErrNoKey) {
		t.Errorf("unknown key: %v", err)
	}
}

func TestWrongUseOfAPurposePanics(t *testing.T) {
	r, _ := ring(t)
	for name, use := range map[string]func(){
		"seal with index":  func() { r.Seal(keyring.Index, nil, nil) },
		"MAC with cookie":  func() { r.MAC(keyring.Cookie, "") },
		"sign with letter": func() { r.Signer(keyring.Letter) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s is accepted", name)
				}
			}()
			use()
		}()
	}
}

func TestFileRoundTrip(t *testing.T) {
	r, c := ring(t)
	if _, err := r.Rotate(keyring.Seal, c.now); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "keys.json")
	if err := r.Save(path); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	got, err := keyring.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	got.Now = c.Now
	for _, p := range keyring.Purposes() {
		if diff := cmp.Diff(r.List(p), got.List(p)); diff != "" {
			t.Errorf("%s: %s", p, diff)
		}
	}
	if plain, err := got.Open(keyring.Seal, r.Seal(keyring.Seal, []byte("x"), nil), nil); err != nil || string(plain) != "x" {
		t.Errorf("the loaded ring opens %q, %v", plain, err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".keys-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestLoadRefusesFilesOpenToOthers(t *testing.T) {
	r, _ := ring(t)
	path := filepath.Join(t.TempDir(), "keys.json")
	if err := r.Save(path); err != nil {
		t.Fatal(err)
	}
	for mode, ok := range map[os.FileMode]bool{
		0o600: true, 0o400: true, 0o440: true, 0o640: true,
		0o660: false, 0o604: false, 0o644: false, 0o602: false, 0o444: false,
	} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := keyring.Load(path); (err == nil) != ok {
			t.Errorf("mode %#o: %v", mode, err)
		}
	}
}

func TestLoadRefusesMalformedFilesWithoutQuotingThem(t *testing.T) {
	r, _ := ring(t)
	path := filepath.Join(t.TempDir(), "keys.json")
	if err := r.Save(path); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	change := func(f func(map[string]any)) string {
		var m map[string]any
		if err := json.Unmarshal(good, &m); err != nil {
			t.Fatal(err)
		}
		f(m)
		raw, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	key := func(m map[string]any, p string) map[string]any {
		return m["keys"].(map[string]any)[p].([]any)[0].(map[string]any)
	}
	for name, content := range map[string]string{
		"empty":            "",
		"no JSON":          "SECRETSECRET",
		"other format":     change(func(m map[string]any) { m["format"] = "SECRETSECRET" }),
		"unknown field":    change(func(m map[string]any) { m["SECRETSECRET"] = 1 }),
		"unknown purpose":  change(func(m map[string]any) { m["keys"].(map[string]any)["SECRETSECRET"] = []any{} }),
		"missing purpose":  change(func(m map[string]any) { delete(m["keys"].(map[string]any), "letter") }),
		"no key":           change(func(m map[string]any) { m["keys"].(map[string]any)["seal"] = []any{} }),
		"time is a secret": change(func(m map[string]any) { key(m, "seal")["created"] = "SECRETSECRET" }),
		"short seal":       change(func(m map[string]any) { key(m, "seal")["key"] = "U0VDUkVUU0VDUkVU" }),
		"short index":      change(func(m map[string]any) { key(m, "index")["key"] = "U0VDUkVUU0VDUkVU" }),
		"short receipt":    change(func(m map[string]any) { key(m, "receipt")["key"] = "U0VDUkVUU0VDUkVU" }),
		"short device":     change(func(m map[string]any) { key(m, "device-password")["key"] = "U0VDUkVUU0VDUkVU" }),
		"not base64":       change(func(m map[string]any) { key(m, "seal")["key"] = "SECRETSECRET!" }),
		"trailing":         string(good) + "{}",
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := keyring.Load(path)
			if err == nil {
				t.Fatal("accepted")
			}
			if s := err.Error(); strings.Contains(s, "SECRET") || strings.Contains(s, "U0VDUkVU") {
				t.Errorf("the error quotes the file: %s", s)
			}
		})
	}
}

func TestRunningRingReadsAReplacedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	first, c := ring(t)
	if err := first.Save(path); err != nil {
		t.Fatal(err)
	}
	running, err := keyring.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	running.Now = c.Now
	running.MAC(keyring.Index, "d") // looks at the file now
	if _, err := first.Rotate(keyring.Index, c.now); err != nil {
		t.Fatal(err)
	}
	if err := first.Save(path); err != nil {
		t.Fatal(err)
	}
	if n := len(running.MACs(keyring.Index, "d")); n != 1 {
		t.Errorf("the file is read again at once (%d keys)", n)
	}
	c.now = c.now.Add(keyring.ReloadInterval)
	if n := len(running.MACs(keyring.Index, "d")); n != 2 {
		t.Fatalf("after the interval there are %d keys, want 2", n)
	}
	if err := os.WriteFile(path, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.now = c.now.Add(keyring.ReloadInterval)
	if n := len(running.MACs(keyring.Index, "d")); n != 2 {
		t.Errorf("a broken file leaves %d keys, want the 2 known", n)
	}
	if running.Err() == nil {
		t.Error("nothing is said about the broken file")
	}
}

func TestPrintingARingPrintsNoKey(t *testing.T) {
	r, _ := ring(t)
	path := filepath.Join(t.TempDir(), "keys.json")
	if err := r.Save(path); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		Keys map[string][]struct {
			Key []byte `json:"key"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(raw, &f); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, nil))
	log.Info("ring", "ring", r, "any", map[string]any{"r": r})
	js, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&out, "%v %+v %#v %s %x %d %s", r, r, r, r, r, r, js)
	for p, ks := range f.Keys {
		for _, form := range []string{string(ks[0].Key), hex.EncodeToString(ks[0].Key), fmt.Sprintf("%v", ks[0].Key)} {
			if strings.Contains(out.String(), form) {
				t.Errorf("the key of %s is printed", p)
			}
		}
	}
	if !strings.Contains(out.String(), "keyring(hidden)") {
		t.Errorf("printed: %s", out.String())
	}
}

func FuzzOpen(f *testing.F) {
	r := keyring.Generate(start)
	f.Add(r.Seal(keyring.Seal, []byte("plain"), []byte("aad")), []byte("aad"))
	f.Add([]byte{}, []byte{})
	f.Add(bytes.Repeat([]byte{1}, keyring.Overhead), []byte("aad"))
	f.Fuzz(func(t *testing.T, sealed, aad []byte) {
		if plain, err := r.Open(keyring.Seal, sealed, aad); err == nil && string(plain) != "plain" {
			t.Fatalf("opened %q", plain)
		}
	})
}
