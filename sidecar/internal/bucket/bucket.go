package bucket

import (
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/time/rate"
)

// Limits bounds the work for each of many, by token buckets. It lives in the
// memory of one process, so that what it bounds never grows the database. It
// is safe for concurrent use. It is made by New.
type Limits[K comparable] struct {
	now     func() time.Time
	rate    rate.Limit
	burst   int
	buckets *otter.Cache[K, *rate.Limiter]
}

// New returns limits of perSecond in the long run and burst at once for each;
// size is of how many it keeps count. Who is forgotten begins anew.
func New[K comparable](now func() time.Time, perSecond, burst, size int) *Limits[K] {
	return &Limits[K]{
		now: now, rate: rate.Limit(perSecond), burst: burst,
		buckets: otter.Must(&otter.Options[K, *rate.Limiter]{MaximumSize: size}),
	}
}

// Allow takes one unit for whom.
func (l *Limits[K]) Allow(whom K) bool {
	bucket, ok := l.buckets.GetIfPresent(whom)
	if !ok {
		bucket, _ = l.buckets.SetIfAbsent(whom, rate.NewLimiter(l.rate, l.burst))
	}
	return bucket.AllowN(l.now(), 1)
}
