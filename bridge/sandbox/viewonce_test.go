package sandbox

import (
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"
)

// viewOnceForms returns the forms in which apps send a view-once file.
func viewOnceForms() map[string]Content {
	wrapped := func(m *waE2E.Message) *waE2E.FutureProofMessage { return &waE2E.FutureProofMessage{Message: m} }
	image := func() *waE2E.Message {
		return &waE2E.Message{ImageMessage: &waE2E.ImageMessage{ViewOnce: proto.Bool(true)}}
	}
	return map[string]Content{
		"wrapper":           {ViewOnceMessage: wrapped(image())},
		"second wrapper":    {ViewOnceMessageV2: wrapped(&waE2E.Message{VideoMessage: &waE2E.VideoMessage{ViewOnce: proto.Bool(true)}})},
		"voice wrapper":     {ViewOnceMessageV2Extension: wrapped(&waE2E.Message{AudioMessage: &waE2E.AudioMessage{PTT: proto.Bool(true)}})},
		"in a timed chat":   {EphemeralMessage: wrapped(&waE2E.Message{ViewOnceMessageV2: wrapped(image())})},
		"flag without more": image(),
	}
}

func TestViewOnceReachesCompanionsAsUnavailable(t *testing.T) {
	w := newGroupWorld(t, Options{})
	alice, bob, a, b := w.alice, w.bob, w.a, w.b
	group := w.group()
	for name, content := range viewOnceForms() {
		for chat, to := range map[string]types.JID{"direct": alice.JID(), "group": group} {
			id := w.says(bob, to, content)
			for side, c := range map[string]*client{"recipient": a, "sender": b} {
				note := await(c, func(e *events.UndecryptableMessage) bool { return e.Info.ID == id })
				if !note.IsUnavailable || note.UnavailableType != events.UnavailableTypeViewOnce || note.Info.IsGroup != (to == group) || note.Info.IsFromMe != (side == "sender") {
					t.Errorf("%s, %s: companion of the %s got %+v", name, chat, side, note)
				}
			}
			if got, err := alice.Await(w.ctx(), func(r Received) bool { return r.ID == id }); err != nil || !proto.Equal(got.Message, content) {
				t.Errorf("%s, %s: the phone got %v: %v", name, chat, got.Message, err)
			}
			// Both companions have requested the message. The answer for a message of another kind would arrive after one for the view-once message.
			plain := w.says(bob, to, Text(name+chat))
			await(a, says(name+chat))
			if _, err := a.SendPeerMessage(w.ctx(), a.BuildUnavailableMessageRequest(to.ToNonAD(), bob.LID(), plain)); err != nil {
				t.Fatal(err)
			}
			await(a, func(e *events.Message) bool { return e.Info.ID == plain && e.UnavailableRequestID != "" })
			for _, evt := range append(a.events.list(), b.events.list()...) {
				if e, ok := evt.(*events.Message); ok && e.Info.ID == id {
					t.Errorf("%s, %s: a companion can read %v", name, chat, e.Message)
				}
			}
		}
	}
	// A device that is linked later gets no content with its history either.
	later := w.pair(alice)
	w.says(bob, alice.JID(), Text("the last"))
	await(later, says("the last"))
	for _, evt := range later.events.list() {
		if h, ok := evt.(*events.HistorySync); ok {
			for _, c := range h.Data.GetConversations() {
				for _, m := range c.GetMessages() {
					if isViewOnce(m.GetMessage().GetMessage()) {
						t.Errorf("history has %v", m)
					}
				}
			}
		}
	}
	w.clean()
}
