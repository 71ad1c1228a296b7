package gate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// How the records of sessions are held against Keycloak: one that Keycloak no
// longer has is forgotten. Between two looks at the same session lies a day.
const (
	sweepEvery   = time.Minute
	sweepAfter   = 24 * time.Hour
	sweepBatch   = 50
	sweepBatches = 20
)

// Run sweeps the records of sessions against Keycloak, and does what follows
// from demanded actions where that was interrupted, until ctx ends.
func (g *Gate) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return g.Deeds.Deliver(ctx, g.follow) })
	group.Go(func() error { return g.sweeps(ctx) })
	return group.Wait()
}

// sweeps logs a failure and tries again: nothing depends on it but the size of
// the store.
func (g *Gate) sweeps(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := g.Sweep(ctx); err != nil && ctx.Err() == nil {
				g.Log.WarnContext(ctx, "sweeping sessions", "error", err)
			}
		}
	}
}

// Sweep looks at the sessions that were not looked at for a day, at most 1000
// of them. A batch in which a look-up fails is the last: the Admin API may be
// down. What could not be looked at has its turn a day later.
func (g *Gate) Sweep(ctx context.Context) error {
	for range sweepBatches {
		now := g.Now()
		logins, err := g.Logins.TakeLogins(ctx, now.Add(-sweepAfter), now, sweepBatch)
		if err != nil {
			return fmt.Errorf("reading sessions: %w", err)
		}
		var errs []error
		for _, l := range logins {
			errs = append(errs, g.sweep(ctx, l))
		}
		if err := errors.Join(errs...); err != nil || len(logins) < sweepBatch {
			return err
		}
	}
	return nil
}

func (g *Gate) sweep(ctx context.Context, l Login) error {
	ctx, cancel := context.WithTimeout(ctx, endTime)
	defer cancel()
	alive, err := g.Accounts.Alive(ctx, l.Account, l.Session)
	if err != nil {
		return fmt.Errorf("asking for a session: %w", err)
	}
	if alive {
		return nil
	}
	return g.Logins.ForgetLogin(ctx, l.Session)
}
