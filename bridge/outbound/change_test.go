package outbound

import (
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/conntest"
	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/wa"
)

// adas returns a reference to a message in Ada's chat.
func adas(id string) MessageRef { return MessageRef{Chat: conntest.Ada.String(), MessageID: id} }

// TestFind checks which message a reference means: the stored one, otherwise the one that the caller describes.
func TestFind(t *testing.T) {
	w := newWorld(t)
	w.save(conntest.Ada, "OWN", conntest.Own, hello("own"))
	w.save(conntest.Ada, "HERS", conntest.Ada, hello("hers"))
	for name, c := range map[string]struct {
		ref    MessageRef
		sender types.JID
		fromMe bool
		index  string // author in app state
	}{
		"own":                {adas("OWN"), types.EmptyJID, true, "0"},
		"stored over stated": {MessageRef{Chat: conntest.Ada.String(), MessageID: "OWN", FromMe: ptr(false), Sender: conntest.Bob.String()}, types.EmptyJID, true, "0"},
		"hers":               {adas("HERS"), conntest.Ada, false, "0"},
		"unknown, own":       {MessageRef{Chat: conntest.Ada.String(), MessageID: "X", FromMe: ptr(true)}, types.EmptyJID, true, "0"},
		"unknown, hers":      {MessageRef{Chat: conntest.Ada.String(), MessageID: "X", FromMe: ptr(false)}, conntest.Ada, false, "0"},
		"in a group":         {MessageRef{Chat: team.String(), MessageID: "X", Sender: conntest.Bob.String()}, conntest.Bob, false, conntest.Bob.String()},
	} {
		found, err := w.findSubject(t.Context(), c.ref)
		if err != nil || found.sender != c.sender || found.fromMe != c.fromMe || found.indexSender() != c.index {
			t.Errorf("%s: %+v, %v", name, found, err)
		}
	}
	_, err := w.findSubject(t.Context(), adas("X"))
	refused(t, err, wa.ReasonNotFound, "message_id")
	_, err = w.findSubject(t.Context(), MessageRef{Chat: team.String(), MessageID: "X", FromMe: ptr(false)})
	refused(t, err, wa.ReasonNotFound, "message_id")
	_, err = w.findSubject(t.Context(), MessageRef{Chat: "?"})
	refused(t, err, wa.ReasonBadParam, "chat")
	_, err = w.findSubject(t.Context(), MessageRef{Chat: team.String(), MessageID: "X", Sender: team.String()})
	refused(t, err, wa.ReasonBadParam, "sender")
}

