package methods_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/rpctest"
)

// lossyReplies is a reply store that loses replies on demand, as a crash between the effect of a call
// and its reply does.
type lossyReplies struct {
	rpctest.Replies
	lose atomic.Bool
}

func (f *lossyReplies) Keep(ctx context.Context, key rpc.CallKey, reply []byte) error {
	if f.lose.Load() {
		return errors.New("lost")
	}
	return f.Replies.Keep(ctx, key, reply)
}

func keyed(key string, p params) params {
	p["_meta"] = params{"idempotency_key": key}
	return p
}

var madeID = regexp.MustCompile(`^3EB0[0-9A-F]{18}$`)

// times returns how often the phone of m received a message of that id, after all messages sent by from so far.
func (m *member) times(id string, from *member) int {
	m.w.t.Helper()
	m.awaitMessage(from.call("message.sendText", params{"to": m.pn(), "text": "fence"})["message_id"].(string))
	n := 0
	for _, r := range m.phone.Received() {
		if r.ID == id {
			n++
		}
	}
	return n
}

func TestKeyedSendGoesOutOnce(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "4915100000001"), w.join("bob", "4915100000002")
	send := func(key, text string) result {
		t.Helper()
		return alice.call("message.sendText", keyed(key, params{"to": bob.pn(), "text": text}))
	}
	for _, lost := range []bool{false, true} {
		key := fmt.Sprint("order 17 ", lost)
		w.replies.lose.Store(lost)
		first := send(key, "hello")
		w.replies.lose.Store(false)
		id := first["message_id"].(string)
		if !madeID.MatchString(id) {
			t.Errorf("message id %s", id)
		}
		for range 2 {
			again := send(key, "hello")
			for _, field := range []string{"message_id", "chat", "sender", "timestamp"} {
				if again[field] != first[field] {
					t.Errorf("lost %v: %s was %v, is %v", lost, field, first[field], again[field])
				}
			}
			if again.object("message")["text"] != "hello" {
				t.Errorf("message %v", again["message"])
			}
		}
		if n := bob.times(id, alice); n != 1 {
			t.Errorf("lost %v: bob got it %d times", lost, n)
		}
		alice.refused(rpc.CodeIdempotencyMismatch, "message.sendText", keyed(key, params{"to": bob.pn(), "text": "hullo"}))
	}
	if one, other := send("a", "x"), send("b", "x"); one["message_id"] == other["message_id"] {
		t.Error("two keys, one message")
	}
	// An explicit message id takes precedence over the one derived from the key.
	own := alice.call("message.sendText", keyed("c", params{"to": bob.pn(), "text": "x", "message_id": "MINE"}))
	if own["message_id"] != "MINE" {
		t.Errorf("sent as %v", own["message_id"])
	}
}

// After a crash the reply is available without a connection.
func TestKeyedSendIsAnsweredWhileDisconnected(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "4915100000001"), w.join("bob", "4915100000002")
	send := keyed("k", params{"to": bob.pn(), "text": "x"})
	w.replies.lose.Store(true)
	first := alice.call("message.sendText", send)
	s, err := w.bridge.Session("alice")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Disconnect(w.ctx()); err != nil {
		t.Fatal(err)
	}
	w.until(s, bridge.StateDisconnected)
	if again := alice.call("message.sendText", send); again["message_id"] != first["message_id"] {
		t.Errorf("was %v, is %v", first["message_id"], again["message_id"])
	}
	alice.refused(rpc.CodeSessionNotConnected, "message.sendText", keyed("other", params{"to": bob.pn(), "text": "x"}))
}

// The error of a send with unknown outcome has the message id, and its repeat uses the same id.
func TestKeyedSendWithUnknownOutcome(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "4915100000001"), w.join("bob", "4915100000002")
	alice.call("message.sendText", params{"to": bob.pn(), "text": "warm up"})
	if _, err := w.network.Inject(sandbox.Fault{Kind: sandbox.FaultStall, Session: "4915100000001", Tag: "message"}); err != nil {
		t.Fatal(err)
	}
	failed := alice.refused(rpc.CodeTimeout, "message.sendText", params{
		"to": bob.pn(), "text": "x", "_meta": params{"idempotency_key": "k", "timeout_ms": 300},
	})
	details := failed.Details.(map[string]any)
	id, _ := details["message_id"].(string)
	if details["outcome"] != "unknown" || !madeID.MatchString(id) {
		t.Fatalf("details: %v", details)
	}
	w.restart("alice")
	if again := alice.call("message.sendText", keyed("k", params{"to": bob.pn(), "text": "x"})); again["message_id"] != id {
		t.Errorf("sent as %v, want %s", again["message_id"], id)
	}
	if n := bob.times(id, alice); n != 1 {
		t.Errorf("bob got it %d times", n)
	}
}

// A refusal by WhatsApp is final: the repeat returns it again, with its code.
func TestKeyedSendThatWasRefused(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "4915100000001"), w.join("bob", "4915100000002")
	if _, err := w.network.Inject(sandbox.Fault{Kind: sandbox.FaultRefuseSend, Session: "4915100000001", Code: 463}); err != nil {
		t.Fatal(err)
	}
	send := keyed("k", params{"to": bob.pn(), "text": "x"})
	first := alice.refused(rpc.CodeWhatsApp, "message.sendText", send)
	again := alice.refused(rpc.CodeWhatsApp, "message.sendText", send)
	if a, b := string(first.AppendJSON(nil, "")), string(again.AppendJSON(nil, "")); a != b || !strings.Contains(a, `"wa_code":463`) {
		t.Errorf("first %s, then %s", a, b)
	}
}

