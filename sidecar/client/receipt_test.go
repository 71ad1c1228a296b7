package client_test

import (
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/schleuse/schleuse/sidecar/approval/approvaltest"
	"github.com/schleuse/schleuse/sidecar/client"
	"github.com/schleuse/schleuse/sidecar/device/devicetest"
	"github.com/schleuse/schleuse/sidecar/internal/api/approvals/approvalstest"
)

// sign makes a receipt by any key in any name.
func sign(t *testing.T, key any, alg jose.SignatureAlgorithm, typ, kid string, claims any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key},
		(&jose.SignerOptions{}).WithType(jose.ContentType(typ)).WithHeader("kid", kid))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestOnlyTheReceiptExpectedHolds(t *testing.T) {
	w := newWorld(t)
	key := devicetest.NewKey()
	w.Receipts = approvaltest.KeysOf("receipt-2", key)
	good := map[string]any{
		"iss": w.Backend.URL, "aud": "backend", "sub": "erika-1", "jti": "id", "iat": w.Clock().Unix(), "exp": w.Clock().Add(2 * time.Minute).Unix(),
		"action": "adresse", "content_sha256": client.HashOf([]byte(content)).String(), "device": "d", "decided_at": w.Clock().Unix(),
	}
	want := client.Expected{ID: "id", Action: "adresse", Content: client.HashOf([]byte(content)), Subject: "erika-1"}
	with := func(name string, value any) map[string]any {
		c := maps.Clone(good)
		c[name] = value
		return c
	}
	by := func(key *ecdsa.PrivateKey, claims map[string]any) string {
		return sign(t, key, jose.ES256, client.ReceiptType, "receipt-2", claims)
	}
	ours := by(key, good)
	if _, err := w.Backend.Verify(t.Context(), ours, want); err != nil {
		t.Fatal(err)
	}
	edited := strings.Split(ours, ".")
	edited[1] = strings.Split(by(key, with("action", "bank")), ".")[1]
	elsewhere, nobody := want, want
	elsewhere.Action, nobody.ID = "bank", ""
	tests := map[string]struct {
		receipt string
		want    client.Expected
	}{
		"edited":             {strings.Join(edited, "."), elsewhere},
		"of another key":     {by(devicetest.NewKey(), good), want},
		"of an unknown key":  {sign(t, key, jose.ES256, client.ReceiptType, "receipt-9", good), want},
		"of another type":    {sign(t, key, jose.ES256, "schleuse-request+jwt", "receipt-2", good), want},
		"by HS256":           {sign(t, []byte("0123456789abcdef0123456789abcdef"), jose.HS256, client.ReceiptType, "receipt-2", good), want},
		"by nobody":          {"eyJhbGciOiJub25lIiwidHlwIjoiYXBwcm92YWwtcmVjZWlwdCtqd3QifQ." + edited[1] + ".", want},
		"another issuer":     {by(key, with("iss", "https://evil.example")), want},
		"another client's":   {by(key, with("aud", "other")), want},
		"another person's":   {by(key, with("sub", "max-1")), want},
		"nobody's":           {by(key, with("sub", "")), client.Expected{ID: "id", Action: "adresse", Content: want.Content}},
		"another approval's": {by(key, with("jti", "other")), want},
		"another action":     {by(key, with("action", "bank")), want},
		"another content":    {by(key, with("content_sha256", client.HashOf(nil).String())), want},
		"no content":         {by(key, with("content_sha256", "")), want},
		"expired":            {by(key, with("exp", w.Clock().Unix())), want},
		"for years":          {by(key, with("exp", w.Clock().Add(time.Hour).Unix())), want},
		"of no approval":     {by(key, with("jti", "")), nobody},
		"no JWS":             {"receipt", want},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got, err := w.Backend.Verify(t.Context(), tt.receipt, tt.want); !errors.Is(err, client.ErrReceipt) || got.JWS != "" {
				t.Errorf("%+v %v", got, err)
			}
		})
	}
}

func TestNewKeyIsReadWhenItSigns(t *testing.T) {
	w := newWorld(t)
	a := w.asked()
	w.person(a.ID)
	if _, err := w.Backend.Verify(t.Context(), "x", expected(a)); err == nil {
		t.Fatal("no receipt holds")
	}
	if _, err := w.Backend.Redeem(t.Context(), expected(a)); err != nil {
		t.Fatal(err)
	}
	w.Receipts = approvaltest.KeysOf("receipt-2", devicetest.NewKey())
	w.Pass(10 * time.Second)
	b := w.asked()
	w.person(b.ID)
	if _, err := w.Backend.Redeem(t.Context(), expected(b)); err != nil {
		t.Error(err)
	}
}

// Nothing but a receipt by the published key is believed, however it looks.
func FuzzVerify(f *testing.F) {
	s := &stage{TB: f}
	api := approvalstest.New(s)
	f.Cleanup(s.end)
	key := devicetest.NewKey()
	api.Receipts = approvaltest.KeysOf("receipt-2", key)
	backend := &client.Client{URL: api.URL, ID: "backend", HTTP: http.DefaultClient, Now: api.Clock}
	want := client.Expected{ID: "id", Action: "adresse", Content: client.HashOf(nil)}
	f.Add("eyJhbGciOiJub25lIn0.e30.", "{}")
	f.Add("eyJhbGciOiJFUzI1NiIsInR5cCI6ImFwcHJvdmFsLXJlY2VpcHQrand0Iiwia2lkIjoicmVjZWlwdC0yIn0.e30.AAAA", `{"aud":"backend","jti":"id"}`)
	f.Fuzz(func(t *testing.T, receipt, claims string) {
		if got, err := backend.Verify(t.Context(), receipt, want); !errors.Is(err, client.ErrReceipt) {
			t.Fatalf("%+v %v", got, err)
		}
		if !json.Valid([]byte(claims)) {
			return
		}
		signed := sign(t, key, jose.ES256, client.ReceiptType, "receipt-2", json.RawMessage(claims))
		got, err := backend.Verify(t.Context(), signed, want)
		if err != nil && !errors.Is(err, client.ErrReceipt) || err == nil && (got.ID != "id" || got.Content != want.Content) {
			t.Fatalf("%+v %v", got, err)
		}
	})
}
