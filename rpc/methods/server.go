package methods

import (
	"context"
	"os"
	"runtime"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
)

// Health of the server or of one of its dependencies.
const (
	Healthy   = "healthy"
	Degraded  = "degraded"
	Unhealthy = "unhealthy"
)

// ServiceHealth is the health of one dependency.
type ServiceHealth struct {
	Status    string         `json:"status" doc:"healthy, degraded or unhealthy"`
	LatencyMS *float64       `json:"latency_ms,omitempty" doc:"time of the probe"`
	Driver    string         `json:"driver,omitempty" doc:"product behind it"`
	Error     string         `json:"error,omitempty" doc:"why it is not healthy"`
	Figures   map[string]int `json:"figures,omitempty" doc:"pool figures, or sessions by state"`
}

// States of a global transport.
const (
	TransportIdle      = "idle"
	TransportConnected = "connected"
	TransportFailing   = "failing"
)

// TransportHealth is the latest result of one of the operator's global transports.
type TransportHealth struct {
	State  string `json:"state" doc:"connected, failing, or idle until the first attempt; the result of the latest attempt, the call itself makes none"`
	Reason string `json:"reason,omitempty" doc:"why it is failing: unreachable, unresolved, certificate, timeout, credentials, missing, not_ready or refused"`
}

// ServerDeps are the dependencies of the server.* methods.
type ServerDeps struct {
	Version, Commit, BuiltAt string
	StartedAt                time.Time
	// Sandbox reports that the network is a simulation.
	Sandbox bool
	// Services probes every dependency; it must answer within seconds.
	Services func(ctx context.Context) map[string]ServiceHealth
	// Transports returns the latest results of the enabled global transports, by name.
	Transports func() map[string]TransportHealth
	License    LicenseDeps
}

type serverPong struct {
	OK   bool      `json:"ok" doc:"always true"`
	Time time.Time `json:"time" doc:"server clock"`
}

type serverBuild struct {
	Commit  *string `json:"commit" doc:"source revision of the build"`
	BuiltAt *string `json:"built_at" doc:"when"`
}

type serverMetrics struct {
	Goroutines int    `json:"goroutines" doc:"running goroutines"`
	CPUs       int    `json:"cpus" doc:"processors it may use"`
	GoVersion  string `json:"go_version" doc:"compiler"`
}

type serverEnvironment struct {
	Container bool    `json:"container" doc:"runs in a container"`
	Host      *string `json:"host" doc:"host name"`
	Name      *string `json:"name" doc:"environment name"`
	Region    *string `json:"region" doc:"region"`
}

// ServerHealth is the result of server.getHealth.
type ServerHealth struct {
	Status        string                   `json:"status" doc:"healthy, degraded or unhealthy"`
	Version       string                   `json:"version" doc:"server version"`
	Build         serverBuild              `json:"build" doc:"build"`
	StartedAt     time.Time                `json:"started_at" doc:"process start"`
	UptimeSeconds int64                    `json:"uptime_seconds" doc:"whole seconds"`
	Time          time.Time                `json:"time" doc:"server clock"`
	Metrics       serverMetrics            `json:"metrics" doc:"process figures"`
	Environment   serverEnvironment        `json:"environment" doc:"where it runs"`
	Services      map[string]ServiceHealth `json:"services" doc:"dependencies by name"`
	// Transports do not affect the status: events wait for them, and the server is healthy.
	Transports map[string]TransportHealth `json:"transports" doc:"global transports that are on, by name; status does not depend on them"`
	Sandbox    bool                       `json:"sandbox" doc:"the network is a simulation"`
}

// Health probes the server. The worst of its services determines the status.
func (d ServerDeps) Health(ctx context.Context) ServerHealth {
	now := time.Now().UTC()
	h := ServerHealth{
		Status: Healthy, Version: d.Version, Build: serverBuild{Commit: textOrNil(d.Commit), BuiltAt: textOrNil(d.BuiltAt)},
		StartedAt: d.StartedAt.UTC(), UptimeSeconds: int64(now.Sub(d.StartedAt).Seconds()), Time: now,
		Metrics:     serverMetrics{Goroutines: runtime.NumGoroutine(), CPUs: runtime.GOMAXPROCS(0), GoVersion: runtime.Version()},
		Environment: serverEnvironment{Container: inContainer()},
		Services:    d.Services(ctx), Transports: d.Transports(), Sandbox: d.Sandbox,
	}
	for _, s := range h.Services {
		if s.Status == Unhealthy || s.Status == Degraded && h.Status == Healthy {
			h.Status = s.Status
		}
	}
	return h
}

func inContainer() bool {
	for _, mark := range []string{"/.dockerenv", "/run/.containerenv"} {
		if _, err := os.Stat(mark); err == nil {
			return true
		}
	}
	return false
}

func textOrNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// RegisterServer registers the methods about the process itself.
func RegisterServer(reg *rpc.Registry, d ServerDeps) {
	registerLicense(reg, d.License)
	rpc.Register(reg, rpc.Method{
		Name: "server.ping", Summary: "Return at once while the process runs, without any checks.", Scope: rpc.ScopePublic,
	}, func(context.Context, *rpc.Call, *shared.None) (serverPong, error) {
		return serverPong{OK: true, Time: time.Now().UTC()}, nil
	})
	rpc.Register(reg, rpc.Method{
		Name: "server.getHealth", Summary: "Report overall health, uptime, build and the state of each dependency.", Scope: rpc.ScopePublic,
	}, func(ctx context.Context, call *rpc.Call, _ *shared.None) (ServerHealth, error) {
		h := d.Health(ctx)
		if host, err := os.Hostname(); err == nil && call.Principal.Kind == rpc.ScopeAdmin {
			h.Environment.Host = &host // internal names are only for authenticated callers
		}
		return h, nil
	})
}
