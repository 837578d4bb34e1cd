package digigo

import (
	"errors"
	"maps"
	"net/http"
	"time"

	"github.com/waystation/waystation/rpc"
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

func licenseRoutes() []rest.Route {
	return []rest.Route{
		rest.Pass[rest.None, licenseAnswer]("GET", "/admin/license/info", "server.getLicense", rest.Family(familyLicense),
			rest.OnError(noLicense)),
	}
}

// noLicense is the error of each failed report: 503, with the reason of the method.
func noLicense(err error) error {
	reason := rpc.Internal()
	_ = errors.As(err, &reason) // other errors have no text for callers
	return &rest.Failure{Err: &rpc.Error{Code: rpc.CodeShuttingDown, Message: reason.Message}, Text: "License information not available"}
}

type planWords struct{}

// WordPairs implements rest.Vocabulary. The plan of a self-hosted edition is the one with all features.
func (planWords) WordPairs() map[string]string { return map[string]string{"self_hosted": "ENTERPRISE"} }

// neverExpires is the date of licenses that do not expire: the document has no null there.
const neverExpires = "9999-12-31T23:59:59Z"

type licenseAnswer struct {
	Valid          bool                 `json:"valid" from:"/valid"`
	Installation   string               `json:"installation_id" from:"/installation_id"`
	Customer       string               `json:"customer_id" from:"/customer_id"`
	Name           string               `json:"installation_name" from:"/installation_name"`
	Plan           rest.Word[planWords] `json:"plan_type" from:"/plan"`
	Expires        string               `json:"expires_at" from:"/expires_at" doc:"9999-12-31T23:59:59Z = never"`
	MaxInstances   int                  `json:"max_instances" from:"/max_sessions"`
	Key            string               `json:"license_key" from:"/license_key"`
	Instance       string               `json:"instance_id" from:"/instance_id"`
	LastValidation string               `json:"last_validation" from:"/validated_at"`
	Days           int                  `json:"days_until_expiry" from:"/days_until_expiry"`
	Grace          bool                 `json:"is_in_grace_period"`
	GraceEnd       *string              `json:"grace_period_end,omitempty" from:"/grace_period_ends_at"`
	Status         string               `json:"status" from:"/status"`
	Message        string               `json:"status_message" from:"/status_message"`
	Features       []string             `json:"features" from:"/features"`
	Support        string               `json:"support_email" from:"/support_email"`
	Manual         string               `json:"documentation_url" from:"/documentation_url"`
}

// FinishAnswer implements rest.Finisher.
func (l *licenseAnswer) FinishAnswer() error {
	l.Grace = l.GraceEnd != nil
	if l.Expires == "" {
		l.Expires = neverExpires
		end, _ := time.Parse(time.RFC3339, neverExpires)
		l.Days = int(end.Unix()-time.Now().Unix()) / (24 * 60 * 60) // a Duration has no room for it
	}
	return nil
}
