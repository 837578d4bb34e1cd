package bridge_test

import (
	"fmt"
	"testing"

	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/outbound"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/sessionconfig"
	"github.com/waystation/waystation/bridge/wa"
)

var yes, no = true, false

// TestFilters checks that filtered messages are neither emitted as events, the only source of sockets and transports,
// nor stored.
func TestFilters(t *testing.T) {
	w := newWorld(t)
	ada, bob := w.account("4915550001", "Ada"), w.account("4915550002", "Bob")
	s := w.paired("ada", ada)
	group, err := bob.CreateGroup(sandbox.GroupOptions{Subject: "Lunch", Members: []types.JID{ada.JID()}})
	if err != nil {
		t.Fatal(err)
	}
	channel, err := bob.CreateNewsletter("News", "")
	if err != nil {
		t.Fatal(err)
	}
	if err = ada.FollowNewsletter(channel.ID); err != nil {
		t.Fatal(err)
	}
	if _, err = send(w, s, bob.JID().String(), "hello", outbound.SendOptions{}); err != nil { // Bob's status posts reach accounts that know his devices
		t.Fatal(err)
	}
	say := func(to types.JID, text string) func() (string, error) {
		return func() (string, error) { return bob.Send(w.ctx(), to, sandbox.Text(text)) }
	}
	events := w.reader("ada")
	for _, filter := range []struct {
		name    string
		on, off sessionconfig.SettingsPatch
		send    func(text string) (string, error)
	}{
		{
			"groups",
			sessionconfig.SettingsPatch{SkipGroups: &yes},
			sessionconfig.SettingsPatch{SkipGroups: &no},
			func(text string) (string, error) { return say(group, text)() },
		},
		{"newsletters", sessionconfig.SettingsPatch{SkipNewsletters: &yes}, sessionconfig.SettingsPatch{SkipNewsletters: &no}, func(text string) (string, error) {
			id, _, err := bob.PostNewsletter(channel.ID, sandbox.Text(text))
			return id, err
		}},
		{
			"status posts",
			sessionconfig.SettingsPatch{SkipBroadcasts: &yes},
			sessionconfig.SettingsPatch{SkipBroadcasts: &no},
			func(text string) (string, error) { return say(types.StatusBroadcastJID, text)() },
		},
		{
			"own messages",
			sessionconfig.SettingsPatch{SkipOwnMessages: &yes},
			sessionconfig.SettingsPatch{SkipOwnMessages: &no},
			func(text string) (string, error) { return ada.Send(w.ctx(), bob.JID(), sandbox.Text(text)) },
		},
	} {
		send := func(text string) string {
			id, err := filter.send(text)
			if err != nil {
				t.Fatalf("%s: %v", filter.name, err)
			}
			return id
		}
		id := send(filter.name + " pass")
		events.text(filter.name + " pass")
		if _, err := s.Chats().GetMessage(w.ctx(), "", id, false); err != nil {
			t.Errorf("%s: not stored without the filter: %v", filter.name, err)
		}
		if _, err := s.UpdateSettings(w.ctx(), filter.on, false); err != nil {
			t.Fatal(err)
		}
		id = send(filter.name + " kept out")
		if _, err := say(ada.JID(), filter.name+" fence")(); err != nil {
			t.Fatal(err)
		}
		events.text(filter.name + " fence")
		if _, err := s.UpdateSettings(w.ctx(), filter.off, false); err != nil {
			t.Fatal(err)
		}
		send(filter.name + " pass again")
		events.text(filter.name + " pass again") // all earlier messages have been handled too
		if n := w.count("ada", filter.name+" kept out"); n != 0 {
			t.Errorf("%s: in the journal %d times", filter.name, n)
		}
		if _, err := s.Chats().GetMessage(w.ctx(), "", id, false); wa.ReasonOf(err) != wa.ReasonNotFound {
			t.Errorf("%s: stored: %v", filter.name, err)
		}
	}
}

