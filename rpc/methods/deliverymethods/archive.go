package deliverymethods

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
	"github.com/waystation/waystation/transports/dispatch"
)

// archiveFilter selects entries of the archive. Fields that are absent select everything.
type archiveFilter struct {
	Status     string     `json:"status" rpc:"enum=delivered|dead_letter|gap" doc:"delivered, dead_letter or gap (events that retention dropped before they were sent); absent = all"`
	Transport  string     `json:"transport" rpc:"max=64" doc:"only this transport"`
	TargetID   string     `json:"target_id" rpc:"max=512" doc:"only this target of a transport"`
	SessionIDs []string   `json:"session_ids" rpc:"max=1000" doc:"only these sessions; absent = all the caller may see"`
	Event      string     `json:"event" rpc:"max=64" doc:"only this event name"`
	Since      *time.Time `json:"since" doc:"archived at or after"`
	Until      *time.Time `json:"until" doc:"archived at or before"`
	Limit      int        `json:"limit" rpc:"min=1,max=1000" doc:"1-1000, default 50"`
}

// query returns the filter restricted to the sessions of a principal.
func (f *archiveFilter) query(who rpc.Principal) (dispatch.Query, error) {
	sessions, err := sessionsOf(who, f.SessionIDs)
	return dispatch.Query{
		Status: dispatch.Status(f.Status), Transport: f.Transport, Target: f.TargetID, Sessions: sessions, Own: ownOnly(who), Type: f.Event,
		Since: shared.TimeOrZero(f.Since), Until: shared.TimeOrZero(f.Until), Limit: f.Limit,
	}, err
}

// namesEntries reports whether the filter excludes anything.
func (f *archiveFilter) namesEntries() bool {
	return f.Status != "" || f.Transport != "" || f.TargetID != "" || f.SessionIDs != nil || f.Event != "" || f.Since != nil || f.Until != nil
}

// sessionsOf returns the requested sessions that a principal may see; nil = all sessions.
func sessionsOf(who rpc.Principal, asked []string) ([]string, error) {
	if who.Kind == rpc.ScopeAdmin && who.Session == "" {
		return asked, nil
	}
	if who.Session == "" && who.Access != nil {
		return accessSessions(who, asked)
	}
	if who.Session == "" {
		return nil, rpc.Forbidden("the credential is neither an admin's nor a session's")
	}
	if asked == nil {
		return []string{who.Session}, nil
	}
	for _, id := range asked {
		if !who.MayUse(id) {
			return nil, rpc.Forbidden("the credential is valid for its own session only")
		}
	}
	return asked, nil
}

// accessSessions is sessionsOf for credentials of accounts.
func accessSessions(who rpc.Principal, asked []string) ([]string, error) {
	if list, all := who.Access.Sessions(); asked == nil && !all {
		return list, nil
	}
	for _, id := range asked {
		if !who.MayUse(id) {
			return nil, rpc.Forbidden("the credential does not reach a session of the filter")
		}
	}
	return asked, nil
}

// ownOnly reports whether a principal sees only the targets of sessions, and not those of the operator.
func ownOnly(who rpc.Principal) bool { return who.Session != "" || who.Kind != rpc.ScopeAdmin }

type archiveListParams struct {
	archiveFilter
	Offset         int  `json:"offset" rpc:"min=0" doc:"rows to skip"`
	IncludePayload bool `json:"include_payload" doc:"with the delivered payload; default false"`
}

type archiveListResult struct {
	Entries []archiveEntry `json:"entries" doc:"archive_entry objects, the newest first"`
	Total   int            `json:"total" doc:"all matches"`
}

type archiveEntryParams struct {
	EntryID int64  `json:"entry_id" rpc:"required,min=1" doc:"archive entry"`
	Status  string `json:"status" rpc:"enum=delivered|dead_letter|gap" doc:"expected kind; another kind counts as not found"`
}

type archiveGetResult struct {
	Entry archiveEntry `json:"entry" doc:"archive_entry object"`
}

type archiveDeleteResult struct {
	EntryID int64 `json:"entry_id" doc:"deleted id"`
}

