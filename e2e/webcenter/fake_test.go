package webcenter_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/schleuse/schleuse/sidecar/client"
)

// api plays the Approvals API for one backend: it asks nobody, the test answers.
type api struct {
	*httptest.Server
	t   *testing.T
	key *ecdsa.PrivateKey

	mu      sync.Mutex
	refuse  string // name of the problem that answers the next questions; "": none
	retry   int    // seconds, with refuse
	edited  bool   // receipts are of another content
	asked   []question
	state   client.State
	reason  string
	changed chan struct{} // closed at the next change
}

// question is what a backend asks.
type question struct {
	Subject struct{ KVNR string }
	Action  string
	Fields  map[string]string
	Content client.Hash `json:"content_sha256"`
	Session string
	Key     string `json:"-"`
}

func newAPI(t *testing.T) *api {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &api{t: t, key: key, changed: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /approvals", a.ask)
	mux.HandleFunc("GET /approvals/a1", a.read)
	mux.HandleFunc("POST /approvals/a1/cancel", a.cancel)
	mux.HandleFunc("POST /approvals/a1/redeem", a.redeem)
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		tell(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Algorithm: "ES256"}}})
	})
	a.Server = httptest.NewServer(mux)
	t.Cleanup(func() {
		a.become(client.Expired, "") // whoever still waits is answered
		a.Close()
	})
	return a
}

func (a *api) client() *client.Client {
	return &client.Client{URL: a.URL, ID: "backend", HTTP: a.Client()}
}

func tell(w http.ResponseWriter, body any) { _ = json.NewEncoder(w).Encode(body) }

func refuse(w http.ResponseWriter, status int, body map[string]any) {
	w.WriteHeader(status)
	body["type"] = "urn:schleuse:problem:" + body["type"].(string)
	tell(w, body)
}

// present is the approval; the lock is held.
func (a *api) present() map[string]any {
	now := time.Now()
	body := map[string]any{"id": "a1", "state": a.state, "reason": a.reason, "created_at": now, "expires_at": now.Add(5 * time.Minute)}
	if a.state == client.Pending {
		body["match_code"] = "417"
	}
	return body
}

func (a *api) ask(w http.ResponseWriter, r *http.Request) {
	var q question
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		a.t.Error(err)
	}
	q.Key = r.Header.Get("Idempotency-Key")
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, q)
	if a.refuse != "" {
		w.Header().Set("Retry-After", strconv.Itoa(a.retry))
		refuse(w, http.StatusConflict, map[string]any{"type": a.refuse})
		return
	}
	a.state = client.Pending
	w.WriteHeader(http.StatusCreated)
	tell(w, a.present())
}

func (a *api) read(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.state == client.Pending && r.Context().Err() == nil {
		changed := a.changed
		a.mu.Unlock()
		select {
		case <-changed:
		case <-r.Context().Done():
		}
		a.mu.Lock()
	}
	tell(w, a.present())
}

func (a *api) cancel(w http.ResponseWriter, _ *http.Request) {
	a.become(client.Cancelled, "client")
	a.mu.Lock()
	defer a.mu.Unlock()
	tell(w, a.present())
}

// become plays the person's answer, or the time.
func (a *api) become(state client.State, reason string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state, a.reason = state, reason
	close(a.changed)
	a.changed = make(chan struct{})
}

func (a *api) redeem(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Content client.Hash `json:"content_sha256"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		a.t.Error(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	q := a.asked[len(a.asked)-1]
	switch {
	case a.state != client.Approved:
		refuse(w, http.StatusGone, map[string]any{"type": "request_over", "state": a.state})
		return
	case body.Content != q.Content:
		refuse(w, http.StatusConflict, map[string]any{"type": "content"})
		return
	}
	a.state = client.Used
	if a.edited {
		body.Content[0] ^= 1
	}
	now := time.Now()
	tell(w, map[string]string{"receipt": a.sign(map[string]any{
		"iss": a.URL, "aud": "backend", "sub": "p", "jti": "a1", "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
		"action": q.Action, "content_sha256": body.Content.String(), "device": "d", "decided_at": now.Unix(),
	})})
}

func (a *api) sign(claims any) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: a.key},
		(&jose.SignerOptions{}).WithType(client.ReceiptType).WithHeader("kid", "k"))
	if err != nil {
		a.t.Error(err)
		return ""
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		a.t.Error(err)
		return ""
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		a.t.Error(err)
		return ""
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		a.t.Error(err)
	}
	return text
}
