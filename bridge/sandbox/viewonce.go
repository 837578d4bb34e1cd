package sandbox

import (
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types/events"
)

// viewOnceMark is an attribute that phones put on a view-once message they send. It ends at the network, which cannot
// recognise the view-once messages of other clients: their content is encrypted.
const viewOnceMark = "view_once"

// isViewOnce reports whether a message may be opened once only: by its wrapper, or by the flag of the file in it.
func isViewOnce(m *waE2E.Message) bool {
	opened := (&events.Message{RawMessage: m}).UnwrapRaw()
	inner := opened.Message
	return opened.IsViewOnce || inner.GetImageMessage().GetViewOnce() || inner.GetVideoMessage().GetViewOnce() ||
		inner.GetAudioMessage().GetViewOnce() || inner.GetPtvMessage().GetViewOnce()
}

// messageContentFor returns the content of a message for a device. A view-once message can be opened on phones; companions of the
// recipient and of the sender get a note that it exists (whatsmeow issue 705).
func messageContentFor(d *device, r *request, children []waBinary.Node) []waBinary.Node {
	if d.isPhone() || !r.device.isPhone() || text(r.node, viewOnceMark) == "" {
		return children
	}
	return []waBinary.Node{{Tag: "unavailable", Attrs: waBinary.Attrs{"type": string(events.UnavailableTypeViewOnce)}}}
}
