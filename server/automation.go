package main

import (
	"context"
	"fmt"
	"time"

	"github.com/waystation/waystation/bridge/governor"
	"github.com/waystation/waystation/bridge/outbox"
)

// outboxConfig returns the limits of automatic messages.
func (a *app) outboxConfig() (c outbox.Config, err error) {
	cfg := a.cfg
	quiet, err := governor.ParseQuiet(cfg.GovernorQuietHours)
	if err != nil {
		return c, fmt.Errorf("governor-quiet-hours: %w", err)
	}
	return outbox.Config{
		Zone: func() *time.Location { return a.settings.Zone(context.Background()) },
		Limits: governor.Limits{
			PauseMin: cfg.GovernorPauseMin, PauseMax: cfg.GovernorPauseMax,
			PerMinute: cfg.GovernorPerMinute, PerHour: cfg.GovernorPerHour, PerDay: cfg.GovernorPerDay,
			WarmUp: cfg.GovernorWarmUp, Quiet: quiet,
		},
		ScheduleGrace: cfg.ScheduleGrace, RefusalPause: cfg.GovernorRefusalPause,
		MaxSchedules: cfg.MaxSchedules, MaxJobs: cfg.MaxJobs, MaxRecipients: cfg.MaxBulkRecipients, MaxReplies: cfg.MaxWaitingReplies,
		AllowRepeated: cfg.AllowRepeatedMessages, Keep: cfg.KeepAutomation,
	}, nil
}
