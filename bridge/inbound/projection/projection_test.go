package projection

import (
	"errors"
	"slices"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/conntest"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/messages"
)

const owner = conntest.Owner

var (
	at      = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	adaChat = messages.Address{JID: conntest.Ada.String(), Alt: conntest.AdaLID.String()}
	group   = "120363000000000001@g.us"
)

type world struct {
	t      *testing.T
	writer *Writer
	stored *messages.Store
}

func newWorld(t *testing.T) *world {
	t.Helper()
	c := conntest.NewConn(t)
	return &world{t: t, writer: NewWriter(c.Messages, nil), stored: c.Messages}
}

// incoming returns a message from Ada; change completes its data.
func incoming(id, body string, change func(d *message.EventData)) *Message {
	pn, lid := conntest.Ada.String(), conntest.AdaLID.String()
	d := &message.EventData{WireSender: lid}
	d.MessageID, d.Chat, d.Sender, d.Timestamp, d.Type, d.Text = id, pn, pn, at, message.TypeText, &body
	d.ChatPN, d.ChatLID, d.PN, d.LID = &pn, &lid, &pn, &lid
	if change != nil {
		change(d)
	}
	return &Message{Data: d, Content: &waE2E.Message{Conversation: &body}, Info: &types.MessageInfo{}}
}

// acting returns a message that acts on another one.
func acting(id string, target *message.MessageTarget, content *waE2E.Message) *Message {
	m := incoming(id, "", func(d *message.EventData) { d.Target, d.Type, d.Text = target, message.TypeSystem, nil })
	m.Content = content
	return m
}

func (w *world) write(m *Message) {
	w.t.Helper()
	if err := w.writer.WriteMessage(w.t.Context(), owner, m); err != nil {
		w.t.Fatal(err)
	}
}

