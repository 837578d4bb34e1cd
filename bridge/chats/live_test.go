package chats

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/conntest"
	"github.com/waystation/waystation/bridge/contacts"
	"github.com/waystation/waystation/bridge/groups"
	"github.com/waystation/waystation/bridge/labels"
	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/wa"
)

// live are the chat operations of a connected session.
type live struct {
	*Service
	conn *conntest.LiveConn
	ctx  context.Context
	t    *testing.T
}

func connect(t *testing.T) *live {
	t.Helper()
	conn := conntest.Connect(t)
	joined := groups.NewService(conn, conntest.Owner, conn.Pairs, conntest.NewLog)
	stored, err := labels.Open(t.Context(), conn.DB, labels.Limits{})
	must(t, err)
	known := contacts.NewService(conn, conntest.Owner, conn.Pairs, conn.DB, stored, conntest.NewLog)
	return &live{NewService(conn, conntest.Owner, conn.Messages, known, joined, stored, conntest.NewLog), conn, conn.Deadline(), t}
}

// get returns the chat with Ada.
func (s *live) get() *Chat {
	s.t.Helper()
	chat, err := s.Get(s.ctx, conntest.Ada.String())
	must(s.t, err)
	return chat
}

// lastPatch returns the index and the value of the last change of the synchronised settings.
func (s *live) lastPatch() appstate.MutationInfo {
	s.t.Helper()
	if len(s.conn.Patches) == 0 {
		s.t.Fatal("nothing was written")
	}
	return s.conn.Patches[len(s.conn.Patches)-1].Mutations[0]
}

// TestChatChangesAreWrittenAndStored checks that each change of a chat is an entry of the synchronised settings and is stored.
func TestChatChangesAreWrittenAndStored(t *testing.T) {
	t.Parallel()
	s := connect(t)
	ada := conntest.Ada.String()
	save(t, s.conn.Conn, messages.Address{JID: ada}, conntest.Ada, "M1", "hello", 0)
	must(t, s.SetPinned(s.ctx, ada, true))
	if entry := s.lastPatch(); entry.Index[0] != appstate.IndexPin || entry.Index[1] != ada || !entry.Value.GetPinAction().GetPinned() || !s.get().Pinned {
		t.Errorf("pinned: %v, %+v", entry, s.get())
	}
	must(t, s.SetPinned(s.ctx, ada, false))
	must(t, s.SetArchived(s.ctx, ada, true, nil))
	entry := s.lastPatch()
	if keys := entry.Value.GetArchiveChatAction().GetMessageRange().GetMessages(); entry.Index[0] != appstate.IndexArchive || !s.get().Archived || len(keys) != 1 || keys[0].GetKey().GetID() != "M1" {
		t.Errorf("archived: %v, %+v", entry, s.get())
	}
	must(t, s.SetArchived(s.ctx, ada, false, &LastMessage{MessageID: "X1", Timestamp: start}))
	if s.get().Archived {
		t.Error("the chat is still archived")
	}
	until := time.Now().Add(time.Hour).Truncate(time.Second)
	must(t, s.SetMuted(s.ctx, ada, true, until))
	if entry := s.lastPatch(); entry.Value.GetMuteAction().GetMuteEndTimestamp() != until.UnixMilli() || !s.get().Muted || !s.get().MutedUntil.Equal(until) {
		t.Errorf("muted: %v, %+v", entry, s.get())
	}
	must(t, s.SetMuted(s.ctx, ada, true, time.Time{}))
	if got := s.get(); !got.Muted || got.MutedUntil != nil {
		t.Errorf("muted for good: %+v", got)
	}
	must(t, s.SetMuted(s.ctx, ada, false, time.Time{}))
	if s.get().Muted {
		t.Error("the chat is still muted")
	}
	_, err := s.MarkRead(s.ctx, MarkRead{Chat: ada})
	must(t, err)
	must(t, s.MarkUnread(s.ctx, ada, nil))
	if entry := s.lastPatch(); entry.Value.GetMarkChatAsReadAction() == nil || entry.Value.GetMarkChatAsReadAction().GetRead() || s.get().UnreadCount != -1 {
		t.Errorf("marked as unread: %v, %+v", entry, s.get())
	}
	s.conn.StateErr = wa.NewError(wa.ReasonConflict, "another device changed it")
	for name, call := range map[string]func() error{
		"pin": func() error { return s.SetPinned(s.ctx, ada, true) }, "archive": func() error { return s.SetArchived(s.ctx, ada, true, nil) },
		"mute": func() error { return s.SetMuted(s.ctx, ada, true, time.Time{}) }, "clear": func() error { return s.ClearMessages(s.ctx, ada, false, nil) },
		"delete": func() error { return s.Delete(s.ctx, ada, false, nil) },
	} {
		if err := call(); wa.ReasonOf(err) != wa.ReasonConflict {
			t.Errorf("%s that was not written: %v", name, err)
		}
	}
	if got := s.get(); got.Pinned || got.Archived || got.Muted || got.LastMessage == nil {
		t.Errorf("changes that were not written are stored: %+v", got)
	}
}

