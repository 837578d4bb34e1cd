package digigo

import (
	"maps"
	"net/http"

	"github.com/waystation/waystation/server/rest"
)

func systemRoutes() []rest.Route {
	return []rest.Route{rest.Pass[rest.None, healthAnswer]("GET", "/health", "server.getHealth", rest.Public())}
}

// healthAnswer has the document's keys. GET /v1/health has the whole result of server.getHealth.
type healthAnswer struct {
	Code      int    `json:"code" from:"=200"`
	Data      string `json:"data" from:"=OK"`
	Success   bool   `json:"success" from:"=true"`
	Status    string `json:"status" from:"/status"`
	Version   string `json:"version" from:"/version"`
	Uptime    int64  `json:"uptime" from:"/uptime_seconds"`
	Timestamp string `json:"timestamp" from:"/time"`
	Metrics   struct {
		Goroutines int    `json:"goroutines" from:"/goroutines"`
		GoVersion  string `json:"go_version" from:"/go_version"`
		CPUs       int    `json:"cpu_count" from:"/cpus"`
		GoMaxProcs int    `json:"go_max_procs" from:"/cpus"`
	} `json:"metrics" from:"/metrics"`
	Environment struct {
		Containerized bool    `json:"containerized" from:"/container"`
		Hostname      *string `json:"hostname" from:"/host"`
		Name          *string `json:"app_env" from:"/name"`
		Region        *string `json:"app_region" from:"/region"`
	} `json:"environment" from:"/environment"`
	Build struct {
		Commit string `json:"commit" from:"/build/commit"`
	} `json:"build"`
	Services map[string]service `json:"services" from:"/services"`
}

type service struct {
	Status          rest.Word[serviceWords] `json:"status" from:"/status"`
	LatencyMS       float64                 `json:"latency_ms" from:"/latency_ms"`
	OpenConnections int                     `json:"open_connections" from:"/figures/open"`
	InUse           int                     `json:"in_use" from:"/figures/in_use"`
	Idle            int                     `json:"idle" from:"/figures/idle"`
	Driver          string                  `json:"driver" from:"/driver"`
	Error           string                  `json:"error,omitempty" from:"/error"`
}

type serviceWords struct{}

// WordPairs implements rest.Vocabulary.
func (serviceWords) WordPairs() map[string]string {
	return map[string]string{"healthy": "up", "unhealthy": "down"}
}

// ToReply implements rest.Replier. The document lists only services outside of the process.
func (a *healthAnswer) ToReply() (*rest.Reply, error) {
	maps.DeleteFunc(a.Services, func(_ string, s service) bool { return s.Driver == "" && s.Error == "" })
	if a.Status == "unhealthy" {
		a.Code, a.Data = http.StatusServiceUnavailable, "ERROR"
	}
	return &rest.Reply{Status: a.Code, Body: a}, nil
}
