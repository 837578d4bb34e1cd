package digigo

import (
	"fmt"

	"github.com/waystation/waystation/server/rest"
)

func deadLetterRoutes() []rest.Route {
	failing := []rest.Option{rest.Family(familyDead), rest.FailText("database error")}
	return []rest.Route{
		rest.Row("GET", "/admin/dlq", "archive.list", listDead, failing...),
		rest.Row("DELETE", "/admin/dlq", "archive.deleteMany", deleteManyDead, failing...),
		rest.Row("GET", "/admin/dlq/stats", "archive.getStats", deadStats, failing...),
		rest.Row("GET", "/admin/dlq/{id}", "archive.get", getDead, failing...),
		rest.Row("DELETE", "/admin/dlq/{id}", "archive.delete", deleteDead, failing...),
		rest.Row("POST", "/admin/dlq/replay", "archive.replay archive.get", replayDead, rest.NeedsBody(), rest.Family(familyDead), rest.FailText(deadReplayFailed)),
		rest.Pass[rest.None, prunerAnswer]("POST", "/admin/dlq/prune", "delivery.prune", rest.Family(familyPrune), rest.FailText("failed to execute prune")),
	}
}

type deadFilter struct {
	Transport *string `rest:"transport,query,param=/transport"`
	User      *string `rest:"user_id,query,param=/session_ids" doc:"id of a session"`
	Event     *string `rest:"event_type,query,param=/event"`
	From      *string `rest:"from_date,query,param=/since" bad:"invalid date format for from_date"`
	To        *string `rest:"to_date,query,param=/until" bad:"invalid date format for to_date"`
}

func (f *deadFilter) selection() *selection {
	return &selection{Transport: f.Transport, User: f.User, Event: f.Event, From: f.From, To: f.To}
}

type deadListRequest struct {
	deadFilter
	Limit  *int `rest:"limit,query,param=/limit" doc:"1 to 1000, default 50"`
	Offset *int `rest:"offset,query,param=/offset"`
}

type deadList struct {
	Success bool         `json:"success"`
	Total   int          `json:"total"`
	Count   int          `json:"count"`
	Events  []deadLetter `json:"events"`
}

func listDead(x *rest.Exchange, in *deadListRequest) (*deadList, error) {
	which := in.selection()
	which.Limit, which.Offset = in.Limit, in.Offset
	params := which.params(kindDead)
	params["include_payload"] = true
	var page struct {
		Entries []entry
		Total   int
	}
	err := x.Call("archive.list", params, &page)
	list := &deadList{Success: true, Total: page.Total, Count: len(page.Entries), Events: make([]deadLetter, len(page.Entries))}
	for i := range page.Entries {
		list.Events[i] = page.Entries[i].deadLetter()
	}
	return list, err
}

type deadDeletion struct {
	deadFilter
	DryRun  bool `rest:"dry_run,query" doc:"only count"`
	Confirm bool `rest:"confirm,query" doc:"must be true unless dry_run is"`
}

type deadDeleted struct {
	Success bool   `json:"success"`
	Deleted int    `json:"deleted"`
	DryRun  bool   `json:"dry_run"`
	Message string `json:"message"`
}

// deleteStep is how many entries are deleted by one call; all that match are in the end.
const deleteStep = 1000

func deleteManyDead(x *rest.Exchange, in *deadDeletion) (*deadDeleted, error) {
	which := in.selection()
	if !which.narrow() {
		return nil, rest.Missing("transport", "at least one filter is required: transport, user_id, event_type, from_date or to_date")
	}
	var step struct {
		Matched int `json:"matched_count"`
		Deleted int `json:"deleted_count"`
	}
	params := which.params(kindDead)
	if in.DryRun {
		params["dry_run"] = true
		err := x.Call("archive.deleteMany", params, &step)
		return &deadDeleted{true, step.Matched, true, fmt.Sprintf("%d DLQ events would be deleted", step.Matched)}, err
	}
	if !in.Confirm {
		return nil, rest.Bad("confirm", "confirm=true required for actual deletion", "must be true unless dry_run is")
	}
	params["confirm"], params["limit"] = true, deleteStep
	total := 0
	for matched := 1; total < matched; { // what matched at first is all that was meant
		if err := x.Call("archive.deleteMany", params, &step); err != nil {
			return nil, err
		}
		if total == 0 {
			matched = step.Matched
		}
		if total += step.Deleted; step.Deleted == 0 {
			break
		}
	}
	return &deadDeleted{true, total, false, fmt.Sprintf("Successfully deleted %d DLQ events", total)}, nil
}

