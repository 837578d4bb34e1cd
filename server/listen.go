package main

import (
	"context"
	"errors"
	"net"

	"github.com/waystation/waystation/server/api"
	"github.com/waystation/waystation/server/cli"
)

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
	a.server = a.api.HTTPServer()
	return nil
}

// openHandlers creates the handlers of HTTP requests.
func (a *app) openHandlers(context.Context) error {
	a.api = api.New(api.Deps{
		Settings: a.cfg, Version: version, Registry: a.registry, Sockets: a.endpoint, Dialects: a.shim, Sessions: a.bridge,
		WatchTokens: a.watchers, Origins: a.origins, Proxies: a.proxies, URLs: a.urls, Health: a.health.Health,
		Metrics: &api.Metrics{
			Version: version, StartedAt: a.startedAt, Probes: a.probes, Registry: a.registry, Sockets: a.endpoint, EventSockets: a.events.Connections,
			Deliveries: a.deliver, Durations: a.durations,
		},
		Rates: a.rates, Bodies: a.bodies, Replies: a.replies, Log: a.log,
	})
	return nil
}

// openMetrics opens the separate listener for metrics, if one is configured, and serves it until the app closes.
func (a *app) openMetrics(ctx context.Context) error {
	if a.cfg.MetricsListen == "" {
		return nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", a.cfg.MetricsListen)
	if err != nil {
		return err
	}
	server := a.api.MetricsServer(a.cfg.MetricsListen)
	a.metricsAddr = listener.Addr()
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	a.onClose("metrics listener", func(context.Context) error {
		return errors.Join(server.Close(), unlessClosed(<-served))
	})
	a.log.Info("serving metrics", "address", listener.Addr().String())
	return nil
}

// firstSteps returns what prepares the first start of the server.
func (a *app) firstSteps() *cli.FirstSteps {
	return &cli.FirstSteps{
		Settings: a.cfg, Sessions: a.bridge, Tokens: a.auth, Network: a.network.Local, Listener: a.listener.Addr(),
		AdminTokenFile: a.adminTokenFile, Out: a.out, Log: a.log, Helpers: &a.helpers,
	}
}
