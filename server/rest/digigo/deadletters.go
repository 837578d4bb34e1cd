package digigo

import (
	"fmt"

	"github.com/waystation/waystation/server/rest"
)

const deadReplayFailed = "failed to replay event"

func deadLetterRoutes() []rest.Route {
	with := func(p rest.Params, others ...rest.Option) []rest.Option {
		p["status"] = nativeKinds[kindDead]
		return append(others, rest.Family(familyDead), rest.With(p), rest.FailText("database error"))
	}
	return []rest.Route{
		rest.Pass[deadListRequest, deadList]("GET", "/admin/dlq", "archive.list", with(rest.Params{"include_payload": true})...),
		rest.Row("DELETE", "/admin/dlq", "archive.deleteMany", deleteManyDead, with(rest.Params{})...),
		rest.Pass[rest.None, deadStats]("GET", "/admin/dlq/stats", "archive.getStats", with(rest.Params{})...),
		rest.Pass[entryRequest, deadAnswer]("GET", "/admin/dlq/{id}", "archive.get", with(rest.Params{})...),
		rest.Pass[entryRequest, deadDone]("DELETE", "/admin/dlq/{id}", "archive.delete", with(rest.Params{})...),
		rest.Row("POST", "/admin/dlq/replay", "archive.replay archive.get", replayDead,
			append(with(rest.Params{"dry_run": false, "remove_after": false}, rest.NeedsBody(), rest.Reads[deadReplayed]("archive.get")), rest.FailText(deadReplayFailed))...),
		rest.Pass[rest.None, prunerAnswer]("POST", "/admin/dlq/prune", "delivery.prune", rest.Family(familyPrune), rest.FailText("failed to execute prune")),
	}
}

type deadFilter struct {
	Transport transport `rest:"transport,query,param=/transport"`
	User      sessionID `rest:"user_id,query,param=/session_ids" doc:"id of a session"`
	Event     string    `rest:"event_type,query,param=/event"`
	From      *date     `rest:"from_date,query,param=/since" bad:"invalid date format for from_date"`
	To        *date     `rest:"to_date,query,param=/until" bad:"invalid date format for to_date"`
}

type deadListRequest struct {
	deadFilter
	Limit  *int `rest:"limit,query,param=/limit" doc:"1 to 1000, default 50"`
	Offset *int `rest:"offset,query,param=/offset"`
}

type deadList struct {
	Success bool         `json:"success" from:"=true"`
	Total   int          `json:"total" from:"/total"`
	Count   int          `json:"count" from:"#/entries"`
	Events  []deadLetter `json:"events" from:"/entries"`
}

type deadDeletion struct {
	deadFilter
	DryRun  bool `rest:"dry_run,query" doc:"only count"`
	Confirm bool `rest:"confirm,query" doc:"must be true unless dry_run is"`
}

// CompleteParams implements rest.Completer.
func (in *deadDeletion) CompleteParams(rest.Params) error {
	switch {
	case in.Transport == "" && in.User == "" && in.Event == "" && rest.Deref(in.From) == "" && rest.Deref(in.To) == "":
		return rest.Missing("transport", "at least one filter is required: transport, user_id, event_type, from_date or to_date")
	case !in.DryRun && !in.Confirm:
		return rest.Bad("confirm", "confirm=true required for actual deletion", "must be true unless dry_run is")
	}
	return nil
}

type deadDeleted struct {
	Success bool   `json:"success"`
	Deleted int    `json:"deleted"`
	DryRun  bool   `json:"dry_run"`
	Message string `json:"message"`
}

// deleteStep is the number of entries that one call deletes; calls are repeated until all that match are deleted.
const deleteStep = 1000

func deleteManyDead(x *rest.Exchange, in *deadDeletion) (*deadDeleted, error) {
	params, err := x.Params()
	if err != nil {
		return nil, err
	}
	var step struct {
		Matched int `json:"matched_count"`
		Deleted int `json:"deleted_count"`
	}
	if in.DryRun {
		params["dry_run"] = true
		err := x.Call("archive.deleteMany", params, &step)
		return &deadDeleted{true, step.Matched, true, fmt.Sprintf("%d DLQ events would be deleted", step.Matched)}, err
	}
	params["confirm"], params["limit"] = true, deleteStep
	total := 0
	for matched := 1; total < matched; { // entries that begin to match later are not meant
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

type deadStats struct {
	Success bool `json:"success" from:"=true"`
	Stats   struct {
		Total       int                     `json:"total_count" from:"/total"`
		Oldest      *string                 `json:"oldest_event" from:"/oldest/dead_letter"`
		Newest      *string                 `json:"newest_event" from:"/newest/dead_letter"`
		ByTransport figures[transportWords] `json:"by_transport" from:"/by_transport"`
		ByEvent     map[string]int          `json:"by_event_type" from:"/by_event"`
	} `json:"stats"`
}

type deadAnswer struct {
	Success bool       `json:"success" from:"=true"`
	Event   deadLetter `json:"event" from:"/entry"`
}

type deadDone struct {
	Success bool   `json:"success" from:"=true"`
	Message string `json:"message" from:"=DLQ event {id} deleted successfully"`
}

type deadReplay struct {
	ID          int64 `rest:"id,required,param=/entry_id" bad:"id is required"`
	DryRun      bool  `rest:"dry_run,param=/dry_run"`
	RemoveAfter bool  `rest:"remove_after,param=/remove_after" doc:"delete it once its replay was delivered"`
}

type deadReplayed struct {
	Success   bool      `json:"success" from:"=true"`
	Message   string    `json:"message"`
	EventID   int64     `json:"event_id" from:"<id"`
	Transport transport `json:"transport" from:"/entry/transport"`
	DryRun    bool      `json:"dry_run" from:"<dry_run"`
	Replays   int       `json:"replay_count" from:"/entry/replay_count"`
}

func replayDead(x *rest.Exchange, in *deadReplay) (*deadReplayed, error) {
	params, err := x.Params()
	if err != nil {
		return nil, err
	}
	answer := &deadReplayed{}
	if err := x.Read("archive.get", rest.Params{"entry_id": in.ID, "status": params["status"]}, answer); err != nil {
		return nil, err
	}
	var r struct {
		Waiting int `json:"waiting_count"`
		Failed  int `json:"failed_count"`
		Errors  []string
	}
	if err := x.Call("archive.replay", params, &r); err != nil {
		return nil, err
	}
	done := "replayed successfully"
	switch {
	case r.Failed > 0:
		return nil, brokenOperation(deadReplayFailed, r.Errors[0])
	case r.Waiting > 0:
		done = "already waits to be replayed"
	case in.DryRun:
		done = "would be replayed"
	default:
		answer.Replays++ // counts this replay, which is under way
	}
	answer.Message = fmt.Sprintf("Event %d %s to %s transport", in.ID, done, answer.Transport)
	return answer, nil
}
