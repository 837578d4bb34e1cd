package digigo

import (
	"time"

	"github.com/waystation/waystation/server/rest"
)

// statsAnswer is the answer of the monitoring's figures. There is no cache of events here: its figures are 0.
type statsAnswer struct {
	Hub      hubAnswer      `json:"hub"`
	Notifier notifierAnswer `json:"notifier"`
	Events   struct {
		ByStatus map[string]int `json:"by_status"`
		ByType   map[string]int `json:"by_type"`
	} `json:"events"`
	Clients []clientAnswer `json:"clients"`
}

type hubAnswer struct {
	ConnectedClients int     `json:"connected_clients"`
	Broadcast        uint64  `json:"total_events_broadcast"`
	Delivered        uint64  `json:"total_events_delivered"`
	CacheHits        int     `json:"cache_hits"`
	CacheMisses      int     `json:"cache_misses"`
	CacheHitRate     float64 `json:"cache_hit_rate"`
	UptimeSeconds    int64   `json:"uptime_seconds"`
	StartTime        string  `json:"start_time"`
	LastBroadcastAt  *string `json:"last_broadcast_at"`
}

type notifierAnswer struct {
	Enabled     bool    `json:"enabled"`
	Workers     int     `json:"workers"`
	QueueSize   int     `json:"queue_size"`
	Capacity    int     `json:"queue_capacity"`
	Utilization float64 `json:"queue_utilization"`
}

type clientAnswer struct {
	ID             string        `json:"id"`
	SessionToken   string        `json:"session_token" doc:"always empty: credentials are not shown"`
	User           string        `json:"user_id"`
	IsAdmin        bool          `json:"is_admin"`
	Connected      bool          `json:"connected"`
	ConnectedAt    string        `json:"connected_at"`
	LastEventID    int64         `json:"last_event_id"`
	LastHeartbeat  string        `json:"last_heartbeat"`
	ConnectionTime float64       `json:"connection_time" doc:"seconds"`
	Filter         *clientFilter `json:"filter"`
}

type clientFilter struct {
	User       string `json:"user_id"`
	Event      string `json:"event_type"`
	Status     string `json:"status"`
	SinceID    int64  `json:"since_id"`
	Limit      int    `json:"limit"`
	OnlyFailed bool   `json:"only_failed"`
}

func eventStats(x *rest.Exchange, _ *rest.None) (*statsAnswer, error) {
	var s struct {
		ByStatus map[string]int `json:"by_status"`
		ByEvent  map[string]int `json:"by_event"`
		Hub      struct {
			Watchers  int     `json:"watcher_count"`
			Broadcast uint64  `json:"broadcast_count"`
			Delivered uint64  `json:"delivered_count"`
			Uptime    int64   `json:"uptime_seconds"`
			Started   string  `json:"started_at"`
			Last      *string `json:"last_broadcast_at"`
		}
		Notifier struct {
			Enabled  bool
			Workers  int
			Size     int `json:"queue_size"`
			Capacity int `json:"queue_capacity"`
		}
		Watchers []struct {
			ID        string  `json:"watch_id"`
			Session   *string `json:"session_id"`
			IsAdmin   bool    `json:"is_admin"`
			Connected bool
			Since     time.Time `json:"connected_at"`
			LastID    int64     `json:"last_event_id"`
			Beat      string    `json:"last_heartbeat_at"`
			Filter    *struct {
				Sessions   []string `json:"session_ids"`
				Event      string
				Status     string
				SinceID    int64 `json:"since_id"`
				Limit      int
				OnlyFailed bool `json:"failed_only"`
			}
		}
	}
	if err := x.Call("delivery.getStats", nil, &s); err != nil {
		return nil, err
	}
	out := &statsAnswer{
		Hub: hubAnswer{
			ConnectedClients: s.Hub.Watchers, Broadcast: s.Hub.Broadcast, Delivered: s.Hub.Delivered, UptimeSeconds: s.Hub.Uptime, StartTime: s.Hub.Started, LastBroadcastAt: s.Hub.Last,
		},
		Notifier: notifierAnswer{Enabled: s.Notifier.Enabled, Workers: s.Notifier.Workers, QueueSize: s.Notifier.Size, Capacity: s.Notifier.Capacity},
		Clients:  make([]clientAnswer, 0, len(s.Watchers)),
	}
	out.Events.ByStatus, out.Events.ByType = s.ByStatus, s.ByEvent
	if s.Notifier.Capacity > 0 {
		out.Notifier.Utilization = float64(s.Notifier.Size) / float64(s.Notifier.Capacity)
	}
	for _, w := range s.Watchers {
		client := clientAnswer{
			ID: w.ID, User: rest.Deref(w.Session), IsAdmin: w.IsAdmin, Connected: w.Connected, ConnectedAt: w.Since.Format(time.RFC3339), LastEventID: w.LastID,
			LastHeartbeat: w.Beat, ConnectionTime: time.Since(w.Since).Seconds(),
		}
		if f := w.Filter; f != nil {
			client.Filter = &clientFilter{Event: f.Event, Status: f.Status, SinceID: f.SinceID, Limit: f.Limit, OnlyFailed: f.OnlyFailed}
			if len(f.Sessions) > 0 {
				client.Filter.User = f.Sessions[0]
			}
		}
		out.Clients = append(out.Clients, client)
	}
	return out, nil
}
