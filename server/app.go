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
	"strings"
	"sync"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/objectstore"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/budget"
	"github.com/waystation/waystation/rpc/idempotency"
	"github.com/waystation/waystation/rpc/methods"
	"github.com/waystation/waystation/rpc/methods/deliverymethods"
	"github.com/waystation/waystation/server/accounts"
	"github.com/waystation/waystation/server/address"
	"github.com/waystation/waystation/server/api"
	"github.com/waystation/waystation/server/audit"
	"github.com/waystation/waystation/server/auth"
	"github.com/waystation/waystation/server/config"
	"github.com/waystation/waystation/server/datadir"
	"github.com/waystation/waystation/server/eventsocket"
	"github.com/waystation/waystation/server/facts"
	"github.com/waystation/waystation/server/metrics"
	"github.com/waystation/waystation/server/network"
	"github.com/waystation/waystation/server/notifications"
	"github.com/waystation/waystation/server/origin"
	"github.com/waystation/waystation/server/rest"
	"github.com/waystation/waystation/server/secret"
	"github.com/waystation/waystation/server/socket"
	"github.com/waystation/waystation/server/systemsettings"
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

	network     *network.Network
	db          *dbutil.Database
	secret      *secret.Secret
	journal     *journal.Journal
	consumers   *consumer.Store
	deliver     *dispatch.Dispatcher
	outbound    *guard.Guard
	webhooks    *webhook.Webhooks
	outlets     *outlets.Outlets
	storage     *objectstore.Storage
	bridge      *bridge.Bridge
	bridgeOpen  chan struct{} // closed when bridge is set
	accounts    *accounts.Store
	socketsOpen chan struct{} // closed when endpoint and events are set
	auth        *auth.Auth
	tokens      *auth.Throttle // auth with a limit on failed attempts, for callers
	tickets     *auth.Tickets
	watchers    *auth.Tickets // tokens of delivery.createWatchToken
	watching    *deliverymethods.WatchHub
	origins     *origin.List
	registry    *rpc.Registry
	endpoint    *socket.Endpoint
	events      *eventsocket.Endpoint // sockets in the form of other gateways
	shim        *rest.Shim
	rates       *rpc.Rates // rates of callers without a connection
	proxies     *address.Proxies
	bodies      *budget.Budget // bodies of POST /v1/rpc and frames of sockets
	replies     *budget.Budget // unread replies
	listener    net.Listener
	server      *http.Server
	api         *api.API
	urls        *api.URLs
	probes      *api.Probes
	// metricsAddr is the separate listener of GET /metrics; nil = no such listener.
	metricsAddr net.Addr

	health methods.ServerDeps

	adminToken, adminTokenFile string

	reloads sync.Mutex // held while globals are reloaded

	keptReplies *idempotency.Store // replies of calls with an idempotency key

	settings *systemsettings.Store // that people change at run time
	notices  *notifications.Store
	audit    *audit.Log

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
	a := &app{cfg: cfg, log: log, out: out, startedAt: time.Now(), durations: metrics.NewDurations(metrics.Families), bridgeOpen: make(chan struct{}), socketsOpen: make(chan struct{})}
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
		{"system settings", a.openSystemSettings},
		{"notifications", a.openNotifications},
		{"audit log", a.openAudit},
		{"object storage", a.openStorage},
		{"bridge", a.openBridge},
		{"secret", func(ctx context.Context) error { return a.secret.Settle(ctx) }},
		{"global transports", a.startOutlets},
		{"uploads", a.startStorage},
		{"methods", a.openMethods},
		{"event sockets", a.openEventSockets},
		{"dialects", a.openDialects},
		{"handlers", a.openHandlers},
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

// openDataDir makes the data directory and locks it.
func (a *app) openDataDir(context.Context) error {
	lock, err := datadir.Lock(a.cfg.DataDir, a.log)
	if err == nil {
		a.onClose("data directory", func(context.Context) error { return lock.Close() })
	}
	return err
}

func (a *app) openNetwork(context.Context) (err error) {
	if a.network, err = network.Open(a.cfg, a.log); err == nil {
		a.onClose("network", func(context.Context) error { a.network.Close(); return nil })
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
	if err = facts.Claim(ctx, a.db, a.cfg); err == nil {
		a.secret, err = secret.Open(ctx, a.db, a.cfg, a.log)
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

func (a *app) openAuth(ctx context.Context) (err error) {
	if a.adminToken, a.adminTokenFile, err = secret.AdminToken(a.cfg); err != nil {
		return err
	}
	a.tickets = auth.NewTickets(auth.NewMemoryTickets(), auth.TicketConfig{For: a.cfg.TicketTTL, PerPrincipal: a.cfg.TicketsPerPrincipal, OwnerOf: a.ownerOf})
	a.watchers = auth.NewTickets(auth.NewMemoryTickets(), auth.TicketConfig{For: a.cfg.WatchTokenTTL, PerPrincipal: a.cfg.WatchTokens, OwnerOf: a.ownerOf})
	if a.origins, err = origin.New(a.cfg.AllowedOrigins, a.cfg.PublicURL); err != nil {
		return fmt.Errorf("allowed-origins: %w", err)
	}
	a.origins.SetHosts(api.HostsOf(a.cfg, a.cfg.Listen))
	if a.proxies, err = address.NewProxies(a.cfg.TrustedProxies); err != nil {
		return fmt.Errorf("trusted-proxies: %w", err)
	}
	a.bodies = budget.New(int64(a.cfg.BodiesMemory), 0)
	a.replies = budget.New(int64(a.cfg.RepliesMemory), 0)
	if a.auth, err = auth.Open(ctx, a.db, a.adminToken); err == nil {
		err = a.openAccounts(ctx)
	}
	if err == nil {
		a.tokens = auth.NewThrottle(a.accounts.Authenticator(a.auth), a.cfg.WrongTokens)
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
		err = a.firstSteps().Run(serving)
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
	requests.Go(func() { a.events.Shutdown(ending) })
	a.endpoint.Shutdown(ending)
	requests.Wait()
	return a.close(ctx)
}
