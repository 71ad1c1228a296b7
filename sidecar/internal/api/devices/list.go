package devices

import (
	"net/http"

	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/internal/api"
)

type listedOut struct {
	deviceOut `json:",inline"`
	This      bool `json:"this"`
}

// list tells the person's phones, blocked ones included.
func (a *desk) list(r *http.Request, p phone) (api.Reply, error) {
	all, err := a.Devices.Store.Of(r.Context(), p.Account)
	if err != nil {
		return api.Reply{}, err
	}
	out := struct {
		Devices []listedOut `json:"devices"`
		Limit   int         `json:"limit"`
	}{[]listedOut{}, a.Devices.Settings.Limit}
	for _, d := range all {
		out.Devices = append(out.Devices, listedOut{a.deviceOf(d), d.ID == p.ID})
	}
	return api.Reply{Body: out}, nil
}

type renameIn struct {
	Name string `json:"name"`
}

func (a *desk) rename(r *http.Request, p phone, in renameIn) (api.Reply, error) {
	id, err := device.ParseID(r.PathValue("id"))
	if err != nil {
		return api.Reply{}, device.ErrNoDevice
	}
	return a.whileOpen(func(r *http.Request, p phone) (api.Reply, error) {
		return api.Reply{}, a.Devices.Rename(r.Context(), p.Device, id, in.Name)
	})(r, p)
}

// block needs no open app and no second factor: whoever lost a phone is quick.
func (a *desk) block(r *http.Request, p phone) (api.Reply, error) {
	id, err := device.ParseID(r.PathValue("id"))
	if err != nil {
		return api.Reply{}, device.ErrNoDevice
	}
	return api.Reply{}, a.Devices.Block(r.Context(), p.Device, id)
}