func TestOnlyThreeChatsArePinned(t *testing.T) {
	t.Parallel()
	s := connect(t)
	for i := range maxPinnedChats {
		chat := fmt.Sprintf("1555000010%d@s.whatsapp.net", i)
		save(t, s.conn.Conn, messages.Address{JID: chat}, conntest.Ada, fmt.Sprint("M", i), "hello", i)
		must(t, s.SetPinned(s.ctx, chat, true))
	}
	if err := s.SetPinned(s.ctx, conntest.Ada.String(), true); wa.ReasonOf(err) != wa.ReasonConflict {
		t.Errorf("a fourth chat: %v", err)
	}
	must(t, s.SetPinned(s.ctx, "15550000100@s.whatsapp.net", true)) // one that is pinned
	must(t, s.SetPinned(s.ctx, "15550000101@s.whatsapp.net", false))
	must(t, s.SetPinned(s.ctx, conntest.Ada.String(), true))
}

func TestChatIsClearedAndDeleted(t *testing.T) {
	t.Parallel()
	s := connect(t)
	ada := conntest.Ada.String()
	address := messages.Address{JID: ada}
	texts := func() (ids []string) {
		list, _, err := s.ListMessages(s.ctx, MessageQuery{Chat: ada, Limit: 10})
		must(t, err)
		for _, m := range list {
			ids = append(ids, m.MessageID)
		}
		return ids
	}
	for i, id := range []string{"M1", "M2", "M3"} {
		save(t, s.conn.Conn, address, conntest.Ada, id, "hello", i)
	}
	must(t, s.conn.Messages.SetStarred(s.ctx, conntest.Owner, address, "M2", true))
	must(t, s.ClearMessages(s.ctx, ada, true, nil))
	entry := s.lastPatch()
	if covered := entry.Value.GetClearChatAction().GetMessageRange(); !slices.Equal(entry.Index, []string{appstate.IndexClearChat, ada, "0", "0"}) || covered.GetMessages()[0].GetKey().GetID() != "M3" || covered.GetLastMessageTimestamp() != start.Add(2*time.Second).Unix() {
		t.Errorf("%v", entry)
	}
	if got := texts(); !slices.Equal(got, []string{"M2"}) {
		t.Errorf("messages %v", got)
	}
	must(t, s.ClearMessages(s.ctx, ada, false, nil))
	if entry = s.lastPatch(); entry.Index[2] != "1" || len(texts()) != 0 {
		t.Errorf("%v, messages %v", entry.Index, texts())
	}
	save(t, s.conn.Conn, address, conntest.Ada, "M4", "hello", 5)
	must(t, s.Delete(s.ctx, ada, true, &LastMessage{MessageID: "M4", Timestamp: start.Add(5 * time.Second)}))
	if entry = s.lastPatch(); entry.Index[0] != appstate.IndexDeleteChat || len(texts()) != 0 {
		t.Errorf("%v, messages %v", entry.Index, texts())
	}
	list, total, _, err := s.List(s.ctx, ChatQuery{})
	if err != nil || total != 0 || len(list) != 0 {
		t.Errorf("%d chats, %v", total, err)
	}
	must(t, s.ClearMessages(s.ctx, conntest.Bob.String(), false, nil))
	if covered := s.lastPatch().Value.GetClearChatAction().GetMessageRange(); covered.GetLastMessageTimestamp() == 0 || len(covered.GetMessages()) != 0 {
		t.Errorf("a chat without messages: %v", covered)
	}
}

