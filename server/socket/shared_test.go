package socket

import (
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/journal"
)

// rules are the settings of the sessions and of the operator of a test.
type rules struct {
	mu      sync.Mutex
	off     bool
	now     bool // s1 stays out
	skipped []uint64
}

func (r *rules) Enabled() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.off
}

func (r *rules) Skips(session string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now && session == "s1"
}

func (r *rules) Skipped(session, _ string, offset uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return session == "s1" && slices.Contains(r.skipped, offset)
}

// A session that is left out is left out of connections that follow all, exactly by offset and also when it is read
// later; its own connections and those that name it receive everything.
func TestSharedSockets(t *testing.T) {
	r := &rules{skipped: []uint64{2, 3, 5}, now: true}
	w := newWorld(t, Config{Shared: r}, journal.Config{})
	w.append("s1", "Message", 6)
	w.append("s2", "Message", 1)
	for name, c := range map[string]struct {
		token   string
		filters []any
		want    []uint64
		typing  bool
	}{
		"all":               {"admin", []any{object{"include_volatile": true}}, []uint64{1, 4, 6}, false},
		"all of a type":     {"admin", []any{object{"types": []string{"Message"}}}, []uint64{1, 4, 6}, false},
		"named":             {"admin", []any{object{"sessions": []string{"s1"}, "include_volatile": true}}, []uint64{1, 2, 3, 4, 5, 6}, true},
		"named and all":     {"admin", []any{object{}, object{"sessions": []string{"s1"}, "include_volatile": true}}, []uint64{1, 2, 3, 4, 5, 6}, true},
		"its own":           {"session:s1", []any{object{"include_volatile": true}}, []uint64{1, 2, 3, 4, 5, 6}, true},
		"another one named": {"admin", []any{object{}, object{"sessions": []string{"s2"}}}, []uint64{1, 4, 6}, false},
	} {
		t.Run(name, func(t *testing.T) {
			conn := w.dial(c.token)
			conn.t = t
			conn.hello(object{"filters": c.filters, "from": "oldest"})
			var got []uint64
			for len(got) < len(c.want) {
				if e := conn.event(); e.Session == "s1" {
					got = append(got, e.Offset)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
			w.journal.Signal(journal.Signal{Session: "s1", Type: "ChatPresence"})
			if c.typing {
				for conn.read().Method != "signal" { // events of s2 come before
				}
			}
		})
	}
}

// Connections that the operator has disabled are rejected, closed, and permitted again.
func TestSharedSocketsOff(t *testing.T) {
	r := &rules{}
	w := newWorld(t, Config{Shared: r}, journal.Config{})
	before := w.dial("admin")
	before.hello(object{})
	r.mu.Lock()
	r.off = true
	r.mu.Unlock()
	w.endpoint.CloseShared()
	before.closed(CloseForbidden)
	refused := w.dial("admin")
	refused.fails(rpc.CodeForbidden, "conn.hello", object{"protocol": 1})
	named := w.dial("admin")
	named.hello(object{"filters": []any{object{"sessions": []string{"s1"}}}})
	named.fails(rpc.CodeForbidden, "events.subscribe", object{"filters": []any{object{}}})
	own := w.dial("session:s1")
	own.hello(object{})
	w.append("s1", "Message", 1)
	own.events("s1", 1, 1)
	named.events("s1", 1, 1)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http"+w.url[len("ws"):]+"/v1/events", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer admin")
	response, err := w.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusForbidden {
		t.Errorf("a stream of all sessions: %s", response.Status)
	}
	r.mu.Lock()
	r.off = false
	r.mu.Unlock()
	w.dial("admin").hello(object{})
}