type archiveDeleteManyParams struct {
	archiveFilter
	DryRun  bool `json:"dry_run" doc:"only count; default false"`
	Confirm bool `json:"confirm" doc:"must be true unless dry_run"`
}

// Validate requires a filter and a confirmation.
func (p *archiveDeleteManyParams) Validate() error {
	switch {
	case !p.namesEntries():
		return rpc.Fields{{Problem: "at least one filter is needed"}}
	case !p.DryRun && !p.Confirm:
		return rpc.Fields{{Pointer: "/confirm", Problem: "must be true unless dry_run is"}}
	}
	return nil
}

type archiveDeleteManyResult struct {
	MatchedCount int      `json:"matched_count" doc:"entries that match"`
	DeletedCount int      `json:"deleted_count" doc:"deleted, or that would be; at most limit"`
	FailedCount  int      `json:"failed_count" doc:"number that could not be deleted; all or none are"`
	DryRun       bool     `json:"dry_run" doc:"as asked"`
	Errors       []string `json:"errors" doc:"texts"`
}

type archiveReplayParams struct {
	archiveFilter
	EntryID     int64   `json:"entry_id" rpc:"min=1" doc:"one entry"`
	EntryIDs    []int64 `json:"entry_ids" rpc:"max=1000" doc:"these entries"`
	ToTransport string  `json:"to_transport" rpc:"enum=webhook|redis|amqp|sqs" doc:"send to this transport: webhook, redis, amqp or sqs; absent = each entry to its former target"`
	ToTarget    string  `json:"to_target" rpc:"max=512" doc:"with to_transport: one target, by the target_id that entries show; absent = all current targets of the event's session there, without a global one that the session skips"`
	DryRun      bool    `json:"dry_run" doc:"only return the entries that would be replayed, and their targets; default false"`
	RemoveAfter bool    `json:"remove_after" doc:"delete an entry once its replay was delivered to all targets, not when it is queued; it stays when one of them fails. Default false"`
}

// Validate requires entries or a filter.
func (p *archiveReplayParams) Validate() error {
	if p.ToTarget != "" && p.ToTransport == "" {
		return rpc.Fields{{Pointer: "/to_target", Problem: "needs to_transport"}}
	}
	if p.EntryID == 0 && p.EntryIDs == nil && !p.namesEntries() {
		return rpc.Fields{{Problem: "entry_id, entry_ids or a filter is needed"}}
	}
	if p.EntryIDs != nil && len(p.EntryIDs) == 0 {
		return rpc.Fields{{Pointer: "/entry_ids", Problem: "is empty"}}
	}
	return nil
}

type archiveReplayResult struct {
	ReplayedCount int            `json:"replayed_count" doc:"entries queued again, or that would be"`
	DeliveryCount int            `json:"delivery_count" doc:"number of deliveries: one for each entry and target"`
	WaitingCount  int            `json:"waiting_count" doc:"entries still queued for the same targets from an earlier replay, not queued twice"`
	FailedCount   int            `json:"failed_count" doc:"entries that could not be queued"`
	MatchedCount  int            `json:"matched_count" doc:"entries that match, at most limit"`
	DryRun        bool           `json:"dry_run" doc:"as asked"`
	Entries       []archiveEntry `json:"entries,omitempty" doc:"dry run or a single entry: the entries"`
	Targets       []replayTarget `json:"targets,omitempty" doc:"dry run or a single entry: the targets"`
	Errors        []string       `json:"errors" doc:"texts, each about one entry"`
}

type replayTarget struct {
	Transport  string `json:"transport" doc:"webhook, redis, amqp or sqs"`
	TargetID   string `json:"target_id" doc:"address in the transport's terms, as in target_id of entries"`
	SessionID  string `json:"session_id" doc:"session of the target"`
	EntryCount int    `json:"entry_count" doc:"number of entries for that target"`
}

type archiveStatsParams struct {
	Status string `json:"status" rpc:"enum=delivered|dead_letter|gap" doc:"only this kind"`
}

