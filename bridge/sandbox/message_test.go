package sandbox

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"
)

// clean fails the test if the network recorded violations of clients.
func (w *world) clean() {
	w.t.Helper()
	for _, v := range w.net.Violations() {
		w.t.Errorf("violation: %s: %s", v.Reason, v.Stanza)
	}
}

func (w *world) hears(p *Phone, body string) Received {
	w.t.Helper()
	got, err := p.Await(w.ctx(), heard(body))
	if err != nil {
		w.t.Fatalf("%s did not get %q: %v", p.PushName(), body, err)
	}
	return got
}

func (w *world) says(p *Phone, to types.JID, c Content) string {
	w.t.Helper()
	id, err := p.Send(w.ctx(), to, c)
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

func TestPairAndMessageBothWays(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a := w.pair(alice)

	a.send(bob.JID(), text1("hello Bob"))
	got := w.hears(bob, "hello Bob")
	if got.Sender.User != alice.LID().User || got.Chat != alice.LID() || got.PushName != "Alice" {
		t.Errorf("received as %+v", got)
	}
	w.hears(alice, "hello Bob")

	w.says(bob, alice.JID(), Text("hello Alice"))
	evt := await(a, says("hello Alice"))
	if evt.Info.Sender.User != bob.LID().User || evt.Info.SenderAlt.User != bob.JID().User || evt.Info.PushName != "Bob" {
		t.Errorf("event says %+v", evt.Info)
	}
	await(a, func(e *events.Receipt) bool {
		return e.Sender.User == bob.LID().User && e.Type == types.ReceiptTypeDelivered
	})

	// Messages of the account's own phone reach the companion as own messages.
	w.says(alice, bob.JID(), Text("from the phone"))
	if own := await(a, says("from the phone")); !own.Info.IsFromMe || own.Info.Chat.User != bob.LID().User {
		t.Errorf("own message says %+v", own.Info)
	}
	w.clean()
}

func TestMessageBetweenSessionsReachesAllDevices(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a1, a2, b1, b2 := w.pair(alice), w.pair(alice), w.pair(bob), w.pair(bob)

	a1.send(bob.JID(), text1("to all"))
	await(b1, says("to all"))
	await(b2, says("to all"))
	w.hears(bob, "to all")
	w.hears(alice, "to all")
	if own := await(a2, says("to all")); !own.Info.IsFromMe {
		t.Errorf("other own device sees %+v", own.Info)
	}
	b2.send(alice.JID(), text1("back"))
	await(a1, says("back"))
	await(a2, says("back"))
	w.hears(alice, "back")
	w.hears(bob, "back")
	if own := await(b1, says("back")); !own.Info.IsFromMe {
		t.Errorf("other own device sees %+v", own.Info)
	}
	// A note to oneself.
	a1.send(alice.JID(), text1("note"))
	await(a2, says("note"))
	w.hears(alice, "note")
	w.clean()
}

func TestEveryKindBothWays(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a := w.pair(alice)
	data := bytes.Repeat([]byte("sandbox "), 5000)
	contents := map[string]Content{
		"text":     Text("plain"),
		"location": Location(48.1, 11.5, "Square", "Old town"),
		"contact":  Contact("Carol", "BEGIN:VCARD\nVERSION:3.0\nFN:Carol\nEND:VCARD"),
		"poll":     Poll("Tea or coffee?", []string{"tea", "coffee"}, 1),
	}
	for _, kind := range []MediaKind{Image, Video, GIF, Audio, Voice, Document, Sticker} {
		c, err := bob.Upload(Media{Kind: kind, Data: data, Caption: "look", FileName: "a.txt", Seconds: 3})
		if err != nil {
			t.Fatal(err)
		}
		contents[string(kind)] = c
	}
	contents["video note"] = &waE2E.Message{PtvMessage: contents["video"].GetVideoMessage()}
	for name, c := range contents {
		id := w.says(bob, alice.JID(), c)
		evt := await(a, func(e *events.Message) bool { return e.Info.ID == id })
		want := proto.CloneOf(c)
		want.MessageContextInfo, evt.Message.MessageContextInfo = nil, nil
		if !proto.Equal(evt.Message, want) {
			t.Errorf("%s arrived as %v, want %v", name, evt.Message, want)
		}
		if file, _ := fileOf(evt.Message); file != nil {
			got, err := a.Download(w.ctx(), file.(whatsmeow.DownloadableMessage))
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s: %d bytes, %v", name, len(got), err)
			}
		}
		back := a.send(bob.JID(), proto.CloneOf(c))
		got, err := bob.Await(w.ctx(), func(r Received) bool { return r.ID == back })
		if err != nil {
			t.Fatalf("%s back: %v", name, err)
		}
		got.Message.MessageContextInfo = nil
		if !proto.Equal(got.Message, want) {
			t.Errorf("%s came back as %v, want %v", name, got.Message, want)
		}
		if file, _ := fileOf(got.Message); file != nil {
			if raw, err := bob.Download(got); err != nil || !bytes.Equal(raw, data) {
				t.Errorf("%s back: %d bytes, %v", name, len(raw), err)
			}
		}
	}
	w.clean()
}

