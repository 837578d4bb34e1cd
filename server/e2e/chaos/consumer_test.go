package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// namedConsumer is a client with a named consumer that reconnects whenever its connection ends, and checks its events: no
// event missing or out of order, one id for each offset, and a stored cursor that never goes back.
type namedConsumer struct {
	addr, name, session string
	stop                context.CancelFunc
	done                chan struct{}

	mu       sync.Mutex
	ids      []string // received so far, by offset-1
	repeated int
	asked    uint64 // highest offset that was acknowledged, whether or not the server answered
	floor    uint64 // highest offset known to be stored
	hellos   int
	problem  error
}

func consume(t *testing.T, server *e2etest.Process, name, session string) *namedConsumer {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	n := &namedConsumer{addr: server.Addr, name: name, session: session, stop: cancel, done: make(chan struct{})}
	go n.run(ctx)
	t.Cleanup(func() {
		cancel()
		<-n.done
	})
	testkit.Within(t, 30*time.Second, "the consumer is known to the server", func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		return n.problem != nil || n.hellos > 0
	})
	return n
}

// run reconnects until a check fails or ctx ends.
func (n *namedConsumer) run(ctx context.Context) {
	defer close(n.done)
	for ctx.Err() == nil {
		ws, _, err := websocket.Dial(ctx, "ws://"+n.addr+"/v1/ws", &websocket.DialOptions{Subprotocols: []string{"waystation.v1"}})
		if err == nil { // else the server is down
			ws.SetReadLimit(4 << 20)
			problem := n.serve(ctx, ws)
			_ = ws.CloseNow()
			if problem != nil {
				n.mu.Lock()
				n.problem = problem
				n.mu.Unlock()
				return
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// frame is a frame from the server to a consumer.
type frame struct {
	ID     int
	Method string
	Params struct {
		Offset uint64
		ID     string
	}
	Result struct {
		Offset   uint64
		Sessions []struct {
			Head    uint64
			Resumed bool
			Replay  *struct{ From uint64 }
		}
	}
	Error json.RawMessage
}

// serve handles one connection. The end of the connection is not an error.
func (n *namedConsumer) serve(ctx context.Context, ws *websocket.Conn) error {
	n.mu.Lock()
	floor := n.floor // the stored cursor can only grow after this
	n.mu.Unlock()
	send := func(id int, method string, params object) bool {
		raw, err := json.Marshal(object{"jsonrpc": "2.0", "id": id, "method": method, "params": params})
		return err == nil && ws.Write(ctx, websocket.MessageText, raw) == nil
	}
	if !send(1, "conn.hello", object{
		"protocol": 1, "token": e2etest.AdminToken, "consumer": n.name, "from": "oldest", "filters": []object{{"sessions": []string{n.session}}},
	}) {
		return nil
	}
	var last, sent, acked uint64
	next := uint64(1)
	for raw := receive(ctx, ws); raw != nil; raw = receive(ctx, ws) {
		var f frame
		err := json.Unmarshal(raw, &f)
		switch {
		case err != nil || f.Error != nil || f.Method == "events.gap":
			return fmt.Errorf("the server answered %s (%w)", raw, err)
		case f.ID == 1:
			if last, err = n.begin(&f, floor); err != nil {
				return err
			}
			sent, acked = last, last
		case f.ID > 1:
			if f.Result.Offset < acked || f.Result.Offset > last {
				return fmt.Errorf("acknowledged up to %d after %d, of %d that came", f.Result.Offset, acked, last)
			}
			acked = f.Result.Offset
		case f.Method == "event":
			if f.Params.Offset != last+1 {
				return fmt.Errorf("event %d came after %d", f.Params.Offset, last)
			}
			last++
			if err := n.note(last, f.Params.ID); err != nil {
				return err
			}
			// Acknowledge in batches, so that there are always unacknowledged events.
			if last-sent >= next {
				sent, next = last, 10+rand.Uint64N(40)
				n.mu.Lock()
				n.asked = max(n.asked, sent)
				n.mu.Unlock()
				if !send(2, "events.ack", object{"session": n.session, "offset": last}) {
					return nil
				}
			}
		}
	}
	return nil
}

// receive returns a frame, nil when the connection has ended.
func receive(ctx context.Context, ws *websocket.Conn) []byte {
	if _, raw, err := ws.Read(ctx); err == nil {
		return raw
	}
	return nil
}

// begin checks the offset at which the server resumes.
func (n *namedConsumer) begin(hello *frame, floor uint64) (start uint64, err error) {
	s := hello.Result.Sessions[0]
	start = s.Head
	if s.Replay != nil {
		start = s.Replay.From - 1
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hellos++
	switch {
	case n.hellos > 1 && !s.Resumed:
		return 0, fmt.Errorf("the consumer is unknown: %+v", s)
	case start < floor:
		return 0, fmt.Errorf("the cursor went back from %d to %d", floor, start)
	case start > uint64(len(n.ids)):
		return 0, fmt.Errorf("the cursor is at %d, and %d were received", start, len(n.ids))
	}
	n.floor = max(n.floor, start)
	return start, nil
}

func (n *namedConsumer) note(offset uint64, id string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if offset > uint64(len(n.ids)) {
		n.ids = append(n.ids, id) // offsets are consecutive, and the first one was checked
		return nil
	}
	n.repeated++
	if was := n.ids[offset-1]; was != id {
		return fmt.Errorf("event %d was %s and is %s", offset, was, id)
	}
	return nil
}

// stored returns the consumer's stored cursor and checks that it has not gone back.
func (n *namedConsumer) stored(t *testing.T) (offset uint64) {
	t.Helper()
	var list struct {
		Consumers []struct {
			Sessions []struct{ Offset uint64 }
		}
	}
	e2etest.MustCall(t, n.addr, "events.consumers", object{"consumer": n.name}, &list)
	if len(list.Consumers) != 1 || len(list.Consumers[0].Sessions) != 1 {
		t.Fatalf("consumers: %+v", list)
	}
	offset = list.Consumers[0].Sessions[0].Offset
	n.mu.Lock()
	defer n.mu.Unlock()
	if offset < n.floor {
		t.Errorf("the stored cursor went back from %d to %d", n.floor, offset)
	}
	n.floor = max(n.floor, offset)
	return offset
}

// await waits until the consumer has everything up to an offset, ends it and returns the ids by offset-1.
func (n *namedConsumer) await(t *testing.T, offset int) []string {
	t.Helper()
	testkit.Within(t, 60*time.Second, "the consumer has everything", func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		return n.problem != nil || len(n.ids) >= offset
	})
	n.stop()
	<-n.done
	if n.problem != nil {
		t.Fatalf("consumer %s: %v", n.name, n.problem)
	}
	return n.ids
}

// checkJournal waits until the journal of a session has so many received messages and returns its events. It checks that the
// offsets have no holes, that each text m-0, m-1 ... is there once, and that the consumer received the same events.
func (n *namedConsumer) checkJournal(t *testing.T, server *e2etest.Process, session string, messages int, patience time.Duration) []e2etest.Event {
	t.Helper()
	all := e2etest.ReadHistory(t, server, session, patience, func(all []e2etest.Event) bool { return len(texts(all)) >= messages })
	seen := texts(all)
	for i, e := range all {
		if e.Offset != uint64(i+1) {
			t.Fatalf("event %d has offset %d: a hole", i, e.Offset)
		}
	}
	for i := range messages {
		if times := seen[fmt.Sprintf("m-%d", i)]; times != 1 {
			t.Errorf("message m-%d is in the journal %d times", i, times)
		}
	}
	ids := n.await(t, len(all))
	for i, e := range all {
		if ids[i] != e.ID {
			t.Errorf("event %d is %s in the journal; the consumer received %s", e.Offset, e.ID, ids[i])
		}
	}
	return all
}
