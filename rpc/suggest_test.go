package rpc_test

import (
	"strings"
	"testing"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/rpctest"
)

// Unknown methods and parameters are answered with the name that is near, over every way in.
func TestNearNamesAreSuggested(t *testing.T) {
	reg := rpc.NewRegistry(rpc.Options{})
	rpctest.Register(reg)
	for _, c := range []struct{ method, params, code, hint string }{
		{"test.ecko", `{}`, "-32601", "test.echo"},
		{"test.Echo", `{}`, "-32601", "test.echo"},
		{"test_echo", `{}`, "-32601", "test.echo"},
		{"echo", `{}`, "-32601", "test.echo"},
		{"rpc.discovr", `{}`, "-32601", "rpc.discover"},
		{"zzzzzz.qqqqqq", `{}`, "-32601", ""},
		{strings.Repeat("test.echo", 1000), `{}`, "-32601", ""},
		{"test.echo", `{"valeu":1}`, "-32602", "value"},
		{"test.echo", `{"Value":1}`, "-32602", "value"},
		{"test.echo", `{"meta":{}}`, "-32602", "_meta"},
		{"test.echo", `{"_meta":{"idempotencyKey":"k"}}`, "-32602", "idempotency_key"},
		{"test.session", `{"sesion":"s"}`, "-32602", "session"},
		{"test.echo", `{"unlike":1}`, "-32602", ""},
	} {
		p := rpctest.NewPipe()
		peer := rpc.NewPeer(reg, p, rpc.PeerOptions{Principal: rpc.Principal{Kind: rpc.ScopeAdmin, ID: "admin"}})
		peer.Start(t.Context())
		_ = p.Send([]byte(`{"jsonrpc":"2.0","id":1,"method":"` + c.method + `","params":` + c.params + `}`))
		reply, _, err := p.Receive()
		if err != nil || !strings.Contains(string(reply), c.code) || strings.Contains(string(reply), "did you mean") != (c.hint != "") ||
			c.hint != "" && !strings.Contains(string(reply), `did you mean \"`+c.hint+`\"?`) {
			t.Errorf("%.40s %s: %s, %v", c.method, c.params, reply, err)
		}
		_ = p.Close(1, "")
		peer.Wait()
	}
}

// A stream whose connection has ended counts as cancelled, not as a failure of the server.
func TestStreamThatLosesItsConnection(t *testing.T) {
	var log strings.Builder
	reg, stream := streamingRegistry(&log)
	p := rpctest.NewPipe()
	peer := rpc.NewPeer(reg, p, rpc.PeerOptions{Principal: rpc.Principal{Kind: rpc.ScopeAdmin, ID: "admin"}, Conn: p})
	peer.Start(t.Context())
	_ = p.Send([]byte(`{"jsonrpc":"2.0","id":1,"method":"test.stream"}`))
	if _, _, err := p.Receive(); err != nil {
		t.Fatal(err)
	}
	_ = p.Close(1, "")
	close(stream)
	peer.Wait()
	for _, o := range reg.Outcomes() {
		if o.Method == "test.stream" && o.Class == "failed" {
			t.Errorf("counted as %s", o.Class)
		}
	}
	if strings.Contains(log.String(), "level=ERROR") {
		t.Error(log.String())
	}
}
