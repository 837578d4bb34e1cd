package methods_test

import (
	"encoding/json"
	"strconv"
	"testing"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// timelocked waits until session.getStatus shows the reach-out timelock of a member as active or not.
func (m *member) timelocked(active bool) result {
	m.w.t.Helper()
	return m.eventually("timelock in the status", "session.getStatus", params{"session": m.session}, func(r result) bool {
		return r.object("reachout_timelock")["active"] == active
	}).object("reachout_timelock")
}

// timelockEvents waits for a number of timelock events of a session and checks that no further one follows.
func (m *member) timelockEvents(want ...bool) []result {
	m.w.t.Helper()
	deadline := time.Now().Add(patience)
	for len(m.w.events(m.session, "AccountReachoutTimelock")) < len(want) && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(100 * time.Millisecond)
	got := m.w.events(m.session, "AccountReachoutTimelock")
	if len(got) != len(want) {
		m.w.t.Fatalf("timelock events %v, want active %v", got, want)
	}
	for i, e := range got {
		if e["active"] != want[i] || (e["until"] != nil) != want[i] {
			m.w.t.Errorf("event %d: %v, want active %v", i, e, want[i])
		}
	}
	return got
}

// timelockRefusal checks the error of a message to a new contact; until is the end that it must name, zero when the end is not known.
func timelockRefusal(t *testing.T, what string, failed *rpc.Error, until time.Time) {
	t.Helper()
	if failed == nil {
		t.Errorf("%s: sent", what)
		return
	}
	var body struct {
		Data struct {
			Reason     string
			Retryable  bool
			RetryAfter int64 `json:"retry_after_ms"`
			Details    struct {
				Code    int        `json:"wa_code"`
				RetryAt *time.Time `json:"retry_at"`
				Field   string
			}
		}
	}
	if err := json.Unmarshal(failed.AppendJSON(nil, ""), &body); err != nil {
		t.Fatal(err)
	}
	d := body.Data
	if failed.Code != rpc.CodeWhatsApp || d.Reason != "reachout_timelock" || d.Details.Code != 463 || d.Details.Field != "to" || d.Retryable == until.IsZero() {
		t.Errorf("%s: %s", what, failed.AppendJSON(nil, ""))
	}
	if until.IsZero() {
		if d.RetryAfter != 0 || d.Details.RetryAt != nil {
			t.Errorf("%s: an end that is not known: %s", what, failed.AppendJSON(nil, ""))
		}
		return
	}
	left := time.Until(until)
	if wait := time.Duration(d.RetryAfter) * time.Millisecond; d.Details.RetryAt == nil || !d.Details.RetryAt.Equal(until) || wait < left-time.Second || wait > left+time.Minute {
		t.Errorf("%s: retry after %s at %v, the timelock ends in %s", what, wait, d.Details.RetryAt, left)
	}
}

func TestReachoutTimelockRefusesOnlyNewContacts(t *testing.T) {
	a := newAdmin(t)
	alice, bob, carol, dave := a.join("alice", "15550100001"), a.join("bob", "15550100002"), a.join("carol", "15550100003"), a.join("dave", "15550100004")
	group := alice.call("group.create", params{"name": "g", "participants": []string{bob.pn(), carol.pn()}}).object("group")["group"]
	source := alice.call("message.sendText", params{"to": bob.pn(), "text": "hello"})["message_id"]
	first := dave.call("message.sendText", params{"to": alice.pn(), "text": "hello"})["message_id"]
	alice.eventually("dave's message", "message.get", params{"chat": dave.pn(), "message_id": first}, func(result) bool { return true })
	if before := alice.timelocked(false); before["until"] != nil || before["reason"] != nil {
		t.Errorf("status before %v", before)
	}

	a.script("sandbox.restrictAccount", params{"account": alice.pn(), "seconds": 3600, "enforcement_type": "BIZ_QUALITY"})
	began := alice.timelocked(true)
	until, err := time.Parse(time.RFC3339, began["until"].(string))
	if err != nil || began["reason"] != "BIZ_QUALITY" || time.Until(until) < 59*time.Minute || time.Until(until) > time.Hour+time.Second {
		t.Errorf("status %v: %v", began, err)
	}
	for name, call := range map[string]struct {
		method string
		p      params
	}{
		"text by phone JID":      {"message.sendText", params{"to": carol.pn(), "text": "x"}},
		"text by LID":            {"message.sendText", params{"to": carol.lid(), "text": "x"}},
		"text by number":         {"message.sendText", params{"to": "+15550100003", "text": "x"}},
		"content":                {"message.send", params{"to": carol.pn(), "content": params{"type": "text", "text": "x"}}},
		"location":               {"message.sendLocation", params{"to": carol.pn(), "latitude": 1, "longitude": 2}},
		"poll":                   {"message.sendPoll", params{"to": carol.pn(), "question": "q", "options": []string{"a", "b"}}},
		"picture":                {"message.sendImage", params{"to": carol.pn(), "media": params{"base64": dataURL("image/jpeg", photo(t))}}},
		"text under an own id":   {"message.sendText", params{"to": carol.pn(), "text": "x", "message_id": "MINE"}},
		"the same id once more":  {"message.sendText", params{"to": carol.pn(), "text": "x", "message_id": "MINE"}},
		"text with typing shown": {"message.sendText", params{"to": carol.pn(), "text": "x", "typing_seconds": 30}},
	} {
		_, failed := alice.try(call.method, call.p)
		timelockRefusal(t, name, failed, until)
	}
	if forwarded := alice.call("message.forward", params{"chat": bob.pn(), "message_id": source, "recipients": []string{carol.pn(), bob.pn()}}).list("messages"); forwarded[0]["error"] == nil || forwarded[1]["error"] != nil {
		t.Errorf("forwarded %v", forwarded)
	}
	for name, to := range map[string]any{"an existing chat": bob.pn(), "its LID": bob.lid(), "a person who wrote first": dave.pn(), "a group": group, "the account itself": alice.pn()} {
		if _, failed := alice.try("message.sendText", params{"to": to, "text": "goes on"}); failed != nil {
			t.Errorf("%s: %v", name, failed)
		}
	}
	alice.call("message.react", params{"chat": bob.pn(), "message_id": source, "emoji": "👍"})
	if n := len(carol.phone.Received()); n > 2 { // the group's message
		t.Errorf("carol got %d messages", n)
	}

	a.script("sandbox.liftRestriction", params{"account": alice.pn()})
	alice.timelocked(false)
	alice.timelockEvents(true, false)
	alice.call("message.sendText", params{"to": carol.pn(), "text": "now"})
	a.script("sandbox.liftRestriction", params{"account": alice.pn()}) // does nothing
	alice.timelockEvents(true, false)
}

// The end is reported once when the time is over, with and without a connection.
func TestReachoutTimelockEndsByItself(t *testing.T) {
	testkit.SkipIfShort(t)
	for name, connected := range map[string]bool{"connected": true, "disconnected": false} {
		t.Run(name, func(t *testing.T) {
			a := newAdmin(t)
			alice, carol := a.join("alice", "15550100001"), a.join("carol", "15550100003")
			a.script("sandbox.restrictAccount", params{"account": alice.pn(), "seconds": 3})
			alice.timelocked(true)
			if !connected {
				alice.call("session.disconnect", params{"session": "alice"})
			}
			alice.timelockEvents(true, false)
			alice.timelocked(false)
			if !connected {
				a.restart("alice")
			}
			alice.call("message.sendText", params{"to": carol.pn(), "text": "x"})
			alice.timelockEvents(true, false)
		})
	}
}

// A timelock that began or was lifted without a connection is read at the next login.
func TestReachoutTimelockIsReadAtLogin(t *testing.T) {
	a := newAdmin(t)
	alice, carol := a.join("alice", "15550100001"), a.join("carol", "15550100003")
	a.script("sandbox.restrictAccount", params{"account": alice.pn(), "seconds": 3600})
	second := a.link("alice2", alice.phone) // paired after the notification
	end := second.timelocked(true)
	until, err := time.Parse(time.RFC3339, end["until"].(string))
	if err != nil {
		t.Fatal(err)
	}
	_, failed := second.try("message.sendText", params{"to": carol.pn(), "text": "x"})
	timelockRefusal(t, "at the second device", failed, until)
	second.timelockEvents(true)
}

// WhatsApp's code 463 for a first message has the same reason; the session queries the end of the timelock.
func TestRefusedFirstMessageHasTheReasonOfTheTimelock(t *testing.T) {
	a := newAdmin(t)
	alice, bob, carol := a.join("alice", "15550100001"), a.join("bob", "15550100002"), a.join("carol", "15550100003")
	alice.call("message.sendText", params{"to": bob.pn(), "text": "hello"})
	inject := func(f sandbox.Fault) {
		t.Helper()
		f.Session = "15550100001"
		if _, err := a.network.Inject(f); err != nil {
			t.Fatal(err)
		}
	}
	refuse := sandbox.Fault{Kind: sandbox.FaultRefuseSend, Code: 463}
	inject(refuse)
	_, failed := alice.try("message.sendText", params{"to": carol.pn(), "text": "x"})
	timelockRefusal(t, "without a timelock", failed, time.Time{})

	inject(refuse)
	if failed := alice.refused(rpc.CodeWhatsApp, "message.sendText", params{"to": bob.pn(), "text": "x"}); failed.Reason == "reachout_timelock" || failed.Details.(map[string]any)["wa_code"] != 463 {
		t.Errorf("in an existing chat: %v %v", failed, failed.Details)
	}

	until := time.Now().Add(time.Hour).Truncate(time.Second)
	answer, err := json.Marshal(map[string]any{"data": map[string]any{"xwa2_fetch_account_reachout_timelock": map[string]any{
		"is_active": true, "enforcement_type": "DEFAULT", "time_enforcement_ends": strconv.FormatInt(until.Unix(), 10),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	inject(refuse)
	inject(sandbox.Fault{Kind: sandbox.FaultReply, Tag: "iq", Match: func(n *waBinary.Node) bool { return n.AttrGetter().String("xmlns") == "w:mex" }, Reply: func(n waBinary.Node) waBinary.Node {
		n.Content = []waBinary.Node{{Tag: "result", Content: answer}}
		return n
	}})
	_, failed = alice.try("message.sendText", params{"to": carol.pn(), "text": "x"})
	timelockRefusal(t, "with a timelock that no notification announced", failed, until)
	alice.timelocked(true)
	alice.timelockEvents(true)
}

func TestRestrictionRuleAndItsErrors(t *testing.T) {
	a := newAdmin(t)
	alice, carol := a.join("alice", "15550100001"), a.join("carol", "15550100003")
	a.script("sandbox.setRestrictionRule", params{"account": alice.pn(), "unregistered_sends": 2, "seconds": 3600})
	for range 2 {
		_, _ = alice.try("message.sendText", params{"to": "+15550100099", "text": "x"})
	}
	_, failed := alice.try("message.sendText", params{"to": carol.pn(), "text": "x"})
	until, err := time.Parse(time.RFC3339, alice.timelocked(true)["until"].(string))
	if err != nil {
		t.Fatal(err)
	}
	if failed == nil || failed.Reason != "reachout_timelock" {
		t.Errorf("a message right after the rule was met: %v", failed)
	}
	_, failed = alice.try("message.sendText", params{"to": carol.pn(), "text": "x"})
	timelockRefusal(t, "after the rule was met", failed, until)
	for name, call := range map[string]struct {
		method string
		p      params
	}{
		"no time":               {"sandbox.restrictAccount", params{"account": alice.pn()}},
		"time 0":                {"sandbox.restrictAccount", params{"account": alice.pn(), "seconds": 0}},
		"negative time":         {"sandbox.restrictAccount", params{"account": alice.pn(), "seconds": -1}},
		"over a year":           {"sandbox.restrictAccount", params{"account": alice.pn(), "seconds": 31536001}},
		"unknown account":       {"sandbox.restrictAccount", params{"account": "15550100098", "seconds": 1}},
		"lift, unknown account": {"sandbox.liftRestriction", params{"account": "15550100098"}},
		"rule without a time":   {"sandbox.setRestrictionRule", params{"account": alice.pn(), "unregistered_sends": 1}},
		"rule without a count":  {"sandbox.setRestrictionRule", params{"account": alice.pn(), "seconds": 1}},
		"negative count":        {"sandbox.setRestrictionRule", params{"account": alice.pn(), "unregistered_sends": -1, "seconds": 1}},
		"history, no chat":      {"sandbox.addHistory", params{"account": alice.pn()}},
		"history, bad chat":     {"sandbox.addHistory", params{"account": alice.pn(), "chat": "nobody at all"}},
		"history without text":  {"sandbox.addHistory", params{"account": alice.pn(), "chat": carol.pn(), "messages": []params{{"timestamp": time.Now()}}}},
		"history without time":  {"sandbox.addHistory", params{"account": alice.pn(), "chat": carol.pn(), "messages": []params{{"text": "x"}}}},
	} {
		if r, failed := a.tryScript(call.method, call.p); failed == nil {
			t.Errorf("%s: %v", name, r)
		}
	}
	a.script("sandbox.setRestrictionRule", params{"account": alice.pn(), "unregistered_sends": 0})
}

func TestSandboxHistoryShowsInStatusAndChats(t *testing.T) {
	a := newAdmin(t)
	phone, err := a.network.AddAccount(sandbox.AccountOptions{Number: "15550100001", PushName: "Alice"})
	if err != nil {
		t.Fatal(err)
	}
	bob := a.join("bob", "15550100002")
	if status := bob.call("session.getStatus", params{"session": "bob"}); status["reachout_timelock"] == nil {
		t.Errorf("status %v", status)
	}
	added := a.script("sandbox.addHistory", params{"account": phone.JID().String(), "chat": bob.pn(), "unread_count": 3, "disappearing_seconds": 86400, "archived": true, "messages": []params{
		{"text": "older", "from_me": true, "timestamp": time.Now().Add(-2 * time.Hour), "message_id": "OLD1"}, {"text": "newer", "timestamp": time.Now().Add(-time.Hour)},
	}})
	ids := added.texts("message_ids")
	if len(ids) != 2 || ids[0] != "OLD1" || ids[1] == "" {
		t.Fatalf("added %v", added)
	}
	alice := a.link("alice", phone)
	for i, text := range []string{"older", "newer"} {
		alice.eventually(text, "message.get", params{"chat": bob.pn(), "message_id": ids[i]}, func(r result) bool {
			m := r.object("message")
			return m["text"] == text && m["from_me"] == (i == 0)
		})
	}
	alice.eventually("the chat", "chat.get", params{"chat": bob.pn()}, func(r result) bool {
		c := r.object("chat")
		return c["unread_count"] == 3.0 && c["disappearing_seconds"] == 86400.0 && c["archived"] == true
	})
	alice.eventually("the progress", "session.getStatus", params{"session": "alice"}, func(r result) bool {
		h := r.object("history_sync")
		return h["sync_type"] != "" && h["progress"] == 100.0 && h["chunk_order"] != nil && h["at"] != nil
	})
	if s, err := a.bridge.Session("alice"); err != nil || s.Status().State != bridge.StateConnected {
		t.Error("not connected", err)
	}
	// A chat from the history sync counts as existing for the timelock.
	a.script("sandbox.restrictAccount", params{"account": alice.pn(), "seconds": 3600})
	alice.timelocked(true)
	alice.call("message.sendText", params{"to": bob.pn(), "text": "goes on"})
}
