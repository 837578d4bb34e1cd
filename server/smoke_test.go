package main

import (
	"net/http"
	"testing"

	"github.com/waystation/waystation/rpc/rpctest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// The whole server with real input: a number is paired by QR, and messages pass both ways, through JSON-RPC calls
// only.
func TestPairReceiveAndResume(t *testing.T) {
	s := startServer(t)
	token := s.pair("shop", "15550100001")
	s.call("sandbox.createAccount", object{"number": "15550100002", "push_name": "Peer"})

	c := dial(t, s.url("/v1/ws"), token, object{"client": object{"name": "test"}})
	sessions := c.hello["sessions"].([]any)
	if len(sessions) != 1 || sessions[0].(object)["session"] != "shop" {
		t.Fatalf("hello tells of %v", sessions)
	}
	s.call("sandbox.send", object{"account": "15550100002", "to": "15550100001", "content": object{"type": "text", "text": "first"}})
	first := c.event(isText("first"))
	if data := first["data"].(object); data["from_me"] != false || data["type"] != "text" || data["contact_key"] == nil {
		t.Errorf("unexpected event %v", first)
	}
	if err := c.ws.CloseNow(); err != nil {
		t.Fatal(err)
	}

	s.call("sandbox.send", object{"account": "15550100002", "to": "15550100001", "content": object{"type": "text", "text": "second"}})
	again := dial(t, s.url("/ws"), token, object{"resume": object{"shop": object{"epoch": sessions[0].(object)["epoch"], "offset": first["offset"]}}})
	if again.hello["sessions"].([]any)[0].(object)["resumed"] != true {
		t.Errorf("not resumed: %v", again.hello)
	}
	again.event(func(params, data object) bool {
		if data["text"] == "first" {
			t.Error("an event came twice")
		}
		return isText("second")(params, data)
	})
	if findings := s.call("sandbox.listUnknownRequests", nil); len(findings["requests"].([]any)) > 0 || len(findings["violations"].([]any)) > 0 {
		t.Errorf("the network did not know, or refused: %v", findings)
	}
}

func TestSendIsReceivedAndAnswered(t *testing.T) {
	s := startServer(t)
	token := s.pair("shop", "15550100001")
	s.call("sandbox.createAccount", object{"number": "15550100002", "push_name": "Peer", "auto_reply": "echo"})
	c := dial(t, s.url("/v1/ws"), token, nil)
	sent := c.call("message.sendText", object{"to": "15550100002", "text": "are you there?"})
	got := s.call("sandbox.awaitMessage", object{"account": "15550100002", "text": "are you there?", "from_me": false})["message"].(object)
	if got["message_id"] != sent["message_id"] {
		t.Errorf("sent %v, the peer has %v", sent, got)
	}
	c.event(func(params, data object) bool {
		return isText("are you there?")(params, data) && data["from_me"] == false
	})
}

func TestPairByCode(t *testing.T) {
	s := startServer(t)
	s.call("sandbox.createAccount", object{"number": "15550100001"})
	s.call("session.create", object{"session_id": "shop", "connect": true})
	testkit.Eventually(t, "pairing", func() bool { return s.state("shop") == "pairing" })
	code := s.call("session.requestPairingCode", object{"session": "shop", "phone": "15550100001"})
	wrong := rpctest.PostCall(t, s.url("/v1/rpc"), s.token, "sandbox.enterPairingCode", object{"account": "15550100001", "code": "AAAA-AAAA"})
	if wrong.Error == nil || wrong.Error.Code != -32602 {
		t.Errorf("a wrong code gave %+v", wrong)
	}
	s.call("sandbox.enterPairingCode", object{"account": "15550100001", "code": code["code"]})
	testkit.Eventually(t, "connection", func() bool { return s.state("shop") == "connected" })
}

func TestStrangersAndOtherSessions(t *testing.T) {
	s := startServer(t)
	first := s.call("session.create", object{"session_id": "first"})["token"].(string)
	s.call("session.create", object{"session_id": "second"})
	rpcURL := s.url("/v1/rpc")
	for name, c := range map[string]struct {
		token, method string
		params        object
		code, status  int
	}{
		"no token":           {"", "session.list", nil, -32001, http.StatusOK},
		"unknown token":      {"nobody-has-this-token", "server.ping", nil, -32001, http.StatusUnauthorized},
		"other session":      {first, "session.get", object{"session": "second"}, -32002, http.StatusOK},
		"admin's methods":    {first, "sandbox.restart", nil, -32002, http.StatusOK},
		"not for sessions":   {first, "session.create", nil, -32002, http.StatusOK},
		"no such session":    {s.token, "session.get", object{"session": "third"}, -32003, http.StatusOK},
		"no such method":     {s.token, "session.explode", nil, -32601, http.StatusOK},
		"unknown parameter":  {s.token, "session.list", object{"colour": "red"}, -32602, http.StatusOK},
		"not connected":      {first, "group.list", object{"refresh": true}, -32008, http.StatusOK},
		"unknown account":    {s.token, "sandbox.getAccount", object{"account": "15550109999"}, -32003, http.StatusOK},
		"not a number":       {s.token, "sandbox.createAccount", object{"number": "twelve"}, -32602, http.StatusOK},
		"nothing to scan":    {s.token, "sandbox.scanQrCode", object{"account": "15550109999"}, -32602, http.StatusOK},
		"text without text":  {s.token, "sandbox.send", object{"account": "1", "to": "15550109999", "content": object{"type": "text"}}, -32602, http.StatusOK},
		"unknown fault":      {s.token, "sandbox.injectFault", object{"kind": "earthquake"}, -32602, http.StatusOK},
		"session not paired": {s.token, "sandbox.cut", object{"session": "first"}, -32004, http.StatusOK},
	} {
		reply := rpctest.PostCall(t, rpcURL, c.token, c.method, c.params)
		if reply.Error == nil || reply.Error.Code != c.code || reply.Status != c.status {
			t.Errorf("%s: got status %d, %+v, want %d", name, reply.Status, reply.Error, c.code)
		}
	}
	if reply := rpctest.PostCall(t, rpcURL, "", "server.ping", nil); reply.Error != nil {
		t.Errorf("anybody may ping: %+v", reply.Error)
	}
	if reply := rpctest.PostCall(t, rpcURL, first, "session.get", nil); reply.Error != nil {
		t.Errorf("a session's token opens its own session: %+v", reply.Error)
	}
}

func TestDeletedSessionLosesItsSockets(t *testing.T) {
	s := startServer(t)
	token := s.call("session.create", object{"session_id": "shop"})["token"].(string)
	c := dial(t, s.url("/v1/ws"), token, nil)
	s.call("session.delete", object{"session": "shop"})
	if _, _, err := c.ws.Read(t.Context()); err == nil {
		t.Error("the socket of a deleted session goes on")
	}
	if reply := rpctest.PostCall(t, s.url("/v1/rpc"), token, "session.get", nil); reply.Status != http.StatusUnauthorized {
		t.Errorf("the token of a deleted session gave %+v", reply)
	}
}

func TestFaultsThroughCalls(t *testing.T) {
	s := startServer(t)
	s.pair("shop", "15550100001")
	since := func() any { return s.call("session.getStatus", object{"session": "shop"})["last_connected_at"] }
	before := since()
	if cut := s.call("sandbox.cut", object{"session": "shop"}); cut["connections"] != float64(1) {
		t.Errorf("cut %v", cut)
	}
	testkit.Eventually(t, "reconnect", func() bool { return since() != before && s.state("shop") == "connected" })
	// Not logged_out: whatsmeow deletes the device without a lock, while it may still fetch the first app state.
	s.call("sandbox.injectFault", object{"kind": "stream_replaced", "session": "shop"})
	testkit.Eventually(t, "replacement", func() bool { return s.state("shop") == "replaced" })
	s.call("sandbox.clearFaults", nil)
}
