package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/media"
	"github.com/waystation/waystation/bridge/objectstore"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/budget"
	"github.com/waystation/waystation/rpc/idempotency"
	"github.com/waystation/waystation/rpc/methods"
	"github.com/waystation/waystation/server/address"
	"github.com/waystation/waystation/server/auth"
	"github.com/waystation/waystation/server/config"
	"github.com/waystation/waystation/server/metrics"
	"github.com/waystation/waystation/server/origin"
	"github.com/waystation/waystation/server/rest"
	"github.com/waystation/waystation/server/socket"
	"github.com/waystation/waystation/transports/consumer"
	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/guard"
	"github.com/waystation/waystation/transports/outlets"
	"github.com/waystation/waystation/transports/webhook"
)

// app is a running server.
type app struct {
	cfg       *config.Config
	log       *slog.Logger
	out       io.Writer // output for people: pairing codes, the demo
	startedAt time.Time

	network    *network
	db         *dbutil.Database
	fileLost   atomic.Bool // the last check found another file at the database's path, or no file
	secret     secret
	journal    *journal.Journal
	consumers  *consumer.Store
	deliver    *dispatch.Dispatcher
	outbound   *guard.Guard
	webhooks   *webhook.Webhooks
	outlets    *outlets.Outlets
	storage    *objectstore.Storage
	bridge     *bridge.Bridge
	bridgeOpen chan struct{} // closed when bridge is set
	auth       *auth.Auth
	tokens     *auth.Throttle // auth with a limit on failed attempts, for callers
	tickets    *auth.Tickets
	watchers   *auth.Tickets // tokens of delivery.createWatchToken
	watching   *methods.WatchHub
	origins    *origin.List
	registry   *rpc.Registry
	endpoint   *socket.Endpoint
	shim       *rest.Shim
	rates      *rpc.Rates // rates of callers without a connection
	refusals   *rpc.Rates // rate of log lines about rejected origins and hosts
	proxies    *address.Proxies
	bodies     *budget.Budget // bodies of POST /v1/rpc and frames of sockets
	replies    *budget.Budget // unread replies
	listener   net.Listener
	server     *http.Server
	// metricsAddr is the separate listener of GET /metrics; nil = no such listener.
	metricsAddr net.Addr

	health methods.ServerDeps

	adminToken, adminTokenFile string

	reloads sync.Mutex // held while globals are reloaded

	keptReplies *idempotency.Store // replies of calls with an idempotency key

	// durations are the histograms of the metrics.
	durations *metrics.Durations

	// closers undo newApp, the last first.
	closers []closer
	// helpers are the goroutines of this package; run waits for them.
	helpers sync.WaitGroup
}

type closer struct {
	name  string
	close func(ctx context.Context) error
}

// newApp creates the server and opens its listener; before run it connects to nothing and answers no request. On an
// error it has closed everything it opened.
func newApp(ctx context.Context, cfg *config.Config, log *slog.Logger, out io.Writer) (*app, error) {
	cfg.PublicURL = guard.NormalizeOrKeep(cfg.PublicURL)
	a := &app{cfg: cfg, log: log, out: out, startedAt: time.Now(), durations: metrics.NewDurations(metrics.Families), bridgeOpen: make(chan struct{})}
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"data directory", a.openDataDir},
		{"network", a.openNetwork},
		{"database", a.openDatabase},
		{"journal", a.openJournal},
		{"consumers", a.openConsumers},
		{"outbound requests", a.openOutbound},
		{"dispatcher", a.openDispatcher},
		{"webhooks", a.openWebhooks},
		{"outlets", a.openOutlets},
		{"auth", a.openAuth},
		{"idempotency keys", a.openReplies},
		{"object storage", a.openStorage},
		{"bridge", a.openBridge},
		{"secret", a.settleSecret},
		{"global transports", a.startOutlets},
		{"uploads", a.startStorage},
		{"methods", a.openMethods},
		{"dialects", a.openDialects},
		{"listener", a.openListener},
		{"metrics listener", a.openMetrics},
	} {
		if err := step.do(ctx); err != nil {
			closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.ShutdownTimeout)
			defer cancel()
			return nil, errors.Join(&stepError{step.name, err}, a.close(closing))
		}
	}
	return a, nil
}

// stepError is an error of a step of newApp. Its text names the step once: errors of packages begin with the
// package's name, which is often the name of the step.
type stepError struct {
	step string
	err  error
}

