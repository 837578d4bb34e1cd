package chats

import (
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/conntest"
	"github.com/waystation/waystation/bridge/contacts"
	"github.com/waystation/waystation/bridge/groups"
	"github.com/waystation/waystation/bridge/labels"
	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/wa"
)

var (
	team  = types.NewJID("120363000000000001", types.GroupServer)
	start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

func newTestService(t *testing.T) (*Service, *conntest.Conn) {
	t.Helper()
	conn := conntest.NewConn(t)
	joined := groups.NewService(conn, conntest.Owner, conn.Pairs, conntest.NewLog)
	stored, err := labels.Open(t.Context(), conn.DB, labels.Limits{})
	must(t, err)
	known := contacts.NewService(conn, conntest.Owner, conn.Pairs, conn.DB, stored, conntest.NewLog)
	return NewService(conn, conntest.Owner, conn.Messages, known, joined, stored, conntest.NewLog), conn
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// save stores a text of a sender; second orders the messages.
func save(t *testing.T, conn *conntest.Conn, chat messages.Address, sender types.JID, id, text string, second int) {
	t.Helper()
	fromMe := sender == conntest.Own
	raw, err := proto.Marshal(&waE2E.Message{Conversation: &text})
	must(t, err)
	m := &messages.Message{
		Chat: chat, ID: id, Sender: messages.Address{JID: sender.String()}, FromMe: fromMe, Unread: !fromMe, Type: "text", Text: text,
		Time: start.Add(time.Duration(second) * time.Second), Body: []byte("{}"), Raw: raw,
	}
	if fromMe {
		m.Status, m.Recipients = messages.StatusSent, 1
	}
	must(t, conn.Messages.Save(t.Context(), conntest.Owner, m))
}

func addressOfAda() messages.Address {
	return messages.Address{JID: conntest.Ada.String(), Alt: conntest.AdaLID.String()}
}

func saveGroup(t *testing.T, conn *conntest.Conn, group *groups.Group) {
	t.Helper()
	row, err := groups.Row(group)
	must(t, err)
	must(t, conn.Pairs.PutGroup(t.Context(), conntest.Owner, row, start))
}

func TestGetFindsAChatUnderBothAddresses(t *testing.T) {
	s, conn := newTestService(t)
	save(t, conn, addressOfAda(), conntest.Ada, "M1", "hello", 1)
	for _, given := range []string{conntest.Ada.String(), conntest.AdaLID.String()} {
		chat, err := s.Get(t.Context(), given)
		must(t, err)
		if chat.Chat != conntest.Ada.String() || chat.UnreadCount != 1 || chat.LastMessage == nil || *chat.LastMessage.Text != "hello" {
			t.Errorf("%s: %+v", given, chat)
		}
		if chat.Contact == nil || *chat.Contact.LID != conntest.AdaLID.String() {
			t.Errorf("%s: contact %+v", given, chat.Contact)
		}
	}
}

func TestGetWithoutMessages(t *testing.T) {
	s, conn := newTestService(t)
	ctx := t.Context()
	conn.Timer, conn.TimerAt = 24*time.Hour, start
	chat, err := s.Get(ctx, conntest.Bob.String())
	must(t, err)
	if chat.LastMessage != nil || chat.UnreadCount != 0 || chat.DisappearingSeconds != 86400 {
		t.Errorf("a person without messages has the default timer: %+v", chat)
	}
	if _, err := s.Get(ctx, team.String()); wa.ReasonOf(err) != wa.ReasonNotFound {
		t.Errorf("an unknown group: %v", err)
	}
	saveGroup(t, conn, &groups.Group{Group: team.String(), Name: "Team"})
	chat, err = s.Get(ctx, team.String())
	must(t, err)
	if chat.Group == nil || *chat.Name != "Team" {
		t.Errorf("a stored group: %+v", chat)
	}
	if _, err := s.Get(ctx, "no chat"); wa.ReasonOf(err) != wa.ReasonBadParam {
		t.Errorf("no address: %v", err)
	}
}

func TestListPagesAndAddsEmptyChats(t *testing.T) {
	s, conn := newTestService(t)
	ctx := t.Context()
	save(t, conn, addressOfAda(), conntest.Ada, "M1", "hello", 1)
	saveGroup(t, conn, &groups.Group{Group: team.String(), Name: "Team"})
	_, _, err := conn.Keys.Contacts.PutPushName(ctx, conntest.Bob, "bob")
	must(t, err)
	list, total, stats, err := s.List(ctx, ChatQuery{})
	must(t, err)
	if total != 1 || len(list) != 1 || list[0].Chat != conntest.Ada.String() || stats.UnreadCount != 1 {
		t.Errorf("chats with messages: %d, %+v, %+v", total, list, stats)
	}
	list, total, _, err = s.List(ctx, ChatQuery{IncludeContacts: true})
	must(t, err)
	if total != 3 || list[1].Chat != conntest.Bob.String() || *list[1].Name != "bob" || list[2].Chat != team.String() {
		t.Errorf("with people and groups: %d, %+v", total, list)
	}
	list, total, _, err = s.List(ctx, ChatQuery{IncludeContacts: true, Limit: 1, Offset: 1})
	must(t, err)
	if total != 3 || len(list) != 1 || list[0].Chat != conntest.Bob.String() {
		t.Errorf("second page: %d, %+v", total, list)
	}
	yes := true
	for name, query := range map[string]ChatQuery{
		"pinned": {IncludeContacts: true, Pinned: &yes}, "since": {IncludeContacts: true, Since: start.Add(time.Hour)},
	} {
		if list, _, _, err = s.List(ctx, query); err != nil || len(list) != 0 {
			t.Errorf("%s: empty chats do not match: %+v, %v", name, list, err)
		}
	}
}

func TestStoredMessages(t *testing.T) {
	s, conn := newTestService(t)
	ctx := t.Context()
	save(t, conn, addressOfAda(), conntest.Ada, "M1", "first words", 1)
	save(t, conn, addressOfAda(), conntest.Own, "M2", "second words", 2)
	save(t, conn, messages.Address{JID: team.String()}, conntest.Bob, "M1", "in the group", 3)
	m, err := s.GetMessage(ctx, conntest.AdaLID.String(), "M1", true)
	must(t, err)
	if *m.Text != "first words" || m.Chat != conntest.Ada.String() || len(m.Raw) == 0 {
		t.Errorf("by LID: %+v", m)
	}
	if m, err = s.GetMessage(ctx, "", "M2", false); err != nil || *m.Text != "second words" {
		t.Errorf("without a chat: %+v, %v", m, err)
	}
	for name, tc := range map[string]struct {
		chat, id, field string
		reason          wa.Reason
	}{
		"twice":   {"", "M1", "chat", wa.ReasonBadParam},
		"unknown": {conntest.Ada.String(), "M9", "message_id", wa.ReasonNotFound},
		"no chat": {"x", "M1", "chat", wa.ReasonBadParam},
	} {
		_, err := s.GetMessage(ctx, tc.chat, tc.id, false)
		if e, ok := err.(*wa.Error); !ok || e.Reason != tc.reason || e.Field != tc.field { //nolint:errorlint // exactly this type is returned
			t.Errorf("%s: %v", name, err)
		}
	}
	list, more, err := s.ListMessages(ctx, MessageQuery{Chat: conntest.Ada.String(), Limit: 1})
	must(t, err)
	if !more || len(list) != 1 || list[0].MessageID != "M2" {
		t.Errorf("newest page: %v, %+v", more, list)
	}
	list, more, err = s.ListMessages(ctx, MessageQuery{Chat: conntest.Ada.String(), Limit: 5, Before: "M2"})
	must(t, err)
	if more || len(list) != 1 || list[0].MessageID != "M1" {
		t.Errorf("page before: %v, %+v", more, list)
	}
	if _, _, err = s.ListMessages(ctx, MessageQuery{Chat: conntest.Ada.String(), Limit: 5, Before: "M9"}); wa.ReasonOf(err) != wa.ReasonNotFound {
		t.Errorf("before an unknown message: %v", err)
	}
	found, total, err := s.SearchMessages(ctx, MessageSearch{Text: "words", Chat: conntest.Ada.String(), Limit: 1})
	must(t, err)
	if total != 2 || len(found) != 1 || found[0].MessageID != "M2" {
		t.Errorf("search: %d, %+v", total, found)
	}
	mentioned, err := s.ListMentions(ctx, "", "M2")
	if err != nil || mentioned == nil || len(mentioned) != 0 {
		t.Errorf("mentions: %v, %v", mentioned, err)
	}
	if quoted, err := s.GetQuoted(ctx, "", "M2"); err != nil || quoted != nil {
		t.Errorf("a message without a quote: %+v, %v", quoted, err)
	}
}

func TestReceiptsAreOfOwnMessages(t *testing.T) {
	s, conn := newTestService(t)
	ctx := t.Context()
	save(t, conn, addressOfAda(), conntest.Ada, "M1", "hello", 1)
	save(t, conn, addressOfAda(), conntest.Own, "M2", "hi", 2)
	if receipts, err := s.ListReceipts(ctx, "", "M1"); err != nil || receipts != nil {
		t.Errorf("a message of another person: %+v, %v", receipts, err)
	}
	receipts, err := s.ListReceipts(ctx, "", "M2")
	must(t, err)
	if len(receipts.Delivered) != 0 || *receipts.DeliveredRemaining != 1 || *receipts.PlayedRemaining != 1 {
		t.Errorf("no receipt: %+v", receipts)
	}
	if got := *countRemaining(1, make([]MessageReceipt, 3)); got != 0 {
		t.Errorf("more receipts than recipients: %d are missing", got)
	}
}

func TestUnreadMessagesShareReceiptsBySender(t *testing.T) {
	s, conn := newTestService(t)
	ctx := t.Context()
	group := messages.Address{JID: team.String()}
	save(t, conn, group, conntest.Bob, "M1", "a", 1)
	save(t, conn, group, conntest.Ada, "M2", "b", 2)
	save(t, conn, group, conntest.Bob, "M3", "c", 3)
	save(t, conn, group, conntest.Own, "M4", "d", 4)
	unread, err := s.groupUnread(ctx, team, &MarkRead{})
	must(t, err)
	if len(unread) != 2 {
		t.Fatalf("%d groups of receipts, want 2", len(unread))
	}
	count := map[types.JID]int{}
	for _, part := range unread {
		count[part.sender] += len(part.ids)
	}
	if count[conntest.Bob] != 2 || count[conntest.Ada] != 1 {
		t.Errorf("by sender: %v", count)
	}
	if _, err = s.groupUnread(ctx, team, &MarkRead{MessageIDs: []string{"M4"}}); wa.ReasonOf(err) != wa.ReasonBadParam {
		t.Errorf("an own message: %v", err)
	}
	if _, err = s.groupUnread(ctx, team, &MarkRead{MessageIDs: []string{"M9"}}); wa.ReasonOf(err) != wa.ReasonNotFound {
		t.Errorf("a message that is not stored, without a sender: %v", err)
	}
	given, err := s.groupUnread(ctx, team, &MarkRead{MessageIDs: []string{"M9"}, Sender: conntest.Bob.String()})
	if err != nil || len(given) != 1 || given[0].sender != conntest.Bob {
		t.Errorf("a message that is not stored, with a sender: %+v, %v", given, err)
	}
}

func TestChangesNeedAConnection(t *testing.T) {
	s, conn := newTestService(t)
	ctx, ada := t.Context(), conntest.Ada.String()
	for name, call := range map[string]func() error{
		"pin":     func() error { return s.SetPinned(ctx, ada, true) },
		"archive": func() error { return s.SetArchived(ctx, ada, true, nil) },
		"mute":    func() error { return s.SetMuted(ctx, ada, true, time.Time{}) },
		"unread":  func() error { return s.MarkUnread(ctx, ada, nil) },
		"clear":   func() error { return s.ClearMessages(ctx, ada, false, nil) },
		"delete":  func() error { return s.Delete(ctx, ada, false, nil) },
		"read":    func() error { _, err := s.MarkRead(ctx, MarkRead{Chat: ada}); return err },
	} {
		if err := call(); wa.ReasonOf(err) != wa.ReasonNotConnected {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(conn.Operation) != 0 {
		t.Errorf("written without a connection: %v", conn.Operation)
	}
}

func TestLastMessageIsTheCallersOrTheStored(t *testing.T) {
	s, conn := newTestService(t)
	ctx := t.Context()
	if _, key, err := s.lastMessage(ctx, conntest.Ada, nil); err != nil || key != nil {
		t.Errorf("an empty chat: %v, %v", key, err)
	}
	save(t, conn, messages.Address{JID: team.String()}, conntest.Bob, "M1", "a", 1)
	at, key, err := s.lastMessage(ctx, team, nil)
	must(t, err)
	if !at.Equal(start.Add(time.Second)) || key.GetID() != "M1" || key.GetParticipant() != conntest.Bob.String() {
		t.Errorf("stored: %v, %v", at, key)
	}
	given := &LastMessage{MessageID: "M7", Timestamp: start, Sender: conntest.Ada.String()}
	at, key, err = s.lastMessage(ctx, team, given)
	must(t, err)
	if !at.Equal(start) || key.GetID() != "M7" || key.GetParticipant() != conntest.Ada.String() {
		t.Errorf("given: %v, %v", at, key)
	}
	given.Sender = "x"
	if _, _, err = s.lastMessage(ctx, team, given); wa.ReasonOf(err) != wa.ReasonBadParam {
		t.Errorf("a bad sender: %v", err)
	}
}

func TestTimers(t *testing.T) {
	s, conn := newTestService(t)
	ctx := t.Context()
	saveGroup(t, conn, &groups.Group{Group: team.String(), DisappearingSeconds: 60})
	conn.Timer, conn.TimerAt = time.Hour, start.Add(-time.Hour)
	hour := start.Unix()
	must(t, s.StoreTimers(ctx, &waHistorySync.HistorySync{Conversations: []*waHistorySync.Conversation{
		{ID: proto.String(conntest.Ada.String()), EphemeralExpiration: proto.Uint32(30), EphemeralSettingTimestamp: &hour},
	}}))
	for chat, want := range map[types.JID]time.Duration{
		team: time.Minute, conntest.Ada: 30 * time.Second, conntest.Bob: time.Hour, types.NewJID("1", types.NewsletterServer): 0,
	} {
		if timer, err := s.TimerOf(ctx, chat); err != nil || timer.Lifetime != want {
			t.Errorf("%v: %v, %v, want %v", chat, timer.Lifetime, err, want)
		}
	}
	at := start.Add(time.Hour).Unix()
	must(t, s.StoreTimers(ctx, &waHistorySync.HistorySync{GlobalSettings: &waHistorySync.GlobalSettings{
		DisappearingModeDuration: proto.Int32(7200), DisappearingModeTimestamp: &at,
	}}))
	if conn.Timer != 2*time.Hour || conn.TimerAt.Unix() != at {
		t.Errorf("default of the history: %v at %v", conn.Timer, conn.TimerAt)
	}
}

func TestHistorySetsChatsOnce(t *testing.T) {
	s, conn := newTestService(t)
	ctx := t.Context()
	conversation := func(jid types.JID) *waHistorySync.Conversation {
		return &waHistorySync.Conversation{
			ID: proto.String(jid.String()), Name: proto.String("Name"), Archived: proto.Bool(true), UnreadCount: proto.Uint32(4),
			MuteEndTime: proto.Uint64(uint64(time.Now().Add(time.Hour).UnixMilli())), PnJID: proto.String(conntest.Ada.String()), LidJID: proto.String(conntest.AdaLID.String()),
		}
	}
	skip := func(chat types.JID) bool { return chat == team }
	later := &waHistorySync.HistorySync{SyncType: waHistorySync.HistorySync_RECENT.Enum(), Conversations: []*waHistorySync.Conversation{conversation(conntest.Ada)}}
	must(t, s.StoreConversations(ctx, later, skip))
	if chat, err := s.Get(ctx, conntest.Ada.String()); err != nil || chat.Archived {
		t.Errorf("a later blob: %+v, %v", chat, err)
	}
	first := &waHistorySync.HistorySync{
		SyncType:      waHistorySync.HistorySync_INITIAL_BOOTSTRAP.Enum(),
		Conversations: []*waHistorySync.Conversation{conversation(conntest.Ada), conversation(team), {ID: proto.String("@@")}},
	}
	must(t, s.StoreConversations(ctx, first, skip))
	chat, err := s.Get(ctx, conntest.Ada.String())
	must(t, err)
	if !chat.Archived || !chat.Muted || chat.MutedUntil == nil || chat.UnreadCount != 4 || *chat.Name != "Name" {
		t.Errorf("the first blob: %+v", chat)
	}
	if _, err := s.Get(ctx, team.String()); wa.ReasonOf(err) != wa.ReasonNotFound {
		t.Errorf("the skipped chat: %v", err)
	}
	if pair, found, err := conn.Pairs.Pair(ctx, conntest.Owner, conntest.AdaLID.String()); err != nil || !found || pair.PN != conntest.Ada.String() {
		t.Errorf("pair of the blob: %+v, %v, %v", pair, found, err)
	}
}
