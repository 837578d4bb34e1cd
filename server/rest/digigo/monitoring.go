package digigo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

func monitoringRoutes() []rest.Route {
	monitoring, payloads := rest.Family(familyMonitoring), rest.With(rest.Params{"include_payload": true})
	return []rest.Route{
		rest.Row("GET", "/admin/events/stream", "delivery.watch", streamEvents, monitoring, payloads, rest.Reads[deliveryUpdate]("")),
		rest.Pass[watchFilter, history]("GET", "/admin/events/history", "delivery.list", monitoring, payloads, rest.Adjust(limitToToken)),
		rest.Pass[rest.None, statsAnswer]("GET", "/admin/events/stats", "delivery.getStats", monitoring),
		rest.Pass[pruneRequest, pruneEventsAnswer]("POST", "/admin/events/prune", "delivery.prune", monitoring, rest.BodyText("Invalid body")),
		rest.Row("POST", "/admin/events/session", "delivery.createWatchToken", makeWatchToken, monitoring, rest.Reads[watchTokenAnswer]("delivery.createWatchToken")),
	}
}

// watchFilter selects deliveries, which the document calls events.
type watchFilter struct {
	User       sessionID `rest:"user_id,query,param=/session_ids" doc:"id of a session"`
	Event      string    `rest:"event_type,query,param=/event"`
	Status     string    `rest:"status,query,param=/status" enum:"pending|processing|delivered|failed"`
	SinceID    *int64    `rest:"since_id,query,param=/since_id" doc:"after this id"`
	SinceTime  string    `rest:"since_time,query,param=/since"`
	Limit      *int      `rest:"limit,query,param=/limit" doc:"1 to 1000, default 50"`
	FailedOnly *bool     `rest:"only_failed,query,param=/failed_only" doc:"only failed ones unless a status is given"`
}

// monitored is a delivery as the document shows it.
type monitored struct {
	ID      int64  `json:"id" from:"/delivery_id" doc:"0 while it has not ended"`
	User    string `json:"user_id" from:"/session_id"`
	Event   string `json:"event_type" from:"/event"`
	Payload struct {
		Raw jsonText `json:"raw" from:"/payload" doc:"JSON; empty when it is no longer kept"`
	} `json:"payload"`
	Status   string `json:"status" from:"/status"`
	Attempts int    `json:"attempts" from:"/attempts"`
	Created  string `json:"created_at" from:"/created_at|/updated_at"`
	Updated  string `json:"updated_at" from:"/updated_at"`
}

type history struct {
	Events  []monitored `json:"events" from:"/deliveries"`
	HasMore bool        `json:"has_more" from:"/has_more"`
	NextID  int64       `json:"next_id" from:"/next_id"`
	Count   int         `json:"count" from:"#/deliveries"`
}

// limitToToken adds the filter of a watch token to params, which must not contradict it.
func limitToToken(x *rest.Exchange, params rest.Params) error {
	if len(x.Filter) == 0 {
		return nil
	}
	var built map[string]json.RawMessage
	if err := json.Unmarshal(x.Filter, &built); err != nil {
		return fmt.Errorf("filter of a watch token: %w", err)
	}
	for name, value := range built {
		if asked, given := params[name]; given && name != "include_payload" {
			if raw, err := json.Marshal(asked); err != nil || !bytes.Equal(raw, value) {
				return rpc.Forbidden("the token has another " + name + " built in")
			}
		}
		params[name] = value
	}
	params["include_payload"] = true
	return nil
}

func streamEvents(x *rest.Exchange, _ *watchFilter) (*rest.Reply, error) {
	params, err := x.Params()
	if err == nil {
		err = limitToToken(x, params)
	}
	if err != nil {
		return nil, err
	}
	if last := x.Request.Header.Get("Last-Event-ID"); last != "" {
		id, err := strconv.ParseInt(last, 10, 64)
		if err != nil {
			return nil, rest.Bad("since_id", "", "the header Last-Event-ID must be a whole number")
		}
		params["since_id"] = id
		delete(params, "since") // of the first request; limit must not leave out later events
		delete(params, "limit")
	}
	return x.Watch("delivery.watch", params, func(note rest.Note) (rest.Frame, bool) { return frameOf(x, note) })
}

// deliveryUpdate is a notification of a delivery.
type deliveryUpdate struct {
	Delivery monitored `from:"/delivery"`
}

// frameOf is a notification of delivery.watch as the document shows it.
func frameOf(x *rest.Exchange, note rest.Note) (rest.Frame, bool) {
	switch note.Method {
	case "delivery.update":
		var update deliveryUpdate
		if x.Fill(note.Params, &update) != nil {
			return rest.Frame{}, false
		}
		shown := update.Delivery
		out := rest.Frame{Event: shown.Event, Data: shown}
		if shown.ID > 0 {
			out.ID = strconv.FormatInt(shown.ID, 10)
		}
		return out, true
	case "delivery.gap":
		var gap struct {
			From int64 `json:"from_id"`
			To   int64 `json:"to_id"`
		}
		err := json.Unmarshal(note.Params, &gap)
		return rest.Frame{Comment: fmt.Sprintf("events from %d to %d may be missing", gap.From, gap.To)}, err == nil
	}
	return rest.Frame{}, false
}

type pruneRequest struct {
	Hours *int `rest:"retention_hours,param=/older_than_hours" bad:"Invalid body" doc:"at least 1; absent = the regular retention"`
}

type pruneEventsAnswer struct {
	Deleted   int    `json:"deleted" from:"/archive_deleted_count"`
	Hours     int    `json:"retention_h" from:"/older_than_hours"`
	Threshold string `json:"threshold" from:"/threshold"`
}

