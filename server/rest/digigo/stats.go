package digigo

import (
	"fmt"
	"time"
)

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
