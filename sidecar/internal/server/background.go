package server

import (
	"context"
	"errors"
	"time"
)

// Expired rows are removed this often, in bounded batches; what is left over
// waits for the next turn, for it counts as absent already.
const sweepEvery = time.Minute

// The oldest entries of the audit are removed this often.
const pruneEvery = 24 * time.Hour

func (h *house) sweep(ctx context.Context) error {
	return h.every(ctx, sweepEvery, "sweeping the store", func(ctx context.Context) error {
		_, err := h.store.Sweep(ctx)
		return errors.Join(err, h.settle(ctx))
	})
}

// settle says loudly that the database came from a backup, at the start and
// where a standby takes over while this runs.
func (h *house) settle(ctx context.Context) error {
	phones, err := h.store.Settle(ctx)
	if phones > 0 {
		h.Log.ErrorContext(ctx, "THE DATABASE WAS RESTORED OR ANOTHER SERVER TOOK OVER: phones are locked until their owners prove once more who they are; "+
			"if nothing was lost, run schleuse device keep-restored", "phones", phones)
	}
	return err
}

func (h *house) prune(ctx context.Context) error {
	return h.every(ctx, pruneEvery, "pruning the audit", func(ctx context.Context) error {
		_, err := h.store.Audit().Prune(ctx, h.Now().Add(-h.Config.Audit.Retention))
		return err
	})
}

// every does something at once and then again and again until ctx ends. What
// did not work is tried again at the next turn.
func (h *house) every(ctx context.Context, pause time.Duration, what string, do func(context.Context) error) error {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		if err := do(ctx); err != nil && ctx.Err() == nil {
			h.Log.Warn(what, "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
