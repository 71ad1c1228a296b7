package gate

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// How the records of sessions are held against Keycloak: one that Keycloak no
// longer has is forgotten. Between two looks at the same session lies a day.
const (
	sweepEvery = time.Minute
	sweepAfter = 24 * time.Hour
	sweepBatch = 50
)

// Run sweeps the records of sessions against Keycloak until ctx ends. A
// failure is logged and tried again: nothing depends on it but the size of
// the store.
func (g *Gate) Run(ctx context.Context) error {
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

// Sweep looks at one batch of the sessions that were not looked at for a day.
func (g *Gate) Sweep(ctx context.Context) error {
	now := g.Now()
	logins, err := g.Logins.OldestLogins(ctx, now.Add(-sweepAfter), sweepBatch)
	if err != nil {
		return fmt.Errorf("reading sessions: %w", err)
	}
	var errs []error
	for _, l := range logins {
		errs = append(errs, g.sweep(ctx, l, now))
	}
	return errors.Join(errs...)
}

func (g *Gate) sweep(ctx context.Context, l Login, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, endTime)
	defer cancel()
	alive, err := g.Accounts.Alive(ctx, l.Account, l.Session)
	switch {
	case err != nil:
		return fmt.Errorf("asking for a session: %w", err)
	case !alive:
		return g.Logins.ForgetLogin(ctx, l.Session)
	}
	l.Seen = now
	return g.Logins.RecordLogin(ctx, l)
}
