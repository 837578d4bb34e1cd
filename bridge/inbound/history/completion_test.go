package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/conntest"
	"github.com/waystation/waystation/bridge/wa"
)

// begin stores a request that the next blobs answer.
func (w *world) begin(request Request) {
	w.t.Helper()
	w.request = request.ID
	if err := w.history.BeginRequest(w.t.Context(), request); err != nil {
		w.t.Fatal(err)
	}
}

// chunk announces and reads a blob with one message.
func (w *world) chunk(id string, kind waHistorySync.HistorySync_HistorySyncType, progress uint32) {
	w.t.Helper()
	ada := conntest.Ada.String()
	w.announce(id, &waHistorySync.HistorySync{
		SyncType: kind.Enum(), Progress: &progress, Conversations: []*waHistorySync.Conversation{conversation(ada, oldMessage(ada, "M"+id, "old", nil))},
		Pushnames: []*waHistorySync.Pushname{{}, {}},
	})
	w.read()
}

// completions returns the recorded HistorySyncComplete events as "request kind status reason chunks/failed/messages/push names".
func (w *world) completions() (found []string) {
	w.t.Helper()
	for _, r := range w.records {
		if r.Type != "HistorySyncComplete" {
			continue
		}
		var data struct {
			Kind, Status  string
			Chunks        int `json:"chunk_count"`
			Failed        int `json:"failed_chunk_count"`
			Conversations int `json:"conversation_count"`
			Messages      int `json:"message_count"`
			Names         int `json:"push_name_count"`
			Statuses      int `json:"status_count"`
		}
		var named map[string]any
		if err := errors.Join(json.Unmarshal(r.Data, &data), json.Unmarshal(r.Data, &named)); err != nil {
			w.t.Fatal(err)
		}
		if data.Conversations != data.Messages || data.Statuses != 0 {
			w.t.Errorf("counts: %+v", data)
		}
		found = append(found, fmt.Sprintf("%v %s %s %v %v %d/%d/%d/%d", named["request_id"], data.Kind, data.Status, named["reason"], named["chat"], data.Chunks, data.Failed, data.Messages, data.Names))
	}
	return found
}

func (w *world) expectCompletions(step string, want ...string) {
	w.t.Helper()
	if got := w.completions(); fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Errorf("%s: completions %q, want %q", step, got, want)
	}
}

// TestFullHistoryIsComplete checks that the last chunk ends a request once, with the counts of all chunks.
func TestFullHistoryIsComplete(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.begin(Request{ID: "R1", Kind: KindFull})
	w.chunk("H1", waHistorySync.HistorySync_FULL, 50)
	w.expectCompletions("after the first chunk")
	w.chunk("H2", waHistorySync.HistorySync_FULL, 100)
	want := "R1 full complete <nil> <nil> 2/0/2/4"
	w.expectCompletions("after the last chunk", want)
	w.chunk("H3", waHistorySync.HistorySync_FULL, 100)
	if err := w.history.ExpireRequest(t.Context(), "R1"); err != nil {
		t.Error(err)
	}
	w.expectCompletions("after a further chunk and the deadline", want)
}

// TestChatHistoryIsComplete checks the kinds of answers for one chat, whose progress may be missing.
func TestChatHistoryIsComplete(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := conntest.Ada.String()
	w.begin(Request{ID: "R1", Kind: KindChat, Chat: ada})
	w.chunk("H1", waHistorySync.HistorySync_ON_DEMAND, 0)
	w.begin(Request{ID: "R2", Kind: KindChat, Chat: group})
	w.chunk("H2", waHistorySync.HistorySync_ON_DEMAND, 40)
	w.request = ""
	w.chunk("H3", waHistorySync.HistorySync_ON_DEMAND, 100) // the phone names no request
	w.expectCompletions("after a part of the second answer", "R1 chat complete <nil> "+ada+" 1/0/1/2")
	w.request = "R2"
	w.chunk("H4", waHistorySync.HistorySync_ON_DEMAND, 100)
	w.expectCompletions("after all of it", "R1 chat complete <nil> "+ada+" 1/0/1/2", "R2 chat complete <nil> "+group+" 2/0/2/4")
	for _, r := range w.records {
		if r.Type == "HistorySyncComplete" && (len(r.Chats) != 1 || r.Chats[0] != ada && r.Chats[0] != group) {
			t.Errorf("chats of the event: %v", r.Chats)
		}
	}
}

