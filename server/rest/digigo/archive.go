package digigo

import (
	"cmp"
	"net/http"

	"github.com/waystation/waystation/server/rest"
)

// Texts of the archive; some have details.
const (
	badEntryID    = "invalid event ID"
	badStatus     = "invalid status filter"
	noSuchEntry   = "archive event not found"
	noFilter      = "bulk deletion requires at least one filter (status, transport, user_id, or event_type)"
	replayFailed  = "failed to replay archive event"
	archiveFailed = "failed to retrieve archive events"
)

// defaultLimit is how many entries a call without a limit is about.
const defaultLimit = 50

func archiveRoutes() []rest.Route {
	with := func(failure string, others ...rest.Option) []rest.Option {
		return append(others, rest.Family(familyArchive), rest.FailText(failure))
	}
	return []rest.Route{
		rest.Row("GET", "/admin/archive", "archive.list", listArchive, with(archiveFailed)...),
		rest.Row("DELETE", "/admin/archive", "archive.deleteMany", deleteManyArchive, with(archiveFailed, rest.NeedsBody())...),
		rest.Row("GET", "/admin/archive/stats", "archive.getStats", archiveStats, with("failed to retrieve archive statistics")...),
		rest.Row("GET", "/admin/archive/{id}", "archive.get", getArchive, with("failed to retrieve archive event")...),
		rest.Row("DELETE", "/admin/archive/{id}", "archive.delete", deleteArchive, with("failed to delete archive event")...),
		rest.Row("POST", "/admin/archive/replay", "archive.replay", replayArchive, with(replayFailed, rest.NeedsBody())...),
	}
}

// archiveFilter is the filter as answers repeat it.
type archiveFilter struct {
	Status    string  `json:"status"`
	Transport string  `json:"transport"`
	User      string  `json:"user_id"`
	Event     string  `json:"event_type"`
	From      *string `json:"from_date,omitempty"`
	To        *string `json:"to_date,omitempty"`
	Limit     int     `json:"limit"`
	Offset    int     `json:"offset"`
}

func (s *selection) filter(kind string) *archiveFilter {
	limit := defaultLimit
	if s.Limit != nil {
		limit = *s.Limit
	}
	return &archiveFilter{
		Status: kind, Transport: rest.Deref(s.Transport), User: rest.Deref(s.User), Event: rest.Deref(s.Event), From: s.From, To: s.To, Limit: limit, Offset: rest.Deref(s.Offset),
	}
}

// checkKind refuses words for kinds that the document does not have.
func checkKind(kind string) error {
	if _, ok := nativeKinds[kind]; !ok && kind != "" {
		return rest.Bad("status", badStatus, "is not dlq, success or empty")
	}
	return nil
}

type archiveListRequest struct {
	Status string `rest:"status,query" enum:"|dlq|success"`
	deadListRequest
}

type archiveList struct {
	Code    int            `json:"code"`
	Data    []archived     `json:"data"`
	Count   int            `json:"count"`
	Filter  *archiveFilter `json:"filter"`
	Success bool           `json:"success"`
}

func listArchive(x *rest.Exchange, in *archiveListRequest) (*archiveList, error) {
	if err := checkKind(in.Status); err != nil {
		return nil, err
	}
	which := in.selection()
	which.Limit, which.Offset = in.Limit, in.Offset
	params := which.params(in.Status)
	params["include_payload"] = true
	var page struct{ Entries []entry }
	err := x.Call("archive.list", params, &page)
	return &archiveList{http.StatusOK, archivedAll(page.Entries), len(page.Entries), which.filter(in.Status), true}, err
}

type archiveSelection struct {
	Status    string  `rest:"status" enum:"|dlq|success"`
	Transport *string `rest:"transport,param=/transport"`
	User      *string `rest:"user_id,param=/session_ids" doc:"id of a session"`
	Event     *string `rest:"event_type,param=/event"`
	Limit     *int    `rest:"limit,param=/limit" doc:"1 to 1000, default 50"`
}

func (a *archiveSelection) selection() *selection {
	return &selection{Transport: a.Transport, User: a.User, Event: a.Event, Limit: a.Limit}
}

type archiveDeleted struct {
	Code    int            `json:"code"`
	Deleted int            `json:"deleted"`
	Failed  int            `json:"failed"`
	Total   int            `json:"total"`
	Filter  *archiveFilter `json:"filter"`
	Success bool           `json:"success"`
	Errors  []string       `json:"errors"`
}

func deleteManyArchive(x *rest.Exchange, in *archiveSelection) (*archiveDeleted, error) {
	if err := checkKind(in.Status); err != nil {
		return nil, err
	}
	which := in.selection()
	if in.Status == "" && !which.narrow() {
		return nil, rest.Missing("status", noFilter)
	}
	params := which.params(in.Status)
	params["confirm"] = true // the document asks for none
	var r struct {
		Deleted int `json:"deleted_count"`
		Failed  int `json:"failed_count"`
		Errors  []string
	}
	err := x.Call("archive.deleteMany", params, &r)
	return &archiveDeleted{http.StatusOK, r.Deleted, r.Failed, r.Deleted + r.Failed, which.filter(in.Status), true, r.Errors}, err
}

type archiveTotals struct {
	Code    int           `json:"code"`
	Data    archiveCounts `json:"data"`
	Success bool          `json:"success"`
}

