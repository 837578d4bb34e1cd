package bridge_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/waystation/waystation/bridge/sandbox"
)

// TestEveryEnvelopeIsOpened wraps a message in each field that can contain another message: the event has the inner
// message and the name of the wrapper.
func TestEveryEnvelopeIsOpened(t *testing.T) {
	w := newWorld(t)
	ada, bob := w.account("15550100001", "Ada"), w.account("15550100002", "Bob")
	w.paired("ada", ada)
	r := w.reader("ada")
	wrapper := (&waE2E.FutureProofMessage{}).ProtoReflect().Descriptor().FullName()
	list := (&waE2E.Message{}).ProtoReflect().Descriptor().Fields()
	count := 0
	for i := range list.Len() {
		field := list.Get(i)
		if field.Message() == nil || field.Message().FullName() != wrapper {
			continue
		}
		count++
		if strings.HasPrefix(string(field.Name()), "viewOnce") {
			continue // companions do not receive the content: TestViewOnceMessageIsAnEventAndStored
		}
		text := fmt.Sprintf("inside %s", field.Name())
		inner := &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: &text, ContextInfo: &waE2E.ContextInfo{IsForwarded: proto.Bool(true)}}}
		m := &waE2E.Message{}
		m.ProtoReflect().Set(field, protoreflect.ValueOfMessage((&waE2E.FutureProofMessage{Message: inner}).ProtoReflect()))
		if count%2 == 0 { // nested once more
			m = &waE2E.Message{EphemeralMessage: &waE2E.FutureProofMessage{Message: m}}
		}
		if _, err := bob.Send(w.ctx(), ada.JID(), m); err != nil {
			t.Fatal(err)
		}
		got := r.text(text)
		if got.data["type"] != "text" || got.data["forwarded"] != true {
			t.Errorf("%s: %v, forwarded %v", field.Name(), got.data["type"], got.data["forwarded"])
		}
	}
	if count < 20 {
		t.Errorf("only %d kinds of wrappers", count)
	}
}

