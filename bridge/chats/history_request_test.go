package chats

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/conntest"
	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/wa"
)

// TestHistoryIsRequestedFromThePhone checks that the phone answers each request with a notice that has its id.
func TestHistoryIsRequestedFromThePhone(t *testing.T) {
	t.Parallel()
	s := connect(t)
	cli, err := s.conn.Live()
	must(t, err)
	notices := make(chan *waE2E.HistorySyncNotification, 32)
	cli.AddEventHandler(func(evt any) {
		if message, ok := evt.(*events.Message); ok {
			if notice := message.Message.GetProtocolMessage().GetHistorySyncNotification(); notice.GetPeerDataRequestSessionID() != "" {
				notices <- notice
			}
		}
	})
	answerTo := func(request string, kind waE2E.HistorySyncType) {
		t.Helper()
		select {
		case notice := <-notices:
			if notice.GetPeerDataRequestSessionID() != request || notice.GetSyncType() != kind {
				t.Errorf("answer to %s: %v", request, notice)
			}
		case <-s.ctx.Done():
			t.Fatalf("no answer to %s", request)
		}
	}
	ada, at := conntest.Ada.String(), time.Now()
	if _, _, err = s.RequestHistory(s.ctx, HistoryRequest{Chat: ada, Limit: 50}); wa.ReasonOf(err) != wa.ReasonBadParam {
		t.Errorf("without a stored message: %v", err)
	}
	save(t, s.conn.Conn, messages.Address{JID: ada}, conntest.Ada, "M1", "hello", 0)
	save(t, s.conn.Conn, messages.Address{JID: ada}, conntest.Ada, "M2", "hello", 5)
	if oldest, err := s.oldestStored(s.ctx, conntest.Ada); err != nil || oldest.id != "M1" {
		t.Errorf("oldest stored message %+v, %v", oldest, err)
	}
	id, chat, err := s.RequestHistory(s.ctx, HistoryRequest{Chat: ada, Limit: 50})
	must(t, err)
	if chat != ada || len(id) != 32 {
		t.Errorf("request %q for %q", id, chat)
	}
	answerTo(id, waE2E.HistorySyncType_ON_DEMAND)
	id, _, err = s.RequestHistory(s.ctx, HistoryRequest{Chat: ada, OldestID: "X", OldestTime: &at, Limit: 1})
	must(t, err)
	answerTo(id, waE2E.HistorySyncType_ON_DEMAND)
	id, err = s.RequestFullHistory(s.ctx, FullHistory{Days: 7, SizeMegabytes: 10})
	must(t, err)
	answerTo(id, waE2E.HistorySyncType_FULL)

	if want := []string{ada, ada, ""}; !slices.Equal(s.conn.Requested, want) || s.conn.Forgotten != 0 {
		t.Errorf("stored requests for %q, %d of them removed", s.conn.Requested, s.conn.Forgotten)
	}
	s.conn.BeginErr = wa.NewError(wa.ReasonConflict, "too many")
	if _, err = s.RequestFullHistory(s.ctx, FullHistory{Days: 7}); !errors.Is(err, s.conn.BeginErr) {
		t.Errorf("a request that cannot be stored: %v", err)
	}
	s.conn.BeginErr = nil
	gone, cancel := context.WithCancel(s.ctx)
	cancel()
	if _, err = s.RequestFullHistory(gone, FullHistory{Days: 7}); err == nil || s.conn.Forgotten != 1 {
		t.Errorf("a request that was not sent: %v, %d removed", err, s.conn.Forgotten)
	}
	s.conn.NoHistory = true
	if _, err = s.RequestFullHistory(s.ctx, FullHistory{Days: 7}); wa.ReasonOf(err) != wa.ReasonConflict {
		t.Errorf("full history that is dropped: %v", err)
	}
	if _, _, err = s.RequestHistory(s.ctx, HistoryRequest{Chat: ada, Limit: 50}); wa.ReasonOf(err) != wa.ReasonConflict {
		t.Errorf("history that is dropped: %v", err)
	}
	if _, _, err = s.RequestHistory(s.ctx, HistoryRequest{Chat: "x", Limit: 50}); wa.ReasonOf(err) != wa.ReasonBadParam {
		t.Errorf("bad chat: %v", err)
	}
}

// TestOldestMessageIsCompleted checks what is taken from the message store when a caller names the oldest message.
func TestOldestMessageIsCompleted(t *testing.T) {
	t.Parallel()
	s := connect(t)
	ada, at, yes, no := conntest.Ada.String(), time.Unix(1000, 0), true, false
	save(t, s.conn.Conn, messages.Address{JID: ada}, conntest.Ada, "M1", "hello", 0)
	stored, err := s.FindMessage(s.ctx, ada, "M1")
	must(t, err)
	for name, c := range map[string]struct {
		want   HistoryRequest
		oldest oldestMessage
	}{
		"stored":           {HistoryRequest{OldestID: "M1"}, oldestMessage{"M1", stored.Time, stored.FromMe}},
		"stored, own":      {HistoryRequest{OldestID: "M1", OldestFromMe: &yes}, oldestMessage{"M1", stored.Time, true}},
		"with a time":      {HistoryRequest{OldestID: "M1", OldestTime: &at}, oldestMessage{"M1", at, false}},
		"unknown, own":     {HistoryRequest{OldestID: "X", OldestTime: &at, OldestFromMe: &yes}, oldestMessage{"X", at, true}},
		"unknown, not own": {HistoryRequest{OldestID: "X", OldestTime: &at, OldestFromMe: &no, OldestSender: ada}, oldestMessage{"X", at, false}},
	} {
		c.want.Chat = ada
		if got, err := s.oldestMessage(s.ctx, conntest.Ada, &c.want); err != nil || got.id != c.oldest.id || !got.at.Equal(c.oldest.at) || got.fromMe != c.oldest.fromMe {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for name, c := range map[string]struct {
		want   HistoryRequest
		reason wa.Reason
		field  string
	}{
		"a time alone":       {HistoryRequest{OldestTime: &at}, wa.ReasonBadParam, "oldest_message_id"},
		"an author alone":    {HistoryRequest{OldestFromMe: &no}, wa.ReasonBadParam, "oldest_message_id"},
		"a bad sender":       {HistoryRequest{OldestID: "M1", OldestSender: "x"}, wa.ReasonBadParam, "oldest_sender"},
		"an unknown message": {HistoryRequest{OldestID: "X"}, wa.ReasonNotFound, "message_id"},
	} {
		c.want.Chat = ada
		var e *wa.Error
		if _, err := s.oldestMessage(s.ctx, conntest.Ada, &c.want); !errors.As(err, &e) || e.Reason != c.reason || e.Field != c.field {
			t.Errorf("%s: %v, field %q", name, err, e.Field)
		}
	}
}
