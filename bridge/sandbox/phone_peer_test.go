package sandbox

import (
	"testing"

	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

func TestPhoneGivesItsCompanionWhatItMissed(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	for _, body := range []string{"one", "two", "three"} {
		w.says(bob, alice.JID(), Text(body)) // before the companion exists
	}
	w.hears(alice, "three")
	a := w.pair(alice)
	first := await[*events.HistorySync](a, nil)
	if first.Data.GetSyncType() != waHistorySync.HistorySync_INITIAL_BOOTSTRAP || len(first.Data.GetPhoneNumberToLidMappings()) == 0 {
		t.Errorf("first history %v", first.Data)
	}
	id := w.says(bob, alice.JID(), Text("four"))
	evt := await(a, says("four"))

	if _, err := a.SendPeerMessage(w.ctx(), a.BuildHistorySyncRequest(&evt.Info, 2)); err != nil {
		t.Fatal(err)
	}
	history := await(a, func(e *events.HistorySync) bool { return e.Data.GetSyncType() == waHistorySync.HistorySync_ON_DEMAND })
	messages := history.Data.GetConversations()[0].GetMessages()
	if len(messages) != 2 || messages[0].GetMessage().GetMessage().GetConversation() != "three" {
		t.Errorf("older history %v", messages)
	}
	if _, err := a.SendPeerMessage(w.ctx(), a.BuildUnavailableMessageRequest(bob.LID(), bob.LID(), id)); err != nil {
		t.Fatal(err)
	}
	resent := await(a, func(e *events.Message) bool { return e.UnavailableRequestID != "" })
	if resent.Info.ID != id || resent.Message.GetConversation() != "four" || resent.Info.Sender != bob.LID() {
		t.Errorf("resent %+v", resent.Info)
	}
	w.clean()
}

func TestGroupMessageIsReadAgainAfterRetry(t *testing.T) {
	w := newGroupWorld(t, Options{})
	alice, carol, a, b := w.alice, w.carol, w.a, w.b
	group := w.group()

	w.says(alice, group, Text("from the phone"))
	await(a, says("from the phone"))
	await(b, says("from the phone"))
	w.hears(carol, "from the phone")
	for name, say := range map[string]func(string){
		"session": func(body string) { b.send(group, text1(body)) },
		"phone":   func(body string) { w.says(carol, group, Text(body)) },
	} {
		say("plain from " + name)
		got := await(a, says("plain from "+name))
		if got.Info.Chat != group || !got.Info.IsGroup || got.Info.Sender.Server != types.HiddenUserServer || got.Info.SenderAlt.Server != types.DefaultUserServer {
			t.Errorf("%s: %+v", name, got.Info)
		}
		w.inject(Fault{Kind: FaultUndecryptable, Session: "15550001"})
		say("spoiled from " + name)
		await(a, says("spoiled from "+name))
	}
	// A phone without the sender's key requests it.
	carol.mu.Lock()
	carol.memory.senderKeys, carol.memory.sessions = map[[2]string][]byte{}, map[string][]byte{}
	carol.mu.Unlock()
	b.send(group, text1("to one who forgot"))
	w.hears(carol, "to one who forgot")
	w.clean()
}
