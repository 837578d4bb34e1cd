package main

import (
	"fmt"
	"time"

	"github.com/waystation/waystation/bridge/governor"
	"github.com/waystation/waystation/bridge/outbox"
	"github.com/waystation/waystation/server/config"
)

// outboxConfig returns the limits of automatic messages.
func outboxConfig(cfg *config.Config) (c outbox.Config, err error) {
	quiet, err := governor.ParseQuiet(cfg.GovernorQuietHours)
	if err != nil {
		return c, fmt.Errorf("governor-quiet-hours: %w", err)
	}
	zone, err := time.LoadLocation(cfg.GovernorZone)
	if err != nil {
		return c, fmt.Errorf("governor-zone: %q is no time zone", cfg.GovernorZone)
	}
	return outbox.Config{
		Limits: governor.Limits{
			PauseMin: cfg.GovernorPauseMin, PauseMax: cfg.GovernorPauseMax,
			PerMinute: cfg.GovernorPerMinute, PerHour: cfg.GovernorPerHour, PerDay: cfg.GovernorPerDay,
			WarmUp: cfg.GovernorWarmUp, Quiet: quiet, Zone: zone,
		},
		ScheduleGrace: cfg.ScheduleGrace, RefusalPause: cfg.GovernorRefusalPause,
		MaxSchedules: cfg.MaxSchedules, MaxJobs: cfg.MaxJobs, MaxRecipients: cfg.MaxBulkRecipients, MaxReplies: cfg.MaxWaitingReplies,
		AllowRepeated: cfg.AllowRepeatedMessages, Keep: cfg.KeepAutomation,
	}, nil
}
