package redis

import (
	"sync"

	"github.com/waystation/waystation/transports/dispatch"
)

// pendingHalves are events that are in their stream while their channel is refused: the next attempt publishes alone. Forgetting
// one costs an entry that is there twice.
type pendingHalves struct {
	most   int
	mu     sync.Mutex
	events map[laneKey]string // ids
}

// laneKey identifies the delivering lane: one event at a time.
type laneKey struct {
	target string
	replay bool
}

func laneOf(t dispatch.Target, d *dispatch.Delivery) laneKey { return laneKey{t.ID, d.Replay} }

func (h *pendingHalves) has(lane laneKey, event string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return event != "" && h.events[lane] == event
}

// record keeps or forgets an event after an attempt.
func (h *pendingHalves) record(lane laneKey, event string, half bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case !half:
		delete(h.events, lane)
		return
	case h.events == nil || len(h.events) >= h.most && h.events[lane] == "":
		h.events = map[laneKey]string{}
	}
	h.events[lane] = event
}