type archiveCounts struct {
	Total              int                       `json:"total_count"`
	Delivered          int                       `json:"success_count"`
	Dead               int                       `json:"dlq_count"`
	OldestDelivered    *string                   `json:"oldest_success"`
	NewestDelivered    *string                   `json:"newest_success"`
	OldestDead         *string                   `json:"oldest_dlq"`
	NewestDead         *string                   `json:"newest_dlq"`
	ByTransport        map[string]int            `json:"by_transport"`
	ByEvent            map[string]int            `json:"by_event_type"`
	ByKind             map[string]int            `json:"by_status"`
	ByTransportAndKind map[string]map[string]int `json:"by_transport_status"`
}

func archiveStats(x *rest.Exchange, _ *rest.None) (*archiveTotals, error) {
	var t tally
	if err := x.Call("archive.getStats", nil, &t); err != nil {
		return nil, err
	}
	kind := func(native string) string { return cmp.Or(kinds[native], native) }
	byKind := renamed(t.ByStatus, kind)
	counts := archiveCounts{
		Total: t.Total, Delivered: byKind[kindDelivered], Dead: byKind[kindDead],
		OldestDelivered: orNull(t.Oldest["delivered"]), NewestDelivered: orNull(t.Newest["delivered"]),
		OldestDead: orNull(t.Oldest["dead_letter"]), NewestDead: orNull(t.Newest["dead_letter"]),
		ByTransport: renamed(t.ByTransport, transport), ByEvent: t.ByEvent, ByKind: byKind, ByTransportAndKind: map[string]map[string]int{},
	}
	for native, figures := range t.ByTransportStatus {
		counts.ByTransportAndKind[transport(native)] = renamed(figures, kind)
	}
	return &archiveTotals{http.StatusOK, counts, true}, nil
}

type archiveEntryRequest struct {
	ID int64 `rest:"id,path,param=/entry_id" bad:"invalid event ID"`
}

type archiveEntry struct {
	Code    int      `json:"code"`
	Data    archived `json:"data"`
	Success bool     `json:"success"`
}

func getArchive(x *rest.Exchange, in *archiveEntryRequest) (*archiveEntry, error) {
	var found struct{ Entry entry }
	err := x.Call("archive.get", rest.Params{"entry_id": in.ID}, &found)
	return &archiveEntry{http.StatusOK, found.Entry.archived(), true}, err
}

type archiveDone struct {
	Code    int    `json:"code"`
	EventID int64  `json:"event_id"`
	Message string `json:"message"`
	Success bool   `json:"success"`
	Deleted int    `json:"deleted"`
}

func deleteArchive(x *rest.Exchange, in *archiveEntryRequest) (*archiveDone, error) {
	err := x.Call("archive.delete", rest.Params{"entry_id": in.ID}, nil)
	return &archiveDone{http.StatusOK, in.ID, "Event deleted successfully", true, 1}, err
}

type archiveReplay struct {
	EventID *int64 `rest:"event_id,param=/entry_id" doc:"one entry; else the filter"`
	DryRun  bool   `rest:"dry_run" doc:"only show what would be sent"`
	archiveSelection
}

// archiveReplayed answers a single replay, one of many, or a dry run: they have different keys.
type archiveReplayed struct {
	Code     int            `json:"code"`
	EventID  *int64         `json:"event_id,omitempty"`
	Message  string         `json:"message,omitempty"`
	Success  bool           `json:"success"`
	DryRun   bool           `json:"dry_run,omitempty"`
	Replayed int            `json:"replayed"`
	Failed   *int           `json:"failed,omitempty"`
	Total    *int           `json:"total,omitempty"`
	Count    *int           `json:"count,omitempty"`
	Filter   *archiveFilter `json:"filter,omitempty"`
	Events   *[]archived    `json:"events,omitempty"`
	Errors   []string       `json:"errors,omitempty"`
}

func replayArchive(x *rest.Exchange, in *archiveReplay) (*archiveReplayed, error) {
	if err := checkKind(in.Status); err != nil {
		return nil, err
	}
	which := in.selection()
	params := which.params(in.Status)
	switch {
	case in.EventID != nil:
		params["entry_id"] = *in.EventID
	case in.Status == "" && !which.narrow():
		return nil, rest.Missing("event_id", "event_id or a filter is required")
	}
	params["dry_run"] = in.DryRun
	var r replay
	if err := x.Call("archive.replay", params, &r); err != nil {
		return nil, err
	}
	answer := &archiveReplayed{Code: http.StatusOK, EventID: in.EventID, Success: true, DryRun: in.DryRun}
	if in.EventID != nil && r.Failed > 0 {
		return nil, broken(replayFailed, r.Errors[0])
	}
	if in.EventID == nil {
		answer.Filter = which.filter(in.Status)
	}
	switch {
	case in.DryRun:
		events := archivedAll(r.Entries)
		count := len(events)
		answer.Events, answer.Count = &events, &count
	case in.EventID == nil:
		answer.Replayed, answer.Failed, answer.Total, answer.Errors = r.Replayed, &r.Failed, &r.Matched, r.Errors
	case r.Waiting > 0:
		answer.Message = "Event already waits to be replayed"
	default:
		answer.Replayed, answer.Message = r.Replayed, "Event replayed successfully"
	}
	return answer, nil
}
