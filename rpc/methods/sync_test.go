package methods_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// TestFetchAppStateByName checks which collections are read, how, and that the result has the id of the events.
func TestFetchAppStateByName(t *testing.T) {
	w := newWorld(t)
	m := w.join("ada", "15550300001")
	names := func(got result) (list []string) {
		for _, r := range got.list("results") {
			if r["ok"] != true || r["error"] != nil {
				t.Errorf("%v", r)
			}
			list = append(list, r["name"].(string))
		}
		return list
	}
	all := m.eventually("the phone's keys", "sync.fetchAppState", nil, func(r result) bool {
		return !slices.ContainsFunc(r.list("results"), func(one result) bool { return one["ok"] != true })
	})
	if got := names(all); !slices.Equal(got, []string{"critical_block", "critical_unblock_low", "regular_high", "regular", "regular_low"}) {
		t.Errorf("without names: %v", got)
	}
	some := m.call("sync.fetchAppState", params{"names": []string{"regular_low", "regular"}, "full": false})
	if got := names(some); !slices.Equal(got, []string{"regular", "regular_low"}) {
		t.Errorf("by name: %v", got)
	}
	if a, b := all["request_id"], some["request_id"]; a == b || len(a.(string)) != 32 {
		t.Errorf("request ids %v and %v", a, b)
	}
	m.refused(rpc.CodeInvalidParams, "sync.fetchAppState", params{"names": []string{"regular", "other"}})
}

// TestRequestHistory checks the defaults and the errors of requests for history.
func TestRequestHistory(t *testing.T) {
	w := newWorld(t)
	m, bob := w.join("ada", "15550300001"), w.join("bob", "15550300002")
	sent := m.call("message.sendText", params{"to": bob.pn(), "text": "first"})["message_id"]
	asked := m.call("sync.requestChatHistory", params{"chat": bob.pn()})
	if asked["limit"] != 50.0 || asked["chat"] != bob.pn() || len(asked["request_id"].(string)) != 32 {
		t.Errorf("with the stored message: %v", asked)
	}
	if asked = m.call("sync.requestChatHistory", params{"chat": bob.pn(), "oldest_message_id": sent, "limit": 3}); asked["limit"] != 3.0 {
		t.Errorf("with a limit: %v", asked)
	}
	for field, p := range map[string]params{
		"/oldest_message_id": {"chat": bob.pn(), "oldest_from_me": true},
		"/oldest_sender":     {"chat": bob.pn(), "oldest_message_id": sent, "oldest_sender": "120363000000000001@g.us"},
	} {
		e := m.refused(rpc.CodeInvalidParams, "sync.requestChatHistory", p)
		if details, _ := json.Marshal(e.Details); !strings.Contains(string(details), `"`+field+`"`) {
			t.Errorf("%s is not named: %s %s", field, e.Message, details)
		}
	}
	full := m.call("sync.requestFullHistory", nil)
	if config := full.object("config"); config["days"] != 30.0 || config["size_megabytes"] != 1000.0 || config["include_groups"] != true || config["include_calls"] != false {
		t.Errorf("defaults: %v", config)
	}
}

// TestRequestMessage checks that the phone sends a message from before the pairing again.
func TestRequestMessage(t *testing.T) {
	w := newWorld(t)
	bob := w.join("bob", "15550300002")
	phone, err := w.network.AddAccount(sandbox.AccountOptions{Number: "15550300001", PushName: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	id, err := bob.phone.Send(w.ctx(), phone.JID(), sandbox.Text("from before"))
	if err != nil {
		t.Fatal(err)
	}
	m := w.link("ada", phone)
	m.call("message.sendText", params{"to": bob.pn(), "text": "hello"}) // begins the Signal session with the phone
	asked := m.call("sync.requestMessage", params{"chat": bob.pn(), "message_id": id})
	if asked["chat"] != bob.pn() || asked["message_id"] != id || len(asked["request_id"].(string)) != 32 {
		t.Errorf("asked: %v", asked)
	}
	testkit.Within(t, patience, "the message arrives", func() bool {
		return slices.ContainsFunc(w.events("ada", "Message"), func(e result) bool {
			return e["message_id"] == id && e["text"] == "from before" && e["resolved"] == true
		})
	})
	group := "120363000000000001@g.us"
	for field, p := range map[string]params{
		"/sender": {"chat": group, "message_id": "M1"},
		"/chat":   {"chat": "no address", "message_id": "M1"},
	} {
		e := m.refused(rpc.CodeInvalidParams, "sync.requestMessage", p)
		if details, _ := json.Marshal(e.Details); !strings.Contains(string(details), `"`+field+`"`) {
			t.Errorf("%s is not named: %s %s", field, e.Message, details)
		}
	}
	m.call("sync.requestMessage", params{"chat": group, "message_id": "M1", "sender": bob.pn()})
}
