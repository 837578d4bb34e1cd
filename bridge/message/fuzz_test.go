package message

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/wa"
)

// FuzzMessage reads any content that is a valid protobuf. It must have a type and a JSON form, which the store can return,
// and every other function of content must take it.
func FuzzMessage(f *testing.F) {
	add := func(m *waE2E.Message) {
		raw, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	for _, c := range kinds() {
		add(c.m)
		add(&waE2E.Message{EphemeralMessage: &waE2E.FutureProofMessage{Message: c.m}})
		add(&waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{ContextInfo: &waE2E.ContextInfo{StanzaID: proto.String("Q1"), QuotedMessage: c.m}}})
		add(&waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_MESSAGE_EDIT.Enum(), EditedMessage: c.m}})
	}
	for i := range messageFields.Len() {
		if field := messageFields.Get(i); field.Message() != nil && !field.IsList() && !field.IsMap() {
			m := &waE2E.Message{}
			m.ProtoReflect().Mutable(field)
			add(m)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		content := &waE2E.Message{}
		if proto.Unmarshal(raw, content) != nil {
			return
		}
		if _, err := wa.ProtoJSON(content); err != nil { // replaces texts without a JSON form, as the bridge does first
			return
		}
		evt := &events.Message{Message: content}
		OpenEnvelopes(evt)
		m := NewMessage(info, evt.Message)
		if m.Type == "" {
			t.Errorf("%v has no type", content)
		}
		body, err := wa.MarshalData(m)
		if err != nil || !utf8.Valid(body) {
			t.Fatalf("%q: %v", body, err)
		}
		stored, err := FromRow(&messages.Row{Type: m.Type, Body: body, Raw: raw}, true)
		if err != nil || stored.Type != m.Type {
			t.Fatalf("%s is read as %+v, %v", body, stored, err)
		}
		if _, err := json.Marshal(stored); err != nil {
			t.Errorf("%s: %v", body, err)
		}
		for _, to := range []types.JID{bob, team} {
			BusinessNodes(to, content)
		}
		ContextOf(content)
		HeaderFile(content)
		CaptionOf(content)
		for _, other := range []*waE2E.Message{content, {Conversation: proto.String("x")}, {ImageMessage: &waE2E.ImageMessage{}}, {}} {
			if MergeEdit(content, other) == nil || MergeEdit(other, content) == nil {
				t.Error("an edit without content")
			}
		}
		Simplify(content)
	})
}
