package bridge_test

import (
	"fmt"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"
)

// BenchmarkReceive measures the path of a decrypted message from whatsmeow's event to the commit of its record, without
// connection and decryption.
func BenchmarkReceive(b *testing.B) {
	w := newWorld(b)
	ada, bob := w.account("15550100001", "Ada"), w.account("15550100002", "Bob")
	s := w.paired("ada", ada)
	group := types.NewJID("120363000000000001", types.GroupServer)
	message := func(n int, chat types.JID) *events.Message {
		evt := &events.Message{
			Info: types.MessageInfo{
				ID: fmt.Sprintf("3EB0%016X", n), PushName: "Bob", Timestamp: time.Unix(1_700_000_000+int64(n), 0), Type: "text",
				MessageSource: types.MessageSource{Chat: chat, Sender: bob.LID(), SenderAlt: bob.JID(), IsGroup: chat.Server == types.GroupServer},
			},
			RawMessage: &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{
				Text: proto.String("hello"), ContextInfo: &waE2E.ContextInfo{MentionedJID: []string{ada.JID().String()}},
			}},
		}
		return evt.UnwrapRaw()
	}
	n := 0
	for _, c := range []struct {
		name  string
		event func() any
	}{
		{"person", func() any { n++; return message(n, bob.LID()) }},
		{"group", func() any { n++; return message(n, group) }},
		{"receipt", func() any {
			n++
			return &events.Receipt{
				MessageSource: types.MessageSource{Chat: bob.LID(), Sender: bob.LID(), SenderAlt: bob.JID()}, Type: types.ReceiptTypeDelivered,
				MessageIDs: []types.MessageID{fmt.Sprintf("3EB0%016X", n)}, Timestamp: time.Unix(1_700_000_000+int64(n), 0),
			}
		}},
		{"typing", func() any {
			return &events.ChatPresence{
				MessageSource: types.MessageSource{Chat: bob.LID(), Sender: bob.LID(), SenderAlt: bob.JID()}, State: types.ChatPresenceComposing,
			}
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !s.Handle(c.event()) {
					b.Fatal("the event was not handled")
				}
			}
		})
	}
}
