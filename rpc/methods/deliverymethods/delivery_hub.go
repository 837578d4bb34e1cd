package deliverymethods

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
	"github.com/waystation/waystation/transports/dispatch"
)

// WatchHub contains the open watches and the totals of their output.
type WatchHub struct {
	most    int
	started time.Time

	mu   sync.Mutex
	open map[*hubWatch]struct{}
	sent uint64
	last time.Time // time of the last output
}

// hubWatch is an open watch; WatchHub.mu guards what changes.
type hubWatch struct {
	id       string
	who      rpc.Principal
	sessions []string // that the watch is limited to; nil = all
	filter   *deliveryWatchParams
	end      context.CancelCauseFunc
	since    time.Time
	lastID   int64
	beat     time.Time // time of its last progress
}

// NewWatchHub returns a hub without watches. Of the dispatcher's limit most, the credentials of one session may use a
// quarter, and those of all sessions three quarters, so that they cannot lock out others.
func NewWatchHub(most int) *WatchHub {
	return &WatchHub{most: most, started: time.Now(), open: map[*hubWatch]struct{}{}}
}

// isFull reports whether the credentials of a session or an account have reached their limit of watches; mu is held.
func (h *WatchHub) isFull(who *rpc.Principal) bool {
	own, all := 0, 0
	for w := range h.open {
		if w.who.ID == who.ID {
			own++
		}
		if isLimited(&w.who) {
			all++
		}
	}
	return own >= max(1, h.most/4) || all >= max(1, h.most*3/4)
}

// isLimited reports whether a principal may use a part of the watches only.
func isLimited(who *rpc.Principal) bool {
	return who.Session != "" || who.Access != nil && who.Kind != rpc.ScopeAdmin
}

// Expire ends the watches of a principal whose credential has expired or was revoked.
func (h *WatchHub) Expire(principalID string) {
	h.end("the token has expired or was revoked", func(who *rpc.Principal) bool { return who.ID == principalID })
}

// RecheckAccess ends the watches of account credentials that are no longer valid or may not use one of their sessions any more.
func (h *WatchHub) RecheckAccess() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.open {
		if w.who.Valid() && !slices.ContainsFunc(w.sessions, func(id string) bool { return !w.who.MayUse(id) }) {
			continue
		}
		w.end(rpc.Unauthenticated("the credential was revoked, or its access to a session of the watch"))
	}
}

// SessionDeleted ends the watches that are bound to a deleted session.
func (h *WatchHub) SessionDeleted(session string) {
	h.end("the session was deleted", func(who *rpc.Principal) bool { return who.Session == session })
}

func (h *WatchHub) end(why string, matches func(who *rpc.Principal) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.open {
		if matches(&w.who) {
			w.end(rpc.Unauthenticated(why))
		}
	}
}

// enter adds a watch until leave is called. The error is dispatch.ErrTooManyWatches.
func (h *WatchHub) enter(w *hubWatch) (leave func(), err error) {
	w.since = time.Now()
	w.beat = w.since
	h.mu.Lock()
	defer h.mu.Unlock()
	if isLimited(&w.who) && h.isFull(&w.who) {
		return nil, dispatch.ErrTooManyWatches
	}
	h.open[w] = struct{}{}
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.open, w)
	}, nil
}

// took records that a delivery was sent to a watch; id is 0 for an unfinished one.
func (h *WatchHub) took(w *hubWatch, id int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sent++
	h.last = time.Now()
	w.beat, w.lastID = h.last, max(w.lastID, id)
}

type hubStats struct {
	WatcherCount    int        `json:"watcher_count" doc:"watches that are open"`
	BroadcastCount  uint64     `json:"broadcast_count" doc:"deliveries that ended since the server started and were visible to watches"`
	DeliveredCount  uint64     `json:"delivered_count" doc:"deliveries sent to all watches"`
	CacheHits       int        `json:"cache_hits" doc:"0: watches read the archive without a cache"`
	CacheMisses     int        `json:"cache_misses" doc:"0 likewise"`
	UptimeSeconds   int64      `json:"uptime_seconds" doc:"since the server started"`
	StartedAt       time.Time  `json:"started_at" doc:"start of the server"`
	LastBroadcastAt *time.Time `json:"last_broadcast_at" doc:"time of the last output to a watch; null = never"`
}

type notifierStats struct {
	Enabled       bool `json:"enabled" doc:"true: deliveries are always recorded"`
	Workers       int  `json:"workers" doc:"attempts under way"`
	QueueSize     int  `json:"queue_size" doc:"deliveries that wait for their retry, their target or room; one for each target and session at most"`
	QueueCapacity int  `json:"queue_capacity" doc:"number of targets, each with one delivery at a time"`
}

type watcherObject struct {
	WatchID         string               `json:"watch_id" doc:"as delivery.watch has it"`
	SessionID       *string              `json:"session_id" doc:"session that the watcher's credential is bound to; null = none"`
	IsAdmin         bool                 `json:"is_admin" doc:"the credential is valid for all sessions"`
	Connected       bool                 `json:"connected" doc:"true"`
	ConnectedAt     time.Time            `json:"connected_at" doc:"when the watch began"`
	LastEventID     int64                `json:"last_event_id" doc:"id of the newest delivery sent to it; 0 = none"`
	LastHeartbeatAt time.Time            `json:"last_heartbeat_at" doc:"time of its last output"`
	Filter          *deliveryWatchParams `json:"filter" doc:"parameters of the watch"`
}

// figures returns the counts of the hub and of each watch, the oldest first.
func (h *WatchHub) figures(transports []dispatch.Stats) (hubStats, []watcherObject) {
	h.mu.Lock()
	defer h.mu.Unlock()
	hub := hubStats{
		WatcherCount: len(h.open), DeliveredCount: h.sent, UptimeSeconds: int64(time.Since(h.started).Seconds()), StartedAt: h.started.UTC(), LastBroadcastAt: shared.OptionalTime(h.last),
	}
	for _, t := range transports {
		hub.BroadcastCount += t.Delivered + t.DeadLetters
	}
	watchers := make([]watcherObject, 0, len(h.open))
	for w := range h.open {
		watchers = append(watchers, watcherObject{
			WatchID: w.id, SessionID: shared.Optional(w.who.Session), IsAdmin: w.who.Session == "", Connected: true, ConnectedAt: w.since.UTC(),
			LastEventID: w.lastID, LastHeartbeatAt: w.beat.UTC(), Filter: w.filter,
		})
	}
	slices.SortFunc(watchers, func(a, b watcherObject) int {
		return cmp.Or(a.ConnectedAt.Compare(b.ConnectedAt), cmp.Compare(a.WatchID, b.WatchID))
	})
	return hub, watchers
}
