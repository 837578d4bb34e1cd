package digigo

import (
	"net/http"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

func storageRoutes() []rest.Route {
	retention := rest.Family(familyRetention)
	return []rest.Route{
		rest.Row("POST", "/session/s3/config", "storage.updateSettings", setStorage, rest.NeedsBody()),
		rest.Row("GET", "/session/s3/config", "storage.getSettings", getStorage),
		rest.Row("DELETE", "/session/s3/config", "storage.deleteSettings", deleteStorage),
		rest.Row("POST", "/session/s3/test", "storage.test storage.getSettings", testStorage),
		rest.Row("GET", "/admin/global/s3-retention/stats", "storage.getRetentionStats", retentionStats, retention),
		rest.Row("POST", "/admin/global/s3-retention/trigger", "storage.runRetention storage.getRetentionStats", runRetention, retention),
	}
}

type storageRequest struct {
	Enabled    *bool   `rest:"enabled,param=/enabled"`
	Endpoint   *string `rest:"endpoint,param=/endpoint" doc:"empty = AWS"`
	Region     *string `rest:"region,param=/region"`
	Bucket     *string `rest:"bucket,param=/bucket"`
	AccessKey  *string `rest:"access_key,param=/access_key"`
	SecretKey  *string `rest:"secret_key,param=/secret_key"`
	PathStyle  *bool   `rest:"path_style,param=/path_style" doc:"as MinIO needs"`
	PublicURL  *string `rest:"public_url,param=/public_url"`
	Delivery   *string `rest:"media_delivery,param=/media_delivery" enum:"base64|s3|both"`
	Retention  *int    `rest:"retention_days,param=/retention_days" doc:"0 = kept"`
	DisableACL *bool   `rest:"disable_acl,param=/disable_acl"`
}

// storage is what the dialect reads of the object storage's settings.
type storage struct {
	Enabled   bool    `json:"enabled"`
	Endpoint  string  `json:"endpoint"`
	Region    string  `json:"region"`
	Bucket    string  `json:"bucket"`
	AccessKey *string `json:"access_key"`
	PathStyle bool    `json:"path_style"`
	PublicURL string  `json:"public_url"`
	Delivery  string  `json:"media_delivery"`
	Retention int     `json:"retention_days"`
}

func callStorage(x *rest.Exchange, method string, params rest.Params) (storage, error) {
	var result struct{ Settings storage }
	err := x.Call(method, params, &result)
	return result.Settings, err
}

type saved struct {
	Details string
	Enabled bool
}

func setStorage(x *rest.Exchange, in *storageRequest) (*saved, error) {
	s, err := callStorage(x, "storage.updateSettings", rest.Given(in))
	return &saved{"S3 configuration saved successfully", s.Enabled}, err
}

func getStorage(x *rest.Exchange, _ *rest.None) (*storage, error) {
	s, err := callStorage(x, "storage.getSettings", nil)
	if s.AccessKey == nil {
		s.AccessKey = new(string)
	}
	if s.Delivery == "url" {
		s.Delivery = "s3"
	}
	return &s, err
}

func deleteStorage(x *rest.Exchange, _ *rest.None) (*done, error) {
	return &done{"S3 configuration deleted successfully"}, x.Call("storage.deleteSettings", nil, nil)
}

type storageTested struct {
	Details string
	Bucket  string
	Region  string
}

func testStorage(x *rest.Exchange, _ *rest.None) (*storageTested, error) {
	if s, err := callStorage(x, "storage.getSettings", nil); err != nil {
		return nil, err
	} else if !s.Enabled {
		return nil, rest.Bad("enabled", "S3 is not enabled", "must be true for a test")
	}
	var r struct {
		OK             bool
		Error          *string
		Bucket, Region string
	}
	if err := x.Call("storage.test", nil, &r); err != nil {
		return nil, err
	}
	if !r.OK {
		return nil, broken("S3 connection test failed", rest.Deref(r.Error))
	}
	return &storageTested{"S3 connection test successful", r.Bucket, r.Region}, nil
}

type retentionAnswer struct {
	Code    int              `json:"code"`
	Success bool             `json:"success"`
	Data    retentionFigures `json:"data"`
}

type retentionFigures struct {
	Enabled   bool            `json:"enabled"`
	Running   bool            `json:"running"`
	Cycling   bool            `json:"currently_running"`
	LastRun   *string         `json:"last_run_time" doc:"null = never"`
	Took      string          `json:"last_run_duration"`
	Deleted   int             `json:"objects_deleted"`
	Reclaimed int64           `json:"bytes_reclaimed"`
	Errors    int             `json:"error_count"`
	Users     int             `json:"users_processed"`
	Cycles    int             `json:"cycle_count"`
	Config    retentionConfig `json:"config"`
}

type retentionConfig struct {
	Interval    string `json:"interval"`
	Concurrency int    `json:"max_concurrency"`
	Batch       int    `json:"batch_size"`
	Objects     int    `json:"objects_per_cycle"`
}

// span is a time in seconds as the document has it, such as 1h0m0s.
func span(seconds float64) string { return time.Duration(seconds * float64(time.Second)).String() }

// retention is what the dialect reads of storage.getRetentionStats.
type retention struct {
	Enabled      bool
	Running      bool
	CycleRunning bool    `json:"cycle_running"`
	CycleCount   int     `json:"cycle_count"`
	LastRun      *string `json:"last_run_at"`
	Seconds      float64 `json:"last_run_seconds"`
	Deleted      int     `json:"objects_deleted"`
	Reclaimed    int64   `json:"bytes_reclaimed"`
	Errors       int     `json:"error_count"`
	Sessions     int     `json:"sessions_processed"`
	Config       struct {
		Interval    float64 `json:"interval_seconds"`
		Concurrency int     `json:"max_concurrency"`
		Batch       int     `json:"batch_size"`
		Objects     int     `json:"objects_per_cycle"`
	}
}

// readRetention reads the worker's figures; one that does not run is the document's error, with its text.
func readRetention(x *rest.Exchange, stopped string) (r retention, err error) {
	if err = x.Call("storage.getRetentionStats", nil, &r); err == nil && !r.Running {
		err = &rest.Failure{Err: rpc.ShuttingDown(0), Text: stopped}
	}
	return r, err
}

func retentionStats(x *rest.Exchange, _ *rest.None) (*retentionAnswer, error) {
	r, err := readRetention(x, "S3 retention manager not initialized")
	c := r.Config
	return &retentionAnswer{http.StatusOK, true, retentionFigures{
		Enabled: r.Enabled, Running: r.Running, Cycling: r.CycleRunning, LastRun: r.LastRun, Took: span(r.Seconds), Deleted: r.Deleted, Reclaimed: r.Reclaimed,
		Errors: r.Errors, Users: r.Sessions, Cycles: r.CycleCount, Config: retentionConfig{span(c.Interval), c.Concurrency, c.Batch, c.Objects},
	}}, err
}

type triggered struct {
	Code    int    `json:"code"`
	Success bool   `json:"success"`
	Message string `json:"message"`
}

func runRetention(x *rest.Exchange, _ *rest.None) (*triggered, error) {
	if _, err := readRetention(x, "S3 retention manager is not running"); err != nil {
		return nil, err
	}
	answer := &triggered{http.StatusOK, true, "S3 retention cycle triggered. Check /admin/global/s3-retention/stats for progress."}
	var r struct{ Started bool }
	err := x.Call("storage.runRetention", nil, &r)
	if !r.Started {
		answer.Message = "S3 retention cycle already running. Check /admin/global/s3-retention/stats for progress."
	}
	return answer, err
}
