package e2e

import (
	"encoding/json"
	"sync"
	"testing"
)

// deliveredNames checks the rule of names on the events that the paths or queues of one receiver got in the native format. An event that is delivered again, or
// after a later one, is left out: the receiver may know a number by then that was not known when the event was made.
type deliveredNames struct {
	prefix string // of the checker's sessions
	mu     sync.Mutex
	last   map[string]uint64 // path or queue, and session -> offset
}

// checkDelivered returns a check of what one receiver gets. Its findings are reported when the test ends.
func checkDelivered(t *testing.T, receiver string) *deliveredNames {
	prefix := t.Name() + " delivered to " + receiver
	t.Cleanup(func() { checkNames(t, prefix) })
	return &deliveredNames{prefix: prefix, last: map[string]uint64{}}
}

// add checks a body that arrived at a path or a queue. Bodies in other formats are ignored.
func (d *deliveredNames) add(path string, body []byte) {
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