type archiveStatsResult struct {
	Total             int                       `json:"total" doc:"all"`
	ByStatus          map[string]int            `json:"by_status" doc:"status -> count"`
	ByTransport       map[string]int            `json:"by_transport" doc:"transport -> count"`
	ByEvent           map[string]int            `json:"by_event" doc:"event name -> count"`
	ByTransportStatus map[string]map[string]int `json:"by_transport_status" doc:"transport -> status -> count"`
	Oldest            map[string]time.Time      `json:"oldest" doc:"status -> time"`
	Newest            map[string]time.Time      `json:"newest" doc:"status -> time"`
}

const ownTargetsOnly = "A session's credential gives access to its own session only, and there to the targets that the session has set itself; " +
	"targets that the operator has set for all sessions are visible to the admin only."

// registerArchive adds the methods of the namespace archive.
func registerArchive(reg *rpc.Registry, d Deps) {
	rpc.Register(reg, rpc.Method{
		Name: "archive.list", Summary: "List archived deliveries by filter.", Description: ownTargetsOnly, NoSession: true, MaxReply: shared.ListReply,
	}, d.listArchive)
	rpc.Register(reg, rpc.Method{
		Name: "archive.get", Summary: "Return one archived delivery with its payload.", Description: ownTargetsOnly, NoSession: true,
	}, func(ctx context.Context, call *rpc.Call, p *archiveEntryParams) (archiveGetResult, error) {
		entry, err := d.archiveEntry(ctx, call.Principal, p)
		if err != nil {
			return archiveGetResult{}, err
		}
		shaped, err := d.shapeEntries(ctx, []dispatch.Entry{entry}, true)
		if err != nil {
			return archiveGetResult{}, err
		}
		return archiveGetResult{shaped[0]}, nil
	})
	rpc.Register(reg, rpc.Method{
		Name: "archive.replay", Summary: "Send archived deliveries again, to their target or to another transport.", NoSession: true, MaxReply: shared.ListReply,
		Description: "The event keeps its id and is marked as a replay. Replays wait in a durable queue for each target and are sent in the order of their entries, " +
			"beside new events and not in order with them; an event that waits for a target by several entries is sent once. " +
			"The filter, transport and target_id in it, selects entries by their former target; to_transport and to_target select the new one among the targets of the event's session. " +
			"The events that a target subscribes to make no difference to a replay, and a global target that is named in to_target is used even if the session skips it. " +
			"Each delivery that ends makes an entry of its own with its transport and target, except a failure at the same target, which is noted in the entry that was replayed. " + ownTargetsOnly,
	}, d.replayArchive)
	rpc.Register(reg, rpc.Method{Name: "archive.getStats", Summary: "Count archived deliveries by kind, transport and event.", Scope: rpc.ScopeAdmin}, d.archiveStats)
	rpc.Register(reg, rpc.Method{Name: "archive.delete", Summary: "Delete one archived delivery.", Scope: rpc.ScopeAdmin},
		func(ctx context.Context, call *rpc.Call, p *archiveEntryParams) (archiveDeleteResult, error) {
			entry, err := d.archiveEntry(ctx, call.Principal, p)
			if err == nil {
				_, err = d.Deliveries.Delete(ctx, dispatch.Query{IDs: []int64{entry.ID}})
			}
			return archiveDeleteResult{p.EntryID}, err
		})
	rpc.Register(reg, rpc.Method{Name: "archive.deleteMany", Summary: "Delete archived deliveries by filter, or only count them.", Scope: rpc.ScopeAdmin}, d.deleteArchive)
}

func (d Deps) listArchive(ctx context.Context, call *rpc.Call, p *archiveListParams) (out archiveListResult, err error) {
	query, err := p.query(call.Principal)
	if err != nil {
		return out, err
	}
	query.Skip = p.Offset
	entries, total, err := d.Deliveries.List(ctx, query)
	if err != nil {
		return out, err
	}
	out.Total = total
	out.Entries, err = d.shapeEntries(ctx, entries, p.IncludePayload)
	return out, err
}

// archiveEntry finds an entry that the principal may see.
func (d Deps) archiveEntry(ctx context.Context, who rpc.Principal, p *archiveEntryParams) (dispatch.Entry, error) {
	entry, err := d.Deliveries.Get(ctx, p.EntryID)
	if err == nil && (!who.MayUse(entry.Session) || ownOnly(who) && !entry.Own() || p.Status != "" && p.Status != string(entry.Status)) {
		err = dispatch.ErrNotFound
	}
	return entry, err
}