// row returns a stored message; nil = there is none.
func (w *world) row(chat messages.Address, id string) *messages.Row {
	w.t.Helper()
	row, err := w.stored.Message(w.t.Context(), owner, chat, id)
	if errors.Is(err, messages.ErrNotFound) {
		return nil
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return row
}

func (w *world) chat(address messages.Address) *messages.Chat {
	w.t.Helper()
	chat, err := w.stored.Chat(w.t.Context(), owner, address)
	if err != nil {
		w.t.Fatal(err)
	}
	return chat
}

// TestRowsOfMessages checks the row that a message becomes.
func TestRowsOfMessages(t *testing.T) {
	t.Parallel()
	name := "Ada"
	for _, c := range []struct {
		name   string
		m      *Message
		expect func(row *messages.Message) bool
	}{
		{"received", incoming("M1", "hello", func(d *message.EventData) { d.SenderName = &name }), func(row *messages.Message) bool {
			return row.Unread && row.Text == "hello" && row.ChatName == "Ada" && row.Status == 0 && !row.Placeholder && len(row.Raw) > 0 && row.Sender.JID == conntest.AdaLID.String()
		}},
		{"own", incoming("M1", "hello", func(d *message.EventData) { d.FromMe, d.SenderName = true, &name }), func(row *messages.Message) bool {
			return !row.Unread && row.Status == messages.StatusSent && row.ChatName == ""
		}},
		{"status post", incoming("M1", "hello", func(d *message.EventData) { d.IsStatus, d.Chat = true, types.StatusBroadcastJID.String() }), func(row *messages.Message) bool {
			return !row.Unread && row.ChatName == ""
		}},
		{"in a group", incoming("M1", "hello", func(d *message.EventData) {
			d.IsGroup, d.Chat, d.ChatPN, d.ChatLID, d.SenderName = true, group, nil, nil, &name
		}), func(row *messages.Message) bool {
			return row.Unread && row.ChatName == "" && row.Chat.JID == group
		}},
		{"newsletter", incoming("M1", "hello", func(d *message.EventData) { id := 7; d.ServerID = &id }), func(row *messages.Message) bool { return row.ServerID == 7 }},
	} {
		row, err := c.m.Row()
		if err != nil || !c.expect(row) {
			t.Errorf("%s: %+v, %v", c.name, row, err)
		}
	}
	old := incoming("M1", "hello", nil)
	old.History = true
	if row, err := old.Row(); err != nil || row.Unread {
		t.Errorf("from history: %+v, %v", row, err)
	}
	empty := incoming("M1", "", func(d *message.EventData) { d.Type, d.Text = message.TypeUnknown, nil })
	empty.Content = nil
	if row, err := empty.Row(); err != nil || !row.Placeholder {
		t.Errorf("without content: %+v, %v", row, err)
	}
	list := incoming("M1", "hello", nil)
	list.Info = &types.MessageInfo{MessageSource: types.MessageSource{
		Chat: types.NewJID("1", types.BroadcastServer), BroadcastListOwner: conntest.Ada, Sender: conntest.Ada, IsGroup: true,
	}}
	if row, err := list.Row(); err != nil || row.Chat.JID != conntest.AdaLID.String() {
		t.Errorf("to a broadcast list: %+v, %v", row, err)
	}
}

// TestTimersInMessages checks that a lifetime is the timer of the chat only with the time of its setting, and not in
// groups.
func TestTimersInMessages(t *testing.T) {
	t.Parallel()
	content := func(about *waE2E.ContextInfo) *waE2E.Message {
		return &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: proto.String("a"), ContextInfo: about}}
	}
	set := &waE2E.ContextInfo{Expiration: proto.Uint32(86400), EphemeralSettingTimestamp: proto.Int64(at.Unix())}
	for name, c := range map[string]struct {
		about *waE2E.ContextInfo
		chat  string
		want  bool
	}{
		"setting":       {set, conntest.Ada.String(), true},
		"lifetime only": {&waE2E.ContextInfo{Expiration: proto.Uint32(86400)}, conntest.Ada.String(), false},
		"group":         {set, group, false},
	} {
		m := incoming("M1", "a", func(d *message.EventData) { d.Chat = c.chat })
		m.Content = content(c.about)
		row, err := m.Row()
		if err != nil || (row.ChatTimer != nil) != c.want {
			t.Errorf("%s: %+v, %v", name, row.ChatTimer, err)
		}
		if c.want && (row.ChatTimer.Lifetime != 24*time.Hour || !row.ChatTimer.SetAt.Equal(at)) {
			t.Errorf("%s: %+v", name, row.ChatTimer)
		}
	}
}

// TestChangesOfMessages checks edits, revocations, reactions and votes of stored messages.
func TestChangesOfMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write(incoming("M1", "helo", nil))
	edited, later := "hello", at.Add(time.Minute)
	change := incoming("E1", edited, func(d *message.EventData) {
		d.Target, d.EditedAt = &message.MessageTarget{Action: message.ActionEdit, MessageID: "M1"}, &later
	})
	change.Content = &waE2E.Message{EditedMessage: &waE2E.FutureProofMessage{Message: &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
		EditedMessage: &waE2E.Message{Conversation: &edited},
	}}}}
	w.write(change)
	if row := w.row(adaChat, "M1"); row.Text != "hello" || !row.EditedAt.Equal(later) || row.Type != message.TypeText {
		t.Errorf("edited: %+v", row)
	}
	if w.row(adaChat, "E1") != nil {
		t.Error("an edit is a message of its own")
	}
	change.Content = &waE2E.Message{}
	w.write(change) // an edit without content changes nothing
	emoji := "👍"
	w.write(acting("R1", &message.MessageTarget{Action: message.ActionReaction, MessageID: "M1", Emoji: &emoji}, nil))
	w.write(acting("R2", &message.MessageTarget{Action: message.ActionReaction, MessageID: "M1"}, nil)) // unreadable
	w.write(acting("V1", &message.MessageTarget{Action: message.ActionPollVote, MessageID: "M1", Options: []string{"yes"}}, nil))
	w.write(acting("V2", &message.MessageTarget{Action: message.ActionPollVote, MessageID: "M1"}, nil)) // unreadable
	w.write(acting("X1", &message.MessageTarget{Action: message.ActionRevoke}, nil))                    // without a message
	row := w.row(adaChat, "M1")
	if len(row.Reactions) != 1 || row.Reactions[0].Emoji != "👍" || row.Reactions[0].Sender != conntest.Ada.String() {
		t.Errorf("reactions: %+v", row.Reactions)
	}
	if len(row.Votes) != 1 || !slices.Equal(row.Votes[0].Options, []string{"yes"}) || row.Votes[0].Voter != conntest.Ada.String() {
		t.Errorf("votes: %+v", row.Votes)
	}
	if !row.DeletedAt.IsZero() || row.Text != "hello" {
		t.Errorf("before the revocation: %+v", row)
	}
	w.write(acting("D1", &message.MessageTarget{Action: message.ActionRevoke, MessageID: "M1"}, nil))
	if row = w.row(adaChat, "M1"); row.DeletedAt.IsZero() {
		t.Errorf("revoked: %+v", row)
	}
}

