package server

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestBackgroundWorkGoesOnAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &house{Server: &Server{Log: quietLog()}}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		turns := make(chan time.Duration, 3)
		began := time.Now()
		ended := make(chan error, 1)
		go func() {
			ended <- h.every(ctx, time.Minute, "working", func(context.Context) error {
				turns <- time.Since(began)
				return errors.New("not this time")
			})
		}()
		for _, want := range []time.Duration{0, time.Minute, 2 * time.Minute} {
			if got := <-turns; got != want {
				t.Errorf("a turn after %v, want %v", got, want)
			}
		}
		stop()
		if err := <-ended; err != nil {
			t.Errorf("every ended with %v", err)
		}
	})
}