func TestSessionUploadsReachPhones(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a := w.pair(alice)
	data := []byte("picture bytes")
	up, err := a.Upload(w.ctx(), data, whatsmeow.MediaImage)
	if err != nil {
		t.Fatal(err)
	}
	id := a.send(bob.JID(), &waE2E.Message{ImageMessage: &waE2E.ImageMessage{
		URL: &up.URL, DirectPath: &up.DirectPath, MediaKey: up.MediaKey,
		FileSHA256: up.FileSHA256, FileEncSHA256: up.FileEncSHA256, FileLength: &up.FileLength, Mimetype: proto.String("image/png"),
	}})
	got, err := bob.Await(w.ctx(), func(r Received) bool { return r.ID == id })
	if err != nil {
		t.Fatal(err)
	}
	if raw, err := bob.Download(got); err != nil || !bytes.Equal(raw, data) {
		t.Errorf("%q, %v", raw, err)
	}
	got.Message.ImageMessage.FileSHA256 = make([]byte, 32)
	if _, err = bob.Download(got); err == nil {
		t.Error("a wrong hash was accepted")
	}
}

func TestMessagesAboutMessages(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a := w.pair(alice)
	ctx := w.ctx()
	id := a.send(bob.JID(), text1("original"))
	got := w.hears(bob, "original")

	if _, err := bob.React(ctx, got, "👍"); err != nil {
		t.Fatal(err)
	}
	reaction := await(a, func(e *events.Message) bool { return e.Message.GetReactionMessage().GetText() == "👍" })
	if reaction.Message.GetReactionMessage().GetKey().GetID() != id {
		t.Errorf("reaction to %v", reaction.Message.GetReactionMessage().GetKey())
	}
	w.says(bob, alice.JID(), Reply(got, "answer"))
	reply := await(a, func(e *events.Message) bool { return e.Message.GetExtendedTextMessage().GetText() == "answer" })
	if quoted := reply.Message.GetExtendedTextMessage().GetContextInfo(); quoted.GetStanzaID() != id || quoted.GetQuotedMessage().GetConversation() != "original" {
		t.Errorf("quotes %v", quoted)
	}
	mine := w.says(bob, alice.JID(), Text("typo"))
	await(a, says("typo"))
	if _, err := bob.Edit(ctx, alice.JID(), mine, Text("fixed")); err != nil {
		t.Fatal(err)
	}
	edit := await(a, func(e *events.Message) bool { return e.IsEdit })
	if edit.Message.GetProtocolMessage().GetEditedMessage().GetConversation() != "fixed" || edit.Message.GetProtocolMessage().GetKey().GetID() != mine {
		t.Errorf("edit %v", edit.Message)
	}
	if _, err := bob.Revoke(ctx, alice.JID(), types.EmptyJID, mine); err != nil {
		t.Fatal(err)
	}
	revoke := await(a, func(e *events.Message) bool {
		return e.Info.Edit == types.EditAttributeSenderRevoke && e.Message.GetProtocolMessage() != nil
	})
	if revoke.Message.GetProtocolMessage().GetKey().GetID() != mine || revoke.Info.Edit != types.EditAttributeSenderRevoke {
		t.Errorf("revoke %v %q", revoke.Message, revoke.Info.Edit)
	}
	// The same from the session.
	a.send(bob.JID(), a.BuildReaction(bob.LID(), alice.LID(), id, "🎉"))
	a.send(bob.JID(), a.BuildEdit(bob.LID(), id, text1("better")))
	a.send(bob.JID(), a.BuildRevoke(bob.LID(), types.EmptyJID, id))
	for name, match := range map[string]func(Received) bool{
		"reaction": func(r Received) bool { return r.Message.GetReactionMessage().GetText() == "🎉" },
		"edit":     func(r Received) bool { return r.Message.GetEditedMessage() != nil },
		"revoke": func(r Received) bool {
			return r.Message.GetProtocolMessage().GetKey().GetID() == id
		},
	} {
		if _, err := bob.Await(ctx, match); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.clean()
}

func TestPollAndVotes(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a := w.pair(alice)
	ctx := w.ctx()

	id := w.says(bob, alice.JID(), Poll("Lunch?", []string{"soup", "rice", "bread"}, 0))
	poll := await(a, func(e *events.Message) bool { return e.Info.ID == id })
	vote, err := a.BuildPollVote(ctx, &poll.Info, []string{"soup", "bread"})
	if err != nil {
		t.Fatal(err)
	}
	a.send(bob.JID(), vote)
	cast, err := bob.Await(ctx, func(r Received) bool { return r.Message.GetPollUpdateMessage() != nil })
	if err != nil {
		t.Fatal(err)
	}
	asked, _ := bob.Await(ctx, func(r Received) bool { return r.ID == id })
	if names, err := bob.Votes(asked, cast); err != nil || !slices.Equal(names, []string{"soup", "bread"}) {
		t.Errorf("vote for %v, %v", names, err)
	}

	id = a.send(bob.JID(), a.BuildPollCreation("Dinner?", []string{"fish", "tofu"}, 1))
	question, err := bob.Await(ctx, func(r Received) bool { return r.ID == id })
	if err != nil {
		t.Fatal(err)
	}
	if _, err = bob.Vote(ctx, question, "tofu"); err != nil {
		t.Fatal(err)
	}
	evt := await(a, func(e *events.Message) bool { return e.Message.GetPollUpdateMessage() != nil && !e.Info.IsFromMe })
	opened, err := a.DecryptPollVote(ctx, evt)
	if err != nil {
		t.Fatal(err)
	}
	if want := whatsmeow.HashPollOptions([]string{"tofu"}); len(opened.GetSelectedOptions()) != 1 || !bytes.Equal(opened.GetSelectedOptions()[0], want[0]) {
		t.Errorf("vote %v", opened)
	}
	w.clean()
}

func TestReceiptsPresenceAndCalls(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a, a2 := w.pair(alice), w.pair(alice)
	ctx := w.ctx()

	id := a.send(bob.JID(), text1("read me"))
	got := w.hears(bob, "read me")
	if err := bob.Read(got); err != nil {
		t.Fatal(err)
	}
	read := await(a, func(e *events.Receipt) bool { return e.Type == types.ReceiptTypeRead })
	if !slices.Equal(read.MessageIDs, []string{id}) || read.Sender != bob.LID() {
		t.Errorf("read receipt %+v", read)
	}
	mine := w.says(bob, alice.JID(), Text("and me"))
	await(a, says("and me"))
	if err := a.MarkRead(ctx, []string{mine}, time.Now(), bob.LID(), bob.LID()); err != nil {
		t.Fatal(err)
	}
	if _, err := bob.AwaitStanza(ctx, isNode("receipt", "read")); err != nil {
		t.Errorf("read receipt of the session: %v", err)
	}
	await(a2, func(e *events.Receipt) bool { return e.Type == types.ReceiptTypeRead && e.IsFromMe })

	if err := a.SendPresence(ctx, types.PresenceAvailable); err != nil { // only available clients receive typing and presence
		t.Fatal(err)
	}
	w.until("the presence of the session", func() bool { return alice.account.devices[1].present })
	if err := bob.Typing(alice.JID(), true); err != nil {
		t.Fatal(err)
	}
	typing := await(a, func(e *events.ChatPresence) bool { return e.State == types.ChatPresenceComposing })
	if typing.Chat != bob.LID() {
		t.Errorf("typing in %s", typing.Chat)
	}
	if err := a.SendChatPresence(ctx, bob.LID(), types.ChatPresenceComposing, types.ChatPresenceMediaAudio); err != nil {
		t.Fatal(err)
	}
	if _, err := bob.AwaitStanza(ctx, isNode("chatstate", "")); err != nil {
		t.Errorf("typing of the session: %v", err)
	}
	if err := a.SubscribePresence(ctx, bob.LID()); err != nil {
		t.Fatal(err)
	}
	await(a, func(e *events.Presence) bool { return e.Unavailable })
	if err := bob.SetAvailable(true); err != nil {
		t.Fatal(err)
	}
	await(a, func(e *events.Presence) bool { return !e.Unavailable && e.From == bob.LID() })

	call, err := bob.Call(alice.JID(), true)
	if err != nil {
		t.Fatal(err)
	}
	offer := await(a, func(e *events.CallOffer) bool { return e.CallID == call })
	if err = a.RejectCall(ctx, offer.From, call); err != nil {
		t.Fatal(err)
	}
	if _, err = bob.AwaitStanza(ctx, isNode("call", "")); err != nil {
		t.Errorf("reject did not reach the caller: %v", err)
	}
	w.clean()
}

// until polls the network's state, which has no event to wait for.
func (w *world) until(what string, done func() bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), waitLimit)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		w.net.mu.Lock()
		ok := done()
		w.net.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			w.t.Fatalf("never: %s", what)
		}
	}
}