// TestCommentsAndNotices checks which messages with a target, or of type system, are stored.
func TestCommentsAndNotices(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write(incoming("C1", "well done", func(d *message.EventData) {
		d.Target = &message.MessageTarget{Action: message.ActionComment, MessageID: "M1"}
	}))
	row := w.row(adaChat, "C1")
	if row == nil || row.Text != "well done" {
		t.Fatalf("comment: %+v", row)
	}
	if m, err := message.FromRow(row, false); err != nil || m.Target == nil || m.Target.MessageID != "M1" {
		t.Errorf("the stored comment lost its target: %+v, %v", m, err)
	}
	w.write(incoming("N1", "", func(d *message.EventData) { d.Type = message.TypeSystem }))
	if w.row(adaChat, "N1") != nil {
		t.Error("a notice without content is stored")
	}
	week := 604800
	timer := func(d *message.EventData) { d.Type, d.DisappearingSeconds = message.TypeSystem, &week }
	w.write(incoming("N2", "", timer))
	if chat := w.chat(adaChat); chat.Disappearing != 7*24*time.Hour {
		t.Errorf("the timer of the chat is %s", chat.Disappearing)
	}
	w.write(incoming("N3", "", func(d *message.EventData) { timer(d); d.Chat, d.ChatPN, d.ChatLID = group, nil, nil }))
	if _, err := w.stored.Chat(t.Context(), owner, messages.Address{JID: group}); !errors.Is(err, messages.ErrNotFound) {
		t.Errorf("the timer of a group made a chat: %v", err)
	}
}

// TestEditedNewsletterPost checks that a post that arrives again with an edit replaces the stored one.
func TestEditedNewsletterPost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	news, server := "120363000000000002@newsletter", 7
	post := func(body string, edited *time.Time) *Message {
		return incoming("P1", body, func(d *message.EventData) {
			d.Chat, d.Sender, d.WireSender, d.ServerID, d.EditedAt = news, news, news, &server, edited
			d.ChatPN, d.ChatLID, d.PN, d.LID = nil, nil, nil, nil
		})
	}
	later := at.Add(time.Hour)
	w.write(post("first", nil))
	w.write(post("second", &later))
	if row := w.row(messages.Address{JID: news}, "P1"); row.Text != "second" || !row.EditedAt.Equal(later) || row.ServerID != 7 {
		t.Errorf("after the edit: %+v", row)
	}
}

