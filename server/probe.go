package main

import (
	"context"

	"github.com/waystation/waystation/rpc/methods"
	"github.com/waystation/waystation/transports/broker"
	"github.com/waystation/waystation/transports/webhook"
)

// probeJournal checks that events can be logged. After a failed commit it reports that failure until a write
// succeeds: on a quiet server the next commit may be hours away. On a disk that is nearly full a small write proves
// nothing.
func (a *app) probeJournal(ctx context.Context) methods.ServiceHealth {
	stats := a.journal.Stats()
	h := methods.ServiceHealth{Status: methods.Healthy, Figures: map[string]int{"waiting": stats.Waiting}}
	if !stats.Failing {
		return h
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	_, err := a.db.Exec(ctx, `UPDATE server_facts SET value=value`)
	if err != nil {
		a.log.Warn("the database rejects writes", "error", err)
	}
	if err != nil || a.probeDisk().Status != methods.Healthy {
		h.Status, h.Error = methods.Unhealthy, "events cannot be stored"
	}
	return h
}

// probeDisk checks the free space in the data directory.
func (a *app) probeDisk() methods.ServiceHealth {
	h := methods.ServiceHealth{Status: methods.Healthy}
	free, known := diskFree(a.cfg.DataDir)
	if !known {
		return h
	}
	const mega = 1 << 20
	h.Figures = map[string]int{"free_megabytes": int(free / mega)}
	if free < uint64(a.cfg.MinDiskFree) {
		h.Status, h.Error = methods.Degraded, "the disk of the data directory is nearly full"
	}
	return h
}

// globalHealth reports the last results of the enabled global transports. It sends no request to them.
func (a *app) globalHealth() map[string]methods.TransportHealth {
	list := map[string]methods.TransportHealth{}
	globals := a.outlets.Globals()
	for name := range globals.Brokers {
		if figures, on := a.outlets.Stats(name); on {
			list[name] = transportHealth(figures.Connected, figures.Reason)
		}
	}
	if globals.Webhook != nil {
		standing := a.webhooks.GlobalStanding()
		list[webhook.Transport] = transportHealth(!standing.LastAttempt.IsZero(), standing.Reason)
	}
	return list
}

func transportHealth(answered bool, why broker.Reason) methods.TransportHealth {
	switch {
	case why != "":
		return methods.TransportHealth{State: methods.TransportFailing, Reason: string(why)}
	case answered:
		return methods.TransportHealth{State: methods.TransportConnected}
	}
	return methods.TransportHealth{State: methods.TransportIdle}
}
