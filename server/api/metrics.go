package api

import (
	"context"
	"log/slog"
	"net/http"
	"runtime"
	rtmetrics "runtime/metrics"
	"strings"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/datadir"
	"github.com/waystation/waystation/server/metrics"
	"github.com/waystation/waystation/transports/dispatch"
)

const metricsPath = "/metrics"

// Deliveries are the deliveries over all transports.
type Deliveries interface {
	Stats() []dispatch.Stats
	Lags(ctx context.Context) map[string]dispatch.Lag
	Watches() int
	Pruned() uint64
}

// Metrics collects the figures of GET /metrics.
type Metrics struct {
	Version   string
	StartedAt time.Time
	Probes    *Probes
	Registry  *rpc.Registry
	Sockets   Sockets
	// EventSockets returns the number of open sockets in the form of other gateways.
	EventSockets func() int
	Deliveries   Deliveries
	// Durations are the histograms.
	Durations *metrics.Durations
}

// MetricsServer returns the server of the separate listener for metrics, which listens on address.
func (a *API) MetricsServer(address string) *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+metricsPath, a.serveMetrics)
	return &http.Server{
		Handler:           withSecurityHeaders(HostsOf(a.Settings, address).Guard(mux, http.HandlerFunc(a.refuseHost))),
		ReadHeaderTimeout: headerTimeout, ReadTimeout: headerTimeout, WriteTimeout: bodyTimeout, IdleTimeout: keepAlive,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(a.Log.With("part", "metrics").Handler(), slog.LevelDebug),
	}
}

// serveMetricsToAdmin is serveMetrics on the public listener.
func (a *API) serveMetricsToAdmin(w http.ResponseWriter, r *http.Request) {
	who, err := a.Sockets.Principal(r)
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

func (a *API) serveMetrics(w http.ResponseWriter, r *http.Request) {
	p := a.Metrics.page(r.Context())
	w.Header().Set("Content-Type", metrics.ContentType)
	w.Header().Set("Cache-Control", "no-store")
	if _, err := p.WriteTo(w); err != nil {
		a.Log.Debug("metrics not written", "error", err)
	}
}

// page collects the figures.
func (m *Metrics) page(ctx context.Context) *metrics.Page {
	p := metrics.NewPage(metrics.Families, m.Durations)
	for _, add := range []func(context.Context, *metrics.Page){m.addProcess, m.addDeliveries, m.addBrokers, m.addJournal, m.addSockets, m.addSessions, m.addCalls, m.addStorage} {
		add(ctx, p)
	}
	return p
}

// goFigures are the metrics of the Go runtime.
var goFigures = []struct{ name, source string }{
	{"go_goroutines", "/sched/goroutines:goroutines"},
	{"go_memstats_heap_objects_bytes", "/memory/classes/heap/objects:bytes"},
	{"go_memstats_sys_bytes", "/memory/classes/total:bytes"},
	{"go_gc_cycles_total", "/gc/cycles/total:gc-cycles"},
}

func (m *Metrics) addProcess(_ context.Context, p *metrics.Page) {
	p.Add("waystation_build_info", 1, m.Version, runtime.Version())
	p.Add("waystation_start_time_seconds", float64(m.StartedAt.UnixMilli())/1000)
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

func (m *Metrics) addDeliveries(ctx context.Context, p *metrics.Page) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	for _, s := range m.Deliveries.Stats() {
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
	for transport, lag := range m.Deliveries.Lags(ctx) {
		p.Add("waystation_delivery_lanes", float64(lag.Active), transport, "active")
		p.Add("waystation_delivery_lanes", float64(lag.Waiting), transport, "waiting")
		p.Add("waystation_delivery_lag_events", float64(lag.Events), transport)
		age := 0.0
		if !lag.Oldest.IsZero() {
			age = max(now.Sub(lag.Oldest).Seconds(), 0)
		}
		p.Add("waystation_delivery_lag_seconds", age, transport)
	}
	p.Add("waystation_delivery_watches", float64(m.Deliveries.Watches()))
	p.Add("waystation_archive_pruned_total", float64(m.Deliveries.Pruned()))
}

func (m *Metrics) addBrokers(_ context.Context, p *metrics.Page) {
	for transport, t := range m.Probes.Outlets.Totals() {
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

func (m *Metrics) addJournal(_ context.Context, p *metrics.Page) {
	s := m.Probes.Journal.Stats()
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

func (m *Metrics) addSockets(_ context.Context, p *metrics.Page) {
	sent := m.Sockets.Sent()
	p.Add("waystation_sockets", float64(m.Sockets.Connections()))
	p.Add("waystation_socket_events_total", float64(sent.Events))
	p.Add("waystation_socket_signals_total", float64(sent.Signals))
	p.Add("waystation_socket_gaps_total", float64(sent.Gaps))
	p.Add("waystation_socket_written_bytes_total", float64(sent.Bytes))
	p.Add("waystation_event_sockets", float64(m.EventSockets()))
}

func (m *Metrics) addSessions(_ context.Context, p *metrics.Page) {
	for state, n := range m.Probes.sessionStates() {
		p.Add("waystation_sessions", float64(n), state)
	}
}

func (m *Metrics) addCalls(_ context.Context, p *metrics.Page) {
	sent := uint64(0)
	for _, o := range m.Registry.Outcomes() {
		p.Add("waystation_calls_total", float64(o.Calls), o.Method, o.Class)
		if o.Class == "ok" && strings.HasPrefix(o.Method, "message.send") {
			sent += o.Calls
		}
	}
	p.Add("waystation_messages_sent_total", float64(sent))
}

func (m *Metrics) addStorage(_ context.Context, p *metrics.Page) {
	pool := m.Probes.DB.RawDB.Stats()
	p.Add("waystation_database_connections", float64(pool.InUse), "in_use")
	p.Add("waystation_database_connections", float64(pool.Idle), "idle")
	inPlace := 0.0
	if m.Probes.databaseFileInPlace() {
		inPlace = 1
	}
	p.Add("waystation_database_file_in_place", inPlace)
	if free, known := datadir.DiskFree(m.Probes.DataDir); known {
		p.Add("waystation_disk_free_bytes", float64(free))
	}
}
