package push

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// FCM plays Firebase Cloud Messaging for one project with one service account.
type FCM struct {
	Kept
	Now func() time.Time

	project, email, keyID, base string
	key                         *rsa.PrivateKey

	mu     sync.Mutex
	tokens map[string]time.Time // access tokens, and when they end
	given  int
}

// NewFCM returns the service as it is reached at base, without a slash at the
// end.
func NewFCM(base string, now func() time.Time) (*FCM, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("making the service account's key: %w", err)
	}
	return &FCM{
		Now: now, project: "kasse-app", email: "schleuse@kasse-app.iam.gserviceaccount.com", keyID: "9c3bfcc1",
		base: base, key: key, tokens: map[string]time.Time{},
	}, nil
}

// ServiceAccount returns the account's key as the Firebase console gives it.
func (f *FCM) ServiceAccount() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(f.key)
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]string{
		"type": "service_account", "project_id": f.project, "private_key_id": f.keyID, "client_email": f.email,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "token_uri": f.base + "/token",
	})
}

// Given returns how many access tokens were given out.
func (f *FCM) Given() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.given
}

// ServeHTTP implements http.Handler.
func (f *FCM) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/control":
		f.Control(w, r)
	case r.Method == http.MethodPost && r.URL.Path == "/token":
		f.token(w, r)
	case r.Method == http.MethodPost && r.URL.Path == "/v1/projects/"+f.project+"/messages:send":
		f.send(w, r)
	default:
		f.refused("no such address")
		f.fail(w, http.StatusNotFound, "NOT_FOUND", nil)
	}
}

// token exchanges an assertion for an access token (RFC 7523;
// https://developers.google.com/identity/protocols/oauth2/service-account).
func (f *FCM) token(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	if r.PostFormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		answer(w, http.StatusBadRequest, map[string]string{"error": "unsupported_grant_type"})
		return
	}
	if err := f.asserted(r.PostFormValue("assertion")); err != nil {
		f.refused(err.Error())
		answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant", "error_description": err.Error()})
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.given++
	token := "ya29." + rand.Text()
	f.tokens[token] = f.Now().Add(time.Hour)
	answer(w, http.StatusOK, map[string]any{"access_token": token, "expires_in": 3600, "token_type": "Bearer"})
}

func (f *FCM) asserted(text string) error {
	parsed, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return fmt.Errorf("no assertion: %w", err)
	}
	var c struct {
		Issuer   string `json:"iss"`
		Scope    string `json:"scope"`
		Audience string `json:"aud"`
		Issued   int64  `json:"iat"`
		Expires  int64  `json:"exp"`
	}
	if err := parsed.Claims(&f.key.PublicKey, &c); err != nil {
		return fmt.Errorf("invalid signature: %w", err)
	}
	now := f.Now().Unix()
	switch {
	case parsed.Headers[0].KeyID != f.keyID:
		return fmt.Errorf("no such key")
	case c.Issuer != f.email:
		return fmt.Errorf("no such account")
	case c.Audience != f.base+"/token":
		return fmt.Errorf("another audience")
	case !slices.Contains(strings.Fields(c.Scope), "https://www.googleapis.com/auth/firebase.messaging"):
		return fmt.Errorf("another scope")
	case c.Issued > now+300 || c.Expires <= now || c.Expires <= c.Issued || c.Expires > c.Issued+3600:
		return fmt.Errorf("times: from %d to %d at %d", c.Issued, c.Expires, now)
	}
	return nil
}