// TestKindsThatUsersSee checks that each message displayed by WhatsApp's apps has a type and its content.
func TestKindsThatUsersSee(t *testing.T) {
	w := newWorld(t)
	ada, bob := w.account("15550100001", "Ada"), w.account("15550100002", "Bob")
	s := w.paired("ada", ada)
	r := w.reader("ada")
	str, forwarded := proto.String, &waE2E.ContextInfo{IsForwarded: proto.Bool(true)}
	for kind, c := range map[string]struct {
		m    *waE2E.Message
		want string // part of the event's data
	}{
		"album":                {&waE2E.Message{AlbumMessage: &waE2E.AlbumMessage{ExpectedImageCount: proto.Uint32(3), ContextInfo: forwarded}}, `"image_count":3`},
		"call":                 {&waE2E.Message{CallLogMesssage: &waE2E.CallLogMessage{IsVideo: proto.Bool(true), CallOutcome: waE2E.CallLogMessage_MISSED.Enum()}}, `"outcome":"missed"`},
		"scheduled_call":       {&waE2E.Message{ScheduledCallCreationMessage: &waE2E.ScheduledCallCreationMessage{Title: str("Plan")}}, `"title":"Plan"`},
		"product":              {&waE2E.Message{ProductMessage: &waE2E.ProductMessage{Product: &waE2E.ProductMessage_ProductSnapshot{ProductID: str("7"), Title: str("Tea"), PriceAmount1000: proto.Int64(2500)}}}, `"price":2.5`},
		"invoice":              {&waE2E.Message{InvoiceMessage: &waE2E.InvoiceMessage{Note: str("May")}}, `"text":"May"`},
		"event_invite":         {&waE2E.Message{EventInviteMessage: &waE2E.EventInviteMessage{EventTitle: str("Party"), ContextInfo: forwarded}}, `"name":"Party"`},
		"sticker_pack":         {&waE2E.Message{StickerPackMessage: &waE2E.StickerPackMessage{StickerPackID: str("p"), Name: str("Cats")}}, `"name":"Cats"`},
		"phone_number_request": {&waE2E.Message{RequestPhoneNumberMessage: &waE2E.RequestPhoneNumberMessage{ContextInfo: forwarded}}, `"forwarded":true`},
		"newsletter_invite":    {&waE2E.Message{NewsletterAdminInviteMessage: &waE2E.NewsletterAdminInviteMessage{NewsletterJID: str("1@newsletter"), NewsletterName: str("News")}}, `"admin":true`},
		"poll_result":          {&waE2E.Message{PollResultSnapshotMessageV3: &waE2E.PollResultSnapshotMessage{Name: str("Tea?"), PollVotes: []*waE2E.PollResultSnapshotMessage_PollVote{{OptionName: str("Yes"), OptionVoteCount: proto.Int64(4)}}}}, `"vote_count":4`},
		"poll":                 {&waE2E.Message{PollCreationMessageV6: &waE2E.PollCreationMessage{Name: str("V6?"), Options: []*waE2E.PollCreationMessage_Option{{OptionName: str("a")}}}}, `"question":"V6?"`},
		"location":             {&waE2E.Message{LiveLocationMessage: &waE2E.LiveLocationMessage{DegreesLatitude: proto.Float64(1.5), Caption: str("here")}}, `"live":true`},
		"music":                {&waE2E.Message{MusicMessage: &waE2E.MusicMessage{EmbeddedMusic: &waE2E.EmbeddedMusic{Title: str("Song"), Author: str("Band")}}}, `"text":"Song - Band"`},
		"payment":              {&waE2E.Message{PaymentReminderMessage: &waE2E.PaymentReminderMessage{Description: str("rent")}}, `"note":"rent"`},
	} {
		id, err := bob.Send(w.ctx(), ada.JID(), c.m)
		if err != nil {
			t.Fatal(err)
		}
		got := w.reader("ada").until(kind, func(e event) bool { return e.Type == "Message" && e.data["message_id"] == id })
		if got.data["type"] != kind || !strings.Contains(string(got.Data), c.want) {
			t.Errorf("%s: type %v, %s", kind, got.data["type"], got.Data)
		}
		if stored, err := s.Chats().GetMessage(w.ctx(), bob.JID().String(), id, false); err != nil || stored.Type != kind {
			t.Errorf("%s: stored as %+v, %v", kind, stored, err)
		}
	}
	_ = r
}

