package message

import (
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/wa"
)

// paymentFlows are the names under which WhatsApp announces a message whose
// first button is about money.
var paymentFlows = map[string]string{
	flowPix: "payment_info", flowPay: "order_details", "review_order": "order_status", "order_status": "order_status",
	"payment_status": "payment_status", "payment_method": "payment_method", "payment_reminder": "payment_reminder",
}

// BusinessNodes are the parts of the stanza without which WhatsApp delivers an
// interactive message that its apps then do not show. nil for other content.
//
// WhatsApp documents none of this. Other projects found that every name but
// those of payments is best announced as "mixed", and that a chat of two needs
// the mark of a business bot as well. whatsmeow keeps no such nodes for
// retries: a device that could not decrypt the first attempt gets the message
// without them, and may not show it.
func BusinessNodes(to types.JID, m *waE2E.Message) []waBinary.Node {
	content := Innermost(m).GetInteractiveMessage()
	if content == nil {
		return nil
	}
	biz := waBinary.Node{Tag: "biz"}
	if name := paymentFlow(content); name != "" {
		biz.Attrs = waBinary.Attrs{"native_flow_name": name}
	} else {
		biz.Content = []waBinary.Node{{
			Tag: "interactive", Attrs: waBinary.Attrs{"type": "native_flow", "v": "1"},
			Content: []waBinary.Node{{Tag: "native_flow", Attrs: waBinary.Attrs{"v": "9", "name": "mixed"}}},
		}}
	}
	if !wa.IsPerson(to) {
		return []waBinary.Node{biz}
	}
	return []waBinary.Node{{Tag: "bot", Attrs: waBinary.Attrs{"biz_bot": "1"}}, biz}
}

func paymentFlow(m *waE2E.InteractiveMessage) string {
	if buttons := m.GetNativeFlowMessage().GetButtons(); len(buttons) > 0 {
		return paymentFlows[buttons[0].GetName()]
	}
	return ""
}
