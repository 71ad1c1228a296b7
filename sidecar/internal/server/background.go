package server

import (
	"context"
	"time"
)

// Expired rows are removed this often, in bounded batches; what is left over
// waits for the next turn, for it counts as absent already.
const sweepEvery = time.Minute

func (h *house) sweep(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if _, err := h.store.Sweep(ctx); err != nil && ctx.Err() == nil {
			h.Log.Warn("sweeping the store", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
