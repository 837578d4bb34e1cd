package digigo

import (
	"cmp"

	"github.com/waystation/waystation/server/rest"
)

// Texts of the archive; some have details.
const (
	badEntryID   = "invalid event ID"
	badStatus    = "invalid status filter"
	noSuchEntry  = "archive event not found"
	noFilter     = "bulk deletion requires at least one filter (status, transport, user_id, or event_type)"
	replayFailed = "failed to replay archive event"
)

// defaultLimit is the number of entries that a call without a limit is about.
const defaultLimit = 50

func archiveRoutes() []rest.Route {
	with := func(failure string, others ...rest.Option) []rest.Option {
		return append([]rest.Option{rest.Family(familyArchive), rest.FailText(failure)}, others...)
	}
	inData := rest.Family(familyArchiveData)
	const archiveFailed = "failed to retrieve archive events"
	return []rest.Route{
		rest.Pass[archiveListRequest, archiveList]("GET", "/admin/archive", "archive.list", with(archiveFailed, rest.With(rest.Params{"include_payload": true}))...),
		// The document asks for no confirmation.
		rest.Pass[archiveDeletion, archiveDeleted]("DELETE", "/admin/archive", "archive.deleteMany", with(archiveFailed, rest.NeedsBody(), rest.With(rest.Params{"confirm": true}))...),
		rest.Pass[rest.None, archiveCounts]("GET", "/admin/archive/stats", "archive.getStats", with("failed to retrieve archive statistics", inData)...),
		rest.Pass[archiveEntryRequest, archived]("GET", "/admin/archive/{id}", "archive.get", with("failed to retrieve archive event", inData, rest.From("/entry"))...),
		rest.Pass[archiveEntryRequest, archiveDone]("DELETE", "/admin/archive/{id}", "archive.delete", with("failed to delete archive event")...),
		rest.Pass[archiveReplay, archiveReplayed]("POST", "/admin/archive/replay", "archive.replay", with(replayFailed, rest.NeedsBody(), rest.With(rest.Params{"dry_run": false}))...),
	}
}

// kindFilter selects a kind; empty = all.
type kindFilter string

// ToParam implements rest.Converter.
func (k kindFilter) ToParam(field string) (any, error) {
	native, ok := nativeKinds[string(k)]
	if !ok {
		return nil, rest.Bad(field, badStatus, "is not dlq, success or empty")
	}
	return native, nil
}

// archiveFilter is the filter as answers repeat it.
type archiveFilter struct {
	Status    string `json:"status" from:"<status"`
	Transport string `json:"transport" from:"<transport"`
	User      string `json:"user_id" from:"<user_id"`
	Event     string `json:"event_type" from:"<event_type"`
	Limit     int    `json:"limit" from:"<limit"`
	Offset    int    `json:"offset"`
}

// FinishAnswer implements rest.Finisher.
func (f *archiveFilter) FinishAnswer() error {
	f.Limit = cmp.Or(f.Limit, defaultLimit)
	return nil
}

// archivePageFilter is the filter of a page.
type archivePageFilter struct {
	archiveFilter
	From   *string `json:"from_date,omitempty" from:"<from_date"`
	To     *string `json:"to_date,omitempty" from:"<to_date"`
	Offset int     `json:"offset" from:"<offset"`
}

type archiveListRequest struct {
	Status kindFilter `rest:"status,query,param=/status" enum:"|dlq|success"`
	deadListRequest
}

type archiveList struct {
	Code    int               `json:"code" from:"=200"`
	Data    []archived        `json:"data" from:"/entries"`
	Count   int               `json:"count" from:"#/entries"`
	Filter  archivePageFilter `json:"filter"`
	Success bool              `json:"success" from:"=true"`
}

type archiveSelection struct {
	Status    kindFilter `rest:"status,param=/status" enum:"|dlq|success"`
	Transport transport  `rest:"transport,param=/transport"`
	User      sessionID  `rest:"user_id,param=/session_ids" doc:"id of a session"`
	Event     string     `rest:"event_type,param=/event"`
	Limit     *int       `rest:"limit,param=/limit" doc:"1 to 1000, default 50"`
}

// everything reports whether the selection leaves nothing out.
func (a *archiveSelection) everything() bool {
	return a.Status == "" && a.Transport == "" && a.User == "" && a.Event == ""
}

type archiveDeletion struct{ archiveSelection }

// CompleteParams implements rest.Completer.
func (a *archiveDeletion) CompleteParams(rest.Params) error {
	if a.everything() {
		return rest.Missing("status", noFilter)
	}
	return nil
}

