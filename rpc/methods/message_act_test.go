package methods_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/rpc"
)

// received waits for the event of a message.
func (m *member) received(id string) result {
	m.w.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		for _, e := range m.w.events(m.session, "Message") {
			if e["message_id"] == id {
				return e
			}
		}
		if time.Now().After(deadline) {
			m.w.t.Fatalf("%s has no event of %s", m.session, id)
		}
	}
}

// send sends content and returns the id of the message.
func (m *member) send(to string, content params) string {
	m.w.t.Helper()
	return m.call("message.send", params{"to": to, "content": content})["message_id"].(string)
}

// shows waits until the state of a message on the member's phone is right.
func (m *member) shows(what, id string, right func(s sandbox.MessageState) bool) {
	m.w.t.Helper()
	message := m.awaitMessage(id)
	for deadline := time.Now().Add(patience); !right(m.phone.MessageState(message)); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			m.w.t.Fatalf("%s: %s's phone shows %+v", what, m.session, m.phone.MessageState(message))
		}
	}
}

// eachChat calls fn with the chat between two members and with their group, as each of them addresses it.
func eachChat(t *testing.T, fn func(t *testing.T, alice, bob *member, toBob, toAlice string)) {
	w := newWorld(t)
	alice, bob := w.join("alice", "15550100001"), w.join("bob", "15550100002")
	group := alice.call("group.create", params{"name": "Crew", "participants": []string{bob.pn()}}).object("group")["group"].(string)
	bob.awaitGroupChange(group, "create", nil)
	t.Run("between two", func(t *testing.T) { fn(t, alice, bob, bob.pn(), alice.pn()) })
	t.Run("in a group", func(t *testing.T) { fn(t, alice, bob, group, group) })
}

func TestVotesAreSent(t *testing.T) {
	t.Parallel()
	eachChat(t, func(t *testing.T, alice, bob *member, toBob, toAlice string) {
		poll := alice.call("message.sendPoll", params{"to": toBob, "question": "When?", "options": []string{"now", "later", "never"}, "selectable_count": 2})["message_id"].(string)
		bob.received(poll)
		vote := func(options ...string) params {
			return params{"type": "poll_vote", "target": params{"message_id": poll, "options": append([]string{}, options...)}}
		}
		counted := func(now, later, never int) {
			t.Helper()
			for who, chat := range map[*member]string{alice: toBob, bob: toAlice} {
				who.shows("votes", poll, func(s sandbox.MessageState) bool {
					return s.Votes["now"] == now && s.Votes["later"] == later && s.Votes["never"] == never
				})
				who.eventually("votes", "message.get", params{"message_id": poll, "chat": chat}, func(r result) bool {
					options := r.object("message").object("poll").list("options")
					return options[0]["vote_count"] == float64(now) && options[1]["vote_count"] == float64(later) && options[2]["vote_count"] == float64(never)
				})
			}
		}
		sent := bob.call("message.send", params{"to": toAlice, "content": vote("never", "later")})
		if m := sent.object("message"); m["type"] != "system" || m.object("target")["action"] != "poll_vote" || !slices.Equal(m.object("target").texts("options"), []string{"never", "later"}) {
			t.Errorf("sent %v", sent)
		}
		counted(0, 1, 1)
		// What Alice received of the vote is a vote of hers when she sends it.
		event := alice.received(sent["message_id"].(string))
		if event["type"] != "system" || !slices.Equal(event.object("target").texts("options"), []string{"later", "never"}) {
			t.Errorf("received %v", event)
		}
		back := alice.send(toBob, params{"type": event["type"], "target": event["target"]})
		counted(0, 2, 2)
		if again := bob.received(back); !slices.Equal(again.object("target").texts("options"), event.object("target").texts("options")) {
			t.Errorf("received again %v", again["target"])
		}
		bob.send(toAlice, vote())
		alice.send(toBob, vote("now"))
		counted(1, 0, 0)
		bob.refusedAt("/content/target/options/0", toAlice, vote("sometimes"))
		bob.refusedAt("/content/target/options", toAlice, vote("now", "later", "never"))
		bob.refusedAt("/content/target/options/1", toAlice, vote("now", "now"))
		bob.refusedAt("/content/target/message_id", toAlice, params{"type": "event_response", "target": params{"message_id": poll, "response": "going"}})
	})
}

// refusedAt sends content that must be refused because of a field.
func (m *member) refusedAt(pointer, to string, content params) *rpc.Error {
	m.w.t.Helper()
	_, failed := m.try("message.send", params{"to": to, "content": content})
	if failed == nil {
		m.w.t.Errorf("sent %v", content)
		return nil
	}
	details, _ := json.Marshal(failed.Details)
	if !strings.Contains(string(details), `"`+pointer+`"`) && !strings.Contains(string(details), `"field":"`+pointer[1:]+`"`) {
		m.w.t.Errorf("%v: %v %s, want %s", content, failed, details, pointer)
	}
	return failed
}

