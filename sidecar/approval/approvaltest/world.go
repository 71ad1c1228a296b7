package approvaltest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/account/accounttest"
	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/audit/audittest"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/device/devicetest"
)

// Start is when a World begins.
var Start = time.Date(2026, 12, 1, 8, 0, 0, 123456000, time.UTC)

// Who and what there is in a World.
const (
	Erika    = account.ID("erika-1")
	Number   = "A123456780"
	Backend  = "backend"
	Address  = "adresse" // high risk, fields alt and neu
	Letters  = "post"    // low risk, field weg
	Password = "a device password"
)

// World is a Service in memory with one person, their phone and one backend.
type World struct {
	approval.Service
	Realm    *accounttest.Realm
	Phones   *devicetest.Store
	Memory   *Store
	Audited  *audittest.Log
	Password *Factors
	Phone    devicetest.Phone

	request, receipt *ecdsa.PrivateKey
	mu               sync.Mutex
	now              time.Time
}

// NewWorld returns a World in which everything is well.
func NewWorld() *World {
	w := &World{now: Start, Phone: devicetest.NewPhone(), Password: &Factors{Wrong: map[device.ID]int{}}, request: devicetest.NewKey(), receipt: devicetest.NewKey()}
	w.Realm = accounttest.New(account.Account{ID: Erika, Username: strings.ToLower(Number), Enabled: true})
	if err := w.Realm.Grant(context.Background(), Erika); err != nil {
		panic(err)
	}
	w.Phones = &devicetest.Store{Now: w.Clock}
	w.Phones.Put(w.Phone.Device(Erika, Number, Start.Add(-48*time.Hour)))
	w.Memory = &Store{Now: w.Clock, Phones: w.Phones}
	w.Audited = &audittest.Log{Now: w.Clock}
	w.Service = approval.Service{
		Store: w.Memory, Repeats: w.Memory, Watch: &approval.Watch{Changes: w.Memory}, Devices: w.Phones, Factors: w.Password, Accounts: w.Realm,
		Actions: Actions(), Clients: map[string][]string{Backend: {Address, Letters}},
		Seals: devicetest.NewKeys(), Requests: KeysOf("request-1", w.request), Receipts: KeysOf("receipt-1", w.receipt),
		Issuer: "https://login.example/schleuse/device/v1", ReceiptIssuer: "https://login.example/schleuse/approvals/v1",
		Audit: w.Audited, Now: w.Clock,
	}
	return w
}

// Actions are those of a World.
func Actions() map[string]approval.Action {
	field := func(name, de, en string) approval.ActionField {
		return approval.ActionField{Name: name, Label: map[string]string{"de": de, "en": en}}
	}
	return map[string]approval.Action{
		Address: {
			Name: Address, Title: map[string]string{"de": "Adresse ändern", "en": "Change address"}, Lifetime: 5 * time.Minute, MatchCode: 3,
			Fields: []approval.ActionField{field("alt", "Bisherige Adresse", "Present address"), field("neu", "Neue Adresse", "New address")},
		},
		Letters: {
			Name: Letters, Title: map[string]string{"de": "Post", "en": "Mail"}, Risk: approval.Low, MatchCode: 2,
			Fields: []approval.ActionField{field("weg", "Weg", "Way")},
		},
	}
}

// KeysOf returns one key under one id.
func KeysOf(kid string, k *ecdsa.PrivateKey) approval.Keys {
	return approval.Keys{
		Signing:   func() (string, crypto.Signer) { return kid, k },
		Published: func() map[string]*ecdsa.PublicKey { return map[string]*ecdsa.PublicKey{kid: &k.PublicKey} },
	}
}

// Clock is the time in the World.
func (w *World) Clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// Pass lets time go by.
func (w *World) Pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// Ask returns a good request for the address, with this idempotency key.
func Ask(key string) approval.Request {
	return approval.Request{
		Client: Backend, Number: Number, Action: Address, Content: approval.HashOf([]byte("the new address")), Key: key,
		Fields: map[string]string{"alt": "Am Siel 2, 26721 Emden", "neu": "Am Deich 1, 26721 Emden"},
	}
}

// Yes returns the answer that approves, as the phone signs it: of the request
// object as handed out and the code as typed; "" leaves it out.
func Yes(p devicetest.Phone, shown, code string) string {
	payload := answer(shown, "approve")
	if code != "" {
		payload["match_code"] = code
	}
	return p.Sign(device.Answer, payload)
}

// No returns the answer that denies, with a reason or "".
func No(p devicetest.Phone, shown, reason string) string {
	payload := answer(shown, "deny")
	if reason != "" {
		payload["reason"] = reason
	}
	return p.Sign(device.Answer, payload)
}

func answer(shown, decision string) map[string]any {
	return map[string]any{"v": 1, "request_sha256": approval.HashOf([]byte(shown)).String(), "decision": decision, "iat": Start.Unix()}
}

// Confirm opens an approval on the phone and approves it.
func (w *World) Confirm(ctx context.Context, a approval.Approval) (approval.Approval, error) {
	shown, err := w.Open(ctx, w.Phone.ID, a.ID)
	if err != nil {
		return approval.Approval{}, err
	}
	code := a.MatchCode[:a.Digits(w.Phone.ID)]
	return w.Answer(ctx, w.Phone.ID, a.ID, Yes(w.Phone, shown, code), Typed(Password))
}

// Factors implements approval.Factors: the password is sealed as it is typed.
type Factors struct {
	mu    sync.Mutex
	Wrong map[device.ID]int // tries that were wrong
	Then  func()            // what happens right after a right one
}

// Typed returns a password as Factors opens it.
func Typed(password string) device.Sealed { return device.Sealed{Key: "plain", Box: []byte(password)} }

// CheckPassword implements approval.Factors.
func (f *Factors) CheckPassword(ctx context.Context, dev device.ID, m device.Message, password device.Sealed) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.Device != dev || m.Type != device.Answer {
		return errors.New("a password beside another message")
	}
	if string(password.Box) != Password {
		f.Wrong[dev]++
		return device.ErrFactors
	}
	if f.Then != nil {
		f.Then()
	}
	return nil
}

// Payload reads what is in a JWS, whoever signed it.
func Payload(jws string, into any) error {
	parts := strings.Split(jws, ".")
	if len(parts) != 3 {
		return errors.New("not a JWS")
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}

// BrokenKey is a Keys.Signing whose key cannot sign.
func BrokenKey() (string, crypto.Signer) { return "broken", brokenKey{devicetest.NewKey()} }

type brokenKey struct{ crypto.Signer }

func (brokenKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("the key does not sign")
}
