package digigo

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
	"github.com/waystation/waystation/server/rest/shared"
)

func storageRoutes() []rest.Route {
	retention := rest.Family(familyRetention)
	return []rest.Route{
		rest.Pass[shared.StorageRequest, saved]("POST", "/session/s3/config", "storage.updateSettings", rest.Says("S3 configuration saved successfully"), rest.NeedsBody()),
		rest.Pass[rest.None, shared.Storage]("GET", "/session/s3/config", "storage.getSettings", rest.From("/settings")),
		rest.Pass[rest.None, done]("DELETE", "/session/s3/config", "storage.deleteSettings", rest.Says("S3 configuration deleted successfully")),
		rest.Pass[rest.None, storageTested]("POST", "/session/s3/test", "storage.test", rest.First[storageEnabled]("storage.getSettings", nil, nil)),
		rest.Pass[rest.None, retentionAnswer]("GET", "/admin/global/s3-retention/stats", "storage.getRetentionStats", retention),
		rest.Pass[rest.None, triggered]("POST", "/admin/global/s3-retention/trigger", "storage.runRetention", retention, rest.First[retentionRunning]("storage.getRetentionStats", nil, nil)),
	}
}

type saved struct {
	Details string `from:"="`
	Enabled bool   `from:"/settings/enabled"`
}

// storageEnabled is the condition of a test.
type storageEnabled struct {
	Enabled bool `from:"/settings/enabled"`
}

// FinishAnswer implements rest.Finisher.
func (s *storageEnabled) FinishAnswer() error {
	if !s.Enabled {
		return rest.Bad("enabled", "S3 is not enabled", "must be true for a test")
	}
	return nil
}

// tested is the result of a test.
type tested struct {
	OK    bool   `json:"-" from:"/ok"`
	Error string `json:"-" from:"/error"`
}

// failed returns an error with the document's text if the test failed.
func (t *tested) failed(text string) error {
	if t.OK {
		return nil
	}
	return brokenOperation(text, t.Error)
}

type storageTested struct {
	tested
	Details string `from:"=S3 connection test successful"`
	Bucket  string `from:"/bucket"`
	Region  string `from:"/region"`
}

// FinishAnswer implements rest.Finisher.
func (t *storageTested) FinishAnswer() error { return t.failed("S3 connection test failed") }

type retentionAnswer struct {
	Code    int              `json:"code" from:"=200"`
	Success bool             `json:"success" from:"=true"`
	Data    retentionFigures `json:"data"`
}

// FinishAnswer implements rest.Finisher: a worker that does not run is the document's error.
func (a *retentionAnswer) FinishAnswer() error {
	if !a.Data.Running {
		return notRunning("S3 retention manager not initialized")
	}
	return nil
}

type retentionFigures struct {
	Enabled   bool            `json:"enabled" from:"/enabled"`
	Running   bool            `json:"running" from:"/running"`
	Cycling   bool            `json:"currently_running" from:"/cycle_running"`
	LastRun   *string         `json:"last_run_time" from:"/last_run_at" doc:"null = never"`
	Took      span            `json:"last_run_duration" from:"/last_run_seconds"`
	Deleted   int             `json:"objects_deleted" from:"/objects_deleted"`
	Reclaimed int64           `json:"bytes_reclaimed" from:"/bytes_reclaimed"`
	Errors    int             `json:"error_count" from:"/error_count"`
	Users     int             `json:"users_processed" from:"/sessions_processed"`
	Cycles    int             `json:"cycle_count" from:"/cycle_count"`
	Config    retentionConfig `json:"config" from:"/config"`
}

type retentionConfig struct {
	Interval    span `json:"interval" from:"/interval_seconds"`
	Concurrency int  `json:"max_concurrency" from:"/max_concurrency"`
	Batch       int  `json:"batch_size" from:"/batch_size"`
	Objects     int  `json:"objects_per_cycle" from:"/objects_per_cycle"`
}

// span is a time in seconds as the document has it, such as 1h0m0s; absent ones are 0s.
type span string

// UnmarshalJSON reads seconds.
func (s *span) UnmarshalJSON(raw []byte) error {
	var seconds float64
	if err := json.Unmarshal(raw, &seconds); err != nil {
		return fmt.Errorf("seconds: %w", err)
	}
	*s = span(time.Duration(seconds * float64(time.Second)).String())
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (s span) MarshalText() ([]byte, error) { return []byte(cmp.Or(s, "0s")), nil }

func notRunning(text string) error { return &rest.Failure{Err: rpc.ShuttingDown(0), Text: text} }

// retentionRunning is the condition of a cycle.
type retentionRunning struct {
	Running bool `from:"/running"`
}

// FinishAnswer implements rest.Finisher.
func (r *retentionRunning) FinishAnswer() error {
	if !r.Running {
		return notRunning("S3 retention manager is not running")
	}
	return nil
}

type triggered struct {
	Code    int    `json:"code" from:"=200"`
	Success bool   `json:"success" from:"=true"`
	Message string `json:"message" from:"=S3 retention cycle triggered. Check /admin/global/s3-retention/stats for progress."`
	Started bool   `json:"-" from:"/started"`
}

// FinishAnswer implements rest.Finisher.
func (t *triggered) FinishAnswer() error {
	if !t.Started {
		t.Message = "S3 retention cycle already running. Check /admin/global/s3-retention/stats for progress."
	}
	return nil
}
