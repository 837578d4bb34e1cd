package bridge_test

import (
	"testing"

	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/outbound"
)

// BenchmarkSend sends texts over the simulated network, which belongs to the same process: its allocations count too.
func BenchmarkSend(b *testing.B) {
	w := newWorld(b)
	s, bob := w.paired("ada", w.account("15550820001", "Ada")), w.account("15550820002", "Bob")
	to := bob.JID().String()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Messages().Send(w.ctx(), to, &message.Content{Type: message.TypeText, Text: "hello"}, &outbound.SendOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}