// TestReceipts checks the status of own messages after receipts, and the unread count after reading elsewhere.
func TestReceipts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind   string
		fromMe bool
		want   messages.Status
	}{
		{"delivered", false, messages.StatusDelivered},
		{"read", false, messages.StatusRead},
		{"played", false, messages.StatusPlayed},
		{"inactive", false, messages.StatusSent},
		{"delivered", true, messages.StatusSent},
	} {
		w := newWorld(t)
		w.write(incoming("M1", "hello", func(d *message.EventData) { d.FromMe, d.WireSender = true, conntest.Own.String() }))
		r := &Receipt{MessageIDs: []string{"M1"}, Kind: c.kind, Chat: conntest.Ada.String(), ChatLID: conntest.AdaLID.String(), By: conntest.Ada.String(), FromMe: c.fromMe, At: at}
		if err := w.writer.WriteReceipt(t.Context(), owner, r); err != nil {
			t.Fatal(err)
		}
		if row := w.row(adaChat, "M1"); row.Status != c.want {
			t.Errorf("after %s, own %t: %v", c.kind, c.fromMe, row.Status)
		}
	}
	for _, kind := range []string{"read_self", "played_self"} {
		w := newWorld(t)
		w.write(incoming("M1", "hello", nil))
		if chat := w.chat(adaChat); chat.Unread != 1 {
			t.Fatalf("before %s: %d unread", kind, chat.Unread)
		}
		r := &Receipt{MessageIDs: []string{"M1"}, Kind: kind, Chat: conntest.Ada.String(), FromMe: true, At: at}
		if err := w.writer.WriteReceipt(t.Context(), owner, r); err != nil {
			t.Fatal(err)
		}
		if chat := w.chat(adaChat); chat.Unread != 0 {
			t.Errorf("after %s: %d unread", kind, chat.Unread)
		}
	}
}

// TestChatChanges checks the changes that another device of the account makes to a chat and its messages.
func TestChatChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write(incoming("M1", "one", nil))
	w.write(incoming("M2", "two", nil))
	yes, no, until := true, false, time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	apply := func(c Chat) {
		t.Helper()
		c.Chat, c.LID, c.At = conntest.Ada.String(), conntest.AdaLID.String(), at
		if err := w.writer.WriteChat(t.Context(), owner, &c); err != nil {
			t.Fatal(err)
		}
	}
	apply(Chat{Archived: &yes})
	apply(Chat{Pinned: &yes})
	apply(Chat{Muted: &yes, MutedUntil: &until})
	apply(Chat{Read: &no})
	chat := w.chat(adaChat)
	if chat.PinnedAt.IsZero() || !chat.Archived || !chat.Muted || !chat.MutedUntil.Equal(until) || !chat.MarkedUnread {
		t.Errorf("changed: %+v", chat)
	}
	apply(Chat{Read: &yes})
	apply(Chat{Pinned: &no})
	if chat = w.chat(adaChat); chat.MarkedUnread || !chat.PinnedAt.IsZero() || !chat.Archived {
		t.Errorf("changed back: %+v", chat)
	}
	apply(Chat{MessageID: "M1", Starred: &yes})
	apply(Chat{MessageID: "M1"}) // nothing to change
	if !w.row(adaChat, "M1").Starred {
		t.Error("the message has no star")
	}
	apply(Chat{MessageID: "M2", DeletedMessage: true})
	if w.row(adaChat, "M2") != nil {
		t.Error("the deleted message is stored")
	}
	apply(Chat{Cleared: true})
	if w.row(adaChat, "M1") != nil {
		t.Error("the chat is not empty")
	}
	if _, total, err := w.stored.Chats(t.Context(), owner, messages.ChatQuery{}); err != nil || total != 1 {
		t.Errorf("%d chats after one was emptied: %v", total, err)
	}
	apply(Chat{Cleared: true, Deleted: true})
	if chats, total, err := w.stored.Chats(t.Context(), owner, messages.ChatQuery{}); err != nil || total != 0 {
		t.Errorf("after the deletion of the chat: %+v, %v", chats, err)
	}
}