// TestReceiptsReachTheSender checks the receipts for read messages of a person and of a group, and their limits.
func TestReceiptsReachTheSender(t *testing.T) {
	t.Parallel()
	s := connect(t)
	ada := conntest.Ada.String()
	unread := func(chat string) int {
		got, err := s.Get(s.ctx, chat)
		must(t, err)
		return got.UnreadCount
	}
	for i := range 3 {
		save(t, s.conn.Conn, messages.Address{JID: ada}, conntest.Ada, fmt.Sprint("M", i), "hello", i)
	}
	done, err := s.MarkRead(s.ctx, MarkRead{Chat: ada, MessageIDs: []string{"M0"}})
	if err != nil || !slices.Equal(done, []string{"M0"}) || unread(ada) != 2 || len(s.conn.Patches) != 0 {
		t.Errorf("one message: %v, %v, %d unread, written %v", done, err, unread(ada), s.conn.Operation)
	}
	isReceipt := func(kind, id string) func(waBinary.Node) bool {
		return func(n waBinary.Node) bool {
			return n.Tag == "receipt" && n.Attrs["type"] == kind && n.Attrs["id"] == id
		}
	}
	if _, err = s.conn.AdaPhone.AwaitStanza(s.ctx, isReceipt("read", "M0")); err != nil {
		t.Errorf("receipt: %v", err)
	}
	if done, err = s.MarkRead(s.ctx, MarkRead{Chat: ada, MessageIDs: []string{"M1"}, Played: true}); err != nil || len(done) != 1 {
		t.Errorf("played: %v, %v", done, err)
	}
	if _, err = s.conn.AdaPhone.AwaitStanza(s.ctx, isReceipt("played", "M1")); err != nil {
		t.Errorf("receipt: %v", err)
	}
	if done, err = s.MarkRead(s.ctx, MarkRead{Chat: ada}); err != nil || len(done) == 0 || unread(ada) != 0 || !s.lastPatch().Value.GetMarkChatAsReadAction().GetRead() {
		t.Errorf("the whole chat: %v, %v, %d unread", done, err, unread(ada))
	}
	if done, err = s.MarkRead(s.ctx, MarkRead{Chat: ada}); err != nil || done == nil || len(done) != 0 {
		t.Errorf("nothing unread: %v, %v", done, err)
	}
	if done, err = s.MarkRead(s.ctx, MarkRead{Chat: conntest.Bob.String(), MessageIDs: []string{"UNKNOWN"}}); err != nil || len(done) != 1 {
		t.Errorf("a message that is not stored: %v, %v", done, err)
	}
	group, err := s.conn.AdaPhone.CreateGroup(sandbox.GroupOptions{Subject: "G", Members: []types.JID{conntest.Own}})
	must(t, err)
	save(t, s.conn.Conn, messages.Address{JID: group.String()}, conntest.Ada, "G1", "hello", 1)
	save(t, s.conn.Conn, messages.Address{JID: group.String()}, conntest.Own, "G2", "mine", 2)
	if done, err = s.MarkRead(s.ctx, MarkRead{Chat: group.String(), MessageIDs: []string{"G1"}}); err != nil || !slices.Equal(done, []string{"G1"}) {
		t.Errorf("in a group: %v, %v", done, err)
	}
	if _, err = s.conn.AdaPhone.AwaitStanza(s.ctx, isReceipt("read", "G1")); err != nil {
		t.Errorf("receipt: %v", err)
	}
	for name, c := range map[string]struct {
		field  string
		reason wa.Reason
		read   MarkRead
	}{
		"chat":               {"chat", wa.ReasonBadParam, MarkRead{Chat: "x"}},
		"own message":        {"message_ids", wa.ReasonBadParam, MarkRead{Chat: group.String(), MessageIDs: []string{"G2"}}},
		"too many":           {"message_ids", wa.ReasonBadParam, MarkRead{Chat: ada, MessageIDs: make([]string, maxReadIDs+1)}},
		"unknown of a group": {"message_id", wa.ReasonNotFound, MarkRead{Chat: group.String(), MessageIDs: []string{"UNKNOWN"}}},
	} {
		_, err := s.MarkRead(s.ctx, c.read)
		var e *wa.Error
		if !errors.As(err, &e) || e.Reason != c.reason || e.Field != c.field {
			t.Errorf("%s: %v", name, err)
		}
	}
	if done, err = s.MarkRead(s.ctx, MarkRead{Chat: group.String(), MessageIDs: []string{"UNKNOWN"}, Sender: ada}); err != nil || len(done) != 1 {
		t.Errorf("with the sender: %v, %v", done, err)
	}
	save(t, s.conn.Conn, messages.Address{JID: ada}, conntest.Ada, "M9", "hello", 9)
	s.conn.StateErr = wa.NewError(wa.ReasonWhatsApp, "could not mark: %s", keysNotShared)
	if done, err = s.MarkRead(s.ctx, MarkRead{Chat: ada}); err != nil || len(done) != 1 {
		t.Errorf("without keys of the phone receipts are enough: %v, %v", done, err)
	}
	s.conn.StateErr = wa.NewError(wa.ReasonWhatsApp, "other")
	if _, err = s.MarkRead(s.ctx, MarkRead{Chat: ada}); wa.ReasonOf(err) != wa.ReasonWhatsApp {
		t.Errorf("another failure: %v", err)
	}
}