func TestAnswersToEventsAreSent(t *testing.T) {
	t.Parallel()
	eachChat(t, func(t *testing.T, alice, bob *member, toBob, toAlice string) {
		party := alice.call("message.sendEvent", params{"to": toBob, "name": "Party", "start_at": "2030-01-31T19:00:00Z", "extra_guests_allowed": true})["message_id"].(string)
		bob.received(party)
		answer := func(response string, guests int) params {
			return params{"type": "event_response", "target": params{"message_id": party, "response": response, "extra_guests": guests}}
		}
		counted := func(going, notGoing, maybe, guests int) {
			t.Helper()
			for who, chat := range map[*member]string{alice: toBob, bob: toAlice} {
				who.shows("answers", party, func(s sandbox.MessageState) bool {
					return s.Responses["going"] == going && s.Responses["not_going"] == notGoing && s.Responses["maybe"] == maybe && s.Guests == guests
				})
				who.eventually("answers", "message.get", params{"message_id": party, "chat": chat}, func(r result) bool {
					counts := r.object("message").object("event").object("responses")
					return counts["going"] == float64(going) && counts["not_going"] == float64(notGoing) && counts["maybe"] == float64(maybe)
				})
			}
		}
		event := alice.received(bob.send(toAlice, answer("going", 2)))
		if target := event.object("target"); event["type"] != "system" || target["action"] != "event_response" || target["response"] != "going" || target["extra_guests"] != 2.0 {
			t.Errorf("received %v", event)
		}
		counted(1, 0, 0, 2)
		back := bob.received(alice.send(toBob, params{"type": event["type"], "target": event["target"]}))
		if back.object("target")["response"] != "going" || back.object("target")["extra_guests"] != 2.0 {
			t.Errorf("received again %v", back["target"])
		}
		counted(2, 0, 0, 4)
		bob.send(toAlice, answer("not_going", 0))
		alice.send(toBob, answer("maybe", 0))
		counted(0, 1, 1, 0)
		bob.w.script("sandbox.respondToEvent", params{"account": bob.pn(), "message_id": party, "response": "going", "extra_guests": 1})
		counted(1, 0, 1, 1)
		if shown := bob.w.script("sandbox.getMessage", params{"account": alice.pn(), "message_id": party}); shown.object("responses")["going"] != 1.0 || shown["extra_guests"] != 1.0 {
			t.Errorf("shown %v", shown)
		}
		bob.refusedAt("/content/target/response", toAlice, params{"type": "event_response", "target": params{"message_id": party}})
		bob.refusedAt("/content/target/response", toAlice, answer("perhaps", 0))
		bob.refusedAt("/content/target/extra_guests", toAlice, answer("maybe", 1))
		alone := alice.call("message.sendEvent", params{"to": toBob, "name": "Talk", "start_at": "2030-01-31T19:00:00Z"})["message_id"].(string)
		cancelled := alice.call("message.sendEvent", params{"to": toBob, "name": "Off", "start_at": "2030-01-31T19:00:00Z", "canceled": true})["message_id"].(string)
		bob.received(cancelled)
		bob.refusedAt("/content/target/extra_guests", toAlice, params{"type": "event_response", "target": params{"message_id": alone, "response": "going", "extra_guests": 1}})
		bob.refusedAt("/content/target/message_id", toAlice, params{"type": "event_response", "target": params{"message_id": cancelled, "response": "going"}})
	})
}

