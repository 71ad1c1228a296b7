package gate

import (
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
	// knownTimes is how much more comes from an address of clients that show a
	// secret, or of browsers that are signed in: a backend's people all come
	// from its one address, and so do a mobile network's.
	knownTimes = 10
)

// Bounds of how often one person's login leaves, each time with a code that is
// recorded: more than the tabs of any browser renew.
const (
	personRate  = 5   // a second, in the long run
	personBurst = 600 // at once
	maxPeople   = 100_000
)

// limits bounds the work for each of many. It lives in memory, so that what
// it bounds never grows the database.
type limits[K comparable] struct {
	now     func() time.Time
	rate    rate.Limit
	burst   int
	buckets *otter.Cache[K, *rate.Limiter]
}

func newLimits[K comparable](now func() time.Time, perSecond, burst, size int) *limits[K] {
	return &limits[K]{
		now: now, rate: rate.Limit(perSecond), burst: burst,
		buckets: otter.Must(&otter.Options[K, *rate.Limiter]{MaximumSize: size}),
	}
}

// allow takes one unit for whom.
func (l *limits[K]) allow(whom K) bool {
	bucket, ok := l.buckets.GetIfPresent(whom)
	if !ok {
		bucket, _ = l.buckets.SetIfAbsent(whom, rate.NewLimiter(l.rate, l.burst))
	}
	return bucket.AllowN(l.now(), 1)
}
