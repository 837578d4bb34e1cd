package dispatch

import (
	"encoding/json"
	"slices"

	"github.com/waystation/waystation/transports/journal"
)

// signalLane sends the signals of one target. They change neither cursor nor archive.
type signalLane struct {
	lane
	queue []*journal.Signal // guarded by lane.mu
}

// push queues a signal; if the queue is full, the oldest is dropped.
func (l *signalLane) push(s *journal.Signal) {
	l.mu.Lock()
	if len(l.queue) >= l.t.d.cfg.MaxSignals {
		l.queue = slices.Delete(l.queue, 0, 1)
		l.t.sink.stats.signalsDropped.Add(1)
	}
	l.queue = append(l.queue, s)
	l.mu.Unlock()
	l.wake()
}

func (l *signalLane) pop() *journal.Signal {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 {
		l.queue = nil
		return nil
	}
	s := l.queue[0]
	l.queue = slices.Delete(l.queue, 0, 1)
	return s
}

func (l *signalLane) sendQueued() bool {
	for s := l.pop(); s != nil; s = l.pop() {
		e := &journal.Event{Session: s.Session, Type: s.Type, Time: s.Time, Chats: s.Chats, Data: s.Data}
		if !l.sendJob(&job{t: l.t, deliveries: []Delivery{{Event: e, Body: signalBody(s), Signal: true}}}) {
			return false
		}
	}
	return true
}

// signalBody returns the same JSON object that sockets receive for a signal.
func signalBody(s *journal.Signal) []byte {
	body, err := json.Marshal(struct {
		Session string          `json:"session"`
		Type    string          `json:"type"`
		Time    string          `json:"time"`
		Data    json.RawMessage `json:"data"`
	}{s.Session, s.Type, s.Time.UTC().Format("2006-01-02T15:04:05.000Z07:00"), s.Data})
	if err != nil { // data is not valid JSON
		return []byte("{}")
	}
	return body
}
