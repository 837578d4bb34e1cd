package deliverymethods

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
	"github.com/waystation/waystation/transports/dispatch"
)

// Statuses of a delivery in the namespace delivery.
const (
	deliveryDelivered = "delivered"
	deliveryFailed    = "failed"
)

type deliveryListParams struct {
	SessionIDs     []string   `json:"session_ids" rpc:"max=1000" doc:"only these sessions; absent = all the caller may see"`
	Event          string     `json:"event" rpc:"max=64" doc:"only this event name"`
	Status         string     `json:"status" rpc:"enum=pending|processing|delivered|failed" doc:"pending and processing: deliveries that have not ended, which have no id yet; absent = delivered and failed"`
	FailedOnly     bool       `json:"failed_only" doc:"only failed ones unless status is given"`
	SinceID        int64      `json:"since_id" rpc:"min=0" doc:"after this delivery id"`
	Since          *time.Time `json:"since" doc:"ended, or last tried, from this time on"`
	Limit          int        `json:"limit" rpc:"min=1,max=1000" doc:"1-1000, default 50"`
	IncludePayload bool       `json:"include_payload" doc:"with the payload; default false"`
}

type deliveryListResult struct {
	Deliveries []deliveryObject `json:"deliveries" doc:"delivery objects, oldest first"`
	HasMore    bool             `json:"has_more" doc:"more follow"`
	NextID     int64            `json:"next_id" doc:"use as since_id; 0 on the last page"`
}

// deliveryObject is the delivery object of results.
type deliveryObject struct {
	DeliveryID *int64          `json:"delivery_id" doc:"id, rising; the same as an archive entry's; null = it has not ended"`
	SessionID  string          `json:"session_id" doc:"session of the event"`
	Event      string          `json:"event" doc:"event name; empty of events that were lost before they could be sent"`
	EventID    string          `json:"event_id" doc:"id of the event"`
	Offset     uint64          `json:"offset" doc:"offset of the event"`
	Transport  string          `json:"transport" doc:"websocket, webhook, redis, amqp or sqs"`
	TargetID   string          `json:"target_id" doc:"address in the transport's terms: URL, stream, exchange or queue"`
	Payload    json.RawMessage `json:"payload,omitempty" doc:"payload, if requested; null = no longer kept, or beyond 8 MiB of payloads in one reply"`
	Status     string          `json:"status" doc:"pending, processing, delivered or failed"`
	Attempts   int             `json:"attempts" doc:"attempts so far"`
	LastError  *string         `json:"last_error" doc:"text of the last failure"`
	Code       *int            `json:"code" doc:"answer to the last attempt in the transport's numbers, such as an HTTP status; null = none"`
	ReplayOf   *int64          `json:"replay_of" doc:"id of the replayed archive entry; null = no replay"`
	CreatedAt  *time.Time      `json:"created_at" doc:"event time"`
	UpdatedAt  *time.Time      `json:"updated_at" doc:"last change"`
}

type transportStats struct {
	Transport      string            `json:"transport" doc:"websocket, webhook, redis, amqp or sqs"`
	Targets        int               `json:"targets" doc:"targets in use"`
	OpenBreakers   int               `json:"open_breakers" doc:"targets, or hosts of several, that cannot be reached"`
	Attempts       uint64            `json:"attempts" doc:"attempts; this and the following figures count from the start of the server"`
	Retries        uint64            `json:"retries" doc:"attempts after the first of a delivery"`
	Failures       map[string]uint64 `json:"failures" doc:"attempts that failed, by meaning: unreachable (no answer), refused (rights or settings of the target), permanent (the event is not acceptable), retry_after (the target asked to wait) or retry (all others)"`
	Delivered      uint64            `json:"delivered" doc:"successful deliveries"`
	DeadLetters    uint64            `json:"dead_letters" doc:"deliveries that were given up"`
	Replays        uint64            `json:"replays" doc:"replays that ended"`
	Lost           uint64            `json:"lost" doc:"events that retention dropped before they were sent"`
	Signals        uint64            `json:"signals" doc:"volatile events that were delivered"`
	SignalsDropped uint64            `json:"signals_dropped" doc:"volatile events that were not delivered"`
}