func (d Deps) deleteArchive(ctx context.Context, call *rpc.Call, p *archiveDeleteManyParams) (archiveDeleteManyResult, error) {
	out := archiveDeleteManyResult{DryRun: p.DryRun, Errors: []string{}}
	query, err := p.query(call.Principal)
	if err != nil {
		return out, err
	}
	entries, total, err := d.Deliveries.List(ctx, query)
	if err != nil {
		return out, err
	}
	if !p.DryRun && total > 0 {
		if entries, err = d.Deliveries.Delete(ctx, query); err != nil {
			return out, err
		}
	}
	out.MatchedCount, out.DeletedCount = total, len(entries)
	return out, nil
}

func (d Deps) replayArchive(ctx context.Context, call *rpc.Call, p *archiveReplayParams) (archiveReplayResult, error) {
	out := archiveReplayResult{DryRun: p.DryRun}
	query, err := p.query(call.Principal)
	if err != nil {
		return out, err
	}
	query.IDs = slices.Clone(p.EntryIDs)
	if p.EntryID != 0 {
		query.IDs = append(query.IDs, p.EntryID)
	}
	if len(query.IDs) > 0 && query.Limit == 0 {
		query.Limit = len(query.IDs)
	}
	to := dispatch.Destination{Transport: p.ToTransport, Target: p.ToTarget}
	done, err := d.Deliveries.Replay(ctx, dispatch.Replay{
		Query: query, To: to, DryRun: p.DryRun, Remove: p.RemoveAfter, Share: ownOnly(call.Principal),
	})
	if err != nil {
		return out, err
	}
	if p.EntryID != 0 && done.Matched == 0 {
		return out, dispatch.ErrNotFound
	}
	out.ReplayedCount, out.WaitingCount, out.MatchedCount = len(done.Queued), done.Waiting, done.Matched
	out.FailedCount, out.Errors = len(done.Problems), append([]string{}, done.Problems...)
	show := p.DryRun || p.EntryID != 0
	for _, t := range done.Targets {
		out.DeliveryCount += t.Entries
		if show {
			out.Targets = append(out.Targets, replayTarget{TargetID: t.Target, Transport: t.Transport, SessionID: t.Session, EntryCount: t.Entries})
		}
	}
	if show {
		out.Entries, err = d.shapeEntries(ctx, done.Queued, false)
	}
	return out, err
}

func (d Deps) archiveStats(ctx context.Context, _ *rpc.Call, p *archiveStatsParams) (archiveStatsResult, error) {
	out := archiveStatsResult{
		ByStatus: map[string]int{}, ByTransport: map[string]int{}, ByEvent: map[string]int{}, ByTransportStatus: map[string]map[string]int{},
		Oldest: map[string]time.Time{}, Newest: map[string]time.Time{},
	}
	tallies, err := d.Deliveries.Tallies(ctx, dispatch.Status(p.Status))
	for _, t := range tallies {
		status := string(t.Status)
		out.Total += t.Count
		out.ByStatus[status] += t.Count
		out.ByTransport[t.Transport] += t.Count
		if t.Type != "" {
			out.ByEvent[t.Type] += t.Count
		}
		if out.ByTransportStatus[t.Transport] == nil {
			out.ByTransportStatus[t.Transport] = map[string]int{}
		}
		out.ByTransportStatus[t.Transport][status] += t.Count
		if oldest, ok := out.Oldest[status]; !ok || t.Oldest.Before(oldest) {
			out.Oldest[status] = t.Oldest
		}
		if t.Newest.After(out.Newest[status]) {
			out.Newest[status] = t.Newest
		}
	}
	return out, err
}

