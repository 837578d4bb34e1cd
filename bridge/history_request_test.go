package bridge_test

import (
	"testing"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/account"
	"github.com/waystation/waystation/bridge/chats"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/wa"
)

// completion waits for the HistorySyncComplete event of a request; nil = of the history after a pairing.
func (r *reader) completion(requestID any) event {
	r.w.t.Helper()
	return r.until("the completion", func(e event) bool { return e.Type == "HistorySyncComplete" && e.data["request_id"] == requestID })
}

// TestHistoryOfPairingAndRequestsIsComplete checks, on both databases, the completions of the history after a pairing, of one chat and of all chats.
func TestHistoryOfPairingAndRequestsIsComplete(t *testing.T) {
	t.Parallel()
	for name, url := range bindingDatabases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkHistoryCompletions(t, newWorldOn(t, url(t)))
		})
	}
}

func checkHistoryCompletions(t *testing.T, w *world) {
	t.Helper()
	ada, bob := w.account("15550900001", "Ada"), w.account("15550900002", "Bob")
	if _, err := ada.AddHistory(bob.JID(), sandbox.HistoryChat{
		Messages: []sandbox.HistoryMessage{{ID: "OLD1", Time: time.Now().Add(-time.Hour), Content: sandbox.Text("old")}, {ID: "OLD2", Time: time.Now().Add(-2 * time.Hour), Content: sandbox.Text("older")}},
	}); err != nil {
		t.Fatal(err)
	}
	s := w.paired("ada", ada)
	r := w.reader("ada")
	if e := r.completion(nil); e.data["kind"] != "pairing" || e.data["status"] != "complete" || e.data["message_count"] != 2.0 || e.data["failed_chunk_count"] != 0.0 || e.data["chunk_count"].(float64) < 5 {
		t.Errorf("after the pairing: %v", e.data)
	}
	id, chat, err := s.Chats().RequestHistory(w.ctx(), chats.HistoryRequest{Chat: bob.JID().String(), OldestID: "OLD1", Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	if e := r.completion(id); e.data["kind"] != "chat" || e.data["status"] != "complete" || e.data["chat"] != chat || e.data["message_count"] != 1.0 || e.data["chunk_count"] != 1.0 {
		t.Errorf("of one chat: %v", e.data)
	}
	if id, err = s.Chats().RequestFullHistory(w.ctx(), chats.FullHistory{Days: 7, IncludeGroups: true}); err != nil {
		t.Fatal(err)
	}
	if e := r.completion(id); e.data["kind"] != "full" || e.data["status"] != "complete" || e.data["chat"] != nil || e.data["message_count"] != 2.0 {
		t.Errorf("of all chats: %v", e.data)
	}
	ada.SetRequestMode(sandbox.RefuseRequests)
	if id, err = s.Chats().RequestFullHistory(w.ctx(), chats.FullHistory{Days: 7}); err != nil {
		t.Fatal(err)
	}
	if e := r.completion(id); e.data["status"] != "refused" || e.data["reason"] != "DECLINED_SHARING_HISTORY" || e.data["chunk_count"] != 0.0 {
		t.Errorf("refused: %v", e.data)
	}
	if rows := w.rows("bridge_history_requests"); rows != 0 {
		t.Errorf("%d requests are stored after their completion", rows)
	}
}

// TestPhoneThatDoesNotAnswer checks the timeout of requests, also of those that an earlier process sent, and their largest number.
func TestPhoneThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, func(c *bridge.Config) { c.PhoneTimeout, c.MaxHistoryRequests = time.Hour, 2 })
	ada := w.account("15550900001", "Ada")
	s := w.paired("ada", ada)
	r := w.reader("ada")
	r.completion(nil)
	ada.SetRequestMode(sandbox.IgnoreRequests)
	var ids []string
	for range 2 {
		id, err := s.Chats().RequestFullHistory(w.ctx(), chats.FullHistory{Days: 7})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if _, err := s.Chats().RequestFullHistory(w.ctx(), chats.FullHistory{Days: 7}); wa.ReasonOf(err) != wa.ReasonConflict {
		t.Errorf("a third request: %v", err)
	}
	if _, err := w.db.Exec(w.ctx(), "UPDATE bridge_history_requests SET deadline=1"); err != nil {
		t.Fatal(err)
	}
	w.config.PhoneTimeout = 500 * time.Millisecond
	w.restart()
	s = w.session("ada")
	for _, id := range ids {
		if e := w.reader("ada").completion(id); e.data["kind"] != "full" || e.data["status"] != "timeout" || e.data["chunk_count"] != 0.0 {
			t.Errorf("%s: %v", id, e.data)
		}
	}
	w.reaches(s, bridge.StateConnected)
	id, err := s.Chats().RequestFullHistory(w.ctx(), chats.FullHistory{Days: 7})
	if err != nil {
		t.Fatal(err)
	}
	if e := w.reader("ada").completion(id); e.data["status"] != "timeout" {
		t.Errorf("after the restart: %v", e.data)
	}
}

// TestRequestedAppStateIsAnEvent checks the events of the collections that a request names, and of no others.
func TestRequestedAppStateIsAnEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.paired("ada", w.account("15550900001", "Ada"))
	r := w.reader("ada")
	r.completion(nil)
	id, reports, err := s.Account().FetchAppState(w.ctx(), account.AppStateOptions{Names: []string{"regular", "regular_low"}, Incremental: true})
	if err != nil || len(reports) != 2 {
		t.Fatalf("%+v, %v", reports, err)
	}
	for _, name := range []string{"regular", "regular_low"} {
		e := r.until("the collection", func(e event) bool { return e.Type == "AppStateSyncComplete" && e.data["request_id"] == id })
		if e.data["name"] != name || e.data["recovery"] != false {
			t.Errorf("%s: %v", name, e.data)
		}
	}
	count := 0
	for _, e := range w.all("ada") {
		if e.data["request_id"] == id {
			count++
		}
	}
	if count != 2 {
		t.Errorf("%d events of the request, want 2", count)
	}
}