type deadStatsAnswer struct {
	Success bool       `json:"success"`
	Stats   deadTotals `json:"stats"`
}

type deadTotals struct {
	Total       int            `json:"total_count"`
	Oldest      *string        `json:"oldest_event"`
	Newest      *string        `json:"newest_event"`
	ByTransport map[string]int `json:"by_transport"`
	ByEvent     map[string]int `json:"by_event_type"`
}

func deadStats(x *rest.Exchange, _ *rest.None) (*deadStatsAnswer, error) {
	var t tally
	native := nativeKinds[kindDead]
	err := x.Call("archive.getStats", rest.Params{"status": native}, &t)
	return &deadStatsAnswer{true, deadTotals{
		Total: t.Total, Oldest: orNull(t.Oldest[native]), Newest: orNull(t.Newest[native]), ByTransport: renamed(t.ByTransport, transport), ByEvent: t.ByEvent,
	}}, err
}

type entryRequest struct {
	ID int64 `rest:"id,path,param=/entry_id"`
}

type deadAnswer struct {
	Success bool       `json:"success"`
	Event   deadLetter `json:"event"`
}

func deadParams(id int64) rest.Params {
	return rest.Params{"entry_id": id, "status": nativeKinds[kindDead]}
}

func getDead(x *rest.Exchange, in *entryRequest) (*deadAnswer, error) {
	var found struct{ Entry entry }
	err := x.Call("archive.get", deadParams(in.ID), &found)
	return &deadAnswer{true, found.Entry.deadLetter()}, err
}

type deadDone struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
}

func deleteDead(x *rest.Exchange, in *entryRequest) (*deadDone, error) {
	return &deadDone{true, fmt.Sprintf("DLQ event %d deleted successfully", in.ID)}, x.Call("archive.delete", deadParams(in.ID), nil)
}

const deadReplayFailed = "failed to replay event"

type deadReplay struct {
	ID          int64 `rest:"id,required,param=/entry_id" bad:"id is required"`
	DryRun      bool  `rest:"dry_run"`
	RemoveAfter bool  `rest:"remove_after" doc:"delete it once its replay was delivered"`
}

type deadReplayed struct {
	Success   bool   `json:"success"`
	Message   string `json:"message"`
	EventID   int64  `json:"event_id"`
	Transport string `json:"transport"`
	DryRun    bool   `json:"dry_run"`
	Replays   int    `json:"replay_count"`
}

// replay is what the dialect reads of archive.replay.
type replay struct {
	Replayed int `json:"replayed_count"`
	Waiting  int `json:"waiting_count"`
	Failed   int `json:"failed_count"`
	Matched  int `json:"matched_count"`
	Entries  []entry
	Errors   []string
}

func replayDead(x *rest.Exchange, in *deadReplay) (*deadReplayed, error) {
	params := deadParams(in.ID)
	var found struct{ Entry entry }
	if err := x.Call("archive.get", params, &found); err != nil {
		return nil, err
	}
	params["dry_run"], params["remove_after"] = in.DryRun, in.RemoveAfter
	var r replay
	if err := x.Call("archive.replay", params, &r); err != nil {
		return nil, err
	}
	if r.Failed > 0 {
		return nil, broken(deadReplayFailed, r.Errors[0])
	}
	answer := &deadReplayed{Success: true, EventID: in.ID, Transport: transport(found.Entry.Transport), DryRun: in.DryRun, Replays: found.Entry.Replays}
	switch {
	case r.Waiting > 0:
		answer.Message = fmt.Sprintf("Event %d already waits to be replayed to %s transport", in.ID, answer.Transport)
	case in.DryRun:
		answer.Message = fmt.Sprintf("Event %d would be replayed to %s transport", in.ID, answer.Transport)
	default:
		answer.Message = fmt.Sprintf("Event %d replayed successfully to %s transport", in.ID, answer.Transport)
		answer.Replays++ // counts this one, which is on its way
	}
	return answer, nil
}
