package bridge_test

import (
	"fmt"
	"testing"

	waBinary "go.mau.fi/whatsmeow/binary"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/outbound"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/wa"
)

// TestSendEndsWhenKeysAreNotFetched fails the request for the keys of a new recipient. whatsmeow then sends the message
// to the account's own devices only, which WhatsApp accepts; the send must fail instead, with nothing sent, and the
// repeat under the same id must arrive once.
func TestSendEndsWhenKeysAreNotFetched(t *testing.T) {
	w := newWorld(t)
	const number = "15550810001"
	ada := w.account(number, "Ada")
	s := w.paired("ada", ada)
	forKeys := func(node *waBinary.Node) bool {
		_, keys := node.GetOptionalChildByTag("key")
		return keys && node.Attrs["xmlns"] == "encrypt"
	}
	for i, c := range []struct {
		name  string
		fault sandbox.Fault
		want  wa.Reason
	}{
		{"refused with 503", sandbox.Fault{Kind: sandbox.FaultRefuseRequest, Code: 503}, wa.ReasonWhatsApp},
		{"refused with 500", sandbox.Fault{Kind: sandbox.FaultRefuseRequest, Code: 500}, wa.ReasonWhatsApp},
		{"too many requests", sandbox.Fault{Kind: sandbox.FaultRefuseRequest, Code: 429}, wa.ReasonRateLimited},
		{"connection cut twice", sandbox.Fault{Kind: sandbox.FaultCutAfter, Times: 2}, wa.ReasonNotConnected},
	} {
		peer := w.account(fmt.Sprint("1555081010", i), "Peer")
		c.fault.Session, c.fault.Tag, c.fault.Match = number, "iq", forKeys
		if _, err := w.net.Inject(c.fault); err != nil {
			t.Fatal(err)
		}
		text := "text with keys " + c.name
		send := func() error {
			_, err := s.Messages().Send(w.ctx(), peer.JID().String(), &message.Content{Type: "text", Text: text}, &outbound.SendOptions{MessageID: fmt.Sprint("NOKEYS", i)})
			return err
		}
		if err := send(); wa.ReasonOf(err) != c.want {
			t.Errorf("%s: the send returns %v", c.name, err)
		}
		w.reaches(s, bridge.StateConnected)
		if err := send(); err != nil {
			t.Errorf("%s: the repeat returns %v", c.name, err)
		}
		if _, err := peer.Await(w.ctx(), func(m sandbox.Received) bool { return m.Text() == text }); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := len(peer.Received()); got != 1 {
			t.Errorf("%s: %d messages arrived", c.name, got)
		}
	}
}
