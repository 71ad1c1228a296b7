package devices

import (
	"net/url"

	"github.com/schleuse/schleuse/sidecar/internal/api"
)

// Routes are the API's operations.
func Routes() []api.Route { return (&desk{}).routes() }

// Proven reports whether a proof is one of a call to this path below base, with
// this body.
func Proven(text, method string, base *url.URL, path string, body []byte) bool {
	p, err := readProof(text)
	return err == nil && p.fits(method, base, base.Path+path) && p.carries(body)
}
