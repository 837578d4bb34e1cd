package api

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/objectstore"
	"github.com/waystation/waystation/rpc/methods"
	"github.com/waystation/waystation/server/datadir"
	"github.com/waystation/waystation/transports/broker"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/outlets"
	"github.com/waystation/waystation/transports/webhook"
)

// Journal is the log of events.
type Journal interface{ Stats() journal.Stats }

// Sessions are the sessions of a server.
type Sessions interface {
	Sessions() []*bridge.Session
	Session(id string) (*bridge.Session, error)
}

// Storage is the operator's object storage.
type Storage interface {
	Global() objectstore.Settings
	GlobalStanding() objectstore.Standing
}

// Outlets are the connections to brokers.
type Outlets interface {
	Globals() outlets.Globals
	Stats(transport string) (outlets.Figures, bool)
	Totals() map[string]outlets.Totals
}

// Webhooks are the webhooks of a server.
type Webhooks interface{ GlobalStanding() webhook.Standing }

// Probes are the probes of a server's dependencies, for its health and its metrics.
type Probes struct {
	DB       *dbutil.Database
	Journal  Journal
	Sessions Sessions
	Storage  Storage
	Outlets  Outlets
	Webhooks Webhooks
	// Connections counts the open sockets.
	Connections func() int
	// DataDir is the directory whose disk needs MinDiskFree bytes of free space.
	DataDir     string
	MinDiskFree uint64
	Log         *slog.Logger

	fileLost atomic.Bool // the last check found another file at the database's path, or no file
}

// probeTimeout limits the probe of one dependency.
const probeTimeout = 2 * time.Second

// mediaStorage is the name of the operator's object storage in the server's health.
const mediaStorage = "media_storage"

// Services probes the server's dependencies.
func (p *Probes) Services(ctx context.Context) map[string]methods.ServiceHealth {
	states := map[string]int{}
	for state, n := range p.sessionStates() {
		if n > 0 {
			states[state] = n
		}
	}
	services := map[string]methods.ServiceHealth{
		"database": p.probeDatabase(ctx),
		"sessions": {Status: methods.Healthy, Figures: states},
		"journal":  p.probeJournal(ctx),
		"disk":     p.probeDisk(),
		"sockets":  {Status: methods.Healthy, Figures: map[string]int{"connections": p.Connections()}},
	}
	if p.Storage.Global().Enabled {
		services[mediaStorage] = p.storageHealth()
	}
	return services
}

// storageHealth reports the last result of the operator's storage. It sends no request: files are stored often
// enough.
func (p *Probes) storageHealth() methods.ServiceHealth {
	standing := p.Storage.GlobalStanding()
	h := methods.ServiceHealth{Status: methods.Healthy, Figures: map[string]int{"waiting": standing.Waiting, "stored": standing.Stored}}
	if standing.LastError != nil {
		h.Status, h.Error = methods.Degraded, standing.LastError.Error()
	}
	return h
}

// sessionStates counts sessions by state, including states without sessions.
func (p *Probes) sessionStates() map[string]int {
	states := map[string]int{}
	for _, state := range bridge.States() {
		states[string(state)] = 0
	}
	for _, s := range p.Sessions.Sessions() {
		states[string(s.Status().State)]++
	}
	return states
}

// probeJournal checks that events can be logged. After a failed commit it reports that failure until a write
// succeeds: on a quiet server the next commit may be hours away. On a disk that is nearly full a small write proves
// nothing.
func (p *Probes) probeJournal(ctx context.Context) methods.ServiceHealth {
	stats := p.Journal.Stats()
	h := methods.ServiceHealth{Status: methods.Healthy, Figures: map[string]int{"waiting": stats.Waiting}}
	if !stats.Failing {
		return h
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	_, err := p.DB.Exec(ctx, `UPDATE server_facts SET value=value`)
	if err != nil {
		p.Log.Warn("the database rejects writes", "error", err)
	}
	if err != nil || p.probeDisk().Status != methods.Healthy {
		h.Status, h.Error = methods.Unhealthy, "events cannot be stored"
	}
	return h
}

// probeDisk checks the free space in the data directory.
func (p *Probes) probeDisk() methods.ServiceHealth {
	h := methods.ServiceHealth{Status: methods.Healthy}
	free, known := datadir.DiskFree(p.DataDir)
	if !known {
		return h
	}
	const mega = 1 << 20
	h.Figures = map[string]int{"free_megabytes": int(free / mega)}
	if free < p.MinDiskFree {
		h.Status, h.Error = methods.Degraded, "the disk of the data directory is nearly full"
	}
	return h
}

// Transports reports the last results of the enabled global transports. It sends no request to them.
func (p *Probes) Transports() map[string]methods.TransportHealth {
	list := map[string]methods.TransportHealth{}
	globals := p.Outlets.Globals()
	for name := range globals.Brokers {
		if figures, on := p.Outlets.Stats(name); on {
			list[name] = transportHealth(figures.Connected, figures.Reason)
		}
	}
	if globals.Webhook != nil {
		standing := p.Webhooks.GlobalStanding()
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
