package devices

import (
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/internal/api"
)

type openIn struct {
	Order string         `json:"order"`
	PIN   jsontext.Value `json:"pin"`
}

type openOut struct {
	Opened    string `json:"opened"`
	Until     string `json:"until"`
	ExpiresIn int    `json:"expires_in"`
}

// open opens the app, by the PIN or, without one, by the biometric key.
func (a *desk) open(r *http.Request, p phone, in openIn) (api.Reply, error) {
	m, err := a.order(r, in.Order)
	if err != nil {
		return api.Reply{}, err
	}
	var pin *device.Sealed
	if in.PIN != nil {
		sealed, err := secret("/pin", in.PIN)
		if err != nil {
			return api.Reply{}, err
		}
		pin = &sealed
	}
	until, err := a.Devices.OpenApp(r.Context(), p.ID, m, pin)
	if err != nil {
		return api.Reply{}, err
	}
	token, err := a.sealOpened(opened{Device: p.ID, Locks: locksOf(p.Device), Since: a.Now().Unix(), Until: until.Unix()})
	if err != nil {
		return api.Reply{}, err
	}
	return api.Reply{Body: openOut{token, stamp(until), a.secondsTo(until)}}, nil
}