// archiveEntry is the archive_entry object of results.
type archiveEntry struct {
	EntryID        int64           `json:"entry_id" doc:"id, rising in the order in which deliveries ended"`
	Status         string          `json:"status" doc:"delivered, dead_letter, or gap: events that retention dropped before they were sent"`
	SessionID      string          `json:"session_id" doc:"session of the event"`
	Event          string          `json:"event" doc:"event name; empty of a gap"`
	EventID        string          `json:"event_id" doc:"id of the event; empty of a gap"`
	Offset         uint64          `json:"offset" doc:"offset of the event, or the last of a gap"`
	FromOffset     *uint64         `json:"from_offset,omitempty" doc:"first offset of a gap"`
	Transport      string          `json:"transport" doc:"websocket, webhook, redis, amqp or sqs"`
	TargetID       string          `json:"target_id" doc:"address in the transport's terms: URL, stream, exchange or queue"`
	Payload        json.RawMessage `json:"payload,omitempty" doc:"payload of the delivery, if requested; null = no longer kept, or beyond 8 MiB of payloads in one reply"`
	Attempts       int             `json:"attempts" doc:"attempts, failed replays included"`
	LastError      *string         `json:"last_error" doc:"text of the last failure"`
	Code           *int            `json:"code" doc:"answer to the last attempt in the transport's numbers, such as an HTTP status; null = none"`
	CreatedAt      *time.Time      `json:"created_at" doc:"event time"`
	FirstAttemptAt *time.Time      `json:"first_attempt_at" doc:"begin of the first attempt; null = none was made"`
	FailedAt       *time.Time      `json:"failed_at" doc:"time at which the delivery was given up; null = it was delivered"`
	ArchivedAt     *time.Time      `json:"archived_at" doc:"time of archiving"`
	DurationMS     float64         `json:"duration_ms" doc:"of the last attempt"`
	ReplayOf       *int64          `json:"replay_of" doc:"id of the entry that this delivery replayed; null = no replay"`
	ReplayCount    int             `json:"replay_count" doc:"replays of this entry that ended"`
	LastReplayAt   *time.Time      `json:"last_replay_at" doc:"null = never"`
}

// maxPayloads limits the payloads of one reply, in bytes.
const maxPayloads = 8 << 20

func (d Deps) shapeEntries(ctx context.Context, entries []dispatch.Entry, withPayload bool) ([]archiveEntry, error) {
	out, size := make([]archiveEntry, len(entries)), 0
	for i := range entries {
		out[i] = shapeEntry(&entries[i])
		if !withPayload {
			continue
		}
		payload, err := d.payloadOf(ctx, &entries[i], &size)
		if err != nil {
			return nil, err
		}
		out[i].Payload = payload
	}
	return out, nil
}

// payloadOf returns the delivered payload of an entry, null when it is no longer kept or does not fit in the reply,
// which has size bytes of payloads.
func (d Deps) payloadOf(ctx context.Context, e *dispatch.Entry, size *int) (json.RawMessage, error) {
	if *size < maxPayloads {
		body, err := d.Deliveries.Body(ctx, *e)
		if err != nil {
			return nil, err
		}
		if *size += len(body); body != nil && *size <= maxPayloads {
			return body, nil
		}
	}
	return json.RawMessage("null"), nil
}

func shapeEntry(e *dispatch.Entry) archiveEntry {
	out := archiveEntry{
		EntryID: e.ID, Status: string(e.Status), SessionID: e.Session, Event: e.Type, EventID: e.EventID, Offset: e.Offset,
		Transport: e.Transport, TargetID: e.Target, Attempts: e.Attempts, LastError: shared.Optional(e.Error), Code: shared.Optional(e.Code),
		CreatedAt: shared.OptionalTime(e.EventTime), FirstAttemptAt: shared.OptionalTime(e.First), ArchivedAt: shared.OptionalTime(e.Archived),
		DurationMS: float64(e.Duration.Microseconds()) / 1000, ReplayCount: e.Replays, LastReplayAt: shared.OptionalTime(e.LastReplay),
	}
	if e.Status != dispatch.Delivered {
		if out.FailedAt = shared.OptionalTime(e.Last); e.Attempts == 0 {
			out.FailedAt = shared.OptionalTime(e.Archived)
		}
	}
	if e.Status == dispatch.Gap {
		out.FromOffset = &e.From
	}
	if e.ReplayOf != 0 {
		out.ReplayOf = &e.ReplayOf
	}
	return out
}
