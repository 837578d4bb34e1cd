package e2etest

import (
	"encoding/json"
	"sync"
	"testing"
)

// DeliveredNames checks the rule of names on the events in the native format that one receiver got at its paths or queues. An event that is delivered again, or
// after a later one, is skipped: the receiver may know a number by then that was unknown when the event was created.
type DeliveredNames struct {
	prefix string // of session names in the checker
	mu     sync.Mutex
	last   map[string]uint64 // path or queue, and session -> offset
}

// CheckDelivered returns a check of one receiver's events. It reports its findings when the test ends.
func CheckDelivered(t *testing.T, receiver string) *DeliveredNames {
	prefix := t.Name() + " delivered to " + receiver
	t.Cleanup(func() { checkNames(t, prefix) })
	return &DeliveredNames{prefix: prefix, last: map[string]uint64{}}
}

// Add checks a body that arrived at a path or a queue. Bodies in other formats are ignored.
func (d *DeliveredNames) Add(path string, body []byte) {
	var e struct {
		Session, Type string
		Offset        uint64
		Data          json.RawMessage
	}
	if json.Unmarshal(body, &e) != nil || e.Session == "" || e.Type == "" || e.Offset == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if seen := path + " " + e.Session; e.Offset > d.last[seen] {
		d.last[seen] = e.Offset
		names.Event(d.prefix+seen, e.Type, e.Data)
	}
}