type deliveryStatsResult struct {
	ByStatus   map[string]int   `json:"by_status" doc:"status -> count: pending and processing now, delivered and failed in the archive"`
	ByEvent    map[string]int   `json:"by_event" doc:"event name -> count in the archive"`
	Transports []transportStats `json:"transports" doc:"figures of each transport"`
	Hub        hubStats         `json:"hub" doc:"figures of watching"`
	Notifier   notifierStats    `json:"notifier" doc:"figures of deliveries in progress"`
	Watchers   []watcherObject  `json:"watchers" doc:"watches that are open, the oldest first"`
}

// registerDeliveries adds the methods of the namespace delivery.
func registerDeliveries(reg *rpc.Registry, d Deps) {
	rpc.Register(reg, rpc.Method{
		Name: "delivery.list", Summary: "Page through recorded deliveries, or list those that have not ended.",
		Description: ownTargetsOnly, NoSession: true, MaxReply: shared.ListReply,
	}, d.listDeliveries)
	hub := d.Watching
	if hub == nil {
		hub = NewWatchHub(dispatch.DefaultMaxWatches)
	}
	registerWatch(reg, d, hub)
	rpc.Register(reg, rpc.Method{
		Name: "delivery.prune", Summary: "Run the retention of journal and archive now.", Scope: rpc.ScopeAdmin, Timeout: pruneTimeout,
		Description: "With older_than_hours only entries of delivered events that are older are deleted, whatever the configured retention. Pending deliveries " +
			"and dead letters stay.",
	}, d.pruneJournal)
	rpc.Register(reg, rpc.Method{Name: "delivery.getStats", Summary: "Read figures on deliveries, transports and connected watchers.", Scope: rpc.ScopeAdmin},
		func(ctx context.Context, _ *rpc.Call, _ *shared.None) (deliveryStatsResult, error) {
			return d.deliveryStats(ctx, hub)
		})
}

func (d Deps) listDeliveries(ctx context.Context, call *rpc.Call, p *deliveryListParams) (deliveryListResult, error) {
	out := deliveryListResult{Deliveries: []deliveryObject{}}
	sessions, err := sessionsOf(call.Principal, p.SessionIDs)
	if err != nil {
		return out, err
	}
	if p.Status == shared.Pending || p.Status == shared.Processing {
		return d.liveDeliveries(ctx, call.Principal, sessions, p)
	}
	query := dispatch.Query{
		Sessions: sessions, Own: ownOnly(call.Principal), Type: p.Event, After: p.SinceID, Since: shared.TimeOrZero(p.Since), Limit: p.Limit, OldestFirst: true,
		Failed: p.Status == deliveryFailed || p.Status == "" && p.FailedOnly,
	}
	if p.Status == deliveryDelivered {
		query.Status = dispatch.Delivered
	}
	entries, total, err := d.Deliveries.List(ctx, query)
	if err != nil {
		return out, err
	}
	size := 0
	for i := range entries {
		object := shapeDelivery(&entries[i], deliveryStatus(entries[i].Status), entries[i].Archived)
		object.DeliveryID = &entries[i].ID
		if p.IncludePayload {
			if object.Payload, err = d.payloadOf(ctx, &entries[i], &size); err != nil {
				return out, err
			}
		}
		out.Deliveries = append(out.Deliveries, object)
	}
	if out.HasMore = total > len(entries); out.HasMore {
		out.NextID = entries[len(entries)-1].ID
	}
	return out, nil
}

