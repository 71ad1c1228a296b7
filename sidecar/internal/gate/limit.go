package gate

import (
	"net/netip"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/time/rate"
)

// Bounds of what somebody unknown may have Keycloak and the gate do, per
// address: as much as a household or a practice behind one address needs.
const (
	anonymousRate  = 20  // a second, in the long run
	anonymousBurst = 400 // at once
	maxAddresses   = 50_000
	// clientTimes is how much more a client may push that shows a secret: a
	// backend's people all come from its one address.
	clientTimes = 10
)

// anonymous bounds the work for people who have not signed in. It lives in
// memory, so that such traffic never grows the database.
type anonymous struct {
	now     func() time.Time
	times   int // the bounds, times this
	buckets *otter.Cache[netip.Prefix, *rate.Limiter]
}

func newAnonymous(now func() time.Time, times int) *anonymous {
	return &anonymous{now: now, times: times, buckets: otter.Must(&otter.Options[netip.Prefix, *rate.Limiter]{MaximumSize: maxAddresses})}
}

// allow takes one unit for the address.
func (a *anonymous) allow(from netip.Prefix) bool {
	bucket, ok := a.buckets.GetIfPresent(from)
	if !ok {
		bucket, _ = a.buckets.SetIfAbsent(from, rate.NewLimiter(rate.Limit(anonymousRate*a.times), anonymousBurst*a.times))
	}
	return bucket.AllowN(a.now(), 1)
}
