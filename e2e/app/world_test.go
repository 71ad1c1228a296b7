package app_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/schleuse/schleuse/e2e/app"
	"github.com/schleuse/schleuse/e2e/device"
	"github.com/schleuse/schleuse/sidecar/client"
)

const origin = "https://app.kasse.example"

// world is an app with its backend, a realm that signs its tokens, and people
// who answer as they are told.
type world struct {
	t         *testing.T
	handler   http.Handler
	issuer    string
	signer    jose.Signer
	now       time.Time
	key       *device.Key // of the phone
	approvals *answers
	journal   string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	keys := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: private.Public(), KeyID: "realm", Algorithm: "RS256"}}}
	realm := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/protocol/openid-connect/certs") {
			http.NotFound(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(keys)
	}))
	t.Cleanup(realm.Close)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: private, KeyID: "realm"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := device.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, issuer: realm.URL + "/realms/kasse", signer: signer, now: time.Unix(1796119200, 0), key: key,
		approvals: &answers{end: make(chan client.State, 1)}, journal: filepath.Join(t.TempDir(), "journal"),
	}
	w.handler, err = app.New(app.Settings{
		URL: origin, Issuer: w.issuer, Base: "https://login.kasse.example/schleuse/device/v1", Devices: "https://login.kasse.example/schleuse/my/devices",
		HTTP: realm.Client(), Approvals: w.approvals, Journal: w.journal, Now: func() time.Time { return w.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// claims are those of a good access token, changed.
func (w *world) claims(change map[string]any) map[string]any {
	claims := map[string]any{
		"iss": w.issuer, "sub": "erika", "aud": []string{"kasse-apis", "schleuse"}, "azp": app.Client, "typ": "DPoP",
		"exp": w.now.Add(time.Minute).Unix(), "iat": w.now.Unix(), "cnf": map[string]string{"jkt": w.key.Public().Thumbprint()},
	}
	maps.Copy(claims, change)
	return claims
}

func (w *world) token(claims map[string]any) string {
	w.t.Helper()
	raw, err := json.Marshal(claims)
	if err != nil {
		w.t.Fatal(err)
	}
	signed, err := w.signer.Sign(raw)
	if err != nil {
		w.t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		w.t.Fatal(err)
	}
	return text
}

// proof is the DPoP proof of a call, changed.
func (w *world) proof(method, path, token string, change map[string]any) string {
	w.t.Helper()
	claims := map[string]any{"jti": rand.Text(), "htm": method, "htu": origin + path, "iat": w.now.Unix(), "ath": device.Digest(token)}
	maps.Copy(claims, change)
	signed, err := w.key.Sign(map[string]any{"typ": "dpop+jwt", "alg": "ES256", "jwk": w.key.Public()}, claims)
	if err != nil {
		w.t.Fatal(err)
	}
	return signed
}

// send makes a call with these two, and returns the status and the answer.
func (w *world) send(method, path, authorization, proof string, body any) (int, map[string]any) {
	w.t.Helper()
	var sent bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&sent).Encode(body); err != nil {
			w.t.Fatal(err)
		}
	}
	r := httptest.NewRequestWithContext(w.t.Context(), method, origin+path, &sent)
	r.Header.Set("Authorization", authorization)
	r.Header.Set("DPoP", proof)
	answer := httptest.NewRecorder()
	w.handler.ServeHTTP(answer, r)
	told := map[string]any{}
	if err := json.Unmarshal(answer.Body.Bytes(), &told); err != nil {
		w.t.Fatalf("%d: %q: %v", answer.Code, answer.Body, err)
	}
	return answer.Code, told
}

// call makes a good call as this person.
func (w *world) call(person, method, path string, body any) (int, map[string]any) {
	w.t.Helper()
	token := w.token(w.claims(map[string]any{"sub": person}))
	return w.send(method, path, "DPoP "+token, w.proof(method, path, token, nil), body)
}

// answers plays Schleuse: it keeps what it was asked, and answers as told.
type answers struct {
	mu    sync.Mutex
	asked client.Question
	fault error // of Ask
	spent bool
	end   chan client.State
}

// Ask keeps the question.
func (a *answers) Ask(_ context.Context, q client.Question) (client.Approval, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = q
	begun := time.Unix(1796119200, 0)
	return client.Approval{ID: "request-1", State: client.Pending, Created: begun, Expires: begun.Add(5 * time.Minute)}, a.fault
}

// Wait answers when it was told how.
func (a *answers) Wait(ctx context.Context, id string) (client.Approval, error) {
	select {
	case state := <-a.end:
		return client.Approval{ID: id, State: state}, nil
	case <-ctx.Done():
		return client.Approval{}, ctx.Err()
	}
}

// Redeem takes the approval once, for the content that was asked about.
func (a *answers) Redeem(_ context.Context, e client.Expected) (client.Receipt, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.spent || e.ID != "request-1" || e.Action != a.asked.Action || e.Content != a.asked.Content {
		return client.Receipt{}, errors.New("not to be redeemed")
	}
	a.spent = true
	return client.Receipt{ID: e.ID, JWS: "receipt", Action: e.Action, Content: e.Content}, nil
}
