package main

import (
	"cmp"
	"context"
	"time"

	"github.com/waystation/waystation/transports/dispatch"
)

// openDispatcher opens the dispatcher, which sends events to every transport except the socket. It closes after the
// bridge, so that the last events of this run are still sent, and before the journal.
func (a *app) openDispatcher(ctx context.Context) (err error) {
	a.deliver, err = dispatch.Open(ctx, a.db, a.journal, dispatch.Config{
		KeepDelivered: cmp.Or(a.cfg.KeepDeliveries, -1), MaxDelivered: a.cfg.MaxDeliveries,
		KeepDeadLetters: a.cfg.KeepDeadLetters, MaxDeadLetters: a.cfg.MaxDeadLetters,
		MaxQueuedReplays: a.cfg.MaxQueuedReplays, MaxSignals: a.cfg.MaxSignals,
		MaxSkips: a.cfg.MaxSkips, MaxWatches: a.cfg.MaxWatches, WatchEvery: a.cfg.WatchEvery,
		DrainTimeout: a.cfg.ShutdownTimeout / 4, ObserveAttempts: a.attemptObserver, Log: a.log.With("part", "dispatch"),
	})
	if err == nil {
		a.onClose("dispatcher", a.deliver.Close)
	}
	return err
}

// deliveryPolicy returns the retry policy of all transports.
func (a *app) deliveryPolicy() dispatch.Policy {
	return dispatch.Policy{
		MaxAttempts: a.cfg.DeliveryAttempts, AttemptTimeout: a.cfg.DeliveryTimeout, MaxAge: a.cfg.DeliveryMaxAge,
		BackoffBase: a.cfg.DeliveryBackoff, BackoffCap: a.cfg.DeliveryBackoffMax,
		RetryAfterCap: a.cfg.DeliveryRetryAfterMax, BreakerFailures: a.cfg.DeliveryProbeAfter, BreakerPause: a.cfg.DeliveryProbeEvery, Window: a.cfg.DeliveryWindow,
	}
}

// callObserver returns what observes calls of a namespace.
func (a *app) callObserver(namespace string) func(took time.Duration) {
	return a.durations.Observer("waystation_call_duration_seconds", namespace)
}

// attemptObserver returns what observes attempts to deliver over a transport.
func (a *app) attemptObserver(transport string) func(took time.Duration) {
	return a.durations.Observer("waystation_delivery_duration_seconds", transport)
}
