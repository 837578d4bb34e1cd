package statesync

import (
	"testing"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"

	"github.com/waystation/waystation/bridge/conntest"
	"github.com/waystation/waystation/bridge/statepatch"
	"github.com/waystation/waystation/bridge/wa"
)

func collection(name string) waBinary.Node {
	return waBinary.Node{Tag: "collection", Attrs: waBinary.Attrs{"name": name}}
}

func TestNotificationRequestsEachCollectionOnce(t *testing.T) {
	conn := conntest.NewConn(t)
	s := NewService(conn, time.Minute, conntest.NewLog)
	s.HandleNotification(t.Context(), nil, &waBinary.Node{Tag: "notification", Content: []waBinary.Node{
		collection("regular"), collection("critical_block"), collection("regular"), collection("unknown"), {Tag: "other"},
	}})
	if len(s.requested) != 2 || s.requested[0] != appstate.WAPatchRegular || s.requested[1] != appstate.WAPatchCriticalBlock {
		t.Errorf("requested: %v", s.requested)
	}
	if conn.Spawned != 1 {
		t.Errorf("%d goroutines read, want 1", conn.Spawned)
	}
}

func TestReadIsRequestedAgainAfterClosing(t *testing.T) {
	conn := conntest.NewConn(t)
	conn.Closed = true
	s := NewService(conn, time.Minute, conntest.NewLog)
	s.RequestRead(nil, appstate.WAPatchRegular)
	s.RequestRead(nil, appstate.WAPatchRegularLow)
	if conn.Spawned != 2 || s.reading {
		t.Errorf("%d attempts, reading %v: a goroutine that did not start must not count", conn.Spawned, s.reading)
	}
}

func TestRefusedReadNeedsAClient(t *testing.T) {
	conn := conntest.NewConn(t)
	s := NewService(conn, time.Minute, conntest.NewLog)
	s.ReadRefused("regular")
	if conn.Spawned != 0 || len(s.requested) != 0 {
		t.Errorf("requested %v without a client", s.requested)
	}
}

func TestRequestedReadsEnd(t *testing.T) {
	s := NewService(conntest.NewConn(t), time.Minute, conntest.NewLog)
	s.reading = true
	s.fetchRequested(nil) // nothing is requested
	if s.reading {
		t.Error("the goroutine ended and still counts as reading")
	}
}

func TestWritesNeedAConnection(t *testing.T) {
	s := NewService(conntest.NewConn(t), time.Minute, conntest.NewLog)
	if err := s.Write(t.Context(), "pin the chat", appstate.BuildPin(conntest.Ada, true)); wa.ReasonOf(err) != wa.ReasonNotConnected {
		t.Errorf("write: %v", err)
	}
	found, err := s.Remove(t.Context(), "remove the contact", appstate.WAPatchCriticalUnblockLow, statepatch.Entry{})
	if wa.ReasonOf(err) != wa.ReasonNotConnected || found {
		t.Errorf("remove: %v, %v", found, err)
	}
}

func TestRecoverIgnoresAnswersWithoutACopy(t *testing.T) {
	s := NewService(conntest.NewConn(t), time.Minute, conntest.NewLog)
	for name, answer := range map[string]*waE2E.PeerDataOperationRequestResponseMessage{
		"no result": {}, "no copy": {PeerDataOperationResult: []*waE2E.PeerDataOperationRequestResponseMessage_PeerDataOperationResult{{}}},
	} {
		if err := s.Recover(t.Context(), nil, answer); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