// TestFilterFlippedUnderLoad switches a filter while messages arrive. The switch applies from the next event on:
// messages sent after it are filtered, recorded messages stay, and no other message is missing.
func TestFilterFlippedUnderLoad(t *testing.T) {
	w := newWorld(t)
	ada, bob := w.account("4915550001", "Ada"), w.account("4915550002", "Bob")
	s := w.paired("ada", ada)
	group, err := bob.CreateGroup(sandbox.GroupOptions{Subject: "Lunch", Members: []types.JID{ada.JID()}})
	if err != nil {
		t.Fatal(err)
	}
	const rounds, perRound = 6, 20
	events := w.reader("ada")
	state := make(map[string]bool) // texts by whether they had to pass
	for round := range rounds {
		skip := round%2 == 1
		if _, err := s.UpdateSettings(w.ctx(), sessionconfig.SettingsPatch{SkipGroups: &skip}, false); err != nil {
			t.Fatal(err)
		}
		for i := range perRound {
			text := fmt.Sprintf("%d/%d", round, i)
			state[text] = !skip
			if _, err := bob.Send(w.ctx(), group, sandbox.Text(text)); err != nil {
				t.Fatal(err)
			}
			if _, err := bob.Send(w.ctx(), ada.JID(), sandbox.Text("direct "+text)); err != nil {
				t.Fatal(err)
			}
			state["direct "+text] = true
		}
		// Settings apply when an event is handled, so the round waits for its last event.
		events.text(fmt.Sprintf("direct %d/%d", round, perRound-1))
		if !skip {
			w.reader("ada").text(fmt.Sprintf("%d/%d", round, perRound-1))
		}
	}
	for text, passes := range state {
		if n := w.count("ada", text); passes && n != 1 || !passes && n != 0 {
			t.Errorf("%s is in the journal %d times; passes: %v", text, n, passes)
		}
	}
}

// TestEchoPriority checks whether a message sent through a method becomes an event: the call's option has priority,
// then the server's setting, then the session's. The filters also apply.
func TestEchoPriority(t *testing.T) {
	for _, c := range []struct {
		server, session bool
		call            *bool
		filter          bool
		want            int
	}{
		{server: true, session: true, want: 1},
		{server: true, session: false, want: 0},
		{server: false, session: true, want: 0},
		{server: false, session: false, call: &yes, want: 1},
		{server: true, session: true, call: &no, want: 0},
		{server: true, session: false, call: &yes, want: 1},
		{server: true, session: true, filter: true, want: 0},
		{server: true, session: true, call: &yes, filter: true, want: 0},
	} {
		w := newWorld(t)
		w.stop()
		w.config.NoEcho = !c.server
		w.start()
		ada, bob := w.account("4915550001", "Ada"), w.account("4915550002", "Bob")
		s := w.paired("ada", ada)
		if _, err := s.UpdateSettings(w.ctx(), sessionconfig.SettingsPatch{EchoAPIMessages: &c.session, SkipOwnMessages: &c.filter}, false); err != nil {
			t.Fatal(err)
		}
		sent, err := send(w, s, bob.JID().String(), "hello", outbound.SendOptions{Echo: c.call})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := bob.Send(w.ctx(), ada.JID(), sandbox.Text("fence")); err != nil {
			t.Fatal(err)
		}
		w.reader("ada").text("fence")
		if n := w.count("ada", "hello"); n != c.want {
			t.Errorf("%+v: %d events", c, n)
		}
		statuses := 0
		for _, e := range w.all("ada") {
			if e.Type == "MessageStatus" {
				statuses++
			}
			if e.Type == "Message" && e.data["text"] == "hello" && (e.data["from_api"] != true || e.data["from_me"] != true || e.Origin != "api") {
				t.Errorf("event %v", e.data)
			}
		}
		if statuses != c.want {
			t.Errorf("%+v: %d outcomes", c, statuses)
		}
		// The message is stored in any case: a reply, an edit or a repeat needs it.
		if m, err := s.Chats().GetMessage(w.ctx(), "", sent.MessageID, false); err != nil || !m.FromMe {
			t.Errorf("%+v: stored %v: %v", c, m, err)
		}
		w.stop()
	}
}
