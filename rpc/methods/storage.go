package methods

import (
	"context"
	"errors"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/objectstore"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
)

// storageSettings are the settings of an object storage in calls; absent ones stay unchanged.
type storageSettings struct {
	Enabled       *bool   `json:"enabled" doc:"use it"`
	Endpoint      *string `json:"endpoint" rpc:"max=1024" doc:"http or https address; empty = AWS"`
	Region        *string `json:"region" rpc:"max=1024" doc:"region; empty = us-east-1"`
	Bucket        *string `json:"bucket" rpc:"max=63" doc:"bucket"`
	AccessKey     *string `json:"access_key" rpc:"max=1024" doc:"key id"`
	SecretKey     *string `json:"secret_key" rpc:"max=1024" doc:"secret"`
	PathStyle     *bool   `json:"path_style" doc:"path addressing, as MinIO needs"`
	PublicURL     *string `json:"public_url" rpc:"max=1024" doc:"base address of offered links; empty = the endpoint's"`
	MediaDelivery *string `json:"media_delivery" rpc:"enum=base64|url|both|s3" doc:"base64, url or both in events; s3 is url; default both"`
	RetentionDays *int    `json:"retention_days" rpc:"min=0,max=36500" doc:"0 = keep"`
	DisableACL    *bool   `json:"disable_acl" doc:"send no ACL"`
}

func (p *storageSettings) change() *objectstore.Change {
	return &objectstore.Change{
		Enabled: p.Enabled, Endpoint: p.Endpoint, Region: p.Region, Bucket: p.Bucket, AccessKey: p.AccessKey, SecretKey: p.SecretKey,
		PathStyle: p.PathStyle, PublicURL: p.PublicURL, Delivery: (*objectstore.Delivery)(p.MediaDelivery), RetentionDays: p.RetentionDays,
		DisableACL: p.DisableACL,
	}
}

// storageObject is the settings of an object storage in results, with its latest results.
type storageObject struct {
	Enabled        bool                 `json:"enabled" doc:"used"`
	Endpoint       string               `json:"endpoint" doc:"address; empty = AWS"`
	Region         string               `json:"region" doc:"region; empty = us-east-1"`
	Bucket         string               `json:"bucket" doc:"bucket"`
	AccessKey      *string              `json:"access_key" doc:"masked; null = none"`
	SecretKey      *string              `json:"secret_key" doc:"masked; null = none"`
	PathStyle      bool                 `json:"path_style" doc:"path addressing"`
	PublicURL      string               `json:"public_url" doc:"base address of offered links"`
	MediaDelivery  objectstore.Delivery `json:"media_delivery" doc:"base64, url or both"`
	RetentionDays  int                  `json:"retention_days" doc:"0 = kept"`
	DisableACL     bool                 `json:"disable_acl" doc:"no ACL is sent"`
	UpdatedAt      *time.Time           `json:"updated_at" doc:"last change; null = never set"`
	WaitingFiles   int                  `json:"waiting_files" doc:"files that wait to be stored"`
	StoredFiles    int                  `json:"stored_files" doc:"files stored since the server started"`
	LastStoredAt   *time.Time           `json:"last_stored_at" doc:"null = none since the server started"`
	LastError      *string              `json:"last_error" doc:"error of the last attempt; null = success"`
	LastErrorField *string              `json:"last_error_field" doc:"setting that causes the error"`
	LastErrorAt    *time.Time           `json:"last_error_at" doc:"when the last failure was; null = none since the server started"`
}

type storageResult struct {
	Settings storageObject `json:"settings" doc:"secrets masked"`
}

type storageDeleteResult struct {
	Deleted bool `json:"deleted" doc:"false when there were none"`
}

type storageTestResult struct {
	OK     bool    `json:"ok" doc:"reached and writable"`
	Error  *string `json:"error" doc:"error; begins with the name of the setting"`
	Bucket string  `json:"bucket" doc:"tried bucket"`
	Region string  `json:"region" doc:"tried region"`
}

type retentionStatsResult struct {
	Enabled           bool            `json:"enabled" doc:"configured"`
	Running           bool            `json:"running" doc:"worker alive"`
	CycleRunning      bool            `json:"cycle_running" doc:"a cycle is under way"`
	CycleCount        int             `json:"cycle_count" doc:"cycles so far"`
	LastRunAt         *time.Time      `json:"last_run_at" doc:"null = never"`
	LastRunSeconds    float64         `json:"last_run_seconds" doc:"duration"`
	ObjectsDeleted    int             `json:"objects_deleted" doc:"total"`
	BytesReclaimed    int64           `json:"bytes_reclaimed" doc:"total"`
	ErrorCount        int             `json:"error_count" doc:"total"`
	SessionsProcessed int             `json:"sessions_processed" doc:"total"`
	Config            retentionConfig `json:"config" doc:"settings of the worker"`
}

