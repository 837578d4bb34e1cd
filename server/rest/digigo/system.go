package digigo

import (
	"net/http"

	"github.com/waystation/waystation/server/rest"
)

func systemRoutes() []rest.Route {
	return []rest.Route{rest.Row("GET", "/health", "server.getHealth", getHealth, rest.Public())}
}

// health is what the dialect reads of server.getHealth.
type health struct {
	Status        string `json:"status"`
	Version       string `json:"version"`
	UptimeSeconds int64  `json:"uptime_seconds"`
	Time          string `json:"time"`
	Build         struct{ Commit *string }
	Metrics       struct {
		Goroutines int
		CPUs       int
		GoVersion  string `json:"go_version"`
	}
	Environment struct {
		Container    bool
		Host         *string
		Name, Region *string
	}
	Services map[string]struct {
		Status    string
		LatencyMS *float64 `json:"latency_ms"`
		Driver    string
		Error     string
		Figures   map[string]int
	}
}

// healthAnswer has the document's keys. GET /v1/health has the whole result of server.getHealth.
type healthAnswer struct {
	Code        int                `json:"code"`
	Data        string             `json:"data"`
	Success     bool               `json:"success"`
	Status      string             `json:"status"`
	Version     string             `json:"version"`
	Uptime      int64              `json:"uptime"`
	Timestamp   string             `json:"timestamp"`
	Metrics     healthMetrics      `json:"metrics"`
	Environment healthEnvironment  `json:"environment"`
	Build       healthBuild        `json:"build"`
	Services    map[string]service `json:"services"`
}

type healthMetrics struct {
	Goroutines int    `json:"goroutines"`
	GoVersion  string `json:"go_version"`
	CPUs       int    `json:"cpu_count"`
	GoMaxProcs int    `json:"go_max_procs"`
}

type healthEnvironment struct {
	Containerized bool    `json:"containerized"`
	Hostname      *string `json:"hostname"`
	Name          *string `json:"app_env"`
	Region        *string `json:"app_region"`
}

type healthBuild struct {
	Commit string `json:"commit"`
}

type service struct {
	Status          string  `json:"status"`
	LatencyMS       float64 `json:"latency_ms"`
	OpenConnections int     `json:"open_connections"`
	InUse           int     `json:"in_use"`
	Idle            int     `json:"idle"`
	Driver          string  `json:"driver"`
	Error           string  `json:"error,omitempty"`
}

// serviceStatus are the document's words; others stay.
var serviceStatus = map[string]string{"healthy": "up", "unhealthy": "down"}

func getHealth(x *rest.Exchange, _ *rest.None) (*rest.Reply, error) {
	var h health
	if err := x.Call("server.getHealth", nil, &h); err != nil {
		return nil, err
	}
	status := http.StatusOK
	answer := healthAnswer{
		Code: status, Data: "OK", Success: true, Status: h.Status, Version: h.Version, Uptime: h.UptimeSeconds, Timestamp: h.Time,
		Metrics:     healthMetrics{Goroutines: h.Metrics.Goroutines, GoVersion: h.Metrics.GoVersion, CPUs: h.Metrics.CPUs, GoMaxProcs: h.Metrics.CPUs},
		Environment: healthEnvironment{Containerized: h.Environment.Container, Hostname: h.Environment.Host, Name: h.Environment.Name, Region: h.Environment.Region},
		Build:       healthBuild{Commit: rest.Deref(h.Build.Commit)}, Services: map[string]service{},
	}
	for name, s := range h.Services {
		if s.Driver == "" && s.Error == "" {
			continue // the document lists services outside of the process
		}
		out := service{
			Status: s.Status, LatencyMS: rest.Deref(s.LatencyMS), Driver: s.Driver, Error: s.Error,
			OpenConnections: s.Figures["open"], InUse: s.Figures["in_use"], Idle: s.Figures["idle"],
		}
		if word, ok := serviceStatus[s.Status]; ok {
			out.Status = word
		}
		answer.Services[name] = out
	}
	if h.Status == "unhealthy" {
		status, answer.Code, answer.Data = http.StatusServiceUnavailable, http.StatusServiceUnavailable, "ERROR"
	}
	return &rest.Reply{Status: status, Body: answer}, nil
}
