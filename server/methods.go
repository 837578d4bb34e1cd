package main

import (
	"cmp"
	"context"
	"encoding/hex"
	"runtime/debug"
	"strconv"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods"
	"github.com/waystation/waystation/rpc/methods/accountmethods"
	"github.com/waystation/waystation/rpc/methods/allmethods"
	"github.com/waystation/waystation/rpc/methods/deliverymethods"
	"github.com/waystation/waystation/rpc/methods/sandboxmethods"
	"github.com/waystation/waystation/rpc/methods/shared"
	"github.com/waystation/waystation/server/api"
	"github.com/waystation/waystation/server/socket"
	"github.com/waystation/waystation/transports/webhook"
)

func (a *app) openMethods(ctx context.Context) (err error) {
	operations, err := methods.Operations()
	if err != nil {
		return err
	}
	a.urls = &api.URLs{
		PublicURL: a.cfg.PublicURL, Listener: func() string { return a.listener.Addr().String() },
		Key: a.secret.Key("media addresses"), MediaTTL: a.cfg.MediaURLTTL, OwnerOf: a.ownerOf,
	}
	a.probes = &api.Probes{
		DB: a.db, Journal: a.journal, Sessions: a.bridge, Storage: a.storage, Outlets: a.outlets, Webhooks: a.webhooks,
		Connections: func() int { return a.endpoint.Connections() },
		DataDir:     a.cfg.DataDir, MinDiskFree: uint64(a.cfg.MinDiskFree), Log: a.log,
	}
	a.health = methods.ServerDeps{
		Version: version, Commit: buildCommit(), BuiltAt: builtAt, StartedAt: a.startedAt, Services: a.probes.Services, Transports: a.probes.Transports,
		Sandbox: a.cfg.OnSandbox(), License: a.licenseDeps(),
	}
	a.registry = rpc.NewRegistry(rpc.Options{
		Version: version, Timeout: a.cfg.CallTimeout, SessionInFlight: a.cfg.SessionCallsInFlight,
		Operations: operations, Events: methods.Events(), Replies: a.keptReplies, OwnerOf: a.ownerOf, MaxKeptReply: a.cfg.MaxKeptReply, ObserveCalls: a.callObserver, ObserveChanges: a.audit.Record, Log: a.log.With("part", "rpc"),
	})
	a.registry.MapError = shared.MapError
	a.watching = deliverymethods.NewWatchHub(a.cfg.MaxWatches)
	sessions := methods.Deps{
		Bridge: a.bridge, Tokens: tokens{a}, Owners: a.accounts, Webhooks: a.webhooks, Deliveries: a.deliver,
		Outlets: a.outlets, Globals: a.globalDeps(),
		Events:   a.journal,
		Storage:  a.storage,
		Server:   methods.ServerSettings{SkipMedia: a.cfg.SkipMedia, EchoAPIMessages: a.cfg.EchoAPIMessages},
		MediaURL: a.urls.Media, SignMediaURL: a.urls.SignMedia, Log: a.log.With("part", "methods"),
	}
	allmethods.Register(a.registry, allmethods.Deps{
		Sessions: sessions, Server: a.health, Tickets: a.tickets,
		Accounts: accountmethods.Deps{Store: a.accounts, HasSession: a.hasSession, RegistrationOpen: a.settings.RegistrationOpen, Forget: a.notices.DeleteAccount},
		Delivery: deliverymethods.Deps{
			Bridge: a.bridge, Deliveries: a.deliver, TestReceiver: webhook.NewTestReceiver(a.cfg.WebhookTestRate),
			Retention: a.journal, WatchTokens: a.watchers, WatchURL: a.urls.Watch, Watching: a.watching,
		},
		System: a.systemDeps(),
	})
	if a.network.Local != nil {
		sandboxmethods.Register(a.registry, sandboxmethods.Deps{Network: a.network.Local, Bridge: a.bridge})
	} else if a.network.Remote != nil {
		sandboxmethods.Register(a.registry, sandboxmethods.Deps{Forward: a.network.Remote.Call, Bridge: a.bridge})
	}
	a.endpoint, err = socket.New(a.registry, a.journal, a.tokens, visibleSessions{a.bridge}, socket.Config{
		Version: version, Origins: a.origins, Tickets: a.tickets, Consumers: a.consumers, Shared: sharedSockets{a},
		Replies: a.replies, Frames: a.bodies, MinRate: a.cfg.MinBodyRate, Proxies: a.proxies,
		StreamKey: a.secret.Key("event ids"), StreamHeartbeat: a.cfg.StreamHeartbeat, MaxStreamSessions: a.cfg.MaxStreamSessions,
		MaxCloses: a.cfg.KeptCloses, MaxWaiting: a.cfg.MaxWaitingConnections, MaxWaitingPerAddress: a.cfg.MaxWaitingPerAddress, ControlRate: a.cfg.ControlFrames,
		MaxConnections: a.cfg.MaxConnections, MaxPerSession: a.cfg.MaxSessionConnections,
		InFlight: a.cfg.CallsInFlight, MaxFrame: a.cfg.MaxFrame, MaxHelloFrame: a.cfg.MaxHelloFrame, Rate: a.cfg.CallsPerSecond, Burst: a.cfg.CallBurst,
		DrainTimeout: a.cfg.ShutdownTimeout / 2, // the other half is for the bridge and the database
		Log:          a.log.With("part", "socket"),
	})
	if err == nil {
		a.onClose("sockets", func(ctx context.Context) error { a.endpoint.Shutdown(ctx); return nil })
	}
	return err
}

// licenseDeps returns what server.getLicense reports. The id of the installation comes from its secret, which all of its
// servers have.
func (a *app) licenseDeps() methods.LicenseDeps {
	return methods.LicenseDeps{
		Hidden: !a.cfg.LicenseReporting, MaxSessions: a.cfg.MaxSessions,
		InstallationID:   "inst_" + hex.EncodeToString(a.secret.Key("installation id")[:8]),
		InstallationName: cmp.Or(a.cfg.PublicURL, a.cfg.Listen),
		InstanceID:       "proc_" + strconv.FormatInt(a.startedAt.UnixNano(), 36),
	}
}

// buildCommit returns the commit the binary was built from, if the build recorded it.
func buildCommit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
}
