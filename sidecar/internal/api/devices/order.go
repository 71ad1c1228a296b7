package devices

import (
	"crypto/sha256"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/api"
)

// order reads an order, which was made with one of our nonces a short while ago
// and was not used before, on any replica. The proof of its call says nothing
// of that: the device key makes one beside an old order as well, whose PIN was
// typed or whose finger was shown long ago.
func (a *desk) order(r *http.Request, raw string) (device.Message, error) {
	m, err := message("/order", raw, device.Order)
	if err != nil {
		return device.Message{}, err
	}
	var made struct {
		Nonce string `json:"nonce"`
	}
	if json.Unmarshal(m.Payload, &made) != nil {
		return device.Message{}, api.Malformed("/order", "not the payload of an order")
	}
	given, fresh := a.nonceTime(made.Nonce)
	if !fresh {
		return device.Message{}, api.Refuse(fault.Conflict, "stale_order", nil)
	}
	signed := raw[:strings.LastIndexByte(raw, '.')] // an ES256 signature has a twin
	unused, err := a.Proofs.Take(r.Context(), sha256.Sum256([]byte("order "+signed)), given.Add(nonceLife+nonceSkew))
	if err != nil {
		return device.Message{}, err
	}
	if !unused {
		return device.Message{}, api.Refuse(fault.Conflict, "stale_order", nil)
	}
	return m, nil
}