// TestSecretMessagesAreDecrypted checks that content of communities encrypted under the secret of another message is
// translated and stored like its plain form.
func TestSecretMessagesAreDecrypted(t *testing.T) {
	w := newWorld(t)
	ada, bob := w.account("15550100001", "Ada"), w.account("15550100002", "Bob")
	s := w.paired("ada", ada)
	str := proto.String
	original := func(content *waE2E.Message) sandbox.Received {
		t.Helper()
		content.MessageContextInfo = &waE2E.MessageContextInfo{MessageSecret: []byte(strings.Repeat("s", 32))}
		id, err := bob.Send(w.ctx(), ada.JID(), content)
		if err != nil {
			t.Fatal(err)
		}
		w.reader("ada").until("the original", func(e event) bool { return e.data["message_id"] == id })
		return sandbox.Received{ID: id, Chat: ada.LID(), Sender: bob.LID(), FromMe: true, Message: content}
	}
	arrives := func(secret sandbox.Secret) event {
		t.Helper()
		id, err := bob.SendSecret(w.ctx(), secret)
		if err != nil {
			t.Fatal(err)
		}
		return w.reader("ada").until("the secret", func(e event) bool { return e.Type == "Message" && e.data["message_id"] == id })
	}
	stored := func(of sandbox.Received) (text string, forwarded bool, reactions, options int) {
		t.Helper()
		m, err := s.Chats().GetMessage(w.ctx(), bob.JID().String(), of.ID, false)
		if err != nil {
			t.Fatal(err)
		}
		if m.Text != nil {
			text = *m.Text
		}
		if m.Poll != nil {
			options = len(m.Poll.Options)
		}
		return text, m.Forwarded, len(m.Reactions), options
	}
	text := original(&waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: str("old"), ContextInfo: &waE2E.ContextInfo{IsForwarded: proto.Bool(true)}}})
	poll := original(&waE2E.Message{PollCreationMessageV3: &waE2E.PollCreationMessage{Name: str("Tea?"), Options: []*waE2E.PollCreationMessage_Option{{OptionName: str("Yes")}}}})
	party := original(&waE2E.Message{EventMessage: &waE2E.EventMessage{Name: str("Party")}})

	e := arrives(sandbox.Secret{Of: text, Body: &waE2E.ReactionMessage{Text: str("+")}})
	if target, _ := e.data["target"].(map[string]any); e.data["type"] != "reaction" || target["emoji"] != "+" {
		t.Errorf("reaction: %s", e.Data)
	}
	if _, _, reactions, _ := stored(text); reactions != 1 {
		t.Errorf("%d reactions are stored", reactions)
	}
	e = arrives(sandbox.Secret{Of: text, Body: &waE2E.Message{Conversation: str("a comment")}})
	if target, _ := e.data["target"].(map[string]any); e.data["text"] != "a comment" || target["action"] != "comment" || target["message_id"] != text.ID {
		t.Errorf("comment: %s", e.Data)
	}
	if m, err := s.Chats().GetMessage(w.ctx(), bob.JID().String(), e.data["message_id"].(string), false); err != nil || m.Text == nil || *m.Text != "a comment" || m.Target == nil {
		t.Errorf("the comment is stored as %+v, %v", m, err)
	}
	for _, c := range []struct {
		name    string
		of      sandbox.Received
		use     waE2E.SecretEncryptedMessage_SecretEncType
		body    *waE2E.Message
		text    string
		options int
	}{
		{"edit", text, waE2E.SecretEncryptedMessage_MESSAGE_EDIT, sandbox.Text("new"), "new", 0},
		{"edit in its own form", text, waE2E.SecretEncryptedMessage_MESSAGE_EDIT, &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
			Type: waE2E.ProtocolMessage_MESSAGE_EDIT.Enum(), EditedMessage: sandbox.Text("newer"),
		}}, "newer", 0},
		{"event edit", party, waE2E.SecretEncryptedMessage_EVENT_EDIT, &waE2E.Message{EventMessage: &waE2E.EventMessage{Name: str("Ball")}}, "Ball", 0},
		{"poll edit", poll, waE2E.SecretEncryptedMessage_POLL_EDIT, &waE2E.Message{PollCreationMessageV3: &waE2E.PollCreationMessage{
			Name: str("Coffee?"), Options: []*waE2E.PollCreationMessage_Option{{OptionName: str("Yes")}, {OptionName: str("No")}},
		}}, "Coffee?", 2},
		{"added option", poll, waE2E.SecretEncryptedMessage_POLL_ADD_OPTION, &waE2E.Message{PollAddOptionMessage: &waE2E.PollAddOptionMessage{
			AddOption: &waE2E.PollCreationMessage_Option{OptionName: str("Perhaps")},
		}}, "Coffee?", 3},
	} {
		e := arrives(sandbox.Secret{Of: c.of, Use: c.use, Body: c.body})
		if target, _ := e.data["target"].(map[string]any); target["action"] != "edit" || target["message_id"] != c.of.ID || e.data["text"] != c.text {
			t.Errorf("%s: %s", c.name, e.Data)
		}
		got, forwarded, _, options := stored(c.of)
		if got != c.text || options != c.options || c.of.ID == text.ID && !forwarded {
			t.Errorf("%s: stored %q, %d options, forwarded %v", c.name, got, options, forwarded)
		}
	}
}