func (f *FCM) send(w http.ResponseWriter, r *http.Request) {
	fault := f.called()
	if fault.play(w, r) || f.fails(w, fault, r) {
		return
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	f.mu.Lock()
	until := f.tokens[token]
	f.mu.Unlock()
	if !ok || !f.Now().Before(until) {
		f.refused("no access token that lives")
		f.fail(w, http.StatusUnauthorized, "UNAUTHENTICATED", nil)
		return
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	form, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || form != "application/json" {
		f.refused("no JSON")
		f.fail(w, http.StatusBadRequest, "INVALID_ARGUMENT", nil)
		return
	}
	m, field := readMessage(raw)
	if field != "" {
		f.refused("invalid: " + field)
		f.fail(w, http.StatusBadRequest, "INVALID_ARGUMENT", violation(field))
		return
	}
	f.keep(Message{Token: m.Token, Body: raw})
	answer(w, http.StatusOK, map[string]string{"name": "projects/" + f.project + "/messages/0:" + rand.Text()})
}

// fails answers as FCM does when something is wrong
// (https://firebase.google.com/docs/cloud-messaging/error-codes).
func (f *FCM) fails(w http.ResponseWriter, fault Fault, r *http.Request) bool {
	switch fault {
	case Gone:
		f.fail(w, http.StatusNotFound, "NOT_FOUND", fcmError("UNREGISTERED"))
	case Unknown:
		f.fail(w, http.StatusBadRequest, "INVALID_ARGUMENT", fcmError("INVALID_ARGUMENT"))
	case Busy:
		w.Header().Set("Retry-After", "90")
		f.fail(w, http.StatusTooManyRequests, "RESOURCE_EXHAUSTED", fcmError("QUOTA_EXCEEDED"))
	case Down:
		f.fail(w, http.StatusServiceUnavailable, "UNAVAILABLE", fcmError("UNAVAILABLE"))
	case Broken:
		f.fail(w, http.StatusInternalServerError, "INTERNAL", fcmError("INTERNAL"))
	case Revoked:
		f.mu.Lock()
		delete(f.tokens, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		f.mu.Unlock()
		f.fail(w, http.StatusUnauthorized, "UNAUTHENTICATED", nil)
	default:
		return false
	}
	return true
}

func (f *FCM) fail(w http.ResponseWriter, status int, name string, detail any) {
	body := map[string]any{"code": status, "status": name, "message": "Requested entity was not found, or something else is wrong."}
	if detail != nil {
		body["details"] = []any{detail}
	}
	answer(w, status, map[string]any{"error": body})
}

func fcmError(code string) any {
	return map[string]string{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}
}

func violation(field string) any {
	return map[string]any{
		"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": []any{map[string]string{"field": field, "description": "Invalid value."}},
	}
}

// fcmMessage is the message's JSON as far as the simulator knows it; all else
// is refused, as FCM refuses names that it does not know.
type fcmMessage struct {
	Token   string            `json:"token"`
	Data    map[string]string `json:"data"`
	Android struct {
		Priority     string `json:"priority"`
		TTL          string `json:"ttl"`
		CollapseKey  string `json:"collapse_key"`
		Notification *struct {
			Title    string `json:"title"`
			Body     string `json:"body"`
			TitleKey string `json:"title_loc_key"`
			BodyKey  string `json:"body_loc_key"`
			Tag      string `json:"tag"`
		} `json:"notification"`
	} `json:"android"`
}

var (
	ttlForm   = regexp.MustCompile(`^[0-9]+(\.[0-9]{1,9})?s$`)
	tokenForm = regexp.MustCompile(`^[A-Za-z0-9_:-]{20,}$`)
)

// maxData is the longest payload (bytes), keys and values, and the longest token.
const maxData = 4096

// readMessage returns the message, or the field that is wrong.
func readMessage(raw []byte) (fcmMessage, string) {
	var in struct {
		Message fcmMessage `json:"message"`
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil || d.More() {
		return fcmMessage{}, "message"
	}
	m, size := in.Message, 0
	for k, v := range m.Data {
		size += len(k) + len(v)
		if reserved(k) {
			return m, "message.data"
		}
	}
	switch {
	case !tokenForm.MatchString(m.Token) || len(m.Token) > maxData:
		return m, "message.token"
	case size > maxData:
		return m, "message.data"
	case m.Android.Priority != "HIGH" && m.Android.Priority != "NORMAL":
		return m, "message.android.priority"
	case m.Android.TTL != "" && !ttlForm.MatchString(m.Android.TTL):
		return m, "message.android.ttl"
	}
	return m, ""
}

// reserved reports whether FCM keeps a data key for itself.
func reserved(k string) bool {
	return k == "" || k == "from" || k == "message_type" || strings.HasPrefix(k, "google") || strings.HasPrefix(k, "gcm")
}