// TestGroupIsAskedForOnce checks the timer of a group: from WhatsApp, then from the store.
func TestGroupIsAskedForOnce(t *testing.T) {
	t.Parallel()
	s := connect(t)
	group, err := s.conn.AdaPhone.CreateGroup(sandbox.GroupOptions{Subject: "G", Members: []types.JID{conntest.Own}, Timer: 86400})
	must(t, err)
	for round := range 2 {
		end := func() {}
		if round == 1 {
			end = s.conn.RefuseRequests(500)
		}
		timer, err := s.TimerOf(s.ctx, group)
		end()
		if err != nil || timer.Lifetime != 24*time.Hour {
			t.Errorf("round %d: %+v, %v", round+1, timer, err)
		}
	}
	unknown := types.NewJID("120363000000000009", types.GroupServer)
	if found, err := s.FindGroup(s.ctx, unknown); err != nil || found != nil {
		t.Errorf("an unknown group: %+v, %v", found, err)
	}
	if timer, err := s.TimerOf(s.ctx, unknown); err != nil || timer.Lifetime != 0 {
		t.Errorf("its timer: %+v, %v", timer, err)
	}
}

// TestQuoteInAnEnvelopeIsRead checks the result for a quoted message that is not stored and that the quote has inside of a wrapper.
func TestQuoteInAnEnvelopeIsRead(t *testing.T) {
	s, conn := newTestService(t)
	inner := &waE2E.Message{DocumentMessage: &waE2E.DocumentMessage{Caption: proto.String("old")}}
	raw, err := proto.Marshal(&waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: proto.String("new"), ContextInfo: &waE2E.ContextInfo{
		StanzaID: proto.String("Q1"), Participant: proto.String(conntest.Ada.String()), QuotedMessage: &waE2E.Message{DocumentWithCaptionMessage: &waE2E.FutureProofMessage{Message: inner}},
	}}})
	must(t, err)
	chat := conntest.Ada.String()
	must(t, conn.Messages.Save(t.Context(), conntest.Owner, &messages.Message{
		Chat: addressOfAda(), ID: "M1", Sender: messages.Address{JID: chat}, Type: "text", Text: "new", Time: start, Raw: raw,
		Body: []byte(`{"quoted":{"message_id":"Q1","chat":"` + chat + `","sender":"` + chat + `"}}`),
	}))
	quoted, err := s.GetQuoted(t.Context(), chat, "M1")
	if err != nil || quoted == nil || quoted.MessageID != "Q1" || quoted.Type != "document" || quoted.Text == nil || *quoted.Text != "old" || quoted.Sender != chat {
		t.Errorf("%+v, %v", quoted, err)
	}
}