type retentionConfig struct {
	IntervalSeconds float64 `json:"interval_seconds" doc:"between cycles"`
	MaxConcurrency  int     `json:"max_concurrency" doc:"storages at a time"`
	BatchSize       int     `json:"batch_size" doc:"objects of one request"`
	ObjectsPerCycle int     `json:"objects_per_cycle" doc:"objects of one cycle"`
}

type retentionRunResult struct {
	Started bool `json:"started" doc:"false when one is already running"`
}

// storageTestTimeout leaves the trial, which has a time of its own, room to end first.
const storageTestTimeout = 30 * time.Second

// RegisterStorage adds the methods of the namespace storage.
func RegisterStorage(reg *rpc.Registry, d Deps) {
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "storage.getSettings", Summary: "Read a session's object storage settings."},
		func(_ context.Context, s *bridge.Session, _ *shared.None) (storageResult, error) {
			return storageResult{d.shapeStorage(s.ID())}, nil
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "storage.updateSettings", Summary: "Store a session's object storage settings."},
		func(ctx context.Context, s *bridge.Session, p *storageSettings) (storageResult, error) {
			if _, err := d.Storage.Update(ctx, s.ID(), p.change()); err != nil {
				return storageResult{}, storageError("", err)
			}
			return storageResult{d.shapeStorage(s.ID())}, nil
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "storage.deleteSettings", Summary: "Remove a session's object storage settings; media go back to base64."},
		func(ctx context.Context, s *bridge.Session, _ *shared.None) (storageDeleteResult, error) {
			deleted, err := d.Storage.Delete(ctx, s.ID())
			return storageDeleteResult{deleted}, storageError("", err)
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "storage.test", Summary: "Test a session's stored object storage settings.", Timeout: storageTestTimeout}, d.testStorage)
	rpc.Register(reg, rpc.Method{
		Name: "storage.getRetentionStats", Scope: rpc.ScopeAdmin, Summary: "Read the figures of the worker that deletes expired objects.",
	}, d.getRetentionStats)
	rpc.Register(reg, rpc.Method{Name: "storage.runRetention", Scope: rpc.ScopeAdmin, Summary: "Start a clean-up of expired objects in the background."},
		func(context.Context, *rpc.Call, *shared.None) (retentionRunResult, error) {
			return retentionRunResult{d.Storage.RunRetention()}, nil
		})
}

func (d Deps) shapeStorage(session string) storageObject {
	c, standing := d.Storage.Settings(session), d.Storage.Standing(session)
	out := storageObject{
		Enabled: c.Enabled, Endpoint: c.Endpoint, Region: c.Region, Bucket: c.Bucket, PathStyle: c.PathStyle, PublicURL: c.PublicURL,
		MediaDelivery: c.Delivery, RetentionDays: c.RetentionDays, DisableACL: c.DisableACL, UpdatedAt: shared.OptionalTime(c.Updated),
		WaitingFiles: standing.Waiting, StoredFiles: standing.Stored, LastStoredAt: shared.OptionalTime(standing.LastStored), LastErrorAt: shared.OptionalTime(standing.LastErrorAt),
	}
	if c.AccessKey != "" {
		out.AccessKey = shared.Optional(objectstore.Masked)
	}
	if c.SecretKey != "" {
		out.SecretKey = shared.Optional(objectstore.Masked)
	}
	if problem := standing.LastError; problem != nil {
		out.LastError, out.LastErrorField = shared.Optional(problem.Message), shared.Optional(problem.Field)
	}
	return out
}

func (d Deps) testStorage(ctx context.Context, s *bridge.Session, _ *shared.None) (storageTestResult, error) {
	c := d.Storage.Settings(s.ID())
	out := storageTestResult{OK: true, Bucket: c.Bucket, Region: c.Region}
	if err := d.Storage.Test(ctx, s.ID()); err != nil {
		out.OK, out.Error = false, shared.Optional(err.Error())
	}
	return out, nil
}

func (d Deps) getRetentionStats(context.Context, *rpc.Call, *shared.None) (retentionStatsResult, error) {
	st := d.Storage.Retention()
	return retentionStatsResult{
		Enabled: true, Running: st.Running, CycleRunning: st.CycleRunning, CycleCount: st.Cycles, LastRunAt: shared.OptionalTime(st.LastRun),
		LastRunSeconds: st.LastDuration.Seconds(), ObjectsDeleted: st.Deleted, BytesReclaimed: st.Reclaimed, ErrorCount: st.Errors,
		SessionsProcessed: st.Sessions, Config: retentionConfig{st.Interval.Seconds(), st.Concurrency, st.Batch, st.PerCycle},
	}, nil
}

// storageError converts an error of package objectstore to the one for callers. Fields are below the pointer.
func storageError(below string, err error) error {
	if refused := shared.RefusedFields(below, err); refused != nil {
		return refused
	}
	if errors.Is(err, objectstore.ErrClosed) {
		return rpc.ShuttingDown(0)
	}
	return err
}
