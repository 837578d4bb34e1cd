package rpc_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/waystation/waystation/rpc"
)

// BenchmarkCall is a call that does nothing, one after the other over a pipe.
func BenchmarkCall(b *testing.B) {
	c, _ := startPipe(b, rpc.PeerOptions{Rate: 1e12, Burst: 1 << 30})
	frame := []byte(`{"jsonrpc":"2.0","id":1,"method":"test.echo","params":{"value":1}}`)
	b.ReportAllocs()
	for b.Loop() {
		c.In <- frame
		<-c.Out
	}
}

// BenchmarkCallInFlight is the same with 64 calls in flight.
func BenchmarkCallInFlight(b *testing.B) {
	c, _ := startPipe(b, rpc.PeerOptions{Rate: 1e12, Burst: 1 << 30})
	frame := []byte(`{"jsonrpc":"2.0","id":1,"method":"test.echo","params":{"value":1}}`)
	b.ReportAllocs()
	const window = 64 - 1 // a place is free only after the reply has been handed over
	sent, got := 0, 0
	for got < b.N {
		for sent < b.N && sent-got < window {
			c.In <- frame
			sent++
		}
		<-c.Out
		got++
	}
}

type sendParams struct {
	To       string   `json:"to" rpc:"required,format=jid"`
	Text     string   `json:"text" rpc:"required,min=1,max=65536"`
	Mentions []string `json:"mentions" rpc:"max=100,format=jid"`
	Reply    *struct {
		MessageID string `json:"message_id" rpc:"required"`
	} `json:"reply_to"`
	Seconds float64 `json:"typing_seconds" rpc:"min=0,max=60"`
}

// BenchmarkParams is decoding and checking the params of a send, inside the process.
func BenchmarkParams(b *testing.B) {
	reg := rpc.NewRegistry(rpc.Options{})
	rpc.Register(reg, rpc.Method{Name: "test.send"}, func(context.Context, *rpc.Call, *sendParams) (json.RawMessage, error) {
		return json.RawMessage("true"), nil
	})
	raw := json.RawMessage(`{"session":"s1","to":"4915112345678@s.whatsapp.net","text":"hello there, how are you","mentions":["1@lid","2@lid"],"reply_to":{"message_id":"3EB0"},"typing_seconds":1.5}`)
	b.ReportAllocs()
	for b.Loop() {
		call := rpc.Call{Principal: admin}
		if _, problem := reg.Call(context.Background(), &call, "test.send", raw); problem != nil {
			b.Fatal(problem)
		}
	}
}