type archiveDeleted struct {
	Code    int           `json:"code" from:"=200"`
	Deleted int           `json:"deleted" from:"/deleted_count"`
	Failed  int           `json:"failed" from:"/failed_count"`
	Total   int           `json:"total"`
	Filter  archiveFilter `json:"filter"`
	Success bool          `json:"success" from:"=true"`
	Errors  []string      `json:"errors" from:"/errors"`
}

// FinishAnswer implements rest.Finisher.
func (a *archiveDeleted) FinishAnswer() error {
	a.Total = a.Deleted + a.Failed
	return nil
}

type archiveCounts struct {
	Total              int                     `json:"total_count" from:"/total"`
	Delivered          int                     `json:"success_count"`
	Dead               int                     `json:"dlq_count"`
	OldestDelivered    *string                 `json:"oldest_success" from:"/oldest/delivered"`
	NewestDelivered    *string                 `json:"newest_success" from:"/newest/delivered"`
	OldestDead         *string                 `json:"oldest_dlq" from:"/oldest/dead_letter"`
	NewestDead         *string                 `json:"newest_dlq" from:"/newest/dead_letter"`
	ByTransport        figures[transportWords] `json:"by_transport" from:"/by_transport"`
	ByEvent            map[string]int          `json:"by_event_type" from:"/by_event"`
	ByKind             figures[kindWords]      `json:"by_status" from:"/by_status"`
	ByTransportAndKind transportKinds          `json:"by_transport_status" from:"/by_transport_status"`
}

// FinishAnswer implements rest.Finisher.
func (c *archiveCounts) FinishAnswer() error {
	c.Delivered, c.Dead = c.ByKind[kindDelivered], c.ByKind[kindDead]
	return nil
}

type archiveEntryRequest struct {
	ID int64 `rest:"id,path,param=/entry_id" bad:"invalid event ID"`
}

type archiveDone struct {
	Code    int    `json:"code" from:"=200"`
	EventID int64  `json:"event_id" from:"<id"`
	Message string `json:"message" from:"=Event deleted successfully"`
	Success bool   `json:"success" from:"=true"`
	Deleted int    `json:"deleted" from:"=1"`
}

type archiveReplay struct {
	EventID *int64 `rest:"event_id,param=/entry_id" doc:"one entry; else the filter"`
	DryRun  bool   `rest:"dry_run,param=/dry_run" doc:"only show what would be sent"`
	archiveSelection
}

// CompleteParams implements rest.Completer.
func (in *archiveReplay) CompleteParams(rest.Params) error {
	if in.EventID == nil && in.everything() {
		return rest.Missing("event_id", "event_id or a filter is required")
	}
	return nil
}

// archiveReplayed answers a single replay, one of many, or a dry run: they have different keys.
type archiveReplayed struct {
	Code     int            `json:"code" from:"=200"`
	EventID  *int64         `json:"event_id,omitempty" from:"<event_id"`
	Message  string         `json:"message,omitempty"`
	Success  bool           `json:"success" from:"=true"`
	DryRun   bool           `json:"dry_run,omitempty" from:"<dry_run"`
	Replayed int            `json:"replayed" from:"/replayed_count"`
	Failed   *int           `json:"failed,omitempty" from:"/failed_count"`
	Total    *int           `json:"total,omitempty" from:"/matched_count"`
	Count    *int           `json:"count,omitempty"`
	Filter   *archiveFilter `json:"filter,omitempty"`
	Events   *[]archived    `json:"events,omitempty" from:"/entries"`
	Errors   []string       `json:"errors,omitempty" from:"/errors"`
	Waiting  int            `json:"-" from:"/waiting_count"`
}

// FinishAnswer implements rest.Finisher.
func (a *archiveReplayed) FinishAnswer() error {
	single, failed := a.EventID != nil, rest.Deref(a.Failed) > 0
	if single && failed {
		return brokenOperation(replayFailed, a.Errors[0])
	}
	if single {
		a.Filter = nil
	}
	if single || a.DryRun {
		a.Failed, a.Total, a.Errors = nil, nil, nil
	}
	switch {
	case a.DryRun:
		count := len(rest.Deref(a.Events))
		a.Replayed, a.Count = 0, &count
		return nil
	case !single:
	case a.Waiting > 0:
		a.Replayed, a.Message = 0, "Event already waits to be replayed"
	default:
		a.Message = "Event replayed successfully"
	}
	a.Events = nil
	return nil
}
