package devices

import (
	"crypto/ecdsa"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/internal/api"
)

func (a *desk) time(*http.Request, struct{}) (api.Reply, error) {
	return api.Reply{Body: struct {
		Time int64 `json:"time"`
	}{a.Now().Unix()}}, nil
}

// publicKey is a JWK on P-256 (RFC 7517).
type publicKey struct {
	KID string `json:"kid"`
	KTY string `json:"kty"`
	CRV string `json:"crv"`
	X   string `json:"x"`
	Y   string `json:"y"`
	Use string `json:"use,omitempty"`
	Alg string `json:"alg,omitempty"`
}

// sealKey is the key to which phones seal secrets.
func (a *desk) sealKey() publicKey {
	kid, point := a.SealTo()
	return jwkOf(kid, point)
}

// jwkOf writes a point of 65 bytes.
func jwkOf(kid string, point []byte) publicKey {
	return publicKey{KID: kid, KTY: "EC", CRV: "P-256", X: b64.EncodeToString(point[1:33]), Y: b64.EncodeToString(point[33:])}
}

func signingKey(kid string, key *ecdsa.PublicKey) (publicKey, error) {
	point, err := key.Bytes()
	if err != nil {
		return publicKey{}, err
	}
	k := jwkOf(kid, point)
	k.Use, k.Alg = "sig", "ES256"
	return k, nil
}

type keysOut struct {
	SealKey     publicKey `json:"seal_key"`
	RequestKeys struct {
		Keys []publicKey `json:"keys"`
	} `json:"request_keys"`
}

// keysLife is how long anybody may keep the keys: far less than a new one is
// published before it is used.
const keysLife = "public, max-age=300"

func (a *desk) keys(*http.Request, struct{}) (api.Reply, error) {
	out := keysOut{SealKey: a.sealKey()}
	published := a.Approvals.Requests.Published()
	for _, kid := range slices.Sorted(maps.Keys(published)) {
		k, err := signingKey(kid, published[kid])
		if err != nil {
			return api.Reply{}, err
		}
		out.RequestKeys.Keys = append(out.RequestKeys.Keys, k)
	}
	return api.Reply{Header: http.Header{"Cache-Control": {keysLife}}, Body: out}, nil
}

// deviceOut is a phone as its owner sees it.
type deviceOut struct {
	ID        device.ID `json:"id"`
	Name      string    `json:"name"`
	Platform  string    `json:"platform"`
	State     string    `json:"state"`
	CreatedAt string    `json:"created_at"`
	LastUsed  string    `json:"last_used_at,omitempty"`
	CoolUntil string    `json:"cool_until,omitempty"`
}

func (a *desk) deviceOf(d device.Device) deviceOut {
	out := deviceOut{ID: d.ID, Name: d.Name, Platform: d.Platform, State: d.State.String(), CreatedAt: stamp(d.Created)}
	if !d.LastUsed.IsZero() {
		out.LastUsed = stamp(d.LastUsed)
	}
	if d.Cooling(a.Now()) {
		out.CoolUntil = stamp(d.CoolUntil)
	}
	return out
}

type selfOut struct {
	deviceOut    `json:",inline"`
	PINSet       bool   `json:"pin_set"`
	BiometricSet bool   `json:"biometric_set"`
	PushChannel  string `json:"push_channel,omitempty"`
	Policy       policy `json:"policy"`
}

func (a *desk) selfOf(d device.Device) selfOut {
	return selfOut{a.deviceOf(d), d.PIN.Hash != "", d.Biometric != "", d.Push.Channel, a.policy()}
}

func (a *desk) self(_ *http.Request, p phone) (api.Reply, error) {
	return api.Reply{Body: a.selfOf(p.Device)}, nil
}

// orderIn is an order with the secrets that it needs, each sealed beside it.
type orderIn struct {
	Order    string         `json:"order"`
	Password jsontext.Value `json:"password"`
}

// read returns the order and the device password that proves it.
func (a *desk) read(r *http.Request, in orderIn) (device.Message, device.Sealed, error) {
	m, err := a.order(r, in.Order)
	if err != nil {
		return device.Message{}, device.Sealed{}, err
	}
	s, err := secret("/password", in.Password)
	return m, s, err
}

