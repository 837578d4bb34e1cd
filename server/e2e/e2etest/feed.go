package e2etest

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"sort"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// FeedWait bounds the wait for asynchronous effects at another side, far above the time they need.
const FeedWait = 20 * time.Second

// Happening is an event or a signal of a session as the socket sends it.
type Happening struct {
	Offset uint64 `json:"offset"` // 0 = a signal
	Type   string `json:"type"`
	Origin string `json:"origin"`
	Data   Object `json:"data"`
}

// is reports whether it has the type and all given members of the data.
func (h *Happening) is(kind string, data Object) bool {
	return h.Type == kind && len(ListDifferences(data, h.Data)) == 0
}

// Feed records all events and signals from a session's socket, from the oldest event on.
type Feed struct {
	addr    string
	session string
	changed chan struct{} // has one element after a new one

	answered func() // called with the answer to hello, or when the socket has ended

	mu   sync.Mutex
	all  []Happening
	fail error
}

// FollowEvents opens a socket for one session and reads it until the test ends. It returns after the answer to hello, as earlier signals would be lost.
func FollowEvents(t *testing.T, server *Process, session string) *Feed {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ws, _, err := websocket.Dial(ctx, "ws://"+server.Addr+"/v1/ws", &websocket.DialOptions{Subprotocols: []string{"waystation.v1"}}) //nolint:bodyclose // the library always closes it
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	ws.SetReadLimit(4 << 20)
	f := &Feed{addr: server.Addr, session: session, changed: make(chan struct{}, 1)}
	done := make(chan struct{})
	t.Cleanup(func() {
		cancel()
		_ = ws.CloseNow()
		<-done
	})
	hello, err := json.Marshal(Object{"jsonrpc": "2.0", "id": 1, "method": "conn.hello", "params": Object{
		"protocol": 1, "client": Object{"name": "e2e", "version": "1"}, "token": AdminToken, "from": "oldest",
		"filters": []Object{{"sessions": []string{session}, "include_volatile": true}},
	}})
	if err == nil {
		err = ws.Write(ctx, websocket.MessageText, hello)
	}
	answered := make(chan struct{})
	f.answered = sync.OnceFunc(func() { close(answered) })
	go func() {
		defer close(done)
		for err == nil {
			err = f.read(ctx, ws)
		}
		f.note(nil, err)
		f.answered()
	}()
	select {
	case <-answered:
	case <-time.After(FeedWait):
		t.Fatal("the socket does not answer hello")
	}
	return f
}

func (f *Feed) read(ctx context.Context, ws *websocket.Conn) error {
	_, raw, err := ws.Read(ctx)
	if err != nil {
		return err
	}
	var frame struct {
		Method string          `json:"method"`
		Params json.RawMessage `json:"params"`
		Error  json.RawMessage `json:"error"`
		Result json.RawMessage `json:"result"`
	}
	if err := json.Unmarshal(raw, &frame); err != nil {
		return err
	}
	switch {
	case frame.Error != nil, frame.Method == "events.gap":
		return fmt.Errorf("the socket sent %s", raw)
	case frame.Result != nil:
		f.answered()
	case frame.Method == "event", frame.Method == "signal":
		var h Happening
		if err := json.Unmarshal(frame.Params, &h); err != nil {
			return err
		}
		data, err := json.Marshal(h.Data)
		if err != nil {
			return err
		}
		names.Event(f.addr+" "+f.session, h.Type, data)
		f.note(&h, nil)
	}
	return nil
}

func (f *Feed) note(h *Happening, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if h != nil {
		f.all = append(f.all, *h)
	}
	f.fail = err
	select {
	case f.changed <- struct{}{}:
	default:
	}
}

// Snapshot returns the events and signals so far, and the error that ended the socket.
func (f *Feed) Snapshot() ([]Happening, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.all), f.fail
}

// Await returns the first event or signal of that type whose data has the given members.
func (f *Feed) Await(t *testing.T, kind string, data Object) Happening {
	t.Helper()
	timeout := time.NewTimer(FeedWait)
	defer timeout.Stop()
	for next := 0; ; {
		all, err := f.Snapshot()
		for ; next < len(all); next++ {
			if all[next].is(kind, data) {
				return all[next]
			}
		}
		if err != nil {
			t.Fatalf("the socket of %s ended: %v", f.session, err)
		}
		select {
		case <-f.changed:
		case <-timeout.C:
			for _, h := range all[max(0, len(all)-15):] {
				t.Logf("%s had %d %s %s", f.session, h.Offset, h.Type, brief(h.Data))
			}
			t.Fatalf("%s did not get %s with %s", f.session, kind, brief(data))
		}
	}
}

func brief(v any) string {
	out, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(out[:min(len(out), 600)])
}

// ListDifferences returns the places where got differs from want. Objects in got may have more members; lists must have the same length.
func ListDifferences(want, got any) []string {
	plainWant, err := plain(want)
	if err != nil {
		return []string{err.Error()}
	}
	plainGot, err := plain(got)
	if err != nil {
		return []string{err.Error()}
	}
	return compare("", plainWant, plainGot)
}

// plain returns a value as decoded from its JSON.
func plain(v any) (out any, err error) {
	raw, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	return out, err
}

func compare(at string, want, got any) []string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return []string{fmt.Sprintf("%s is %s, not %s", at, brief(got), brief(want))}
		}
		var found []string
		for name, value := range w {
			found = append(found, compare(at+"/"+name, value, g[name])...)
		}
		sort.Strings(found)
		return found
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return []string{fmt.Sprintf("%s is %s, not %s", at, brief(got), brief(want))}
		}
		var found []string
		for i := range w {
			found = append(found, compare(fmt.Sprintf("%s/%d", at, i), w[i], g[i])...)
		}
		return found
	}
	if !reflect.DeepEqual(want, got) {
		return []string{fmt.Sprintf("%s is %s, not %s", at, brief(got), brief(want))}
	}
	return nil
}

// CheckSame fails the test when got differs from want, see ListDifferences.
func CheckSame(t *testing.T, what string, want, got any) {
	t.Helper()
	for _, difference := range ListDifferences(want, got) {
		t.Errorf("%s: %s", what, difference)
	}
}
