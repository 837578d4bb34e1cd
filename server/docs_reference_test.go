package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"github.com/waystation/waystation/docs/doctest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// endsExamples are methods that take away what other examples need; their examples are called last, in this order.
var endsExamples = []string{
	"session.restart", "sandbox.restart", "session.disconnect", "sandbox.unlinkDevice", "session.logout", "session.delete", "session.deleteAll",
}

// refusedExamples are examples that a test cannot have accepted, with what is in the error then. Their params are right otherwise:
// fields are checked before these.
var refusedExamples = map[string]string{
	"group.getInviteInfo":      "is not a valid invite", // the network has no such group
	"group.join":               "is not a valid invite",
	"session.setProxy":         "/url", // the names of hosts have no addresses
	"storage.updateSettings":   "/endpoint",
	"transport.updateSettings": "/url",
	"webhook.create":           "/url",
	"webhook.update":           "/url",
}

// Every example of the reference of methods is accepted: the server knows the method, and finds nothing wrong with the params.
// Whether the example's chats and messages exist is another matter; in the reference they need not.
func TestReferenceExamplesAreAccepted(t *testing.T) {
	testkit.SkipIfShort(t)
	s := startServer(t, "-allow-hosts", "127.0.0.1")
	token := s.pair("demo", "15550100001")
	s.call("sandbox.createAccount", object{"number": "15550100002", "push_name": "Peer", "auto_reply": "echo"})
	examples, order := map[string]string{}, []string{}
	for _, page := range doctest.AllPages(t) {
		if !strings.HasPrefix(page.Path, "docs/reference/methods/") {
			continue
		}
		for _, block := range page.Blocks {
			examples[block.Heading] = block.Text
			order = append(order, block.Heading)
		}
	}
	if len(order) < 200 {
		t.Fatalf("the reference has %d examples", len(order))
	}
	called, scopes := map[string]bool{}, s.methodScopes()
	check := func(consumer, method string) {
		credential := s.token
		if scopes[method] == "session" {
			credential = token
		}
		code, problem := s.example(credential, consumer, method, examples[method])
		if want := refusedExamples[method]; want != "" {
			if code != 0 && !strings.Contains(problem, want) {
				t.Errorf("%s: %s", method, problem)
			}
			return
		}
		if code == -32700 || code == -32600 || code == -32601 || code == -32602 || code == -32603 {
			t.Errorf("%s: %s", method, problem)
		}
	}
	last := map[string]bool{}
	for _, method := range endsExamples {
		last[method] = true
		if examples[method] == "" {
			t.Errorf("there is no example of %s", method)
		}
	}
	var waiting sync.WaitGroup
	for _, method := range order {
		switch {
		case last[method] || called[method]:
		case strings.HasPrefix(method, "sandbox.") && strings.Contains(examples[method], `"message_id"`): // waits for a message that does not come
			called[method] = true
			waiting.Go(func() { check(strings.ReplaceAll(method, ".", "-"), method) }) // a consumer has one connection
		default:
			called[method] = true
			check("example", method)
		}
	}
	waiting.Wait()
	for _, method := range endsExamples {
		check("example", method)
	}
}

// methodScopes returns the scope of each method as rpc.discover reports it.
func (s *testServer) methodScopes() map[string]string {
	s.t.Helper()
	scopes := map[string]string{}
	for _, m := range s.call("rpc.discover", nil)["methods"].([]any) {
		scopes[m.(object)["name"].(string)] = m.(object)["x-scope"].(string)
	}
	return scopes
}

// streams are methods that reply when they are cancelled.
var streams = map[string]bool{"delivery.watch": true}

// example sends one request over a connection of its own and returns the code and the text of its error; 0 = none.
func (s *testServer) example(token, consumer, method, request string) (code int, problem string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, strings.Replace(s.url("/v1/ws"), "http", "ws", 1), &websocket.DialOptions{
		Subprotocols: []string{"waystation.v1"}, HTTPHeader: http.Header{"Authorization": {"Bearer " + token}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = ws.CloseNow() }()
	ws.SetReadLimit(16 << 20)
	frames := []string{`{"jsonrpc":"2.0","id":0,"method":"conn.hello","params":{"protocol":1,"consumer":"` + consumer + `"}}`, request}
	if method == "conn.hello" {
		frames = frames[1:]
	}
	if streams[method] {
		frames = append(frames, `{"jsonrpc":"2.0","method":"conn.cancel","params":{"id":1}}`)
	}
	for _, frame := range frames {
		if err := ws.Write(ctx, websocket.MessageText, []byte(frame)); err != nil {
			s.t.Fatal(method, err)
		}
	}
	for {
		_, raw, err := ws.Read(ctx)
		if err != nil {
			s.t.Errorf("%s: %v", method, err)
			return 0, ""
		}
		var reply struct {
			ID    *int
			Error *struct {
				Code    int
				Message string
			}
		}
		if err := json.Unmarshal(raw, &reply); err != nil {
			s.t.Fatal(err)
		}
		if reply.ID == nil || *reply.ID != 1 {
			continue
		}
		if reply.Error != nil {
			return reply.Error.Code, string(raw)
		}
		return 0, ""
	}
}
