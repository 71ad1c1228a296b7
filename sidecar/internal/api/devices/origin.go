package devices

import (
	"net/http"

	"github.com/schleuse/schleuse/sidecar/internal/api"
)

type originOut struct {
	Origin    string `json:"origin"`
	ExpiresIn int    `json:"expires_in"`
}

// origin gives what tells a backend that this phone's own app asks
// (device/PROTOCOL.md section 7.11). It lives no longer than the app stays open
// by itself.
func (a *desk) origin(r *http.Request, p phone, _ struct{}) (api.Reply, error) {
	text, life, err := a.Approvals.Origin(r.Context(), p.ID, a.Devices.Settings.IdleLock)
	if err != nil {
		return api.Reply{}, err
	}
	return api.Reply{Status: http.StatusCreated, Body: originOut{text, int(life.Seconds())}}, nil
}