type prunerAnswer struct {
	Success bool        `json:"success" from:"=true"`
	Message string      `json:"message" from:"=prune triggered successfully"`
	Stats   prunerStats `json:"pruner_stats"`
}

type prunerStats struct {
	Total         int    `json:"total_pruned" from:"/total_deleted_count"`
	TotalArchived int    `json:"total_archive_pruned" from:"/total_archive_deleted_count"`
	Last          string `json:"last_prune_time" from:"/last_run_at"`
	Next          string `json:"next_prune_time" from:"/next_run_at"`
}

type watchTokenRequest struct {
	Filters *struct {
		User       sessionID `rest:"user_id,param=/filter/session_ids" doc:"id of a session; the token reaches this one alone"`
		Event      string    `rest:"event_type,param=/filter/event"`
		Status     string    `rest:"status,param=/filter/status" enum:"|pending|processing|delivered|failed"`
		SinceID    *int64    `rest:"since_id,param=/filter/since_id"`
		SinceTime  string    `rest:"since_time,param=/filter/since"`
		Limit      *int      `rest:"limit,param=/filter/limit"`
		FailedOnly *bool     `rest:"only_failed,param=/filter/failed_only"`
	} `rest:"filters"`
}

type watchTokenAnswer struct {
	Token   string `json:"session_token" from:"/token"`
	Expires string `json:"expires_at" from:"/expires_at"`
	URL     string `json:"stream_url"`
	TTL     int    `json:"ttl_seconds" from:"/ttl_seconds"`
}

func makeWatchToken(x *rest.Exchange, in *watchTokenRequest) (*watchTokenAnswer, error) {
	params, err := x.Params()
	if err != nil {
		return nil, err
	}
	query := url.Values{}
	if x.Ticket {
		params["renew_token"] = x.Request.URL.Query().Get("session")
	}
	if f := in.Filters; f != nil {
		for name, value := range map[string]string{"user_id": string(f.User), "event_type": f.Event, "status": f.Status} {
			if value != "" {
				query.Set(name, value)
			}
		}
	}
	made := &watchTokenAnswer{}
	if err := x.Read("delivery.createWatchToken", params, made); err != nil {
		return nil, err
	}
	query.Set("session", made.Token)
	mount, _, _ := strings.Cut(x.Request.RequestURI, "/admin/")
	made.URL = mount + "/admin/events/stream?" + query.Encode()
	return made, nil
}

// statsAnswer has the figures of the monitoring. Those of a cache of events, which does not exist here, are 0.
type statsAnswer struct {
	Hub struct {
		ConnectedClients int     `json:"connected_clients" from:"/watcher_count"`
		Broadcast        uint64  `json:"total_events_broadcast" from:"/broadcast_count"`
		Delivered        uint64  `json:"total_events_delivered" from:"/delivered_count"`
		CacheHits        int     `json:"cache_hits"`
		CacheMisses      int     `json:"cache_misses"`
		CacheHitRate     float64 `json:"cache_hit_rate"`
		UptimeSeconds    int64   `json:"uptime_seconds" from:"/uptime_seconds"`
		StartTime        string  `json:"start_time" from:"/started_at"`
		LastBroadcastAt  *string `json:"last_broadcast_at" from:"/last_broadcast_at"`
	} `json:"hub" from:"/hub"`
	Notifier notifierAnswer `json:"notifier" from:"/notifier"`
	Events   struct {
		ByStatus map[string]int `json:"by_status" from:"/by_status"`
		ByType   map[string]int `json:"by_type" from:"/by_event"`
	} `json:"events"`
	Clients []clientAnswer `json:"clients" from:"/watchers"`
}

type notifierAnswer struct {
	Enabled     bool    `json:"enabled" from:"/enabled"`
	Workers     int     `json:"workers" from:"/workers"`
	QueueSize   int     `json:"queue_size" from:"/queue_size"`
	Capacity    int     `json:"queue_capacity" from:"/queue_capacity"`
	Utilization float64 `json:"queue_utilization"`
}

// FinishAnswer implements rest.Finisher.
func (n *notifierAnswer) FinishAnswer() error {
	if n.Capacity > 0 {
		n.Utilization = float64(n.QueueSize) / float64(n.Capacity)
	}
	return nil
}

type clientAnswer struct {
	ID             string  `json:"id" from:"/watch_id"`
	SessionToken   string  `json:"session_token" doc:"always empty: credentials are not shown"`
	User           string  `json:"user_id" from:"/session_id"`
	IsAdmin        bool    `json:"is_admin" from:"/is_admin"`
	Connected      bool    `json:"connected" from:"/connected"`
	ConnectedAt    string  `json:"connected_at" from:"/connected_at"`
	LastEventID    int64   `json:"last_event_id" from:"/last_event_id"`
	LastHeartbeat  string  `json:"last_heartbeat" from:"/last_heartbeat_at"`
	ConnectionTime float64 `json:"connection_time" doc:"seconds"`
	Filter         *struct {
		User       string `json:"user_id" from:"/session_ids/0"`
		Event      string `json:"event_type" from:"/event"`
		Status     string `json:"status" from:"/status"`
		SinceID    int64  `json:"since_id" from:"/since_id"`
		Limit      int    `json:"limit" from:"/limit"`
		OnlyFailed bool   `json:"only_failed" from:"/failed_only"`
	} `json:"filter" from:"/filter"`
}

// FinishAnswer implements rest.Finisher.
func (c *clientAnswer) FinishAnswer() error {
	since, err := time.Parse(time.RFC3339, c.ConnectedAt)
	if err != nil {
		return fmt.Errorf("connected_at: %w", err)
	}
	c.ConnectedAt, c.ConnectionTime = since.Format(time.RFC3339), time.Since(since).Seconds()
	return nil
}