func (e *stepError) Error() string {
	text := e.err.Error()
	if prefix, _, ok := strings.Cut(text, ": "); ok && (strings.HasPrefix(e.step, prefix) || strings.HasPrefix(prefix, e.step)) {
		text = text[len(prefix)+2:]
	}
	return e.step + ": " + text
}

func (e *stepError) Unwrap() error { return e.err }

func (a *app) onClose(name string, f func(ctx context.Context) error) {
	a.closers = append(a.closers, closer{name, f})
}

// close runs the closers in reverse order.
func (a *app) close(ctx context.Context) error {
	var problems []error
	for i := len(a.closers) - 1; i >= 0; i-- {
		c := a.closers[i]
		if err := c.close(ctx); err != nil {
			problems = append(problems, fmt.Errorf("close %s: %w", c.name, err))
		}
	}
	a.closers = nil
	return errors.Join(problems...)
}

func (a *app) openNetwork(context.Context) (err error) {
	if a.network, err = openNetwork(a.cfg, a.log); err == nil {
		a.onClose("network", func(context.Context) error { a.network.close(); return nil })
	}
	return err
}

func (a *app) openDatabase(ctx context.Context) (err error) {
	path, isDefault := a.cfg.DatabasePath()
	if a.cfg.Sandbox && isDefault {
		// The simulated network of this process begins without accounts, so it would log out all sessions of an
		// earlier run.
		for _, suffix := range []string{"", "-wal", "-shm"} {
			if err := os.Remove(path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	if a.db, err = database.Open(ctx, path, database.Options{}); err != nil {
		return err
	}
	a.onClose("database", func(context.Context) error { return a.db.Close() })
	if err = claimDatabase(ctx, a.db, a.cfg); err == nil {
		err = a.openSecret(ctx)
	}
	return err
}

func (a *app) openJournal(ctx context.Context) (err error) {
	a.journal, err = journal.Open(ctx, a.db, journal.Config{
		RetainFor: a.cfg.RetainFor, RetainBytes: int64(a.cfg.RetainBytes), RetainEvents: a.cfg.RetainEvents,
		ObserveAppend: a.durations.Observer("waystation_journal_append_duration_seconds"), Log: a.log.With("part", "journal"),
	})
	if err == nil {
		a.onClose("journal", func(context.Context) error { return a.journal.Close() })
	}
	return err
}

func (a *app) openConsumers(ctx context.Context) (err error) {
	a.consumers, err = consumer.Open(ctx, a.db, consumer.Config{
		FlushEvery: a.cfg.ConsumerFlush, FlushChanges: a.cfg.ConsumerFlushChanges,
		KeepFor: a.cfg.KeepConsumers, MaxConsumers: a.cfg.MaxConsumers, Log: a.log.With("part", "consumers"),
	})
	if err == nil {
		a.onClose("consumers", a.consumers.Close)
	}
	return err
}

// Log lines about rejected origins and hosts: per second, and burst.
const (
	refusalsLogged = 0.2
	refusalBurst   = 10
)

// hostsOf returns the host names under which a listener is reached.
func (a *app) hostsOf(listen string) *origin.Hosts {
	return origin.NewHosts(listen, slices.Concat([]string{a.cfg.PublicURL}, a.cfg.AllowedOrigins, a.cfg.AllowedHosts)...)
}

func (a *app) openAuth(ctx context.Context) (err error) {
	if a.adminToken, a.adminTokenFile, err = adminToken(a.cfg); err != nil {
		return err
	}
	a.tickets = auth.NewTickets(auth.NewMemoryTickets(), auth.TicketConfig{For: a.cfg.TicketTTL, PerPrincipal: a.cfg.TicketsPerPrincipal, OwnerOf: a.ownerOf})
	a.watchers = auth.NewTickets(auth.NewMemoryTickets(), auth.TicketConfig{For: a.cfg.WatchTokenTTL, PerPrincipal: a.cfg.WatchTokens, OwnerOf: a.ownerOf})
	if a.origins, err = origin.New(a.cfg.AllowedOrigins, a.cfg.PublicURL); err != nil {
		return fmt.Errorf("allowed-origins: %w", err)
	}
	a.refusals = rpc.NewRates(refusalsLogged, refusalBurst)
	a.origins.SetHosts(a.hostsOf(a.cfg.Listen))
	if a.proxies, err = address.NewProxies(a.cfg.TrustedProxies); err != nil {
		return fmt.Errorf("trusted-proxies: %w", err)
	}
	a.bodies = budget.New(int64(a.cfg.BodiesMemory), 0)
	a.replies = budget.New(int64(a.cfg.RepliesMemory), 0)
	if a.auth, err = auth.Open(ctx, a.db, a.adminToken); err == nil {
		a.tokens = auth.NewThrottle(a.auth, a.cfg.WrongTokens)
	}
	return err
}

func (a *app) openBridge(ctx context.Context) error {
	outbound, err := guard.New(guardConfig(a.cfg))
	if err != nil {
		return fmt.Errorf("allow-hosts: %w", err)
	}
	a.bridge, err = bridge.Open(ctx, bridge.Options{
		DB: a.db, Journal: a.journal, Attach: a.network.attach, Simulation: a.network.address, HTTP: a.network.http, Outbound: outbound, Storage: a.storage, Log: a.log.With("part", "bridge"),
		Media: media.Config{
			Dir: filepath.Join(a.cfg.DataDir, "media"), MaxBytes: int64(a.cfg.MaxMediaBytes), MaxSessionBytes: int64(a.cfg.SessionMediaBytes), Keep: a.cfg.KeepMedia,
			MaxUploads: a.cfg.MaxUploads, KeepUploads: a.cfg.KeepUploads,
		},
		Key: a.secret.key("proxy addresses"), PreviousKeys: a.secret.previousKeys("proxy addresses"),
		Outlets: bridgeOutlets{a.outlets, a}, Forget: a.forgetOwner,
		ObserveAck: a.durations.Observer("waystation_message_ack_duration_seconds"),
		Config: bridge.Config{
			MaxSessions: a.cfg.MaxSessions, ConnectConcurrency: a.cfg.ConnectConcurrency, DeviceName: a.cfg.DeviceName, Dialect: a.cfg.RootDialect,
			StanzaBytes: a.cfg.MaxStanzaBytes, StanzaDepth: a.cfg.MaxStanzaDepth,
			NoEcho: !a.cfg.EchoAPIMessages, SkipMedia: a.cfg.SkipMedia, KeepDeleted: a.cfg.KeepDeleted,
			PasskeyTimeout: a.cfg.PasskeyTimeout, ConfirmTimeout: a.cfg.PasskeyConfirmTimeout,
		},
	})
	if err == nil {
		close(a.bridgeOpen)
		a.onClose("bridge", a.bridge.Close)
	}
	return err
}

// openReplies opens the store of replies. It closes after the bridge, which deletes the replies of deleted sessions.
func (a *app) openReplies(ctx context.Context) (err error) {
	a.keptReplies, err = idempotency.Open(ctx, a.db, idempotency.Config{
		Keep: a.cfg.KeepReplies, MaxKeys: a.cfg.MaxIdempotencyKeys, Log: a.log.With("part", "rpc"),
	})
	if err == nil {
		a.onClose("idempotency keys", func(context.Context) error { return a.keptReplies.Close() })
	}
	return err
}

// ownerOf returns the key of a session's data.
func (a *app) ownerOf(session string) string { return a.bridge.OwnerOf(session) }

// forgetOwner deletes the data of a deleted session that is stored outside of the bridge.
func (a *app) forgetOwner(ctx context.Context, owner string) error {
	return a.keptReplies.DeleteOwner(ctx, owner, auth.SessionPrincipal(owner), auth.AdminID)
}

func (a *app) openMethods(ctx context.Context) (err error) {
	operations, err := methods.Operations()
	if err != nil {
		return err
	}
	a.health = methods.ServerDeps{
		Version: version, Commit: buildCommit(), BuiltAt: builtAt, StartedAt: a.startedAt, Services: a.probeServices, Transports: a.globalHealth,
		Sandbox: a.cfg.OnSandbox(),
	}
	a.registry = rpc.NewRegistry(rpc.Options{
		Version: version, Timeout: a.cfg.CallTimeout, SessionInFlight: a.cfg.SessionCallsInFlight,
		Operations: operations, Events: methods.Events(), Replies: a.keptReplies, OwnerOf: a.ownerOf, MaxKeptReply: a.cfg.MaxKeptReply, ObserveCalls: a.callObserver, Log: a.log.With("part", "rpc"),
	})
	a.registry.MapError = methods.MapError
	a.watching = methods.NewWatchHub(a.cfg.MaxWatches)
	deps := methods.Deps{
		Bridge: a.bridge, Tokens: tokens{a}, Webhooks: a.webhooks, Deliveries: a.deliver,
		Outlets: a.outlets, Globals: a.globalDeps(),
		Events: a.journal, Retention: a.journal, WatchTokens: a.watchers, WatchURL: a.watchURL, Watching: a.watching,
		Storage:  a.storage,
		Server:   methods.ServerSettings{SkipMedia: a.cfg.SkipMedia, EchoAPIMessages: a.cfg.EchoAPIMessages},
		MediaURL: a.mediaURL, SignMediaURL: a.signMediaURL, Log: a.log.With("part", "methods"),
	}
	for _, register := range []func(*rpc.Registry, methods.Deps){
		methods.RegisterSession, methods.RegisterMessage, methods.RegisterChat, methods.RegisterPresence, methods.RegisterMedia,
		methods.RegisterGroup, methods.RegisterContact, methods.RegisterProfile, methods.RegisterPrivacy,
		methods.RegisterDevice, methods.RegisterCall, methods.RegisterStatus, methods.RegisterWebhook,
		methods.RegisterArchive, methods.RegisterDelivery, methods.RegisterTransport, methods.RegisterStorage,
	} {
		register(a.registry, deps)
	}
	methods.RegisterServer(a.registry, a.health)
	methods.RegisterTickets(a.registry, a.bridge, a.tickets)
	if a.network.local != nil {
		methods.RegisterSandbox(a.registry, methods.SandboxDeps{Network: a.network.local, Bridge: a.bridge})
	} else if a.network.remote != nil {
		methods.RegisterSandbox(a.registry, methods.SandboxDeps{Forward: a.network.remote.call, Bridge: a.bridge})
	}
	a.endpoint, err = socket.New(a.registry, a.journal, a.tokens, visibleSessions{a.bridge}, socket.Config{
		Version: version, Origins: a.origins, Tickets: a.tickets, Consumers: a.consumers, Shared: sharedSockets{a},
		Replies: a.replies, Frames: a.bodies, MinRate: a.cfg.MinBodyRate, Proxies: a.proxies,
		StreamKey: a.secret.key("event ids"), StreamHeartbeat: a.cfg.StreamHeartbeat, MaxStreamSessions: a.cfg.MaxStreamSessions,
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

func (a *app) openListener(ctx context.Context) (err error) {
	if a.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", a.cfg.Listen); err != nil {
		return err
	}
	a.onClose("listener", func(context.Context) error {
		if err := a.listener.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	a.server = a.newHTTPServer()
	return nil
}

// run serves until ctx ends or the listener fails, then closes everything in order: no new connections, sockets
// drained and their calls ended, sessions disconnected, journal and database closed.
func (a *app) run(ctx context.Context) error {
	serving, stop := context.WithCancel(ctx)
	defer stop()
	served := make(chan error, 1)
	go func() { served <- a.server.Serve(a.listener) }()
	a.log.Info("listening", "address", a.listener.Addr().String(), "version", version, "config", a.cfg)
	if a.adminTokenFile != "" {
		a.log.Info("the admin token is in a file", "path", a.adminTokenFile)
	}
	a.reloadOnSignal(serving)
	err := a.bridge.Start(serving)
	if err == nil {
		err = a.printFirstSteps(serving)
	}
	if ctx.Err() != nil {
		err = nil // asked to stop while starting, which makes the current step fail
	}
	ended := false
	if err == nil {
		select {
		case <-ctx.Done():
			a.log.Info("shutting down")
		case err = <-served:
			ended = true
		}
	}
	stop()
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.cfg.ShutdownTimeout)
	defer cancel()
	err = errors.Join(err, a.shutdown(closing))
	if !ended {
		err = errors.Join(err, unlessClosed(<-served))
	}
	a.helpers.Wait()
	return err
}

// unlessClosed returns nil for the error of a server that was closed on purpose.
func unlessClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func (a *app) shutdown(ctx context.Context) error {
	// HTTP requests and sockets end concurrently: Shutdown stops accepting and waits for requests, the endpoint
	// drains the sockets. A quarter of the time is left for the writes that follow them.
	ending, cancel := context.WithTimeout(ctx, a.cfg.ShutdownTimeout*3/4)
	defer cancel()
	var requests sync.WaitGroup
	requests.Go(func() {
		if err := a.server.Shutdown(ending); err != nil {
			_ = a.server.Close() // requests that outlast the time are cut
		}
	})
	a.deliver.EndWatches() // which have no end of their own
	a.endpoint.Shutdown(ending)
	requests.Wait()
	return a.close(ctx)
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