// TestOperationsNeedAConnection checks that each operation ends without a connection, with nothing recorded.
func TestOperationsNeedAConnection(t *testing.T) {
	w := newWorld(t)
	w.save(conntest.Ada, "OWN", conntest.Own, hello("own"))
	for name, run := range map[string]func() error{
		"react":  func() error { _, err := w.React(t.Context(), adas("OWN"), "👍"); return err },
		"revoke": func() error { _, err := w.Revoke(t.Context(), adas("OWN")); return err },
		"delete": func() error { _, err := w.DeleteForMe(t.Context(), adas("OWN"), true); return err },
		"star":   func() error { return w.SetStarred(t.Context(), adas("OWN"), true) },
		"edit":   func() error { _, err := w.Edit(t.Context(), adas("OWN"), "new", nil, false); return err },
		"forward": func() error {
			_, err := w.Forward(t.Context(), conntest.Ada.String(), "OWN", []string{conntest.Bob.String()}, ForwardOptions{})
			return err
		},
	} {
		if err := run(); wa.ReasonOf(err) != wa.ReasonNotConnected {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(w.changes)+len(w.pending)+len(w.conn.Operation) > 0 {
		t.Errorf("recorded %v, %v, %v", w.changes, w.pending, w.conn.Operation)
	}
	_, err := w.Edit(t.Context(), adas("OWN"), " \n", nil, false)
	refused(t, err, wa.ReasonBadParam, "text")
}

func TestChangesReachTheOtherSide(t *testing.T) {
	w := connect(t)
	ctx, ada := w.net.Deadline(), w.net.AdaPhone
	sent := w.text("first", SendOptions{})

	reacted, err := w.React(ctx, adas(sent.MessageID), "🎉")
	must(t, err)
	got := w.received(ada, reacted.ReactionID)
	if r := got.Message.GetReactionMessage(); r.GetText() != "🎉" || r.GetKey().GetID() != sent.MessageID || !r.GetKey().GetFromMe() {
		t.Errorf("reaction %v", got.Message)
	}

	ref := adas(sent.MessageID)
	ref.ActID = "EDIT1"
	_, err = w.Edit(ctx, ref, "better", []string{conntest.Bob.String()}, false)
	must(t, err)
	edited := w.received(ada, "EDIT1").Message.GetProtocolMessage()
	if edited == nil {
		edited = w.received(ada, "EDIT1").Message.GetEditedMessage().GetMessage().GetProtocolMessage()
	}
	if text := edited.GetEditedMessage().GetExtendedTextMessage(); edited.GetKey().GetID() != sent.MessageID || text.GetText() != "better" || text.GetContextInfo().GetMentionedJID()[0] != conntest.Bob.String() {
		t.Errorf("edit %v", edited)
	}

	ref.ActID = "REVOKE1"
	_, err = w.Revoke(ctx, ref)
	must(t, err)
	if p := w.received(ada, "REVOKE1").Message.GetProtocolMessage(); p.GetType() != waE2E.ProtocolMessage_REVOKE || p.GetKey().GetID() != sent.MessageID {
		t.Errorf("revocation %v", p)
	}
	if ids := []string{w.changes[0].ID, w.changes[1].ID, w.changes[2].ID}; ids[0] != reacted.ReactionID || ids[1] != "EDIT1" || ids[2] != "REVOKE1" || !w.changes[0].Echo {
		t.Errorf("recorded %v", ids)
	}

	_, err = w.React(ctx, adas(sent.MessageID), strings.Repeat("x", 65))
	refused(t, err, wa.ReasonBadParam, "emoji")
	_, err = w.React(ctx, MessageRef{Chat: "120363000000000002@newsletter", MessageID: "X", FromMe: ptr(true)}, "👍")
	refused(t, err, wa.ReasonNotSupported, "")
	w.save(conntest.Ada, "HERS", conntest.Ada, hello("hers"))
	_, err = w.Revoke(ctx, adas("HERS"))
	refused(t, err, wa.ReasonForbidden, "")
	_, err = w.Edit(ctx, adas("HERS"), "mine", nil, false)
	refused(t, err, wa.ReasonForbidden, "")
	_, err = w.Edit(ctx, adas(sent.MessageID), "all", nil, true)
	refused(t, err, wa.ReasonBadParam, "mention_all")
	_, err = w.net.Net.Inject(sandbox.Fault{Kind: sandbox.FaultRefuseSend, Session: conntest.Own.User, Code: 420})
	must(t, err)
	if _, err = w.React(ctx, adas(sent.MessageID), ""); wa.ReasonOf(err) != wa.ReasonWhatsApp || len(w.changes) != 3 {
		t.Errorf("a refused reaction: %v, %d changes recorded", err, len(w.changes))
	}
}

func TestStarAndDeleteWriteAppState(t *testing.T) {
	w := connect(t)
	w.save(conntest.Ada, "HERS", conntest.Ada, hello("hers"))
	must(t, w.SetStarred(t.Context(), adas("HERS"), true))
	at := messages.Address{JID: conntest.Ada.String()}
	if row, err := w.conn.Messages.Message(t.Context(), conntest.Owner, at, "HERS"); err != nil || !row.Starred {
		t.Errorf("starred %+v, %v", row, err)
	}
	_, err := w.DeleteForMe(t.Context(), adas("HERS"), true)
	must(t, err)
	if _, err := w.conn.Messages.Message(t.Context(), conntest.Owner, at, "HERS"); err == nil {
		t.Error("the deleted message is stored")
	}
	if got := strings.Join(w.conn.Operation, ", "); got != "star the message, delete the message" {
		t.Errorf("operations %s", got)
	}
	star, removed := w.conn.Patches[0].Mutations[0].Index, w.conn.Patches[1].Mutations[0].Index
	if got := strings.Join(star, " "); got != "star "+conntest.Ada.String()+" HERS 0 0" {
		t.Errorf("star %s", got)
	}
	if got := strings.Join(removed, " "); got != "deleteMessageForMe "+conntest.Ada.String()+" HERS 0 0" {
		t.Errorf("deletion %s", got)
	}
	w.save(conntest.Ada, "KEPT", conntest.Ada, hello("kept"))
	w.conn.StateErr = wa.NewError(wa.ReasonWhatsApp, "refused")
	if _, err = w.DeleteForMe(t.Context(), adas("KEPT"), true); wa.ReasonOf(err) != wa.ReasonWhatsApp {
		t.Errorf("refused deletion: %v", err)
	}
	if _, err := w.conn.Messages.Message(t.Context(), conntest.Owner, at, "KEPT"); err != nil {
		t.Errorf("a message that WhatsApp keeps is gone: %v", err)
	}
}

// TestEditedBody checks what stays of a message that is edited.
func TestEditedBody(t *testing.T) {
	w := newWorld(t)
	about := &waE2E.ContextInfo{StanzaID: ptr("Q"), MentionedJID: []string{conntest.Ada.String()}, Expiration: ptr(uint32(86400))}
	row := func(m *waE2E.Message) *messages.Row {
		raw, err := proto.Marshal(m)
		must(t, err)
		return &messages.Row{Raw: raw, Type: "x", Time: time.Now()}
	}
	text := row(&waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: ptr("old"), ContextInfo: about}})
	edit := func(r *messages.Row, mentions []string, all bool) (*waE2E.Message, error) {
		return w.editedBody(t.Context(), &subject{chat: conntest.Ada, fromMe: true, row: r}, "new", mentions, all)
	}
	m, err := edit(text, nil, false)
	must(t, err)
	if e := m.GetExtendedTextMessage(); e.GetText() != "new" || e.ContextInfo.GetStanzaID() != "Q" || len(e.ContextInfo.GetMentionedJID()) != 1 || e.ContextInfo.GetExpiration() != 86400 {
		t.Errorf("kept %v", m)
	}
	m, err = edit(text, []string{}, true)
	must(t, err)
	if i := m.GetExtendedTextMessage().GetContextInfo(); i.GetStanzaID() != "Q" || len(i.GetMentionedJID()) != 0 || i.GetNonJIDMentions() != 1 {
		t.Errorf("other mentions %v", m)
	}
	m, err = edit(row(&waE2E.Message{ImageMessage: &waE2E.ImageMessage{Caption: ptr("old"), URL: ptr("u")}}), nil, false)
	must(t, err)
	if m.GetImageMessage().GetCaption() != "new" || m.GetImageMessage().GetURL() != "u" {
		t.Errorf("caption %v", m)
	}
	_, err = edit(row(&waE2E.Message{LocationMessage: &waE2E.LocationMessage{}}), nil, false)
	refused(t, err, wa.ReasonNotSupported, "")
	_, err = edit(text, []string{"?"}, false)
	refused(t, err, wa.ReasonBadParam, "mentions/0")
	w.conn.Timer, w.conn.TimerAt = 24*time.Hour, time.Now()
	m, err = edit(nil, nil, false)
	must(t, err)
	if m.GetExtendedTextMessage().GetContextInfo().GetExpiration() != 86400 {
		t.Errorf("an unknown message has the chat's timer: %v", m)
	}
}

func TestEditWindow(t *testing.T) {
	w := connect(t)
	store := func(id string, at time.Time) {
		raw, err := proto.Marshal(hello("old"))
		must(t, err)
		must(t, w.conn.Messages.Save(t.Context(), conntest.Owner, &messages.Message{
			Chat: messages.Address{JID: conntest.Ada.String()}, ID: id, Sender: messages.Address{JID: conntest.Own.String()}, FromMe: true, Time: at,
			Type: "text", Raw: raw, Status: messages.StatusSent,
		}))
	}
	store("OLD", time.Now().Add(-whatsmeow.EditWindow-time.Minute))
	_, err := w.Edit(t.Context(), adas("OLD"), "new", nil, false)
	refused(t, err, wa.ReasonConflict, "")
	store("YOUNG", time.Now().Add(-whatsmeow.EditWindow+time.Minute))
	_, err = w.Edit(w.net.Deadline(), adas("YOUNG"), "new", nil, false)
	must(t, err)
}
