package database

import (
	"context"
	"log/slog"
	"time"
)

// SweepEvery runs a pass of retention in each interval until ctx ends. A pass that fails is logged with the text given as
// failed, and tried again at its next time.
func SweepEvery(ctx context.Context, interval time.Duration, sweep func(context.Context) error, log *slog.Logger, failed string) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := sweep(ctx); err != nil && ctx.Err() == nil {
				log.Warn(failed, "error", err)
			}
		}
	}
}
