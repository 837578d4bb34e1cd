package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	rtmetrics "runtime/metrics"
	"strings"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/metrics"
)

const metricsPath = "/metrics"

// openMetrics opens the separate listener for metrics, if one is configured, and serves it until the app closes.
func (a *app) openMetrics(ctx context.Context) error {
	if a.cfg.MetricsListen == "" {
		return nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", a.cfg.MetricsListen)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+metricsPath, a.serveMetrics)
	server := &http.Server{
		Handler: withSecurityHeaders(a.hostsOf(a.cfg.MetricsListen).Guard(mux, http.HandlerFunc(a.refuseHost))), ReadHeaderTimeout: headerTimeout, ReadTimeout: headerTimeout, WriteTimeout: bodyTimeout, IdleTimeout: keepAlive,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(a.log.With("part", "metrics").Handler(), slog.LevelDebug),
	}
	a.metricsAddr = listener.Addr()
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	a.onClose("metrics listener", func(context.Context) error {
		return errors.Join(server.Close(), unlessClosed(<-served))
	})
	a.log.Info("serving metrics", "address", listener.Addr().String())
	return nil
}

// serveMetricsToAdmin is serveMetrics on the public listener.
func (a *app) serveMetricsToAdmin(w http.ResponseWriter, r *http.Request) {
	who, err := a.endpoint.Principal(r)
	switch {
	case err != nil:
	case who.Kind == rpc.ScopePublic || who.Kind == "":
		err = rpc.Unauthenticated("the admin token is needed")
	case who.Kind != rpc.ScopeAdmin || who.Session != "":
		err = rpc.Forbidden("only the admin sees the figures of the server")
	}
	if err != nil {
		a.writeError(w, err)
		return
	}
	a.serveMetrics(w, r)
}

func (a *app) serveMetrics(w http.ResponseWriter, r *http.Request) {
	p := metrics.NewPage(metrics.Families, a.durations)
	for _, add := range []func(context.Context, *metrics.Page){a.addProcess, a.addDeliveries, a.addBrokers, a.addJournal, a.addSockets, a.addSessions, a.addCalls, a.addStorage} {
		add(r.Context(), p)
	}
	w.Header().Set("Content-Type", metrics.ContentType)
	w.Header().Set("Cache-Control", "no-store")
	if _, err := p.WriteTo(w); err != nil {
		a.log.Debug("metrics not written", "error", err)
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

// goFigures are the metrics of the Go runtime.
var goFigures = []struct{ name, source string }{
	{"go_goroutines", "/sched/goroutines:goroutines"},
	{"go_memstats_heap_objects_bytes", "/memory/classes/heap/objects:bytes"},
	{"go_memstats_sys_bytes", "/memory/classes/total:bytes"},
	{"go_gc_cycles_total", "/gc/cycles/total:gc-cycles"},
}

func (a *app) addProcess(_ context.Context, p *metrics.Page) {
	p.Add("waystation_build_info", 1, version, runtime.Version())
	p.Add("waystation_start_time_seconds", float64(a.startedAt.UnixMilli())/1000)
	samples := make([]rtmetrics.Sample, len(goFigures))
	for i, f := range goFigures {
		samples[i].Name = f.source
	}
	rtmetrics.Read(samples)
	for i, f := range goFigures {
		if samples[i].Value.Kind() == rtmetrics.KindUint64 {
			p.Add(f.name, float64(samples[i].Value.Uint64()))
		}
	}
}

func (a *app) addDeliveries(ctx context.Context, p *metrics.Page) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	for _, s := range a.deliver.Stats() {
		for _, of := range []struct {
			outcome string
			n       uint64
		}{{"delivered", s.Delivered}, {"dead_letter", s.DeadLetters}, {"lost", s.Lost}, {"replay", s.Replays}} {
			p.Add("waystation_deliveries_total", float64(of.n), s.Transport, of.outcome)
		}
		p.Add("waystation_delivery_attempts_total", float64(s.Attempts), s.Transport)
		for meaning, n := range s.Failures {
			p.Add("waystation_delivery_failures_total", float64(n), s.Transport, meaning)
		}
		p.Add("waystation_delivery_retries_total", float64(s.Retries), s.Transport)
		p.Add("waystation_delivery_signals_total", float64(s.Signals), s.Transport, "delivered")
		p.Add("waystation_delivery_signals_total", float64(s.SignalsFailed), s.Transport, "failed")
		p.Add("waystation_delivery_signals_total", float64(s.SignalsDropped), s.Transport, "dropped")
		p.Add("waystation_delivery_targets", float64(s.Targets), s.Transport)
		p.Add("waystation_delivery_breakers_open", float64(s.OpenBreakers), s.Transport)
	}
	now := time.Now()
	for transport, lag := range a.deliver.Lags(ctx) {
		p.Add("waystation_delivery_lanes", float64(lag.Active), transport, "active")
		p.Add("waystation_delivery_lanes", float64(lag.Waiting), transport, "waiting")
		p.Add("waystation_delivery_lag_events", float64(lag.Events), transport)
		age := 0.0
		if !lag.Oldest.IsZero() {
			age = max(now.Sub(lag.Oldest).Seconds(), 0)
		}
		p.Add("waystation_delivery_lag_seconds", age, transport)
	}
	p.Add("waystation_delivery_watches", float64(a.deliver.Watches()))
	p.Add("waystation_archive_pruned_total", float64(a.deliver.Pruned()))
}

func (a *app) addBrokers(_ context.Context, p *metrics.Page) {
	for transport, t := range a.outlets.Totals() {
		p.Add("waystation_broker_connections", float64(t.Connected), transport, "connected")
		p.Add("waystation_broker_connections", float64(t.Open-t.Connected), transport, "away")
		for _, of := range []struct {
			outcome string
			n       uint64
		}{{"published", t.Published}, {"failed", t.Failed}, {"truncated", t.Truncated}, {"unroutable", t.Unroutable}} {
			p.Add("waystation_broker_messages_total", float64(of.n), transport, of.outcome)
		}
	}
}

func (a *app) addJournal(_ context.Context, p *metrics.Page) {
	s := a.journal.Stats()
	for _, f := range []struct {
		name string
		n    uint64
	}{
		{"appended_total", s.Appended},
		{"duplicates_total", s.Duplicates},
		{"commits_total", s.Commits},
		{"failed_total", s.Failed},
		{"waited_total", s.Waited},
		{"trimmed_total", s.Trimmed},
		{"signals_dropped_total", s.SignalsDropped},
		{"waiting", uint64(s.Waiting)},
	} {
		p.Add("waystation_journal_"+f.name, float64(f.n))
	}
	failing := 0.0
	if s.Failing {
		failing = 1
	}
	p.Add("waystation_journal_failing", failing)
}

func (a *app) addSockets(_ context.Context, p *metrics.Page) {
	sent := a.endpoint.Sent()
	p.Add("waystation_sockets", float64(a.endpoint.Connections()))
	p.Add("waystation_socket_events_total", float64(sent.Events))
	p.Add("waystation_socket_signals_total", float64(sent.Signals))
	p.Add("waystation_socket_gaps_total", float64(sent.Gaps))
	p.Add("waystation_socket_written_bytes_total", float64(sent.Bytes))
}

func (a *app) addSessions(_ context.Context, p *metrics.Page) {
	for state, n := range a.sessionStates() {
		p.Add("waystation_sessions", float64(n), state)
	}
}

// sessionStates counts sessions by state, including states without sessions.
func (a *app) sessionStates() map[string]int {
	states := map[string]int{}
	for _, state := range bridge.States() {
		states[string(state)] = 0
	}
	for _, s := range a.bridge.Sessions() {
		states[string(s.Status().State)]++
	}
	return states
}

func (a *app) addCalls(_ context.Context, p *metrics.Page) {
	sent := uint64(0)
	for _, o := range a.registry.Outcomes() {
		p.Add("waystation_calls_total", float64(o.Calls), o.Method, o.Class)
		if o.Class == "ok" && strings.HasPrefix(o.Method, "message.send") {
			sent += o.Calls
		}
	}
	p.Add("waystation_messages_sent_total", float64(sent))
}

func (a *app) addStorage(_ context.Context, p *metrics.Page) {
	pool := a.db.RawDB.Stats()
	p.Add("waystation_database_connections", float64(pool.InUse), "in_use")
	p.Add("waystation_database_connections", float64(pool.Idle), "idle")
	inPlace := 0.0
	if a.databaseFileInPlace() {
		inPlace = 1
	}
	p.Add("waystation_database_file_in_place", inPlace)
	if free, known := diskFree(a.cfg.DataDir); known {
		p.Add("waystation_disk_free_bytes", float64(free))
	}
}
