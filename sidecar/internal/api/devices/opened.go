package devices

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/api"
)

// openedHeader carries what says that the app is open, in both directions.
const openedHeader = "Schleuse-Opened"

// openLife is the longest that an app stays open by use alone.
const openLife = 12 * time.Hour

// opened says that the app of a phone is open. The phone keeps it, sealed.
type opened struct {
	Device device.ID `json:"d"`
	Since  int64     `json:"s"` // seconds
	Until  int64     `json:"u"` // seconds
	// Locks is what the app could be opened by: with another PIN, biometric key or
	// device password, or a PIN that was wrong too often, it is closed, and has to
	// be opened anew.
	Locks string `json:"l"`
}

// locksOf is an image of what opens a phone's app now.
func locksOf(d device.Device) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %d %d", d.Biometric, d.PIN.Set.UnixNano(), d.PIN.Over.UnixNano(), d.Password.Set.UnixNano()))
	return b64.EncodeToString(sum[:16])
}

func (a *desk) sealOpened(o opened) (string, error) {
	plain, err := json.Marshal(o)
	if err != nil {
		return "", err
	}
	return b64.EncodeToString(a.Seals.Seal(plain, []byte(sealOpened))), nil
}

// renew returns the newer token for the one that a request carries; empty
// where it carries none that is good for this phone.
func (a *desk) renew(r *http.Request, d device.Device) string {
	values := r.Header.Values(openedHeader)
	if len(values) != 1 {
		return ""
	}
	sealed, err := b64.DecodeString(values[0])
	if err != nil {
		return ""
	}
	plain, err := a.Seals.Open(sealed, []byte(sealOpened))
	if err != nil {
		return ""
	}
	var o opened
	now := a.Now()
	if json.Unmarshal(plain, &o) != nil || o.Device != d.ID || o.Locks != locksOf(d) || now.Unix() >= o.Until {
		return ""
	}
	o.Until = min(now.Add(a.Devices.Settings.IdleLock).Unix(), time.Unix(o.Since, 0).Add(openLife).Unix())
	token, err := a.sealOpened(o)
	if err != nil {
		return ""
	}
	return token
}

// whileOpen lets do happen only while the app is open, and renews that.
func (a *desk) whileOpen(do func(*http.Request, phone) (api.Reply, error)) func(*http.Request, phone) (api.Reply, error) {
	return func(r *http.Request, p phone) (api.Reply, error) {
		token := a.renew(r, p.Device)
		if token == "" {
			return api.Reply{}, api.Refuse(fault.Forbidden, "app_locked", nil)
		}
		reply, err := do(r, p)
		if err != nil {
			return api.Reply{}, err
		}
		return withOpened(reply, token), nil
	}
}

// whileOpenTo is whileOpen for calls that have a body.
func whileOpenTo[In any](a *desk, do func(*http.Request, phone, In) (api.Reply, error)) func(*http.Request, phone, In) (api.Reply, error) {
	return func(r *http.Request, p phone, in In) (api.Reply, error) {
		return a.whileOpen(func(r *http.Request, p phone) (api.Reply, error) { return do(r, p, in) })(r, p)
	}
}

func withOpened(reply api.Reply, token string) api.Reply {
	if token != "" {
		reply.Header = http.Header{openedHeader: {token}}
	}
	return reply
}
