package push

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// What the played service knows of its provider.
const (
	KeyID  = "ABC123DEFG"
	TeamID = "DEF123GHIJ"
	Topic  = "example.kasse.app"
)

// APNs plays the Apple Push Notification service for one app of one team.
type APNs struct {
	Kept
	Now func() time.Time

	key *ecdsa.PrivateKey

	mu     sync.Mutex
	tokens []string // provider tokens in the order in which they came
	last   time.Time
}

// NewAPNs returns the service.
func NewAPNs(now func() time.Time) (*APNs, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the provider's key: %w", err)
	}
	return &APNs{Now: now, key: key}, nil
}

// Key returns the provider's key as Apple gives it (.p8).
func (a *APNs) Key() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// Tokens returns how many provider tokens came.
func (a *APNs) Tokens() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.tokens)
}

// refusal is a status with Apple's reason.
type refusal struct {
	status int
	reason string
}

func (a *APNs) failures() map[Fault]refusal {
	return map[Fault]refusal{
		Gone: {410, "Unregistered"}, Unknown: {400, "BadDeviceToken"}, Busy: {429, "TooManyRequests"},
		Down: {503, "ServiceUnavailable"}, Broken: {500, "InternalServerError"}, Revoked: {403, "ExpiredProviderToken"},
	}
}

var (
	devicePath = regexp.MustCompile(`^/3/device/([^/]*)$`)
	deviceForm = regexp.MustCompile(`^[0-9a-f]{64,200}$`)
)

// ServeHTTP implements http.Handler.
func (a *APNs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/control" {
		a.Control(w, r)
		return
	}
	fault := a.called()
	if fault.play(w, r) {
		return
	}
	no, failed := a.failures()[fault]
	if !failed {
		if no = a.take(w, r); no.status == 0 {
			return
		}
		a.refused(no.reason)
	}
	body := map[string]any{"reason": no.reason}
	if no.status == http.StatusGone {
		body["timestamp"] = a.Now().UnixMilli()
	}
	answer(w, no.status, body)
}

// take takes a notification or says why not.
func (a *APNs) take(w http.ResponseWriter, r *http.Request) refusal {
	path := devicePath.FindStringSubmatch(r.URL.Path)
	switch {
	case r.ProtoMajor != 2:
		return refusal{505, "HTTP2Required"}
	case path == nil:
		return refusal{404, "BadPath"}
	case r.Method != http.MethodPost:
		return refusal{405, "MethodNotAllowed"}
	}
	if no := a.sender(r); no.status != 0 {
		return no
	}
	if !deviceForm.MatchString(path[1]) {
		return refusal{400, "BadDeviceToken"}
	}
	if no := headers(r.Header); no.status != 0 {
		return no
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return refusal{400, "BadMessage"}
	}
	if no := payload(raw, r.Header.Get("apns-push-type")); no.status != 0 {
		return no
	}
	kept := map[string]string{}
	for name := range r.Header {
		if strings.HasPrefix(name, "Apns-") {
			kept[strings.ToLower(name)] = r.Header.Get(name)
		}
	}
	a.keep(Message{Token: path[1], Header: kept, Body: raw})
	w.Header().Set("apns-id", rand.Text())
	w.WriteHeader(http.StatusOK)
	return refusal{}
}

// sender checks the provider token: its signature, its age (an hour), and that
// there is no new one within 20 minutes.
func (a *APNs) sender(r *http.Request) refusal {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") {
		return refusal{403, "MissingProviderToken"}
	}
	token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil || token.Headers[0].KeyID != KeyID {
		return refusal{403, "InvalidProviderToken"}
	}
	var c struct {
		Issuer string `json:"iss"`
		Issued int64  `json:"iat"`
	}
	if token.Claims(&a.key.PublicKey, &c) != nil || c.Issuer != TeamID {
		return refusal{403, "InvalidProviderToken"}
	}
	now := a.Now()
	if age := now.Sub(time.Unix(c.Issued, 0)); age > time.Hour || age < -5*time.Minute {
		return refusal{403, "ExpiredProviderToken"}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if n := len(a.tokens); n > 0 && a.tokens[n-1] == text {
		return refusal{}
	}
	if len(a.tokens) > 0 && now.Sub(a.last) < 20*time.Minute {
		return refusal{429, "TooManyProviderTokenUpdates"}
	}
	a.tokens, a.last = append(a.tokens, text), now
	return refusal{}
}

// headers checks how the notification is to be delivered.
func headers(h http.Header) refusal {
	kind, priority := h.Get("apns-push-type"), h.Get("apns-priority")
	_, expiration := strconv.ParseInt(h.Get("apns-expiration"), 10, 64)
	switch {
	case h.Get("apns-topic") == "":
		return refusal{400, "MissingTopic"}
	case h.Get("apns-topic") != Topic:
		return refusal{400, "DeviceTokenNotForTopic"}
	case kind != "alert" && kind != "background":
		return refusal{400, "InvalidPushType"}
	case !slices.Contains([]string{"", "10", "5", "1"}, priority), kind == "background" && priority != "5":
		return refusal{400, "BadPriority"}
	case h.Get("apns-expiration") != "" && expiration != nil:
		return refusal{400, "BadExpirationDate"}
	case len(h.Get("apns-collapse-id")) > 64:
		return refusal{400, "BadCollapseId"}
	}
	return refusal{}
}

// payload checks the body: at most 4 KiB of JSON with an `aps` that fits the
// kind of push.
func payload(raw []byte, kind string) refusal {
	if len(raw) == 0 {
		return refusal{400, "PayloadEmpty"}
	}
	if len(raw) > 4096 {
		return refusal{413, "PayloadTooLarge"}
	}
	var in struct {
		APS *struct {
			Alert   any `json:"alert"`
			Content int `json:"content-available"`
		} `json:"aps"`
	}
	if json.Unmarshal(raw, &in) != nil || in.APS == nil {
		return refusal{400, "BadPayload"}
	}
	shown := in.APS.Alert != nil
	if kind == "alert" != shown || kind == "background" && in.APS.Content != 1 {
		return refusal{400, "BadPayload"}
	}
	return refusal{}
}
