package gate

import (
	"net/http"
	"net/netip"

	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/bucket"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
)

// Bounds of what somebody unknown may have Keycloak and the gate do, per
// address: as much as a household or a practice behind one address needs.
const (
	anonymousRate  = 20  // a second, in the long run
	anonymousBurst = 400 // at once
	maxAddresses   = 50_000
	// knownTimes is how much more comes from an address of clients that show a
	// secret, or of browsers that are signed in: a backend's people all come
	// from its one address, and so do a mobile network's.
	knownTimes = 10
)

// Bounds of the gate's own pages, per address. A page that waits comes again
// every five seconds: there is room for 250 of them.
const (
	ownRate  = 50   // a second, in the long run
	ownBurst = 1000 // at once
)

// Bounds of how often "more time" asks Keycloak about one attempt.
const (
	moreAMinute = 2
	maxMinutes  = 50_000
)

// minuteOf is an attempt in one minute.
type minuteOf struct {
	attempt flow.AttemptID
	minute  int64 // since 1970
}

// bounded limits what the people of one address ask of the gate's own paths:
// each costs a look into the database.
func (h *handler) bounded(limit *bucket.Limits[netip.Prefix], next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		address := wire.ClientAddress(r.RemoteAddr, r.Header, h.Settings.TrustedProxies)
		if limit.Allow(wire.CountedBy(address)) {
			next.ServeHTTP(w, r)
			return
		}
		err := tooMany()
		h.Metrics.refused(wire.None, err)
		h.Pages.Error(w, r, err)
	})
}

// Bounds of how often one person's login leaves, each time with a code that is
// recorded: more than the tabs of any browser renew.
const (
	personRate  = 5   // a second, in the long run
	personBurst = 600 // at once
	maxPeople   = 100_000
)