type rotateIn struct {
	orderIn `json:",inline"`
	ByNew   string `json:"order_by_new_key"`
}

func (a *desk) rotate(r *http.Request, p phone, in rotateIn) (api.Reply, error) {
	m, password, err := a.read(r, in.orderIn)
	if err != nil {
		return api.Reply{}, err
	}
	byNew, err := message("/order_by_new_key", in.ByNew, device.Order)
	if err != nil {
		return api.Reply{}, err
	}
	return api.Reply{}, a.Devices.RotateKey(r.Context(), p.ID, m, byNew, password)
}

type changePasswordIn struct {
	orderIn `json:",inline"`
	New     jsontext.Value `json:"new_password"`
}

func (a *desk) changePassword(r *http.Request, p phone, in changePasswordIn) (api.Reply, error) {
	m, password, err := a.read(r, in.orderIn)
	if err != nil {
		return api.Reply{}, err
	}
	next, err := secret("/new_password", in.New)
	if err != nil {
		return api.Reply{}, err
	}
	return api.Reply{}, a.Devices.ChangePassword(r.Context(), p.ID, m, password, next)
}

type setPINIn struct {
	orderIn `json:",inline"`
	PIN     jsontext.Value `json:"pin"`
}

func (a *desk) setPIN(r *http.Request, p phone, in setPINIn) (api.Reply, error) {
	m, password, err := a.read(r, in.orderIn)
	if err != nil {
		return api.Reply{}, err
	}
	pin, err := secret("/pin", in.PIN)
	if err != nil {
		return api.Reply{}, err
	}
	err = a.Devices.SetPIN(r.Context(), p.ID, m, password, pin)
	var weak *device.WeakError
	if errors.As(err, &weak) {
		err = tooWeak("pin_weak", "/pin", weak)
	}
	return api.Reply{}, err
}

func (a *desk) setBiometric(r *http.Request, p phone, in orderIn) (api.Reply, error) {
	m, password, err := a.read(r, in)
	if err != nil {
		return api.Reply{}, err
	}
	return api.Reply{}, a.Devices.SetBiometric(r.Context(), p.ID, m, password)
}

func (a *desk) removeBiometric(r *http.Request, p phone) (api.Reply, error) {
	return api.Reply{}, a.Devices.RemoveBiometric(r.Context(), p.ID)
}

type pushIn struct {
	Channel string `json:"channel"`
	Token   string `json:"token"`
}

// maxPushToken is the length of a push service's token, in bytes.
const maxPushToken = 4096

func (a *desk) registerPush(r *http.Request, p phone, in pushIn) (api.Reply, error) {
	if !slices.Contains(a.Channels, in.Channel) {
		return api.Reply{}, api.Malformed("/channel", "not one of push_channels")
	}
	if in.Token == "" || len(in.Token) > maxPushToken {
		return api.Reply{}, api.Malformed("/token", "want 1 to %d bytes", maxPushToken)
	}
	return api.Reply{}, a.Devices.RegisterPush(r.Context(), p.ID, device.Push{Channel: in.Channel, Token: in.Token})
}

func (a *desk) forgetPush(r *http.Request, p phone) (api.Reply, error) {
	return api.Reply{}, a.Devices.RegisterPush(r.Context(), p.ID, device.Push{})
}

type loginPasswordIn struct {
	orderIn `json:",inline"`
	Login   jsontext.Value `json:"login_password"`
}

func (a *desk) loginPassword(r *http.Request, p phone, in loginPasswordIn) (api.Reply, error) {
	m, password, err := a.read(r, in.orderIn)
	if err != nil {
		return api.Reply{}, err
	}
	login, err := secret("/login_password", in.Login)
	if err != nil {
		return api.Reply{}, err
	}
	return api.Reply{}, a.Devices.SetLoginPassword(r.Context(), p.ID, m, password, login)
}

// secondsTo returns how long it is until then, in whole seconds, at least 0.
func (a *desk) secondsTo(then time.Time) int {
	return max(0, int(then.Sub(a.Now()).Seconds()))
}
