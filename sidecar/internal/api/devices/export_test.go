package devices

import (
	"net/url"

	"github.com/schleuse/schleuse/sidecar/internal/api"
)

// Routes are the API's operations.
func Routes() []api.Route { return (&desk{}).routes() }

// Proven reports whether a proof is one of a call to GET base + /self.
func Proven(text string, base *url.URL) bool {
	p, err := readProof(text)
	return err == nil && p.fits("GET", base, base.Path+"/self") && p.carries(nil)
}