// TestPairingHistoryIsComplete checks that the recent messages end the history after a pairing, and the other kinds of chunks do not.
func TestPairingHistoryIsComplete(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.begin(Request{Kind: KindPairing})
	for i, kind := range []waHistorySync.HistorySync_HistorySyncType{
		waHistorySync.HistorySync_INITIAL_BOOTSTRAP, waHistorySync.HistorySync_PUSH_NAME, waHistorySync.HistorySync_NON_BLOCKING_DATA, waHistorySync.HistorySync_INITIAL_STATUS_V3,
	} {
		w.chunk(fmt.Sprint("H", i), kind, 100)
	}
	w.chunk("H4", waHistorySync.HistorySync_RECENT, 99)
	w.expectCompletions("before the last chunk")
	w.chunk("H5", waHistorySync.HistorySync_RECENT, 100)
	w.expectCompletions("after the last chunk", "<nil> pairing complete <nil> <nil> 6/0/6/12")
	time.Sleep(2 * time.Millisecond) // the dedupe key of a completion has the millisecond in which the request began
	w.begin(Request{Kind: KindPairing})
	w.chunk("H6", waHistorySync.HistorySync_RECENT, 100)
	w.expectCompletions("after a second pairing", "<nil> pairing complete <nil> <nil> 6/0/6/12", "<nil> pairing complete <nil> <nil> 1/0/1/2")
}

// TestRequestWaitsForUnreadChunks checks that a chunk which is read late, or given up, delays the completion and is counted.
func TestRequestWaitsForUnreadChunks(t *testing.T) {
	t.Parallel()
	for name, readable := range map[string]bool{"read late": true, "given up": false} {
		w := newWorld(t)
		w.begin(Request{ID: "R1", Kind: KindFull})
		full := waE2E.HistorySyncType_FULL
		w.announceNotice("bad", &waE2E.HistorySyncNotification{InitialHistBootstrapInlinePayload: []byte("no zlib"), PeerDataRequestSessionID: proto.String("R1"), SyncType: &full})
		w.chunk("H1", waHistorySync.HistorySync_FULL, 100)
		for range maxTries {
			w.expectCompletions(name + ", before")
			if readable {
				if err := w.pointers.drop(t.Context(), "session", "bad"); err != nil {
					t.Fatal(err)
				}
				w.chunk("H2", waHistorySync.HistorySync_FULL, 50)
				break
			}
			if w.read(); w.pending() == nil {
				break
			}
		}
		want := "R1 full complete <nil> <nil> 1/1/1/2"
		if readable {
			want = "R1 full complete <nil> <nil> 2/0/2/4"
		}
		w.expectCompletions(name, want)
	}
}

// TestLostLastChunk checks that a request whose last chunk was given up ends, and that an unreadable notice is dropped.
func TestLostLastChunk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.begin(Request{ID: "R1", Kind: KindFull})
	w.chunk("H1", waHistorySync.HistorySync_FULL, 50)
	full := waE2E.HistorySyncType_FULL
	w.announceNotice("bad", &waE2E.HistorySyncNotification{
		InitialHistBootstrapInlinePayload: []byte("no zlib"), SyncType: &full, Progress: proto.Uint32(100),
		FullHistorySyncOnDemandRequestMetadata: &waE2E.FullHistorySyncOnDemandRequestMetadata{RequestID: proto.String("R1")},
	})
	if err := w.pointers.Add(t.Context(), "session", "garbled", []byte{0xff}); err != nil {
		t.Fatal(err)
	}
	for range 2 * maxTries {
		w.read()
	}
	if p := w.pending(); p != nil {
		t.Errorf("still there: %+v", p)
	}
	w.expectCompletions("after all attempts", "R1 full complete <nil> <nil> 1/1/1/2")
}