// TestGroupChangesHaveContent checks that every change of a group is an event with content.
func TestGroupChangesHaveContent(t *testing.T) {
	w := newWorld(t)
	ada, bob, carol := w.account("15550100001", "Ada"), w.account("15550100002", "Bob"), w.account("15550100003", "Carol")
	w.paired("ada", ada)
	group, err := ada.CreateGroup(sandbox.GroupOptions{Subject: "G", Members: []types.JID{bob.JID()}, Approval: true})
	if err != nil {
		t.Fatal(err)
	}
	r := w.reader("ada")
	r.of("JoinedGroup")
	code, err := ada.InviteCode(group, false)
	if err != nil {
		t.Fatal(err)
	}
	people := func(e event, name string) string {
		list, _ := e.data[name].([]any)
		if len(list) != 1 {
			return ""
		}
		one, _ := list[0].(map[string]any)
		contact, _ := one["contact"].(string)
		return contact
	}
	if _, _, err := carol.JoinGroup(code); err != nil {
		t.Fatal(err)
	}
	if e := r.until("the request", func(e event) bool { return e.data["join_requests"] != nil }); people(e, "join_requests") != carol.JID().String() || e.data["join_request_method"] != "invite_link" {
		t.Errorf("%s", e.Data)
	}
	who := []waBinary.Node{{Tag: "participant", Attrs: waBinary.Attrs{"jid": carol.LID()}}}
	for _, c := range []struct {
		change waBinary.Node
		field  string
		want   any // nil = carol
	}{
		{waBinary.Node{Tag: "revoked_membership_requests", Content: who}, "revoked_join_requests", nil},
		{waBinary.Node{Tag: "modify", Content: who}, "modified", nil},
		{waBinary.Node{Tag: "growth_locked", Attrs: waBinary.Attrs{"type": "invite", "expiration": fmt.Sprint(time.Now().Unix())}}, "growth_locked", true},
		{waBinary.Node{Tag: "growth_unlocked"}, "growth_locked", false},
		{waBinary.Node{Tag: "member_link_mode", Content: []byte("admin_link")}, "member_link_mode", "admin_link"},
		{waBinary.Node{Tag: "member_add_mode", Content: []byte("admin_add")}, "member_add_mode", "admin_add"},
		{waBinary.Node{Tag: "something_new"}, "unknown_changes", ""},
	} {
		if err := bob.SendGroupNotice(group, c.change); err != nil {
			t.Fatal(err)
		}
		e := r.until(c.change.Tag, func(e event) bool { _, there := e.data[c.field]; return e.Type == "GroupInfo" && there })
		switch {
		case c.want == nil && people(e, c.field) != carol.JID().String(), c.want != nil && c.want != "" && e.data[c.field] != c.want:
			t.Errorf("%s: %s", c.change.Tag, e.Data)
		}
	}
}

// TestPrivacyEventsHaveValues checks that an event of changed privacy settings has all values.
func TestPrivacyEventsHaveValues(t *testing.T) {
	w := newWorld(t)
	ada := w.account("15550100001", "Ada")
	w.paired("ada", ada)
	r := w.reader("ada")
	for _, c := range []struct {
		name  types.PrivacySettingType
		field string
		value types.PrivacySetting
	}{{types.PrivacySettingTypeLastSeen, "last_seen", "none"}, {types.PrivacySettingTypeGroupAdd, "group_add", "contacts"}, {types.PrivacySettingTypeReadReceipts, "read_receipts", "none"}} {
		if err := ada.SetPrivacy(c.name, c.value); err != nil {
			t.Fatal(err)
		}
		e := r.of("PrivacySettings")
		settings, _ := e.data["settings"].(map[string]any)
		changed, _ := e.data["changed"].([]any)
		if settings[c.field] != string(c.value) || settings["profile"] == nil || len(changed) != 1 || changed[0] != c.field {
			t.Errorf("%s: %s", c.field, e.Data)
		}
	}
}