// liveDeliveries lists unfinished deliveries. There is one for each lane at most, so pages are not needed.
func (d Deps) liveDeliveries(ctx context.Context, who rpc.Principal, sessions []string, p *deliveryListParams) (deliveryListResult, error) {
	live := slices.DeleteFunc(d.Deliveries.Live(sessions), func(l dispatch.Live) bool {
		return shared.LiveStatus(&l) != p.Status || ownOnly(who) && !l.Own() || p.Event != "" && l.Type != p.Event || p.Since != nil && l.Updated.Before(*p.Since)
	})
	slices.SortFunc(live, func(a, b dispatch.Live) int {
		return cmp.Or(a.EventTime.Compare(b.EventTime), cmp.Compare(a.EventID, b.EventID), cmp.Compare(a.Target, b.Target))
	})
	const page = 50
	limit := cmp.Or(p.Limit, page)
	out := deliveryListResult{Deliveries: []deliveryObject{}, HasMore: len(live) > limit}
	size := 0
	for i := range live[:min(len(live), limit)] {
		l := &live[i]
		object := shapeDelivery(&l.Entry, p.Status, l.Updated)
		if p.IncludePayload {
			var err error
			if object.Payload, err = d.payloadOf(ctx, &l.Entry, &size); err != nil {
				return out, err
			}
		}
		out.Deliveries = append(out.Deliveries, object)
	}
	return out, nil
}

func deliveryStatus(s dispatch.Status) string {
	if s == dispatch.Delivered {
		return deliveryDelivered
	}
	return deliveryFailed
}

func shapeDelivery(e *dispatch.Entry, status string, updated time.Time) deliveryObject {
	out := deliveryObject{
		SessionID: e.Session, Event: e.Type, EventID: e.EventID, Offset: e.Offset, Transport: e.Transport, TargetID: e.Target, Status: status,
		Attempts: e.Attempts, LastError: shared.Optional(e.Error), Code: shared.Optional(e.Code), CreatedAt: shared.OptionalTime(e.EventTime), UpdatedAt: shared.OptionalTime(updated),
	}
	if e.ReplayOf != 0 {
		out.ReplayOf = &e.ReplayOf
	}
	return out
}

func (d Deps) deliveryStats(ctx context.Context, hub *WatchHub) (deliveryStatsResult, error) {
	out := deliveryStatsResult{
		ByStatus: map[string]int{shared.Pending: 0, shared.Processing: 0, deliveryDelivered: 0, deliveryFailed: 0},
		ByEvent:  map[string]int{}, Transports: []transportStats{},
	}
	tallies, err := d.Deliveries.Tallies(ctx, "")
	if err != nil {
		return out, err
	}
	for _, t := range tallies {
		out.ByStatus[deliveryStatus(t.Status)] += t.Count
		if t.Type != "" {
			out.ByEvent[t.Type] += t.Count
		}
	}
	live := d.Deliveries.Live(nil)
	for i := range live {
		out.ByStatus[shared.LiveStatus(&live[i])]++
	}
	stats := d.Deliveries.Stats()
	out.Hub, out.Watchers = hub.figures(stats)
	out.Notifier = notifierStats{Enabled: true, Workers: out.ByStatus[shared.Processing], QueueSize: out.ByStatus[shared.Pending]}
	for _, s := range stats {
		out.Notifier.QueueCapacity += s.Targets
		out.Transports = append(out.Transports, transportStats{
			Transport: s.Transport, Targets: s.Targets, OpenBreakers: s.OpenBreakers, Attempts: s.Attempts, Retries: s.Retries, Failures: s.Failures, Delivered: s.Delivered,
			DeadLetters: s.DeadLetters, Replays: s.Replays, Lost: s.Lost, Signals: s.Signals, SignalsDropped: s.SignalsDropped + s.SignalsFailed,
		})
	}
	slices.SortFunc(out.Transports, func(a, b transportStats) int { return cmp.Compare(a.Transport, b.Transport) })
	return out, nil
}
