package bucket_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/internal/bucket"
)

func TestEachHasABucketOfTheirOwn(t *testing.T) {
	at := time.Unix(0, 0)
	l := bucket.New[string](func() time.Time { return at }, 1, 2, 100)
	for i, want := range []bool{true, true, false} {
		if got := l.Allow("a"); got != want {
			t.Errorf("try %d of a: %v", i, got)
		}
	}
	if !l.Allow("b") {
		t.Error("b pays for a")
	}
	at = at.Add(time.Second)
	if !l.Allow("a") || l.Allow("a") {
		t.Error("a second gives back one unit")
	}
}

func TestBurstHoldsUnderParallelUse(t *testing.T) {
	at := time.Unix(0, 0)
	l := bucket.New[string](func() time.Time { return at }, 1, 10, 100)
	var allowed atomic.Int32
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if l.Allow("a") {
				allowed.Add(1)
			}
		})
	}
	all.Wait()
	if allowed.Load() != 10 {
		t.Errorf("%d allowed, want 10", allowed.Load())
	}
}