func TestPhoneRefusesHistory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	w.begin(Request{ID: "R1", Kind: KindFull})
	if err := errors.Join(w.history.RefuseRequest(ctx, "R1", "DECLINED_SHARING_HISTORY"), w.history.RefuseRequest(ctx, "R1", "again"), w.history.RefuseRequest(ctx, "unknown", "x")); err != nil {
		t.Fatal(err)
	}
	w.expectCompletions("refused", "R1 full refused DECLINED_SHARING_HISTORY <nil> 0/0/0/0")
	w.begin(Request{ID: "R2", Kind: KindFull})
	w.deleted = true
	if err := w.history.RefuseRequest(ctx, "R2", "x"); wa.ReasonOf(err) != wa.ReasonNotFound {
		t.Errorf("of a deleted session: %v", err)
	}
}

// TestDeadlinesOfRequests checks which requests are overdue, and that a chunk and a notice extend the deadline.
func TestDeadlinesOfRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	overdue := func(at time.Time) string {
		t.Helper()
		list, err := w.requests.ListOverdue(ctx, at)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(list)
	}
	passDeadlines := func() {
		t.Helper()
		if _, err := w.own.Exec(ctx, "UPDATE bridge_history_requests SET deadline=1"); err != nil {
			t.Fatal(err)
		}
	}
	w.begin(Request{ID: "R1", Kind: KindFull})
	if now := time.Now(); overdue(now) != "[]" || overdue(now.Add(2*time.Minute)) != "[{session R1}]" {
		t.Errorf("now %s, later %s", overdue(now), overdue(now.Add(2*time.Minute)))
	}
	passDeadlines()
	if got := overdue(time.Now()); got != "[{session R1}]" {
		t.Errorf("after the deadline: %s", got)
	}
	w.chunk("H1", waHistorySync.HistorySync_FULL, 50)
	if got := overdue(time.Now()); got != "[]" {
		t.Errorf("after a chunk: %s", got)
	}
	passDeadlines()
	if err := w.history.AddPointer(ctx, "H2", "R1", []byte{1}); err != nil {
		t.Fatal(err)
	}
	if got := overdue(time.Now()); got != "[]" || w.pending() == nil {
		t.Errorf("after a notice: %s", got)
	}
	if err := w.history.ExpireRequest(ctx, "R1"); err != nil {
		t.Fatal(err)
	}
	w.expectCompletions("expired", "R1 full timeout <nil> <nil> 1/0/1/2")
	if got := overdue(time.Now().Add(time.Hour)); got != "[]" {
		t.Errorf("after the end: %s", got)
	}
}

// TestNumberOfRequestsIsLimited checks the limit, that the history after a pairing is beside it, and that a forgotten request frees its place.
func TestNumberOfRequestsIsLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	w.begin(Request{ID: "R1", Kind: KindFull})
	w.begin(Request{ID: "R2", Kind: KindFull})
	w.begin(Request{Kind: KindPairing})
	w.begin(Request{ID: "R2", Kind: KindFull}) // the same request again
	var e *wa.Error
	if err := w.history.BeginRequest(ctx, Request{ID: "R3", Kind: KindFull}); !errors.As(err, &e) || e.Reason != wa.ReasonConflict || !e.Retryable {
		t.Errorf("one more: %v", err)
	}
	if err := w.history.ForgetRequest(ctx, "R1"); err != nil {
		t.Fatal(err)
	}
	w.begin(Request{ID: "R3", Kind: KindFull})
	if err := w.requests.DropAll(ctx, "session"); err != nil {
		t.Fatal(err)
	}
	w.begin(Request{ID: "R4", Kind: KindFull})
	w.expectCompletions("none is complete")
}

// TestUnavailableStore checks that failures of the store are errors, and that the event does not come without it.
func TestUnavailableStore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	w.begin(Request{ID: "R1", Kind: KindFull})
	if _, err := w.own.Exec(ctx, "DROP TABLE bridge_history_requests"); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{"begin": w.history.BeginRequest(ctx, Request{ID: "R2"}), "forget": w.history.ForgetRequest(ctx, "R1")} {
		if wa.ReasonOf(err) != wa.ReasonStorage {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := w.history.ExpireRequest(ctx, "R1"); err == nil {
		t.Error("a request expired without its row")
	}
	if err := w.history.AddPointer(ctx, "H1", "R1", []byte{1}); err == nil {
		t.Error("a deadline was extended without its row")
	}
	w.chunk("H2", waHistorySync.HistorySync_FULL, 100)
	if len(w.records) != 0 {
		t.Errorf("events: %+v", w.records)
	}
}