func TestMessagesArePinnedAndKept(t *testing.T) {
	t.Parallel()
	eachChat(t, func(t *testing.T, alice, bob *member, toBob, toAlice string) {
		text := func(more params) string {
			call := params{"to": toBob, "text": "Read me"}
			for name, value := range more {
				call[name] = value
			}
			id := alice.call("message.sendText", call)["message_id"].(string)
			bob.received(id)
			return id
		}
		stays, fades := text(nil), text(params{"disappearing_seconds": 86400})
		both := func(what, id string, right func(s sandbox.MessageState) bool) {
			t.Helper()
			alice.shows(what, id, right)
			bob.shows(what, id, right)
		}
		pinned := func(s sandbox.MessageState) bool { return s.Pinned }
		unpinned := func(s sandbox.MessageState) bool { return !s.Pinned }

		pin := alice.received(bob.send(toAlice, params{"type": "pin", "target": params{"message_id": stays, "duration_seconds": 86400}}))
		if target := pin.object("target"); pin["type"] != "system" || target["action"] != "pin" || target["pinned"] != true || target["duration_seconds"] != 86400.0 || target["message_id"] != stays {
			t.Errorf("pin received as %v", pin)
		}
		both("pin", stays, pinned)
		unpin := alice.received(bob.send(toAlice, params{"type": "pin", "target": params{"message_id": stays, "pinned": false}}))
		if target := unpin.object("target"); target["pinned"] != false || target["duration_seconds"] != nil {
			t.Errorf("unpin received as %v", unpin)
		}
		both("unpin", stays, unpinned)
		again := bob.received(alice.send(toBob, params{"type": pin["type"], "target": pin["target"]}))
		if target := again.object("target"); target["pinned"] != true || target["duration_seconds"] != 86400.0 || target["message_id"] != stays {
			t.Errorf("pin of the received one is %v, was %v", target, pin["target"])
		}
		both("second pin", stays, pinned)
		if raw := again.object("raw").object("messageContextInfo"); raw["messageAddOnDurationInSecs"] != 86400.0 {
			t.Errorf("raw %v", again["raw"])
		}
		usual := alice.send(toBob, params{"type": "pin", "target": params{"message_id": fades}})
		if seconds := bob.received(usual).object("target")["duration_seconds"]; seconds != 604800.0 {
			t.Errorf("pinned for %v seconds", seconds)
		}

		keep := alice.received(bob.send(toAlice, params{"type": "keep", "target": params{"message_id": fades}}))
		if target := keep.object("target"); keep["type"] != "system" || target["action"] != "keep" || target["kept"] != true {
			t.Errorf("keep received as %v", keep)
		}
		both("keep", fades, func(s sandbox.MessageState) bool { return s.Kept })
		undone := alice.received(bob.send(toAlice, params{"type": "keep", "target": params{"message_id": fades, "kept": false}}))
		both("undone", fades, func(s sandbox.MessageState) bool { return !s.Kept })
		if undone.object("target")["kept"] != false {
			t.Errorf("undone received as %v", undone)
		}
		alice.send(toBob, params{"type": keep["type"], "target": keep["target"]})
		both("kept again", fades, func(s sandbox.MessageState) bool { return s.Kept })

		alice.w.script("sandbox.setMessagePinned", params{"account": bob.pn(), "message_id": stays, "pinned": false})
		both("unpinned by the phone", stays, unpinned)
		kept := alice.w.script("sandbox.setMessageKept", params{"account": bob.pn(), "message_id": fades, "kept": false})["message_id"].(string)
		if alice.received(kept).object("target")["kept"] != false {
			t.Errorf("the phone's change: %v", alice.received(kept))
		}

		bob.refusedAt("/content/target/message_id", toAlice, params{"type": "keep", "target": params{"message_id": stays}})
		bob.refusedAt("/content/target/duration_seconds", toAlice, params{"type": "pin", "target": params{"message_id": stays, "pinned": false, "duration_seconds": 86400}})
		bob.refusedAt("/content/target/duration_seconds", toAlice, params{"type": "pin", "target": params{"message_id": stays, "duration_seconds": 60}})
	})
}

// TestActsAreRefused sends acts whose target is missing or wrong.
func TestActsAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice, bob := w.join("alice", "15550100001"), w.join("bob", "15550100002")
	hello := alice.call("message.sendText", params{"to": bob.pn(), "text": "hello"})["message_id"]
	bob.received(hello.(string))
	for _, c := range []struct {
		pointer string
		content params
	}{
		{"/content/target", params{"type": "pin"}},
		{"/content/target/message_id", params{"type": "pin", "target": params{}}},
		{"/content/target/message_id", params{"type": "pin", "target": params{"message_id": "3EB0000000000000000000"}}},
		{"/content/target/action", params{"type": "system", "target": params{"message_id": hello}}},
		{"/content/target/action", params{"type": "system", "target": params{"message_id": hello, "action": "revoke"}}},
		{"/content/target/action", params{"type": "keep", "target": params{"message_id": hello, "action": "pin"}}},
		{"/content/target/chat", params{"type": "pin", "target": params{"message_id": hello, "chat": "15550100009"}}},
		{"/content/target/sender", params{"type": "pin", "target": params{"message_id": "3EB0000000000000000000", "sender": "120363000000000001@g.us"}}},
		{"/content/target/message_id", params{"type": "poll_vote", "target": params{"message_id": hello, "options": []string{"a"}}}},
		{"/content/target/message_id", params{"type": "poll_vote", "target": params{"message_id": "3EB0000000000000000000", "from_me": false, "options": []string{"a"}}}},
		{"/content/target", params{"type": "location", "latitude": 1, "longitude": 2, "target": params{"message_id": hello}}},
		{"/content/target/action", params{"type": "text", "text": "x", "target": params{"message_id": hello, "action": "pin"}}},
		{"/to", params{"type": "text", "text": "x", "target": params{"message_id": hello}}},
	} {
		bob.refusedAt(c.pointer, alice.pn(), c.content)
	}
	if messages := alice.phone.Received(); slices.ContainsFunc(messages, func(r sandbox.Received) bool { return r.Message.GetPinInChatMessage() != nil }) {
		t.Error("a refused pin was sent")
	}
	// A message that the store does not know can be pinned by its author.
	bob.send(alice.pn(), params{"type": "pin", "target": params{"message_id": "3EB0000000000000000000", "from_me": true}})
	pin, err := alice.phone.Await(w.ctx(), func(r sandbox.Received) bool { return r.Message.GetPinInChatMessage() != nil })
	if err != nil || !pin.Message.GetPinInChatMessage().GetKey().GetFromMe() || pin.Message.GetPinInChatMessage().GetType() != waE2E.PinInChatMessage_PIN_FOR_ALL {
		t.Errorf("pin %v: %v", pin.Message, err)
	}
}