func TestKeyedChangesAndForwards(t *testing.T) {
	w := newWorld(t)
	alice, bob, carol := w.join("alice", "4915100000001"), w.join("bob", "4915100000002"), w.join("carol", "4915100000003")
	id := alice.call("message.sendText", params{"to": bob.pn(), "text": "x"})["message_id"].(string)
	w.replies.lose.Store(true)
	twice := func(method string, p params, ids func(result) string) []string {
		t.Helper()
		first, second := ids(alice.call(method, p)), ids(alice.call(method, p))
		if first != second {
			t.Errorf("%s: %s, then %s", method, first, second)
		}
		return strings.Fields(first)
	}
	reaction := twice("message.react", keyed("r", params{"chat": bob.pn(), "message_id": id, "emoji": "👍"}), func(r result) string {
		return r["reaction_id"].(string)
	})
	if !madeID.MatchString(reaction[0]) {
		t.Errorf("reaction %s", reaction)
	}
	forwarded := twice("message.forward", keyed("f", params{"chat": bob.pn(), "message_id": id, "recipients": []string{carol.pn(), bob.pn(), carol.pn()}}), func(r result) string {
		var ids []string
		for _, m := range r.list("messages") {
			ids = append(ids, m["message_id"].(string))
		}
		return strings.Join(ids, " ")
	})
	if len(forwarded) != 3 || forwarded[0] == forwarded[1] || forwarded[0] == forwarded[2] || !madeID.MatchString(forwarded[0]) {
		t.Fatalf("forwarded %v", forwarded)
	}
	for i, to := range []*member{carol, bob, carol} {
		if n := to.times(forwarded[i], alice); n != 1 {
			t.Errorf("forward %d came %d times", i, n)
		}
	}
}

// dial opens a connection as the member.
func (m *member) dial() *rpctest.Pipe {
	p := rpctest.NewPipe()
	peer := rpc.NewPeer(m.w.calls, p, rpc.PeerOptions{
		Principal: rpc.Principal{Kind: rpc.ScopeSession, ID: m.session, Session: m.session}, Conn: p, Rate: 1000, Burst: 1000,
	})
	peer.Start(context.Background())
	m.w.t.Cleanup(func() {
		_ = p.Close(0, "")
		peer.Wait()
	})
	return p
}

func (m *member) put(p *rpctest.Pipe, id int, method string, params params) {
	m.w.t.Helper()
	frame, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": id, "method": method, "params": params})
	if err != nil {
		m.w.t.Fatal(err)
	}
	p.In <- frame
}

type reply struct {
	ID     int
	Method string
	Params struct {
		Token       any
		Done, Total int
	}
	Error *struct{ Message string }
}

func (m *member) next(p *rpctest.Pipe) (r reply) {
	m.w.t.Helper()
	select {
	case b := <-p.Out:
		if err := json.Unmarshal(b, &r); err != nil || r.Error != nil {
			m.w.t.Fatalf("%s: %v", b, err)
		}
	case <-time.After(patience):
		m.w.t.Fatal("no reply")
	}
	return r
}

// Sends on one connection do not wait for their replies, but reach each chat in the order of the calls.
func TestPipelinedSendsKeepTheirOrder(t *testing.T) {
	w := newWorld(t)
	alice, bob, carol := w.join("alice", "4915100000001"), w.join("bob", "4915100000002"), w.join("carol", "4915100000003")
	const each = 30
	conn := alice.dial()
	var want []string
	for n := range each {
		text := fmt.Sprintf("%02d", n)
		want = append(want, text)
		method, content := "message.sendText", params{"text": text}
		switch n % 3 {
		case 1: // takes longer to prepare than the following sends
			content["typing_seconds"] = 0.02
		case 2:
			method, content = "message.send", params{"content": params{"type": "text", "text": text}}
		}
		for i, to := range []*member{bob, carol} {
			content["to"] = to.pn()
			alice.put(conn, 2*n+i, method, content)
		}
	}
	for range 2 * each {
		alice.next(conn)
	}
	for _, to := range []*member{bob, carol} {
		var got []string
		_, err := to.phone.Await(w.ctx(), func(r sandbox.Received) bool { return r.Text() == want[each-1] })
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range to.phone.Received() {
			if text := r.Text(); text != "" {
				got = append(got, text)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s got %v", to.session, got)
		}
	}
}

func TestForwardTellsItsProgress(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "4915100000001"), w.join("bob", "4915100000002")
	id := alice.call("message.sendText", params{"to": bob.pn(), "text": "x"})["message_id"].(string)
	conn := alice.dial()
	alice.put(conn, 1, "message.forward", params{
		"chat": bob.pn(), "message_id": id, "recipients": []string{bob.pn(), bob.pn(), bob.pn()}, "_meta": params{"progress_token": "p"},
	})
	last := 0
	for {
		r := alice.next(conn)
		if r.Method == "" {
			break
		}
		if r.Method != "conn.progress" || r.Params.Token != "p" || r.Params.Done <= last || r.Params.Total != 3 {
			t.Fatalf("%+v", r)
		}
		last = r.Params.Done
	}
	if last != 3 {
		t.Errorf("the last report says %d of 3", last)
	}
}
